"""Elements of HTML pages, for tests that compare pages with data."""

from __future__ import annotations

from typing import Any

from lxml import html


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
    """Parse an HTML page."""
    return Element(html.document_fromstring(text))


def collapse_spaces(text: str) -> str:
    """Replace white space in a text with single spaces."""
    return " ".join(text.split())
