"""Marks that stand for names, and spans of names in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from cybilgraph.model.gazetteer import GazetteerEntry

#: A listed actor, an unlisted organisation, another capitalised name, a country, region or group, a demonym
#: ("Kenyan"), a project.
ACTOR, BODY, NAME, PLACE, DEMONYM, PROJECT = "◆", "◈", "◎", "◇", "◬", "◫"
MARKS = ACTOR + BODY + NAME + PLACE + DEMONYM + PROJECT


@dataclass(slots=True)
class Span:
    """A name in a sentence: its position, mark, entries and home country.

    ``printed_spelling`` is set if the name is misspelt or ambiguous.
    """

    start: int
    end: int
    mark: str
    entries: tuple[GazetteerEntry, ...]
    home: GazetteerEntry | None = None
    printed_spelling: str = ""


def country_key(place: GazetteerEntry | None) -> str:
    """Return the key of a country, also by its demonym; empty if the place is a region or group."""
    return place.key if place and place.kind in ("country", "demonym") else ""
