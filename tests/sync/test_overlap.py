"""What two graphs share is found by code, IATI identifier and owl:sameAs, and by nothing else."""

from __future__ import annotations

from cybilgraph.model.vocabulary import CYB, DCTERMS, OWL, RDF, SKOS
from cybilgraph.sync.overlap import find_matches

OURS, THEIRS = "https://ours.example/", "https://theirs.example/"


def thing(iri: str, kind: str, name: str, *more: tuple[str, str]) -> list[bytes]:
    """Return the statements about a project or an actor; ``more`` are properties and terms."""
    named = DCTERMS.title if kind == CYB.Project else SKOS.prefLabel
    pairs = ((RDF.type, f"<{kind}>"), (named, f'"{name}"@en'), *more)
    return [f"<{iri}> <{predicate}> {term} .\n".encode() for predicate, term in pairs]


def matches(ours: list[bytes], theirs: list[bytes]) -> list[tuple[str, tuple[str, ...], str, str]]:
    return [(one.kind, one.by, one.ours.iri, one.theirs.iri) for one in find_matches(ours, theirs)]


def test_projects_match_by_each_identifier() -> None:
    same = f"<{THEIRS}c>"
    code, iati = (DCTERMS.identifier, '"G0020"'), (CYB.iatiIdentifier, '"GB-1-2"')
    ours = [
        *thing(f"{OURS}a", CYB.Project, "A", code, iati),
        *thing(f"{OURS}c", CYB.Project, "C", (OWL.sameAs, same)),
        *thing(f"{OURS}d", CYB.Project, "The same title"),
    ]
    theirs = [
        *thing(f"{THEIRS}a", CYB.Project, "Another title", code, iati),
        *thing(f"{THEIRS}c", CYB.Project, "C"),
        *thing(f"{THEIRS}d", CYB.Project, "The same title"),
    ]
    assert matches(ours, theirs) == [
        ("project", ("IATI identifier", "code"), f"{OURS}a", f"{THEIRS}a"),
        ("project", ("owl:sameAs",), f"{OURS}c", f"{THEIRS}c"),
    ]
    first = find_matches(ours, theirs)[0]
    assert (first.ours.name, first.theirs.name) == ("A", "Another title")


def test_organisations_match_by_a_common_address() -> None:
    both = (OWL.sameAs, "<https://www.wikidata.org/entity/Q458>")
    ours = thing(f"{OURS}eu", CYB.Actor, "European Union", both)
    theirs = thing(f"{THEIRS}eu", CYB.Actor, "EU", both)
    assert matches(ours, theirs) == [], "they take part in no project"
    ours, theirs = (
        [*own, f"<{base}p> <{CYB.actor}> <{base}eu> .\n".encode()] for own, base in ((ours, OURS), (theirs, THEIRS))
    )
    assert matches(ours, theirs) == [("organisation", ("owl:sameAs",), f"{OURS}eu", f"{THEIRS}eu")]
    assert matches(ours, thing(f"{THEIRS}p", CYB.Project, "A project", both)) == [], "another kind of thing"


def test_earlier_versions_are_not_compared() -> None:
    code = (DCTERMS.identifier, '"G0020"')
    ours = thing(f"{OURS}a", CYB.Project, "A", code)
    earlier = [line.replace(b" .\n", f" <{THEIRS}graph/a/1> .\n".encode()) for line in ours]
    assert matches(ours, earlier) == []
