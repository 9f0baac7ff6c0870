"""Short ways to read the text of a page."""

from __future__ import annotations

from cybilgraph.model.record import Record
from cybilgraph.readers import Input, read_input


def read(text: str | bytes, name: str = "page.txt") -> Record:
    content = text if isinstance(text, bytes) else text.encode()
    [record] = read_input(Input(name, data=content))
    return record


def findings_of(text: str | bytes) -> list[tuple[str, int, str]]:
    return [(found.rule.rpartition("#")[2], found.line, found.text) for found in read(text).findings]
