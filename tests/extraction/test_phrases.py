"""Each phrase matches its example, and the matcher misses no position."""

from __future__ import annotations

import csv

import pytest

from cybilgraph.extraction.name_spans import ACTOR, DEMONYM, NAME, PLACE, PROJECT
from cybilgraph.extraction.phrases import APART, RELATIONS, Matcher, find_matches, phrases
from cybilgraph.model.resources import REFERENCE
from tests.support.prose import about, check_roles, places

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


@pytest.mark.parametrize(("number", "row"), [*enumerate(PHRASES)], ids=[row["example"] for row in PHRASES])
def test_phrase_matches_its_example(number: int, row: dict[str, str]) -> None:
    text, says = row["example"], row["says"]
    named = []
    for mark, stand_ins in STAND_INS.items():
        for name in stand_ins:
            if mark in text:
                text = text.replace(mark, name, 1)
                named.append(name)
    record = about("A project", text)
    if says in ("elsewhere", "compare"):
        assert not any(link.basis.counts for link in record.scopes)
    elif says in ("place", "listed"):
        assert len(places(record)) == len(named)
    elif says == APART:
        assert not record.relations
    elif says in RELATIONS:
        assert [(link.kind, link.project.key) for link in record.relations] == [(says, "G0411")]
    elif says == "aside":
        check_roles(record, set())
    else:
        hits = [hit for hit in find_matches(row["example"].lower()) if hit.phrase.number == number]
        assert hits
        assert all(hit.mark_offsets for hit in hits)


def test_every_phrase_has_its_own_example() -> None:
    assert len({row["example"] for row in PHRASES}) == len(PHRASES) == len(phrases())


@pytest.mark.slow
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
