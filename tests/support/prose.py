"""Records from prose, and short ways to their roles and places."""

from __future__ import annotations

from cybilgraph.extraction import derive
from cybilgraph.extraction.participations import find_phrase_roles
from cybilgraph.extraction.scopes import find_scopes
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record
from cybilgraph.readers import Input, read_input


def page(title: str, *summary: str) -> Record:
    text = "\n\n".join([title, "Summary", *summary])
    [record] = read_input(Input("page.txt", data=text.encode()))
    return record


def about(title: str, *summary: str) -> Record:
    return derive(page(title, *summary))


def phrase_roles_of(title: str, *summary: str) -> dict[str, str]:
    """Return the roles according to phrases, whatever their probabilities."""
    record, names = page(title, *summary), load_gazetteer()
    parts = list(split_sentences(record, names))
    beneficiary_countries = {scope.concept.key for scope in find_scopes(record, parts, names)}
    found = find_phrase_roles(record, parts, beneficiary_countries, names)
    return dict(roles(record)) | {key: role for key, by_role in found.items() for role in by_role}


def roles(record: Record) -> set[tuple[str, str]]:
    return {(link.actor.key, link.role) for link in record.participations}


def places(record: Record) -> set[str]:
    return {link.concept.key for link in record.scopes if link.concept.kind != "theme"}
