"""Describe the reference data: countries, regions, groups, themes, actors and small vocabularies."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

from cybilgraph.model.fields import role_property
from cybilgraph.model.gazetteer import Gazetteer, GazetteerEntry
from cybilgraph.model.identifiers import REGISTERS
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCTERMS,
    FOAF,
    ORG,
    OWL,
    RDF,
    RDFS,
    SCHEMA,
    SKOS,
    XSD,
    own_pattern,
    published_iri,
    scheme_iri,
    thing_iri,
)
from cybilgraph.rdf.description.triples import TripleWriter

_SCHEMES = {
    "country": "Countries and territories",
    "region": "Regions of the United Nations (M49)",
    "group": "Groups of countries",
    "theme": "Themes and topics",
    "cmm": "Dimensions of the Oxford Cybersecurity Capacity Maturity Model",
    "audience": "Audiences",
    "status": "Project status",
    "role": "Roles of actors in projects",
    "actor-type": "Types of actor",
    "basis": "How a claim is known",
    "activity-kind": "Kinds of activity",
    "result-status": "Intended or achieved",
    "funding-kind": "Kinds of sums of money",
}
#: The IRIs that reference data may have, in N-Triples; excluding those of projects takes a third of the time.
_IRIS = rf"<((?:OWN|{re.escape(BASE)})(?:id/(?!project/)|iati)[^<>\s]*)>"
#: The namespace of the datatypes of IATI codes.
IATI = f"{BASE}iati"
#: The code lists of IATI 2.03 with our codes, as datatypes of notations.
_IATI_LISTS = {
    "status": "ActivityStatus",
    "role": "OrganisationRole",
    "actor-type": "OrganisationType",
    "funding-kind": "TransactionType",
}
#: The continents of the EU Publications Office, and its countries, whose codes are alpha-3 codes (Kosovo: XKX).
_EU_COUNTRIES = "http://publications.europa.eu/resource/authority/country/"
_EU_CONTINENTS = "http://publications.europa.eu/resource/authority/continent/"
#: The Sustainable Development Goals, as published by the UN library.
_GOALS = "http://metadata.un.org/sdg/"
_WIKIDATA = "http://www.wikidata.org/entity/"
_CLASSES = {
    "country": CYB.Country,
    "region": CYB.Region,
    "group": CYB.Group,
    "theme": CYB.Theme,
    "audience": CYB.Audience,
    "actor": CYB.Actor,
}
#: Columns of names and definitions, which only some kinds have, with their language.
_NAMES = (("name_es", "es"), ("name_fr", "fr"))
_DEFINITIONS = (("definition", "en"), ("definition_es", "es"), ("definition_fr", "fr"))


@lru_cache(maxsize=1)
def describe_reference(reference: Gazetteer) -> list[str]:
    """Return all triples of the reference entries, sorted."""
    triples = TripleWriter()
    for kind, title in _SCHEMES.items():
        triples.link(scheme_iri(kind), RDF.type, SKOS.ConceptScheme)
        triples.name(scheme_iri(kind), SKOS.prefLabel, title)
    for entry in reference:
        iri = thing_iri(entry.kind, entry.key)
        triples.name(iri, SKOS.prefLabel, entry.name)
        for alias in entry.aliases:
            triples.text(iri, SKOS.altLabel, alias)
        for column, language in _NAMES:
            if text := entry.row.get(column):
                triples.name(iri, SKOS.prefLabel, text, language)
        for column, language in _DEFINITIONS:
            if text := entry.row.get(column):
                triples.text(iri, SKOS.definition, text, language)
        if entry.kind in _CLASSES:
            triples.link(iri, RDF.type, _CLASSES[entry.kind])
        if entry.kind in _SCHEMES:
            triples.link(iri, RDF.type, SKOS.Collection if entry.kind == "group" else SKOS.Concept)
            triples.link(iri, SKOS.inScheme, scheme_iri(entry.kind))
        if writer := _WRITERS.get(entry.kind):
            writer(triples, iri, entry)
        for row in reference.goals if entry.kind == "theme" else ():
            if row["theme"] == entry.key:
                triples.link(iri, SKOS.relatedMatch, f"{_GOALS}{row['goal']}")
                triples.link(iri, DCTERMS.source, row["source"])
        if (other := published_iri(entry.kind, entry.key)) and (entry.kind, entry.key) in reference.published:
            triples.link(iri, OWL.sameAs if entry.kind == "actor" else SKOS.exactMatch, other)
    return sorted({*triples.lines(), *describe_code_lists()})


def describe_used_reference(reference: Gazetteer, lines: Iterable[str]) -> list[str]:
    """Return the triples of the entries that these lines of N-Triples name, and of what those entries name in turn."""
    described = _reference_by_subject(reference)
    used: dict[str, None] = {}
    named = set(own_pattern(_IRIS).findall("\n".join(lines)))
    while named := named & described.keys() - used.keys():
        used |= dict.fromkeys(sorted(named))
        named = {iri for subject in named for iri in described[subject][1]}
    return [line for subject in used for line in described[subject][0]]


@lru_cache(maxsize=1)
def _reference_by_subject(reference: Gazetteer) -> dict[str, tuple[list[str], set[str]]]:
    """Return the triples of each subject, and the IRIs in them."""
    described: dict[str, tuple[list[str], set[str]]] = defaultdict(lambda: ([], set()))
    for line in describe_reference(reference):
        subject, *others = own_pattern(_IRIS).findall(line)
        lines, iris = described[subject]
        lines.append(line)
        iris.update(others)
    return dict(described)


def describe_code_lists() -> list[str]:
    """Return the triples about the code lists of IATI that type our notations, sorted."""
    triples = TripleWriter()
    triples.link(IATI, RDF.type, OWL.Ontology)
    triples.text(IATI, RDFS.label, "Datatypes for the codes of IATI 2.03")
    for name in _IATI_LISTS.values():
        iri = f"{IATI}#{name}"
        triples.link(iri, RDF.type, RDFS.Datatype)
        triples.text(iri, RDFS.label, f"IATI code list {name}")
        triples.link(iri, RDFS.isDefinedBy, IATI)
    return triples.lines()


def describe_day(day: str) -> str:
    """Return the triple that gives rules the current date (cyb:asOf)."""
    return f'<{scheme_iri("check")}> <{CYB.asOf}> "{day}"^^<{XSD.date}> .'


def _country(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    row = entry.row
    triples.plain(iri, SKOS.notation, entry.key)
    triples.plain(iri, CYB.alpha3, row["alpha3"])
    if row["numeric"]:
        triples.plain(iri, CYB.m49, row["numeric"])
    triples.link(iri, SKOS.exactMatch, f"{_EU_COUNTRIES}{row['alpha3']}")
    triples.link(iri, SKOS.broader, thing_iri("region", row["region"]))
    if row["wikidata"]:
        triples.link(iri, SKOS.exactMatch, f"{_WIKIDATA}{row['wikidata']}")


def _region(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    triples.plain(iri, CYB.m49, entry.key)
    if entry.row["parent"]:
        triples.link(iri, SKOS.broader, thing_iri("region", entry.row["parent"]))
    # Only close matches: other schemes draw the borders of regions differently.
    if entry.row["wikidata"]:
        triples.link(iri, SKOS.closeMatch, f"{_WIKIDATA}{entry.row['wikidata']}")
    if entry.row["eu_continent"]:
        triples.link(iri, SKOS.closeMatch, f"{_EU_CONTINENTS}{entry.row['eu_continent']}")


def _group(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    for member in entry.cell("members"):
        triples.link(iri, SKOS.member, thing_iri("country", member))
    if source := entry.row["source"]:
        triples.link(iri, DCTERMS.source, source)
    as_of = f"Members as of {entry.row['as_of']}." if entry.row["as_of"] else ""
    if note := " ".join(filter(None, (as_of, entry.row["note"]))):
        triples.text(iri, SKOS.note, note)
    _homepage(triples, iri, entry)


def _theme(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    if entry.row["parent"]:
        triples.link(iri, SKOS.broader, thing_iri("theme", entry.row["parent"]))
    else:
        triples.link(iri, SKOS.topConceptOf, scheme_iri("theme"))
    for dimension in entry.cell("close_match"):
        triples.link(iri, SKOS.closeMatch, thing_iri("cmm", dimension))


def _basis(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    triples.text(iri, SKOS.definition, entry.row["definition"])
    if entry.row["broader"]:
        triples.link(iri, SKOS.broader, thing_iri("basis", entry.row["broader"]))


def _actor(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    row = entry.row
    triples.link(iri, ORG.classification, thing_iri("actor-type", row["type"]))
    if row["parent"]:
        triples.link(iri, ORG.subOrganizationOf, thing_iri("actor", row["parent"]))
    if row["country"]:
        triples.link(iri, CYB.seat, thing_iri("country", row["country"]))
    if row["replaced_by"]:
        successor, year = row["replaced_by"].split(":")
        triples.link(iri, DCTERMS.isReplacedBy, thing_iri("actor", successor))
        triples.plain(iri, SCHEMA.dissolutionDate, year, XSD.gYear)
    for former in entry.cell("former"):  # its key before it was listed, or of an actor that was merged into it
        triples.deprecate(thing_iri("actor", former), iri)
        triples.link(thing_iri("actor", former), DCTERMS.isReplacedBy, iri)
    _homepage(triples, iri, entry)
    for same in (*entry.cell("same_as"), *(one.iri for one in entry.identifiers if one.iri)):
        triples.link(iri, OWL.sameAs, same)
    for identifier in entry.identifiers:
        if term := REGISTERS[identifier.register].term:
            triples.plain(iri, term, identifier.text)


def _iati_code(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    """Describe the code in IATI, typed with its code list: code 2 is a status and a role."""
    if entry.row["iati"]:
        triples.plain(iri, SKOS.notation, entry.row["iati"], f"{IATI}#{_IATI_LISTS[entry.kind]}")


def _role(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    triples.link(iri, CYB.directProperty, role_property(entry.key))
    _iati_code(triples, iri, entry)


def _homepage(triples: TripleWriter, iri: str, entry: GazetteerEntry) -> None:
    if entry.row["homepage"]:
        triples.link(iri, FOAF.homepage, entry.row["homepage"])


#: Writers of properties other than names, by kind.
_WRITERS: dict[str, Callable[[TripleWriter, str, GazetteerEntry], None]] = {
    "country": _country,
    "region": _region,
    "group": _group,
    "theme": _theme,
    "actor": _actor,
    "basis": _basis,
    "status": _iati_code,
    "role": _role,
    "actor-type": _iati_code,
    "funding-kind": _iati_code,
}
