"""Each line of a described record belongs to the field that it states."""

from __future__ import annotations

from cybilgraph import read
from cybilgraph.model.record import Basis, Date, Evidence, Named, Participation, Record, Scope, Source, Text
from cybilgraph.model.vocabulary import CYB, DCTERMS, RDF
from cybilgraph.rdf.description import certainty, describe, field_of, project_iri
from tests.conftest import SEED

QUOTE = (Evidence("summary", "In 2018 the EU began it."),)


def by_field(record: Record) -> dict[str, list[str]]:
    project = project_iri(record)
    found: dict[str, list[str]] = {}
    for line in describe(record):
        if line.startswith((f"<{project}>", f"<{project}/")):
            found.setdefault(field_of(line, project), []).append(line)
    return found


def test_lines_of_the_sample_record_have_the_fields_of_its_values() -> None:
    record = next(read(SEED))
    found = by_field(record)
    assert found.keys() >= {"title", "status", "start", "end", "country", "implementer", "activities", "contacts"}
    assert all(f"<{RDF.type}>" in line for line in found.pop(""))
    assert all(record.values(name) for name in found if name != "unspecified")  # a role, but no field


def test_nodes_below_a_project_belong_to_their_field() -> None:
    record = Record(
        source=Source("a.txt", "0"),
        title=Text("A law"),
        start=Date("2018", Text("in 2018"), QUOTE),
        participations=(Participation(Named("actor", "eu", Text("EU")), "funder", Basis.DERIVED, QUOTE),),
        scopes=(Scope(Named("country", "BZ", Text("Belize")), Basis.STATED),),
    )
    found = by_field(record)
    assert any(f"<{CYB.startAsPrinted}>" in line for line in found["start"])
    assert any(f"<{CYB.dating}>" in line for line in found["start"])
    assert any(f"<{CYB.participation}>" in line for line in found["funder"])
    assert any(f"<{CYB.scope}>" in line for line in found["country"])
    assert any(f"<{DCTERMS.title}>" in line for line in found["title"])
    assert certainty(found["title"]) == certainty(found["country"]) > certainty(found["funder"])


def test_more_certain_bases_are_higher() -> None:
    def lines(basis: Basis) -> list[str]:
        link = Participation(Named("actor", "eu", Text("EU")), "funder", basis)
        record = Record(source=Source("a.txt", "0"), title=Text("A law"), participations=(link,))
        return by_field(record)["funder"]

    ranks = [certainty(lines(basis)) for basis in (Basis.STATED, Basis.CONFIRMED, Basis.DERIVED, Basis.POSSIBLE)]
    assert ranks == sorted(set(ranks), reverse=True)
