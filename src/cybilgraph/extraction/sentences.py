"""Split paragraphs into sentences and replace names by marks, so that phrases need not know any name.

◆ is an actor of the reference data, ◈ an unlisted organisation, ◎ another capitalised name, ◇ a country,
region or group, ◬ a demonym ("Kenyan"), ◫ a project. "The Ministry of Health of Fiji" is one mark with Fiji
as its home country; so are "Fiji's Ministry of Health" and "the Fijian Ministry of Health".
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import Any

from ahocorasick_rs import AhoCorasick

from cybilgraph.extraction.name_spans import ACTOR, BODY, DEMONYM, MARKS, NAME, PLACE, PROJECT, Span, country_key
from cybilgraph.extraction.organisation_names import (
    FIRST_ACTS,
    add_misspelt_countries,
    add_unlisted_names,
    find_non_organisations,
)
from cybilgraph.extraction.persons import find_persons
from cybilgraph.model.gazetteer import PLACES, GazetteerEntry, Mention, fold_in_place, load_gazetteer, slug
from cybilgraph.model.organisations import is_organisation_name, is_public_authority
from cybilgraph.model.record import Contact, Evidence, Record, Text
from cybilgraph.model.resources import read_reference
from cybilgraph.model.state_bodies import (
    find_abbreviated_country,
    find_actor,
    is_of_other_state,
    is_state_body,
    parse_actor_name,
)
from cybilgraph.model.values import value

_MARKED = re.compile(rf"[{MARKS}]")
_PLACES = frozenset(PLACES)
#: The project itself is usually described in its first sentences.
FIRST_SENTENCE_COUNT = 3
_SENTENCE = re.compile(
    r"[^.!?;]+(?:(?:(?<=\bSt)\.|(?<=\b(?:Dr|Mr|Ms|No|vs))\.|(?<=\bMrs)\.|(?<=\bProf)\.|(?<=\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec))\.|(?<=\bSept)\.|(?<=\b[A-Z]\.[A-Z])\.|[.!?](?!\s+[A-Z0-9“\"(]|\s*$)|;(?!\s))[^.!?;]*)*"
    r"[.!?;]*[”\"’)]*"
)
#: The maximum length of a sentence. Longer text is split, to bound the time of patterns.
_MAX_SENTENCE_CHARACTERS = 1500
#: An address is recognised by this many characters before and after a name in it: a text may have no spaces at all.
_ADDRESS_CHARACTERS = 300
#: "the Information Authority (IA)": from here on, IA is the Authority.
_INTRODUCED_ABBREVIATION = re.compile(r" \((?:the )?[“\"]?([A-Z][\w./&-]{1,15})[”\"]?\)")
_GOVERNMENT_OF_BEFORE = re.compile(r"\bGovernment of (?:the )?(?:[A-Z]\w+ of )?\Z")
#: Characters that join a name to the rest of an address; and a pattern for addresses.
_JOINERS = frozenset("./-@:_")
_ADDRESS = re.compile(r"://|@|\bwww\.|[\w-]\.[a-z]{2,}(?:[/?#,;:)]|\.?(?!\S))")
_PROJECT_CUE = re.compile(r"G[0-9I]|“|\"|‘")
#: "CERT Tonga": the team of the country that follows.
_TEAM = re.compile(r"\b(?:[A-Za-z]{0,8}(?:CERT|CSIRT|CIRT)(?:-| )|CERT\.)\Z")
#: A project by code, or by quoted title if the text says that it is a project.
_PROJECTS = re.compile(
    r"(?:(?:GFCE|Cybil) )?(?:(?:project )?code |project )?\b(?P<code>G(?:\d{4}|I-\d{2,3}))\b"
    r"|(?:project|programme|program|initiative|action|phase)s?,? (?:called |named |titled |entitled )?"
    r"[“\"‘](?P<title>[^“”\"‘’]{8,150})[”\"’]"
    r"|(?:part of|follow-?up (?:to|of|on)|continuation of|phase of|(?:builds?|built|building) (?:up)?on|follows"
    r"|followed|continues|successor (?:to|of)|succeeds|preceded by|sequel to|extension of|see also|related to)"
    r" (?:the |an? |its )?(?:[\w’'-]+ ){0,4}[“\"‘](?P<cued>[^“”\"‘’]{8,150})[”\"’]"
    r"|[“\"](?P<named>[^“”\"]{8,150})[”\"] (?=(?:project|programme|program|initiative|action)\b)",
    re.IGNORECASE,
)
#: Quoted titles that are not projects: "see also “Guide to Norms”".
_WORK = re.compile(
    r"\b(?:report|guide|guidelines|handbook|manual|toolkit|study|paper|article|law|act|bill|convention|decree)\b", re.I
)
_BRACKET = r"(?: \([^)]{0,60}\))?"
#: "With funding from A, B and C trained …": the comma ends the phrase before the subject.
_FRONTED_PHRASE = re.compile(
    rf"(?P<front>(?:thanks to|with|using|through|under|in (?:close )?(?:partnership|cooperation|collaboration) with"
    rf"|(?:jointly )?\w+ed by|on behalf of|together with)\b[^.;]{{0,120}}?[{MARKS}]{_BRACKET}),"
    rf"(?= (?:the )?[{ACTOR}{BODY}]{_BRACKET}(?:, (?:the )?[{ACTOR}{BODY}]{_BRACKET}){{0,6}}"
    rf"(?:,? and (?:the )?[{ACTOR}{BODY}]{_BRACKET})?"
    r" (?:has|have|had|will|is|are|was|were|\w+ed|\w+ght|led|ran|runs|gave|built|wrote|held|made|\w+s)\b)"
)
#: "A, in partnership with B and C, has trained …": the remark between a name and its verb is put in square
#: brackets, which keeps its length.
_INTERPOSED = re.compile(
    rf"(?<=[{MARKS})]), (?P<between>(?:in (?:\w+ )?(?:partnership|cooperation|co-operation|collaboration|conjunction"
    r"|association|coordination|consultation|line|agreement) with|working with"
    r"|supported by|backed by|assisted by|funded by|financed by|represented by|on behalf of"
    r"|with (?:the )?(?:\w+ ){0,2}(?:support|help|assistance|backing|funding|approval|consent) (?:of|from))\b"
    r"[^.;]{1,220}?),(?= (?:and |also |\w+ly )?(?:has|have|had|will|is|are|was|were|\w+ed|\w+ght|led|leads|ran|runs"
    r"|gave|gives|built|wrote|held|holds|made|set|\w+[^su]s)\b)"
)
#: "A yesterday handed over": the time is put in square brackets, too.
_TIME_REMARK = re.compile(
    rf"(?<=[{MARKS})]),? (?:(?:late |early |earlier )?on (?:mon|tues|wednes|thurs|fri|satur|sun)day|yesterday|today"
    r"|(?:earlier )?(?:this|last) week),?(?= (?:\w+ly )?\w+(?:s|ed|ght|ve|ld|an|un)\b)"
)
#: A sentence with no capital after its first letter and without quotation marks, which names nothing.
_NAMELESS = re.compile(rf"\W*\w(?:[^A-ZÀ-ÖØ-Þ“\"‘{MARKS}]*+)\Z")
_FIRST_WORD = re.compile(r"\W*[\w’'-]+")
_BETWEEN_OF = re.compile(r" (?:of|at|in|within) (?:the )?")
_OF = re.compile(r"(?: \([^)]{1,30}\))? of (?:the )?")
#: Text between a person and an organisation, "Tom Baker of the ITU", or a city and its body, "Mexico City's
#: UNAM".
_OF_PERSON = re.compile(r",? (?:of|from|at|with) (?:the )?|['’]s ")
#: Text after a name that is not the place: "US$ 5 million" (but "cost Kenya $5 million"), "Indian Ocean",
#: "Guinea pig", "Niger Delta", "Portuguese-speaking".
_NOT_A_PLACE_AFTER = re.compile(
    r"[$€£]|(?<=[A-Z.]) [$€£]| [Dd]ollars?\b| (?:Ocean|Delta|River|Basin|Valley|[Pp]igs?|[Ff]owls?)\b|[- ][Ss]peaking\b"
)
#: Text before a name that is not a country: "Air Jordan" is a firm, "the US state of Georgia" a state.
_NOT_A_PLACE_BEFORE = ("Air ", "US state of ", "U.S. state of ", "American state of ")
#: "Mexico City's UNAM" does not belong to the government.
_CITY = r"[A-Z][\w-]+ City(?=['’]s [A-Z])"
#: A possible family name after a country that is also a given name: "Chad Smith", but not "Jordan Customs".
_FAMILY_NAME = re.compile(r" ([A-Z][a-z]+)\b(?! [A-Z])")
#: "The OSCE Mission to Moldova" is one name, and so is "the British High Commission in Nairobi".
_MISSION_BEFORE = {
    PLACE: re.compile(r".{1,60} (?:Mission|Delegation|Embassy|High Commission) (?:to|in) (?:the )?"),
    NAME: re.compile(r".{1,60} (?:Embassy|High Commission) in "),
}
#: "(ITU)", "(UN-ESCWA)".
_BRACKET_ENDS = re.compile(r"(?:-[A-Z]{2,8})?\)")
_OWNED = re.compile(r"(?: \([^)]{1,30}\))?['’]s? ")
#: "Spain's INCIBE" is one name; "Spain's Barcelona" is not.
_SHORT_NAME = re.compile(r"[A-Z][A-Z-]{2,}")
#: "The Ministry of Justice in Fiji" has Fiji as its home country.
_IN = re.compile(r"(?: \([^)]{1,30}\))? in (?:the )?")
_AND_ONLY = re.compile(r" and (?:the )?")
#: "UNDP Kenya", "the United Nations Development Programme (UNDP) Kenya".
_OFFICE_BETWEEN = re.compile(r"(?: \([^)]{1,30}\))? ")
#: Text after "UNDP Kenya", which is UNDP; but not after "EU Georgia" in "EU Georgia policy".
_OFFICE_AFTER = re.compile(r"[.,;:)]|\Z| (?:and|will|is|was|has|\w+ed|\w+s)\b")

#: Common words of Spanish and French prose, of which nothing is extracted: no labelled text is in these languages.
_SPANISH_OR_FRENCH = re.compile(
    r"\b(?:al|aux?|avec|con|dans|del?|des|du|el|en|est|et|las?|les?|los|par|para|por|pour|que|se|sur?|une?|una|y)\b"
)
_ENGLISH = re.compile("an|and|are|at|by|for|from|has|have|in|is|its?|of|on|that|the|their|this|to|was|were|with")
_WORD = re.compile(r"[^\W\d_]+")


@value(frozen=True, slots=True)
class Name:
    """A name in a sentence: its mark, the offset of the mark in the marked sentence, its entries and home
    country.

    ``printed_spelling`` is set if the name is misspelt or ambiguous.
    """

    mark: str
    at: int
    entries: tuple[GazetteerEntry, ...]
    home: GazetteerEntry | None = None
    printed_spelling: str = ""

    def of(self, kind: str) -> GazetteerEntry | None:
        """Return the entry of this kind, or None."""
        for entry in self.entries:
            if entry.kind == kind:
                return entry
        return None

    @property
    def home_country(self) -> str:
        """The key of the home country, or an empty string."""
        return country_key(self.home)


@dataclass(slots=True, eq=False)
class Sentence:
    """A sentence of a section, also with its names marked, in lower case and with plain quotation marks.

    ``matches``, ``claims`` and ``roles`` cache the phrases in the sentence, their claims, and the roles that
    they give to names.
    """

    section: str
    text: Text
    marked: str
    names: tuple[Name, ...]
    themes: tuple[GazetteerEntry, ...]
    matches: Any = None
    claims: frozenset[str] | None = None
    roles: Any = None

    def evidence(self, confidence: float) -> Evidence:
        """Return the sentence as evidence."""
        return Evidence(self.section, self.text.text, self.text.place, confidence)

    def within(self, start: int, end: int) -> Iterator[Name]:
        """Return the names with a mark in this part of the marked sentence."""
        return (name for name in self.names if start <= name.at < end)


def split_sentences(record: Record) -> Iterator[Sentence]:
    """Yield the sentences of a record: its title, then its narrative sections."""
    title = [("title", record.title)] if record.title else []
    short: dict[str, Span | None] = {}
    for section, paragraph in (*title, *record.narrative()):
        found = load_gazetteer().find_mentions(paragraph.text)
        known = [mention for mention in found if not _in_address(paragraph.text, mention)]
        starts = [mention.start for mention in known]
        for start, end in _split_text(paragraph.text):
            here = known[bisect_left(starts, start) : bisect_left(starts, end)]
            part = paragraph.part(start, end)
            is_nameless = not here and _has_no_names(part.text)  # most sentences; skip the rest of the work
            if is_nameless or (section != "title" and is_spanish_or_french(part.text)):
                yield Sentence(section, part, "", (), ())
            else:
                yield _mark_names(section, part, start, here, short, record.contacts)


def is_spanish_or_french(sentence: str) -> bool:
    """Return whether a sentence has more common words of Spanish and French than of English.

    Those within names do not count, because all words around them are in capitals: "Universidad de la República".
    """
    if not _SPANISH_OR_FRENCH.search(sentence):
        return False
    words = _WORD.findall(sentence)
    common = [_SPANISH_OR_FRENCH.fullmatch(word) is not None for word in words]
    count = sum(
        is_common
        and any(
            words[other].islower() and not common[other]
            for other in (number - 1, number + 1)
            if 0 <= other < len(words)
        )
        for number, is_common in enumerate(common)
    )
    return count > sum(_ENGLISH.fullmatch(word) is not None for word in words)


def _in_address(text: str, mention: Mention) -> bool:
    """Return whether a name is part of a web or e-mail address."""
    if _JOINERS.isdisjoint((text[mention.start - 1 : mention.start], text[mention.end : mention.end + 1])):
        return False
    first, last = max(mention.start - _ADDRESS_CHARACTERS, 0), mention.end + _ADDRESS_CHARACTERS
    start = text.rfind(" ", first, mention.start) + 1
    end = text.find(" ", mention.end, last)
    return _ADDRESS.search(text, start or first, end if end >= 0 else min(last, len(text))) is not None


def _has_no_names(text: str) -> bool:
    first = _FIRST_WORD.match(text) if _NAMELESS.match(text) else None
    return first is not None and not FIRST_ACTS.match(text, first.end())


def _split_text(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of sentences, which semicolons also divide."""
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        while start < end:
            stop = (
                end
                if end - start <= _MAX_SENTENCE_CHARACTERS
                else text.rfind(" ", start, start + _MAX_SENTENCE_CHARACTERS) + 1 or start + _MAX_SENTENCE_CHARACTERS
            )
            piece = text[start:stop]
            if piece.strip():
                yield start + len(piece) - len(piece.lstrip()), stop
            start = stop


