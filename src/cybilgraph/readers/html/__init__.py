"""Read a project page saved as HTML. The result equals that of the page's text.

The part of the tree that belongs to the project (content) becomes the lines that saving the page as text
would give (text_lines), but links keep their addresses. Then it is read like any other page (layout).
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
#: Titles and texts of error pages from a server or its firewall.
_ERROR_PAGE = re.compile(
    r"just a moment|attention required|access denied|checking your browser|one moment, please|(?:error )?[45]\d\d\b"
    r"|(?:page )?not found|forbidden|bad gateway|service unavailable|are you (?:a )?(?:human|robot)|request rejected",
    re.IGNORECASE,
)
_PAIRED = (FieldKind.VALUE, FieldKind.CHOICE, FieldKind.DATE)
_NAMES = (FieldKind.ACTORS, FieldKind.SCOPES)
_ONE_LINE = (*_PAIRED, *_NAMES, FieldKind.PROJECTS, FieldKind.RECORD)
_MAX_LINES = 20_000
_SAVE_AGAIN_HINT = "Open the page in a browser, wait until it has loaded completely, and save it again."
_BETWEEN = re.compile(r"^(?:[\s,;|/·•–-]|and\b|&)+", re.IGNORECASE)


def read_page_html(input_file: Input) -> Iterator[Record]:
    """Yield the record of a page saved as HTML.

    Raises SourceError if the file contains no text, or is a login or error page.
    """
    findings: list[Finding] = []
    text = decode_html(input_file, findings)
    if "<iati-activit" in text[:2_000]:
        raise SourceError(f"{input_file.name}: this is IATI XML, not a web page", "Rename the file to ….xml.")
    if not _TAG.search(text) and len(text) <= MAX_PAGE_BYTES // 4:  # page text in a file named .html
        yield from read_page_text(input_file)
        return
    root = parse_html(input_file, text)
    page, head = Page(root), Head(root)
    lines = read_lines(page.main, page.is_dropped)
    _check(input_file, page, head, lines)
    lines = _with_title_first(_join_labels_and_values(lines), page, head)
    lines = list(_with_addresses(_without_pictures(lines), head.base))
    if not lines:
        raise SourceError(f"{input_file.name}: the page has no text", _SAVE_AGAIN_HINT)
    printed, places = number_lines(lines, text)
    values = _PlacedSections(input_file, findings, places)
    for section in head.sections():
        values.take_placed(section)
    for section in _prose_links(lines, printed, head.base):
        values.take(section)
    yield read_page(printed, values)


class _PlacedSections(RecordBuilder):
    """Maps sections from line numbers in the page's text to places in the file."""

    def __init__(self, input_file: Input, findings: list[Finding], places: dict[int, Place]) -> None:
        super().__init__(input_file, findings)
        self._places = places

    def take_placed(self, section: Section) -> None:
        """Read a section whose places are already those in the file."""
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
    """Reject pages that are not project pages."""
    if len(lines) > _MAX_LINES or sum(len(line.text) for line in lines) > MAX_PAGE_BYTES:
        what = f"more text than {MAX_PAGE_BYTES:,} characters or {_MAX_LINES:,} lines"
        raise SourceError(f"{input_file.name}: {what}", "Save each project in its own file.")
    if page.fields - {"title"}:
        return
    root = page.root
    if next(root.iter("frame"), None) is not None:
        raise SourceError(
            f"{input_file.name}: the page consists of frames", "Save the frame that contains the project."
        )
    if any((box.get("type") or "").lower() == "password" for box in root.iter("input")):
        raise SourceError(f"{input_file.name}: this is a login page", "Log in, open the project page and save it.")
    first = lines[0].text if lines else ""
    if error_page := _ERROR_PAGE.match(head.title[0]) or _ERROR_PAGE.match(first):
        raise SourceError(
            f"{input_file.name}: this is an error page ({error_page[0]!r}), not a project page", _SAVE_AGAIN_HINT
        )
    if not lines:
        raise SourceError(f"{input_file.name}: the page has no text", _SAVE_AGAIN_HINT)


def _join_labels_and_values(lines: list[PageLine]) -> list[PageLine]:
    """Join a marked label (dt, th) and its value on one line: "Status: Finished"."""
    paired: list[PageLine] = []
    for line in lines:
        last = paired[-1] if paired else None
        row, value = split_label(last.text) if last and last.term else (None, "")
        if last and row and row.kind in _PAIRED and not value and not line.term and not split_label(line.text)[0]:
            label = f"{last.text.rstrip(': ')}: "
            pieces = [Piece(0, line.number, line.first), *line.parts]
            last.text, last.parts = label + line.text, [piece.shifted(len(label)) for piece in pieces]
            last.term = False
        else:
            paired.append(line)
    return paired


def _with_title_first(lines: list[PageLine], page: Page, head: Head) -> list[PageLine]:
    """Move the page's title to the front, and drop links before it, which lead to other pages."""
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
    """Yield each line with the field of its section; None for a label and before the first section."""
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
    """Keep alternative texts of pictures only in lists of names, where they are logos."""
    return [line for line, row in _with_fields(lines) if not line.alt or (row and row.kind in _NAMES)]


def _with_addresses(lines: list[PageLine], base: str) -> Iterator[PageLine]:
    """Add the link addresses to the lines of links and contacts."""
    for line, row in _with_fields(lines):
        if row and row.kind is FieldKind.LINKS:
            links = [replace(link, address=resolve_address(link.address, base)) for link in line.links]
            yield from _link_lines(line, sorted((link for link in links if link.address), key=lambda link: link.stop))
        elif row and row.kind is FieldKind.CONTACTS:
            yield _contact_line(line)
        else:
            yield line


def _prose_links(lines: list[PageLine], printed: list[Text], base: str) -> Iterator[Section]:
    """Yield the links in prose whose addresses are not listed: a text field keeps only the words of a link."""
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
    """Yield a line for each link of a line; words between two links go to the second."""
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
    """Add the address that a contact's name links to: Name <address>."""
    for link in sorted(line.links, key=lambda link: -link.stop):
        scheme, _, address = link.address.strip().partition(":")
        address = unquote(address.partition("?")[0]).strip()
        if scheme.lower() == "mailto" and _MAIL.fullmatch(address) and "@" not in line.text[link.start : link.stop]:
            line = replace(line, text=f"{line.text[: link.stop]} <{address}>{line.text[link.stop :]}")
    return line
