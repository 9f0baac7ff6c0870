"""The values that the page of a project shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rdflib import URIRef

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, FOAF, OA, PROV, RDFS, SCHEMA, SPDX, VCARD
from cybilgraph.web.pages.resource_view import Resource

_LINK_ORDER = ("Funder", "Implementer", "Partner", "Beneficiary", "Unspecified", "Country", "Region", "Group", "Theme")
#: The most characters of a text in the description for search engines.
_MAX_DESCRIPTION_CHARS = 5_000
#: Headings of related projects, by property.
_RELATIONS = {DCTERMS.isPartOf: "Part of", CYB.follows: "Follows", DCTERMS.relation: "Related to"}


@dataclass(slots=True)
class ProjectLink:
    """A link of a project and its evidence: quotes, each with its line and confidence."""

    name: str
    iri: str
    role: str = ""
    derived: bool = False
    quotes: list[tuple[str, str, str]] = field(default_factory=list)


def page_values(view: Resource) -> dict[str, Any]:
    """Return the values of the template of a project page, all of them text."""
    graph, text = view.graph, view.text
    record = graph.value(None, URIRef(FOAF.primaryTopic), view.node)
    sources = [
        (text(node, RDFS.label), text(graph.value(node, URIRef(SPDX.checksum)), SPDX.checksumValue))
        for node in sorted(view.all(PROV.wasDerivedFrom, record), key=str)
    ]
    source, *earlier = sources or [("", "")]
    blank = set(map(str, view.all(CYB.leftBlank, record)))
    links = [*_links(view, CYB.participation, CYB.actor), *_links(view, CYB.scope, CYB.concept)]
    sections: list[tuple[str, dict[str, Any]]] = []
    for row in FIELDS:
        values = view.all(row.term) if row.kind in (FieldKind.PROSE, FieldKind.ITEMS) else []
        if values and row.kind is FieldKind.PROSE:
            sections.append((row.name, {"paragraphs": [part for value in values for part in str(value).split("\n\n")]}))
        elif values:
            items = [(text(node, DCTERMS.description), text(node, CYB.subheading)) for node in values]
            sections.append((row.name, {"items": items}))
    return {
        "code": view.one(DCTERMS.identifier),
        "status": view.name(status[0]) if (status := view.all(CYB.status)) else "",
        "start": view.one(CYB.startAsPrinted) or view.one(CYB.start),
        "end": view.one(CYB.endAsPrinted) or view.one(CYB.end),
        "links": _grouped(links),
        "found": any(link.derived for link in links),
        "related": [(words, linked) for term, words in _RELATIONS.items() if (linked := view.linked(term))],
        "blank": [row.name.replace("_", " ") for row in FIELDS if row.term in blank],
        "sections": sections,
        "web": [(text(node, DCTERMS.title), text(node, SCHEMA.url)) for node in view.all(CYB.link)],
        "contacts": [
            (text(node, VCARD.fn), text(node, VCARD.hasEmail).removeprefix("mailto:")) for node in view.all(CYB.contact)
        ],
        "record": str(record or ""),
        "rights": text(record, DCTERMS.rights),
        "page": text(record, DCTERMS.source),
        "source": source[0],
        "sha256": source[1],
        "earlier": earlier,
        "versions": sorted(
            map(str, view.all(PROV.wasRevisionOf, record)), key=lambda iri: (iri.rpartition("/")[2], iri)
        ),
        "data": _schema_org(view, links),
    }


def _links(view: Resource, property_: str, target: str) -> list[ProjectLink]:
    links = []
    for node in view.all(property_):
        thing = next(view.graph.objects(node, URIRef(target)))
        role = view.graph.value(node, URIRef(CYB.role))
        kind = view.name(role) if role else str(thing).removeprefix(f"{BASE}id/").partition("/")[0].capitalize()
        quotes = [
            (view.text(quote, OA.exact), view.text(quote, CYB.line), view.text(quote, CYB.confidence))
            for quote in view.all(CYB.evidence, node)
        ]
        is_derived = view.text(node, CYB.basis).endswith("/derived")
        links.append(ProjectLink(view.name(thing), str(thing), kind, is_derived, quotes))
    return links


def _grouped(links: list[ProjectLink]) -> list[tuple[str, list[ProjectLink]]]:
    groups: dict[str, list[ProjectLink]] = {role: [] for role in _LINK_ORDER}
    for link in sorted(links, key=lambda link: link.name.casefold()):
        groups.setdefault(link.role, []).append(link)
    return [(role, group) for role, group in groups.items() if group]


def _schema_org(view: Resource, links: list[ProjectLink]) -> dict[str, Any]:
    """Describe the project in schema.org terms, for search engines."""

    def of(role: str, type_: str) -> list[dict[str, str]]:
        return [{"@type": type_, "@id": link.iri, "name": link.name} for link in links if link.role == role]

    description: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ResearchProject",
        "@id": view.iri,
        "name": view.label[:_MAX_DESCRIPTION_CHARS],
        "identifier": view.one(DCTERMS.identifier),
        "description": view.one(DCTERMS.abstract)[:_MAX_DESCRIPTION_CHARS],
        "foundingDate": view.one(CYB.start),
        "dissolutionDate": view.one(CYB.end),
        "funder": of("Funder", "Organization"),
        "member": [*of("Implementer", "Organization"), *of("Partner", "Organization")],
        "areaServed": [*of("Country", "Country"), *of("Region", "Place"), *of("Group", "Place")],
        "knowsAbout": [link.name for link in links if link.role == "Theme"],
    }
    return {key: value for key, value in description.items() if value}