def _mark_names(
    section: str,
    text: Text,
    offset: int,
    known: list[Mention],
    short: dict[str, Span | None],
    contacts: tuple[Contact, ...],
) -> Sentence:
    """Return the sentence with marked names.

    ``short`` holds the abbreviations that the record has introduced so far; names that are not organisations
    map to None.
    """
    words = text.text if text.text.isascii() else _MARKED.sub("*", text.text)  # the text itself contains marks
    for name in find_non_organisations(words):
        short.setdefault(name, None)
    elsewhere = [match.span() for match in _find_namesakes_elsewhere(words)]
    spans = [
        Span(low, high, mark, mention.entries, printed_spelling=_ambiguous_spelling(words[low:high], mention))
        for mention in known
        if (low := mention.start - offset) >= 0
        and (high := mention.end - offset) <= len(words)
        and (mark := _mark_of(mention))
        and not (mark == ACTOR and _has_other_expansion(words, low, high, mention))
        and not (mark in (PLACE, DEMONYM) and _NOT_A_PLACE_AFTER.match(words, high))
        and not (mark == PLACE and words.endswith(_NOT_A_PLACE_BEFORE, 0, low))
        and not (mark == PLACE and any(first <= low < last for first, last in elsewhere))
        and not (mark == PLACE and section != "title" and _is_given_name(words, high, mention))
    ]
    themes = tuple(
        entry for mention in known if 0 <= mention.start - offset < len(words) and (entry := mention.of("theme"))
    )
    if section == "title":  # any word may be capitalised
        spans = add_misspelt_countries(words, spans)
    else:
        towns = [Span(low, high, NAME, ()) for low, high in elsewhere]
        spans = _add_unlisted_and_found(words, spans, short, [*find_persons(words, spans, contacts), *towns])
    spans = _join_names(words, spans)
    for span in spans:
        _add_state(words, span)
    for span in spans:
        if (bracket := _INTRODUCED_ABBREVIATION.match(words, span.end)) and _introduces_abbreviation(words, span):
            short[bracket[1]] = span
    spans = _add_projects(words, spans)
    pieces: list[str] = []
    marked: list[Name] = []
    length = last = 0
    for span in spans:
        before = words[last : span.start]
        pieces += before, span.mark
        length += len(before)
        marked.append(Name(span.mark, length, span.entries, span.home, span.printed_spelling))
        length += 1
        last = span.end
    pieces.append(words[last:])
    marked_text = fold_in_place("".join(pieces))
    if ", " in marked_text:
        if front := _FRONTED_PHRASE.match(marked_text):
            marked_text = f"{front['front']};{marked_text[front.end() :]}"
        marked_text = _INTERPOSED.sub(_bracket, marked_text)
    if "day " in marked_text or " week " in marked_text:
        marked_text = _TIME_REMARK.sub(lambda match: f" [{match[0][2:-1]}]", marked_text)
    return Sentence(section, text, marked_text, tuple(marked), themes)


