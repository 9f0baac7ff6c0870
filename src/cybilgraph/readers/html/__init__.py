"""Read a project page saved as HTML. The result equals that of the page's text.

The part of the tree that belongs to the project (content) becomes the lines that saving the page as text
would give (text_lines), but links keep their addresses. Then it is read like any other page (layout).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urljoin

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import BY_NAME, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.readers.html.page_kind import ERROR_PAGE, PageKind, find_page_kind
from cybilgraph.readers.html.text_lines import MAX_FIRST_CHARACTERS, PageLine, PageLink, Piece, number_lines, read_lines
from cybilgraph.readers.html.tree import Element, Page, decode_html, parse_html, split_label
from cybilgraph.readers.inputs import MAX_PAGE_BYTES, Input
from cybilgraph.readers.page_layout import NAMES, ONE_LINE, SINGLE, read_page, read_page_text
from cybilgraph.readers.record_builder import RecordBuilder, Section
from cybilgraph.readers.text import normalise

_TAG = re.compile(r"<[A-Za-z!?]")
_MAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]{1,255}")
_MAX_LINES = 20_000
_SAVE_AGAIN_HINT = "Open the page in a browser, wait until it has loaded completely, and save it again."
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
#: The primary subtag and the script. The region ("en-US") comes from the site rather than the text.
_LANGUAGE = re.compile(r"([a-z]{2,3})(-[a-z]{4}(?=$|[-_]))?(?:[-_][a-z0-9]{2,8}){0,3}", re.IGNORECASE)
_BEFORE_SITE = re.compile(r"\s[-–—|»·]\s")
#: The maximum size of embedded JSON-LD; pages have a few kilobytes.
_MAX_LINKED_DATA_CHARACTERS = 200_000
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_HTTP, _UNSAFE = re.compile(r"https?://[^/]"), re.compile(r"[\s<>\"“”]|[.,;:)]$")
_BETWEEN = re.compile(r"^(?:[\s,;|/·•–-]|and\b|&)+", re.IGNORECASE)


def read_page_html(input_file: Input) -> Iterator[Record]:
    """Yield the record of a page saved as HTML.

    An address and a time of capture that the input has are those of the record, unless the page gives an address.
    Raises SourceError if the file contains no text, or is a login or error page.
    """
    findings: list[Finding] = []
    text = decode_html(input_file, findings)
    if "<iati-activit" in text[:2_000]:
        raise SourceError(f"{input_file.name}: this is IATI XML, not a web page", "Rename the file to ….xml.")
    if not _TAG.search(text) and len(text) <= MAX_PAGE_BYTES // 4:  # page text in a file named .html
        yield from read_page_text(input_file)
        return
    page, head, lines = _parse(input_file, text)
    _check(input_file, page, head, lines)
    yield _record(input_file, findings, text, page, head, lines)


@dataclass(frozen=True, slots=True)
class CapturedPage:
    """A page of a website: its record if it is that of a project, its text, and the addresses it links to."""

    kind: PageKind
    record: Record | None
    text: str
    links: tuple[str, ...]


def read_captured_page(input_file: Input) -> CapturedPage:
    """Read any page of a website. Raises SourceError if it cannot be parsed."""
    findings: list[Finding] = []
    text = decode_html(input_file, findings)
    page, head, lines = _parse(input_file, text)
    kind = find_page_kind(page, head.title[0], lines, input_file.address)
    shown = "\n".join(line.text for line in lines)
    links = dict.fromkeys(
        _resolve_address(link.get("href") or "", head.link_base)
        for link in page.root.iter("a", "link")
        if "nofollow" not in (rel := (link.get("rel") or "").lower().split()) and (link.tag == "a" or "next" in rel)
    )
    record = None
    if kind is PageKind.PROJECT:
        try:
            _check(input_file, page, head, lines)
            record = _record(input_file, findings, text, page, head, lines)
        except SourceError:
            kind = PageKind.ERROR if ERROR_PAGE.match(head.title[0]) else PageKind.OTHER
    return CapturedPage(kind, record, shown, tuple(filter(None, links)))


def _parse(input_file: Input, text: str) -> tuple[Page, Head, list[PageLine]]:
    root = parse_html(input_file, text)
    page = Page(root)
    return page, Head(root, input_file.address), read_lines(page.main, page.is_dropped)


def _record(
    input_file: Input, findings: list[Finding], text: str, page: Page, head: Head, lines: list[PageLine]
) -> Record:
    lines = _with_title_first(_join_labels_and_values(lines), page, head)
    # Alternative texts of pictures are kept only in lists of names, where they are logos.
    lines = [line for line, row in _with_fields(lines) if not line.alt or (row and row.kind in NAMES)]
    lines = list(_with_addresses(lines, head.base))
    if not lines:
        raise SourceError(f"{input_file.name}: the page has no text", _SAVE_AGAIN_HINT)
    printed, places = number_lines(lines, text)
    values = _PlacedSections(input_file, findings, places)
    saved = [_section("retrieved", "WARC-Date", input_file.retrieved, 1)] if input_file.retrieved else []
    for section in (*head.sections(), *saved):  # their places are already those in the file
        RecordBuilder.take(values, section)
    for section in _prose_links(lines, printed, head.base):
        values.take(section)
    return read_page(printed, values)


class _PlacedSections(RecordBuilder):
    """Maps sections from line numbers in the page's text to places in the file."""

    def __init__(self, input_file: Input, findings: list[Finding], places: dict[int, Place]) -> None:
        super().__init__(input_file, findings)
        self._places = places

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
        what = f"more than {MAX_PAGE_BYTES:,} characters or {_MAX_LINES:,} lines of text"
        raise SourceError(f"{input_file.name}: {what}", "Save each project in its own file.")
    if page.fields - {"title"}:
        return
    name = input_file.name
    if next(page.root.iter("frame"), None) is not None:
        raise SourceError(f"{name}: the page consists of frames", "Save the frame that contains the project.")
    if any((box.get("type") or "").lower() == "password" for box in page.root.iter("input")):
        raise SourceError(f"{name}: this is a login page", "Log in, open the project page and save it.")
    if error_page := ERROR_PAGE.match(head.title[0]) or ERROR_PAGE.match(lines[0].text if lines else ""):
        raise SourceError(f"{name}: this is an error page ({error_page[0]!r}), not a project page", _SAVE_AGAIN_HINT)
    if not lines:
        raise SourceError(f"{name}: the page has no text", _SAVE_AGAIN_HINT)


