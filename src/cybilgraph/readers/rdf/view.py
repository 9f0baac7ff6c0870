"""The statements about a project as texts and names; statements that are not read are reported."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import unquote

import pyoxigraph as ox

from cybilgraph.model.fields import FIELDS, Field
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.record import Named, Place, Record, Text
from cybilgraph.model.rules import finding
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, FOAF, RDF, RDFS, SKOS, shorten
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.page.sections import RecordBuilder, Section
from cybilgraph.readers.rdf.graph import RecordGraph, Term
from cybilgraph.readers.rdf.positions import Places
from cybilgraph.readers.text import normalise, resolve_entities

#: The place of a value without a line.
NOWHERE = Place(0, 0)
#: The maximum number of names looked up per field, and of predicates reported individually.
_MAX_NAME_LOOKUPS, _MAX_REPORTED = 1_000, 100
#: The maximum length of a quoted value.
_MAX_QUOTE_CHARACTERS = 200
#: The terms of fields.
_TERMS = frozenset(row.term for row in FIELDS if row.term)
_OWN = re.compile(rf"{re.escape(BASE)}id/([a-z-]{{1,20}})/([^/?#]+)")
_LABELS = (SKOS.prefLabel, RDFS.label, FOAF.name, DCTERMS.title)
#: Properties by which a project may be referred to.
_PROJECT_NAMES = (DCTERMS.identifier, CYB.slug, *_LABELS)


def parse_own_iri(term: Term) -> tuple[str, str] | None:
    """Return kind and key of one of our IRIs (the inverse of ``vocabulary.thing_iri``), or None."""
    match = _OWN.fullmatch(term) if isinstance(term, str) else None
    return (match[1], unquote(match[2])) if match else None


class ProjectView:
    """What a graph says about a project, in the language of its record."""

    def __init__(self, input_file: Input, graph: RecordGraph, places: Places, language: str = "en") -> None:
        self.graph = graph
        self._places = places
        self.language = language
        self.findings: list[Finding] = []
        self._file = input_file.name
        self._visited: dict[str, None] = {}
        self._looked_up: Counter[str] = Counter()
        self._beyond: dict[str, Text] = {}  # the first name beyond the maximum, by field
        self._left: dict[str, Text] = {}
        self._second: dict[str, tuple[Text, Text]] = {}

    def sections(self) -> RecordBuilder:
        """Return a builder for values given as text."""
        return RecordBuilder(Input(self._file, data=b""), self.findings)

    def visit(self, node: str) -> None:
        """Mark a node as visited: its statements that are not read will be reported."""
        self._visited.setdefault(node)
        self.graph.values(node, RDF.type)

    def values(self, node: str, predicate: str) -> list[Term]:
        """Return all values. If all are IRIs that end with a number, sort them by it."""
        values = self.graph.values(node, predicate)
        numbers = [str(value).rpartition("/")[2] if isinstance(value, str) else "" for value in values]
        if values and all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
            values = [
                value for _, value in sorted(zip(map(int, numbers), values, strict=True), key=lambda pair: pair[0])
            ]
        return values

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
        return self._places.place(self.graph.begin(node))

    def printed(self, node: str, predicate: str, value: Term) -> Text:
        """Return a value as printed, with its place."""
        if isinstance(value, ox.Literal):
            text = self._places.text(value.value, self.graph.at(node, predicate, value))
            resolved = resolve_entities(text.text)
            return text if resolved == text.text else Text(resolved, text.place)
        return Text(value, self.place(node, predicate, value))

    def texts(self, node: str, predicate: str) -> list[Text]:
        """Return the literals in the record's language or without one, or else those in English or another
        language.
        """
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
            self.note_second(predicate, first, other)
        return to_one_line(first)

    def name(self, node: str, predicates: tuple[str, ...] = _LABELS) -> Text:
        """Return the name of a node; empty if it has none."""
        texts = (self.text(node, predicate) for predicate in predicates)
        return next((text for text in texts if text.text), Text(""))

    def named(self, kinds: tuple[str, ...], target: Term, printed: Text) -> Named | None:
        """Return the entry of an IRI: one of ours, or one that the reference data equate with an entry.

        ``printed`` is its printed name, and may be empty.
        """
        if found := parse_own_iri(target):
            kind, key = found
            if kind in kinds:
                entry = None if kind == "project" else load_gazetteer().get(kind, key)
                label = "" if entry else self.name(str(target), (SKOS.prefLabel,)).text
                known = not label if kind == "project" else entry is not None
                name = label or (entry.name if entry else key)
                return Named(kind, key, printed if printed.text else replace(printed, text=name), known)
        elif isinstance(target, str) and (entry := _load_same_as().get(target)) and entry.kind in kinds:
            return Named(entry.kind, entry.key, printed if printed.text else replace(printed, text=entry.name))
        return None

    def resolve(self, row: Field, node: str, predicate: str, target: Term) -> Record | None:
        """Read the object of a statement by its name, like text under the field's label.

        Return None if the field has had too many names.
        """
        self._looked_up[row.name] += 1
        place = self.printed(node, predicate, target).place
        if self._looked_up[row.name] > _MAX_NAME_LOOKUPS:
            self._beyond.setdefault(row.name, Text("", place))
            return None
        text = self._name_of(row, target)
        found: list[Finding] = []
        sections = RecordBuilder(Input(self._file, data=b""), found)
        sections.take(Section(row, shorten(row.term), place or NOWHERE, [Text(text, place)] if text else []))
        record = sections.record()
        self.findings += found
        if not record.values(row.name) and not record.scopes:
            self.note_unread(node, predicate, target)
        return record

    def _name_of(self, row: Field, target: Term) -> str:
        if isinstance(target, ox.Literal):
            return normalise(target.value)
        if (found := parse_own_iri(target)) and found[0] in load_gazetteer().entries:
            entry = load_gazetteer().get(*found)
            return entry.name if entry else found[1]
        if row.kind == "projects":
            return self.name(target, _PROJECT_NAMES).text or ("" if target.startswith("_:") else target)
        self.visit(target)
        if name := self.name(target).text:
            return name
        last = unquote(re.split(r"[/#:]", target.rstrip("/"))[-1])
        known = any(
            load_gazetteer().find(kind, last) for kind in ("actor", "country", "region", "group", "theme", "status")
        )
        return last if known else "" if target.startswith("_:") else target

    def note_unread(self, node: str, predicate: str, value: Term, more: str = "") -> None:
        """Note a value that is not read."""
        if predicate not in self._left:
            printed = self.printed(node, predicate, value)
            self._left[predicate] = replace(printed, text=f"{printed.text}{more}")

    def note_second(self, predicate: str, kept: Text, other: Text) -> None:
        """Note a second value of a single-valued field."""
        if predicate in _TERMS:
            self._second.setdefault(predicate, (kept, other))
        else:
            self._left.setdefault(predicate, other)

    def collect_findings(self) -> list[Finding]:
        """Return all findings, including one for each predicate that was not read."""
        for node in self._visited:
            for predicate, value in self.graph.unread_statements(node):
                self.note_unread(node, predicate, value)
        for predicate, (kept, other) in sorted(self._second.items()):
            values = {"label": shorten(predicate), "kept": _quoted(kept), "other": _quoted(other)}
            self.find("second-value", other, values, predicate=predicate)
        left = sorted(self._left.items())
        for predicate, text in left[:_MAX_REPORTED]:
            self.find("not-read", text, predicate=predicate)
        if len(left) > _MAX_REPORTED:
            place = left[_MAX_REPORTED][1].place
            self.find("more-not-read", Text("", place), {"count": f"{len(left) - _MAX_REPORTED:,}"})
        for name, first in sorted(self._beyond.items()):
            count = f"{self._looked_up[name]:,}"
            self.find("too-many", first, {"count": count, "name": name, "most": f"{_MAX_NAME_LOOKUPS:,}"})
        return self.findings

    def find(self, rule: str, printed: Text, values: Mapping[str, object] | None = None, predicate: str = "") -> None:
        """Add a finding."""
        text = _quoted(printed)
        place = printed.place or NOWHERE
        label = shorten(predicate) if predicate else ""
        self.findings.append(
            finding(rule, self._file, values, text=text, label=label, line=place.line, column=place.column)
        )


def _quoted(text: Text) -> str:
    return text.text if len(text.text) <= _MAX_QUOTE_CHARACTERS else f"{text.text[: _MAX_QUOTE_CHARACTERS - 1]}…"


def to_one_line(text: Text) -> Text:
    """Return the text with single spaces, and the place of its first word."""
    text = text.part(0)
    return Text(normalise(text.text), text.place)


@cache
def _load_same_as() -> dict[str, GazetteerEntry]:
    """Load the external addresses of reference entries."""
    same: dict[str, Any] = {}
    for entry in load_gazetteer():
        same.update(dict.fromkeys(entry.cell("same_as"), entry))
    return same
