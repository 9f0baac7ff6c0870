"""Reads a project page that was saved as HTML: the record is that of the page's text.

The tree becomes the lines that saving the page as text gives (html_lines), from the part of the
page that is the project's (html_main); links keep their addresses. From there on it is a page
like any other (layout).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import BY_NAME, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.readers.html.content import Page
from cybilgraph.readers.html.head import Head, resolve_address
from cybilgraph.readers.html.source_map import PageLine, PageLink, Piece, number_lines
from cybilgraph.readers.html.text_lines import read_lines
from cybilgraph.readers.html.tree import decode_html, parse_html, split_label
from cybilgraph.readers.inputs import MAX_PAGE_BYTES, Input
from cybilgraph.readers.page.layout import read_page
from cybilgraph.readers.page.plain_text import read_page_text
from cybilgraph.readers.page.sections import RecordBuilder, Section
from cybilgraph.readers.text import normalise

_TAG = re.compile(r"<[A-Za-z!?]")
_MAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
#: What a server or its guard sends instead of a page.
_REFUSAL = re.compile(
    r"just a moment|attention required|access denied|checking your browser|one moment, please|(?:error )?[45]\d\d\b"
    r"|(?:page )?not found|forbidden|bad gateway|service unavailable|are you (?:a )?(?:human|robot)|request rejected",
    re.IGNORECASE,
)
_PAIRED = (FieldKind.VALUE, FieldKind.CHOICE, FieldKind.DATE)
_NAMES = (FieldKind.ACTORS, FieldKind.SCOPES)
_ONE_LINE = (*_PAIRED, *_NAMES, FieldKind.PROJECTS, FieldKind.RECORD)
_MAX_LINES = 20_000
_AGAIN = "Open the page in a browser, wait until all of it is shown, and save it again."
_BETWEEN = re.compile(r"^(?:[\s,;|/·•–-]|and\b|&)+", re.IGNORECASE)


def read_page_html(input_file: Input) -> Iterator[Record]:
    """The one record of a page saved as HTML.

    Raises SourceError where the file holds no text, or is the page of a login or of an error.
    """
    findings: list[Finding] = []
    text = decode_html(input_file, findings)
    if "<iati-activit" in text[:2_000]:
        raise SourceError(f"{input_file.name}: this is IATI XML, and not a page", "Name the file ….xml.")
    if not _TAG.search(text) and len(text) <= MAX_PAGE_BYTES // 4:  # the text of a page, so named
        yield from read_page_text(input_file)
        return
    root = parse_html(input_file, text)
    page, head = Page(root), Head(root)
    lines = read_lines(page.main, page.is_dropped)
    _check(input_file, page, head, lines)
    lines = _with_title_first(_join_labels_and_values(lines), page, head)
    lines = list(_with_addresses(_without_pictures(lines), head.base))
    if not lines:
        raise SourceError(f"{input_file.name}: the page has no text", _AGAIN)
    printed, places = number_lines(lines, text)
    values = _PlacedSections(input_file, findings, places)
    for section in head.sections():
        values.of_head(section)
    for section in _linked_in_prose(lines, printed, head.base):
        values.take(section)
    yield read_page(printed, values)


class _PlacedSections(RecordBuilder):
    """Sections whose lines are numbered as in the page's text: takes them to their places in the file."""

    def __init__(self, input_file: Input, findings: list[Finding], places: dict[int, Place]) -> None:
        super().__init__(input_file, findings)
        self._places = places

    def of_head(self, section: Section) -> None:
        """Read a section that has its place in the file."""
        super().take(section)

    def take(self, section: Section) -> None:
        lines = [
            replace(
                line,
                place=line.place and self._place(line.place),
                breaks=tuple((start, self._place(place)) for start, place in line.breaks),
            )
            for line in section.lines
        ]
        super().take(Section(section.row, section.label, self._place(section.place), lines))

    def _place(self, place: Place) -> Place:
        found = self._places.get(place.line, place)
        return Place(found.line, found.column + place.column - 1)


def _check(input_file: Input, page: Page, head: Head, lines: list[PageLine]) -> None:
    """Refuse what is no project page."""
    if len(lines) > _MAX_LINES or sum(len(line.text) for line in lines) > MAX_PAGE_BYTES:
        what = f"more text than {MAX_PAGE_BYTES:,} characters or {_MAX_LINES:,} lines"
        raise SourceError(f"{input_file.name}: {what}", "Give one file for each project.")
    if page.fields - {"title"}:
        return
    root = page.root
    if next(root.iter("frame"), None) is not None:
        raise SourceError(f"{input_file.name}: the page is made of frames", "Save the frame that holds the project.")
    if any((box.get("type") or "").lower() == "password" for box in root.iter("input")):
        raise SourceError(
            f"{input_file.name}: this is the page of a login", "Log in, open the project, and save its page."
        )
    first = lines[0].text if lines else ""
    if refusal := _REFUSAL.match(head.title[0]) or _REFUSAL.match(first):
        raise SourceError(f"{input_file.name}: this is no project, but a message ({refusal[0]!r})", _AGAIN)
    if not lines:
        raise SourceError(f"{input_file.name}: the page has no text", _AGAIN)


