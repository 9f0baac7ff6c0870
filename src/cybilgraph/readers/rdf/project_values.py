"""Convert the RDF values of a project to those of a record, by the kind of their field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyoxigraph as ox

from cybilgraph.model.classifications import read_share
from cybilgraph.model.dates import read_date, read_duration
from cybilgraph.model.fields import BY_NAME, FIELDS, Field, FieldKind
from cybilgraph.model.gazetteer import PLACES, load_gazetteer
from cybilgraph.model.links import sort_details
from cybilgraph.model.money import DEFAULT_KIND, find_currency, read_exact
from cybilgraph.model.record import (
    Basis,
    Contact,
    Date,
    Evidence,
    Funding,
    Identifier,
    LeftBlank,
    Named,
    Participation,
    Place,
    Relation,
    Scope,
    Text,
    WebLink,
)
from cybilgraph.model.vocabulary import ADMS, CYB, DCTERMS, OA, PROV, RDF, SCHEMA, SKOS, VCARD, shorten
from cybilgraph.readers.funding import funding_text
from cybilgraph.readers.rdf.view import BY_TERM, ProjectView, Term, parse_own_iri, to_one_line
from cybilgraph.readers.text import normalise

#: The kinds of entry that a field may link to, unless its own name is the only one.
_KINDS = {FieldKind.ACTORS: ("actor",), FieldKind.PROJECTS: ("project",), **dict.fromkeys(PLACES, PLACES)}
_SCOPE_FIELDS = tuple(row for row in FIELDS if row.kind is FieldKind.SCOPES)
_CONFIDENCE = re.compile(r"[01](?:\.[0-9]{1,20})?|0?\.[0-9]{1,20}")
_LINE = re.compile(r"\+?[0-9]{1,9}")
#: The kind of reference entry that is a kind of sum.
_KIND = "funding-kind"
_BLANK_LINE = re.compile(r"\n\s*\n")
_HTTP = re.compile("https?:")
#: Properties of a claim that repeat what its other properties state, or name this file as the source.
_REPEATED = (
    *(RDF.subject, RDF.predicate, RDF.object, CYB.confidence, PROV.wasDerivedFrom),
    *(PROV.wasAttributedTo, PROV.generatedAtTime),
)
#: Properties of an activity or a result that are derived from its text and order.
_COMPUTED = (
    *(SCHEMA.position, CYB.activityKind, CYB.resultStatus, CYB.baseline, CYB.target, CYB.actual, CYB.vocabulary),
    *(SKOS.notation, CYB.share),
)
_LINK_DETAILS = (DCTERMS.format, DCTERMS.language, DCTERMS.type)
#: Links in the graph that were read: property and object.
_ReadLinks = set[tuple[str, Term]]


def read_values(view: ProjectView, project: str) -> dict[str, Any]:
    """Return the values of all fields that are not text, by name.

    Links with nodes of their own come first, then direct links.
    """
    read: _ReadLinks = set()
    values: dict[str, Any] = {
        "participations": list(_participations(view, project, read)),
        "scopes": list(_scopes(view, project, read)),
        "relations": list(_relations(view, project, read)),
        "funding": list(_funding(view, project, read)),
    }
    for row in FIELDS:
        if name := _LINKS.get(row.kind):
            for target in view.values(project, row.term):
                if (row.term, target) not in read:
                    values[name] += _read_link(view, row, (project, row.term, target))
    values = {name: tuple(links) for name, links in values.items()}
    return values | {
        row.name: value
        for row in FIELDS
        if (read_value := _READ.get(row.kind)) and (value := read_value(view, project, row))
    }


def read_left_blank(view: ProjectView, nodes: list[str]) -> Iterator[LeftBlank]:
    """Yield the fields that the records at these nodes leave blank."""
    for node in nodes:
        for term in view.values(node, CYB.leftBlank):
            if isinstance(term, str) and (row := BY_TERM.get(term)):
                yield LeftBlank(row.name, shorten(term), view.place(node, CYB.leftBlank, term))
            else:
                view.note_unread(node, CYB.leftBlank, term)


def _read_link(view: ProjectView, row: Field, statement: tuple[str, str, Term], node: str = "") -> Iterator[Any]:
    """Yield the links of a field to the object of a statement, by its IRI or its name.

    ``node`` is the node that describes how the link is known, if any.
    """
    basis, evidence = _basis(view, node), tuple(_evidence(view, node))
    printed = view.text(node, CYB.nameAsPrinted)
    printed = printed if printed.text else Text("", view.place(*statement))
    named = view.named(_KINDS.get(row.kind) or _KINDS.get(row.name, (row.name,)), statement[2], printed)
    if row.kind is FieldKind.MONEY and (money := _read_money(view, statement, node)):
        yield replace(money, basis=basis, evidence=evidence)
    elif named is None:
        for link in view.resolve(row, *statement):
            yield replace(link, basis=basis, evidence=evidence)
    elif row.kind is FieldKind.ACTORS:
        yield Participation(named, row.name, basis, evidence)
    elif row.kind is FieldKind.SCOPES:
        share = view.text(node, CYB.share).text if node else ""
        yield Scope(named, basis, evidence, read_share(share))
    else:
        yield Relation(row.name, named, basis, evidence)


def _basis(view: ProjectView, node: str) -> Basis:
    bases = {iri[1] for iri in map(parse_own_iri, view.values(node, CYB.basis)) if iri and iri[0] == "basis"}
    return next((basis for basis in Basis if basis in bases), Basis.STATED)


def _participations(view: ProjectView, project: str, read: _ReadLinks) -> Iterator[Participation]:
    for node in view.nodes(project, CYB.participation):
        role = _role(view, node)
        row = BY_NAME.get(role, BY_NAME["partner"])
        for actor in _targets(view, node, CYB.actor):
            if role in BY_NAME:
                read.add((row.term, actor))
            for link in _read_link(view, row, (node, CYB.actor, actor), node):
                yield replace(link, role=role)


def _role(view: ProjectView, node: str) -> str:
    """Return the key of the role. Roles that are not listed keep their own key."""
    for term in view.values(node, CYB.role):
        found = parse_own_iri(term)
        if found and found[0] == "role" and (found[1] not in BY_NAME or BY_NAME[found[1]].kind is FieldKind.ACTORS):
            return found[1]
        if isinstance(term, ox.Literal) and (entry := load_gazetteer().find("role", term.value)):
            return entry.key
        view.note_unread(node, CYB.role, term)
    return "unspecified"


def _scopes(view: ProjectView, project: str, read: _ReadLinks) -> Iterator[Scope]:
    for node in view.nodes(project, CYB.scope):
        for concept in _targets(view, node, CYB.concept):
            kind = (parse_own_iri(concept) or ("", ""))[0]
            row = next((row for row in _SCOPE_FIELDS if row.name == kind), None)
            row = row or next((row for row in _SCOPE_FIELDS if concept in view.graph.values(project, row.term)), None)
            if row is None:
                view.note_unread(node, CYB.concept, concept)
                continue
            read.update((term, concept) for term in (CYB.beneficiary, *(row.term for row in _SCOPE_FIELDS)))
            yield from _read_link(view, row, (node, CYB.concept, concept), node)


def _relations(view: ProjectView, project: str, read: _ReadLinks) -> Iterator[Relation]:
    for node in view.nodes(project, CYB.relation):
        rows = [BY_TERM[str(term)] for term in view.values(node, CYB.property) if term in BY_TERM]
        row = next((row for row in rows if row.kind is FieldKind.PROJECTS), BY_NAME["related"])
        for target in _targets(view, node, CYB.project):
            read.add((row.term, target))
            yield from _read_link(view, row, (node, CYB.project, target), node)


def _funding(view: ProjectView, project: str, read: _ReadLinks) -> Iterator[Funding]:
    row = BY_NAME["funding"]
    for node in view.nodes(project, CYB.funding):
        for amount in _targets(view, node, row.term):
            read.add((row.term, amount))
            yield from _read_link(view, row, (node, row.term, amount), node)


def _read_money(view: ProjectView, statement: tuple[str, str, Term], node: str) -> Funding | None:
    """Return the sum of money at the object of a statement, and its details at ``node``; None if it has no amount."""
    amount = statement[2]
    if not isinstance(amount, str):
        return None
    view.visit(amount)
    number, currency = view.text(amount, SCHEMA.value), view.text(amount, SCHEMA.currency).text
    value = read_exact(number.text)
    if not value or find_currency(currency) != currency:
        return None
    kinds = (iri[1] for iri in map(parse_own_iri, view.values(node, CYB.fundingKind)) if iri and iri[0] == _KIND)
    start, end, value_date = (
        day.value if (day := read_date(view.text(node, term))) and len(day.value) == len("2018-04-30") else ""
        for term in (CYB.periodStart, CYB.periodEnd, CYB.valueDate)
    )
    count = view.text(node, CYB.transactions).text
    provider, receiver = (_actor(view, node, term) for term in (CYB.provider, CYB.receiver))
    money = Funding(
        next((kind for kind in kinds if load_gazetteer().get(_KIND, kind)), DEFAULT_KIND),
        *(value, currency, Text("", number.place), Basis.STATED, start, end, value_date),
        *(int(count) if _LINE.fullmatch(count) else 0, provider, receiver),
    )
    return replace(money, printed=Text(funding_text(money), number.place))


def _actor(view: ProjectView, node: str, term: str) -> Named | None:
    """Return the organisation that pays or receives a sum: by its IRI, or by its name."""
    if not (target := view.single(node, term)):
        return None
    named = view.named(("actor",), target, Text("", view.place(node, term, target)))
    found = () if named else view.resolve(BY_NAME["funder"], node, term, target)
    return named or next((link.actor for link in found), None)


def _targets(view: ProjectView, node: str, predicate: str) -> list[Term]:
    """Return the objects of a node's property; a node without it is reported."""
    targets = view.values(node, predicate)
    if not targets:
        view.note_unread("", predicate, node)
    return targets


