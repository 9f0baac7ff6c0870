"""Describe a record: the triples of its project, of the nodes below it, and of the record itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cybilgraph.extraction.kinds import activity_kinds, result_status
from cybilgraph.model.classifications import read_classification
from cybilgraph.model.dates import date_bounds
from cybilgraph.model.fields import BY_NAME, FIELDS, Field, FieldKind, role_property
from cybilgraph.model.gazetteer import load_gazetteer, slug
from cybilgraph.model.indicators import Indicator, read_indicator
from cybilgraph.model.links import CATEGORY, FORMAT, LANGUAGE, kind_of_detail
from cybilgraph.model.record import (
    Basis,
    Contact,
    Date,
    Evidence,
    Funding,
    Identifier,
    Named,
    Participation,
    Record,
    Relation,
    Scope,
    Text,
    WebLink,
)
from cybilgraph.model.state_bodies import label, parse_actor_name
from cybilgraph.model.vocabulary import (
    ADMS,
    CYB,
    DCTERMS,
    FOAF,
    OA,
    ORG,
    PROV,
    RDF,
    RDFS,
    SCHEMA,
    SKOS,
    SPDX,
    VCARD,
    XSD,
    thing_iri,
)
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.description.triples import TripleWriter
from cybilgraph.rdf.ntriples import format_decimal, is_iri

#: The property for each kind of detail of a link.
LINK_DETAILS = {FORMAT: DCTERMS.format, LANGUAGE: DCTERMS.language, CATEGORY: DCTERMS.type}
#: The property for each kind of value of an indicator.
_MEASURED = {"baseline": CYB.baseline, "target": CYB.target, "actual": CYB.actual}
_DATATYPES = {4: XSD.gYear, 7: XSD.gYearMonth, 10: XSD.date}
#: What was left out of the keys of actors: an article, and one word in brackets.
_NOT_IN_FORMER_KEY = re.compile(r"\A[Tt]he | \([A-Z][\w./&-]{1,15}\).*")
#: Separates paragraphs in a single literal.
PARAGRAPH_SEPARATOR = "\n\n"


def project_iri(record: Record) -> str:
    """Return the IRI of the project that a record describes."""
    return thing_iri("project", record.key)


def node_iri(project: str, row: Field, number: int, value: Any) -> str:
    """Return the IRI of the node that describes a value of a field, the first of which has number 1."""
    match value:
        case Participation(actor=actor, role=role):
            part = f"participation/{actor.key}/{role}"
        case Scope(concept=concept):
            part = f"scope/{row.name}/{concept.key}"
        case Relation(project=other):
            part = f"relation/{row.name}/{other.key}"
        case Funding(key=key):
            part = f"funding/{key}"
        case Date():
            part = f"dating/{row.name}"
        case _:
            part = f"{row.segment}/{number}"
    return f"{project}/{part}"


def describe(record: Record) -> list[str]:
    """Return all triples of a record, its project and the nodes below that, sorted."""
    triples = TripleWriter(record.language.text, f"{record_iri(record.key)}/source")
    project = project_iri(record)
    triples.link(project, RDF.type, CYB.Project)
    for row in FIELDS:
        writer = _WRITERS.get(row.kind)
        if writer:
            for number, value in enumerate(record.values(row.name), start=1):
                writer(triples, project, row, node_iri(project, row, number, value), value)
        if row.kind is FieldKind.PROSE and (paragraphs := record.values(row.name)):
            triples.text(project, row.term, PARAGRAPH_SEPARATOR.join(paragraph.text for paragraph in paragraphs))
    _describe_record(triples, project, record)
    return triples.lines()


def _value(triples: TripleWriter, project: str, row: Field, _node: str, value: Text) -> None:
    if row.name in ("code", "slug", "iati"):
        triples.plain(project, row.term, value.text)
    elif row.name == "title":
        triples.name(project, row.term, value.text)
    else:
        triples.text(project, row.term, value.text)


def _choice(triples: TripleWriter, project: str, row: Field, _node: str, value: Named) -> None:
    triples.link(project, row.term, thing_iri(row.name, value.key))
    if not value.known:
        _add_unlisted_thing(triples, value)


def _date(triples: TripleWriter, project: str, row: Field, node: str, value: Date) -> None:
    datatype = XSD.duration if row.name == "duration" else _DATATYPES.get(len(value.value), "")
    if value.value:
        triples.plain(project, row.term, value.value, datatype)
    if value.value and row.name != "duration":
        for bound, day in zip(("Earliest", "Latest"), date_bounds(value.value), strict=True):
            triples.plain(project, f"{row.term}{bound}", day, XSD.date)
    triples.plain(project, f"{row.term}AsPrinted", value.printed.text)
    if value.evidence:
        triples.link(project, CYB.dating, node)
        triples.link(node, RDF.type, CYB.Dating)
        triples.link(node, CYB.property, row.term)
        if value.value:
            triples.plain(node, RDF.object, value.value, datatype)
        _claim(triples, node, row.term, Basis.DERIVED, value.evidence)


def _item(triples: TripleWriter, project: str, row: Field, node: str, value: Text) -> None:
    triples.link(project, row.term, node)
    triples.link(node, RDF.type, row.node_class)
    triples.text(node, DCTERMS.description, value.text)
    triples.plain(node, SCHEMA.position, node.rpartition("/")[2], XSD.integer)
    if value.subheading:
        triples.text(node, CYB.subheading, value.subheading)
    if row.name == "activities":
        for kind in activity_kinds(value.text):
            triples.link(node, CYB.activityKind, thing_iri("activity-kind", kind))
    elif row.name == "indicators":
        _indicator(triples, node, read_indicator(value.text))
    elif row.name == "classifications":
        if found := read_classification(value.text):
            triples.plain(node, CYB.vocabulary, found.vocabulary_name)
            triples.plain(node, SKOS.notation, found.code)
            if found.share:
                triples.plain(node, CYB.share, found.share, XSD.decimal)
    elif status := result_status(value.text, value.subheading):
        triples.link(node, CYB.resultStatus, thing_iri("result-status", status))


def _indicator(triples: TripleWriter, node: str, one: Indicator) -> None:
    """Describe the values of an indicator, each a node, since it has a period."""
    for number, value in enumerate(one.values, start=1):
        part = f"{node}/value/{number}"
        triples.link(node, _MEASURED[value.kind], part)
        triples.link(part, RDF.type, CYB.Measurement)
        triples.plain(part, SCHEMA.value, value.value)
        for term, day in ((CYB.periodStart, value.start), (CYB.periodEnd, value.end)):
            if len(day) == len("2018"):
                day = f"{day}-{'01-01' if term == CYB.periodStart else '12-31'}"
            if day:
                triples.plain(part, term, day, XSD.date)


def _participation(triples: TripleWriter, project: str, row: Field, node: str, value: Participation) -> None:
    if value.basis.counts and row.term:
        triples.link(project, row.term, thing_iri("actor", value.actor.key))
    triples.link(project, CYB.participation, node)
    triples.link(node, RDF.type, CYB.Participation)
    triples.link(node, CYB.actor, thing_iri("actor", value.actor.key))
    triples.link(node, CYB.role, thing_iri("role", value.role))
    _link_claim(triples, node, role_property(value.role), value.actor, value)


def _scope(triples: TripleWriter, project: str, row: Field, node: str, value: Scope) -> None:
    target = thing_iri(row.name, value.concept.key)
    if value.basis.counts:
        triples.link(project, row.term, target)
    triples.link(project, CYB.scope, node)
    triples.link(node, RDF.type, CYB.Scope)
    triples.link(node, CYB.concept, target)
    if value.share:
        triples.plain(node, CYB.share, value.share, XSD.decimal)
    if row.name == "audience" and value.basis.counts:  # until version 0.2, audiences are beneficiaries, too
        triples.link(project, CYB.beneficiary, target)
        _add_former_key(triples, target, value.concept.printed.text)
    _link_claim(triples, node, row.term, value.concept, value)


def _link_claim(
    triples: TripleWriter,
    node: str,
    predicate: str,
    named: Named,
    link: Participation | Scope | Relation,
) -> None:
    """Describe the claim that a named resource is the object of a link."""
    triples.link(node, RDF.object, thing_iri(named.kind, named.key))
    _claim(triples, node, predicate, link.basis, link.evidence)
    if link.evidence:
        preferred = label(named) if named.kind == "actor" else named.printed.text
    else:
        preferred = _listed_name(named)
    if named.printed.text != preferred:
        triples.plain(node, CYB.nameAsPrinted, named.printed.text)
    if not named.known:
        _add_unlisted_thing(triples, named)
    elif (
        named.kind == "actor"
        and not link.evidence  # RDF does not keep the printed name of a derived link
        and parse_actor_name(named.printed.text, named.home).key == named.key
    ):
        _add_former_key(triples, thing_iri("actor", named.key), named.printed.text)  # before it was listed


def _listed_name(named: Named) -> str:
    """Return the preferred name of a resource of the reference data; empty if it is not listed."""
    entry = load_gazetteer().get(named.kind, named.key) if named.known and named.kind != "project" else None
    return entry.name if entry else ""


def _claim(triples: TripleWriter, node: str, predicate: str, basis: str, evidence: tuple[Evidence, ...]) -> None:
    """Describe what every claim has: its predicate, basis, confidence, source and quotes.

    Its subject is the project that links to it (cyb:claim is the inverse of rdf:subject).
    """
    triples.link(node, RDF.predicate, predicate)
    triples.link(node, CYB.basis, thing_iri("basis", basis))
    triples.link(node, PROV.wasDerivedFrom, triples.source)
    if evidence:
        surest = max(words.confidence for words in evidence)
        triples.plain(node, CYB.confidence, format_decimal(surest), XSD.decimal)
    for number, words in enumerate(evidence, start=1):
        quote = f"{node}/evidence/{number}"
        triples.link(node, CYB.evidence, quote)
        triples.link(quote, RDF.type, OA.TextQuoteSelector)
        triples.text(quote, OA.exact, words.quote)
        triples.link(quote, CYB.section, BY_NAME[words.section].term)
        triples.link(quote, PROV.wasQuotedFrom, triples.source)
        triples.plain(quote, CYB.confidence, format_decimal(words.confidence), XSD.decimal)
        if words.place:
            triples.plain(quote, CYB.line, str(words.place.line), XSD.integer)


def _add_unlisted_thing(triples: TripleWriter, named: Named) -> None:
    """Describe a resource for a name that is not listed."""
    iri, names = thing_iri(named.kind, named.key), load_gazetteer()
    name = named.printed.text
    if named.kind == "actor":
        triples.link(iri, RDF.type, CYB.Actor)
        country = names.governments.get(named.key)
        if country:
            triples.link(iri, ORG.classification, thing_iri("actor-type", "government"))
            name = names.government(country).name
            if not names.find_country(named.printed.text):  # "Government of Gambia"
                _add_former_key(triples, iri, named.printed.text)
        else:
            name, country = label(named), parse_actor_name(name, named.home).country
            if country or "’" in named.printed.text:
                _add_former_key(triples, iri, named.printed.text)
            if name != named.printed.text and parse_actor_name(named.printed.text).country:
                triples.text(iri, SKOS.altLabel, named.printed.text)
        if country:
            triples.link(iri, CYB.seat, thing_iri("country", country.key))
    elif named.kind == "audience":
        triples.link(iri, RDF.type, CYB.Audience)
        if broader := names.find("audience", parse_actor_name(name).bare):  # "Students (Fiji)" are students
            triples.link(iri, SKOS.broader, thing_iri("audience", broader.key))
    triples.name(iri, SKOS.prefLabel, name)


def _add_former_key(triples: TripleWriter, iri: str, printed: str) -> None:
    """Point from the IRI that an earlier version gave to an actor of this name to its present one, if it differs.

    The IRI of a listed actor stays in use.
    """
    key = slug(_NOT_IN_FORMER_KEY.sub("", printed))
    if thing_iri("actor", key) != iri and not load_gazetteer().get("actor", key):
        triples.deprecate(thing_iri("actor", key), iri)


def _relation(triples: TripleWriter, project: str, row: Field, node: str, value: Relation) -> None:
    target = thing_iri("project", value.project.key)
    if value.basis.counts:
        triples.link(project, row.term, target)
    triples.link(project, CYB.relation, node)
    triples.link(node, RDF.type, CYB.Relation)
    triples.link(node, CYB.property, row.term)
    triples.link(node, CYB.project, target)
    _link_claim(triples, node, row.term, value.project, value)


def _funding(triples: TripleWriter, project: str, row: Field, node: str, value: Funding) -> None:
    amount = f"{node}/amount"
    if value.basis.counts:
        triples.link(project, row.term, amount)
    triples.link(project, CYB.funding, node)
    triples.link(node, RDF.type, CYB.Funding)
    triples.link(node, CYB.fundingKind, thing_iri("funding-kind", value.kind))
    triples.link(node, row.term, amount)
    triples.link(amount, RDF.type, SCHEMA.MonetaryAmount)
    triples.plain(amount, SCHEMA.value, value.amount, XSD.decimal)
    triples.plain(amount, SCHEMA.currency, value.currency)
    for term, day in ((CYB.periodStart, value.start), (CYB.periodEnd, value.end), (CYB.valueDate, value.value_date)):
        if day:
            triples.plain(node, term, day, XSD.date)
    if value.transactions:
        triples.plain(node, CYB.transactions, str(value.transactions), XSD.integer)
    for term, named in ((CYB.provider, value.provider), (CYB.receiver, value.receiver)):
        if named:
            triples.link(node, term, thing_iri("actor", named.key))
            if not named.known:
                _add_unlisted_thing(triples, named)
    triples.link(node, RDF.object, amount)
    _claim(triples, node, row.term, value.basis, value.evidence)


def _contact(triples: TripleWriter, project: str, row: Field, node: str, value: Contact) -> None:
    triples.link(project, row.term, node)
    triples.link(node, RDF.type, VCARD.Kind)
    if value.name:
        triples.plain(node, VCARD.fn, value.name)
    if value.note:
        triples.plain(node, VCARD.note, value.note)
    if value.email and is_iri(address := f"mailto:{value.email}"):
        triples.link(node, VCARD.hasEmail, address)


def _identifier(triples: TripleWriter, project: str, row: Field, node: str, value: Identifier) -> None:
    triples.link(project, row.term, node)
    triples.link(node, RDF.type, ADMS.Identifier)
    triples.plain(node, SKOS.notation, value.notation)
    if value.register:
        triples.plain(node, ADMS.schemaAgency, value.register)


def _link(triples: TripleWriter, project: str, row: Field, node: str, value: WebLink) -> None:
    triples.link(project, row.term, node)
    triples.link(node, RDF.type, CYB.WebLink)
    triples.text(node, DCTERMS.title, value.text)
    if is_iri(value.url):
        triples.link(node, SCHEMA.url, value.url)
    for detail in value.details:
        triples.plain(node, LINK_DETAILS[kind_of_detail(detail)], detail)


_WRITERS: dict[FieldKind, Callable[..., None]] = {
    FieldKind.VALUE: _value,
    FieldKind.CHOICE: _choice,
    FieldKind.DATE: _date,
    FieldKind.ITEMS: _item,
    FieldKind.ACTORS: _participation,
    FieldKind.SCOPES: _scope,
    FieldKind.CONTACTS: _contact,
    FieldKind.IDENTIFIERS: _identifier,
    FieldKind.LINKS: _link,
    FieldKind.PROJECTS: _relation,
    FieldKind.MONEY: _funding,
}


def _describe_record(triples: TripleWriter, project: str, record: Record) -> None:
    node = record_iri(record.key)
    triples.link(node, RDF.type, CYB.Record)
    triples.link(node, FOAF.primaryTopic, project)
    for value in record.participations:
        if value.role not in BY_NAME:  # such a role has no property of the project
            row = Field(value.role, FieldKind.ACTORS)
            _participation(triples, project, row, node_iri(project, row, 0, value), value)
    for blank in record.left_blank:
        triples.link(node, CYB.leftBlank, BY_NAME[blank.name].term)
    if record.rights:
        triples.text(node, DCTERMS.rights, record.rights.text)
    triples.plain(node, DCTERMS.language, record.language.text)
    if record.updated:
        triples.plain(node, DCTERMS.modified, record.updated.text, XSD.date)
    if record.status and record.as_of:
        triples.plain(project, CYB.statusAsOf, record.as_of[:10], XSD.date)
    if record.address and is_iri(record.address.text):
        triples.link(node, DCTERMS.source, record.address.text)
    source = triples.source
    triples.link(node, PROV.wasDerivedFrom, source)
    triples.link(node, CYB.currentSource, source)
    triples.link(source, RDF.type, PROV.Entity)
    triples.plain(source, RDFS.label, record.source.name)
    if record.retrieved:  # the range of the property is xsd:dateTime
        day, _, time = record.retrieved.text.partition("T")
        triples.plain(source, PROV.generatedAtTime, f"{day}T{time or '00:00:00Z'}", XSD.dateTime)
    checksum = f"{source}/checksum"
    triples.link(source, SPDX.checksum, checksum)
    triples.link(checksum, RDF.type, SPDX.Checksum)
    triples.link(checksum, SPDX.algorithm, SPDX.checksumAlgorithm_sha256)
    triples.plain(checksum, SPDX.checksumValue, record.source.sha256, XSD.hexBinary)
