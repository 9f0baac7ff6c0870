"""Each phrase matches its example, and the matcher misses no position."""

from __future__ import annotations

import csv

import pytest

from cybilgraph.extraction.name_spans import ACTOR, DEMONYM, NAME, PLACE, PROJECT
from cybilgraph.extraction.phrases import APART, RELATIONS, Matcher, phrases
from cybilgraph.model.resources import REFERENCE
from tests.support.prose import about, phrase_roles_of, places, roles

with (REFERENCE / "phrases.csv").open(encoding="utf-8", newline="") as _file:
    PHRASES = list(csv.DictReader(_file))
ACTORS = ("INTERPOL", "UNODC", "ENISA", "OSCE")
PLACES = ("Kenya", "Fiji", "Peru")
STAND_INS = {
    ACTOR: ACTORS,
    PLACE: PLACES,
    DEMONYM: ("Kenyan", "Fijian"),
    NAME: ("Accra", "Lyon"),
    PROJECT: ("G0411",),
}


@pytest.mark.parametrize("row", PHRASES, ids=lambda row: row["example"])
def test_phrase_matches_its_example(row: dict[str, str]) -> None:
    text = row["example"]
    named = []
    for mark, names in STAND_INS.items():
        for name in names:
            if mark in text:
                text = text.replace(mark, name, 1)
                named.append(name)
    says = row["says"]
    record = about("A project", text)
    if says in ("elsewhere", "compare"):
        assert not places(record)
    elif says in ("place", "listed"):
        assert len(places(record)) == len(named)
    elif says == "aside":
        assert not roles(record)
    elif says == APART:
        assert not record.relations
    elif says in RELATIONS:
        assert [(link.kind, link.project.key) for link in record.relations] == [(says, "G0411")]
    else:
        says = {"counterpart": "partner", "client": "funder", "acts": "implementer"}.get(says, says)
        found = phrase_roles_of("A project", text)
        states = {"Kenyan": "Kenya", "Fijian": "Fiji"}
        acting = {
            name.lower() if name in ACTORS else f"government-of-{states.get(name, name).lower()}" for name in named
        }
        assert found.keys() <= acting
        assert says in found.values()
        if "commissioned" not in text:  # the government pays, and the other actor delivers
            assert set(found.values()) == {says}
            assert found.keys() == acting - {"government-of-kenya"} or says != "implementer"


def test_every_phrase_has_its_own_example() -> None:
    assert len({row["example"] for row in PHRASES}) == len(PHRASES) == len(phrases())


def test_matcher_finds_every_possible_position_of_a_phrase() -> None:
    matcher = Matcher()
    for row in PHRASES:
        marked = row["example"].lower()
        tries = matcher.candidates(marked)
        fits = {
            (phrase.number, at)
            for phrase in phrases()
            for at, begin in enumerate(marked)
            if (begin in phrase.marks if phrase.marks else not marked[at - 1 : at].isalnum())
            and phrase.pattern.match(marked, at)
        }
        assert fits
        assert fits <= tries, row["example"]
        assert len(tries) < 30
