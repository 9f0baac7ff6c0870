"""Records from prose, and short ways to their roles and places."""

from __future__ import annotations

from cybilgraph.extraction import derive
from cybilgraph.model.record import Participation, Record, Scope
from cybilgraph.readers import Input, read_input


def page(title: str, *summary: str) -> Record:
    text = "\n\n".join([title, "Summary", *summary])
    [record] = read_input(Input("page.txt", data=text.encode()))
    return record


def about(title: str, *summary: str) -> Record:
    return derive(page(title, *summary))


def read_derived(text: str) -> Record:
    """Return the record of a page with what is extracted from its prose."""
    [record] = read_input(Input("page.txt", data=text.encode()))
    return derive(record)


def roles(record: Record) -> set[tuple[str, str]]:
    """Return the actors with their roles, except those that are more probably wrong than right."""
    return {(link.actor.key, link.role) for link in record.participations if is_likely(link)}


def check_roles(record: Record, expected: set[tuple[str, str]]) -> None:
    """Check that the expected roles are found, at least as possible ones, and that no others count."""
    found = {(link.actor.key, link.role): link.basis for link in record.participations}
    assert expected <= found.keys()
    assert {link for link, basis in found.items() if basis.counts} <= expected


def places(record: Record) -> set[str]:
    """Return the places, except those that are more probably wrong than right."""
    return {link.concept.key for link in record.scopes if link.concept.kind != "theme" and is_likely(link)}


def is_likely(link: Participation | Scope) -> bool:
    """Return whether a link is stated, or more probably right than wrong."""
    return not link.evidence or max(quote.confidence for quote in link.evidence) >= 0.5
