"""Read the text of a saved project page, one page per file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.page.layout import read_page
from cybilgraph.readers.page.sections import RecordBuilder
from cybilgraph.readers.text import decode, read_lines

_BEGINS = re.compile(
    r"\s*(?:<!doctype html|<html\b|<iati-activities\b|<\?xml\b|@prefix\b|%PDF-|\{\\rtf)", re.IGNORECASE
)
#: The maximum length of a single-line page; a title or a sentence is shorter.
_MAX_SINGLE_LINE_CHARACTERS = 400
_OTHERS = {
    **dict.fromkeys(("<!doctype html", "<html"), ("HTML", "Rename the file to ….html.")),
    **dict.fromkeys(("<iati-activities", "<?xml"), ("XML", "Rename the file to ….xml.")),
    "@prefix": ("Turtle", "Rename the file to ….ttl."),
    "%pdf-": ("a PDF", "Save its text as ….txt."),
    "{\\rtf": ("RTF", "Save its text as ….txt."),
}


def read_page_text(input_file: Input) -> Iterator[Record]:
    """Yield the record of a page's text.

    Raises SourceError if the file is empty, is not text, or begins like another format.
    """
    findings: list[Finding] = []
    text = decode(input_file, input_file.content, findings)
    if other := _OTHERS.get((_BEGINS.match(text) or ("",))[0].strip().casefold()):
        raise SourceError(f"{input_file.name}: this is {other[0]}, not the text of a page", other[1])
    lines = list(read_lines(text))
    if not lines:
        raise SourceError(f"{input_file.name}: the file is empty", "Save the page's text again.")
    if len(lines) == 1 and len(lines[0].text) > _MAX_SINGLE_LINE_CHARACTERS:
        findings.append(finding("one-line", input_file.name, {"length": f"{len(lines[0].text):,}"}, line=1, column=1))
    yield read_page(lines, RecordBuilder(input_file, findings))
