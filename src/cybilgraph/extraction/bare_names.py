"""Find the state of bodies that are named without it: "the Ministry of Justice" in a project in Kosovo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cybilgraph.extraction.name_spans import ACTOR, BODY, country_key
from cybilgraph.extraction.sentences import Name, Sentence
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record, Scope
from cybilgraph.model.state_bodies import find_actor, find_home, find_homes, only_country, seat


def add_states(record: Record, sentences: list[Sentence], scopes: Iterable[Scope]) -> None:
    """Replace the entry of each body of a state that is named without it, if the record leaves no doubt.

    Either it names only one body of this name with its state, or the project has one country and the record names
    no other state.
    """
    bodies = [(sentence, name) for sentence in sentences for name in sentence.names if name.mark == BODY]
    if not bodies:
        return
    homes = find_homes(
        (
            *((link.actor.printed.text, link.actor.home) for link in record.participations),
            *((name.entries[0].name, name.home_country) for _, name in bodies),
        )
    )
    country = only_country(scopes)
    if country and not _states(record, sentences) <= {"", country}:
        country = ""
    for sentence, name in bodies:
        actor = name.entries[0]
        if not name.home_country and (home := find_home(actor.name, homes, country)):
            found = find_actor(actor.name, home)
            mark = ACTOR if found.row else BODY
            resolved = replace(name, mark=mark, entries=(found,))
            sentence.names = tuple(resolved if other is name else other for other in sentence.names)
            before, after = sentence.marked[: name.at], sentence.marked[name.at + 1 :]
            sentence.marked = f"{before}{mark}{after}"
            sentence.matches = sentence.claims = sentence.roles = None  # these contain the names


def _states(record: Record, sentences: Iterable[Sentence]) -> set[str]:
    """Return the countries that the sentences name and those of the stated participants."""
    stated = {seat(link.actor) for link in record.participations}
    return stated.union(*(_countries(name) for sentence in sentences for name in sentence.names))


def _countries(name: Name) -> Iterable[str]:
    names = load_gazetteer()
    yield name.home_country
    for entry in name.entries:
        yield names.governments[entry.key].key if entry.key in names.governments else country_key(entry)
        yield entry.row.get("country", "") if entry.kind == "actor" else ""
