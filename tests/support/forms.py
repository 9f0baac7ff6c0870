"""Shared by the tests of tables and documents: pages as records, and short ways to read and write files."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import openpyxl

from cybilgraph.model.record import Record
from cybilgraph.readers import Input, read_input
from tests.conftest import RECORDS, SAMPLES

FORMS = ("csv", "xlsx", "json", "yaml")
PAGES = sorted(RECORDS.glob("*.txt")) + sorted((SAMPLES / "labelled").glob("*.txt"))


def read(folder: Path, name: str, content: bytes | str) -> list[Record]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_input(Input(name, path)))


@cache
def pages() -> list[Record]:
    return [next(read_input(Input(path.name, path))) for path in PAGES]


def sheet(rows: list[list[str]], as_workbook: bool) -> Input:
    """Return a table as a spreadsheet program saves it."""
    if as_workbook:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)  # text that looks like an error value is one
        content = io.BytesIO()
        book.save(content)
        return Input("a.xlsx", data=content.getvalue())
    return Input("a.csv", data="\r\n".join(";".join(row) for row in rows).encode())
