"""The description of the reference data."""

from __future__ import annotations

import rdflib
from rdflib import DCTERMS, ORG, OWL, RDF, RDFS, SDO, SKOS, Literal, URIRef

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.description import describe_reference

GRAPH = rdflib.Graph().parse(data="\n".join(describe_reference(load_gazetteer())), format="nt")


def test_names_of_countries_have_three_languages() -> None:
    labels = {label.language: str(label) for label in GRAPH.objects(URIRef(f"{BASE}id/country/DE"), SKOS.prefLabel)}
    assert labels == {"en": "Germany", "es": "Alemania", "fr": "Allemagne"}


def test_preferred_names_are_labels() -> None:
    named = set(GRAPH.subject_objects(SKOS.prefLabel))
    assert set(GRAPH.subject_objects(RDFS.label)) - named == {
        (subject, label) for subject, label in GRAPH.subject_objects(RDFS.label) if "/iati" in subject
    }
    assert named <= set(GRAPH.subject_objects(RDFS.label))


def test_dimensions_that_match_themes_are_concepts_in_three_languages() -> None:
    dimensions = {match for theme, match in GRAPH.subject_objects(SKOS.closeMatch) if "/id/theme/" in theme}
    assert len(dimensions) == 5
    for dimension in dimensions:
        assert (dimension, RDF.type, SKOS.Concept) in GRAPH
        assert (dimension, SKOS.inScheme, URIRef(f"{BASE}id/cmm")) in GRAPH
        for predicate in (SKOS.prefLabel, SKOS.definition):
            assert sorted(text.language for text in GRAPH.objects(dimension, predicate)) == ["en", "es", "fr"]


def test_countries_match_those_of_the_eu_and_of_wikidata() -> None:
    fiji, palestine = (set(GRAPH.objects(URIRef(f"{BASE}id/country/{code}"), SKOS.exactMatch)) for code in ("FJ", "PS"))
    authority = URIRef("http://publications.europa.eu/resource/authority/country/FJI")
    assert fiji == {authority, URIRef("http://www.wikidata.org/entity/Q712")}
    assert len(palestine) == 1


def test_regions_match_those_of_the_eu_and_of_wikidata_closely() -> None:
    africa, melanesia = (
        set(GRAPH.objects(URIRef(f"{BASE}id/region/{code}"), SKOS.closeMatch)) for code in ("002", "054")
    )
    authority = URIRef("http://publications.europa.eu/resource/authority/continent/AFRICA")
    assert africa == {authority, URIRef("http://www.wikidata.org/entity/Q15")}
    assert melanesia == {URIRef("http://www.wikidata.org/entity/Q37394")}


def test_groups_have_the_date_and_source_of_their_members() -> None:
    ecowas, sahel = (URIRef(f"{BASE}id/group/{key}") for key in ("ecowas", "sahel"))
    assert str(GRAPH.value(ecowas, SKOS.note)).startswith("Members as of 2025-01-29. Burkina Faso, Mali and Niger left")
    assert GRAPH.value(ecowas, DCTERMS.source) == URIRef("https://www.ecowas.int/member-states/")
    assert str(GRAPH.value(sahel, SKOS.note)).startswith("Definitions differ.")
    assert not GRAPH.value(sahel, DCTERMS.source)


def test_every_concept_is_in_the_scheme_of_its_kind() -> None:
    concepts = set(GRAPH.subjects(RDF.type, SKOS.Concept)) | set(GRAPH.subjects(RDF.type, SKOS.Collection))
    assert len(concepts) > 300
    for concept in concepts:
        [scheme] = GRAPH.objects(concept, SKOS.inScheme)
        assert scheme == URIRef(concept.rpartition("/")[0])
        assert (scheme, RDF.type, SKOS.ConceptScheme) in GRAPH


def test_codes_of_iati_are_typed_with_their_list() -> None:
    lists = {str(one) for one in GRAPH.subjects(RDF.type, RDFS.Datatype)}
    codes = {(code.datatype, str(code)) for code in GRAPH.objects(None, SKOS.notation) if code.datatype}
    assert {str(datatype) for datatype, _ in codes} == lists
    assert (URIRef(f"{BASE}iati#OrganisationRole"), "1") in codes


def test_former_key_of_an_organisation_points_to_its_present_one() -> None:
    former, present = (URIRef(f"{BASE}id/actor/{key}") for key in ("kosovo-police", "police-kosovo"))
    assert (former, OWL.deprecated, Literal(True)) in GRAPH
    assert (former, RDFS.seeAlso, present) in GRAPH
    assert not set(GRAPH.subjects(OWL.deprecated)) & set(GRAPH.subjects(RDF.type))


def test_organisations_have_their_identifiers_in_registers() -> None:
    undp, ibm = (URIRef(f"{BASE}id/actor/{key}") for key in ("undp", "ibm"))
    same = {URIRef("https://ror.org/051777d98"), URIRef("http://www.wikidata.org/entity/Q161718")}
    assert set(GRAPH.objects(undp, OWL.sameAs)) == same
    assert set(GRAPH.objects(undp, ORG.identifier)) == {Literal("XM-DAC-41114")}
    assert set(GRAPH.objects(ibm, SDO.leiCode)) == {Literal("VGRQXHF3J8VDLUA7XE92")}


def test_themes_are_related_to_goals_only_by_a_document() -> None:
    related = set(GRAPH.subject_objects(SKOS.relatedMatch))
    cybercrime = URIRef(f"{BASE}id/theme/cybercrime")
    assert related == {(cybercrime, URIRef(f"http://metadata.un.org/sdg/{goal}")) for goal in (16, 17)}
    assert set(GRAPH.objects(cybercrime, DCTERMS.source)) == {URIRef("https://www.unodc.org/romena/en/cybercrime.html")}
