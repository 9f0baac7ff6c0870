"""The ontology page shows every term with its texts in the requested language; documents name schemas that resolve."""

from __future__ import annotations

import json

import jsonschema
import pytest
from rdflib import OWL, RDFS, SKOS, Graph, URIRef

from cybilgraph.model.resources import read_ontology
from cybilgraph.model.vocabulary import BASE, CYB
from tests.conftest import SEED, run
from tests.support.http_client import BROWSER, get, http
from tests.support.markup import parse_page

pytestmark = pytest.mark.slow

JSON = "application/sparql-results+json"

ONTOLOGY = Graph().parse(data=read_ontology(), format="turtle")


@pytest.mark.parametrize(
    ("query", "language"), [("", "en"), ("?lang=en", "en"), ("?lang=es", "es"), ("?lang=fr", "fr"), ("?lang=de", "en")]
)
def test_page_shows_every_term_in_the_requested_language(query: str, language: str, server: str) -> None:
    page = http(f"{server}/ontology{query}", Accept=BROWSER, **{"Accept-Language": "fr"}).body.decode()
    sections = {section.own("id"): section for section in parse_page(page).all("section", "term")}
    assert set(sections) == CYB.terms
    for name, section in sections.items():
        for predicate in (RDFS.label, SKOS.definition):
            texts = {text.language: str(text) for text in ONTOLOGY.objects(URIRef(f"{CYB.iri}{name}"), predicate)}
            [shown] = section.all("p" if predicate == SKOS.definition else "span")
            assert shown.text == texts[language], name
            assert (shown.own("lang") or "en") == language


def test_examples_are_complete_with_the_prefixes_on_the_page(server: str) -> None:
    page = parse_page(http(f"{server}/ontology", Accept=BROWSER).body.decode())
    rows = [[cell.text for cell in row.all("td")] for row in page.all("table")[0].all("tr")]
    prefixes = "".join(f"@prefix {prefix} <{iri}> .\n" for prefix, iri in rows)
    for section in page.all("section", "term"):
        for example in section.all("pre"):
            statements = Graph().parse(
                data=prefixes + example.content, format="turtle", publicID="http://relative.test/"
            )
            assert statements, section.own("id")
            assert "http://relative.test/" not in statements.serialize(), section.own("id")


def test_queries_on_the_page_are_complete(server: str) -> None:
    page = parse_page(http(f"{server}/ontology", Accept=BROWSER).body.decode())
    shown = [pre.content for pre in page.all("pre") if "SELECT" in pre.content]
    assert len(shown) == 2
    for query in shown:
        assert json.loads(get(server, query, JSON).body)["results"]["bindings"]


def test_page_links_its_other_languages(server: str) -> None:
    page = parse_page(http(f"{server}/ontology?lang=es", Accept=BROWSER).body.decode())
    assert {link.own("href") for link in page.all("a") if "?lang=" in link.own("href")} == {"?lang=en", "?lang=fr"}


def test_page_shows_alignments_and_uses(server: str) -> None:
    page = parse_page(http(f"{server}/ontology", Accept=BROWSER).body.decode())
    [funder] = [section for section in page.all("section", "term") if section.own("id") == "funder"]
    facts = {row.all("dt")[0].text: row.all("dd")[0].text for row in funder.all("div")}
    assert facts["Subproperty of"] == "schema:funder, cyb:involved"
    assert facts["Used with"] == "cyb:Project"
    assert facts["Range"] == "cyb:Actor"


def test_page_lists_where_terms_of_other_vocabularies_are_used(server: str) -> None:
    page = parse_page(http(f"{server}/ontology", Accept=BROWSER).body.decode())
    used = {section.all("h3")[0].text: section.all("dl")[0].text for section in page.all("section", "reused")}
    assert {"dcterms:isReplacedBy", "owl:deprecated", "schema:currency", "skos:altLabel"} <= used.keys()
    assert "schema:MonetaryAmount" in used["schema:currency"]


@pytest.mark.parametrize(
    ("document", "schema"),
    [
        (("template", "json"), ("template", "schema")),
        (("check", SEED, "-f", "json"), ("check", "--json-schema")),
    ],
)
def test_site_serves_the_schema_that_a_document_names(
    document: tuple[object, ...], schema: tuple[object, ...], server: str
) -> None:
    written = json.loads(run(*document).stdout)
    reply = http(f"{server}/{written['$schema'].removeprefix(BASE)}")
    assert (reply.status, reply.content_type) == (200, "application/schema+json")
    served = json.loads(reply.body)
    assert served == json.loads(run(*schema).stdout)
    assert served["$id"] == written["$schema"]
    jsonschema.validate(written, served)


def test_version_iris_lead_to_their_version_only(server: str) -> None:
    versions = [str(iri) for iri in ONTOLOGY.objects(None, OWL.versionIRI)]
    assert len(versions) == 2  # of the ontology and of its rules
    for path in (*(iri.removeprefix(BASE) for iri in versions), "ontology/rules"):
        for suffix in ("", ".ttl", ".jsonld"):
            assert http(f"{server}/{path}{suffix}", Accept="text/turtle").status == 200, path
    for path in ("ontology/0.0.9", "ontology/0.0.9.ttl", "ontology/rules/9"):
        assert http(f"{server}/{path}", Accept=BROWSER).status == 404, path


def test_earlier_versions_are_served_as_published(server: str) -> None:
    assert set(ONTOLOGY.objects(None, OWL.priorVersion)) == {URIRef(f"{BASE}ontology/0.1.0")}
    page = http(f"{server}/ontology/0.1.0", Accept=BROWSER)
    assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
    assert "Ontology, version 0.1.0" in page.body.decode()
    assert "owl:versionIRI &lt;https://w3id.org/cybilgraph/ontology/0.1.0&gt;" in page.body.decode()
    for accept, suffix in (("text/turtle", ""), ("*/*", ".ttl"), (BROWSER, ".ttl")):
        reply = http(f"{server}/ontology/0.1.0{suffix}", Accept=accept)
        assert (reply.status, reply.content_type) == (200, "text/turtle; charset=utf-8")
        found = Graph().parse(data=reply.body, format="turtle")
        assert found.value(URIRef(f"{BASE}ontology"), OWL.versionInfo).toPython() == "0.1.0"
    other = http(f"{server}/ontology/0.1.0", Accept="application/n-triples")
    assert len(Graph().parse(data=other.body, format="nt")) == len(found)


def test_unknown_schema_gets_404(server: str) -> None:
    assert http(f"{server}/schema/project.json").status == 404
