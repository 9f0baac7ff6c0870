"""Read the metadata in the head of an HTML page: address, date of change, language, title."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urljoin

from cybilgraph.model.fields import BY_NAME
from cybilgraph.model.record import Place, Text
from cybilgraph.readers.html.tree import Element
from cybilgraph.readers.page.sections import Section
from cybilgraph.readers.text import normalise

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
#: The primary subtag and the script. The region ("en-US") comes from the site rather than the text.
_LANGUAGE = re.compile(r"([a-z]{2,3})(-[a-z]{4}(?=$|[-_]))?(?:[-_][a-z0-9]{2,8}){0,3}", re.IGNORECASE)
_BEFORE_SITE = re.compile(r"\s[-–—|»·]\s")
#: The maximum size of embedded JSON-LD; pages have a few kilobytes.
_MAX_LINKED_DATA_CHARACTERS = 200_000


class Head:
    """The head of a page."""

    def __init__(self, root: Element) -> None:
        self._root = root
        self._meta: dict[str, tuple[str, int]] = {}
        for meta in root.iter("meta"):
            name = (meta.get("property") or meta.get("name") or "").lower()
            if name and (content := normalise((meta.get("content") or "")[:2000])):
                self._meta.setdefault(name, (content, meta.sourceline or 1))
        self._data = dict(_linked_data(root))

    def sections(self) -> Iterator[Section]:
        """Yield address, date of change and language, if given."""
        for address, label, line in self._addresses():
            if address := resolve_address(address, ""):
                yield _section("address", label, address, line)
                break
        for name in ("article:modified_time", "og:updated_time", "dateModified"):
            value, line = self._meta.get(name) or self._data.get(name) or ("", 1)
            if day := _DAY.match(value):
                yield _section("updated", name, day[0], line)
                break
        language = _LANGUAGE.fullmatch((self._root.get("lang") or self._root.get(_XML_LANG) or "").strip())
        if language:
            yield _section("language", "lang", f"{language[1]}{language[2] or ''}", self._root.sourceline or 1)

    @property
    def base(self) -> str:
        """The base of relative addresses on the page."""
        canonical = next((address for address, *_ in self._addresses() if resolve_address(address, "")), "")
        input_file = next((base.get("href") for base in self._root.iter("base") if base.get("href")), "")
        return resolve_address(input_file, canonical) or canonical

    @property
    def title(self) -> tuple[str, int]:
        """The title of the page without the name of its site, and its line."""
        site = self._meta.get("og:site_name", ("", 0))[0].casefold()
        printed = next(
            ((normalise("".join(title.itertext())), title.sourceline or 1) for title in self._titles()), ("", 1)
        )
        title, line = self._meta.get("og:title") or printed
        start = title[:1000]
        *_, last = (None, *_BEFORE_SITE.finditer(start))
        if last and "\n" not in start and (name := start[: last.start()].rstrip()):
            of_site = start[last.end() :].lstrip().casefold()
            if of_site == site or of_site.startswith("cybil"):
                return name, line
        return ("", line) if title.casefold() in (site, "cybil portal") else (title, line)

    def _titles(self) -> Iterator[Element]:
        return (title for title in self._root.iter("title") if title.getparent().tag in ("head", "html"))

    def _addresses(self) -> Iterator[tuple[str, str, int]]:
        for link in self._root.iter("link"):
            if "canonical" in (link.get("rel") or "").lower().split():
                yield link.get("href") or "", "canonical", link.sourceline or 1
        for name, source in (("og:url", self._meta), ("url", self._data), ("@id", self._data)):
            if name in source:
                yield source[name][0], name, source[name][1]


_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def resolve_address(address: str, base: str) -> str:
    """Return the absolute address; empty if it is not http or https, or does not lead to a page."""
    address = address.strip()
    if not address or address.startswith("#") or "/cdn-cgi/l/email-protection" in address:
        return ""
    try:
        whole = urljoin(base, address)
    except ValueError:  # an invalid IPv6 host
        return ""
    whole = re.sub(
        r"[\s<>\"“”]|[.,;:)]$", lambda found: quote(found[0], safe="") if found[0] not in ".," else "", whole
    )
    return whole if re.match(r"https?://[^/]", whole) and len(whole) <= 1900 else ""


def _section(name: str, label: str, value: str, line: int) -> Section:
    place = Place(line)
    return Section(BY_NAME[name], label, place, [Text(value, place)])


def _linked_data(root: Element) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield names and values of the page's JSON-LD; those of the page itself come last."""
    for script in root.iter("script"):
        raw = script.text or ""
        if (script.get("type") or "").lower().strip() != "application/ld+json" or len(
            raw
        ) > _MAX_LINKED_DATA_CHARACTERS:
            continue
        try:
            nodes: list[Any] = [json.loads(raw)]
        except (ValueError, RecursionError):
            continue
        while nodes:
            node = nodes.pop()
            if isinstance(node, list):
                nodes += node
            elif isinstance(node, dict):
                nodes += [node.get("@graph")]
                if "Page" in str(node.get("@type"))[:100] or "dateModified" in node:
                    for name in ("@id", "url", "dateModified"):
                        if isinstance(node.get(name), str):
                            yield name, (normalise(node[name][:2000]), script.sourceline or 1)