def _add_state(words: str, span: Span) -> None:
    """Replace the entry of a body of a state if the words around it name its state."""
    if span.mark == BODY:
        parsed = parse_actor_name(name := span.entries[0].name)
        bracket = None if span.home else _INTRODUCED_ABBREVIATION.match(words, span.end)
        if bracket and is_state_body(name, owned=True):
            span.home = find_abbreviated_country(bracket[1], name)
        if span.home and span.home.is_part and not parsed.qualifier and is_state_body(name, owned=True):
            name = f"{name} ({span.home.name})"
        actor = find_actor(name, country_key(span.home))
    elif span.mark == ACTOR and span.home and span.entries[0].row.get("country") not in ("", span.home.key):
        parsed = parse_actor_name(words[span.start : span.end])
        listed = load_gazetteer().find("actor", parsed.bare)
        if not is_of_other_state(parsed, span.entries[0]) or listed != span.entries[0]:
            return
        actor = find_actor(words[span.start : span.end])
    else:
        return
    if actor.key != span.entries[0].key:
        span.mark, span.entries = ACTOR if actor.row else BODY, (actor,)


def _introduces_abbreviation(words: str, span: Span) -> bool:
    """Return whether brackets after a name introduce its abbreviation: "the Royal Government of Bhutan (RGoB)"."""
    return span.mark in (ACTOR, BODY) or (
        span.mark == PLACE and _GOVERNMENT_OF_BEFORE.search(words, 0, span.start) is not None
    )


