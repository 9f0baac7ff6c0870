"""The network files contain what SPARQL counts in the graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import networkx
import pyoxigraph as ox
import pytest

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.dumps.network import write_gexf, write_graphml
from cybilgraph.release import Release

pytestmark = pytest.mark.slow

READERS: dict[str, Callable[[Path], networkx.Graph]] = {
    "network.graphml": networkx.read_graphml,
    "network.gexf": networkx.read_gexf,
}
PLACES = ("Country", "Region", "Group")


def rows(release: Release, query: str) -> list[tuple[str, ...]]:
    prefixes = f"PREFIX cyb: <{BASE}ontology#> PREFIX skos: <http://www.w3.org/2004/02/skos/core#> "
    found = ox.Store.read_only(str(release.store)).query(prefixes + query)
    return sorted(tuple(value.value for value in row) for row in found)


@pytest.mark.parametrize("name", READERS)
def test_edges_are_the_claims_of_the_graph(name: str, release: Release) -> None:
    network = READERS[name](release.folder / "public" / name)
    assert network.is_directed()
    assert network.is_multigraph()  # an organisation may have several roles
    claims = rows(
        release,
        """SELECT ?from ?to ?name ?basis {
            { ?to cyb:participation ?claim . ?claim cyb:actor ?from ; cyb:role/skos:prefLabel ?name }
            UNION { ?from cyb:scope ?claim . ?claim cyb:concept ?to . ?to a ?class
                    VALUES (?class ?name) { (cyb:Country "Country") (cyb:Region "Region") (cyb:Group "Group") } }
            ?claim cyb:basis/skos:prefLabel ?basis FILTER(LANG(?basis) = "en" && LANG(?name) IN ("", "en")) }""",
    )
    assert claims
    assert sorted((source, to, own["role"], own["basis"]) for source, to, own in network.edges(data=True)) == claims


@pytest.mark.parametrize("name", READERS)
def test_nodes_are_all_projects_and_what_they_are_linked_with(name: str, release: Release) -> None:
    network = READERS[name](release.folder / "public" / name)
    nodes = dict(network.nodes(data=True))
    projects = rows(release, "SELECT ?project { ?project a cyb:Project }")
    assert sorted((node,) for node, own in nodes.items() if own["kind"] == "Project") == projects
    assert all(network.degree(node) for node, own in nodes.items() if own["kind"] != "Project")
    gpd, belize = nodes[f"{BASE}id/actor/gpd"], nodes[f"{BASE}id/country/BZ"]
    assert (gpd["label"], gpd["kind"], gpd["type"]) == (
        "Global Partners Digital",
        "Organisation",
        "Civil society",
    )
    assert (belize["label"], belize["kind"], belize["country"]) == ("Belize", "Country", "BZ")


@pytest.mark.parametrize("write", [write_graphml, write_gexf])
def test_any_text_gives_well_formed_xml(write: Callable[[Path, Path, Path], None], tmp_path: Path) -> None:
    text = "a\x01\ufffe \"b\" <c> & 'd' é 𝄞"
    nodes, edges, output = tmp_path / "nodes", tmp_path / "edges", tmp_path / "network"
    quoted = text.replace('"', '""')
    nodes.write_text(f'node,label,kind,start,end\n"{quoted}","{quoted}",Project,2019-01-01,\n', encoding="utf-8")
    edges.write_text(f'source,target,role,start,end\n"{quoted}","{quoted}",Funder,,\n', encoding="utf-8")
    write(nodes, edges, output)
    content = "".join(element.text or "" for element in ElementTree.parse(output).iter())
    values = {value for element in ElementTree.parse(output).iter() for value in element.attrib.values()}
    shown = text.replace("\x01", "\ufffd").replace("\ufffe", "\ufffd")
    assert shown in content or shown in values


@pytest.mark.parametrize("name", READERS)
def test_name_that_is_no_place_is_a_node(name: str, tmp_path: Path) -> None:
    source = tmp_path / "records.json"
    source.write_text('[{"title": "One", "countries": ["Belize", "Judges and prosecutors"]}]')
    release, _ = pipeline.build([source], tmp_path / "releases")
    nodes = READERS[name](release.folder / "public" / name).nodes(data=True)
    assert {own["label"]: own["kind"] for _, own in nodes} == {
        "One": "Project",
        "Belize": "Country",
        "Judges and prosecutors": "Unrecognised",
    }