def _evidence(view: ProjectView, node: str) -> Iterator[Evidence]:
    """Yield the quotes that support a derived link or date."""
    for term in _REPEATED:
        view.graph.values(node, term)  # nothing new
    for quote in view.nodes(node, CYB.evidence):
        for term in (PROV.wasDerivedFrom, PROV.wasQuotedFrom):
            view.graph.values(quote, term)  # the source is this file
        sections = [BY_TERM[str(term)].name for term in view.values(quote, CYB.section) if term in BY_TERM]
        number, line = view.text(quote, CYB.confidence).text, view.text(quote, CYB.line).text
        yield Evidence(
            sections[0] if sections else "description",
            view.text(quote, OA.exact).text,
            Place(int(line)) if _LINE.fullmatch(line) and int(line) else None,
            min(float(number), 1.0) if _CONFIDENCE.fullmatch(number) else 1.0,
        )


def _choice(view: ProjectView, project: str, row: Field) -> Named | None:
    value = view.single(project, row.term)
    if not value:
        return None
    named = view.named((row.name,), value, Text("", view.place(project, row.term, value)))
    return named or next(iter(view.resolve(row, project, row.term, value)), None)


def _date(view: ProjectView, project: str, row: Field) -> Date | None:
    """Return a date with its printed form. An invalid value is read as a printed date."""
    value, printed = view.text(project, row.term), view.text(project, f"{row.term}AsPrinted")
    for bound in ("Earliest", "Latest") if row.name != "duration" else ():
        view.graph.values(project, f"{row.term}{bound}")  # computed from the date
    dating = [node for node in view.nodes(project, CYB.dating) if row.term in view.values(node, CYB.property)]
    evidence = tuple(words for node in dating for words in _evidence(view, node))
    for node in dating:
        view.values(node, CYB.basis)
    if not value.text:
        return Date("", printed, evidence) if printed.text else None
    date = (read_duration if row.name == "duration" else read_date)(value)
    if date and date.value:
        return Date(date.value, printed if printed.text else value, evidence)
    stated = next(term for term in view.values(project, row.term) if isinstance(term, ox.Literal))
    return next(iter(view.resolve(row, project, row.term, stated)), None)


