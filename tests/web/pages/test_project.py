"""The page of a project shows its facts with their evidence."""

from __future__ import annotations

import pytest

from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow


def test_project_page_shows_facts_and_evidence(server: str) -> None:
    reply = http(f"{server}/id/project/G0020", Accept=BROWSER)
    assert (reply.status, reply.content_type) == (200, "text/html; charset=utf-8")
    page = reply.body.decode()
    for words in (
        "<h1><bdi>Support to Belize National Cyber Security Strategy</bdi></h1>",
        "Apr 2018 – Mar 2020",
        ">Global Partners Digital</a>",
        ">in text</a>",
        "<q><bdi>GPD supported the process by developing",
        "funder, country",
        "Daniela Schnidrig",
        "continuously updated",
        'href="/id/country/BZ"',
    ):
        assert words in page, words
    assert page.index("continuously updated") > page.index("Source and data")
