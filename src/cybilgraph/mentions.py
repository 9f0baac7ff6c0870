"""Finds the actors, roles, countries and themes that a record tells of only in prose.

Real pages often print "Funders" with nothing under it, and say who paid in a sentence. What
is found here is *derived*: it carries the sentence that it was found in, so that a curator
can confirm it. What the page states under its headings is never changed or doubled.

How it works: known names are found in a sentence and replaced by one mark each, ◆ for an
actor and ◇ for a place; short patterns over the marked sentence ("funded by ◆ and ◆") then
say what part they play. Hence a pattern never has to know a name, nor a name a pattern. The
patterns stand in data/reference/phrases.csv, each with an example that a test holds it to.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from cybilgraph.record import Basis, Evidence, Named, Participation, Place, Record, Scope, Text
from cybilgraph.reference import Entry, Mention, Reference, reference
from cybilgraph.resources import REFERENCE

ACTOR, PLACE = "◆", "◇"
_UNMARKED = str.maketrans({ACTOR: "*", PLACE: "*"})  # a text that has the marks itself
UNSPECIFIED = "unspecified"
#: The most telling first: a record takes the first that is said of an actor, and both of the
#: first two if both are said.
_TELLING = ("funder", "implementer", "partner", UNSPECIFIED)
_PLACES = ("country", "region", "group")
#: Sections whose places are those of the project, not those of its results or its links.
_PLACE_SECTIONS = ("summary", "aim", "description", "context", "activities")
#: Regions whose names say something else in prose ("Australia and New Zealand" are two donors).
_NEVER = {("region", "001"), ("region", "053")}
_SENTENCE = re.compile(
    r"[^.!?]+(?:(?:(?<=\bSt)\.|(?<=\b(?:Dr|Mr|Ms|No))\.|[.!?](?!\s+[A-Z“\"]|\s*$))[^.!?]*)*[.!?]*[”\"’)]*"
)
#: No sentence is longer; a text without full stops is cut, so that no pattern runs for long.
_LONGEST = 1500

# A country that stands where an actor is expected acts by its government.
_ONE_ACTOR = (
    rf"(?:the |its |their )?(?:(?:partner|donor) )?(?:government of (?:the )?)?"
    rf"[{ACTOR}{PLACE}](?:['’]s? government)?(?: \([^)]{{0,80}}\))?"
)
_ONE_BODY = rf"(?:the |its )?{ACTOR}(?: \([^)]{{0,80}}\))?"
_ONE_PLACE = rf"(?:the )?{PLACE}"
_AND = r"(?:, (?:and |as well as )?| and | & | as well as |,? together with | jointly with )"
#: What stands between braces in a phrase.
_PARTS = {
    "actors": rf"(?P<found>{_ONE_ACTOR}(?:{_AND}{_ONE_ACTOR})*)",
    "bodies": rf"(?P<found>{_ONE_BODY}(?:{_AND}{_ONE_BODY})*)",
    "more": rf"(?P<more>{_ONE_ACTOR}(?:{_AND}{_ONE_ACTOR})*)",
    "places": rf"{_ONE_PLACE}(?:(?:, (?:and )?| and | & ){_ONE_PLACE})*",
    "adverb": r"(?:\w+ly |also |both )?",
}
#: An item of a list that is a place and nothing else: "• Kenya (priority)".
_LISTED = re.compile(rf"[•*–-]? ?{_ONE_PLACE}(?: \([^)]*\))?[;,.]?", re.IGNORECASE)


@cache
def phrases() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What a phrase says (a role, "place", "elsewhere" or "aside"), and its pattern, in the order of the file."""
    with (REFERENCE / "phrases.csv").open(encoding="utf-8", newline="") as file:
        return tuple((row["says"], _compile(row["phrase"])) for row in csv.DictReader(file))


