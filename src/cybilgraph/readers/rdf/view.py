"""The statements about one project, seen as texts and names; what nobody looks at is told of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

import pyoxigraph as ox

from cybilgraph.fields import Field
from cybilgraph.findings import Finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.rdf.graph import Graph, Term
from cybilgraph.readers.sections import Section, Sections
from cybilgraph.record import Named, Place, Record, Text
from cybilgraph.reference import Entry, reference
from cybilgraph.rules import finding
from cybilgraph.vocab import BASE, CYB, DCTERMS, FOAF, RDF, RDFS, SKOS, short

#: RDF has no lines.
NOWHERE = Place(0, 0)
#: Names that are looked up for one field, and predicates that are told of: more are counted.
_NAMES_MOST, _TOLD_MOST = 1_000, 100
_OWN = re.compile(rf"{re.escape(BASE)}id/([a-z-]{{1,20}})/([^/?#]+)")
_LABELS = (SKOS.prefLabel, RDFS.label, FOAF.name, DCTERMS.title)
#: What a project may be known by to another.
_PROJECT_NAMES = (DCTERMS.identifier, CYB.slug, *_LABELS)


def own(term: Term) -> tuple[str, str] | None:
    """Kind and key of an IRI of ours (the inverse of ``vocab.thing``)."""
    match = _OWN.fullmatch(term) if isinstance(term, str) else None
    return (match[1], unquote(match[2])) if match else None


class View:
    """What a graph says of one project, in the language of its record."""

    def __init__(self, given: Input, graph: Graph, language: str = "en") -> None:
        self.graph = graph
        self.language = language
        self.findings: list[Finding] = []
        self._file = given.name
        self._visited: dict[str, None] = {}
        self._looked_up: Counter[str] = Counter()
        self._left: dict[str, str] = {}

    def sections(self) -> Sections:
        """The reader of labelled texts, for what is given as text."""
        return Sections(Input(self._file, given=b""), self.findings)

    def visit(self, node: str) -> None:
        """Have what is said of a node, and not read, told of."""
        self._visited.setdefault(node)
        self.graph.values(node, RDF.type)

    def values(self, node: str, predicate: str) -> list[Term]:
        """All values; nodes of ours that end in a number come in its order."""
        values = self.graph.values(node, predicate)
        numbers = [str(value).rpartition("/")[2] if isinstance(value, str) else "" for value in values]
        if values and all(re.fullmatch("[0-9]{1,9}", number) for number in numbers):
            values = [
                value for _, value in sorted(zip(map(int, numbers), values, strict=True), key=lambda pair: pair[0])
            ]
        return values

    def nodes(self, node: str, predicate: str) -> list[str]:
        """The values that are nodes; they are visited. A literal is left, and told of."""
        found = []
        for value in self.values(node, predicate):
            if isinstance(value, str):
                self.visit(value)
                found.append(value)
            else:
                self.leave(predicate, value)
        return found

    def texts(self, node: str, predicate: str) -> list[str]:
        """The literals in the record's language, or without one; else in English, or another."""
        by_language: dict[str, list[str]] = {}
        for value in self.graph.values(node, predicate):
            if isinstance(value, ox.Literal):
                by_language.setdefault((value.language or "").lower(), []).append(value.value)
            else:
                self.leave(predicate, value)
        taken = [language for language in by_language if language in (self.language, "")]
        taken = taken or [language for language in ("en", *by_language) if language in by_language][:1]
        for language in by_language.keys() - set(taken):
            self.leave(predicate, f"{by_language[language][0]}@{language}")
        return [text for language in taken for text in by_language[language] if text.strip()]

    def text(self, node: str, predicate: str) -> str:
        """The one literal, on one line; further ones are left, and told of."""
        first, *rest = self.texts(node, predicate) or [""]
        for other in rest[:1]:
            self.leave(predicate, other)
        return " ".join(first.split())

    def name(self, node: str, predicates: tuple[str, ...] = _LABELS) -> str:
        """What a node is called; empty where it has no name."""
        return next((text for predicate in predicates if (text := self.text(node, predicate))), "")

    def named(self, kinds: tuple[str, ...], target: Term, printed: str = "") -> Named | None:
        """The thing of an IRI: ours, or one that our reference data know as the same."""
        if found := own(target):
            kind, key = found
            if kind in kinds:
                entry = None if kind == "project" else reference().get(kind, key)
                label = "" if entry else self.name(str(target), (SKOS.prefLabel,))
                known = not label if kind == "project" else entry is not None
                return Named(kind, key, Text(printed or label or (entry.name if entry else key)), known)
        elif isinstance(target, str) and (entry := _same().get(target)) and entry.kind in kinds:
            return Named(entry.kind, entry.key, Text(printed or entry.name))
        return None

    def resolve(self, row: Field, target: Term) -> Record | None:
        """A value by its name, read as if it stood under the field's label. None where the field
        has had too many.
        """
        self._looked_up[row.name] += 1
        if self._looked_up[row.name] > _NAMES_MOST:
            return None
        text = self._called(row, target)
        found: list[Finding] = []
        sections = Sections(Input(self._file, given=b""), found)
        sections.take(Section(row, short(row.term), NOWHERE, [Text(text)] if text else []))
        record = sections.record()
        self.findings += found
        if not record.values(row.name) and not record.scopes:
            self.leave(row.term, target)
        return record

    def _called(self, row: Field, target: Term) -> str:
        if isinstance(target, ox.Literal):
            return " ".join(target.value.split())
        if (found := own(target)) and found[0] in reference().entries:
            entry = reference().get(*found)
            return entry.name if entry else found[1]
        if row.kind == "projects":
            return self.name(target, _PROJECT_NAMES) or ("" if target.startswith("_:") else target)
        self.visit(target)
        if name := self.name(target):
            return name
        last = unquote(re.split(r"[/#:]", target.rstrip("/"))[-1])
        known = any(reference().find(kind, last) for kind in ("actor", "country", "region", "group", "theme", "status"))
        return last if known else "" if target.startswith("_:") else target

    def leave(self, predicate: str, value: Term) -> None:
        """Note a value that no field takes."""
        self._left.setdefault(predicate, value if isinstance(value, str) else value.value)

    def tell(self) -> list[Finding]:
        """All findings: also one for each predicate with statements that were not read."""
        for node in self._visited:
            for predicate, value in self.graph.not_asked(node):
                self.leave(predicate, value)
        left = sorted(self._left.items())
        for predicate, value in left[:_TOLD_MOST]:
            self.find("not-read", value, predicate=predicate)
        if len(left) > _TOLD_MOST:
            self.find("more-not-read", "", {"count": f"{len(left) - _TOLD_MOST:,}"})
        for name, count in sorted(self._looked_up.items()):
            if count > _NAMES_MOST:
                self.find("too-many", "", {"count": f"{count:,}", "name": name, "most": f"{_NAMES_MOST:,}"})
        return self.findings

    def find(self, rule: str, text: str, values: Mapping[str, object] | None = None, predicate: str = "") -> None:
        """Add a finding for information."""
        text = text if len(text) <= 200 else f"{text[:199]}…"
        self.findings.append(finding(rule, self._file, values, text=text, label=short(predicate) if predicate else ""))


@cache
def _same() -> dict[str, Entry]:
    """Addresses of others for things of the reference data."""
    same: dict[str, Any] = {}
    for entry in reference():
        same.update(dict.fromkeys(entry.cell("same_as"), entry))
    return same
