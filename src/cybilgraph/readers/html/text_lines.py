"""Convert an HTML tree to the lines that saving the page as text would give, with the links in them.

The result is that of innerText (HTML 3.2.7), plus what readers see: blank lines between blocks, bullets or
numbers of list items, and empty lines for empty headings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

from cybilgraph.model.fields import BY_LABEL, FieldKind
from cybilgraph.readers.html.source_map import PageLine, PageLink, Piece
from cybilgraph.readers.html.tree import Element, first_words, raw_to_plain_offset, split_label
from cybilgraph.readers.text import normalise

#: The longest line in which links are located.
_MAX_LINE_CHARACTERS = 20_000
#: The number of characters by which a piece is found, and the maximum number of pieces per line.
_FIRST_CHARACTERS, _MAX_PIECES = 24, 100
_START = re.compile(r"([0-9]{1,2})")
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = HEADINGS | set(
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


def read_lines(root: Element, is_dropped: Callable[[Element], bool]) -> list[PageLine]:
    """Return the lines of a tree in page order, without dropped elements."""
    reader = _Reader()
    walk = etree.iterwalk(root, events=("start", "end"))
    skipped: Element | None = None
    for event, element in walk:
        if event == "start":
            if element is not root and is_dropped(element):
                skipped = element
                walk.skip_subtree()
            else:
                reader.start(element)
                reader.data(element.text or "")
        else:
            if element is not skipped:
                reader.end(element)
            skipped = None
            if element is not root:
                reader.data(element.tail or "")
    reader.flush()
    return reader.lines


@dataclass(slots=True)
class _List:
    """An open list: its next number (None for bullets), and whether it contains labels with values."""

    number: int | None
    facts: bool
    items: int = 0


class _Reader:
    """Collects lines, block by block."""

    def __init__(self) -> None:
        self.lines: list[PageLine] = []
        self._words: list[str] = []
        self._length = self._label = 0
        self._first = self._bullet = ""
        self._number = self._at = 1
        self._blank = 0
        self._pictures: list[str] = []
        self._links: list[PageLink] = []
        self._parts: list[Piece] = []
        self._open: list[tuple[int, str]] = []  # open links
        self._lists: list[_List] = []
        self._rows: list[bool] = []  # open table rows: true if the first cell is a label
        self._heading = self._pre = self._terms = 0
        self._has_words = self._has_visible_space = False  # whether the line has words; whether it has a visible space
        self._h1: Element | None = None
        self._paragraphs: list[tuple[int, int]] = []  # number of lines and blank lines at the start of each

    def start(self, element: Element) -> None:
        """Handle a start tag."""
        tag = element.tag
        self._at = max(self._at, element.sourceline or 0)
        if tag in _BLOCKS:
            self._block()
        if tag in _CELLS:
            self._cell(element, 1)
        elif tag in HEADINGS or tag == "p":
            self._paragraphs.append((len(self.lines), self._blank))
            self._heading += tag in HEADINGS
            self._h1 = element if tag == "h1" else self._h1
        elif tag in _LISTS:
            facts = [bool(split_label(first_words(item))[0]) for item in element[:200] if item.tag == "li"]
            number = int(start[1]) if tag == "ol" and (start := _START.fullmatch(element.get("start", "1"))) else None
            self._lists.append(_List(number, sum(facts) * 2 > len(facts)))
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

    def end(self, element: Element) -> None:
        """Handle an end tag."""
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
        elif tag in HEADINGS or tag == "p":
            self._heading -= tag in HEADINGS
            self._h1 = None if tag == "h1" else self._h1
            before, blank = self._paragraphs.pop()
            if before == len(self.lines) and before and (shown or tag in HEADINGS):
                self._blank = blank + 2  # an empty line and the space below it
        self._pre -= tag == "pre"
        self._terms -= tag == "dt"

    def data(self, text: str) -> None:
        """Handle text between tags."""
        for number, part in enumerate(text.split("\n") if self._pre else [text]):
            if number:
                self._at += 1
                self._break()
            self._add(part)

    def flush(self) -> None:
        """End the current line, if there is one."""
        if text := normalise(raw := "".join(self._words)):
            self._emit(raw, text)
        else:
            for alt in self._pictures:
                name = normalise(_LOGO.sub("", alt))
                if name and not _FILE_NAME.search(name):
                    self._push(PageLine(name, self._at, alt[:24], alt=True))
        self._words, self._length, self._links, self._label, self._pictures = [], 0, [], 0, []
        self._parts = []
        self._has_words = self._has_visible_space = False
        self._open = [(0, address) for _, address in self._open]

    def _emit(self, raw: str, text: str) -> None:
        links = (
            []
            if len(raw) > _MAX_LINE_CHARACTERS
            else [
                PageLink(raw_to_plain_offset(raw, link.start), len(normalise(raw[: link.stop])), link.address)
                for link in [*self._links, *(PageLink(start, self._length, address) for start, address in self._open)][
                    :50
                ]
                if raw[link.start : link.stop].strip()
            ]
        )
        parts = (
            []
            if len(raw) > _MAX_LINE_CHARACTERS
            else [piece._replace(start=raw_to_plain_offset(raw, piece.start)) for piece in self._parts]
        )
        line = PageLine(text, self._number, self._first, 0, links, self._h1, term=self._terms > 0, parts=parts)
        label, value = normalise(raw[: self._label]), normalise(raw[self._label :])
        row = BY_LABEL.get(label.casefold()) if not self._heading else None
        if row and value and value[0] != ":" and (row.kind is FieldKind.CHOICE or not value[0].islower()):
            # A bold label at the start of the line: its value gets a line of its own.
            self._push(PageLine(label, self._number, self._first, term=True))
            cut = len(text) - len(value)
            line.text = value
            line.parts = [piece.shifted(-cut) for piece in parts if piece.start >= cut]
            if line.parts and not line.parts[0].start:
                _, line.number, line.first = line.parts.pop(0)
            line.links = [PageLink(max(link.start - cut, 0), max(link.stop - cut, 0), link.address) for link in links]
        self._push(line)

    def _push(self, line: PageLine) -> None:
        for link in line.links:
            link.start, link.stop = link.start + len(self._bullet), link.stop + len(self._bullet)
        if shift := len(self._bullet):
            line.parts = [piece.shifted(shift) for piece in [Piece(0, line.number, line.first), *line.parts]]
        line.text, self._bullet = self._bullet + line.text, ""
        line.blank, self._blank = self._blank, 0
        self.lines.append(line)

    def _add(self, text: str) -> None:
        if not self._has_words:
            bare = text.lstrip()
            self._has_visible_space = self._has_visible_space or "\xa0" in text
            self._at += text.count("\n", 0, len(text) - len(bare))
            self._number, self._first = self._at, bare[:_FIRST_CHARACTERS].split("\n", 1)[0].rstrip()
            self._has_words, text = bool(bare), bare
        for number, piece in enumerate(text.split("\n")):
            if (words := piece.strip()) and (number or self._length) and len(self._parts) < _MAX_PIECES:
                start = self._length + len(piece) - len(piece.lstrip())
                self._parts.append(Piece(start, self._at + number, words[:_FIRST_CHARACTERS].rstrip()))
            self._words += ["\n", piece] if number else [piece]
            self._length += len(piece) + bool(number)
        self._at += text.count("\n")

    def _block(self) -> None:
        self.flush()
        self._blank = max(self._blank, 1)

    def _break(self) -> None:
        if self._heading and not self._pre:
            self._add(" ")
        elif self._has_words:
            self.flush()
        else:
            self._has_visible_space = True  # a paragraph with only a line break is visible as an empty line
            self._blank += 1

    def _item(self) -> None:
        if not self._lists or (listed := self._lists[-1]).facts:
            return
        if listed.items or len(self._lists) > 1:
            self._blank = 0
        self._bullet = "• " if listed.number is None else f"{listed.number + listed.items}. "
        listed.items += 1

    def _cell(self, element: Element, step: int) -> None:
        """Handle a cell. The cells of a row form one line, unless a label begins the row: then each has its
        own.
        """
        if self._rows and self._rows[-1]:
            self._block()
            self._terms += step * (element.getprevious() is None)
        else:
            self._add(" ")
