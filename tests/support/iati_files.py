"""Shared by the tests of IATI files: parts of a file, and short ways to read it."""

from __future__ import annotations

import re

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Record
from cybilgraph.readers import Input
from cybilgraph.readers.iati import read_iati

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def wrapped(*activities: str, attributes: str = 'version="2.03"') -> str:
    return f"{HEAD}<iati-activities {attributes}>\n{''.join(activities)}</iati-activities>\n"


def activity(content: str, number: int = 0) -> str:
    return (
        f'<iati-activity xml:lang="en">\n<iati-identifier>XM-{number}</iati-identifier>\n'
        f"<title><narrative>Project {number}</narrative></title>\n{content}</iati-activity>\n"
    )


def read(content: str | bytes) -> list[Record]:
    return list(read_iati(Input("iati.xml", data=content if isinstance(content, bytes) else content.encode())))


def one(content: str) -> Record:
    [record] = read(wrapped(activity(content)))
    return record


def salvaged(content: str | bytes) -> tuple[list[Record], SourceError | None]:
    """Return the records of a damaged file and the error at its end."""
    records: list[Record] = []
    error = None
    try:
        for record in read_iati(Input("iati.xml", data=content if isinstance(content, bytes) else content.encode())):
            records.append(record)  # noqa: PERF402
    except SourceError as caught:
        error = caught
        assert re.match(r"iati\.xml(:\d+(:\d+)?)?: ", caught.what)
        assert caught.hint
    return records, error


def keys(record: Record) -> list[tuple[str, str]]:
    return [(link.concept.kind, link.concept.key) for link in record.scopes]
