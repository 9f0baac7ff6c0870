"""Groups changed quads by record, and describes the changed fields."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from cybilgraph.model.fields import BY_NAME, FIELDS, Field, FieldKind
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCTERMS,
    PROV,
    RDF,
    RDFS,
    SCHEMA,
    SKOS,
    VCARD,
    own_byte_pattern,
    own_iri,
    own_pattern,
    shorten,
    thing_iri,
)
from cybilgraph.rdf.description import field_of
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.release.graph_file import read_graph
from cybilgraph.sync.patches import ADDED

_KEY = "<OWN(?:id/project|record)/([^/>]+)([/>])"
_SOURCE = "<OWNrecord/[^/>]+/source"
_RECORD = "<OWNrecord/[^/>]+>"
_DECISION = "<OWNrecord/[^/>]+/decision/[^/>]+/[^/>]+(?=>)"
#: Properties about how a record was read rather than about its content; rdfs:label only repeats other properties.
_PROVENANCE_PROPERTIES = {
    f"<{term}>".encode()
    for term in (
        *(CYB.line, CYB.column, CYB.confidence, CYB.statusAsOf, RDFS.label),
        *(PROV.wasDerivedFrom, PROV.wasRevisionOf, DCTERMS.modified),
    )
}
#: Properties of a project that other records set.
_PROPERTIES_SET_BY_OTHERS = {f"<{term}>".encode() for term in (DCTERMS.isReplacedBy, SKOS.prefLabel, SKOS.altLabel)}
_IS_REPLACED = f"<{DCTERMS.isReplacedBy}>".encode()
_IS_RECORD = f"<{RDF.type}> <{CYB.Record}> .\n".encode()
_NAMES = tuple(f"> <{term}> ".encode() for term in (DCTERMS.title, SKOS.prefLabel))
#: Properties of a project's parts with readable text.
_PROSE_PROPERTIES = {f"<{term}>" for term in (DCTERMS.description, DCTERMS.title, SCHEMA.url, VCARD.fn, VCARD.hasEmail)}
_BY_TERM = {f"<{row.term}>": row for row in FIELDS if row.term}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A changed field, by its column name, with the removed and added values.

    Both are empty if only the order of the values or their evidence has changed. Removed contacts are not listed,
    because the persons should no longer be named, nor what a curator rejected, which may also name a person.
    ``decided`` are new decisions of curators, each a verdict ("confirmed", "rejected" or "corrected") and the value
    that it is about, which is empty if it is not published.
    """

    name: str
    old: list[str]
    new: list[str]
    decided: list[tuple[str, str]] = field(default_factory=list)

    @property
    def undecided(self) -> tuple[list[str], list[str]]:
        """The removed and the added values, without those that a decision already names."""
        named = {value for _, value in self.decided}
        return [value for value in self.old if value not in named], [value for value in self.new if value not in named]

    def describe(self) -> str:
        """Return a readable description without the name of the field."""
        old, new = (", ".join(_brief(value) for value in values) for values in self.undecided)
        parts = [f"{verdict} {_brief(value)}".rstrip() for verdict, value in self.decided]
        if old and new:
            parts.append(f"{old} → {new}")
        elif old or new:
            parts.append(f"+ {new}" if new else f"− {old}")
        return ", ".join(parts) or "same values in another order or with other evidence"


@dataclass(frozen=True, slots=True)
class Change:
    """A record that was ``added``, ``changed`` or ``removed``: its project's key and title, and the changed fields."""

    key: str
    kind: str
    title: str
    fields: list[FieldChange]
    replaced_by: str = ""

    @property
    def iri(self) -> str:
        """The IRI of the record."""
        return own_iri(f"record/{self.key}")

    def describe(self) -> str:
        """Return a readable description."""
        if self.kind != "changed":
            return f"Replaced by {self.replaced_by}." if self.replaced_by else f"{self.kind.capitalize()}."
        return "; ".join(f"{field.name}: {field.describe()}" for field in self.fields) + "."


