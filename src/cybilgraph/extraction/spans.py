"""The marks that stand for names, and the parts of a sentence that they stand for."""

from __future__ import annotations

from dataclasses import dataclass

from cybilgraph.model.gazetteer import Gazetteer, GazetteerEntry, slug

#: An actor of the reference data, an organisation that they do not know, another capitalised name,
#: a country, region or group, what is of a country ("Kenyan"), a project.
ACTOR, BODY, NAME, PLACE, DEMONYM, PROJECT = "◆", "◈", "◎", "◇", "◬", "◫"
MARKS = ACTOR + BODY + NAME + PLACE + DEMONYM + PROJECT
PLACES = ("country", "region", "group")


@dataclass(slots=True)
class Span:
    """A name in a sentence, from where to where, its mark, the thing, and where that is at home.
    ``near`` is its spelling where that is only nearly right, or may be another's.
    """

    start: int
    end: int
    mark: str
    entries: tuple[GazetteerEntry, ...]
    home: GazetteerEntry | None = None
    near: str = ""


def find_actor(name: str, names: Gazetteer) -> GazetteerEntry:
    """The actor of this name; made up where no list has it."""
    return names.find("actor", name) or GazetteerEntry("actor", slug(name), name, (), {})
