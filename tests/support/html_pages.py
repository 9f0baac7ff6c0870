"""Shared by the tests of HTML pages: sample pages, and a short way to read one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cybilgraph.model.record import Record
from cybilgraph.readers import Input, find_inputs, read_input
from cybilgraph.readers.html import read_page_html
from tests.conftest import SAMPLES

FORMATS = SAMPLES / "formats"


def read(page: str | bytes, name: str = "page.html") -> Record:
    content = page if isinstance(page, bytes) else page.encode()
    [record] = read_page_html(Input(name, data=content))
    return record


@cache
def text_record(path: Path) -> Record:
    [record] = read_input(next(find_inputs([path])))
    return record
