"""The home page."""

from __future__ import annotations

from tests.support.http_client import BROWSER, http


def test_home_page_shows_counts(server: str) -> None:
    page = http(f"{server}/", Accept=BROWSER).body.decode()
    assert "<strong>14</strong> projects" in page
    assert 'aria-label="Belize: 2"' in page
