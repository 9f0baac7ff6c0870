"""Write the graph as tables for spreadsheets: projects, participations, scopes, outcomes and sums of money."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from arro3.core import DataType, Field, Schema
from arro3.io import read_csv, write_parquet

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, OA, RDF, SCHEMA
from cybilgraph.rdf.dumps import open_gzip
from cybilgraph.rdf.ntriples import StatementsBySubject, object_texts
from cybilgraph.runtime.spill import TemporaryDatabase

_FIELDS = tuple(
    row
    for row in FIELDS
    if row.term and row.column
    if row.kind
    in (FieldKind.VALUE, FieldKind.DATE, FieldKind.CHOICE, FieldKind.PROSE, FieldKind.SCOPES, FieldKind.ACTORS)
)
_NAMED = {row.term for row in _FIELDS if row.kind in (FieldKind.CHOICE, FieldKind.SCOPES, FieldKind.ACTORS)}
_ITEMS = {row.node_class: row.segment for row in FIELDS if row.kind is FieldKind.ITEMS}
#: The columns of each table. "; " separates several names in a cell.
COLUMNS = {
    "projects": ("project", *(row.column for row in _FIELDS)),
    "participations": ("project", "actor", "actor_name", "role", "basis", "confidence", "quote"),
    "scopes": ("project", "kind", "concept", "concept_name", "basis", "confidence", "quote", "share"),
    "outcomes": ("project", "kind", "number", "description"),
    "funding": (
        *("project", "amount", "currency", "funding_kind", "period_start", "period_end", "value_date", "transactions"),
        *("provider", "provider_name", "receiver", "receiver_name", "basis", "confidence", "quote"),
    ),
}
_PARTS = "; "
_START = f"{BASE}id/project/"
_ROWS_PER_GROUP = 100_000
#: The number of names cached in memory.
_MAX_NAMES_IN_MEMORY = 50_000
_ZSTD = "zstd(3)"

Statements = dict[str, list[str]]


#: A tuple as a cell contains IRIs, to be replaced by names.
Row = tuple[str | tuple[str, ...], ...]
TableRows = dict[str, list[Row]]


def make_table_rows(graph: StatementsBySubject) -> TableRows:
    """Return the rows of each table for a graph."""
    projects: dict[str, dict[str, Statements]] = {}
    for subject, statements in graph.items():
        if subject.startswith(_START):
            key, _, part = subject.removeprefix(_START).partition("/")
            projects.setdefault(_START + key, {})[part] = statements
    rows: TableRows = {table: [] for table in COLUMNS}
    for iri, parts in projects.items():
        own = parts.get("", {})
        if f"<{CYB.Project}>" in own.get(RDF.type, ()):  # not an old key that was replaced
            rows["projects"].append(_project_row(iri, own))
            rows["participations"] += _participation_rows(iri, parts)
            rows["scopes"] += _scope_rows(iri, parts)
            rows["outcomes"] += _outcome_rows(iri, parts)
            rows["funding"] += _funding_rows(iri, parts)
    return rows


class TableNames(TemporaryDatabase):
    """A context manager with the names of resources on disk. Add all names before asking for any."""

    def __init__(self) -> None:
        super().__init__("CREATE TABLE named (thing, preferred, name); CREATE INDEX by_thing ON named (thing)")
        self.of = lru_cache(maxsize=_MAX_NAMES_IN_MEMORY)(self._of)

    def put(self, names: Iterable[tuple[str, str, int]]) -> None:
        """Add names: a resource, a name, and its preference; those with preference 0 are ignored."""
        self.fill("INSERT INTO named (thing, name, preferred) VALUES (?, ?, ?)", (name for name in names if name[2]))

    def _of(self, thing: str) -> str:
        """Return the most preferred name of a resource; empty if it has none."""
        query = "SELECT name FROM named WHERE thing = ? ORDER BY preferred DESC, name LIMIT 1"
        return str(self.value(query, thing) or "")


def write_tables(pieces: Iterable[TableRows], names: TableNames, folder: Path) -> None:
    """Write each table as compressed CSV and as Parquet (NAME.csv.gz, NAME.parquet). Raises OSError."""
    plain_files = {table: folder / f".{table}.csv" for table in COLUMNS}
    with ExitStack() as stack:
        files = {
            table: stack.enter_context(path.open("w", encoding="utf-8", newline=""))
            for table, path in plain_files.items()
        }
        writers = {table: csv.writer(file, lineterminator="\r\n") for table, file in files.items()}  # RFC 4180
        for table, writer in writers.items():
            writer.writerow(COLUMNS[table])
        for piece in pieces:
            for table, rows in piece.items():
                writers[table].writerows(
                    [cell if isinstance(cell, str) else _PARTS.join(map(names.of, cell)) for cell in row]
                    for row in rows
                )
    for table, path in plain_files.items():
        with path.open("rb") as content, open_gzip(folder / f"{table}.csv.gz") as compressed:
            shutil.copyfileobj(content, compressed, 1 << 18)
        schema = Schema([Field(column, DataType.utf8(), nullable=True) for column in COLUMNS[table]])
        with (folder / f"{table}.parquet").open("wb") as file:
            output: Any = _ErrorKeepingFile(file)
            read = read_csv(path, schema, has_header=True)
            write_parquet(read, output, compression=_ZSTD, max_row_group_size=_ROWS_PER_GROUP)
        if output.error:
            raise output.error
        path.unlink()


class _ErrorKeepingFile(io.RawIOBase):
    """Writes to a file and keeps the first error: arro3 cannot raise it, but crashes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            if not self.error:
                self._file.write(data)
        except OSError as error:
            self.error = error
        return len(data)


