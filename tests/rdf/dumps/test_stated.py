"""The dump of stated facts contains all stated claims and links, and none that are only derived."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph import pipeline
from cybilgraph.model.record import Basis, Date, Evidence, Named, Record, Scope, Source, Text
from cybilgraph.model.vocabulary import BASE, CYB, OA, RDF
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.dumps import STATED_DUMP
from cybilgraph.rdf.dumps.stated import stated_statements
from cybilgraph.rdf.ntriples import group_by_subject
from cybilgraph.release import Release
from tests.conftest import PAGES

PREFIXES = f"PREFIX cyb: <{CYB.iri}> PREFIX rdf: <{RDF.iri}> PREFIX oa: <{OA.iri}> PREFIX basis: <{BASE}id/basis/>"
#: Direct links with a claim of a basis.
LINKS = """SELECT ?project ?term ?thing {
    ?project cyb:participation|cyb:scope|cyb:dating|cyb:relation|cyb:funding ?claim ; ?term ?thing .
    ?claim cyb:basis basis:%s ; rdf:predicate ?term ; rdf:object ?thing }"""


def store_of(release: Release, name: str) -> ox.Store:
    store = ox.Store()
    store.load(gzip.decompress((release.folder / "public" / name).read_bytes()), format=ox.RdfFormat.N_TRIPLES)
    return store


def links(store: ox.Store, basis: str) -> set[tuple[str, ...]]:
    return {tuple(map(str, row)) for row in store.query(f"{PREFIXES} {LINKS % basis}")}


@pytest.mark.slow
def test_dump_has_every_stated_link_and_no_derived_one(release: Release) -> None:
    whole, stated = store_of(release, "cybilgraph.nt.gz"), store_of(release, STATED_DUMP)
    assert links(stated, "stated") == links(whole, "stated") != set()
    assert not stated.query(
        f"{PREFIXES} ASK {{ {{ ?claim cyb:basis basis:derived }} UNION {{ ?s a oa:TextQuoteSelector }} }}"
    )
    kinds = f"{PREFIXES} ASK {{ ?item cyb:activityKind|cyb:resultStatus ?recognised }}"
    assert whole.query(kinds)
    assert not stated.query(kinds)
    assert not links(whole, "possible")
    only_derived = links(whole, "derived") - links(whole, "stated")
    present = {tuple(map(str, (quad.subject, quad.predicate, quad.object))) for quad in stated}
    assert len(only_derived) > 10
    assert not only_derived & present
    assert set(stated) < set(whole)


def test_possible_claims_have_no_direct_link_and_are_left_out() -> None:
    evidence = (Evidence("summary", "Fiji took part."),)
    scope = Scope(Named("country", "FJ", Text("Fiji")), Basis.POSSIBLE, evidence)
    record = Record(source=Source("a.txt", "0" * 64), title=Text("A project"), scopes=(scope,))
    lines = [f"{line}\n".encode() for line in describe(record)]
    assert f"<{CYB.concept}> <{BASE}id/country/FJ>".encode() in b"".join(lines)
    assert f"<{CYB.country}> <{BASE}id/country/FJ>".encode() not in b"".join(lines)
    assert "id/country/FJ" not in "".join(stated_statements(group_by_subject(lines)))


@pytest.mark.slow
def test_dump_equals_a_build_without_extraction(release: Release, tmp_path: Path) -> None:
    """Except for the names of things that only prose mentions, and for kinds, which every build recognises."""
    other, _ = pipeline.build(PAGES, tmp_path, stated_only=True)
    bare, stated = store_of(other, "cybilgraph.nt.gz"), store_of(release, STATED_DUMP)
    missing, extra = set(bare) - set(stated), set(stated) - set(bare)
    assert {quad.predicate.value for quad in missing} == {CYB.activityKind, CYB.resultStatus}
    assert all(str(quad.subject).startswith(f"<{BASE}id/a") for quad in extra), extra


@pytest.mark.parametrize("basis", [Basis.STATED, Basis.CONFIRMED, Basis.DERIVED])
def test_all_forms_of_a_derived_value_are_left_out(basis: Basis) -> None:
    """The first and last days of a date, and an audience as a beneficiary."""
    evidence = () if basis is Basis.STATED else (Evidence("summary", "In 2019, it trained women diplomats."),)
    record = Record(
        source=Source("a.txt", "0" * 64),
        title=Text("A project"),
        start=Date("2019", Text("2019"), evidence),
        scopes=(Scope(Named("audience", "women-diplomats", Text("Women diplomats")), basis, evidence),),
    )
    lines = [f"{line}\n".encode() for line in describe(record)]
    left = "".join(stated_statements(group_by_subject(lines)))
    dates = (CYB.start, CYB.startAsPrinted, CYB.startEarliest, CYB.startLatest)
    audiences = (CYB.audience, CYB.beneficiary)
    assert all(f"<{form}> ".encode() in b"".join(lines) for form in (*dates, *audiences))
    assert [f"<{form}> " in left for form in dates] == [basis is Basis.STATED] * 4
    assert [f"<{form}> " in left for form in audiences] == [basis is not Basis.DERIVED] * 2
    assert (basis is Basis.STATED) == (left.encode() == b"".join(lines))
