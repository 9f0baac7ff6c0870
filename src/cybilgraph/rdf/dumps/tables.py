"""Write the graph as tables: projects, participations, scopes, outcomes, sums of money, and the whole network.

In CSV, "; " separates several values in a cell. Parquet has types: lists, numbers and dates.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from itertools import accumulate, chain
from pathlib import Path
from typing import IO, Any

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema, list_array
from arro3.io import read_csv, write_parquet

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.vocabulary import CYB, DCTERMS, OA, ORG, RDF, SCHEMA, thing_iri
from cybilgraph.rdf.dumps import open_gzip
from cybilgraph.rdf.dumps.countries import write_countries
from cybilgraph.rdf.dumps.network import write_gexf, write_graphml
from cybilgraph.rdf.ntriples import StatementsBySubject, object_texts
from cybilgraph.runtime.spill import TemporaryDatabase

_FIELDS = tuple(
    row
    for row in FIELDS
    if row.term and row.column
    if row.kind
    in (
        *(FieldKind.VALUE, FieldKind.DATE, FieldKind.CHOICE, FieldKind.PROSE, FieldKind.SCOPES, FieldKind.ACTORS),
        FieldKind.PROJECTS,
    )
)
_NAMED = {row.term for row in _FIELDS if row.kind in (FieldKind.CHOICE, FieldKind.SCOPES, FieldKind.ACTORS)}
_ITEMS = {row.node_class: row.segment for row in FIELDS if row.kind is FieldKind.ITEMS}
#: The first and last possible days of a project.
_BOUNDS = {
    "start_earliest": CYB.startEarliest,
    "start_latest": CYB.startLatest,
    "end_earliest": CYB.endEarliest,
    "end_latest": CYB.endLatest,
}
_NODES, _EDGES = "network-nodes", "network-edges"
_PROJECT = "Project"
_UNRECOGNISED = "Unrecognised"
_PLACES = {"country": CYB.Country, "region": CYB.Region, "group": CYB.Group}
#: The columns of each table.
COLUMNS = {
    "projects": ("project", *(row.column for row in _FIELDS), *_BOUNDS, "country_codes"),
    "participations": ("project", "actor", "actor_name", "role", "basis", "confidence", "quote"),
    "scopes": ("project", "kind", "concept", "concept_name", "basis", "confidence", "quote", "concept_code", "share"),
    "outcomes": ("project", "kind", "number", "description"),
    "funding": (
        *("project", "amount", "currency", "funding_kind", "period_start", "period_end", "value_date", "transactions"),
        *("provider", "provider_name", "receiver", "receiver_name", "basis", "confidence", "quote"),
    ),
    _NODES: ("node", "label", "kind", "type", "country", "start", "end"),
    _EDGES: ("source", "target", "role", "basis", "confidence", "start", "end"),
}
#: The columns with several values, and the types of columns in Parquet that are not text.
LISTS = {*(row.column for row in _FIELDS if row.is_multivalued and row.kind is not FieldKind.PROSE), "country_codes"}
TYPES = {
    **dict.fromkeys(("number", "transactions"), DataType.int32()),
    "confidence": DataType.float64(),
    "amount": DataType.decimal128(20, 6),
    "share": DataType.decimal128(13, 10),
    **dict.fromkeys((*_BOUNDS, "period_start", "period_end", "value_date"), DataType.date32()),
    **{f"{table}.{column}": DataType.date32() for table in (_NODES, _EDGES) for column in ("start", "end")},
}
_LIST = DataType.list(Field("item", DataType.utf8(), nullable=True))
#: What separates the values of a cell: in temporary files, which texts do not contain, and in CSV.
_PARTS, _SHOWN_PARTS = "\x1f", "; "
_ROWS_PER_GROUP, _BLOCK_BYTES = 100_000, 1 << 18
#: The number of names cached in memory.
_MAX_NAMES_IN_MEMORY = 50_000
_ZSTD = "zstd(3)"

Statements = dict[str, list[str]]


#: A tuple as a cell contains values; those that are IRIs of things with names are replaced by these.
Row = tuple[str | tuple[str, ...], ...]
TableRows = dict[str, list[Row]]


def make_table_rows(graph: StatementsBySubject) -> TableRows:
    """Return the rows of each table for a graph."""
    projects: dict[str, dict[str, Statements]] = {}
    start = thing_iri("project", "")
    for subject, statements in graph.items():
        if subject.startswith(start):
            key, _, part = subject.removeprefix(start).partition("/")
            projects.setdefault(start + key, {})[part] = statements
    rows: TableRows = {table: [] for table in COLUMNS}
    for iri, parts in projects.items():
        own = parts.get("", {})
        if f"<{CYB.Project}>" in own.get(RDF.type, ()):  # not an old key that was replaced
            rows["projects"].append(_project_row(iri, own))
            participations, scopes = [*_participation_rows(iri, parts)], [*_scope_rows(iri, parts)]
            rows["participations"] += participations
            rows["scopes"] += scopes
            rows["outcomes"] += _outcome_rows(iri, parts)
            rows["funding"] += _funding_rows(iri, parts)
            rows[_EDGES] += _edge_rows(iri, own, participations, scopes)
    rows[_NODES] += _node_rows(graph)
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
        linked, declared = set[str](), set[str]()
        others: list[Row] = []
        for piece in pieces:
            for table, rows in piece.items():
                if table == _EDGES:
                    linked.update(str(end) for row in rows for end in row[:2])
                elif table == _NODES:
                    declared.update(str(row[0]) for row in rows)
                    others += [row for row in rows if row[2] != _PROJECT]
                    rows = [row for row in rows if row[2] == _PROJECT]
                writers[table].writerows(_cells(row, names) for row in rows)
        # A name that is not recognised as a place has no class.
        others += [(end, (end,), _UNRECOGNISED, "", "", "", "") for end in sorted(linked - declared)]
        writers[_NODES].writerows(_cells(row, names) for row in others if row[0] in linked)
    csv.field_size_limit(sys.maxsize)  # global; a text may be long, and these tables are our own
    network = plain_files[_NODES], plain_files[_EDGES]
    write_graphml(*network, folder / "network.graphml")
    write_gexf(*network, folder / "network.gexf")
    write_countries(plain_files["projects"], folder / "countries.geojson")
    for table, path in plain_files.items():
        with path.open("rb") as content, open_gzip(folder / f"{table}.csv.gz") as compressed:
            while block := content.read(_BLOCK_BYTES):
                compressed.write(block.replace(_PARTS.encode(), _SHOWN_PARTS.encode()))
        _write_parquet(table, path, folder / f"{table}.parquet")
        path.unlink()


def _cells(row: Row, names: TableNames) -> list[str]:
    return [cell if isinstance(cell, str) else _PARTS.join(map(names.of, cell)) for cell in row]


def column_type(table: str, column: str) -> DataType:
    """Return the type of a column in Parquet."""
    if table == "projects" and column in LISTS:
        return _LIST
    return TYPES.get(f"{table}.{column}", TYPES.get(column, DataType.utf8()))


def describe_columns(table: str) -> Iterator[tuple[str, str, bool]]:
    """Yield each column of a table with its datatype in schema.org, and whether it has several values."""
    for column in COLUMNS[table]:
        kind = column_type(table, column)
        checks = {"Integer": DataType.is_integer, "Float": DataType.is_numeric, "Date": DataType.is_temporal}
        datatype = next((name for name, check in checks.items() if check(kind)), "Text")
        yield column, datatype, DataType.is_list(kind)


def _write_parquet(table: str, plain: Path, path: Path) -> None:
    """Write a table as Parquet from its temporary CSV file, a batch at a time. Raises OSError."""
    types = {column: column_type(table, column) for column in COLUMNS[table]}
    is_list = [DataType.is_list(kind) for kind in types.values()]
    schema = Schema([Field(column, kind, nullable=True) for column, kind in types.items()])
    read_as = Schema(
        [
            Field(column, DataType.utf8() if several else kind, nullable=True)
            for (column, kind), several in zip(types.items(), is_list, strict=True)
        ]
    )

    def batches() -> Iterator[RecordBatch]:
        for batch in read_csv(plain, read_as, has_header=True):
            columns = [
                _lists(column) if several else column for column, several in zip(batch.columns, is_list, strict=True)
            ]
            yield RecordBatch.from_arrays(columns, schema=schema)

    with path.open("wb") as file:
        output: Any = _ErrorKeepingFile(file)
        reader = RecordBatchReader.from_batches(schema, batches())
        write_parquet(reader, output, compression=_ZSTD, max_row_group_size=_ROWS_PER_GROUP)
    if output.error:
        raise output.error


def _lists(column: Array) -> Array:
    """Split the cells of a column into lists."""
    values = [cell.split(_PARTS) if cell else [] for cell in column.to_pylist()]
    offsets = Array(list(accumulate(map(len, values), initial=0)), DataType.int32())
    return list_array(offsets, Array(list(chain.from_iterable(values)), DataType.utf8()), type=_LIST)


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
    values = ((row, object_texts(own, row.term)) for row in _FIELDS)
    return (
        iri,
        *(
            tuple(texts) if row.term in _NAMED else (_PARTS if row.column in LISTS else _SHOWN_PARTS).join(texts)
            for row, texts in values
        ),
        *(_first(own, term) for term in _BOUNDS.values()),
        _PARTS.join(map(_code, object_texts(own, CYB.country))),
    )


def _participation_rows(iri: str, parts: dict[str, Statements]) -> Iterator[Row]:
    for part, node in _claims(parts, CYB.Participation):
        actor, role = _first(node, CYB.actor), _first(node, CYB.role)
        yield iri, actor, (actor,), (role,) if role else part.rpartition("/")[2], *_evidence(iri, parts, node)


def _scope_rows(iri: str, parts: dict[str, Statements]) -> Iterator[Row]:
    for part, node in _claims(parts, CYB.Scope):
        concept = _first(node, CYB.concept)
        yield (
            iri,
            part.split("/")[1],
            concept,
            (concept,),
            *_evidence(iri, parts, node),
            _code(concept),
            _first(node, CYB.share),
        )


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
    """Return the basis of a claim, and the confidence and text of its quote with the highest confidence."""
    quotes = [parts.get(quote.removeprefix(f"{iri}/"), {}) for quote in object_texts(node, CYB.evidence)]
    surest = max(quotes, key=lambda quote: float(_first(quote, CYB.confidence) or 0), default={})
    return (_first(node, CYB.basis),), _first(surest, CYB.confidence), _first(surest, OA.exact)


def _edge_rows(iri: str, own: Statements, participations: list[Row], scopes: list[Row]) -> Iterator[Row]:
    """Yield the edges of a project: from organisations to it, and from it to places."""
    period = tuple(_first(own, term) for term in (CYB.startEarliest, CYB.endLatest))
    for _, actor, _, role, basis, confidence, _ in participations:
        yield actor, iri, role, basis, confidence, *period
    for _, kind, place, _, basis, confidence, *_ in scopes:
        if kind in _PLACES:
            yield iri, place, kind.title(), basis, confidence, *period


def _node_rows(graph: StatementsBySubject) -> Iterator[Row]:
    """Yield the nodes of a network: projects, organisations and places. Some of the latter may have no edge."""
    for iri, own in graph.items():
        types = own.get(RDF.type, ())
        if f"<{CYB.Project}>" in types:
            period = (_first(own, term) for term in (CYB.startEarliest, CYB.endLatest))
            yield iri, _first(own, DCTERMS.title), _PROJECT, "", "", *period
        elif f"<{CYB.Actor}>" in types:
            yield (
                iri,
                (iri,),
                "Organisation",
                tuple(object_texts(own, ORG.classification)),
                _code(_first(own, CYB.seat)),
                "",
                "",
            )
        else:
            for kind, class_ in _PLACES.items():
                if f"<{class_}>" in types:
                    yield iri, (iri,), kind.title(), "", _code(iri) if kind == "country" else "", "", ""


def _outcome_rows(iri: str, parts: dict[str, Statements]) -> Iterator[Row]:
    for part, node in sorted(parts.items(), key=lambda item: (len(item[0]), item[0])):
        for kind in object_texts(node, RDF.type):
            if kind in _ITEMS:
                yield iri, _ITEMS[kind], part.rpartition("/")[2], _first(node, DCTERMS.description)


def _code(concept: str) -> str:
    """Return the code of a concept, which is the end of its IRI: FJ, 419, caricom."""
    return concept.rpartition("/")[2]


def _first(node: Statements, term: str) -> str:
    return next(iter(object_texts(node, term)), "")
