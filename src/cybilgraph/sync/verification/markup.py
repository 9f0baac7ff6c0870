"""Parses untrusted HTML and XML, without downloads and without resolving entities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree, html


class Element:
    """An element of a page, around a node of lxml."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def all(self, tag: str, kind: str = "") -> list[Element]:
        """Return the descendants with a tag and, if given, a class, in order."""
        return [Element(one) for one in self._node.iterdescendants(tag) if kind in ("", one.get("class", ""))]

    def own(self, name: str) -> str:
        """Return its attribute with this name, or ""."""
        return str(self._node.get(name, ""))

    @property
    def content(self) -> str:
        """Its text, unchanged."""
        return str(self._node.text_content())

    @property
    def text(self) -> str:
        """Its text with single spaces."""
        return collapse_spaces(self.content)

    @property
    def href(self) -> str:
        """The target of its first link, or ""."""
        return next((link.own("href") for link in self.all("a")), "")


def parse_page(text: str) -> Element:
    """Parse an HTML page. Raises ValueError if it is not HTML."""
    try:
        return Element(html.document_fromstring(text))
    except etree.ParserError as error:
        raise ValueError(f"invalid HTML: {error}") from error


def iterate_elements(file: Path, *names: str) -> Iterator[Any]:
    """Yield the elements of an XML file with one of these names (``{namespace}name``), in bounded memory.

    Raises ValueError if it is not XML.
    """
    with file.open("rb") as content:
        try:
            for _, element in etree.iterparse(
                content, tag=names, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False
            ):
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        except etree.XMLSyntaxError as error:
            raise ValueError(f"invalid XML: {error.msg}") from error


def collapse_spaces(text: str) -> str:
    """Replace white space in a text with single spaces."""
    return " ".join(text.split())