def _brief(value: str, limit: int = 80) -> str:
    return f"“{value[:limit]}…”" if len(value) > limit else f"“{value}”" if " " in value else value


def record_key(line: bytes) -> bytes:
    """Return the key, as in its IRI, of the record that a quad changes, or b"" if it does not change a record."""
    found = own_byte_pattern(_KEY).match(line)
    if not found or own_byte_pattern(_SOURCE).match(line) or is_in_earlier_graph(line):
        return b""
    predicate = line.split(b" ", 2)[1]
    if predicate in _PROVENANCE_PROPERTIES or (
        predicate in _PROPERTIES_SET_BY_OTHERS and found[2] == b">" and predicate != _IS_REPLACED
    ):
        return b""
    return found[1]


def is_of_record(line: bytes) -> bool:
    """Return whether a quad is about a project, its parts or its record."""
    return own_byte_pattern(_KEY).match(line) is not None


def _is_part(term: bytes) -> bool:
    """Return whether a term is a part of a project or its record; few of these have names."""
    found = own_byte_pattern(_KEY).match(term)
    return found is not None and found[2] == b"/"


def statements_by_key(chunk: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the lines of N-Quads that state what records say at present, with the keys of the records."""
    for found in own_byte_pattern(rf"(?m)^{_KEY}.*\n").finditer(chunk):
        if not is_in_earlier_graph(found[0]):
            yield found[1].decode(), found[0]


def _lines_with(mark: bytes, chunk: bytes) -> Iterator[bytes]:
    """Yield the lines that contain a mark; ten times faster than a loop over all lines."""
    place = chunk.find(mark)
    while place >= 0:
        end = chunk.find(b"\n", place) + 1 or len(chunk)
        yield chunk[chunk.rfind(b"\n", 0, place) + 1 : end]
        place = chunk.find(mark, end)


class ChangedNames:
    """The names of the resources in changed quads, and the titles of the records."""

    def __init__(self, graphs: list[Path], rows: Path, keys: set[bytes]) -> None:
        """Read names from the first of the graphs that has any for a resource."""
        project = f"<{thing_iri('project', '')}".encode()
        things = tuple(f"<{base}id/".encode() for base in (own_iri(), BASE))
        wanted = {project + key + b">" for key in keys}
        with rows.open("rb") as file:
            targets = (row.rstrip(b" .\n").rpartition(b" ")[2] for row in file)
            wanted |= {target for target in targets if target.startswith(things)}
        self._names: dict[str, str] = {}
        for graph in graphs:
            if all(map(_is_part, wanted)):
                break
            wanted -= self._read(graph, wanted)

    def _read(self, graph: Path, wanted: set[bytes]) -> set[bytes]:
        """Read the names of resources from a graph, English ones if there are any; return the resources found."""
        in_english = dict[bytes, bool]()
        for line in (line for chunk in read_graph(graph) for mark in _NAMES for line in _lines_with(mark, chunk)):
            subject, _, rest = line.split(b" ", 2)
            if subject in wanted and not in_english.get(subject):
                in_english[subject] = rest.endswith(b"@en .\n")
                self._names[subject.decode()[1:-1]] = term_text(rest.decode().rpartition(" ")[0])
        return set(in_english)

    def of(self, iri: str) -> str:
        """Return the name of a resource, or its shortened IRI."""
        return self._names.get(iri) or shorten(iri)


def summarise_change(key: str, rows: list[list[bytes]], names: ChangedNames) -> Change | None:
    """Return the change of a record from its rows of ADDED or REMOVED and line; None if its content is unchanged."""
    project = own_iri(f"id/project/{key}")
    own, replaced_by, kinds = [], "", set()
    for kind, line in rows:
        if line.split(b" ", 2)[1] != _IS_REPLACED:
            own.append((kind, line.decode()))
        elif kind == ADDED and not replaced_by:
            replaced_by = line.decode().rstrip(" .\n").rpartition("/")[2][:-1]
        if line.endswith(_IS_RECORD):
            kinds.add(kind)
    title = names.of(project)
    if title.startswith("project:"):
        title = unquote(key)
    if len(kinds) == 1:
        return Change(key, "added" if ADDED in kinds else "removed", title, [], replaced_by)
    fields = list(_fields(own, project, names))
    if any(one.name == "title" and one.decided and not one.new for one in fields):  # only the earlier one has a title
        title = unquote(key)
    return Change(key, "changed", title, fields) if fields else None


def _fields(rows: list[tuple[bytes, str]], project: str, names: ChangedNames) -> Iterator[FieldChange]:
    touched: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    decided = _new_decisions(rows, names)
    for name in decided:
        touched[name]  # even if no value has changed
    stated = {f"{line.split(' ', 2)[1][:-1]}AsPrinted>" for _, line in rows}
    for kind, line in rows:
        line = line.removesuffix(" .\n")
        # If the predicate is in ``stated``, the printed form already shows this value.
        if (name := _field(line, project)) and line.split(" ", 2)[1] not in stated:
            values = touched[name][kind == ADDED]
            values += [value for value in _value(line, project, name, names) if value not in values]
    order = {row.name: number for number, row in enumerate(FIELDS)}
    for name in sorted(touched, key=lambda name: (order.get(name, len(order)), name)):
        old, new = touched[name]
        is_withheld = any(not value for _, value in decided[name])
        removed = [] if name == "contacts" or is_withheld else [value for value in old if value not in new]
        label = _label(BY_NAME[name]) if name in BY_NAME else name
        yield FieldChange(label, removed, [value for value in new if value not in old], decided[name])


def _new_decisions(rows: list[tuple[bytes, str]], names: ChangedNames) -> dict[str, list[tuple[str, str]]]:
    """Return the verdict and value of each decision that was added, by field."""
    described: dict[str, dict[str, str]] = defaultdict(dict)
    for kind, line in rows:
        if kind == ADDED and (subject := own_pattern(_DECISION).match(line)):
            _, predicate, term = line.removesuffix(" .\n").split(" ", 2)
            described[subject[0]][predicate] = names.of(term[1:-1]) if term.startswith("<") else term_text(term)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for node, about in sorted(described.items()):
        if verdict := about.get(f"<{CYB.verdict}>"):
            found[node.split("/")[-2]].append((verdict, about.get(f"<{RDF.object}>", "")))
    return found


def _label(row: Field) -> str:
    return (row.column or row.name).replace("_", " ")


def _field(line: str, project: str) -> str:
    """Return the name of the field that a line belongs to, or ""."""
    subject, predicate, _ = line.split(" ", 2)
    if subject.startswith(f"<{project}"):
        return field_of(line, project)
    if predicate == f"<{CYB.leftBlank}>":
        return "left blank"
    row = _BY_TERM.get(predicate) if own_pattern(_RECORD).fullmatch(subject) else None
    return row.name if row and row.kind is FieldKind.RECORD else ""


def _value(line: str, project: str, name: str, names: ChangedNames) -> Iterator[str]:
    """Yield the readable value of a line, or nothing if it is only about provenance."""
    subject, predicate, term = line.split(" ", 2)
    if name == "left blank":
        yield _label(_BY_TERM[term]) if term in _BY_TERM else shorten(term[1:-1])
    elif subject == f"<{project}>":
        row = BY_NAME.get(name)
        of_field = row is not None and predicate in (f"<{row.term}>", f"<{row.term}AsPrinted>")
        if of_field and not term.startswith(f"<{project}/"):
            yield names.of(term[1:-1]) if term.startswith("<") else term_text(term)
        elif of_field and name == "funding":
            yield term.split("/funding/", 1)[1].partition("/")[0]
    elif not subject.startswith(f"<{project}/"):
        yield term_text(term)
    elif predicate in _PROSE_PROPERTIES and "/evidence/" not in subject:
        yield term_text(term).removeprefix("mailto:")
