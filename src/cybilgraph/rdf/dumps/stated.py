"""Select the stated and confirmed facts of a graph."""

from __future__ import annotations

from collections.abc import Iterator

from cybilgraph.model.fields import DATE_FORMS
from cybilgraph.model.record import Basis, EvidenceLevel
from cybilgraph.model.vocabulary import CYB, RDF, thing_iri
from cybilgraph.rdf.ntriples import StatementsBySubject, object_texts

_CLAIMS = (CYB.participation, CYB.scope, CYB.dating, CYB.relation, CYB.funding)
_DERIVED = {f"<{thing_iri('basis', basis)}>" for basis in Basis if basis not in EvidenceLevel.STATED.bases}
#: What is recognised by words, and has no claim.
_RECOGNISED = frozenset((CYB.activityKind, CYB.resultStatus))
#: A statement: subject and predicate as IRIs, and the object as a term.
_Statement = tuple[str, str, str]


def stated_statements(graph: StatementsBySubject) -> Iterator[str]:
    """Yield lines of N-Triples: all but derived and possible claims, their quotes, what rests only on these, and
    what is recognised by words.

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
        if subject.partition("/evidence/")[0].removesuffix("/amount") not in derived:
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
