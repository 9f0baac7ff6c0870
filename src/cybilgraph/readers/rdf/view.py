"""The statements about a project as texts and names; statements that are not read are reported.

The current graph and each earlier capture are read separately.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from sys import intern
from typing import Any, TypeGuard
from urllib.parse import unquote

import pyoxigraph as ox

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import FIELDS, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.record import Named, Place, Source, Text
from cybilgraph.model.rules import finding
from cybilgraph.model.state_bodies import parse_actor_name, successor_key
from cybilgraph.model.vocabulary import (
    CYB,
    DCTERMS,
    FOAF,
    RDF,
    RDFS,
    SKOS,
    own_pattern,
    path_of,
    published_iri,
    shorten,
)
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.rdf.document import MAX_LOCATED_BYTES, Document
from cybilgraph.readers.rdf.positions import UNKNOWN, Places
from cybilgraph.readers.record_builder import RecordBuilder, Section, shorten_quote
from cybilgraph.readers.text import normalise, resolve_entities

#: An IRI, a blank node (``_:…``), or a literal.
Term = str | ox.Literal
#: The place of a value without a line.
NOWHERE = Place(0, 0)
#: The maximum number of names looked up per field, of predicates reported individually, and of quoted characters.
_MAX_NAME_LOOKUPS, _MAX_REPORTED, _MAX_QUOTE_CHARACTERS = 1_000, 100, 200
#: Fields by property.
BY_TERM = {row.term: row for row in FIELDS if row.term}
_OWN = re.compile("id/([a-z-]{1,20})/([^/?#]+)")
_VERSION = "OWNgraph/([^/]+)/([0-9]{1,9})"
_NUMBER = re.compile("[0-9]{1,9}")
_LABELS = (SKOS.prefLabel, RDFS.label, FOAF.name, DCTERMS.title)
#: Properties by which a project may be referred to.
_PROJECT_NAMES = (DCTERMS.identifier, CYB.slug, *_LABELS)


class RecordGraph:
    """Statements with the offsets of their values, which tracks those that were read.

    ``shared`` is the graph that all captures share. It is asked for subjects that this graph does not have.
    """

    def __init__(self, shared: RecordGraph | None = None) -> None:
        #: By subject, in file order.
        self.statements: dict[str, dict[str, dict[Term, int]]] = {}
        #: The offset at which each subject first occurs.
        self.begins: dict[str, int] = {}
        #: The subjects and predicates that were read.
        self.read: set[tuple[str, str]] = set()
        self._shared = shared

    def values(self, subject: str, predicate: str) -> list[Term]:
        """Return the distinct values, in file order."""
        self.read.add((subject, predicate))
        if subject not in self.statements and self._shared:
            return self._shared.values(subject, predicate)
        return list(self.statements.get(subject, {}).get(predicate, ()))

    def at(self, subject: str, predicate: str, value: Term) -> int:
        """Return the offset of the value of a statement."""
        if subject not in self.statements and self._shared:
            return self._shared.at(subject, predicate, value)
        return self.statements.get(subject, {}).get(predicate, {}).get(value, UNKNOWN)


def read_graphs(input_file: Input) -> tuple[Source, Places, list[RecordGraph], SourceError | None, str]:
    """Return the graphs of a file: earlier captures by number, then the current graph.

    Other named graphs are part of the current graph. A damaged file is read up to the damage; its error and the
    last subject before it come last. Raises SourceError if the file is not RDF or is unsafe to parse.
    """
    document = Document(input_file)
    present = RecordGraph()
    earlier: dict[tuple[str, int], RecordGraph] = {}
    damage: SourceError | None = None
    subject = ""
    try:
        for quad, spot in document.statements(located=len(document.content) <= MAX_LOCATED_BYTES):
            graph = present
            if isinstance(quad.graph_name, ox.NamedNode) and (
                version := own_pattern(_VERSION).fullmatch(quad.graph_name.value)
            ):
                graph = earlier.setdefault((unquote(version[1]), int(version[2])), RecordGraph(present))
            subject = _name(quad.subject)
            value = quad.object if isinstance(quad.object, ox.Literal) else _name(quad.object)
            graph.begins.setdefault(subject, spot.subject)
            values = graph.statements.setdefault(subject, {}).setdefault(_name(quad.predicate), {})
            values.setdefault(value, spot.object)
    except SourceError as error:
        damage = error
    source = Source(input_file.name, hashlib.sha256(document.content).hexdigest())
    graphs = [*(earlier[key] for key in sorted(earlier)), present]
    return source, document.places, graphs, damage, subject


def parse_own_iri(term: Term) -> tuple[str, str] | None:
    """Return kind and key of one of our IRIs (the inverse of ``vocabulary.thing_iri``), or None."""
    match = _OWN.fullmatch(path_of(term)) if isinstance(term, str) else None
    return (match[1], unquote(match[2])) if match else None


class ProjectView:
    """What a graph says about a project, in the language of its record."""

    def __init__(self, input_file: Input, graph: RecordGraph, places: Places) -> None:
        self.graph = graph
        self.language = "en"
        self.findings: list[Finding] = []
        self._places = places
        #: Stands for the file in records built from a part of it.
        self.file = Input(input_file.name, data=b"")
        self._visited: dict[str, None] = {}
        self._looked_up: Counter[str] = Counter()
        self._beyond: dict[str, Text] = {}  # the first name beyond the maximum, by field
        self._left: dict[str, Text] = {}
        self._second: dict[str, tuple[Text, Text]] = {}

    def visit(self, node: str) -> None:
        """Mark a node as visited: its statements that are not read will be reported."""
        self._visited.setdefault(node)
        self.graph.values(node, RDF.type)

    def values(self, node: str, predicate: str) -> list[Term]:
        """Return all values. If all are IRIs that end with a number, sort them by it."""
        values = self.graph.values(node, predicate)
        numbers = [str(value).rpartition("/")[2] if isinstance(value, str) else "" for value in values]
        if all(map(_NUMBER.fullmatch, numbers)):
            return [values[at] for at in sorted(range(len(values)), key=lambda at: int(numbers[at]))]
        return values

    def single(self, node: str, predicate: str) -> Term:
        """Return the first value, or an empty text; the second one is reported."""
        first, *rest = self.values(node, predicate) or [""]
        for other in rest[:1]:
            self._note_second(predicate, *(self.printed(node, predicate, value) for value in (first, other)))
        return first

    def nodes(self, node: str, predicate: str) -> list[str]:
        """Return the values that are nodes, and visit them. Literals are reported."""
        found = []
        for value in self.values(node, predicate):
            if isinstance(value, str):
                self.visit(value)
                found.append(value)
            else:
                self.note_unread(node, predicate, value)
        return found

    def place(self, node: str, predicate: str, value: Term) -> Place | None:
        """Return the place of the value of a statement."""
        return self._places.place(self.graph.at(node, predicate, value))

    def begin(self, node: str) -> Place | None:
        """Return the place where a subject first occurs."""
        return self._places.place(self.graph.begins.get(node, UNKNOWN))

    def printed(self, node: str, predicate: str, value: Term) -> Text:
        """Return a value as printed, with its place."""
        if isinstance(value, str):
            return Text(value, self.place(node, predicate, value))
        text = self._places.text(value.value, self.graph.at(node, predicate, value))
        resolved = resolve_entities(text.text)
        return text if resolved == text.text else Text(resolved, text.place)

    def texts(self, node: str, predicate: str) -> list[Text]:
        """Return the literals in the record's language or without one, or else in English or another language."""
        by_language: dict[str, list[ox.Literal]] = {}
        for value in self.graph.values(node, predicate):
            if isinstance(value, ox.Literal):
                by_language.setdefault((value.language or "").lower(), []).append(value)
            else:
                self.note_unread(node, predicate, value)
        taken = [language for language in by_language if language in (self.language, "")]
        taken = taken or [language for language in ("en", *by_language) if language in by_language][:1]
        for language in by_language.keys() - set(taken):
            self.note_unread(node, predicate, by_language[language][0], f"@{language}")
        literals = [value for language in taken for value in by_language[language] if value.value.strip()]
        return [self.printed(node, predicate, value) for value in literals]

    def text(self, node: str, predicate: str) -> Text:
        """Return a literal on one line; further ones are reported."""
        first, *rest = self.texts(node, predicate) or [Text("")]
        for other in rest[:1]:
            self._note_second(predicate, first, other)
        return to_one_line(first)

    def name(self, node: str, predicates: tuple[str, ...] = _LABELS) -> Text:
        """Return the name of a node; empty if it has none. An rdfs:label that repeats it is not unread."""
        for predicate in predicates:
            if (text := self.text(node, predicate)).text:
                labels = self.graph.statements.get(node, {}).get(RDFS.label, {}).keys()
                if labels <= set(self.graph.values(node, predicate)):
                    self.graph.values(node, RDFS.label)
                return text
        return Text("")

    def named(self, kinds: tuple[str, ...], target: Term, printed: Text) -> Named | None:
        """Return the entry of an IRI: one of ours, or one that the reference data equate with an entry.

        ``printed`` is its printed name, and may be empty.
        """
        known, home = True, ""
        if found := parse_own_iri(target):
            kind, key = found
            if kind not in kinds:
                return None
            if kind != "project" and (entry := load_gazetteer().find_by_key(kind, key)):
                key, name = entry.key, entry.name
            else:
                label = self.name(str(target), (SKOS.prefLabel,)).text
                known, name = kind == "project" and not label, label or key
                if kind == "actor":
                    key = successor_key(key, (printed.text, label))
                    known = load_gazetteer().get(kind, key) is not None
                seats = filter(None, map(parse_own_iri, self.values(str(target), CYB.seat))) if kind == "actor" else ()
                home = next((seat for _, seat in seats if parse_actor_name(printed.text, seat).key == key), "")
        elif (entry := _load_same_as().get(target)) and entry.kind in kinds:
            kind, key, name = entry.kind, entry.key, entry.name
        else:
            return None
        return Named(kind, key, printed if printed.text else replace(printed, text=name), known, home)

    def resolve(self, row: Field, node: str, predicate: str, target: Term) -> tuple[Any, ...]:
        """Return the values that the object of a statement names, like text under the field's label.

        There are none if the field has had too many names.
        """
        self._looked_up[row.name] += 1
        place = self.printed(node, predicate, target).place
        if self._looked_up[row.name] > _MAX_NAME_LOOKUPS:
            self._beyond.setdefault(row.name, Text("", place))
            return ()
        text = self._name_of(row, target)
        found: list[Finding] = []
        builder = RecordBuilder(self.file, found)
        builder.take(Section(row, shorten(row.term), place or NOWHERE, [Text(text, place)] if text else []))
        record = builder.record()
        self.findings += found
        values = record.scopes if row.kind is FieldKind.SCOPES else record.values(row.name)
        if not values:
            self.note_unread(node, predicate, target)
        return values

    def _name_of(self, row: Field, target: Term) -> str:
        if isinstance(target, ox.Literal):
            return normalise(target.value)
        if (found := parse_own_iri(target)) and found[0] in load_gazetteer().entries:
            entry = load_gazetteer().find_by_key(*found)
            return entry.name if entry else found[1]
        if row.kind is FieldKind.PROJECTS:
            return self.name(target, _PROJECT_NAMES).text or ("" if target.startswith("_:") else target)
        self.visit(target)
        if name := self.name(target).text:
            return name
        last = unquote(re.split(r"[/#:]", target.rstrip("/"))[-1])
        kinds = ("actor", "country", "region", "group", "theme", "status")
        is_known = any(load_gazetteer().find(kind, last) for kind in kinds)
        return last if is_known else "" if target.startswith("_:") else target

    def note_unread(self, node: str, predicate: str, value: Term, more: str = "") -> None:
        """Note a value that is not read."""
        if predicate not in self._left:
            printed = self.printed(node, predicate, value)
            self._left[predicate] = replace(printed, text=f"{printed.text}{more}")

    def _note_second(self, predicate: str, kept: Text, other: Text) -> None:
        """Note a second value of a single-valued field."""
        if predicate in BY_TERM:
            self._second.setdefault(predicate, (kept, other))
        else:
            self._left.setdefault(predicate, other)

    def collect_findings(self) -> list[Finding]:
        """Return all findings, including one for each predicate that was not read."""
        for node in self._visited:
            for predicate, values in self.graph.statements.get(node, {}).items():
                if (node, predicate) not in self.graph.read:
                    self.note_unread(node, predicate, next(iter(values)))
        for predicate, (kept, other) in sorted(self._second.items()):
            quotes = (shorten_quote(value.text, _MAX_QUOTE_CHARACTERS) for value in (kept, other))
            texts = dict(zip(("kept", "other"), quotes, strict=True))
            self.find("second-value", other, {"label": shorten(predicate), **texts}, shorten(predicate))
        left = sorted(self._left.items())
        for predicate, text in left[:_MAX_REPORTED]:
            if is_unknown(predicate):
                self.find("unknown-term", text, {"term": shorten(predicate)}, label=shorten(predicate))
            else:
                self.find("not-read", text, label=shorten(predicate))
        if len(left) > _MAX_REPORTED:
            place = left[_MAX_REPORTED][1].place
            self.find("more-not-read", Text("", place), {"count": f"{len(left) - _MAX_REPORTED:,}"})
        for name, first in sorted(self._beyond.items()):
            count = f"{self._looked_up[name]:,}"
            self.find("too-many", first, {"count": count, "name": name, "most": f"{_MAX_NAME_LOOKUPS:,}"})
        return self.findings

    def find(self, rule: str, printed: Text, values: Mapping[str, object] | None = None, label: str = "") -> None:
        """Add a finding."""
        text = shorten_quote(printed.text, _MAX_QUOTE_CHARACTERS)
        self.findings.append(finding(rule, self.file.name, values, text=text, label=label, place=printed.place))


def is_unknown(term: Term) -> TypeGuard[str]:
    """Return whether an IRI in the namespace of the ontology is none of its terms."""
    return isinstance(term, str) and term.startswith(CYB.iri) and term.removeprefix(CYB.iri) not in CYB.terms


def to_one_line(text: Text) -> Text:
    """Return the text with single spaces, and the place of its first word."""
    text = text.part(0)
    return Text(normalise(text.text), text.place)


def _name(term: ox.NamedNode | ox.BlankNode | ox.Triple) -> str:
    return intern(term.value if isinstance(term, ox.NamedNode) else str(term))


@cache
def _load_same_as() -> dict[Term, GazetteerEntry]:
    """Load the external addresses of reference entries, including those on other sites."""
    names = load_gazetteer()
    known: dict[Term, GazetteerEntry] = {
        address: entry
        for entry in names
        for address in (*entry.cell("same_as"), *(one.iri for one in entry.identifiers if one.iri))
    }
    published = ((published_iri(kind, key), names.get(kind, key)) for kind, key in names.published)
    return known | {address: entry for address, entry in published if address and entry}