def _prose(view: ProjectView, project: str, row: Field) -> tuple[Text, ...]:
    paragraphs: list[Text] = []
    for text in view.texts(project, row.term):
        blanks = [at for blank in _BLANK_LINE.finditer(text.text) for at in blank.span()]
        cuts = [0, *blanks, len(text.text)]
        paragraphs += (text.part(*cut) for cut in zip(cuts[::2], cuts[1::2], strict=True))
    return tuple(paragraph for part in paragraphs if (paragraph := to_one_line(part)).text)


def _nodes(view: ProjectView, project: str, row: Field) -> tuple[Any, ...]:
    """Return the values of a field with a node for each; literals are read like text under its label."""
    found: list[Any] = []
    for node in view.values(project, row.term):
        if isinstance(node, str):
            view.visit(node)
            value = _READ_NODE[row.kind](view, project, row, node)
            if value is None:
                view.note_unread(project, row.term, node)
            else:
                found.append(value)
        elif row.kind is not FieldKind.ITEMS:
            found += view.resolve(row, project, row.term, node)
        elif (text := to_one_line(view.printed(project, row.term, node))).text:
            found.append(text)
    return tuple(found)


def _item(view: ProjectView, _project: str, _row: Field, node: str) -> Text | None:
    text = view.text(node, DCTERMS.description)
    text = text if text.text else view.name(node)
    for term in _COMPUTED:
        view.graph.values(node, term)
    return replace(text, subheading=view.text(node, CYB.subheading).text) if text.text else None


