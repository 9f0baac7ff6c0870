"""Reads the text of a saved project page, one page a file.

The page is a run of lines. A line that is a label of the table of fields (record.FIELDS)
opens its section; ``label: value`` is a section on one line; what stands before the first
section is the head of the page: title, code, status, dates, and in older pages a contact
name with no heading. The rights statement ends the page, wherever it begins.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from cybilgraph.errors import SourceError
from cybilgraph.findings import Finding, Severity
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.sections import BULLET, SORTING, Section, Sections
from cybilgraph.record import BY_NAME, FIELDS, Kind, Place, Record, Text
from cybilgraph.vocab import rule

RIGHTS = "The Cybil project repository is being continuously updated"

_LABELS = {label: row for row in FIELDS for label in row.labels}
#: "Label: value": the label is at most a few words, so that prose with a colon is prose.
_LABELLED = re.compile(r"(?P<label>[^:]{2,40}?)\s*:\s*(?P<value>.*)", re.DOTALL)
_LINE_END = re.compile(r"\r\n|[\n\r\f\v\x85\u2028\u2029]")
_SPACE = re.compile(r"[\s\u200b\ufeff]+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
#: "Status: Finished", "Donor: EU": the value is on the line of the label, and the section that
#: the line stands in goes on below it.
_ONE_LINE = (Kind.VALUE, Kind.CHOICE, Kind.DATE, Kind.ACTORS, Kind.SCOPES)
#: A text may hold a stray control character or two; a picture or an archive holds many.
_STRAY = 2


def read_page_text(given: Input) -> Iterator[Record]:
    """The one record of a page's text.

    Raises SourceError where the file is empty or is no text.
    """
    findings: list[Finding] = []
    lines = list(_lines(_decode(given, findings)))
    if not lines:
        raise SourceError(f"{given.name}: the file is empty", "Save the page's text again.")
    lines, rights = _cut_rights(lines)
    values = Sections(given, findings)
    for section in _sections(lines):
        values.take(section)
    yield values.record(rights)


def _decode(given: Input, findings: list[Finding]) -> str:
    """Bytes → text: UTF-8, UTF-16 with its mark, else Windows' Western code page."""
    content = given.content
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            text = content.decode("cp1252", errors="replace")
            finding = Finding(
                severity=Severity.WARNING,
                rule=rule("encoding"),
                message="The file is not UTF-8; it was read as Windows-1252.",
                file=given.name,
                line=content.count(b"\n", 0, error.start) + 1,
                suggestion="Save the file as UTF-8, and check its accents and quotation marks.",
            )
            findings.append(finding)
    if len(_CONTROL.findall(text, 0, 4096)) > _STRAY:
        raise SourceError(f"{given.name}: this is no text (it holds control characters)", "Save the page as text.")
    return text


def _lines(text: str) -> Iterator[Text]:
    """The lines that are not blank, with entities resolved and spaces made plain."""
    for number, raw in enumerate(_LINE_END.split(text), start=1):
        line = _SPACE.sub(" ", _resolved(_CONTROL.sub("", raw))).strip()
        if line:
            yield Text(line, Place(number, len(raw) - len(raw.lstrip()) + 1))


def _resolved(text: str) -> str:
    """The text with its entities resolved: those that end, and are of a sensible length."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def _cut_rights(lines: list[Text]) -> tuple[list[Text], Text | None]:
    """The lines without the rights statement, and the statement: all from its first words to
    the end, or to a label that opens another section.
    """
    for index, line in enumerate(lines):
        at = line.text.find(RIGHTS)
        if at >= 0:
            assert line.place
            end = next((end for end in range(index + 1, len(lines)) if _open(lines[end])), len(lines))
            statement = " ".join([line.text[at:], *(later.text for later in lines[index + 1 : end])])
            before = line.text[:at].strip()
            kept = [*lines[:index], *([Text(before, line.place)] if before else []), *lines[end:]]
            return kept, Text(statement, Place(line.place.line, line.place.column + at))
    return lines, None


def _sections(lines: list[Text]) -> list[Section]:
    """Lines → sections, the head of the page being taken last: what it means depends on what
    the page labels.
    """
    head = current = Section(BY_NAME["title"], "", Place(1))
    sections = []
    for line in lines:
        opened = _open(line) or _unknown_label(line, current)
        if opened is None:
            current.lines.append(line)
            continue
        sections.append(opened)
        if opened.row.kind is Kind.LAYOUT:  # "About": the head goes on
            current = head
        elif not (opened.lines and opened.row.kind in _ONE_LINE):
            current = opened
    return [*sections, head]


def _unknown_label(line: Text, current: Section) -> Section | None:
    """A label that no field has ends a list of names: what stands below it is no name."""
    assert line.place
    label = line.text.rstrip(": ")
    if current.row.kind in (Kind.ACTORS, Kind.SCOPES) and line.text.endswith(":") and not SORTING.fullmatch(line.text):
        return Section(BY_NAME["description"], label, line.place)
    return None


def _open(line: Text) -> Section | None:
    """The section that this line opens, or None where it is no label."""
    assert line.place
    label = line.text.rstrip(": ")
    if (row := _LABELS.get(label.casefold())) and not BULLET.match(line.text):
        return Section(row, label, line.place)
    match = _LABELLED.fullmatch(line.text)
    row = _LABELS.get(match["label"].casefold()) if match else None
    if match is None or row is None or row.kind is Kind.LAYOUT:
        return None
    value = Text(match["value"], Place(line.place.line, line.place.column + match.start("value")))
    return Section(row, match["label"], line.place, [value])
