"""The ontology file, the vocabulary in Python and the graph have the same terms."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pyoxigraph as ox
import pytest
from owlrl import DeductiveClosure, OWLRL_Semantics
from owlrl.Namespaces import ERRNS
from rdflib import DCTERMS, OWL, RDF, RDFS, SKOS, XSD, Dataset, Graph, URIRef
from rdflib.term import Node
from zstandard import ZstdDecompressor

from cybilgraph import read, to_graph
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.resources import ONTOLOGY_FILES, ONTOLOGY_VERSIONS, read_ontology
from cybilgraph.model.vocabulary import BASE, CYB, PREFIXES
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from tests.conftest import SAMPLES, graph_of

FILE = Graph().parse(data=read_ontology(), format="turtle")
HEADERS = [URIRef(f"{BASE}ontology"), URIRef(f"{BASE}ontology/rules")]
TERMS = sorted(term for term in set(FILE.subjects()) if str(term).startswith(CYB.iri))
#: Terms that no record in data/ uses yet, with the sample that does.
PLANNED = {
    **dict.fromkeys(("partner", "audience", "statusAsOf"), "rules/good.ttl"),
    "beneficiary": "rules/good.ttl",
    **dict.fromkeys(("accountable", "extending"), "rules/good.ttl"),
    "follows": "ontology/follows.ttl",
    **dict.fromkeys(("Relation", "relation", "project"), "ontology/follows.ttl"),
    **dict.fromkeys(("Funding", "funding", "fundingKind", "provider", "receiver", "transactions"), "rules/good.ttl"),
    **dict.fromkeys(("periodStart", "periodEnd", "valueDate"), "rules/good.ttl"),
    **dict.fromkeys(("Indicator", "indicator", "Measurement", "baseline", "target", "actual"), "rules/good.ttl"),
    **dict.fromkeys(("Classification", "classification", "vocabulary", "share"), "rules/good.ttl"),
    "iatiIdentifier": "one-project/project.ttl",
    "mayReach": "ontology/may-reach.ttl",
    **dict.fromkeys(
        ("ReadingRule", "AdviceRule", "suggestion", "exampleFormat", "exampleEncoding", "exampleCommand"),
        "../../shapes/reading.ttl",
    ),
    **dict.fromkeys(("goodExample", "badExample", "badLine"), "../../shapes/reading.ttl"),
    **dict.fromkeys(("Decision", "decision", "verdict"), "ontology/decision.ttl"),
    "exampleRecord": "../../shapes/reading.ttl",
    "requires": "../../shapes/recommended.ttl",
    **dict.fromkeys(("reads", "joinsOn", "supersedes"), "../../shapes/across.ttl"),
    "asOf": "rules/good.ttl",
    "column": "ontology/report.ttl",
}


def test_ontology_loads_alike_in_both_libraries() -> None:
    triples = list(ox.parse(read_ontology(), format=ox.RdfFormat.TURTLE))
    assert len(triples) == len(FILE)
    assert not any(isinstance(quad.subject, ox.BlankNode) for quad in triples)


def test_vocabulary_matches_the_ontology() -> None:
    assert {str(term).removeprefix(CYB.iri) for term in TERMS} == CYB.terms


def test_headers_have_version_and_licence_and_point_to_each_other() -> None:
    assert sorted(FILE.subjects(RDF.type, OWL.Ontology)) == HEADERS
    for predicate in (OWL.versionInfo, OWL.versionIRI, DCTERMS.license):
        assert all(FILE.value(header, predicate) for header in HEADERS)
    assert FILE.value(HEADERS[0], DCTERMS.hasPart) == HEADERS[1]
    assert FILE.value(HEADERS[1], DCTERMS.isPartOf) == HEADERS[0]


@pytest.mark.parametrize(("file", "header"), [*zip(ONTOLOGY_FILES, HEADERS, strict=True)], ids=["graph", "rules"])
def test_each_file_defines_its_own_terms(file: Path, header: URIRef) -> None:
    graph = Graph().parse(file)
    terms = {term for term in graph.subjects(RDF.type) if str(term).startswith(CYB.iri)}
    assert terms
    assert terms == set(graph.subjects(RDFS.isDefinedBy, header))


def test_graph_terms_are_free_of_rule_terms() -> None:
    rules = set(Graph().parse(ONTOLOGY_FILES[1]).subjects(RDFS.isDefinedBy))
    used = {node for triple in Graph().parse(ONTOLOGY_FILES[0]) for node in triple}
    assert not used & rules


@pytest.mark.parametrize("term", TERMS, ids=lambda term: str(term).removeprefix(CYB.iri))
def test_every_term_has_type_and_valid_example(term: URIRef) -> None:
    for predicate in (SKOS.example, RDFS.isDefinedBy):
        assert FILE.value(term, predicate), predicate
    assert FILE.value(term, RDF.type) in (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty)
    assert len(example_of(term)), "the example is not valid Turtle"


# ---- checks of the OOPS! catalogue of pitfalls (https://oops.linkeddata.es/catalogue.jsp) ----

DOMAINS, RANGES = ((RDFS[name], URIRef(f"{PREFIXES['schema']}{name}Includes")) for name in ("domain", "range"))
PROPERTIES = [term for term in TERMS if FILE.value(term, RDF.type) != OWL.Class]


def test_only_declared_terms_are_used() -> None:  # P34, P35
    used = {node for triple in FILE for node in triple if isinstance(node, URIRef) and node.startswith(CYB.iri)}
    assert used == set(TERMS)


@pytest.mark.parametrize("predicate", [RDFS.subClassOf, RDFS.subPropertyOf], ids=["classes", "properties"])
def test_hierarchies_have_no_cycles_and_join_terms_of_one_kind(predicate: URIRef) -> None:  # P06, P31
    pairs = list(FILE.subject_objects(predicate))
    assert pairs
    for term, above in pairs:
        assert term not in FILE.transitive_objects(above, predicate), term
        assert (FILE.value(term, RDF.type) == OWL.Class) == (predicate == RDFS.subClassOf), term
        if above in TERMS:
            assert FILE.value(term, RDF.type) == FILE.value(above, RDF.type), term


@pytest.mark.parametrize("term", PROPERTIES, ids=lambda term: str(term).removeprefix(CYB.iri))
def test_every_property_has_domain_and_range_of_its_kind(term: URIRef) -> None:  # P11, P18, P19
    domains, ranges = ([value for name in names for value in FILE.objects(term, name)] for names in (DOMAINS, RANGES))
    assert domains
    assert ranges
    assert len(list(FILE.objects(term, RDFS.domain))) < 2, "an instance would belong to all of them"
    assert all(FILE.value(value, RDF.type) == OWL.Class for value in {*domains, *ranges} & set(TERMS))
    are_literals = {value in (RDFS.Literal, RDF.langString) or str(value).startswith(str(XSD)) for value in ranges}
    assert are_literals == {FILE.value(term, RDF.type) == OWL.DatatypeProperty}


def test_every_class_is_connected_to_others() -> None:  # P04
    links = (*DOMAINS, *RANGES, RDFS.subClassOf)
    connected = {node for link in links for pair in FILE.subject_objects(link) for node in pair}
    assert {term for term in TERMS if FILE.value(term, RDF.type) == OWL.Class} <= connected


def test_properties_in_opposite_directions_are_declared_inverses() -> None:  # P13
    ends = {
        term: tuple(
            frozenset(value for name in names for value in FILE.objects(term, name)) for names in (DOMAINS, RANGES)
        )
        for term in PROPERTIES
    }
    opposite = {
        frozenset((term, other))
        for term, other in combinations(PROPERTIES, 2)
        if ends[term] == ends[other][::-1] and ends[term][0] != ends[term][1]
    }
    declared = {frozenset(pair) for pair in FILE.subject_objects(OWL.inverseOf)}
    # From a project to its relation, and from there to the other project.
    assert opposite - declared == {frozenset(URIRef(f"{CYB.iri}{name}") for name in ("relation", "project"))}


def test_inverses_are_other_object_properties() -> None:  # P05, P25
    for term, other in FILE.subject_objects(OWL.inverseOf):
        assert term != other
        assert {FILE.value(node, RDF.type) for node in {term, other} & set(TERMS)} == {OWL.ObjectProperty}


def test_names_follow_one_convention_and_texts_are_unique() -> None:  # P22, P32
    for term in TERMS:
        is_class = FILE.value(term, RDF.type) == OWL.Class
        assert re.fullmatch("[A-Z][A-Za-z]+" if is_class else "[a-z][A-Za-z0-9]+", term.removeprefix(CYB.iri)), term
    for predicate in (RDFS.label, SKOS.definition):
        texts = [(FILE.value(term, RDF.type), text) for term in TERMS for text in FILE.objects(term, predicate)]
        assert len(set(texts)) == len(texts)


def test_versions_differ_in_name_and_content() -> None:
    current = FILE.value(HEADERS[0], OWL.versionInfo)
    assert str(FILE.value(HEADERS[0], OWL.versionIRI)) == f"{BASE}ontology/{current}"
    assert str(current) not in ONTOLOGY_VERSIONS
    earlier = {f"{BASE}ontology/{version}" for version in ONTOLOGY_VERSIONS}
    assert {str(version) for version in FILE.objects(HEADERS[0], OWL.priorVersion)} == {max(earlier)}
    for version in ONTOLOGY_VERSIONS:
        graph = Graph().parse(data=read_ontology(version), format="turtle")
        assert str(graph.value(HEADERS[0], OWL.versionIRI)) == f"{BASE}ontology/{version}"
        lost = set(graph.subjects(RDFS.isDefinedBy)) - set(TERMS)
        assert not lost, "published terms are never removed"


def example_of(term: URIRef) -> Graph:
    prefixes = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())
    return Graph().parse(data=prefixes + str(FILE.value(term, SKOS.example)), format="turtle", publicID=BASE)


#: Statements that an example says to be elsewhere than in the graph.
ELSEWHERE = {CYB.mayReach, CYB.claim, CYB.column}


def test_examples_are_in_the_graph_of_the_samples_unless_fictitious(release: Release) -> None:
    graph = ox.Store()
    graph.load(graph_of(release.folder), format=ox.RdfFormat.N_QUADS)
    terms = Graph().parse(ONTOLOGY_FILES[0]).subjects(RDFS.isDefinedBy)
    wrong = [
        (subject, predicate, text)
        for term in terms
        if str(term) not in ELSEWHERE
        for subject, predicate, text in example_of(URIRef(str(term)))
        if "/example" not in subject and not is_stated(graph, str(subject), str(predicate), str(text).rstrip("…"))
    ]
    assert not wrong


def is_stated(graph: ox.Store, subject: str, predicate: str, start: str) -> bool:
    found = graph.quads_for_pattern(ox.NamedNode(subject), ox.NamedNode(predicate), None, ox.DefaultGraph())
    return any(quad.object.value.startswith(start) for quad in found)


@pytest.mark.parametrize("term", [*HEADERS, *TERMS], ids=lambda term: str(term).removeprefix(CYB.iri))
def test_every_text_is_in_english_spanish_and_french(term: URIRef) -> None:
    for predicate in (DCTERMS.title, DCTERMS.description) if term in HEADERS else (RDFS.label, SKOS.definition):
        texts = list(FILE.objects(term, predicate))
        assert sorted(text.language for text in texts) == ["en", "es", "fr"], predicate
        mentioned = {frozenset(re.findall(r"\b[a-z]+:[A-Za-z]\w*", text)) for text in texts}
        assert len(mentioned) == 1, "the translations mention other terms"


@pytest.mark.parametrize("term", sorted(CYB.terms))
def test_every_term_occurs_in_a_sample(term: str, engine: EmbeddedEngine) -> None:
    if term in PLANNED:
        assert re.search(rf"\bcyb:{term}\b", (SAMPLES / PLANNED[term]).read_text(encoding="utf-8"))
        return
    # A term that only generalises others occurs if one of these does.
    node = URIRef(f"{CYB.iri}{term}")
    terms = {node, *FILE.subjects(RDFS.subClassOf, node), *FILE.subjects(RDFS.subPropertyOf, node)}
    values = " ".join(sorted(one.n3() for one in terms))
    used = f"ASK {{ VALUES ?term {{ {values} }} {{ ?s a ?term }} UNION {{ ?s ?term ?o }} }}"
    is_used = engine.answer(used, (BY_NAME["csv"],)).content == b"true"
    assert is_used, f"no record in data/records uses cyb:{term}; add one, or a sample to PLANNED"


@pytest.mark.slow
def test_graph_has_only_terms_of_the_ontology(stated: Graph) -> None:
    files = [SAMPLES / sample for sample in sorted({*PLANNED.values()}) if not sample.startswith("../")]
    records = [file for file in files if "a cyb:Project" in file.read_text(encoding="utf-8")]
    samples = to_graph(record for file in records for record in read(file))
    used = {
        term
        for graph in (stated, samples)
        for term in {*graph.predicates(unique=True), *graph.objects(predicate=RDF.type, unique=True)}
        if str(term).startswith(CYB.iri)
    }
    assert used
    assert used <= set(TERMS), used - set(TERMS)


def close(graph: Graph) -> Graph:
    """Return what an OWL 2 RL reasoner infers from a graph, our ontology and the ontologies that it refers to."""
    closed = graph + FILE + Graph().parse(SAMPLES / "ontology" / "external.ttl")
    DeductiveClosure(OWLRL_Semantics, improved_datatypes=False).expand(closed)
    return closed


def inconsistencies(graph: Graph) -> list[str]:
    return [str(graph.value(node, ERRNS.error)) for node in graph.subjects(RDF.type, ERRNS.ErrorMessage)]


def own_instances(graph: Graph, name: str) -> set[Node]:
    return {node for node in graph.subjects(RDF.type, URIRef(f"{CYB.iri}{name}")) if str(node).startswith(BASE)}


@pytest.fixture(scope="module")
def stated(release: Release) -> Graph:
    with ZstdDecompressor().stream_reader((release.folder / GRAPH).open("rb"), closefd=True) as quads:
        dataset = Dataset().parse(data=quads.read(), format="nquads")
    return Graph() + dataset.default_graph


@pytest.fixture(scope="module")
def inferred(stated: Graph) -> Graph:
    return close(stated)


@pytest.mark.slow
def test_reasoner_finds_no_inconsistency_in_a_release(inferred: Graph) -> None:
    assert not inconsistencies(inferred)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(term for term in CYB.terms if term[0].isupper() and term != "Claim"))
def test_reasoner_infers_no_class_that_a_release_does_not_state(name: str, stated: Graph, inferred: Graph) -> None:
    assert own_instances(inferred, name) == own_instances(stated, name)


@pytest.mark.slow
def test_reasoner_infers_the_subject_of_every_claim(stated: Graph, inferred: Graph) -> None:
    assert not set(stated.subject_objects(RDF.subject))
    kinds = {
        "Participation": "participation",
        "Scope": "scope",
        "Dating": "dating",
        "Relation": "relation",
        "Funding": "funding",
    }
    claims = {
        (claim, project)
        for name, link in kinds.items()
        for project, claim in stated.subject_objects(URIRef(f"{CYB.iri}{link}"))
        if claim in own_instances(stated, name)
    }
    assert claims
    assert set(inferred.subject_objects(RDF.subject)) == claims
    assert own_instances(inferred, "Claim") == {claim for claim, _ in claims}


@pytest.mark.slow
def test_reasoner_infers_terms_of_other_vocabularies() -> None:
    prefixes = "".join(f"PREFIX {prefix}: <{iri}>\n" for prefix, iri in PREFIXES.items())
    facts = Graph().parse(
        data=f"""{prefixes}
        project:a a cyb:Project ; cyb:funder actor:b ; cyb:country country:BZ ; cyb:start "2020"^^xsd:gYear .
        actor:b a cyb:Actor ; cyb:seat country:GB .
        project:a cyb:beneficiary <urn:women> . <urn:women> a cyb:Audience .
        <urn:festival> cyb:start "2020"^^xsd:gYear ; cyb:country country:FJ ; cyb:follows <urn:earlier> .
        """,
        format="turtle",
    )
    graph = close(facts)
    ask = f"""{prefixes}
        ASK {{
            project:a a schema:Project ; schema:funder actor:b ; dcterms:spatial country:BZ ; schema:startDate ?start .
            actor:b a org:Organization ; schema:location country:GB .
            country:BZ a dcterms:Location .
            FILTER NOT EXISTS {{ VALUES ?class {{ cyb:Project schema:Project dcterms:PeriodOfTime }} <urn:festival> a ?class }}
            FILTER NOT EXISTS {{ <urn:earlier> a cyb:Project }}
            FILTER NOT EXISTS {{ VALUES ?class {{ cyb:Actor org:Organization }} <urn:women> a ?class }}
        }}"""
    assert graph.query(ask).askAnswer
    assert not inconsistencies(graph)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other"),
    [(SKOS.Concept, SKOS.Collection), (CYB.Project, CYB.Record), (CYB.Project, CYB.Country), (CYB.Actor, CYB.Group)],
)
def test_reasoner_detects_an_inconsistency(one: str, other: str) -> None:
    thing = URIRef("urn:thing")
    both = Graph().add((thing, RDF.type, URIRef(one))).add((thing, RDF.type, URIRef(other)))
    assert inconsistencies(close(both))


def test_unknown_term_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="aime"):
        _ = CYB.aime


def test_everything_with_a_name_is_found_by_one_path(engine: EmbeddedEngine) -> None:
    kinds = (
        *(CYB.Project, CYB.Actor, CYB.Country, CYB.Region, CYB.Group, CYB.Theme, CYB.Audience, CYB.WebLink),
        *(str(SKOS.Concept), str(SKOS.ConceptScheme), str(OWL.Class), str(OWL.ObjectProperty)),
    )
    query = f"""SELECT DISTINCT ?kind ?named {{
        VALUES ?kind {{ {" ".join(f"<{kind}>" for kind in kinds)} }}
        ?thing a ?kind .
        BIND(EXISTS {{ ?thing rdfs:label|skos:prefLabel|dcterms:title|vcard:fn ?name }} AS ?named)
    }}"""
    prefixes = "".join(f"PREFIX {prefix}: <{iri}> " for prefix, iri in PREFIXES.items())
    rows = engine.answer(prefixes + query, (BY_NAME["csv"],)).content.decode().split()[1:]
    assert sorted(rows) == sorted(f"{kind},true" for kind in kinds)
