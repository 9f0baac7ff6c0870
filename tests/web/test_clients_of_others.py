"""Third-party clients, used as their users do: rdflib's store and Comunica."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import rdflib
from rdflib.plugins.stores.sparqlstore import SPARQLStore

from cybilgraph.model.vocabulary import CYB, DCTERMS
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

CLIENTS = ROOT / "tests" / "clients"
TITLE = rdflib.URIRef(DCTERMS.title)
BELIZE = "Support to Belize National Cyber Security Strategy"


@pytest.fixture
def remote(server: str) -> rdflib.Graph:
    return rdflib.Graph(SPARQLStore(f"{server}/sparql", method="GET"))


def test_rdflib_graph_reads_from_the_endpoint(remote: rdflib.Graph) -> None:
    assert len(remote) > 8_000
    [project] = remote.subjects(TITLE, rdflib.Literal(BELIZE, lang="en"))
    assert (project, rdflib.RDF.type, rdflib.URIRef(CYB.Project)) in remote
    found = set(remote.triples((project, None, None)))
    assert (project, TITLE, rdflib.Literal(BELIZE, lang="en")) in found
    rows = remote.query(f"SELECT ?title {{ <{project}> <{TITLE}> ?title }}")
    assert [str(row[0]) for row in rows] == [BELIZE]
    assert remote.query(f"ASK {{ <{project}> ?p ?o }}").askAnswer
    assert set(remote.query(f"CONSTRUCT WHERE {{ <{project}> ?p ?o }}")) == found


@pytest.mark.parametrize("method", ["POST", "POST_FORM"])
def test_rdflib_queries_by_post(server: str, method: str) -> None:
    graph = rdflib.Graph(SPARQLStore(f"{server}/sparql", method=method))
    assert len(list(graph.query(f"SELECT ?p {{ ?p a <{CYB.Project}> }}"))) == 14


def test_comunica_queries_the_endpoint(server: str, remote: rdflib.Graph) -> None:
    node = shutil.which("node")
    if node is None or not (CLIENTS / "node_modules").is_dir():
        pytest.skip("no node on this machine, or no `make clients` before")
    result = subprocess.run(
        [node, "comunica.mjs", f"{server}/sparql"], cwd=CLIENTS, capture_output=True, text=True, timeout=100
    )
    assert result.returncode == 0, result.stderr
    titles = {
        (str(project), str(title))
        for project, title in remote.subject_objects(TITLE)
        if (project, rdflib.RDF.type, rdflib.URIRef(CYB.Project)) in remote
    }
    for line in result.stdout.splitlines():
        found = json.loads(line)
        assert {tuple(row) for row in found["rows"]} == titles
        assert {tuple(row) for row in found["triples"]} == titles
        assert found["yes"] is True
    assert len(result.stdout.splitlines()) == 2
