"""The countries that each project may reach are those of the example query, and are not in the graph."""

from __future__ import annotations

import gzip

import pyoxigraph as ox
import pytest

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import BASE, CYB, thing_iri
from cybilgraph.rdf.dumps import FULL_DUMPS, MAY_REACH
from cybilgraph.release import Release
from cybilgraph.sparql.queries import load_query
from tests.conftest import graph_of


@pytest.mark.slow
def test_file_has_the_projects_of_the_example_query_for_every_country(release: Release) -> None:
    store, example = ox.Store.read_only(str(release.store)), load_query("example-may-reach")
    expected = {
        f"{row['project']} <{CYB.mayReach}> <{country}> ."
        for country in (thing_iri("country", key) for key in load_gazetteer().entries["country"])
        for row in store.query(example.bind({"country": [country]}))
    }
    lines = gzip.decompress(release.served_files()[MAY_REACH].read_bytes()).decode().splitlines()
    assert set(lines) == expected
    assert len(lines) == len(expected)


@pytest.mark.slow
def test_file_includes_own_countries_regions_and_groups(release: Release) -> None:
    text = gzip.decompress(release.served_files()[MAY_REACH].read_bytes()).decode()
    for project, country in (
        ("G0020", "BZ"),  # names the country
        ("east-africa-cyber-security-clinic", "KE"),  # is for its region
        ("commonwealth-csirt-community-extension", "FJ"),  # is for a group
    ):
        assert f"<{BASE}id/project/{project}> <{CYB.mayReach}> <{BASE}id/country/{country}> .\n" in text


@pytest.mark.slow
def test_graph_and_its_dumps_are_free_of_it(release: Release) -> None:
    predicate = f"> <{CYB.mayReach}> ".encode()
    assert predicate not in graph_of(release.folder)
    assert predicate not in gzip.decompress(release.served_files()[FULL_DUMPS[1]].read_bytes())
