"""The triples of a record: exact IRIs, canonical form, and the places of statements."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDF, SKOS, Literal, URIRef

from cybilgraph import read, to_graph
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCTERMS,
    FOAF,
    OA,
    PREFIXES,
    PROV,
    SPDX,
    VCARD,
    XSD,
)
from cybilgraph.rdf.description import describe, describe_reference, locate_statement, project_iri
from cybilgraph.rdf.ntriples import is_iri, literal
from tests.conftest import RECORDS, SEED

G0020 = f"{BASE}id/project/G0020"


@pytest.fixture(scope="module")
def graph() -> rdflib.Graph:
    return to_graph(next(read(SEED)))


def objects(graph: rdflib.Graph, subject: str, predicate: str) -> set[str]:
    return {str(value) for value in graph.objects(URIRef(subject), URIRef(predicate))}


def test_seed_record_has_exact_iris(graph: rdflib.Graph) -> None:
    assert (URIRef(G0020), RDF.type, URIRef(CYB.Project)) in graph
    assert objects(graph, G0020, DCTERMS.identifier) == {"G0020"}
    assert objects(graph, G0020, DCTERMS.title) == {"Support to Belize National Cyber Security Strategy"}
    assert objects(graph, G0020, CYB.status) == {f"{BASE}id/status/finished"}
    for predicate, value in ((CYB.start, "2018-04"), (CYB.end, "2020-03")):
        assert list(graph.objects(URIRef(G0020), URIRef(predicate))) == [
            Literal(value, datatype=URIRef(XSD.gYearMonth))
        ]
    assert objects(graph, G0020, CYB.country) == {f"{BASE}id/country/BZ"}
    assert objects(graph, G0020, CYB.implementer) == {f"{BASE}id/actor/oas-cicte", f"{BASE}id/actor/gpd"}
    assert objects(graph, G0020, CYB.funder) == set()
    assert objects(graph, G0020, CYB.outcome) == {f"{G0020}/outcome/1"}
    assert objects(graph, G0020, CYB.output) == {f"{G0020}/output/1"}
    assert objects(graph, G0020, CYB.activity) == {f"{G0020}/activity/{number}" for number in range(1, 5)}
    assert objects(graph, G0020, CYB.link) == {f"{G0020}/link/1"}
    assert objects(graph, G0020, CYB.contact) == {f"{G0020}/contact/1"}
    assert objects(graph, f"{G0020}/contact/1", VCARD.fn) == {"Daniela Schnidrig"}
    for predicate in (DCTERMS.abstract, CYB.aim, CYB.context):
        assert len(objects(graph, G0020, predicate)) == 1


@pytest.mark.parametrize("actor", ["oas-cicte", "gpd"])
def test_participation_has_quote_and_line(graph: rdflib.Graph, actor: str) -> None:
    node = f"{G0020}/participation/{actor}/implementer"
    assert node in objects(graph, G0020, CYB.participation)
    assert objects(graph, node, CYB.actor) == {f"{BASE}id/actor/{actor}"}
    assert objects(graph, node, CYB.role) == {f"{BASE}id/role/implementer"}
    assert objects(graph, node, CYB.basis) == {f"{BASE}id/basis/derived"}
    [evidence] = objects(graph, node, CYB.evidence)
    [quote] = objects(graph, evidence, OA.exact)
    [line] = objects(graph, evidence, CYB.line)
    assert quote in SEED.read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_record_has_provenance(graph: rdflib.Graph) -> None:
    record = f"{BASE}record/G0020"
    assert objects(graph, record, FOAF.primaryTopic) == {G0020}
    assert objects(graph, record, CYB.leftBlank) == {CYB.funder, CYB.country}
    [rights] = objects(graph, record, DCTERMS.rights)
    assert rights.startswith("The Cybil project repository")
    [source] = objects(graph, record, PROV.wasDerivedFrom)
    [checksum] = objects(graph, source, SPDX.checksum)
    assert len(next(iter(objects(graph, checksum, SPDX.checksumValue)))) == 64
    others = [str(text) for text in graph.objects() if "continuously updated" in str(text)]
    assert others == [rights], "the rights statement is in no section"


def test_equal_input_gives_equal_lines() -> None:
    assert [describe(record) for record in read(RECORDS)] == [describe(record) for record in read(RECORDS)]


def test_store_returns_lines_unchanged() -> None:
    """Dump, store and pages are identical byte for byte: nothing is rewritten."""
    lines = sorted(
        {line for record in read(RECORDS) for line in describe(record)} | set(describe_reference(load_gazetteer()))
    )
    store = ox.Store()
    store.load("\n".join(lines), format=ox.RdfFormat.N_TRIPLES)
    assert len(store) == len(lines)
    assert sorted(store.dump(format=ox.RdfFormat.N_QUADS).decode().splitlines()) == lines


def test_noncharacters_are_replaced() -> None:
    assert literal("a\uffffb\ud800c\ufffe") == '"a\ufffdb\ufffdc\ufffd"'


def test_graphs_contain_no_characters_that_xml_forbids(tmp_path: Path) -> None:
    """They occur in RDF; readers of other formats remove them."""
    source = tmp_path / "a.ttl"
    source.write_text(f'<{G0020}> a <{CYB.Project}> ; <{DCTERMS.title}> "A\\u0001 \\b project\\uFFFE" .')
    [record] = read(source)
    document = to_graph(record).serialize(format="xml")
    assert objects(rdflib.Graph().parse(data=document, format="xml"), G0020, DCTERMS.title) == {
        "A\ufffd \ufffd project\ufffd"
    }


def test_description_has_no_blank_nodes() -> None:
    assert not [line for record in read(RECORDS) for line in describe(record) if line.startswith("_:") or " _:" in line]


@given(st.text(), st.sampled_from(["", "en", "pt-BR"]))
def test_arbitrary_text_round_trips_as_literal(text: str, language: str) -> None:
    line = f"<urn:a> <urn:b> {literal(text, language)} ."
    text = text.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd")
    [quad] = ox.parse(line, format=ox.RdfFormat.N_TRIPLES)
    assert isinstance(quad.object, ox.Literal)
    assert quad.object.value == text
    assert (quad.object.language or "") == language.lower()
    [graph_line] = ox.serialize([quad], format=ox.RdfFormat.N_QUADS).decode().split("\n")[:-1]
    assert graph_line == line


_PIECES = st.text(
    "ab:/?#[]@!$&'()*+,;=%20é\ue000\ufdd0\U000e0001-._~1\u200e\u202e\xa0 <>\"{}|^`\\", max_size=12
) | st.text(max_size=12)


@given(st.sampled_from(["http://", "https://a.b", "mailto:", "a:", ""]), _PIECES)
def test_valid_iris_can_be_parsed(start: str, rest: str) -> None:
    """An invalid IRI would make the whole graph unreadable."""
    if is_iri(start + rest):
        list(ox.parse(f"<urn:a> <urn:b> <{start}{rest}> .", format=ox.RdfFormat.N_TRIPLES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://gfce.org/a?b=c&d=%20#e", True),
        ("mailto:jane.doe@example.org", True),
        ("https://пример.рф/путь", True),
        ("https://user@example.org:8080/", True),
        ("no scheme", False),
        ("https://a b", False),
        ("https://a/[b]", False),
        ("https://a/%zz", False),
        ("javascript:alert(1)", True),  # an IRI, although not a web link, which the shapes report
    ],
)
def test_recognises_iris(text: str, expected: bool) -> None:
    assert is_iri(text) is expected


def test_names_of_countries_have_three_languages() -> None:
    graph = rdflib.Graph().parse(data="\n".join(describe_reference(load_gazetteer())), format="nt")
    labels = {label.language: str(label) for label in graph.objects(URIRef(f"{BASE}id/country/DE"), SKOS.prefLabel)}
    assert labels == {"en": "Germany", "es": "Alemania", "fr": "Allemagne"}


def test_to_graph_binds_only_our_prefixes(graph: rdflib.Graph) -> None:
    assert {prefix for prefix, _ in graph.namespaces()} >= {"cyb", "country", "actor"}
    assert dict(graph.namespaces()).keys() <= PREFIXES.keys() | {"xml"}


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
