"""A resource as pages show it: its statements, with the labels of what they link to; and what a project page shows."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlencode

from flask import Response, g, request, url_for
from rdflib import RDF, SKOS, Graph, Literal, URIRef
from rdflib.term import Node

from cybilgraph.model.dates import format_period
from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.formats import Format
from cybilgraph.model.gazetteer import PLACES, load_gazetteer
from cybilgraph.model.identifiers import identifier_label
from cybilgraph.model.indicators import read_indicator
from cybilgraph.model.money import format_amount, group_digits
from cybilgraph.model.record import Basis, EvidenceLevel
from cybilgraph.model.vocabulary import (
    ADMS,
    CYB,
    DCTERMS,
    FOAF,
    OA,
    ORG,
    OWL,
    PROV,
    RDFS,
    SCHEMA,
    SPDX,
    VCARD,
    kind_of_iri,
    path_of,
    shorten,
)
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.release.sources import LINES_PER_PAGE
from cybilgraph.web.api.evidence import carried_evidence
from cybilgraph.web.api.negotiation import negotiate_rdf
from cybilgraph.web.pages import chart_layout

#: The longest title in lists, charts and headings, in characters.
_MAX_TITLE_CHARS = 200
#: The most characters of the summary that stand for a missing title.
_MAX_SUMMARY_CHARS = 80
_LABELS = (SKOS.prefLabel, URIRef(DCTERMS.title), URIRef(RDFS.label))
#: The properties with the name and the list of an entity, which its page shows elsewhere.
_NOT_FACTS = frozenset(map(str, (SKOS.prefLabel, SKOS.inScheme, SKOS.topConceptOf)))
_LINK_ORDER = ("Funder", "Implementer", "Partner", "Beneficiary", "Unspecified", "Country", "Region", "Group", "Theme")
#: The most characters of a text in the description for search engines.
_MAX_DESCRIPTION_CHARS = 5_000
#: A longer quote is found by its first and last words: the page may break it into elements.
_MAX_WHOLE_WORDS, _WORDS_AT_ENDS = 12, 5
#: The longest paragraph that may be an item of a list, and the fewest of them that are joined.
_MAX_ITEM_CHARS, _MIN_ITEMS = 40, 3
#: Headings of related projects, by property.
_RELATIONS = {
    DCTERMS.isPartOf: "Part of",
    DCTERMS.hasPart: "Includes",
    CYB.follows: "Follows",
    DCTERMS.relation: "Related to",
}


def page_path(iri: str, release: int | None = None) -> str:
    """Return the link target of an IRI.

    IRIs of this graph lead to their page on this site, in the given release or the one that the request is pinned to,
    at the level of evidence of the request; other web addresses lead to themselves. Returns "" if the IRI is not a web
    address.
    """
    if iri.startswith(CYB.iri):
        return f"{url_for('ontology.page')}#{iri.rpartition('#')[2]}"
    if path := path_of(iri):
        return f"{request.script_root}/{path}{_query(release) if release else _carried_query()}"
    return iri if iri.startswith(("https://", "http://", "mailto:")) else ""


def _carried_query() -> str:
    """Return the query string that links carry on; cached, because a page may have thousands of links."""
    found: str | None = g.get("carried_query")
    if found is None:
        found = g.carried_query = _query(g.get("pinned"))
    return found


def _query(release: int | None) -> str:
    arguments = ({"release": release} if release else {}) | carried_evidence()
    return f"?{urlencode(arguments)}" if arguments else ""


def text_fragment(address: str, text: str) -> str:
    """Return a link to a text on a page (URL Fragment Text Directives); empty if the page is not on the web.

    The syntax gives a meaning to commas, ampersands and hyphens, which therefore are percent-encoded, too.
    """
    words = text.split()
    if not words or not address.startswith(("https://", "http://")):
        return ""
    ends = [words] if len(words) <= _MAX_WHOLE_WORDS else [words[:_WORDS_AT_ENDS], words[-_WORDS_AT_ENDS:]]
    terms = (quote(" ".join(part), safe="").replace("-", "%2D") for part in ends)
    return f"{address}{'' if '#' in address else '#'}:~:text={','.join(terms)}"


def line_url(source: str, line: str) -> str:
    """Return the URL of a line in the text of a source."""
    path = page_path(source)
    if line.isdigit() and int(line) > LINES_PER_PAGE:
        path += f"{'&' if '?' in path else '?'}page={(int(line) - 1) // LINES_PER_PAGE + 1}"
    return f"{path}#L{line}" if line else path


def shorten_title(text: str, max_chars: int = _MAX_TITLE_CHARS) -> str:
    """Shorten a title for lists, charts and headings; a shortened title ends in an ellipsis."""
    return text if len(text) <= max_chars else f"{text[: max_chars - 1].rstrip()}…"


def project_title(title: str, summary: str = "") -> str:
    """Return the title of a project for lists, charts and headings; without one, it is the start of its summary."""
    if title:
        return shorten_title(title)
    return ": ".join(filter(None, ("Untitled project", shorten_title(summary, _MAX_SUMMARY_CHARS))))


def negotiated_format(suffix: str) -> Format | None:
    """Return the RDF format that this request wants, as ``negotiate_rdf`` does; None means the page."""
    return negotiate_rdf(suffix, request.headers.get("Accept", ""), request.args.get("format", ""))


def rdf_response(lines: Iterable[str], fmt: Format) -> Response:
    """Return lines of N-Triples as a response in an RDF format."""
    output = io.BytesIO()
    serialise([f"{line}\n".encode() for line in lines], fmt, output)
    return Response(output.getvalue(), content_type=fmt.content_type)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource in a graph of the statements around it."""

    graph: Graph
    node: URIRef

    @property
    def iri(self) -> str:
        """Its IRI."""
        return str(self.node)

    @property
    def label(self) -> str:
        """Its label."""
        return self.name(self.node)

    def name(self, node: Node) -> str:
        """Return the English label of a node, else any label, else its IRI as a prefixed name.

        A project without a title has the start of its summary instead.
        """
        for predicate in _LABELS:
            found = [value for value in self.graph.objects(node, predicate) if isinstance(value, Literal)]
            for value in sorted(found, key=lambda value: (value.language != "en", value)):
                return str(value)
        if (node, RDF.type, URIRef(CYB.Project)) in self.graph:
            return project_title("", min(map(str, self.graph.objects(node, URIRef(DCTERMS.abstract))), default=""))
        return identifier_label(str(node)) or shorten(str(node))

    def all(self, predicate: str, node: Node | None = None) -> list[Node]:
        """Return the objects of a property, ordered by number if their IRIs end in one, else by label."""

        def order(value: Node) -> tuple[int, str]:
            is_numbered = str(value).rpartition("/")[2].isdigit()
            return (len(str(value)), str(value)) if is_numbered else (0, self.name(value))

        return sorted(self.graph.objects(node or self.node, URIRef(predicate)), key=order)

    def one(self, predicate: str) -> str:
        """Return the text of a single-valued property; empty if it has no value."""
        return self.text(self.node, predicate)

    def text(self, node: Node | None, predicate: str) -> str:
        """Return the text of a single-valued property of a node; empty if there is no node or it has no value."""
        return str(next(iter(self.graph.objects(node, URIRef(predicate))), "")) if node else ""

    @property
    def record(self) -> Node | None:
        """The record of a project."""
        return self.graph.value(None, URIRef(FOAF.primaryTopic), self.node)

    def sources(self) -> list[Node]:
        """Return the sources of the record of a project, the current one first."""
        return sorted(self.all(PROV.wasDerivedFrom, self.record), key=str)

    def linked(self, predicate: str) -> list[tuple[str, str]]:
        """Return label and IRI of each object of a property."""
        return [(self.name(node), str(node)) for node in self.all(predicate)]

    def statements(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the IRI of each property, with text and IRI (or "") of each of its values, sorted.

        An rdfs:label that repeats the name or title is left out.
        """

        def cell(value: Node) -> tuple[str, str]:
            if isinstance(value, URIRef):
                return self.name(value), str(value)
            language = value.language if isinstance(value, Literal) else None
            return f"{value} ({language})" if language else str(value), ""

        predicates = set(map(str, self.graph.predicates(self.node)))
        if not predicates.isdisjoint((str(SKOS.prefLabel), DCTERMS.title)):
            predicates.discard(RDFS.label)
        return [(predicate, [cell(value) for value in self.all(predicate)]) for predicate in sorted(predicates)]

    def facts(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the statements that tell readers about an entity: without its name, class and list.

        Terms of RDF, RDFS and OWL say how to process the data, except for the same thing elsewhere.
        """
        return [
            (predicate, values)
            for predicate, values in self.statements()
            if predicate == OWL.sameAs
            or not (predicate in _NOT_FACTS or predicate.startswith((str(RDF), RDFS.iri, OWL.iri)))
        ]


class Quote(NamedTuple):
    """A sentence, its line and confidence, and the links to it in the stored text and on the live page, if any."""

    text: str
    line: str
    confidence: str
    stored: str
    live: str


class ShownSum(NamedTuple):
    """A sum of money, who pays and who receives (name and IRI), its basis, and its quotes."""

    kind: str
    period: str
    currency: str
    value: Decimal
    provider: tuple[str, str]
    receiver: tuple[str, str]
    transactions: str
    basis: Basis
    quotes: list[Quote]

    @property
    def amount(self) -> str:
        """The amount as people read it."""
        return f"{self.currency} {group_digits(format_amount(self.value))}"


class ProjectLink(NamedTuple):
    """A link of a project, its basis, its quotes, and its percentage of the project if that is stated.

    ``claim`` is the path of its claim below the IRI of the project.
    """

    name: str
    iri: str
    role: str
    basis: Basis
    quotes: list[Quote]
    share: str
    claim: str


@dataclass(frozen=True, slots=True)
class QuoteReader:
    """Reads the quotes of claims in the graph of a project."""

    view: Resource
    #: The sources whose text the site shows.
    readable: Collection[str]

    def of(self, node: Node) -> list[Quote]:
        """Return the quotes of a claim."""
        text = self.view.text
        address = text(self.view.record, DCTERMS.source)
        quotes = []
        for one in self.view.all(CYB.evidence, node):
            words, line, source = text(one, OA.exact), text(one, CYB.line), text(one, PROV.wasQuotedFrom)
            stored = line_url(source, line) if source in self.readable else ""
            live = text_fragment(address, words)
            quotes.append(Quote(words, line, text(one, CYB.confidence), stored, live))
        return quotes


def project_values(view: Resource, evidence: QuoteReader, level: EvidenceLevel) -> dict[str, Any]:
    """Return the values of the template of a project page; the links that count are those of a level of evidence."""
    graph, text = view.graph, view.text
    record = view.record
    sources = [
        (
            text(node, RDFS.label),
            text(graph.value(node, URIRef(SPDX.checksum)), SPDX.checksumValue),
            text(node, PROV.generatedAtTime).partition("T")[0],
        )
        for node in view.sources()
    ]
    source, *earlier = sources or [("", "", "")]
    blank = set(map(str, view.all(CYB.leftBlank, record)))
    claimed = claimed_links(view, evidence)
    links = [link for link in claimed if link.basis in level.bases]
    left_out = [link for link in claimed if link.basis not in level.bases]
    sums = _sums(view, evidence)
    sections: list[tuple[str, dict[str, Any]]] = []
    for row in FIELDS:
        values = view.all(row.term) if row.kind in (FieldKind.PROSE, FieldKind.ITEMS) else []
        if values and row.kind is FieldKind.PROSE:
            paragraphs = [part for value in values for part in str(value).split("\n\n")]
            sections.append((row.name, {"paragraphs": join_items(paragraphs)}))
        elif values and row.name == "indicators":
            indicators = [cells for node in values for cells in indicator_rows(text(node, DCTERMS.description))]
            sections.append((row.name, {"indicators": indicators}))
        elif values:
            items = [(text(node, DCTERMS.description), text(node, CYB.subheading)) for node in values]
            sections.append((row.name, {"items": items}))
    return {
        "code": view.one(DCTERMS.identifier),
        "other_ids": [(text(node, SKOS.notation), text(node, ADMS.schemaAgency)) for node in view.all(ADMS.identifier)],
        "status": view.name(status[0]) if (status := view.all(CYB.status)) else "",
        "start": view.one(CYB.startAsPrinted) or view.one(CYB.start),
        "end": view.one(CYB.endAsPrinted) or view.one(CYB.end),
        "links": _grouped(links),
        "map": _places(links),
        "timeline": _timeline(view),
        "bases": {link.basis for link in links} | {one.basis for one in sums if one.basis in level.bases},
        "evidence_rows": _evidence_rows(links),
        "left_out": left_out,
        "left_out_rows": _evidence_rows(left_out),
        "links_by_level": {each: sum(link.basis in each.bases for link in claimed) for each in EvidenceLevel},
        "sums": [one for one in sums if one.basis in level.bases],
        "totals": _totals([one for one in sums if one.basis in level.bases]),
        "sums_left_out": [one for one in sums if one.basis not in level.bases],
        "related": [(words, linked) for term, words in _RELATIONS.items() if (linked := view.linked(term))],
        "blank": [row.name.replace("_", " ") for row in FIELDS if row.term in blank],
        "sections": sections,
        "web": [
            (
                text(node, DCTERMS.title),
                text(node, SCHEMA.url),
                ", ".join(str(one) for term in (DCTERMS.format, DCTERMS.language) for one in view.all(term, node)),
            )
            for node in view.all(CYB.link)
        ],
        "contacts": [
            (text(node, VCARD.fn), text(node, VCARD.hasEmail).removeprefix("mailto:")) for node in view.all(CYB.contact)
        ],
        "record": str(record or ""),
        "rights": text(record, DCTERMS.rights),
        "page": text(record, DCTERMS.source),
        "source": source[0],
        "text": next((line_url(str(node), "") for node in view.sources() if str(node) in evidence.readable), ""),
        "sha256": source[1],
        "retrieved": source[2],
        "earlier": earlier,
        "versions": sorted(
            map(str, view.all(PROV.wasRevisionOf, record)),
            key=lambda iri: (len(iri), iri),  # by number
        ),
        "data": _schema_org(view, links),
    }


def join_items(paragraphs: Iterable[str]) -> list[list[str]]:
    """Join at least three consecutive paragraphs that are no sentences, such as the items of a list, into one.

    A paragraph that ends with a colon introduces the items after it.
    """
    joined: list[list[str]] = []
    for is_item, group in groupby(paragraphs, key=lambda text: len(text) <= _MAX_ITEM_CHARS and text[-1:] not in ".!?"):
        parts = list(group)
        if not is_item or len(parts) < _MIN_ITEMS:
            joined += [[part] for part in parts]
            continue
        for place, part in enumerate(parts):
            if place == 0 or part.endswith(":"):
                joined.append([])
            joined[-1].append(part)
    return joined


def _places(links: Iterable[ProjectLink]) -> chart_layout.Chart | None:
    """Return a map of the countries that a project links to, and of those of its regions and groups."""
    names = load_gazetteer()
    countries, around = set[str](), set[str]()
    for link in links:
        kind, key = kind_of_iri(link.iri), unquote(link.iri.rpartition("/")[2])
        if kind in PLACES and (place := names.get(kind, key)):
            if kind == "country":
                countries.add(key)
            else:
                around |= names.countries_in(place)
    return chart_layout.small_map(countries, around, shade_around=1)  # hatched countries have no projects


def _timeline(view: Resource) -> chart_layout.Chart | None:
    """Return a bar for the dates of a project, on a scale that includes today; None if it has no start date."""
    start, end, statuses = view.one(CYB.start), view.one(CYB.end), view.all(CYB.status)
    if not start:
        return None
    today = datetime.now(UTC).date()
    years = [int(start[:4]), int((end or start)[:4]), today.year]
    status = view.name(statuses[0]) if statuses else ""
    return chart_layout.timeline(
        [chart_layout.TimeSpan("", view.iri, start, end, status)], today, (min(years), max(years))
    )


def indicator_rows(text: str) -> list[tuple[str, ...]]:
    """Return the rows of a table of an indicator: its title and result, then the values by period."""
    one = read_indicator(text)
    title = f"{one.title} ({one.measure})" if one.measure else one.title
    periods: dict[str, dict[str, list[str]]] = {}
    for value in one.values:
        when = f"{value.start} – {value.end}" if value.start != value.end else value.start
        periods.setdefault(when, {}).setdefault(value.kind, []).append(value.value)
    return [
        (title, one.result, when, *("; ".join(values.get(kind, ())) for kind in ("baseline", "target", "actual")))
        for when, values in (periods or {"": {}}).items()
    ]


def claimed_links(view: Resource, evidence: QuoteReader) -> list[ProjectLink]:
    """Return the links of a project to organisations, places and themes, whatever their basis."""
    return [
        *_links(view, CYB.participation, CYB.actor, evidence),
        *_links(view, CYB.scope, CYB.concept, evidence),
    ]


def _evidence_rows(links: list[ProjectLink]) -> list[tuple[ProjectLink, Quote, bool]]:
    """Return a row for each quote of each link, and whether it is the first of the link."""
    return [(link, quote, quote is link.quotes[0]) for link in links for quote in link.quotes]


def _links(view: Resource, property_: str, target: str, evidence: QuoteReader) -> list[ProjectLink]:
    links = []
    for node in view.all(property_):
        thing = next(view.graph.objects(node, URIRef(target)))
        role = view.graph.value(node, URIRef(CYB.role))
        kind = view.name(role) if role else kind_of_iri(str(thing)).capitalize()
        about = (_basis(view, node), evidence.of(node), view.text(node, CYB.share))
        claim = str(node).removeprefix(f"{view.iri}/")
        links.append(ProjectLink(view.name(thing), str(thing), kind, *about, claim))
    return links


def _basis(view: Resource, node: Node) -> Basis:
    key = view.text(node, CYB.basis).rpartition("/")[2]
    return next((basis for basis in Basis if basis == key), Basis.STATED)


def _sums(view: Resource, evidence: QuoteReader) -> list[ShownSum]:
    """Return the sums of money, ordered by kind, period and amount."""
    found = []
    for node in view.graph.objects(view.node, URIRef(CYB.funding)):
        amount = view.graph.value(node, URIRef(SCHEMA.amount))
        actors = (view.all(term, node) for term in (CYB.provider, CYB.receiver))
        provider, receiver = ((view.name(actor[0]), str(actor[0])) if actor else ("", "") for actor in actors)
        shown = ShownSum(
            view.name(next(view.graph.objects(node, URIRef(CYB.fundingKind)))),
            format_period(view.text(node, CYB.periodStart), view.text(node, CYB.periodEnd)),
            view.text(amount, SCHEMA.currency),
            Decimal(view.text(amount, SCHEMA.value)),
            *(provider, receiver, view.text(node, CYB.transactions), _basis(view, node), evidence.of(node)),
        )
        found.append(shown)
    return sorted(found)


def _totals(sums: list[ShownSum]) -> list[ShownSum]:
    """Return the total of the sums of each kind and currency, if there are several."""
    groups: dict[tuple[str, str], list[ShownSum]] = {}
    for one in sums:
        groups.setdefault((one.kind, one.currency), []).append(one)
    return [
        group[0]._replace(value=sum((one.value for one in group), Decimal()))
        for group in groups.values()
        if len(group) > 1
    ]


def _grouped(links: list[ProjectLink]) -> list[tuple[str, list[ProjectLink]]]:
    groups: dict[str, list[ProjectLink]] = {role: [] for role in _LINK_ORDER}
    for link in sorted(links, key=lambda link: link.name.casefold()):
        groups.setdefault(link.role, []).append(link)
    return [(role, group) for role, group in groups.items() if group]


def describe_organisation(view: Resource) -> dict[str, Any]:
    """Describe an organisation in schema.org terms, for search engines."""
    description = {
        "@context": "https://schema.org",
        "@type": "Organization",
        "@id": view.iri,
        "name": view.label,
        "alternateName": [str(name) for name in view.all(SKOS.altLabel)],
        "url": view.one(FOAF.homepage),
        "sameAs": [str(iri) for iri in view.all(OWL.sameAs)],
        "leiCode": view.one(SCHEMA.leiCode),
        "identifier": view.one(ORG.identifier),
    }
    return {key: value for key, value in description.items() if value}


def _same_as(iri: str) -> dict[str, list[str]]:
    """Return the IRIs that a listed organisation has in registers, for its description in schema.org terms."""
    entry = load_gazetteer().get("actor", unquote(iri.rpartition("/")[2])) if kind_of_iri(iri) == "actor" else None
    iris = [one.iri for one in entry.identifiers if one.iri] if entry else []
    return {"sameAs": iris} if iris else {}


def _schema_org(view: Resource, links: list[ProjectLink]) -> dict[str, Any]:
    """Describe the project in schema.org terms, for search engines."""

    def of(role: str, type_: str) -> list[dict[str, Any]]:
        return [
            {"@type": type_, "@id": link.iri, "name": link.name, **_same_as(link.iri)}
            for link in links
            if link.role == role
        ]

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