def _bracket(match: re.Match[str]) -> str:
    """Replace the commas around a remark by square brackets, keeping the length."""
    return f" [{match['between']}]"


def _find_namesakes_elsewhere(words: str) -> Iterator[re.Match[str]]:
    """Find names that contain a country's name but are elsewhere."""
    literals, pattern = _load_elsewhere_names()
    return pattern.finditer(words) if literals.find_matches_as_indexes(words) else iter(())


@cache
def _load_elsewhere_names() -> tuple[AhoCorasick, re.Pattern[str]]:
    """Load these names as a prefilter and a pattern; the prefilter takes a tenth of the time."""
    names = [row["name"] for row in read_reference("elsewhere.csv")]
    return AhoCorasick([*names, " City"]), re.compile(rf"\b(?:{'|'.join(map(re.escape, names))}|{_CITY})\b")


def _add_unlisted_and_found(
    words: str, known: list[Span], short: dict[str, Span | None], found: list[Span]
) -> list[Span]:
    """Add the ``found`` spans (persons and places elsewhere) and the unlisted names outside them."""
    for one in found:
        words = words[: one.start] + "x" * (one.end - one.start) + words[one.end :]
        known = [span for span in known if span.end <= one.start or one.end <= span.start]
    spans = add_unlisted_names(words, known, short)
    return sorted([*spans, *found], key=lambda span: span.start) if found else spans


