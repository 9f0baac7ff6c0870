"""Convert an HTML tree to the lines that saving the page as text would give, with their links and their places.

The result is that of innerText (HTML 3.2.7), plus what readers see: blank lines between blocks, bullets or
numbers of list items, and empty lines for empty headings.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import NamedTuple

from cybilgraph.model.fields import BY_LABEL, FieldKind
from cybilgraph.model.record import Place, Text
from cybilgraph.readers.html.tree import Element, first_words, split_label
from cybilgraph.readers.text import normalise

#: The longest line in which links are located.
_MAX_LINE_CHARACTERS = 20_000
#: The number of characters by which a piece is found, and the maximum number of further pieces and links per line.
MAX_FIRST_CHARACTERS, _MAX_PIECES, _MAX_LINKS = 24, 100, 50
#: The search range for words on a line of the file, which may be a whole page, and for words with character
#: references, which have to be resolved.
_SEARCH_RANGE, _ESCAPED_SEARCH_RANGE = 20_000, 2_000
_REFERENCE = re.compile(r"&#?\w{1,31};")
_START = re.compile(r"([0-9]{1,2})")
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = _HEADINGS | set(
    re.findall(
        r"\w+",
        "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption"
        " figure footer form frameset header hgroup hr html legend li main menu nav noframes ol p pre search section"
        " summary table tbody tfoot thead tr ul",
    )
)
_CELLS = frozenset(("td", "th"))
_LISTS = frozenset(("ul", "ol", "menu", "dir"))
_STRESS = frozenset(("b", "strong", "label", "u"))
_LABEL_CLASS = re.compile(r"(?:^|[\s_-])(?:label|field-?name|heading|key|term)(?:$|[\s_-])", re.IGNORECASE)
_FILE_NAME = re.compile(r"\.(?:png|jpe?g|gif|svg|webp)$|^https?:", re.IGNORECASE)
_LOGO = re.compile(r"^(?:the )?(?:logo|flag) (?:of|for) (?:the )?|[ _-](?:logo|flag|icon)$", re.IGNORECASE)


@dataclass(slots=True)
class PageLink:
    """A link in a line: the range of its text, and its address."""

    start: int
    stop: int
    address: str


class Piece(NamedTuple):
    """A piece of a line that begins after a tag or on another line of the file: its start in the text, its line in
    the file, and its first words, to find the column.
    """

    start: int
    number: int
    first: str


@dataclass(slots=True)
class PageLine:
    """A line of the page in one or more pieces.

    ``blank`` is the number of blank lines before it, ``h1`` the heading that contains it. ``alt`` marks the
    alternative text of a picture, ``term`` a marked label (dt, th).
    """

    text: str
    pieces: list[Piece]
    blank: int = 0
    links: list[PageLink] = field(default_factory=list)
    h1: Element | None = None
    alt: bool = False
    term: bool = False

    def shifted(self, by: int) -> list[Piece]:
        """Return the pieces shifted by a number of characters."""
        return [piece._replace(start=piece.start + by) for piece in self.pieces]


def read_lines(root: Element, is_dropped: Callable[[Element], bool]) -> list[PageLine]:
    """Return the lines of a tree in page order, without dropped elements."""
    reader = _Reader(is_dropped)
    reader.read(root)
    reader.flush()
    return reader.lines


class _Reader:
    """Collects lines, block by block."""

    def __init__(self, is_dropped: Callable[[Element], bool]) -> None:
        self.lines: list[PageLine] = []
        self._is_dropped = is_dropped
        self._words: list[str] = []
        self._bullet = ""
        self._length = self._label = self._blank = 0
        self._at = 1
        self._pictures: list[str] = []
        self._links: list[PageLink] = []
        self._pieces: list[Piece] = []
        self._open: list[tuple[int, str]] = []  # open links
        self._lists: list[Iterator[tuple[int, str]] | None] = []  # numbered bullets; None if it has labels with values
        self._rows: list[bool] = []  # open table rows: true if the first cell is a label
        self._heading = self._pre = self._terms = 0
        self._has_visible_space = False
        self._h1: Element | None = None
        self._paragraphs: list[tuple[int, int]] = []  # number of lines and blank lines at the start of each

    def read(self, element: Element) -> None:
        """Read an element with its content; the parser limits the depth."""
        self._start(element)
        self._data(element.text or "")
        for child in element:
            if not self._is_dropped(child):
                self.read(child)
            self._data(child.tail or "")
        self._end(element)

    def _start(self, element: Element) -> None:
        tag = element.tag
        self._at = max(self._at, element.sourceline or 0)
        if tag in _BLOCKS:
            self._block()
        if tag in _CELLS:
            self._cell(element, 1)
        elif tag in _HEADINGS or tag == "p":
            self._paragraphs.append((len(self.lines), self._blank))
            self._heading += tag in _HEADINGS
            self._h1 = element if tag == "h1" else self._h1
        elif tag in _LISTS:
            facts = [bool(split_label(first_words(item))[0]) for item in element[:200] if item.tag == "li"]
            start = _START.fullmatch(element.get("start", "1")) if tag == "ol" else None
            bullets = (f"{number}. " for number in count(int(start[1]))) if start else repeat("• ")
            self._lists.append(None if sum(facts) * 2 > len(facts) else enumerate(bullets))
        elif tag == "li":
            self._item()
        elif tag == "tr":
            self._rows.append(len(element) > 1 and bool(split_label(first_words(element[0]))[0]))
        elif tag == "br":
            self._break()
        elif tag == "img":
            self._pictures.append(normalise(element.get("alt") or "")[:200])
        elif tag == "a":
            self._open.append((self._length, element.get("href") or ""))
        self._pre += tag == "pre"
        self._terms += tag == "dt"

    def _end(self, element: Element) -> None:
        tag = element.tag
        shown = self._has_visible_space
        if tag in _BLOCKS:
            self._block()
        elif tag == "a" and self._open:
            start, address = self._open.pop()
            self._links.append(PageLink(start, self._length, address))
        elif tag in _STRESS or (tag == "span" and _LABEL_CLASS.search(element.get("class") or "")):
            self._label = self._length
        if tag in _CELLS:
            self._cell(element, -1)
        elif tag in _LISTS:
            self._lists.pop()
        elif tag == "li":
            self._bullet = ""
        elif tag == "tr":
            self._rows.pop()
        elif tag in _HEADINGS or tag == "p":
            self._heading -= tag in _HEADINGS
            self._h1 = None if tag == "h1" else self._h1
            before, blank = self._paragraphs.pop()
            if before == len(self.lines) and before and (shown or tag in _HEADINGS):
                self._blank = blank + 2  # an empty line and the space below it
        self._pre -= tag == "pre"
        self._terms -= tag == "dt"

    def _data(self, text: str) -> None:
        for number, part in enumerate(text.split("\n") if self._pre else [text]):
            if number:
                self._at += 1
                self._break()
            self._add(part)

    def flush(self) -> None:
        if text := normalise(raw := "".join(self._words)):
            self._emit(raw, text)
        else:
            for alt in self._pictures:
                name = normalise(_LOGO.sub("", alt))
                if name and not _FILE_NAME.search(name):
                    self._push(PageLine(name, [Piece(0, self._at, alt[:MAX_FIRST_CHARACTERS])], alt=True))
        self._words, self._pieces, self._links, self._pictures = [], [], [], []
        self._length, self._label, self._has_visible_space = 0, 0, False
        self._open = [(0, address) for _, address in self._open]

    def _emit(self, raw: str, text: str) -> None:
        links, pieces = list[PageLink](), self._pieces[:1]
        if len(raw) <= _MAX_LINE_CHARACTERS:
            still_open = (PageLink(start, self._length, address) for start, address in self._open)
            links = [
                PageLink(_plain_offset(raw, link.start), len(normalise(raw[: link.stop])), link.address)
                for link in [*self._links, *still_open][:_MAX_LINKS]
                if raw[link.start : link.stop].strip()
            ]
            pieces = [piece._replace(start=_plain_offset(raw, piece.start)) for piece in self._pieces]
        line = PageLine(text, pieces, 0, links, self._h1, term=self._terms > 0)
        label, value = normalise(raw[: self._label]), normalise(raw[self._label :])
        row = BY_LABEL.get(label.casefold()) if not self._heading else None
        if row and value and value[0] != ":" and (row.kind is FieldKind.CHOICE or not value[0].islower()):
            # A bold label at the start of the line: its value gets a line of its own.
            self._push(PageLine(label, pieces[:1], term=True))
            cut = len(text) - len(value)
            line.text = value
            line.pieces = [piece for piece in line.shifted(-cut)[1:] if piece.start >= 0]
            if not line.pieces or line.pieces[0].start:
                line.pieces.insert(0, pieces[0])
            line.links = [PageLink(max(link.start - cut, 0), max(link.stop - cut, 0), link.address) for link in links]
        self._push(line)

    def _push(self, line: PageLine) -> None:
        if by := len(self._bullet):
            line.links = [PageLink(link.start + by, link.stop + by, link.address) for link in line.links]
            line.pieces = [line.pieces[0], *line.shifted(by)]
        line.text, self._bullet = self._bullet + line.text, ""
        line.blank, self._blank = self._blank, 0
        self.lines.append(line)

    def _add(self, text: str) -> None:
        if not self._pieces:
            bare = text.lstrip()
            self._has_visible_space = self._has_visible_space or "\xa0" in text
            self._at += text.count("\n", 0, len(text) - len(bare))
            text = bare
        for number, piece in enumerate(text.split("\n")):
            if (words := piece.strip()) and len(self._pieces) <= _MAX_PIECES:
                start = self._length + len(piece) - len(piece.lstrip())
                self._pieces.append(Piece(start, self._at + number, words[:MAX_FIRST_CHARACTERS].rstrip()))
            self._words += ["\n", piece] if number else [piece]
            self._length += len(piece) + bool(number)
        self._at += text.count("\n")

    def _block(self) -> None:
        self.flush()
        self._blank = max(self._blank, 1)

    def _break(self) -> None:
        if self._heading and not self._pre:
            self._add(" ")
        elif self._pieces:
            self.flush()
        else:
            self._has_visible_space = True  # a paragraph with only a line break is visible as an empty line
            self._blank += 1

    def _item(self) -> None:
        if self._lists and (bullets := self._lists[-1]):
            number, self._bullet = next(bullets)
            if number or len(self._lists) > 1:
                self._blank = 0

    def _cell(self, element: Element, step: int) -> None:
        # The cells of a row form one line, unless a label begins the row: then each has its own.
        if self._rows and self._rows[-1]:
            self._block()
            self._terms += step * (element.getprevious() is None)
        else:
            self._add(" ")


def _plain_offset(raw: str, start: int) -> int:
    return len(normalise(raw[:start] + "|")) - 1


def number_lines(lines: list[PageLine], source: str) -> tuple[list[Text], dict[int, Place]]:
    """Number the lines as in the page's text, and map these numbers to places in the file."""
    printed: list[Text] = []
    places: dict[int, Place] = {}
    columns = _Columns(source)
    row = 0
    for line in lines:
        row += line.blank if row else 0
        starts = []
        for piece in line.pieces:  # each on a line of its own, to have its own place
            row += 1
            places[row] = columns.place(piece.number, piece.first)
            starts.append((piece.start, Place(row)))
        printed.append(Text(line.text, starts[0][1], breaks=tuple(starts[1:])))
    return printed, places


class _Columns:
    """Finds the columns of lines in the file, each after the one before."""

    def __init__(self, source: str) -> None:
        self._lines = source.split("\n")
        self._from: dict[int, int] = {}

    def place(self, number: int, first: str) -> Place:
        """Return the place of these words, as far as it can be found."""
        number = min(number, len(self._lines))
        line, start = self._lines[number - 1], self._from.get(number, 0)
        found = line.find(first, start, start + _SEARCH_RANGE) if first else -1
        if found < 0 <= line.find("&", start, start + _SEARCH_RANGE):  # look for the words with character references
            part = line[start : start + _ESCAPED_SEARCH_RANGE]
            found = _REFERENCE.sub(lambda reference: html.unescape(reference[0]), part).find(first)
            if found >= 0:
                found += start
                for reference in _REFERENCE.finditer(line, start, start + _ESCAPED_SEARCH_RANGE):
                    if reference.start() >= found:
                        break
                    found += len(reference[0]) - len(html.unescape(reference[0]))
        if found < 0:
            return Place(number)
        self._from[number] = found
        return Place(number, found + 1)
