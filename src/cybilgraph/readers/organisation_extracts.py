"""Read organisations from files of registers: a data dump of ROR, or the result of a query to Wikidata.

A dump of ROR is an array of JSON objects of several hundred MB (schema 2.x), as such or in the ZIP archive that ROR
publishes. A result of Wikidata is CSV, or JSON in either form of its query service, with one row per name.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from cybilgraph.errors import SourceError
from cybilgraph.model.identifiers import REGISTERS, ActorIdentifier

#: Characters read at once, and the most that one object may have.
_CHUNK_CHARS, _MAX_OBJECT_CHARS = 1 << 18, 1 << 24
_GAP = re.compile(r"[\s,]*")
#: The columns of a result of Wikidata; others are ignored.
_COLUMNS = ("item", "name", "country", "homepage")
_EXPECTED = "Give a data dump of ROR (JSON, schema 2) or the result of a query to Wikidata (CSV or JSON)."
_QUERY_HINT = f"The query must return ?item and ?name, and may return {', '.join(f'?{name}' for name in _COLUMNS[2:])}."


@dataclass(slots=True)
class RegisteredOrganisation:
    """An organisation in a register, with its identifiers there and in the registers that it refers to."""

    name: str
    identifiers: list[ActorIdentifier]
    names: set[str] = field(default_factory=set)
    countries: set[str] = field(default_factory=set)
    homepages: set[str] = field(default_factory=set)


def read_extract(path: Path) -> Iterator[RegisteredOrganisation]:
    """Yield the organisations of a file, one at a time if it is from ROR. Raises SourceError if it is another file."""
    try:
        with _open_text(path) as stream:
            yield from _organisations(path.name, stream)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path.name} is not encoded in UTF-8", "Use the file as downloaded.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: it has a password
        raise SourceError(f"{path.name} cannot be unpacked: {error}", "Download it again.") from error
    except csv.Error as error:
        raise SourceError(f"{path.name} is not valid CSV: {error}", _EXPECTED) from error
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}", _EXPECTED) from error


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    """Open a file, or the JSON file in a ZIP archive."""
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            return
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".json")]
            # Earlier archives have the data in schema 1, too.
            if not (chosen := next((name for name in names if "schema_v2" in name), next(iter(names), ""))):
                raise SourceError(f"{path.name} contains no JSON file", _EXPECTED)
            with archive.open(chosen) as member:
                yield io.TextIOWrapper(member, encoding="utf-8-sig", newline="")


def _organisations(name: str, stream: TextIO) -> Iterator[RegisteredOrganisation]:
    start = ""
    while not start and (chunk := stream.read(_CHUNK_CHARS)):
        start = chunk.lstrip()
    if not start:
        raise SourceError(f"{name} is empty", _EXPECTED)
    if start.startswith("<"):
        raise SourceError(f"{name} is a web page or XML, not data", f"Download the file itself. {_EXPECTED}")
    if start.startswith("{"):
        yield from _wikidata(name, _bindings(name, start + stream.read()))
    elif start.startswith("["):
        items = _array_items(name, stream, start[1:])
        if not (first := next(items, None)):
            raise SourceError(f"{name} contains no organisations", _EXPECTED)
        if not isinstance(first, dict) or not ("id" in first or "item" in first):
            raise SourceError(f"{name} is JSON, but not of ROR or Wikidata", f"{_EXPECTED} {_QUERY_HINT}")
        items = chain((first,), items)
        yield from _wikidata(name, items) if "item" in first else _ror(name, items)
    else:
        rows = csv.DictReader(chain(start.splitlines(keepends=True), stream))
        yield from _wikidata(name, rows)


def _bindings(name: str, text: str) -> list[dict[str, str]]:
    """Return the rows of SPARQL 1.1 Query Results JSON."""
    try:
        found = json.loads(text)["results"]["bindings"]
        return [{column: value["value"] for column, value in row.items()} for row in found]
    except json.JSONDecodeError as error:
        raise SourceError(f"{name} is not valid JSON, or incomplete: {error}", "Download it again.") from error
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(f"{name} is JSON, but not of ROR or Wikidata", _EXPECTED) from error


def _array_items(name: str, stream: TextIO, buffer: str) -> Iterator[Any]:
    """Yield the items of an array of which ``buffer`` is the start, without the bracket."""
    decode, at, number = json.JSONDecoder().raw_decode, 0, 0
    while True:
        at = gap.end() if (gap := _GAP.match(buffer, at)) else at
        if buffer.startswith("]", at):
            return
        try:
            item, at = decode(buffer, at)
        except (ValueError, RecursionError) as error:  # most often, the buffer ends within the item
            chunk = stream.read(_CHUNK_CHARS)
            if not chunk or len(buffer) - at > _MAX_OBJECT_CHARS:
                problem = f"{name} is not valid JSON, or incomplete, after {number:,} organisations"
                raise SourceError(problem, "Download it again.") from error
            buffer, at = buffer[at:] + chunk, 0
        else:
            number += 1
            yield item


def _ror(name: str, records: Iterable[Any]) -> Iterator[RegisteredOrganisation]:
    """Yield the active organisations of ROR."""
    for number, record in enumerate(records, start=1):
        try:
            if record["status"] == "active":
                yield _ror_organisation(record)
        except (AttributeError, KeyError, TypeError, StopIteration) as error:
            is_old = isinstance(record, dict) and "name" in record
            what = "in schema 1 of ROR" if is_old else "not a record of ROR in schema 2"
            raise SourceError(f"{name}: organisation {number:,} is {what}", _EXPECTED) from error


def _ror_organisation(record: Mapping[str, Any]) -> RegisteredOrganisation:
    iri = record["id"]
    identifiers = [ActorIdentifier("ror", iri.removeprefix(REGISTERS["ror"].base), iri)]
    for other in record["external_ids"]:
        # Several without a preferred one are often of parts or predecessors.
        text = other["preferred"] or (other["all"][0] if len(other["all"]) == 1 else "")
        if other["type"] == "wikidata" and text:
            identifiers.append(ActorIdentifier("wikidata", text, iri))
    shown = next(one["value"] for one in record["names"] if "ror_display" in one["types"])
    return RegisteredOrganisation(
        shown,
        [one for one in identifiers if REGISTERS[one.register].is_valid(one.text)],
        {one["value"] for one in record["names"]},
        {place["geonames_details"]["country_code"] for place in record["locations"]},
        {link["value"] for link in record["links"] if link["type"] == "website"},
    )


def _wikidata(name: str, rows: Iterable[Mapping[str, str | None]]) -> Iterator[RegisteredOrganisation]:
    """Yield the organisations of rows, of which each item may have several."""
    base, found = REGISTERS["wikidata"].base, dict[str, RegisteredOrganisation]()
    for number, row in enumerate(rows, start=1):
        iri, label = (row.get(column) for column in _COLUMNS[:2])
        text = (iri or "").removeprefix(base)
        if not label or not REGISTERS["wikidata"].is_valid(text):
            what = "is not a result of Wikidata" if number == 1 else f"has no item or no name in row {number:,}"
            raise SourceError(f"{name} {what}", f"{_EXPECTED} {_QUERY_HINT}")
        identifier = ActorIdentifier("wikidata", text, f"{base}{text}")
        one = found.setdefault(text, RegisteredOrganisation(label, [identifier]))
        one.names.add(label)
        if country := row.get("country"):
            one.countries.add(country)
        if homepage := row.get("homepage"):
            one.homepages.add(homepage)
        for register in ("ror", "lei"):
            other = ActorIdentifier(register, row.get(register) or "", identifier.source)
            if other not in one.identifiers and REGISTERS[register].is_valid(other.text):
                one.identifiers.append(other)
    if not found:
        raise SourceError(f"{name} contains no organisations", f"{_EXPECTED} {_QUERY_HINT}")
    yield from found.values()
