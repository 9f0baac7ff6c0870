"""Convert a record to an rdflib graph with the same triples as ours, term by term, as the rdflib manual suggests.

It is as fast as plain rdflib allows: constant terms are created once, and literals are not normalised.
"""

from __future__ import annotations

from urllib.parse import quote

from rdflib import FOAF, RDF, RDFS, SKOS, XSD, Graph, Literal, Namespace, URIRef

from cybilgraph.model.fields import BY_NAME, FIELDS, FieldKind
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Date, Evidence, Named, Record
from cybilgraph.rdf.ntriples import is_iri

BASE = "https://w3id.org/cybilgraph/"
CYB = Namespace(f"{BASE}ontology#")
DCT = Namespace("http://purl.org/dc/terms/")
OA = Namespace("http://www.w3.org/ns/oa#")
ORG = Namespace("http://www.w3.org/ns/org#")
PROV = Namespace("http://www.w3.org/ns/prov#")
SCHEMA = Namespace("https://schema.org/")
SPDX = Namespace("http://spdx.org/rdf/terms#")
VCARD = Namespace("http://www.w3.org/2006/vcard/ns#")
TERMS = {row.name: URIRef(row.term) for row in FIELDS if row.term}
ITEMS = {
    "outcomes": (CYB.Outcome, "outcome"),
    "outputs": (CYB.Output, "output"),
    "activities": (CYB.Activity, "activity"),
}
DATATYPES = {4: XSD.gYear, 7: XSD.gYearMonth, 10: XSD.date}
(PROJECT, RECORD, PARTICIPATION, SCOPE, RELATION, DATING, CONTACT, WEB_LINK) = (
    *(CYB.Project, CYB.Record, CYB.Participation, CYB.Scope, CYB.Relation, CYB.Dating, VCARD.Kind, CYB.WebLink),
)
(BASIS, PRINTED, EVIDENCE, SECTION, CONFIDENCE, LINE, SELECTOR, EXACT) = (
    *(
        CYB.basis,
        CYB.nameAsPrinted,
        CYB.evidence,
        CYB.section,
        CYB.confidence,
        CYB.line,
        OA.TextQuoteSelector,
        OA.exact,
    ),
)


def thing(kind: str, key: str) -> URIRef:
    return URIRef(f"{BASE}id/{kind}/{quote(key, safe='')}")