def _is_given_name(words: str, end: int, mention: Mention) -> bool:
    """Return whether a country's name is somebody's given name."""
    family = _FAMILY_NAME.match(words, end) if mention.entries[0].cell("given_name") else None
    return family is not None and not is_organisation_name(family[1])


def _ambiguous_spelling(printed: str, mention: Mention) -> str:
    """Return the printed country name if it may mean another country, otherwise an empty string."""
    return printed if mention.of("country") and load_gazetteer().find_namesake(printed) else ""


def _mark_of(mention: Mention) -> str:
    kinds = [entry.kind for entry in mention.entries]
    if "actor" in kinds:
        return ACTOR
    if "demonym" in kinds:
        return DEMONYM
    return "" if _PLACES.isdisjoint(kinds) else PLACE


def _join_names(words: str, spans: Iterable[Span]) -> list[Span]:
    """Join names that belong together: "the CERT of Fiji", "Fiji's CERT", "the Fijian CERT".

    "The Centre of the University" becomes the Centre, and "the Centre (CfC)" the name before the bracket.
    """
    joined: list[Span] = []
    spans = list(spans)
    for span, following in zip_longest(spans, spans[1:]):
        last = joined[-1] if joined else None
        between = words[last.end : span.start] if last else ""
        acts = span.mark in (ACTOR, BODY)
        named = acts or (span.mark == NAME and _SHORT_NAME.fullmatch(words, span.start, span.end))
        free = max(last.end if last else 0, span.start - 15)
        if span.mark == PLACE and (team := _TEAM.search(words, free, span.start)):
            name = words[team.start() : span.end]
            joined.append(Span(team.start(), span.end, BODY, (find_actor(name),), _country(span)))
        elif last is None:
            joined.append(span)
        elif not last.entries and named and (end := _end_of_person(words, last, span)):
            joined[-1] = Span(last.start, end, span.mark, span.entries, span.home, span.printed_spelling)
        elif last.mark in (ACTOR, BODY) and between == " (" and _BRACKET_ENDS.match(words, span.end):
            # "the Ministry of Justice (Kenya)"
            last.home = last.home or (_country(span) if last.mark == BODY else None)
        elif last.mark == NAME and acts and between in (" (", " (the ") and words[span.end : span.end + 1] == ")":
            last.mark, last.home = span.mark, span.home
            short = _SHORT_NAME.fullmatch(words, last.start, last.end)  # "CSEC (Cyber Security Excellence Centre)"
            last.entries = span.entries if span.mark == ACTOR or short else last.entries
        elif last.mark == BODY and span.mark == NAME and between == " ":
            last.entries, last.end = (find_actor(words[last.start : span.end]),), span.end
        elif last.mark in (ACTOR, BODY) and acts and _OWNED.fullmatch(between):
            joined[-1] = _join_part(last, span)
        elif last.mark in (ACTOR, BODY) and acts and _BETWEEN_OF.fullmatch(between) and words[span.end :][:1] != "-":
            last.end = span.end
        elif (
            last.mark == BODY
            and (sent := _MISSION_BEFORE.get(span.mark))
            and sent.fullmatch(words, last.start, span.start)
        ):
            last.entries, last.end = (find_actor(words[last.start : span.end]),), span.end
            last.home = _country(span) or last.home
        elif last.mark in (ACTOR, BODY) and span.mark == PLACE and _is_home(words, last, span):
            last.home, last.end = last.home or _country(span), span.end
        elif last.mark == BODY and span.mark == PLACE and between == ", " and _ends_name(words, last, span, following):
            name = words[last.start : span.end]
            last.entries = (find_actor(name),)
            last.home, last.end = _country(span), span.end
        elif last.mark in (PLACE, DEMONYM) and named and (_OWNED.fullmatch(between) or between == " "):
            joined[-1] = _join_owner(last, span)
        elif (
            last.mark == BODY
            and span.mark == PLACE
            and _IN.fullmatch(between)
            and is_public_authority(last.entries[0].name)
        ):
            last.home = last.home or _country(span)
            joined.append(span)
        else:
            joined.append(span)
    return joined


