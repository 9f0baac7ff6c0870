"""Find the places that a project is for or in, and places that are only listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cybilgraph.extraction.name_spans import ACTOR, BODY, DEMONYM, NAME, PLACE
from cybilgraph.extraction.phrases import claims_in, has_phrase, phrase_claims, phrase_spans, role_claims
from cybilgraph.extraction.sentences import Name, Sentence
from cybilgraph.model.gazetteer import PLACES, GazetteerEntry, load_gazetteer

#: Confidence in the country of a beneficiary.
_HOME_COUNTRY_CONFIDENCE = 0.85
#: Claims of sentences about other places; and claims about places or about bodies with a country.
_OTHER_PLACE_CLAIMS, _PLACE_CLAIMS = frozenset(("aside", "compare")), frozenset(("place", "beneficiary", "counterpart"))
#: The roles whose country benefits.
_BENEFICIARY_ROLES = ("beneficiary", "counterpart")
_PLACE = rf"(?:the )?{PLACE}(?: \([^)]*\))?"
#: A list item that consists of places, "• Kenya (priority)", or introduces some: "In Africa:".
_ITEM = re.compile(rf"[•*–-]? ?(?:{NAME}, )?{_PLACE}(?:(?:,? and|,) {_PLACE})*[;,.]?|in (?:the )?{PLACE}:")
#: A sequence of places, except one with actors such as "Kenya, Ghana and ITU". ``_LIST_HEAD``: "Kenya: a policy
#: brief".
_LIST = re.compile(rf"{_PLACE}(?:(?:,? and|,? or|,) {_PLACE})+(?!(?:,? and|,) (?:the )?[{ACTOR}{BODY}{NAME}])")
_LIST_HEAD = re.compile(rf"[•*–-]? ?{_PLACE}(?=:| [–-] )")
#: Places that are the subject of a clause.
_SUBJECT = re.compile(rf"(?:^|(?<![{PLACE})]), ){_PLACE}(?:(?:,? and|,) {_PLACE})*(?= \w)")
#: "West and" before "Central Africa".
_COMPASS_POINT = re.compile(r"\b(?:north|south|east|west|central)(?:ern)?\b")
_COMPASS_POINTS = re.compile(rf"(?:{_COMPASS_POINT.pattern}(?:,? and |, ))++\Z")
#: The text before the name of a language.
_LANGUAGE_BEFORE = re.compile(r"\bin \Z")


def is_item(sentence: Sentence) -> bool:
    """Return whether a sentence is a list item that consists of places."""
    return PLACE in sentence.marked and _ITEM.fullmatch(sentence.marked) is not None


def find_title_places(sentence: Sentence) -> Iterator[Name]:
    """Yield the places in a title. Places elsewhere count only if there is no other."""
    if has_phrase(sentence, "compare"):
        return
    here = sentence.names
    if elsewhere := phrase_spans(sentence, "elsewhere"):
        others = tuple(name for name in here if not _within(name, elsewhere))
        here = others if any(place_entries(sentence, name) for name in others) else here
    for name in here:
        if not (name.mark == DEMONYM and _LANGUAGE_BEFORE.search(sentence.marked[: name.at])):
            yield name


def find_places(sentence: Sentence) -> Iterator[tuple[Name, float]]:
    """Yield the names that are places of the project according to the sentence, with their confidence."""
    kinds = claims_in(sentence)
    if not kinds.isdisjoint(_OTHER_PLACE_CLAIMS) or kinds.isdisjoint(_PLACE_CLAIMS):
        return
    elsewhere = phrase_spans(sentence, "elsewhere")
    acting: dict[int, str] = {}
    for phrase, name in role_claims(sentence):
        acting.setdefault(name.at, phrase.claim)
    for phrase, name in phrase_claims(sentence, "place"):
        if name.at not in acting and not _within(name, elsewhere):
            yield name, phrase.confidence
    for name in sentence.names:
        if (name.home or name.mark == PLACE) and acting.get(name.at) in _BENEFICIARY_ROLES:
            yield name, _HOME_COUNTRY_CONFIDENCE


def find_listed_places(sentence: Sentence, past: bool) -> Iterator[Name]:
    """Yield the names that are places of the project, or are listed.

    In the past history (``past``), places that are subjects of a clause are skipped: what they did was not
    part of the project.
    """
    if not any(name.mark in (PLACE, DEMONYM) for name in sentence.names):
        return
    if not _OTHER_PLACE_CLAIMS.isdisjoint(claims_in(sentence)):
        return
    sure = {name.at for _, name in phrase_claims(sentence, "listed")}
    place_offsets = {name.at for name, _ in find_places(sentence)}
    elsewhere = [*phrase_spans(sentence, "elsewhere"), *((name.at, name.at + 1) for _, name in role_claims(sentence))]
    listed = find_place_lists(sentence)
    subjects = [match.span() for match in _SUBJECT.finditer(sentence.marked)] if past else []
    for name in sentence.names:
        likely = name.at in place_offsets or (_within(name, listed) and not _within(name, elsewhere))
        if name.at in sure or (likely and not _within(name, subjects)):
            yield name


def find_place_lists(sentence: Sentence) -> list[tuple[int, int]]:
    """Return the spans of lists of places in the marked sentence."""
    has_several = sentence.marked.count(PLACE) > 1
    found = [match.span() for match in _LIST.finditer(sentence.marked)] if has_several else []
    head = _LIST_HEAD.match(sentence.marked)
    return [*found, head.span()] if head else found


def place_entries(sentence: Sentence, name: Name) -> list[GazetteerEntry]:
    """Return the places that a name stands for: the place itself, or the country of a demonym or of a body.

    Includes the regions whose halves are printed before it: "North, West and Central Africa".
    """
    names = load_gazetteer()
    known = (
        names.get("country", entry.key) if entry is not None and entry.kind == "demonym" else entry
        for entry in ((name.home,) if name.of("actor") else name.entries)
    )
    places = [entry for entry in known if entry is not None and entry.kind in PLACES]
    region = name.of("region")
    if region and (match := _COMPASS_POINTS.search(sentence.marked[: name.at])):
        halves = (f"{half} {region.name.split()[-1]}" for half in _COMPASS_POINT.findall(match[0]))
        places += (entry for half in halves if (entry := names.find("region", half)))
    return places


def _within(name: Name, phrase_spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= name.at < end for start, end in phrase_spans)
