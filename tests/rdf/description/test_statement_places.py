"""Statements have the place of their text in the source."""

from __future__ import annotations

from cybilgraph import read
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS
from cybilgraph.rdf.description import locate_statement, project_iri
from tests.conftest import SEED


def test_every_value_of_a_record_is_located() -> None:
    record = next(read(SEED))
    project = project_iri(record)
    for focus, path, value, line in (
        (project, CYB.end, "2020-03", 15),
        (project, CYB.funder, "", 17),
        (project, CYB.country, f"{BASE}id/country/BZ", 3),
        (f"{project}/activity/3", DCTERMS.description, "", 53),
        (f"{project}/participation/gpd/implementer", CYB.actor, "", 39),
        (project, CYB.theme, "", 3),
        (project, CYB.partner, "", 3),
    ):
        located = locate_statement(record, focus, path, value)
        assert located.place
        assert located.place.line == line, path
