"""Reads the text of a saved project page, one page a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.page.layout import read_page
from cybilgraph.readers.page.sections import Sections
from cybilgraph.readers.text import decode, lines_of

_BEGINS = re.compile(
    r"\s*(?:<!doctype html|<html\b|<iati-activities\b|<\?xml\b|@prefix\b|%PDF-|\{\\rtf)", re.IGNORECASE
)
#: A title, or a sentence that is all of a page, is shorter.
_ONE_LINE_MOST = 400
_OTHERS = {
    **dict.fromkeys(("<!doctype html", "<html"), ("HTML", "….html")),
    **dict.fromkeys(("<iati-activities", "<?xml"), ("XML", "….xml")),
    "@prefix": ("Turtle", "….ttl"),
    "%pdf-": ("a PDF", "….txt after you have saved its text"),
    "{\\rtf": ("RTF", "….txt after you have saved its text"),
}


def read_page_text(given: Input) -> Iterator[Record]:
    """The one record of a page's text.

    Raises SourceError where the file is empty, is no text, or is of another format by its first words.
    """
    findings: list[Finding] = []
    text = decode(given, given.content, findings)
    if other := _OTHERS.get((_BEGINS.match(text) or ("",))[0].strip().casefold()):
        raise SourceError(f"{given.name}: this is {other[0]}, and not the text of a page", f"Name the file {other[1]}.")
    lines = list(lines_of(text))
    if not lines:
        raise SourceError(f"{given.name}: the file is empty", "Save the page's text again.")
    if len(lines) == 1 and len(lines[0].text) > _ONE_LINE_MOST:
        findings.append(finding("one-line", given.name, {"length": f"{len(lines[0].text):,}"}, line=1, column=1))
    yield read_page(lines, Sections(given, findings))
