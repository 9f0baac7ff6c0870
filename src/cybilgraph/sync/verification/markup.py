"""Pages and feeds that a stranger sends → their elements. Nothing is fetched, and no entity of theirs resolved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree, html


class Element:
    """An element of a page: what is asked for of it."""

    def __init__(self, node: Any) -> None:
        """``node`` is that of lxml."""
        self._node = node

    def all(self, tag: str, kind: str = "") -> list[Element]:
        """The elements in it of a tag, and of a class, in order."""
        return [Element(one) for one in self._node.iterdescendants(tag) if kind in ("", one.get("class", ""))]

    def own(self, name: str) -> str:
        """Its attribute of this name; empty where it has none."""
        return str(self._node.get(name, ""))

    @property
    def content(self) -> str:
        """What is written in it, as it is written."""
        return str(self._node.text_content())

    @property
    def text(self) -> str:
        """The same with single spaces."""
        return collapse_spaces(self.content)

    @property
    def href(self) -> str:
        """Where its first link leads; empty where it has none."""
        return next((link.own("href") for link in self.all("a")), "")


def parse_page(text: str) -> Element:
    """A page in HTML. Raises ValueError where it is none."""
    try:
        return Element(html.document_fromstring(text))
    except etree.ParserError as error:
        raise ValueError(f"it is no HTML: {error}") from error


def iterate_elements(file: Path, *names: str) -> Iterator[Any]:
    """The elements of XML with one of these names (``{namespace}name``), one after the other; memory does not grow
    with the file. Raises ValueError where it is no XML.
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
            raise ValueError(f"it is no XML: {error.msg}") from error


def collapse_spaces(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())
