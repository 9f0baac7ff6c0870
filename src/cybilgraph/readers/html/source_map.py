"""The lines of an HTML page, and the places of their pieces in the file."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from cybilgraph.model.record import Place, Text
from cybilgraph.readers.html.tree import Element

#: A character reference.
_REFERENCE = re.compile(r"&#?\w{1,31};")


@dataclass(slots=True)
class PageLink:
    """A link in a line: the range of its text, and its address."""

    start: int
    stop: int
    address: str


class Piece(NamedTuple):
    """A further piece of a line: its start in the text, its line in the file, and its first words, to find the
    column.
    """

    start: int
    number: int
    first: str

    def shifted(self, by: int) -> Piece:
        """Return the piece shifted by a number of characters."""
        return self._replace(start=self.start + by)


@dataclass(slots=True)
class PageLine:
    """A line of the page.

    ``number`` is its line in the file and ``first`` its first words, to find the column. ``blank`` is the
    number of blank lines before it, ``h1`` the heading that contains it. ``alt`` marks the alternative text
    of a picture, ``term`` a marked label (dt, th). ``parts`` are the further pieces, which begin after a tag
    or on another line of the file.
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
    """Number the lines as in the page's text, and map these numbers to places in the file."""
    printed: list[Text] = []
    places: dict[int, Place] = {}
    columns = _Columns(source)
    row = 0
    breaks: list[tuple[int, Place]]
    for line in lines:
        row += 1 + (line.blank if row else 0)
        places[row] = columns.place(line.number, line.first)
        at, breaks = Place(row), []
        for piece in line.parts:  # a line of its own, to have its own place
            row += 1
            places[row] = columns.place(piece.number, piece.first)
            breaks.append((piece.start, Place(row)))
        printed.append(Text(line.text, at, breaks=tuple(breaks)))
    return printed, places


class _Columns:
    """Finds the columns of lines in the file, each after the one before."""

    #: The search range for words on a line; a page may be one long line.
    _SEARCH_RANGE = 20_000
    #: The search range if character references have to be resolved, which takes longer.
    _ESCAPED_SEARCH_RANGE = 2_000

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._from: dict[int, int] = {}

    def place(self, number: int, first: str) -> Place:
        """Return the place of these words, as far as it can be found."""
        number = min(number, len(self._lines))
        line, start = self._lines[number - 1], self._from.get(number, 0)
        found = line.find(first, start, start + self._SEARCH_RANGE) if first else -1
        if found < 0 <= line.find("&", start, start + self._SEARCH_RANGE):
            found = self._escaped(line, first, start)
        if found < 0:
            return Place(number)
        self._from[number] = found
        return Place(number, found + 1)

    def _escaped(self, line: str, first: str, start: int) -> int:
        """Return the index of words with character references among them; -1 if not found."""
        part = line[start : start + self._ESCAPED_SEARCH_RANGE]
        found, longer = _REFERENCE.sub(_resolved, part).find(first), 0
        for match in _REFERENCE.finditer(part) if found >= 0 else ():
            if match.start() - longer >= found:
                break
            longer += len(match[0]) - len(_resolved(match))
        return start + found + longer if found >= 0 else -1


def _resolved(reference: re.Match[str]) -> str:
    return html.unescape(reference[0])
