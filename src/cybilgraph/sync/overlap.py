"""Finds what two graphs share: projects and organisations with the same code, IATI identifier or owl:sameAs.

The graphs of two sites with different bases have no project in common by IRI. Nothing is merged: people decide what to
do with the pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from cybilgraph.model.vocabulary import CYB, DCTERMS, OWL, RDF, SKOS
from cybilgraph.rdf.serialisation import parse_nquads

_KINDS = {CYB.Project: "project", CYB.Actor: "organisation"}
_NAMES = (DCTERMS.title, SKOS.prefLabel)
#: Properties whose values identify a thing on every site, and their names.
_IDENTIFIERS = {DCTERMS.identifier: "code", CYB.iatiIdentifier: "IATI identifier", OWL.sameAs: "owl:sameAs"}
_READ = tuple(f" <{term}> ".encode() for term in (RDF.type, CYB.actor, *_NAMES, *_IDENTIFIERS))
#: Statements parsed at once.
_BATCH_LINES = 10_000


@dataclass(slots=True)
class Thing:
    """A project or an organisation; ``keys`` are its identifiers with the kind of each."""

    iri: str
    kind: str = ""
    name: str = ""
    keys: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Match:
    """The same thing in two graphs; ``by`` names the identifiers that both have."""

    kind: str
    by: tuple[str, ...]
    ours: Thing
    theirs: Thing


def find_matches(ours: Iterable[bytes], theirs: Iterable[bytes]) -> list[Match]:
    """Return what two graphs (lines of N-Quads) share, by kind and name.

    Only the current state is compared, and of the organisations only those that take part in projects: a graph also
    describes all those of the reference data.
    """
    by_key: dict[tuple[str, str], list[Thing]] = defaultdict(list)
    for thing in _things(theirs):
        for key in thing.keys:
            by_key[key].append(thing)
    found: list[Match] = []
    for thing in _things(ours):
        common: dict[str, tuple[Thing, set[str]]] = {}
        for key in thing.keys:
            for other in by_key.get(key, ()):
                if other.kind == thing.kind:
                    common.setdefault(other.iri, (other, set()))[1].add(key[0])
        found += [Match(thing.kind, tuple(sorted(by)), thing, other) for other, by in common.values()]
    return sorted(found, key=lambda match: (match.kind != "project", match.ours.name, match.ours.iri, match.theirs.iri))


def _things(lines: Iterable[bytes]) -> Iterator[Thing]:
    """Yield the projects of a graph, and the organisations that take part in them."""
    found: dict[str, Thing] = {}
    taking_part: set[str] = set()
    for subject, predicate, value, language in _statements(lines):
        thing = found.setdefault(subject, Thing(subject, keys={("owl:sameAs", subject)}))
        if predicate in _IDENTIFIERS:
            thing.keys.add((_IDENTIFIERS[predicate], value))
        elif predicate in _NAMES:
            thing.name = value if language == "en" else thing.name or value
        elif predicate == CYB.actor:
            taking_part.add(value)
        elif value in _KINDS:
            thing.kind = _KINDS[value]
    return (one for one in found.values() if one.kind == "project" or (one.kind and one.iri in taking_part))


def _statements(lines: Iterable[bytes]) -> Iterator[tuple[str, str, str, str]]:
    """Yield subject, predicate, and value and language of the object of the current statements about named things."""
    wanted = (line for line in lines if line.startswith(b"<") and any(term in line for term in _READ))
    while batch := b"".join(islice(wanted, _BATCH_LINES)):
        for quad in parse_nquads(batch):
            subject, value, graph = (
                getattr(term, "value", "") for term in (quad.subject, quad.object, quad.graph_name)
            )
            if not graph:
                yield subject, quad.predicate.value, value, getattr(quad.object, "language", None) or ""
