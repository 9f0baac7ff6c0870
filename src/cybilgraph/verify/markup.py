"""Pages and feeds that a stranger sends → their elements. Nothing is fetched, and no entity of theirs resolved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from lxml import etree

#: Elements that have no end (HTML, section 13.1.2).
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass(slots=True)
class Element:
    """An element of a page: its tag, its attributes, and the elements and texts in it."""

    tag: str
    own: dict[str, str] = field(default_factory=dict)
    inside: list[Element | str] = field(default_factory=list)

    def all(self, tag: str, kind: str = "") -> list[Element]:
        """The elements in it of a tag, and of a class, in order."""
        return [
            one
            for one in self._walk()
            if isinstance(one, Element) and one.tag == tag and kind in ("", one.own.get("class", ""))
        ]

    @property
    def text(self) -> str:
        """What is written in it, with single spaces."""
        return spaced("".join(one for one in self._walk() if isinstance(one, str)))

    @property
    def href(self) -> str:
        """Where its first link leads; empty where it has none."""
        return next((link.own.get("href", "") for link in self.all("a")), "")

    def _walk(self) -> Iterator[Element | str]:
        """All that is in it, however deep, in order."""
        waiting = self.inside[::-1]
        while waiting:
            yield (one := waiting.pop())
            if isinstance(one, Element):
                waiting += one.inside[::-1]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """An element ends, and those in it that had no end."""
        if any(element.tag == tag for element in self.open):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def page_of(html: str) -> Element:
    """A page in HTML."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    return parser.open[0]


def elements(file: Path, *names: str) -> Iterator[Any]:
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


def spaced(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())