def _join_labels_and_values(lines: list[PageLine]) -> list[PageLine]:
    """The value of a label that is marked as one (dt, th) stands on its line: "Status: Finished"."""
    paired: list[PageLine] = []
    for line in lines:
        last = paired[-1] if paired else None
        row, value = split_label(last.text) if last and last.term else (None, "")
        if last and row and row.kind in _PAIRED and not value and not line.term and not split_label(line.text)[0]:
            label = f"{last.text.rstrip(': ')}: "
            pieces = [Piece(0, line.number, line.first), *line.parts]
            last.text, last.parts = label + line.text, [piece.moved(len(label)) for piece in pieces]
            last.term = False
        else:
            paired.append(line)
    return paired


def _with_title_first(lines: list[PageLine], page: Page, head: Head) -> list[PageLine]:
    """The lines with the page's title first; what stands before it and is a link leads elsewhere."""
    name, number = head.title
    shown = {h1: normalise("".join(h1.itertext())) for h1 in page.headings()}
    shown = {h1: text for h1, text in shown.items() if text and not split_label(text)[0]}
    chosen = next((h1 for h1, text in shown.items() if name.startswith(text)), next(iter(shown), None))
    if chosen is not None:
        at = next((at for at, line in enumerate(lines) if line.h1 is chosen), None)
        title = lines[at] if at is not None else PageLine(shown[chosen], chosen.sourceline or 1, shown[chosen][:24])
    elif name and not split_label(name)[0]:
        at = next((at for at, line in enumerate(lines) if line.text == name and not split_label(line.text)[0]), None)
        title = lines[at] if at is not None else PageLine(name, number, name[:24])
    else:
        return lines
    before = [line for line in lines[: at or 0] if split_label(line.text)[0] or not line.links]
    after = lines if at is None else lines[at + 1 :]
    if after:
        after[0].blank = max(after[0].blank, 1)
    return [title, *before, *after]


def _with_fields(lines: list[PageLine]) -> Iterator[tuple[PageLine, Field | None]]:
    """Each line with the field whose label it stands under; None for a label, and in the head."""
    current: Field | None = None
    for line in lines:
        row, value = split_label(line.text)
        if row is None:
            yield line, current
            continue
        if row.kind is FieldKind.LAYOUT:
            current = None
        elif not (value and row.kind in _ONE_LINE):
            current = row
        yield line, row if value else None


def _without_pictures(lines: list[PageLine]) -> list[PageLine]:
    """The text of a picture is a name where names are listed (a logo), and else no text of the page."""
    return [line for line, row in _with_fields(lines) if not line.alt or (row and row.kind in _NAMES)]


def _with_addresses(lines: list[PageLine], base: str) -> Iterator[PageLine]:
    """The lines of links and of contacts, with the addresses that their links lead to."""
    for line, row in _with_fields(lines):
        if row and row.kind is FieldKind.LINKS:
            links = [replace(link, address=resolve_address(link.address, base)) for link in line.links]
            yield from _link_lines(line, sorted((link for link in links if link.address), key=lambda link: link.stop))
        elif row and row.kind is FieldKind.CONTACTS:
            yield _contact_line(line)
        else:
            yield line


def _linked_in_prose(lines: list[PageLine], printed: list[Text], base: str) -> Iterator[Section]:
    """The links in the prose whose addresses are not shown: there the record keeps only their words."""
    rows = [row.kind if row else None for _, row in _with_fields(lines)]
    shown = [text.text for text, kind in zip(printed, rows, strict=True) if kind is FieldKind.LINKS]
    listed = {word for text in shown for word in text.split()}
    for line, text, kind in zip(lines, printed, rows, strict=True):
        for link in line.links if kind in (FieldKind.PROSE, FieldKind.ITEMS) else ():
            words, address = text.part(link.start, link.stop), resolve_address(link.address, base)
            if address and words.place and f"<{address}>" not in listed and "://" not in words.text:
                listed.add(f"<{address}>")
                yield Section(BY_NAME["links"], "", words.place, [replace(words, text=f"{words.text} <{address}>")])


def _link_lines(line: PageLine, links: list[PageLink]) -> Iterator[PageLine]:
    """A line for each link of this line; words between two links go with the second."""
    if not links or "://" in line.text:
        yield line
        return
    start = 0
    for link, following in zip(links, [*links[1:], None], strict=True):
        stop = link.stop if following else len(line.text)
        words = line.text[start:stop].strip()
        words = _BETWEEN.sub("", words) if start else words
        yield replace(line, text=f"{words} <{link.address}>", blank=0 if start else line.blank)
        start = stop


def _contact_line(line: PageLine) -> PageLine:
    """The line with the address behind the name that links to it: Name <address>."""
    for link in sorted(line.links, key=lambda link: -link.stop):
        scheme, _, address = link.address.strip().partition(":")
        address = unquote(address.partition("?")[0]).strip()
        if scheme.lower() == "mailto" and _MAIL.fullmatch(address) and "@" not in line.text[link.start : link.stop]:
            line = replace(line, text=f"{line.text[: link.stop]} <{address}>{line.text[link.stop :]}")
    return line
