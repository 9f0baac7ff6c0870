"""Sitemaps are read within limits, also damaged ones, and load nothing."""

from __future__ import annotations

import gzip
from contextlib import closing
from datetime import UTC, datetime

import pytest

from cybilgraph.sync.sitemaps import parse_sitemap
from tests.bench.served.client import Trap

_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(rows: str, namespace: str = _NAMESPACE) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><urlset {namespace}>{rows}</urlset>'.encode()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("namespace", [_NAMESPACE, ""])
def test_pages_have_their_last_change(compress: type[bytes], namespace: str) -> None:
    rows = (
        "<url><loc> https://a.org/1?x=1&amp;y=2\n</loc><lastmod>2026-01-31</lastmod></url>"
        "<url><lastmod>2026-01-31T10:00:00+02:00</lastmod><loc><![CDATA[https://a.org/2]]></loc></url>"
        "<url><loc>https://a.org/3</loc><lastmod>yesterday</lastmod></url><url><priority>1</priority></url>"
    )
    assert parse_sitemap(compress(urlset(rows, namespace))).pages == {
        "https://a.org/1?x=1&y=2": datetime(2026, 2, 1, tzinfo=UTC),  # at the end of the day
        "https://a.org/2": datetime(2026, 1, 31, 8, tzinfo=UTC),
        "https://a.org/3": None,
    }


def test_index_lists_sitemaps() -> None:
    index = f"<sitemapindex {_NAMESPACE}><sitemap><loc>https://a.org/s.xml.gz</loc></sitemap></sitemapindex>"
    assert parse_sitemap(index.encode()).sitemaps == ["https://a.org/s.xml.gz"]


def test_text_and_damaged_xml_are_read() -> None:
    assert list(parse_sitemap(b"\xef\xbb\xbfhttps://a.org/1\r\nhttps://a.org/2\n").pages) == [
        "https://a.org/1",
        "https://a.org/2",
    ]
    cut = urlset("<url><loc>https://a.org/1</loc></url><url><loc>https://a.org/2 & 3</loc></url><url><lo")
    assert next(iter(parse_sitemap(cut[: -len("</urlset>")]).pages)) == "https://a.org/1"


@pytest.mark.parametrize(
    "content",
    [b"", b"<html><body>Not found</body></html>", b"\0" * 100, gzip.compress(urlset(""))[:-9], b"\x1f\x8b\x08" * 9],
    ids=["empty", "page", "nul", "truncated", "damaged"],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="it is "):
        parse_sitemap(content)


@pytest.mark.slow
def test_hostile_sitemaps_are_limited() -> None:
    with pytest.raises(ValueError, match="larger than 52,428,800 bytes"):
        parse_sitemap(gzip.compress(b" " * 60_000_000))
    assert len(
        parse_sitemap(urlset("".join(f"<url><loc>https://a.org/{n}</loc></url>" for n in range(60_000)))).pages
    ) == (50_000)
    with closing(Trap()) as trap:
        entity = f'<!DOCTYPE urlset [<!ENTITY e SYSTEM "{trap.url}/e"><!ENTITY % p SYSTEM "{trap.url}/p"> %p;]>'
        bomb = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
        for head in (entity, f'<!DOCTYPE x [<!ENTITY a "ha">{bomb}]>'):
            found = parse_sitemap(f"{head}<urlset><url><loc>https://a.org/&e;&m;</loc></url></urlset>".encode())
            assert all(len(address) < 100 for address in found.pages)
        assert not trap.caught
