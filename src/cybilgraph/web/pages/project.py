"""The values that the page of a project shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import rdflib

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.vocabulary import (
    BASE,
    CYB,
    DCTERMS,
    FOAF,
    OA,
    PROV,
    RDFS,
    SCHEMA,
    SPDX,
    VCARD,
)
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
    record = view.graph.value(None, rdflib.URIRef(FOAF.primaryTopic), view.node)
    sources = sorted(view.graph.objects(record, rdflib.URIRef(PROV.wasDerivedFrom)), key=str) if record else []
    source = sources[0] if sources else None
    blank = {str(term) for term in view.graph.objects(record, rdflib.URIRef(CYB.leftBlank))}
    links = [*_links(view, CYB.participation, CYB.actor), *_links(view, CYB.scope, CYB.concept)]
    return {
        "code": view.one(DCTERMS.identifier),
        "status": view.name(status[0]) if (status := view.all(CYB.status)) else "",
        "start": view.one(CYB.startAsPrinted) or view.one(CYB.start),
        "end": view.one(CYB.endAsPrinted) or view.one(CYB.end),
        "links": _grouped(links),
        "found": any(link.derived for link in links),
        "related": [(words, view.linked(term)) for term, words in _RELATIONS.items() if view.all(term)],
        "blank": [row.name.replace("_", " ") for row in FIELDS if row.term in blank],
        "sections": [
            (row.name, _section(view, row.kind, row.term))
            for row in FIELDS
            if row.kind in (FieldKind.PROSE, FieldKind.ITEMS) and view.all(row.term)
        ],
        "web": [(view.one(DCTERMS.title, node), view.one(SCHEMA.url, node)) for node in view.all(CYB.link)],
        "contacts": [
            (view.one(VCARD.fn, node), view.one(VCARD.hasEmail, node).removeprefix("mailto:"))
            for node in view.all(CYB.contact)
        ],
        "record": str(record or ""),
        "rights": view.one(DCTERMS.rights, record) if record else "",
        "page": view.one(DCTERMS.source, record) if record else "",
        "source": view.one(RDFS.label, source) if source else "",
        "sha256": _checksum(view, source),
        "earlier": [(view.one(RDFS.label, node), _checksum(view, node)) for node in sources[1:]],
        "versions": [iri for _, iri in _versions(view, record)],
        "data": _schema_org(view, links),
    }


def _checksum(view: Resource, source: rdflib.term.Node | None) -> str:
    checksum = view.graph.value(source, rdflib.URIRef(SPDX.checksum)) if source else None
    return view.one(SPDX.checksumValue, checksum) if checksum else ""


def _versions(view: Resource, record: rdflib.term.Node | None) -> list[tuple[str, str]]:
    found = view.graph.objects(record, rdflib.URIRef(PROV.wasRevisionOf)) if record else ()
    return sorted((str(node).rpartition("/")[2], str(node)) for node in found)


def _section(view: Resource, kind: FieldKind, term: str) -> dict[str, list[Any]]:
    if kind is FieldKind.PROSE:
        return {"paragraphs": [part for value in view.all(term) for part in str(value).split("\n\n")]}
    return {"items": [(view.one(DCTERMS.description, node), view.one(CYB.subheading, node)) for node in view.all(term)]}


def _links(view: Resource, property_: str, target: str) -> list[ProjectLink]:
    links = []
    for node in view.all(property_):
        thing = next(view.graph.objects(node, rdflib.URIRef(target)))
        role = view.graph.value(node, rdflib.URIRef(CYB.role))
        kind = view.name(role) if role else str(thing).removeprefix(f"{BASE}id/").partition("/")[0].capitalize()
        quotes = [
            (view.one(OA.exact, quote), view.one(CYB.line, quote), view.one(CYB.confidence, quote))
            for quote in view.all(CYB.evidence, node)
        ]
        links.append(
            ProjectLink(view.name(thing), str(thing), kind, view.one(CYB.basis, node).endswith("/derived"), quotes)
        )
    return links


def _grouped(links: list[ProjectLink]) -> list[tuple[str, list[ProjectLink]]]:
    groups: dict[str, list[ProjectLink]] = {}
    for link in sorted(links, key=lambda link: link.name.casefold()):
        groups.setdefault(link.role, []).append(link)
    return sorted(
        groups.items(), key=lambda item: _LINK_ORDER.index(item[0]) if item[0] in _LINK_ORDER else len(_LINK_ORDER)
    )


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
