"""The lines of an HTML page, and where in the file each piece of them is printed."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from cybilgraph.model.record import Place, Text
from cybilgraph.readers.html.tree import Element

#: A character by its name or number.
_REFERENCE = re.compile(r"&#?\w{1,31};")


@dataclass(slots=True)
class PageLink:
    """A link in a line: the part of the text that it covers, and where it leads."""

    start: int
    stop: int
    address: str


class Piece(NamedTuple):
    """A further piece of a line: where it begins in the text, its line in the file, and the
    words to find its column by.
    """

    start: int
    number: int
    first: str

    def moved(self, by: int) -> Piece:
        """The same piece in a text that has more, or less, before it."""
        return self._replace(start=self.start + by)


@dataclass(slots=True)
class PageLine:
    """A line of the page. ``number`` is its line in the file, ``first`` the words to find its
    column by, ``blank`` how many blank lines stand before it, ``h1`` the heading it is in,
    ``alt`` true where it is the text of a picture, ``term`` where it is marked as a label (dt, th).
    ``parts`` are the further pieces that it is made of: behind a tag, on a further line of the file.
    """

    text: str
    number: int
    first: str = ""
    blank: int = 0
    links: list[PageLink] = field(default_factory=list)
    h1: Element | None = None
    alt: bool = False
    term: bool = False
    parts: list[Piece] = field(default_factory=list)


def number_lines(lines: list[PageLine], source: str) -> tuple[list[Text], dict[int, Place]]:
    """The lines numbered as in the page's text, and where each of these numbers is in the file."""
    printed: list[Text] = []
    places: dict[int, Place] = {}
    columns = _Columns(source)
    row = 0
    breaks: list[tuple[int, Place]]
    for line in lines:
        row += 1 + (line.blank if row else 0)
        places[row] = columns.place(line.number, line.first)
        at, breaks = Place(row), []
        for piece in line.parts:  # each a line of its own, so that it has its own place
            row += 1
            places[row] = columns.place(piece.number, piece.first)
            breaks.append((piece.start, Place(row)))
        printed.append(Text(line.text, at, breaks=tuple(breaks)))
    return printed, places


class _Columns:
    """Finds the columns of lines in the file, each behind the one before it."""

    #: How far on a line the words are looked for: pages may be one long line.
    _FAR = 20_000
    #: As far, where characters may be written as references: that takes longer.
    _NEAR = 2_000

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._from: dict[int, int] = {}

    def place(self, number: int, first: str) -> Place:
        """The place of these words, as far as it is known."""
        number = min(number, len(self._lines))
        line, start = self._lines[number - 1], self._from.get(number, 0)
        found = line.find(first, start, start + self._FAR) if first else -1
        if found < 0 <= line.find("&", start, start + self._FAR):
            found = self._escaped(line, first, start)
        if found < 0:
            return Place(number)
        self._from[number] = found
        return Place(number, found + 1)

    def _escaped(self, line: str, first: str, start: int) -> int:
        """Where these words begin, some of whose characters are written as references; else -1."""
        part = line[start : start + self._NEAR]
        found, longer = _REFERENCE.sub(_resolved, part).find(first), 0
        for match in _REFERENCE.finditer(part) if found >= 0 else ():
            if match.start() - longer >= found:
                break
            longer += len(match[0]) - len(_resolved(match))
        return start + found + longer if found >= 0 else -1


def _resolved(reference: re.Match[str]) -> str:
    return html.unescape(reference[0])
