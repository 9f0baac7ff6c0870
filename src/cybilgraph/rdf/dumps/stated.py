"""Select the stated and confirmed facts of a graph."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator

from cybilgraph.model.fields import DATE_FORMS
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Basis, EvidenceLevel
from cybilgraph.model.vocabulary import CYB, RDF, RDFS, own_byte_pattern, thing_iri
from cybilgraph.rdf.ntriples import StatementsBySubject, object_texts

_CLAIMS = (CYB.participation, CYB.scope, CYB.dating, CYB.relation, CYB.funding)
_DERIVED = {f"<{thing_iri('basis', basis)}>" for basis in Basis if basis not in EvidenceLevel.STATED.bases}
#: What is recognised by words, and has no claim.
_RECOGNISED = frozenset((CYB.activityKind, CYB.resultStatus))
#: A statement: subject and predicate as IRIs, and the object as a term.
_Statement = tuple[str, str, str]
#: The kinds of resources that prose can add, with the properties of claims and sums of money that name them.
_NAMED, _NAMING = "<(OWNid/(?:actor|audience)/[^>]+)>", f"{CYB.provider} {CYB.receiver} {RDF.object}".split()


class UnstatedNames:
    """The unlisted organisations and audiences that no stated or confirmed claim of the current graph names."""

    def __init__(self) -> None:
        self._stated: set[str] = set()
        #: By resource, the current ones that a deprecated one points to.
        self._successors: defaultdict[str, set[str]] = defaultdict(set)
        claim = "^<(OWNid/project/[^/>]+/[^>]+)>"
        terms = "|".join(map(re.escape, _NAMING))
        derived = "|".join(sorted(map(re.escape, _DERIVED)))
        self._naming = own_byte_pattern(rf"(?m){claim} <(?:{terms})> {_NAMED} \.$")
        self._is_derived = own_byte_pattern(rf"(?m){claim} <{re.escape(CYB.basis)}> (?:{derived}) \.$")
        self._pointing = own_byte_pattern(rf"(?m)^{_NAMED} <{re.escape(RDFS.seeAlso)}> {_NAMED} \.$")
        self._about = own_byte_pattern(rf"(?m)^{_NAMED} ")

    def add(self, chunk: bytes) -> None:
        """Read a part of the graph (N-Quads) that contains each of its projects completely."""
        derived = set(self._is_derived.findall(chunk))
        self._stated |= {name.decode() for claim, name in self._naming.findall(chunk) if claim not in derived}
        for former, current in self._pointing.findall(chunk):
            self._successors[former.decode()].add(current.decode())

    def within(self, chunk: bytes) -> frozenset[str]:
        """Return those that a part of the graph describes. Call this after all parts were added."""
        return frozenset(name for name in {each.decode() for each in self._about.findall(chunk)} if self._is_one(name))

    def _is_one(self, name: str) -> bool:
        kind, key = name.rsplit("/", 2)[1:]
        if name in self._stated or load_gazetteer().get(kind, key):
            return False
        return not any(not self._is_one(other) for other in self._successors.get(name, ()))


def stated_statements(graph: StatementsBySubject, unstated: Collection[str] = ()) -> Iterator[str]:
    """Yield lines of N-Triples: all but derived and possible claims, their quotes, what rests only on these, what is
    recognised by words, and descriptions of ``unstated`` names (``UnstatedNames.within``).

    The graph contains each of its projects completely.
    """
    derived: set[str] = set()
    links: dict[bool, set[_Statement]] = {True: set(), False: set()}  # by whether their claim is derived
    for project, own in graph.items():
        for claim in (claim for term in _CLAIMS for claim in object_texts(own, term)):
            about = graph.get(claim, {})
            is_derived = not _DERIVED.isdisjoint(about.get(CYB.basis, ()))
            links[is_derived].update(_direct_statements(project, own, about))
            if is_derived:
                derived.add(claim)
    dropped = links[True] - links[False]
    for subject, own in graph.items():
        if subject.partition("/evidence/")[0].removesuffix("/amount") not in derived and subject not in unstated:
            yield from (
                f"<{subject}> <{predicate}> {value} .\n"
                for predicate, values in own.items()
                if predicate not in _RECOGNISED
                for value in values
                if value[1:-1] not in derived and (subject, predicate, value) not in dropped
            )


def _direct_statements(project: str, own: dict[str, list[str]], claim: dict[str, list[str]]) -> Iterator[_Statement]:
    """Yield the statements about a project that say what a claim says."""
    for predicate in object_texts(claim, RDF.predicate):
        # Until version 0.2, audiences are beneficiaries, too.
        for term in (predicate, CYB.beneficiary) if predicate == CYB.audience else (predicate,):
            yield from ((project, term, value) for value in claim.get(RDF.object, ()))
        for term in (f"{predicate}{form}" for form in DATE_FORMS):
            yield from ((project, term, value) for value in own.get(term, ()))
