"""Where the project helps: countries, regions and groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set

from cybilgraph.mentions.actors import roles
from cybilgraph.mentions.marks import ACTOR, BODY, DEMONYM, NAME, PLACE, PLACES
from cybilgraph.mentions.phrases import said, says, spans
from cybilgraph.mentions.sentences import Name, Sentence
from cybilgraph.mentions.themes import note_themes
from cybilgraph.record import Basis, Named, Record, Scope, Text
from cybilgraph.reference import Entry, Reference

#: Sections whose places are those of the project, not those of its results or its links.
_SECTIONS = ("summary", "aim", "description")
#: They tell it where those do not: the context tells of neighbours, an activity of a venue.
_LATER = ("context", "activities")
#: What is at least so sure is taken from them all the same ("participants came from").
_SURE = 0.95
#: Where those name a region or nothing, what lists countries tells which they are. What a country
#: does itself ("Kenya and Ghana adopted") is a result of the project, or in the context its past.
_RESULTS, _PAST = ("outcomes", "outputs", "activities"), "context"
_LISTING = (*_SECTIONS, *_RESULTS, _PAST)
#: A region is so surely told by more than "in"; and of so many countries it is the whole.
_TOLD, _MANY = 0.9, 3
#: Regions whose names say something else in prose ("Australia and New Zealand" are two donors).
_NEVER = {("region", "001"), ("region", "053")}
#: The group of those that give help: beside other countries they are not helped.
_DONORS = "dac"
#: How sure a place is that stands in the title, or alone as an item of a list, or with others.
_IN_TITLE, _LISTED, _ENUMERATED = 0.95, 0.95, 0.85
#: An item of a list that is places and nothing else: "• Kenya (priority)", or what sorts one: "In Africa:".
_PLACE = rf"(?:the )?{PLACE}(?: \([^)]*\))?"
_ITEM = re.compile(
    rf"[•*–-]? ?(?:{NAME}, )?{_PLACE}(?:(?:,? and|,) {_PLACE})*[;,.]?|In (?:the )?{PLACE}:", re.IGNORECASE
)
#: Countries one after the other; not "Kenya, Ghana and ITU", who act.
_ENUMERATION = re.compile(rf"{_PLACE}(?:(?:,? and|,? or|,) {_PLACE})+(?!(?:,? and|,) (?:the )?[{ACTOR}{BODY}{NAME}])")
#: "Kenya: a policy brief".
_HEAD = re.compile(rf"^[•*–-]? ?{_PLACE}(?=:| [–-] )")
#: Places of which a clause says what they do.
_SUBJECT = re.compile(rf"(?:^|(?<![{PLACE})]), ){_PLACE}(?:(?:,? and|,) {_PLACE})*(?= \w)")
#: "West and" before "Central Africa".
_HALF = re.compile(r"\b(?:north|south|east|west|central)(?:ern)?\b")
_HALVES = re.compile(rf"(?:{_HALF.pattern}(?:,? and |, ))+\Z")
#: What is at home in the country that the project works with.
_LANGUAGE = re.compile(r"\bin \Z")

_Found = dict[tuple[str, str], dict[Sentence, tuple[Entry, float]]]


def find_scopes(record: Record, told: list[Sentence], names: Reference) -> Iterator[Scope]:
    """Places and themes that the prose tells, and headings do not.

    A country is added from a sentence only where neither a heading nor the title names one,
    for prose compares, remembers and introduces people; a country that is an item of a list
    is always added, and then those of sentences are not. Where the sentences of the purpose
    name no country either, or one beside a region, those that any section lists are added.
    """
    donors = _donors(names)
    stated = {(link.concept.kind, link.concept.key) for link in record.scopes}
    found = _named_alone(told, names)
    note_themes(found, told, stated)
    placed = _helped((*stated, *found), donors)
    wide = False
    for sections in (_SECTIONS, _LATER):
        if sections is _LATER:
            wide = not placed and _is_wide((*stated, *found), donors)
        told_already = sections is _LATER and any(kind in PLACES for kind, _ in (*stated, *found))
        for sentence in told:
            if sentence.section in sections and not _ITEM.fullmatch(sentence.marked):
                for name, confidence in _places(sentence):
                    if told_already and confidence < _SURE:
                        continue
                    _note(found, sentence, name, confidence, names, placed)
    if wide:
        _note_enumerated(found, told, names, donors)
    if _helped((*stated, *found), donors):
        found = {place: quotes for place, quotes in found.items() if place[0] != "country" or place[1] not in donors}
    for (kind, key), quotes in found.items():
        if (kind, key) not in stated | _NEVER:
            first, (entry, _) = next(iter(quotes.items()))
            evidence = tuple(sentence.evidence(confidence) for sentence, (_, confidence) in quotes.items())
            yield Scope(Named(kind, key, Text(entry.name, first.text.place)), Basis.DERIVED, evidence)


def _donors(names: Reference) -> frozenset[str]:
    group = names.get("group", _DONORS)
    return frozenset(group.cell("members") if group else ())


def _helped(places: Iterable[tuple[str, str]], donors: frozenset[str]) -> set[str]:
    """The countries among these, but for donors."""
    return {key for kind, key in places if kind == "country"} - donors


def _is_wide(places: Iterable[tuple[str, str]], donors: frozenset[str]) -> bool:
    """True where these say no country, or a single one beside a region or group."""
    places = list(places)
    most = 1 if any(kind in ("region", "group") for kind, _ in places) else 0
    return len(_helped(places, donors)) <= most


def _named_alone(told: list[Sentence], names: Reference) -> _Found:
    """What the title names, and the places that are items of a list."""
    found: _Found = {}
    for sentence in told:
        if sentence.section == "title":
            for entry in (*_in_title(sentence, names), *sentence.themes):
                found.setdefault((entry.kind, entry.key), {})[sentence] = (entry, _IN_TITLE)
        elif sentence.section in (*_SECTIONS, *_LATER) and _ITEM.fullmatch(sentence.marked):
            for name in sentence.names:
                if name.mark == PLACE:  # and not the town before it
                    _note(found, sentence, name, _LISTED, names)
    return found


def _note_enumerated(found: _Found, told: list[Sentence], names: Reference, donors: frozenset[str]) -> None:
    """Add the countries of every sentence that names two or more, and those that results and
    activities name one by one; donors apart.
    """
    single: dict[str, tuple[Sentence, Name]] = {}
    for sentence in told:
        if sentence.section not in _LISTING:
            continue
        countries = {
            entry.key: name
            for name in _enumerated(sentence)
            for entry in _entries(name, names)
            if entry.kind == "country" and entry.key not in donors
        }
        if len(countries) > 1:
            for name in countries.values():
                _note(found, sentence, name, _ENUMERATED, names)
        elif sentence.section in _RESULTS:
            single.update((key, (sentence, name)) for key, name in countries.items() if key not in single)
    if len(single) > 1 or not any(kind in PLACES for kind, _ in found):
        for sentence, name in single.values():
            _note(found, sentence, name, _ENUMERATED, names)


def _enumerated(sentence: Sentence) -> Iterator[Name]:
    """The names that a sentence says the project is for or in, or lists."""
    if not sentence.names or says(sentence, "aside") or says(sentence, "compare"):
        return
    sure = {name.at for _, name in said(sentence, "listed")}
    told = {name.at for name, _ in _places(sentence)}
    elsewhere = [*spans(sentence, "elsewhere"), *((name.at, name.at + 1) for _, name in roles(sentence))]
    listed = [match.span() for pattern in (_ENUMERATION, _HEAD) for match in pattern.finditer(sentence.marked)]
    past = [match.span() for match in _SUBJECT.finditer(sentence.marked)] if sentence.section == _PAST else []
    for name in sentence.names:
        likely = name.at in told or (_within(name, listed) and not _within(name, elsewhere))
        if name.at in sure or (likely and not _within(name, past)):
            yield name


def _note(
    found: _Found,
    sentence: Sentence,
    name: Name,
    confidence: float,
    names: Reference,
    placed: Set[str] = frozenset(),
) -> None:
    """Add what a name says of places; where countries are known from elsewhere (``placed``), no
    others, and a region beside one or two only where more than "in" says it.
    """
    for entry in (*_entries(name, names), *_halved(sentence, name, names)):
        key = (entry.kind, entry.key)
        least = 0 if not placed else 1.1 if entry.kind == "country" else _TOLD if len(placed) < _MANY else 0
        if key in found or confidence >= least:
            found.setdefault(key, {}).setdefault(sentence, (entry, confidence))


def _entries(name: Name, names: Reference) -> list[Entry]:
    """The places that a name is, or the country that it is of, or is at home in."""
    entries = (name.home,) if name.of("actor") else name.entries
    known = (
        names.get("country", entry.key) if entry is not None and entry.kind == "demonym" else entry for entry in entries
    )
    return [entry for entry in known if entry is not None and entry.kind in PLACES]


def _halved(sentence: Sentence, name: Name, names: Reference) -> Iterator[Entry]:
    """The regions of which a half stands before this one: "North, West and Central Africa"."""
    region = name.of("region")
    if region and (match := _HALVES.search(sentence.marked[: name.at])):
        for half in _HALF.findall(match[0]):
            if entry := names.find("region", f"{half} {region.name.split()[-1]}"):
                yield entry


def _in_title(sentence: Sentence, names: Reference) -> Iterator[Entry]:
    """The places that a title names: but for those elsewhere, where it has others."""
    if says(sentence, "compare"):
        return
    elsewhere = spans(sentence, "elsewhere")
    here = [name for name in sentence.names if not _within(name, elsewhere)]
    if not any(_entries(name, names) for name in here):
        here = list(sentence.names)
    for name in here:
        if not (name.mark == DEMONYM and _LANGUAGE.search(sentence.marked[: name.at])):
            yield from (*_entries(name, names), *_halved(sentence, name, names))


def _places(sentence: Sentence) -> Iterator[tuple[Name, float]]:
    """The names that a sentence says the project is for or in."""
    if not sentence.names or says(sentence, "aside") or says(sentence, "compare"):
        return
    elsewhere = spans(sentence, "elsewhere")
    acting: dict[int, str] = {}
    for phrase, name in roles(sentence):
        acting.setdefault(name.at, phrase.says)
    for phrase, name in said(sentence, "place"):
        if name.at not in acting and not _within(name, elsewhere):
            yield name, phrase.confidence
    for name in sentence.names:
        if name.home and acting.get(name.at) == "beneficiary":
            yield name, 0.85


def _within(name: Name, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= name.at < end for start, end in spans)