def _join_labels_and_values(lines: list[PageLine]) -> list[PageLine]:
    """Join a marked label (dt, th) and its value on one line: "Status: Finished"."""
    paired: list[PageLine] = []
    for line in lines:
        last = paired[-1] if paired else None
        row, value = split_label(last.text) if last and last.term else (None, "")
        if last and row and row.kind in SINGLE and not value and not line.term and not split_label(line.text)[0]:
            label = f"{last.text.rstrip(': ')}: "
            last.text, last.pieces = label + line.text, [last.pieces[0], *line.shifted(len(label))]
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
        name, number = shown[chosen], chosen.sourceline or 1
        at = next((at for at, line in enumerate(lines) if line.h1 is chosen), None)
    elif name and not split_label(name)[0]:
        at = next((at for at, line in enumerate(lines) if line.text == name), None)
    else:
        return lines
    title = lines[at] if at is not None else PageLine(name, [Piece(0, number, name[:MAX_FIRST_CHARACTERS])])
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
        elif not (value and row.kind in ONE_LINE):
            current = row
        yield line, row if value else None


def _with_addresses(lines: list[PageLine], base: str) -> Iterator[PageLine]:
    """Add the link addresses to the lines of links and contacts."""
    for line, row in _with_fields(lines):
        if row and row.kind is FieldKind.LINKS:
            links = [replace(link, address=_resolve_address(link.address, base)) for link in line.links]
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
            words, address = text.part(link.start, link.stop), _resolve_address(link.address, base)
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


