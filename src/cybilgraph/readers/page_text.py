"""Reads the text of a saved project page, one page a file."""

from __future__ import annotations

from collections.abc import Iterator

from cybilgraph.errors import SourceError
from cybilgraph.findings import Finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.layout import read_page
from cybilgraph.readers.sections import Sections
from cybilgraph.readers.text import decode, lines_of
from cybilgraph.record import Record


def read_page_text(given: Input) -> Iterator[Record]:
    """The one record of a page's text.

    Raises SourceError where the file is empty or is no text.
    """
    findings: list[Finding] = []
    lines = list(lines_of(decode(given, given.content, findings)))
    if not lines:
        raise SourceError(f"{given.name}: the file is empty", "Save the page's text again.")
    yield read_page(lines, Sections(given, findings))
