"""Records from prose, and short ways to their roles and places."""

from __future__ import annotations

from cybilgraph.extraction import derive
from cybilgraph.extraction.phrases import role_claims
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Participation, Record, Scope
from cybilgraph.readers import Input, read_input


def page(title: str, *summary: str) -> Record:
    text = "\n\n".join([title, "Summary", *summary])
    [record] = read_input(Input("page.txt", data=text.encode()))
    return record


def about(title: str, *summary: str) -> Record:
    return derive(page(title, *summary))


def phrase_claims_of(title: str, *summary: str) -> set[tuple[str, str]]:
    """Return the actors and places that phrases are about, with their claims."""
    sentences = split_sentences(page(title, *summary), load_gazetteer())
    return {(name.entries[0].key, phrase.claim) for one in sentences for phrase, name in role_claims(one)}


def roles(record: Record) -> set[tuple[str, str]]:
    """Return the actors with their roles, except those that are more probably wrong than right."""
    return {(link.actor.key, link.role) for link in record.participations if is_likely(link)}


def places(record: Record) -> set[str]:
    """Return the places, except those that are more probably wrong than right."""
    return {link.concept.key for link in record.scopes if link.concept.kind != "theme" and is_likely(link)}


def is_likely(link: Participation | Scope) -> bool:
    """Return whether a link is stated, or more probably right than wrong."""
    return not link.evidence or max(quote.confidence for quote in link.evidence) >= 0.5
