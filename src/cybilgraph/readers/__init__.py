"""File → Record: one module per family of formats, one table from suffix to reader.

A reader is a function from an ``Input`` to records. It raises ``SourceError`` where the file
holds no record at all, or is damaged behind the records that it has given; whatever is odd
inside a record becomes a finding of that record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Record
from cybilgraph.readers.documents import read_json, read_yaml
from cybilgraph.readers.html import read_page_html
from cybilgraph.readers.iati import read_iati
from cybilgraph.readers.inputs import Input, Location, count_inputs, find_inputs
from cybilgraph.readers.page.plain_text import read_page_text
from cybilgraph.readers.rdf import read_rdf
from cybilgraph.readers.rdf.document import SYNTAXES
from cybilgraph.readers.tabular.delimited import read_csv

__all__ = ["READERS", "Input", "Location", "count_inputs", "find_inputs", "read_input"]

#: Records of one file. Each takes milliseconds to check: so many take minutes.
MAX_RECORDS = 100_000

Reader = Callable[[Input], Iterator[Record]]


def read_workbook(input_file: Input) -> Iterator[Record]:
    """As ``workbooks.read_xlsx``, which is loaded now."""
    from cybilgraph.readers.tabular.workbooks import read_xlsx

    yield from read_xlsx(input_file)


#: To add a format: a module with a reader, and its suffixes here.
READERS: dict[str, Reader] = {
    ".txt": read_page_text,
    ".text": read_page_text,
    "": read_page_text,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".xlsx": read_workbook,
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".xml": read_iati,
    ".iati": read_iati,
    **dict.fromkeys(SYNTAXES, read_rdf),
    ".html": read_page_html,
    ".htm": read_page_html,
    ".xhtml": read_page_html,
}


def read_input(input_file: Input) -> Iterator[Record]:
    """The records of one input.

    Raises SourceError where its format is unknown, where it holds no record, and behind the most
    records that a file may have.
    """
    reader = READERS.get(input_file.suffix)
    if reader is None:
        known = ", ".join(suffix for suffix in READERS if suffix)
        raise SourceError(
            f"{input_file.name}: no reader for files of the kind {input_file.suffix!r}", f"Known kinds: {known}."
        )
    for number, record in enumerate(reader(input_file)):
        if number == MAX_RECORDS:
            where = f":{record.source.line}" if record.source.line else ""
            raise SourceError(
                f"{input_file.name}{where}: more than {MAX_RECORDS:,} projects; those before were read",
                "Give them in several files.",
            )
        yield record