def _ends_name(words: str, body: Span, place: Span, following: Span | None) -> bool:
    """Return whether a place after a comma belongs to a body: "the National Police, Niger, and".

    It may also begin a list of places: "the National Police, Niger and Mali".
    """
    after = words[place.end : following.start if following else None]
    if after[:1] in (",", ""):
        return True
    is_listed = following is not None and following.mark in (PLACE, DEMONYM) and _AND_ONLY.fullmatch(after)
    ends = after[0] in ".;)" or (after.startswith(" and ") and not is_listed)
    return ends and is_state_body(words[body.start : body.end], owned=True)


def _has_other_expansion(words: str, start: int, end: int, mention: Mention) -> bool:
    """Return whether the words before a bracketed abbreviation spell it but are not its known expansion:
    "Digital Development Partnership (DDP)".
    """
    if words[start - 2 : start] != " (" or words[end : end + 1] != ")":
        return False
    meant = words[: start - 2].split(" ")[start - end :]
    if "".join(word[:1] for word in meant) != words[start:end]:
        return False
    own = {word for entry in mention.entries for name in entry.names for word in name.split(" ")}
    return sum(word in own for word in meant) * 3 <= 2 * len(meant)


def _end_of_person(words: str, person: Span, body: Span) -> int:
    """Return the end of a person together with an organisation, "Tom Baker of the ITU", "Tom Baker (ITU)"; 0 if
    not.
    """
    if words[person.end : body.start] in (" (", " (the ") and words[body.end : body.end + 1] == ")":
        return body.end + 1
    return body.end if _OF_PERSON.fullmatch(words, person.end, body.start) else 0


