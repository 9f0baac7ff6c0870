"""Each phrase matches its example, and the matcher misses no position."""

from __future__ import annotations

import csv

import pytest

from cybilgraph.extraction.name_spans import ACTOR, DEMONYM, NAME, PLACE, PROJECT
from cybilgraph.extraction.phrases import APART, RELATIONS, Matcher, phrases
from cybilgraph.model.resources import REFERENCE
from tests.support.prose import about, phrase_claims_of, places, roles

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


@pytest.mark.parametrize(("number", "row"), enumerate(PHRASES), ids=[row["example"] for row in PHRASES])
def test_phrase_matches_its_example(number: int, row: dict[str, str]) -> None:
    text, says = row["example"], row["says"]
    named = []
    for mark, names in STAND_INS.items():
        for name in names:
            if mark in text:
                text = text.replace(mark, name, 1)
                named.append(name)
    record, names = page("A project", text), load_gazetteer()
    text = record.participations[0].actor.printed.text if False else text
    matches = [hit for sentence in split_sentences(record, names) for hit in matches_in(sentence)]
    [match] = [hit for hit in matches if hit.phrase.number == number]
    assert match.phrase.claim == says


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