def _project_row(iri: str, own: Statements) -> Row:
    values = [(row, object_texts(own, row.term)) for row in _FIELDS]
    return iri, *(tuple(texts) if row.term in _NAMED else _PARTS.join(texts) for row, texts in values)


def _participation_rows(iri: str, parts: dict[str, Statements]) -> Iterator[Row]:
    for part, node in _claims(parts, CYB.Participation):
        actor, role = _first(node, CYB.actor), _first(node, CYB.role)
        yield iri, actor, (actor,), (role,) if role else part.rpartition("/")[2], *_evidence(iri, parts, node)


def _scope_rows(iri: str, parts: dict[str, Statements]) -> Iterator[Row]:
    for part, node in _claims(parts, CYB.Scope):
        concept = _first(node, CYB.concept)
        yield iri, part.split("/")[1], concept, (concept,), *_evidence(iri, parts, node), _first(node, CYB.share)


def _funding_rows(iri: str, parts: dict[str, Statements]) -> Iterator[Row]:
    for _, node in _claims(parts, CYB.Funding):
        amount = parts.get(_first(node, SCHEMA.amount).removeprefix(f"{iri}/"), {})
        dates = (_first(node, term) for term in (CYB.periodStart, CYB.periodEnd, CYB.valueDate, CYB.transactions))
        provider, receiver = _first(node, CYB.provider), _first(node, CYB.receiver)
        yield (
            *(iri, _first(amount, SCHEMA.value), _first(amount, SCHEMA.currency), (_first(node, CYB.fundingKind),)),
            *(*dates, provider, (provider,) if provider else "", receiver, (receiver,) if receiver else ""),
            *_evidence(iri, parts, node),
        )


def _claims(parts: dict[str, Statements], class_: str) -> Iterator[tuple[str, Statements]]:
    return ((part, node) for part, node in parts.items() if f"<{class_}>" in node.get(RDF.type, ()))


def _evidence(iri: str, parts: dict[str, Statements], node: Statements) -> Row:
    """Return the basis of a claim, and the confidence and text of its surest quote."""
    quotes = [parts.get(quote.removeprefix(f"{iri}/"), {}) for quote in object_texts(node, CYB.evidence)]
    surest = max(quotes, key=lambda quote: float(_first(quote, CYB.confidence) or 0), default={})
    return (_first(node, CYB.basis),), _first(surest, CYB.confidence), _first(surest, OA.exact)


def _outcome_rows(iri: str, parts: dict[str, Statements]) -> Iterator[Row]:
    for part, node in sorted(parts.items(), key=lambda item: (len(item[0]), item[0])):
        for kind in object_texts(node, RDF.type):
            if kind in _ITEMS:
                yield iri, _ITEMS[kind], part.rpartition("/")[2], _first(node, DCTERMS.description)


def _first(node: Statements, term: str) -> str:
    return next(iter(object_texts(node, term)), "")
