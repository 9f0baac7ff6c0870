"""Where the project helps; and the themes that its title names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cybilgraph.findings import Finding
from cybilgraph.mentions.actors import roles
from cybilgraph.mentions.marks import DEMONYM, NAME, PLACE, PLACES
from cybilgraph.mentions.phrases import said, says, spans
from cybilgraph.mentions.sentences import Name, Sentence
from cybilgraph.record import Basis, Named, Record, Scope, Text
from cybilgraph.reference import Entry, Reference
from cybilgraph.rules import finding

#: Sections whose places are those of the project, not those of its results or its links.
_SECTIONS = ("summary", "aim", "description")
#: They tell it where those do not: the context tells of neighbours, an activity of a venue.
_LATER = ("context", "activities")
#: What is at least so sure is taken from them all the same ("participants came from").
_SURE = 0.95
#: Regions whose names say something else in prose ("Australia and New Zealand" are two donors).
_NEVER = {("region", "001"), ("region", "053")}
#: How sure a place is that stands in the title, or alone as an item of a list.
_IN_TITLE, _LISTED, _IN_PURPOSE = 0.95, 0.95, 0.7
#: Sections whose themes are the project's, where its title names none.
_PURPOSE = ("summary", "aim")
#: An item of a list that is places and nothing else: "• Kenya (priority)", or what sorts one: "In Africa:".
_PLACE = rf"(?:the )?{PLACE}(?: \([^)]*\))?"
_ITEM = re.compile(
    rf"[•*–-]? ?(?:{NAME}, )?{_PLACE}(?:(?:,? and|,) {_PLACE})*[;,.]?|In (?:the )?{PLACE}:", re.IGNORECASE
)
#: What is at home in the country that the project works with.
_LANGUAGE = re.compile(r"\bin \Z")

_Found = dict[tuple[str, str], dict[Sentence, tuple[Entry, float]]]


def find_scopes(record: Record, told: list[Sentence], names: Reference) -> Iterator[Scope]:
    """Places and themes that the prose tells, and headings do not.

    A country is added from a sentence only where neither a heading nor the title names one,
    for prose compares, remembers and introduces people; a country that is an item of a list
    is always added, and then those of sentences are not.
    """
    stated = {(link.concept.kind, link.concept.key) for link in record.scopes}
    found = _named_alone(told, names)
    if not any(kind == "theme" for kind, _ in (*stated, *found)):
        _note_themes(found, told)
    _keep_the_narrower(found)
    placed = any(kind == "country" for kind, _ in (*stated, *found))
    for sections in (_SECTIONS, _LATER):
        told_already = sections is _LATER and any(kind in PLACES for kind, _ in (*stated, *found))
        for sentence in told:
            if sentence.section in sections and not _ITEM.fullmatch(sentence.marked):
                for name, confidence in _places(sentence):
                    if told_already and confidence < _SURE:
                        continue
                    _note(found, sentence, name, confidence, names, others_than_country=placed)
    for (kind, key), quotes in found.items():
        if (kind, key) not in stated | _NEVER:
            first, (entry, _) = next(iter(quotes.items()))
            evidence = tuple(sentence.evidence(confidence) for sentence, (_, confidence) in quotes.items())
            yield Scope(Named(kind, key, Text(entry.name, first.text.place)), Basis.DERIVED, evidence)


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


def _note_themes(found: _Found, told: list[Sentence]) -> None:
    for sentence in told:
        if sentence.section in _PURPOSE:
            for entry in sentence.themes:
                found.setdefault((entry.kind, entry.key), {})[sentence] = (entry, _IN_PURPOSE)


def _keep_the_narrower(found: _Found) -> None:
    """Drop a theme of which a topic was found too."""
    themes = [entry for quotes in found.values() for entry, _ in quotes.values() if entry.kind == "theme"]
    for entry in themes:
        found.pop(("theme", entry.row["parent"]), None)


def _note(
    found: _Found,
    sentence: Sentence,
    name: Name,
    confidence: float,
    names: Reference,
    others_than_country: bool = False,
) -> None:
    for entry in _entries(name, names):
        key = (entry.kind, entry.key)
        if key in found or not (others_than_country and entry.kind == "country"):
            found.setdefault(key, {}).setdefault(sentence, (entry, confidence))


def _entries(name: Name, names: Reference) -> Iterator[Entry]:
    """The places that a name is, or the country that it is of, or is at home in."""
    for entry in (name.home,) if name.of("actor") else name.entries:
        if entry is not None and entry.kind == "demonym":
            entry = names.get("country", entry.key)
        if entry is not None and entry.kind in PLACES:
            yield entry


def _in_title(sentence: Sentence, names: Reference) -> Iterator[Entry]:
    elsewhere = [(0, len(sentence.marked))] if says(sentence, "compare") else spans(sentence, "elsewhere")
    for name in sentence.names:
        if any(start <= name.at < end for start, end in elsewhere):
            continue
        if name.mark == DEMONYM and _LANGUAGE.search(sentence.marked[: name.at]):
            continue
        yield from _entries(name, names)


def _places(sentence: Sentence) -> Iterator[tuple[Name, float]]:
    """The names that a sentence says the project is for or in."""
    if not sentence.names or says(sentence, "aside") or says(sentence, "compare"):
        return
    elsewhere = spans(sentence, "elsewhere")
    acting: dict[int, str] = {}
    for phrase, name in roles(sentence):
        acting.setdefault(name.at, phrase.says)
    for phrase, name in said(sentence, "place"):
        if name.at not in acting and not any(start <= name.at < end for start, end in elsewhere):
            yield name, phrase.confidence
    for name in sentence.names:
        if name.home and acting.get(name.at) == "beneficiary":
            yield name, 0.85


def find_other_countries(
    record: Record, told: list[Sentence], scopes: tuple[Scope, ...], names: Reference
) -> Iterator[Finding]:
    """Countries that the aim says the project is for, where the project has others: a text may
    have been copied from another page.
    """
    own = {(link.concept.kind, link.concept.key) for link in scopes}
    if not any(kind == "country" for kind, _ in own):
        return
    for sentence in told:
        if sentence.section == "aim" and sentence.text.place:
            for name, _ in _places(sentence):
                for entry in _entries(name, names):
                    if entry.kind == "country" and own.isdisjoint(_wider(entry, names)):
                        own.add(("country", entry.key))
                        at = sentence.text.place
                        yield finding(
                            "aim-of-another-country",
                            record.source.name,
                            {"name": entry.name},
                            line=at.line,
                            column=at.column,
                            text=sentence.text.text,
                        )


def _wider(country: Entry, names: Reference) -> Iterator[tuple[str, str]]:
    """The country itself, the regions around it, and the groups that it is of."""
    yield "country", country.key
    region = names.get("region", country.row["region"])
    while region:
        yield "region", region.key
        region = names.get("region", region.row["parent"])
    for group in names.entries["group"].values():
        if country.key in group.cell("members"):
            yield "group", group.key
