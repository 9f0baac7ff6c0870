"""Read files into records: one module per family of formats, and a table of readers by suffix.

A reader yields the records of an ``Input``. It raises ``SourceError`` if the file contains no record, or is
damaged after the records already yielded. Problems within a record become findings of that record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Record
from cybilgraph.readers.documents import read_json, read_yaml
from cybilgraph.readers.html import read_page_html
from cybilgraph.readers.iati import read_iati
from cybilgraph.readers.inputs import COMPRESSED_ARCHIVE, Input, Location, count_inputs, find_inputs
from cybilgraph.readers.page_layout import read_page_text
from cybilgraph.readers.rdf import read_rdf
from cybilgraph.readers.rdf.document import SYNTAXES
from cybilgraph.readers.tabular import read_csv
from cybilgraph.readers.web_archives import read_web_archive
from cybilgraph.readers.workbooks import read_xlsx

__all__ = ["READERS", "Input", "Location", "count_inputs", "find_inputs", "read_input"]

#: The maximum number of records in a file. Checking takes milliseconds per record, minutes for this many.
MAX_RECORDS = 100_000

Reader = Callable[[Input], Iterator[Record]]


#: To add a format, write a module with a reader and list its suffixes here.
READERS: dict[str, Reader] = {
    **dict.fromkeys((".txt", ".text", ""), read_page_text),
    **dict.fromkeys((".csv", ".tsv"), read_csv),
    ".xlsx": read_xlsx,
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), read_json),
    **dict.fromkeys((".yaml", ".yml"), read_yaml),
    **dict.fromkeys((".xml", ".iati"), read_iati),
    **dict.fromkeys(SYNTAXES, read_rdf),
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_page_html),
    **dict.fromkeys((".warc", COMPRESSED_ARCHIVE), read_web_archive),
}


def read_input(input_file: Input) -> Iterator[Record]:
    """Yield the records of an input.

    Raises SourceError if the format is unknown, if there is no record, or after ``MAX_RECORDS``.
    """
    reader = READERS.get(input_file.suffix)
    if reader is None:
        known = ", ".join(suffix for suffix in READERS if suffix)
        raise SourceError(
            f"{input_file.name}: unsupported file type {input_file.suffix!r}", f"Supported types: {known}."
        )
    for number, record in enumerate(reader(input_file)):
        if number == MAX_RECORDS:
            where = f":{record.source.line}" if record.source.line else ""
            raise SourceError(
                f"{input_file.name}{where}: more than {MAX_RECORDS:,} projects; those before the limit were read",
                "Split the file.",
            )
        yield record
