"""Read the links of a project from RDF: participations, scopes and relations, with their evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyoxigraph as ox

from cybilgraph.model.fields import BY_NAME, FIELDS, Field, FieldKind
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import (
    Basis,
    Evidence,
    Named,
    Participation,
    Place,
    Relation,
    Scope,
    Text,
)
from cybilgraph.model.vocabulary import CYB, OA, PROV, RDF
from cybilgraph.readers.rdf.graph import Term
from cybilgraph.readers.rdf.view import ProjectView, parse_own_iri

#: Fields by property.
BY_TERM = {row.term: row for row in FIELDS if row.term}
_PLACES = ("country", "region", "group")
_NUMBER = re.compile(r"[01](?:\.[0-9]{1,20})?|0?\.[0-9]{1,20}")
_LINE = re.compile(r"\+?[0-9]{1,9}")
#: Properties of a claim that repeat what its other properties state, or name this file as the source.
_REPEATED = (RDF.subject, RDF.predicate, RDF.object, CYB.confidence, PROV.wasDerivedFrom)
#: Links in the graph that were read: property and object.
_ReadLinks = set[tuple[str, Term]]


def read_links(view: ProjectView, project: str) -> dict[str, Any]:
    """Return participations, scopes and relations: those with nodes of their own first, then direct links."""
    read: _ReadLinks = set()
    links: list[Participation | Scope | Relation] = [
        *_participations(view, project, read),
        *_scopes(view, project, read),
        *_relations(view, project, read),
    ]
    for row in FIELDS:
        if row.kind in (FieldKind.ACTORS, FieldKind.SCOPES, FieldKind.PROJECTS):
            for target in view.values(project, row.term):
                if (row.term, target) not in read:
                    links += _read_link(view, row, (project, row.term, target))
    return {
        "participations": tuple(link for link in links if isinstance(link, Participation)),
        "scopes": tuple(link for link in links if isinstance(link, Scope)),
        "relations": tuple(link for link in links if isinstance(link, Relation)),
    }


def _read_link(view: ProjectView, row: Field, statement: tuple[str, str, Term], node: str = "") -> Iterator[Any]:
    """Yield the links of a field to the object of a statement, by its IRI or its name.

    ``node`` is the node that describes how the link is known, if any.
    """
    basis, evidence = _basis(view, node), tuple(read_evidence(view, node))
    printed = view.text(node, CYB.nameAsPrinted)
    printed = printed if printed.text else Text("", view.place(*statement))
    if named := view.named(_kinds(row), statement[2], printed):
        yield _make_link(row, named, basis, evidence)
    elif record := view.resolve(row, *statement):
        links: list[Any] = [*record.participations, *record.scopes, *record.relations]
        for link in links:
            yield replace(link, basis=basis, evidence=evidence)


def _make_link(row: Field, named: Named, basis: Basis, evidence: tuple[Evidence, ...]) -> Any:
    if row.kind is FieldKind.ACTORS:
        return Participation(named, row.name, basis, evidence)
    return Scope(named, basis, evidence) if row.kind is FieldKind.SCOPES else Relation(row.name, named, basis, evidence)


def _kinds(row: Field) -> tuple[str, ...]:
    """Return the kinds of entry that a field may link to."""
    if row.kind is FieldKind.SCOPES:
        return _PLACES if row.name in _PLACES else (row.name,)
    return {FieldKind.ACTORS: ("actor",), FieldKind.PROJECTS: ("project",)}.get(row.kind, (row.name,))


def _participations(view: ProjectView, project: str, read: _ReadLinks) -> Iterator[Participation]:
    for node in view.nodes(project, CYB.participation):
        role = _role(view, node)
        row = BY_NAME.get(role, BY_NAME["partner"])
        for actor in _targets(view, node, CYB.actor):
            if role in BY_NAME:
                read.add((row.term, actor))
            for link in _read_link(view, row, (node, CYB.actor, actor), node):
                yield replace(link, role=role)


def _role(view: ProjectView, node: str) -> str:
    """Return the key of the role. Roles that are not listed keep their own key."""
    for term in view.values(node, CYB.role):
        found = parse_own_iri(term)
        if found and found[0] == "role" and (found[1] not in BY_NAME or BY_NAME[found[1]].kind is FieldKind.ACTORS):
            return found[1]
        if isinstance(term, ox.Literal) and (entry := load_gazetteer().find("role", term.value)):
            return entry.key
        view.note_unread(node, CYB.role, term)
    return "unspecified"


def _scopes(view: ProjectView, project: str, read: _ReadLinks) -> Iterator[Scope]:
    rows = [row for row in FIELDS if row.kind is FieldKind.SCOPES]
    for node in view.nodes(project, CYB.scope):
        for concept in _targets(view, node, CYB.concept):
            kind = (parse_own_iri(concept) or ("", ""))[0]
            row = next((row for row in rows if row.name == kind), None)
            row = row or next((row for row in rows if concept in view.graph.values(project, row.term)), None)
            if row is None:
                view.note_unread(node, CYB.concept, concept)
                continue
            read.update((term, concept) for term in (CYB.beneficiary, *(row.term for row in rows)))
            yield from _read_link(view, row, (node, CYB.concept, concept), node)


def _relations(view: ProjectView, project: str, read: _ReadLinks) -> Iterator[Relation]:
    for node in view.nodes(project, CYB.relation):
        terms = [term for term in view.values(node, CYB.property) if isinstance(term, str)]
        row = next((row for term in terms if (row := BY_TERM.get(term)) and row.kind is FieldKind.PROJECTS), None)
        for target in _targets(view, node, CYB.project):
            found = row or BY_NAME["related"]
            read.add((found.term, target))
            yield from _read_link(view, found, (node, CYB.project, target), node)


def _targets(view: ProjectView, node: str, predicate: str) -> list[Term]:
    """Return the objects of a node's property; a node without it is reported."""
    targets = view.values(node, predicate)
    if not targets:
        view.note_unread("", predicate, node)
    return targets


def _basis(view: ProjectView, node: str) -> Basis:
    return Basis.DERIVED if ("basis", "derived") in map(parse_own_iri, view.values(node, CYB.basis)) else Basis.STATED


def read_evidence(view: ProjectView, node: str) -> Iterator[Evidence]:
    """Yield the quotes that support a derived link or date."""
    for term in _REPEATED:
        view.graph.values(node, term)
    for quote in view.nodes(node, CYB.evidence):
        for term in (PROV.wasDerivedFrom, PROV.wasQuotedFrom):
            view.graph.values(quote, term)  # the source is this file
        sections = [BY_TERM[str(term)].name for term in view.values(quote, CYB.section) if term in BY_TERM]
        number, line = view.text(quote, CYB.confidence).text, view.text(quote, CYB.line).text
        yield Evidence(
            sections[0] if sections else "description",
            view.text(quote, OA.exact).text,
            Place(int(line)) if _LINE.fullmatch(line) and int(line) else None,
            min(float(number), 1.0) if _NUMBER.fullmatch(number) else 1.0,
        )
