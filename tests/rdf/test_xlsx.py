"""The workbook of a form explains its columns."""

from __future__ import annotations

import io

import openpyxl
import pytest

from cybilgraph.rdf.forms import COLUMNS, WRITERS
from tests.support.forms import pages


@pytest.mark.slow
def test_workbook_explains_its_columns() -> None:
    book = openpyxl.load_workbook(io.BytesIO(WRITERS["xlsx"](pages())))
    assert book.sheetnames == ["projects", "columns"]
    assert [cell.value for cell in book["projects"][1]] == [row.column for row in COLUMNS]
    assert not any(cell.data_type == "f" for row in book["projects"] for cell in row)
