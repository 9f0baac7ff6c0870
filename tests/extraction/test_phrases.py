"""Each phrase matches its example, and the matcher misses no position."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from cybilgraph.errors import ReferenceDataError
from cybilgraph.extraction.name_spans import ACTOR, DEMONYM, NAME, PLACE, PROJECT
from cybilgraph.extraction.phrases import APART, RELATIONS, Matcher, find_matches, phrases, use_phrases_from
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


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("paid,0.9,,paid by {actors},x", "column says: unknown claim 'paid'.*Use one of: .*funder"),
        ("funder,,,paid by {actors},x", "column confidence: '' is not a number above 0 and at most 1"),
        ("funder,1.2,,paid by {actors},x", "column confidence: '1.2' is not a number above 0 and at most 1"),
        (
            "funder,0.9,,.* {actors},x",
            r"column phrase: '\.\* {actors}' begins neither with words nor .*Begin it with",
        ),
        (
            "funder,0.9,,(paid by {actors},x",
            r"column phrase: '\(paid by .* is not a valid regular expression: missing \)",
        ),
        ("funder,0.9,[a,paid by {actors},x", r"column before: '\[a' is not a valid regular expression"),
        ("funder,0.9,paid by {actors},x", "the row does not have 5 cells"),
    ],
)
def test_wrong_cell_is_reported_with_its_line(row: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "phrases.csv"
    file.write_text(f"says,confidence,before,phrase,example\nfunder,0.9,,funded by {{actors}},x\n{row}\n")
    use_phrases_from(file)
    try:
        with pytest.raises(ReferenceDataError) as error:
            [(phrase.pattern, phrase.before) for phrase in phrases()]
    finally:
        use_phrases_from(REFERENCE / "phrases.csv")
    assert re.search(f"phrases.csv, line 3(, |: ){problem}", str(error.value).replace("\n", " "), re.DOTALL)
