"""Convert RDF values of a project to those of a record, by the kind of their field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyoxigraph as ox

from cybilgraph.model.dates import read_date, read_duration
from cybilgraph.model.fields import FIELDS, Field, FieldKind
from cybilgraph.model.record import Contact, Date, Named, Text, WebLink
from cybilgraph.model.vocabulary import CYB, DCTERMS, SCHEMA, SKOS, VCARD
from cybilgraph.readers.rdf.graph import Term
from cybilgraph.readers.rdf.links import read_evidence
from cybilgraph.readers.rdf.view import ProjectView, to_one_line
from cybilgraph.readers.text import normalise

_BLANK_LINE = re.compile(r"\n\s*\n")


def read_values(view: ProjectView, project: str) -> dict[str, Any]:
    """Return the values of the fields that are not links, by name."""
    return {row.name: value for row in FIELDS if (read := _READ.get(row.kind)) and (value := read(view, project, row))}


def _choice(view: ProjectView, project: str, row: Field) -> Named | None:
    first, *rest = view.values(project, row.term) or [""]
    for other in rest[:1]:
        view.note_second(row.term, *(view.printed(project, row.term, value) for value in (first, other)))
    if not first:
        return None
    if named := view.named((row.name,), first, Text("", view.place(project, row.term, first))):
        return named
    record = view.resolve(row, project, row.term, first)
    return next(iter(record.values(row.name)), None) if record else None


def _date(view: ProjectView, project: str, row: Field) -> Date | None:
    """Return a date with its printed form. An invalid value is read as a printed date."""
    value, printed = view.text(project, row.term), view.text(project, f"{row.term}AsPrinted")
    dating = [node for node in view.nodes(project, CYB.dating) if row.term in view.values(node, CYB.property)]
    evidence = tuple(words for node in dating for words in read_evidence(view, node))
    for node in dating:
        view.values(node, CYB.basis)
    if not value.text:
        return Date("", printed, evidence) if printed.text else None
    date = (read_duration if row.name == "duration" else read_date)(value)
    if date and date.value:
        return Date(date.value, printed if printed.text else value, evidence)
    stated = next(term for term in view.values(project, row.term) if isinstance(term, ox.Literal))
    record = view.resolve(row, project, row.term, stated)
    return next(iter(record.values(row.name)), None) if record else None


def _prose(view: ProjectView, project: str, row: Field) -> tuple[Text, ...]:
    parts = [to_one_line(part) for text in view.texts(project, row.term) for part in _paragraphs(text)]
    return tuple(part for part in parts if part.text)


def _paragraphs(text: Text) -> Iterator[Text]:
    start = 0
    for blank in _BLANK_LINE.finditer(text.text):
        yield text.part(start, blank.start())
        start = blank.end()
    yield text.part(start)


def _items(view: ProjectView, project: str, row: Field) -> tuple[Text, ...]:
    items = []
    for node in view.values(project, row.term):
        if isinstance(node, ox.Literal):
            items.append(to_one_line(view.printed(project, row.term, node)))
            continue
        view.visit(node)
        text = view.text(node, DCTERMS.description)
        text = text if text.text else view.name(node)
        if text.text:
            items.append(replace(text, subheading=view.text(node, CYB.subheading).text))
        else:
            view.note_unread(project, row.term, node)
    return tuple(item for item in items if item.text)


def _contacts(view: ProjectView, project: str, row: Field) -> tuple[Contact, ...]:
    contacts: list[Contact] = []
    for node in view.values(project, row.term):
        if isinstance(node, ox.Literal):
            record = view.resolve(row, project, row.term, node)
            contacts += record.contacts if record else ()
            continue
        view.visit(node)
        name = view.text(node, VCARD.fn).text or view.name(node).text
        mails = [text.removeprefix("mailto:") for value in view.values(node, VCARD.hasEmail) if (text := _plain(value))]
        mails += [node.removeprefix("mailto:")] if node.startswith("mailto:") else []
        notes = [text for text in (view.text(node, VCARD.note).text, *mails[1:]) if text]
        if name or mails or notes:
            place = view.begin(node) or view.place(project, row.term, node)
            contacts.append(Contact(name, mails[0] if mails else "", ", ".join(notes), place))
        else:
            view.note_unread(project, row.term, node)
    return tuple(contacts)


def _links(view: ProjectView, project: str, row: Field) -> tuple[WebLink, ...]:
    links: list[WebLink] = []
    for node in view.values(project, row.term):
        if isinstance(node, ox.Literal):
            record = view.resolve(row, project, row.term, node)
            links += record.links if record else ()
            continue
        view.visit(node)
        first, *rest = view.values(node, SCHEMA.url) or [""]
        for other in rest[:1]:
            view.note_unread(node, SCHEMA.url, other)
        url, text = _plain(first), view.name(node, (DCTERMS.title, SKOS.prefLabel)).text
        if not url and (not text or re.match("https?:", node)) and _is_external(node, project):
            url = node
        if text or url:
            links.append(WebLink(text or url, url, view.begin(node) or view.place(project, row.term, node)))
        else:
            view.note_unread(project, row.term, node)
    return tuple(links)


def _is_external(node: str, project: str) -> bool:
    """Return whether a node is an external address: neither a blank node nor a node of the project itself."""
    return not node.startswith(("_:", f"{project}/"))


def _plain(term: Term) -> str:
    return term if isinstance(term, str) else normalise(term.value)


_READ: dict[FieldKind, Callable[[ProjectView, str, Field], Any]] = {
    FieldKind.CHOICE: _choice,
    FieldKind.DATE: _date,
    FieldKind.PROSE: _prose,
    FieldKind.ITEMS: _items,
    FieldKind.CONTACTS: _contacts,
    FieldKind.LINKS: _links,
}
