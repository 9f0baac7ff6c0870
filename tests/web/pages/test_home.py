"""The home page."""

from __future__ import annotations

import pytest

from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow


def test_home_page_shows_counts(server: str) -> None:
    page = http(f"{server}/", Accept=BROWSER).body.decode()
    assert "<strong>14</strong> projects" in page
    assert 'aria-label="Belize: 2"' in page