def _compile(phrase: str) -> re.Pattern[str]:
    for name, pattern in _PARTS.items():
        phrase = phrase.replace(f"{{{name}}}", pattern)
    return re.compile(phrase, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence, its names marked: ``mentions[i]`` is the mark at ``marks[i]`` of ``marked``."""

    section: str
    text: str
    place: Place | None
    marked: str
    mentions: tuple[Mention, ...]
    marks: tuple[int, ...]

    def evidence(self) -> Evidence:
        """The sentence as evidence."""
        return Evidence(self.section, self.text, self.place)

    @property
    def listed(self) -> bool:
        """True for an item of a list that is a place and nothing else."""
        return bool(_LISTED.fullmatch(self.marked))

    def within(self, start: int, end: int) -> Iterator[Mention]:
        """The mentions whose mark lies in this part of the marked sentence."""
        for mention, at in zip(self.mentions, self.marks, strict=True):
            if start <= at < end:
                yield mention

    def somewhere(self) -> Iterator[Mention]:
        """The mentions but those that a phrase puts elsewhere ("experts from ◇")."""
        elsewhere = list(self.spans("elsewhere"))
        for mention, at in zip(self.mentions, self.marks, strict=True):
            if not any(start <= at < end for start, end in elsewhere):
                yield mention

    def spans(self, says: str) -> Iterator[tuple[int, int]]:
        """Where phrases say this."""
        for what, pattern in phrases():
            if what == says:
                yield from (match.span() for match in pattern.finditer(self.marked))


def derive(record: Record, names: Reference | None = None) -> Record:
    """The record with what its prose says added: participations and scopes, each derived.

    A country is added from a sentence only where neither a heading nor the title names one,
    for prose compares, remembers and introduces people; a country that is an item of a list
    is always added, and then those of sentences are not.
    """
    names = names or reference()
    sentences = list(_sentences(record, names))
    placed = replace(record, scopes=record.scopes + tuple(_scopes(record, sentences)))
    return replace(placed, participations=record.participations + tuple(_participations(placed, sentences, names)))


def _participations(record: Record, sentences: Iterable[_Sentence], names: Reference) -> Iterator[Participation]:
    stated = {link.actor.key for link in record.participations}
    helped = {link.concept.key for link in record.scopes if link.concept.kind == "country"}
    found: dict[str, dict[str, dict[_Sentence, Entry]]] = {}
    for sentence in sentences:
        for role, mention in _roles(sentence):
            if (actor := _acting(mention, role, helped, names)) and actor.key not in stated:
                found.setdefault(actor.key, {}).setdefault(role, {})[sentence] = actor
    for key, roles in found.items():
        best = min(roles, key=_TELLING.index)
        for role in sorted({best, *(roles.keys() & {"funder", "implementer"})}):
            said = roles[role]
            first, actor = next(iter(said.items()))
            known = names.get("actor", key) is not None
            named = Named("actor", key, Text(actor.name, first.place), known)
            yield Participation(named, role, Basis.DERIVED, tuple(sentence.evidence() for sentence in said))


def _roles(sentence: _Sentence) -> Iterator[tuple[str, Mention]]:
    """Roles that phrases give to mentions. A phrase inside another ("provided by" in "funding
    was provided by") says nothing of its own: the stronger stand first in the file.
    """
    if ACTOR not in sentence.marked and PLACE not in sentence.marked:
        return
    if any(sentence.spans("aside")):  # it tells of what is not, or of another project
        return
    taken: list[tuple[int, int]] = []
    for role, pattern in phrases():
        if role in _TELLING:
            for match in pattern.finditer(sentence.marked):
                start, end = match.span()
                if not any(low <= start and end <= high for low, high in taken):
                    taken.append((start, end))
                    for group in pattern.groupindex:
                        yield from ((role, mention) for mention in sentence.within(*match.span(group)))


def _acting(mention: Mention, role: str, helped: set[str], names: Reference) -> Entry | None:
    """The actor that is named, or the government of the country that is: a country that the
    project helps pays or delivers at most, and is not its own supporter.
    """
    if actor := mention.of("actor"):
        return actor
    country = mention.of("country")
    if country is None or (country.key in helped and role not in ("funder", "implementer")):
        return None
    return names.government(country)


def _scopes(record: Record, sentences: list[_Sentence]) -> Iterator[Scope]:
    stated = {(link.concept.kind, link.concept.key) for link in record.scopes}
    found: dict[tuple[str, str], dict[_Sentence, Entry]] = {}

    def note(entry: Entry, sentence: _Sentence) -> None:
        found.setdefault((entry.kind, entry.key), {})[sentence] = entry

    told = [sentence for sentence in sentences if sentence.section in _PLACE_SECTIONS]
    for sentence in sentences:
        if sentence.section == "title":
            for mention in sentence.somewhere():
                for entry in mention.entries:
                    if entry.kind in (*_PLACES, "theme"):
                        note(entry, sentence)
    for sentence in told:
        if sentence.listed:
            for entry in _places(sentence):
                note(entry, sentence)
    placed = any(kind == "country" for kind, _ in (*stated, *found))
    for sentence in told:
        for entry in () if sentence.listed else _places(sentence):
            if (entry.kind, entry.key) in found or not (placed and entry.kind == "country"):
                note(entry, sentence)
    for (kind, key), said in found.items():
        if (kind, key) not in stated | _NEVER:
            first, entry = next(iter(said.items()))
            named = Named(kind, key, Text(entry.name, first.place))
            yield Scope(named, Basis.DERIVED, tuple(sentence.evidence() for sentence in said))


def _places(sentence: _Sentence) -> Iterator[Entry]:
    """The places that a sentence says the project is for or in."""
    if PLACE not in sentence.marked or sentence.marked.endswith(f"{PLACE}:"):  # "In Africa:" sorts a list
        return
    spans, mentions = [(0, len(sentence.marked))], list(zip(sentence.mentions, sentence.marks, strict=True))
    if not sentence.listed:
        if any(sentence.spans("aside")):
            return
        spans = list(sentence.spans("place"))
        acting = {mention.start for role, mention in _roles(sentence) if role != UNSPECIFIED}
        somewhere = {mention.start for mention in sentence.somewhere()} - acting
        mentions = [(mention, at) for mention, at in mentions if mention.start in somewhere]
    for start, end in spans:
        for mention, at in mentions:
            if start <= at < end and not mention.of("actor"):
                yield from (entry for kind in _PLACES if (entry := mention.of(kind)))


def _sentences(record: Record, names: Reference) -> Iterator[_Sentence]:
    title = [("title", record.title)] if record.title else []
    for section, paragraph in (*title, *record.narrative()):
        for start, text in _split(paragraph.text):
            yield _mark(section, text, paragraph.at(start), names)


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Sentences with their offsets, none longer than the longest."""
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        while start < end:
            stop = end if end - start <= _LONGEST else text.rfind(" ", start, start + _LONGEST) + 1 or start + _LONGEST
            piece = text[start:stop]
            if piece.strip():
                yield start + len(piece) - len(piece.lstrip()), piece.strip()
            start = stop


def _mark(section: str, text: str, place: Place | None, names: Reference) -> _Sentence:
    """Replace each name by one character, remembering which. Themes are read from titles, and
    need no mark.
    """
    mentions: list[Mention] = []
    marks: list[int] = []
    pieces: list[str] = []
    length = last = 0
    text = text.translate(_UNMARKED)
    for mention in names.mentions(text):
        mark = ACTOR if mention.of("actor") else PLACE if any(map(mention.of, _PLACES)) else ""
        mentions.append(mention)
        if not mark:
            marks.append(-1)
            continue
        before = text[last : mention.start]
        pieces += before, mark
        marks.append(length := length + len(before))
        length += 1
        last = mention.end
    pieces.append(text[last:])
    return _Sentence(section, text, place, "".join(pieces), tuple(mentions), tuple(marks))
