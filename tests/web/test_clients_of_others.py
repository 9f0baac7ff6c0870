"""Clients of others, as their users run them: rdflib's store, Comunica; and each snippet of the README."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
import rdflib
from rdflib.plugins.stores.sparqlstore import SPARQLStore

from cybilgraph.vocab import CYB, DCTERMS
from tests.conftest import ROOT

CLIENTS = ROOT / "tests" / "clients"
TITLE = rdflib.URIRef(DCTERMS.title)
BELIZE = "Support to Belize National Cyber Security Strategy"


@pytest.fixture
def remote(server: str) -> rdflib.Graph:
    return rdflib.Graph(SPARQLStore(f"{server}/sparql", method="GET"))


def test_a_graph_of_rdflib_over_the_endpoint(remote: rdflib.Graph) -> None:
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
def test_rdflib_by_post(server: str, method: str) -> None:
    graph = rdflib.Graph(SPARQLStore(f"{server}/sparql", method=method))
    assert len(list(graph.query(f"SELECT ?p {{ ?p a <{CYB.Project}> }}"))) == 14


def test_comunica(server: str, remote: rdflib.Graph) -> None:
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


#: How a snippet of the README is run, by the language that it is marked with.
RUNTIMES = {
    "python": [sys.executable, "-c"],
    "r": ["Rscript", "-e"],
    "javascript": ["node", "--input-type=module", "-e"],
}
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = [
    (language, text)
    for language, text in re.findall(rf"```({'|'.join(RUNTIMES)})\n(.*?)```", README, re.DOTALL)
    if "127.0.0.1:8000" in text
]


def test_the_readme_has_a_snippet_for_each_language() -> None:
    assert {language for language, _ in SNIPPETS} == RUNTIMES.keys()


@pytest.mark.parametrize(("language", "text"), SNIPPETS, ids=[language for language, _ in SNIPPETS])
def test_a_snippet_of_the_readme_finds_the_project(server: str, language: str, text: str) -> None:
    program, *options = RUNTIMES[language]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on this machine")
    if "import pandas" in text:
        pytest.importorskip("pandas")
    command = [program, *options, text.replace("http://127.0.0.1:8000", server)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert re.search(f"G0020 .*{BELIZE}", result.stdout)