class Converter:
    """Add records to one graph."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._language = "en"
        self._source = URIRef(BASE)
        self._called: dict[URIRef, set[Literal]] = {}

    def add(self, record: Record) -> None:
        add = self.graph.add
        self._source = URIRef(f"{BASE}record/{quote(record.key, safe='')}/source")
        self._language = record.language.text
        project = thing("project", record.key)
        add((project, RDF.type, PROJECT))
        for name in ("title", "code", "iati", "slug"):
            if value := getattr(record, name):
                add((project, TERMS[name], self._text(value.text) if name == "title" else Literal(value.text)))
        if record.status:
            add((project, TERMS["status"], thing("status", record.status.key)))
            self._unknown(record.status)
        for name in ("start", "end", "duration"):
            if date := getattr(record, name):
                self._date(project, name, date)
        self._texts(project, record)
        for number, contact in enumerate(record.contacts, start=1):
            node = URIRef(f"{project}/contact/{number}")
            add((project, TERMS["contacts"], node))
            add((node, RDF.type, CONTACT))
            if contact.name:
                add((node, VCARD.fn, Literal(contact.name)))
            if contact.note:
                add((node, VCARD.note, Literal(contact.note)))
            if contact.email and is_iri(f"mailto:{contact.email}"):
                add((node, VCARD.hasEmail, URIRef(f"mailto:{contact.email}")))
        for number, link in enumerate(record.links, start=1):
            node = URIRef(f"{project}/link/{number}")
            add((project, TERMS["links"], node))
            add((node, RDF.type, WEB_LINK))
            add((node, DCT.title, self._text(link.text)))
            if is_iri(link.url):
                add((node, SCHEMA.url, URIRef(link.url)))
        self._links(project, record)
        self._record(project, record)

    def finish(self) -> Graph:
        """Return the graph after all records have been added, with one preferred name per entity and language."""
        for node, names in self._called.items():
            preferred = set()
            for name in sorted(names, key=lambda name: (len(name.n3()), name.n3())):
                self.graph.add((node, SKOS.altLabel if name.language in preferred else SKOS.prefLabel, name))
                preferred.add(name.language)
        return self.graph

    def _texts(self, project: URIRef, record: Record) -> None:
        add = self.graph.add
        for row in FIELDS:
            if row.kind is FieldKind.PROSE and (paragraphs := getattr(record, row.name)):
                add((project, TERMS[row.name], self._text("\n\n".join(text.text for text in paragraphs))))
            elif row.kind is FieldKind.ITEMS:
                kind, segment = ITEMS[row.name]
                for number, text in enumerate(getattr(record, row.name), start=1):
                    node = URIRef(f"{project}/{segment}/{number}")
                    add((project, TERMS[row.name], node))
                    add((node, RDF.type, kind))
                    add((node, DCT.description, self._text(text.text)))
                    if text.subheading:
                        add((node, CYB.subheading, self._text(text.subheading)))

    def _links(self, project: URIRef, record: Record) -> None:
        add = self.graph.add
        for part in record.participations:
            node = URIRef(f"{project}/participation/{part.actor.key}/{part.role}")
            actor = thing("actor", part.actor.key)
            add((project, CYB.participation, node))
            add((node, RDF.type, PARTICIPATION))
            add((node, CYB.actor, actor))
            add((node, CYB.role, thing("role", part.role)))
            if part.role in TERMS:
                add((project, TERMS[part.role], actor))
            self._known(node, part.basis, part.actor, part.evidence)
        for scope in record.scopes:
            kind, key = scope.concept.kind, scope.concept.key
            node = URIRef(f"{project}/scope/{kind}/{key}")
            add((project, TERMS[kind], thing(kind, key)))
            add((project, CYB.scope, node))
            add((node, RDF.type, SCOPE))
            add((node, CYB.concept, thing(kind, key)))
            self._known(node, scope.basis, scope.concept, scope.evidence)
        for relation in record.relations:
            node = URIRef(f"{project}/relation/{relation.kind}/{relation.project.key}")
            other = thing("project", relation.project.key)
            add((project, TERMS[relation.kind], other))
            add((project, CYB.relation, node))
            add((node, RDF.type, RELATION))
            add((node, CYB.property, TERMS[relation.kind]))
            add((node, CYB.project, other))
            self._known(node, relation.basis, relation.project, relation.evidence)

    def _date(self, project: URIRef, name: str, date: Date) -> None:
        add = self.graph.add
        if date.value:
            datatype = XSD.duration if date.value.startswith("P") else DATATYPES[len(date.value)]
            add((project, TERMS[name], Literal(date.value, datatype=datatype, normalize=False)))
        add((project, URIRef(f"{TERMS[name]}AsPrinted"), Literal(date.printed.text)))
        if date.evidence:
            node = URIRef(f"{project}/dating/{name}")
            add((project, CYB.dating, node))
            add((node, RDF.type, DATING))
            add((node, CYB.property, TERMS[name]))
            add((node, BASIS, thing("basis", "derived")))
            self._evidence(node, date.evidence)

    def _known(self, node: URIRef, basis: str, named: Named, evidence: tuple[Evidence, ...]) -> None:
        self.graph.add((node, BASIS, thing("basis", basis)))
        if not evidence:
            self.graph.add((node, PRINTED, Literal(named.printed.text)))
        self._evidence(node, evidence)
        self._unknown(named)

    def _evidence(self, node: URIRef, evidence: tuple[Evidence, ...]) -> None:
        add = self.graph.add
        for number, words in enumerate(evidence, start=1):
            quoted = URIRef(f"{node}/evidence/{number}")
            add((node, EVIDENCE, quoted))
            add((quoted, RDF.type, SELECTOR))
            add((quoted, PROV.wasDerivedFrom, self._source))
            add((quoted, EXACT, self._text(words.quote)))
            add((quoted, SECTION, TERMS[words.section]))
            confidence = f"{words.confidence:.2f}".rstrip("0").rstrip(".")
            add((quoted, CONFIDENCE, Literal(confidence, datatype=XSD.decimal, normalize=False)))
            if words.place:
                add((quoted, LINE, Literal(str(words.place.line), datatype=XSD.integer, normalize=False)))

    def _unknown(self, named: Named) -> None:
        if not named.known:
            if named.kind == "actor":
                actor = thing("actor", named.key)
                self.graph.add((actor, RDF.type, CYB.Actor))
                if country := load_gazetteer().governments.get(named.key):
                    self.graph.add((actor, ORG.classification, thing("actor-type", "government")))
                    self.graph.add((actor, CYB.seat, thing("country", country.key)))
            self._called.setdefault(thing(named.kind, named.key), set()).add(self._text(named.printed.text))

    def _record(self, project: URIRef, record: Record) -> None:
        add = self.graph.add
        node = URIRef(f"{BASE}record/{quote(record.key, safe='')}")
        source, checksum = URIRef(f"{node}/source"), URIRef(f"{node}/source/checksum")
        add((node, RDF.type, RECORD))
        add((node, FOAF.primaryTopic, project))
        for blank in record.left_blank:
            add((node, CYB.leftBlank, URIRef(BY_NAME[blank.name].term)))
        if record.rights:
            add((node, DCT.rights, self._text(record.rights.text)))
        add((node, DCT.language, Literal(record.language.text)))
        if record.updated:
            add((node, DCT.modified, Literal(record.updated.text, datatype=XSD.date, normalize=False)))
        if record.address and is_iri(record.address.text):
            add((node, DCT.source, URIRef(record.address.text)))
        add((node, PROV.wasDerivedFrom, source))
        add((source, RDF.type, PROV.Entity))
        add((source, RDFS.label, Literal(record.source.name)))
        add((source, SPDX.checksum, checksum))
        add((checksum, RDF.type, SPDX.Checksum))
        add((checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256))
        add((checksum, SPDX.checksumValue, Literal(record.source.sha256, datatype=XSD.hexBinary)))

    def _text(self, text: str) -> Literal:
        return Literal(text, lang=self._language)