def _is_home(words: str, body: Span, place: Span) -> bool:
    """Return whether a place is the home of a body: "the CERT of Fiji", or the office of a listed actor: "UNDP
    Fiji".
    """
    if _OF.fullmatch(words, body.end, place.start):
        return True
    if (
        body.mark != ACTOR
        or place.entries[0].kind != "country"
        or not _OFFICE_BETWEEN.fullmatch(words, body.end, place.start)
    ):
        return False
    return _OFFICE_AFTER.match(words, place.end) is not None


def _join_owner(owner: Span, span: Span) -> Span:
    """Join a name and its owner: "Fiji's Ministry of Health" may be listed with its country."""
    names = load_gazetteer()
    home = span.home or _country(owner)
    country = home and names.get("country", home.key)
    known = country and span.mark == BODY and names.find("actor", f"{span.entries[0].name} of {country.name}")
    mark, entries = (ACTOR, (known,)) if known else (span.mark, span.entries)
    return Span(owner.start, span.end, mark, entries, home, span.printed_spelling)


def _join_part(whole: Span, part: Span) -> Span:
    """Return the part of an organisation, or the whole if the part is not listed ("INTERPOL's Directorate").

    Parts of a government act on their own.
    """
    known = part.mark == ACTOR or whole.mark == BODY or "government" in whole.entries[0].key
    acts = part if known else whole
    return Span(whole.start, part.end, acts.mark, acts.entries, acts.home, acts.printed_spelling)


def _country(span: Span) -> GazetteerEntry | None:
    return span.entries[0] if span.mark in (PLACE, DEMONYM) else None


def _add_projects(words: str, spans: list[Span]) -> list[Span]:
    """Add spans for other projects, replacing the names inside their titles."""
    if not _PROJECT_CUE.search(words):
        return spans
    for match in _PROJECTS.finditer(words):
        title = match["title"] or match["named"] or match["cued"]
        if match["cued"] and _WORK.search(title):
            continue
        key = match["code"].upper() if match["code"] else slug(title)
        name = match["code"] or title
        start, end = match.span(next(group for group in ("code", "title", "named", "cued") if match[group]))
        if title:  # include the quotation marks
            start, end = start - 1, end + 1
        spans = [span for span in spans if span.end <= start or end <= span.start]
        spans.append(Span(start, end, PROJECT, (GazetteerEntry("project", key, name, (), {}),)))
    return sorted(spans, key=lambda span: span.start)