class Head:
    """The head of a page, which was saved from ``address``, if that is known."""

    def __init__(self, root: Element, address: str = "") -> None:
        self._root = root
        self._address = address
        self._meta: dict[str, tuple[str, int]] = {}
        for meta in root.iter("meta"):
            name = (meta.get("property") or meta.get("name") or "").lower()
            if name and (content := normalise((meta.get("content") or "")[:2000])):
                self._meta.setdefault(name, (content, meta.sourceline or 1))
        self._data = dict(_linked_data(root))

    def sections(self) -> Iterator[Section]:
        """Yield address, date of change and language, if given."""
        for address, label, line in self._addresses():
            if address := _resolve_address(address, ""):
                yield _section("address", label, address, line)
                break
        for name in ("article:modified_time", "og:updated_time", "dateModified"):
            value, line = self._meta.get(name) or self._data.get(name) or ("", 1)
            if day := _DAY.match(value):
                yield _section("updated", name, day[0], line)
                break
        language = _LANGUAGE.fullmatch((self._root.get("lang") or self._root.get(_XML_LANG) or "").strip())
        if language:
            yield _section("language", "lang", f"{language[1]}{language[2] or ''}", self._root.sourceline or 1)

    @property
    def base(self) -> str:
        """The base of relative addresses on the page."""
        canonical = next((address for address, *_ in self._addresses() if _resolve_address(address, "")), "")
        return self._declared_base(canonical)

    @property
    def link_base(self) -> str:
        """The base of the page's links: where it was saved from, unless the page declares another."""
        return self._declared_base(self._address)

    def _declared_base(self, address: str) -> str:
        """Return the base that the page declares, or else this address."""
        declared = next((base.get("href") for base in self._root.iter("base") if base.get("href")), "")
        return _resolve_address(declared, address) or address

    @property
    def title(self) -> tuple[str, int]:
        """The title of the page without the name of its site, and its line."""
        site = self._meta.get("og:site_name", ("", 0))[0].casefold()
        titles = (title for title in self._root.iter("title") if title.getparent().tag in ("head", "html"))
        printed = ((normalise("".join(title.itertext())), title.sourceline or 1) for title in titles)
        title, line = self._meta.get("og:title") or next(printed, ("", 1))
        start = title[:1000]
        *_, last = (None, *_BEFORE_SITE.finditer(start))
        if last and "\n" not in start and (name := start[: last.start()].rstrip()):
            of_site = start[last.end() :].lstrip().casefold()
            if of_site == site or of_site.startswith("cybil"):
                return name, line
        return ("", line) if title.casefold() in (site, "cybil portal") else (title, line)

    def _addresses(self) -> Iterator[tuple[str, str, int]]:
        for link in self._root.iter("link"):
            if "canonical" in (link.get("rel") or "").lower().split():
                yield link.get("href") or "", "canonical", link.sourceline or 1
        for name, source in (("og:url", self._meta), ("url", self._data), ("@id", self._data)):
            if name in source:
                yield source[name][0], name, source[name][1]
        yield self._address, "WARC-Target-URI", 1


def _resolve_address(address: str, base: str) -> str:
    """Return the absolute address; empty if it is not http or https, or does not lead to a page."""
    address = address.strip()
    if not address or address.startswith("#") or "/cdn-cgi/l/email-protection" in address:
        return ""
    try:
        whole = urljoin(base, address)
    except ValueError:  # an invalid IPv6 host
        return ""
    whole = _UNSAFE.sub(lambda found: quote(found[0], safe="") if found[0] not in ".," else "", whole)
    return whole if _HTTP.match(whole) and len(whole) <= 1900 else ""


def _section(name: str, label: str, value: str, line: int) -> Section:
    return Section(BY_NAME[name], label, Place(line), [Text(value, Place(line))])


def _linked_data(root: Element) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield names and values of the page's JSON-LD; those of the page itself come last."""
    for script in root.iter("script"):
        raw, kind = script.text or "", script.get("type") or ""
        if kind.lower().strip() != "application/ld+json" or len(raw) > _MAX_LINKED_DATA_CHARACTERS:
            continue
        try:
            nodes: list[Any] = [json.loads(raw)]
        except (ValueError, RecursionError):
            continue
        while nodes:
            node = nodes.pop()
            if isinstance(node, list):
                nodes += node
            elif isinstance(node, dict):
                nodes += [node.get("@graph")]
                if "Page" in str(node.get("@type"))[:100] or "dateModified" in node:
                    for name in ("@id", "url", "dateModified"):
                        if isinstance(node.get(name), str):
                            yield name, (normalise(node[name][:2000]), script.sourceline or 1)
