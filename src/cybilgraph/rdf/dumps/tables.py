"""Write the graph as tables for spreadsheets: projects, participations and outcomes."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from arro3.core import DataType, Field, Schema
from arro3.io import read_csv, write_parquet

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, OA, RDF
from cybilgraph.rdf.dumps.compressed_parts import open_gzip
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
    "outcomes": ("project", "kind", "number", "description"),
}
_PARTS = "; "
_START = f"{BASE}id/project/"
_ROWS_PER_GROUP = 100_000
#: The number of names cached in memory.
_MAX_NAMES_IN_MEMORY = 50_000
_ZSTD = "zstd(3)"

Statements = dict[str, list[str]]


@dataclass(slots=True)
class _Project:
    """The statements about a project, and about each node below it by the rest of its IRI."""

    iri: str
    own: Statements = field(default_factory=dict)
    parts: dict[str, Statements] = field(default_factory=dict)

    @property
    def is_project(self) -> bool:
        """Whether this is a project, rather than only an old key that was replaced."""
        return f"<{CYB.Project}>" in self.own.get(RDF.type, ())


#: The rows of each table. A tuple as a cell contains IRIs, to be replaced by names.
TableRows = dict[str, list[tuple[str | tuple[str, ...], ...]]]


def make_table_rows(graph: StatementsBySubject) -> TableRows:
    """Return the rows of each table for a graph."""
    rows: TableRows = {table: [] for table in COLUMNS}
    for project in _projects(graph):
        rows["projects"].append(_project_row(project))
        rows["participations"] += _participation_rows(project)
        rows["outcomes"] += _outcome_rows(project)
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


def replace_iris(row: tuple[str | tuple[str, ...], ...], names: TableNames) -> list[str]:
    """Return a row with names instead of IRIs."""
    return [cell if isinstance(cell, str) else _PARTS.join(map(names.of, cell)) for cell in row]


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
                writers[table].writerows(replace_iris(row, names) for row in rows)
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


def _projects(graph: StatementsBySubject) -> Iterator[_Project]:
    """Yield the projects in the order of the graph."""
    found: dict[str, _Project] = {}
    for subject, statements in graph.items():
        if subject.startswith(_START):
            key, _, part = subject.removeprefix(_START).partition("/")
            if (project := found.get(key)) is None:
                project = found[key] = _Project(_START + key)
            if part:
                project.parts[part] = statements
            else:
                project.own = statements
    return (project for project in found.values() if project.is_project)


def _project_row(project: _Project) -> tuple[str | tuple[str, ...], ...]:
    values = [(row, object_texts(project.own, row.term)) for row in _FIELDS]
    return project.iri, *(tuple(own) if row.term in _NAMED else _PARTS.join(own) for row, own in values)


def _participation_rows(project: _Project) -> Iterator[tuple[str | tuple[str, ...], ...]]:
    for part, node in project.parts.items():
        if f"<{CYB.Participation}>" not in node.get(RDF.type, ()):
            continue
        quotes = [
            project.parts.get(quote.removeprefix(f"{project.iri}/"), {}) for quote in object_texts(node, CYB.evidence)
        ]
        surest = max(quotes, key=_confidence, default={})
        actor, role, basis = (_one(node, term) for term in (CYB.actor, CYB.role, CYB.basis))
        yield (
            project.iri,
            actor,
            (actor,),
            (role,) if role else part.rpartition("/")[2],
            (basis,),
            _one(surest, CYB.confidence),
            _one(surest, OA.exact),
        )


def _confidence(quote: Statements) -> float:
    return float(_one(quote, CYB.confidence) or 0)


def _outcome_rows(project: _Project) -> Iterator[tuple[str, ...]]:
    for part, node in sorted(project.parts.items(), key=lambda item: (len(item[0]), item[0])):
        for kind in object_texts(node, RDF.type):
            if kind in _ITEMS:
                yield project.iri, _ITEMS[kind], part.rpartition("/")[2], _one(node, DCTERMS.description)


def _one(node: Statements, term: str) -> str:
    return next(iter(object_texts(node, term)), "")
