"""Parse sitemaps and sitemap indexes (sitemaps.org), compressed or not, within the limits of the protocol."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

#: Limits of the protocol.
_MAX_SITEMAP_BYTES, _MAX_ENTRIES = 52_428_800, 50_000


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The pages in a sitemap, with the time of their last change if it is given, and the sitemaps in an index."""

    pages: dict[str, datetime | None] = field(default_factory=dict)
    sitemaps: list[str] = field(default_factory=list)


def parse_sitemap(content: bytes) -> Sitemap:
    """Parse a sitemap: XML, or text with one address per line. Raises ValueError if it is neither, or too large."""
    if content.startswith(b"\x1f\x8b"):
        decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            content = decompressor.decompress(content, _MAX_SITEMAP_BYTES)
        except zlib.error as error:
            raise ValueError("it is damaged and cannot be decompressed") from error
        if not decompressor.eof:
            raise ValueError(f"it is truncated, or larger than {_MAX_SITEMAP_BYTES:,} bytes")
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"http://", b"https://")):
        lines = content.decode("utf-8-sig", errors="replace").split()[:_MAX_ENTRIES]
        return Sitemap(dict.fromkeys(line for line in lines if line.startswith("http")))
    found, root = Sitemap(), ""
    # The parser loads nothing and resolves no entities; damaged files of real sites are read as far as possible.
    events = etree.iterparse(
        io.BytesIO(content), events=("start", "end"), recover=True, resolve_entities=False, no_network=True
    )
    try:
        for event, element in events:
            name = _local_name(element)
            if event == "start":
                root = root or name
            elif name in ("url", "sitemap") and len(found.pages) + len(found.sitemaps) < _MAX_ENTRIES:
                texts = {_local_name(child): (child.text or "").strip() for child in element.iterchildren("{*}*")}
                if (address := texts.get("loc")) and name == "sitemap":
                    found.sitemaps.append(address)
                elif address:
                    found.pages[address] = _last_change(texts.get("lastmod", ""))
                element.clear()
    except etree.XMLSyntaxError as error:
        raise ValueError("it is not XML") from error
    if root not in ("urlset", "sitemapindex"):
        raise ValueError("it is not a sitemap")
    return found


def _last_change(text: str) -> datetime | None:
    """Return the end of the day or the time of a last change (W3C Datetime), or None if it is not valid."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == len("2026-01-31"):
        time += timedelta(days=1)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _local_name(element: Any) -> str:
    """Return the name of an element without its namespace; etree.QName refuses some names of damaged files."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