def _contact(view: ProjectView, project: str, row: Field, node: str) -> Contact | None:
    name = view.text(node, VCARD.fn).text or view.name(node).text
    mails = [text.removeprefix("mailto:") for value in view.values(node, VCARD.hasEmail) if (text := _plain(value))]
    mails += [node.removeprefix("mailto:")] if node.startswith("mailto:") else []
    notes = [text for text in (view.text(node, VCARD.note).text, *mails[1:]) if text]
    if not (name or mails or notes):
        return None
    place = view.begin(node) or view.place(project, row.term, node)
    return Contact(name, mails[0] if mails else "", ", ".join(notes), place)


def _link(view: ProjectView, project: str, row: Field, node: str) -> WebLink | None:
    url, text = _plain(view.single(node, SCHEMA.url)), view.name(node, (DCTERMS.title, SKOS.prefLabel)).text
    is_external = not node.startswith(("_:", f"{project}/"))
    if not url and is_external and (not text or _HTTP.match(node)):
        url = node
    if not (text or url):
        return None
    details = sort_details(_plain(value) for term in _LINK_DETAILS for value in view.values(node, term))
    return WebLink(text or url, url, view.begin(node) or view.place(project, row.term, node), details)


def _identifier(view: ProjectView, project: str, row: Field, node: str) -> Identifier | None:
    notation, register = view.text(node, SKOS.notation), view.text(node, ADMS.schemaAgency)
    place = notation.place or view.begin(node) or view.place(project, row.term, node)
    return Identifier(notation.text, register.text, place) if notation.text else None


def _plain(term: Term) -> str:
    return term if isinstance(term, str) else normalise(term.value)


#: The attribute of ``Record`` that holds the links of a kind.
_LINKS = {
    FieldKind.ACTORS: "participations",
    FieldKind.SCOPES: "scopes",
    FieldKind.PROJECTS: "relations",
    FieldKind.MONEY: "funding",
}
_READ: dict[FieldKind, Callable[[ProjectView, str, Field], Any]] = {
    FieldKind.CHOICE: _choice,
    FieldKind.DATE: _date,
    FieldKind.PROSE: _prose,
    **dict.fromkeys((FieldKind.ITEMS, FieldKind.CONTACTS, FieldKind.LINKS, FieldKind.IDENTIFIERS), _nodes),
}
_READ_NODE: dict[FieldKind, Callable[[ProjectView, str, Field, str], Any]] = {
    FieldKind.ITEMS: _item,
    FieldKind.CONTACTS: _contact,
    FieldKind.LINKS: _link,
    FieldKind.IDENTIFIERS: _identifier,
}
