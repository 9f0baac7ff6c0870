"""Paragraphs → sentences whose names are marked, so that a phrase never has to know a name.

◆ stands for an actor of the reference data, ◈ for an organisation that they do not know, ◎ for
another capitalised name, ◇ for a country, region or group, ◬ for what is of a country
("Kenyan"), ◫ for a project. "The Ministry of Health of Fiji" is one mark, and remembers that it is at home in
Fiji; so are "Fiji's Ministry of Health" and "the Fijian Ministry of Health".
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cybilgraph import organisations
from cybilgraph.organisations import has_body, is_body, of_many_words
from cybilgraph.record import Evidence, Record, Text
from cybilgraph.reference import NEAR, Entry, Mention, Reference, fold_in_place, slug

ACTOR, BODY, NAME, PLACE, DEMONYM, PROJECT = "◆", "◈", "◎", "◇", "◬", "◫"
MARKS = ACTOR + BODY + NAME + PLACE + DEMONYM + PROJECT
PLACES = ("country", "region", "group")
_UNMARKED = str.maketrans(dict.fromkeys(MARKS, "*"))  # a text that has the marks itself
_UNUSUAL = frozenset(MARKS)
_SENTENCE = re.compile(
    r"[^.!?;]+(?:(?:(?<=\bSt)\.|(?<=\b(?:Dr|Mr|Ms|No|vs))\.|(?<=\b(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec))\.|(?<=\bSept)\.|(?<=\b[A-Z]\.[A-Z])\.|[.!?](?!\s+[A-Z0-9“\"(]|\s*$)|;(?!\s))[^.!?;]*)*"
    r"[.!?;]*[”\"’)]*"
)
#: No sentence is longer; a text without full stops is cut, so that no pattern runs for long.
_LONGEST = 1500

#: "the Information Authority (IA)": from here on IA is the Authority.
_ABBREVIATION = re.compile(r"[A-Z]{3,8}(?:/[A-Z]{2,8})?")
_SHORT = re.compile(r" \((?:the )?[“\"]?([A-Z][\w./&-]{1,15})[”\"]?\)")
_PROJECT_CUE = re.compile(r"G[0-9I]|[“\"‘]")
_WORD = r"(?:[dl][’'])?(?:(?<![\w’'])[a-z](?=[A-Z][a-z]))?[A-ZÀ-ÖØ-Þ](?:[\w&|./’'-]*[\w|])?"
_LINK = r"(?:of|for|and|the|on|de|des|du|la|le|les|del|los|las|da|do|das|dos|e|y|et|für|der|van|against|&)"
_LINK_FIRST, _LINK_LAST = re.compile(rf"{_LINK} "), re.compile(rf",? {_LINK}\Z")
_OF_TOWN = re.compile(r"(?<!Port)(?<!Bank)(?<!Government) (?:of|from|in) [A-ZÀ-Þ][\w-]+\Z")
_HEAD = re.compile(r" (?:of|for|on|against|de|des|du|et|y) ")
#: "The consulting firm Cyber Resilience": what follows is a name, whatever its words are.
_FIRM = re.compile(
    r"\b(?:firms?|company|consultancy|NGO|charity|think[- ]tank|start-?up|contractor|non-profit|provider) \Z"
)
#: "The TSARKA association": an organisation, whatever its name is.
_BODY_FOLLOWS = re.compile(
    r" (?:association|foundation|institute|consortium|consultancy|ministry|university|agency|NGO)\b"
)
_ITS_OFFICE = re.compile(r"(?:['’]s)?(?: (?:Regional|Country|Sub-?regional|Liaison|Project|National|Field))* Offices?")
#: "CERT Tonga": of the country whose name follows.
_TEAM = re.compile(r"\b(?:[A-Za-z]{0,8}(?:CERT|CSIRT|CIRT)(?:-| )|CERT\.)\Z")
#: What follows a name that begins a sentence, and not any word that does.
_ACTS = re.compile(
    r",? and (?:the )?[A-Z]| will "
    r"| (?:(?:has|have) )?(?:deliver|implement|conduct|execut|manag|fund|financ)(?:s|ed|es)?\b"
)
_NAMES = re.compile(rf"{_WORD}(?:,? (?:{_LINK} ){{0,3}}{_WORD}){{0,11}}")
#: A project by its code, or by its title in quotation marks where the text says that it is one.
_PROJECTS = re.compile(
    r"(?:(?:GFCE|Cybil) )?(?:(?:project )?code |project )?\b(?P<code>G(?:\d{4}|I-\d{2,3}))\b"
    r"|(?:project|programme|program|initiative|action|phase)s?,? (?:called |named |titled |entitled )?"
    r"[“\"‘](?P<title>[^“”\"‘’]{8,150})[”\"’]"
    r"|(?:part of|follow-?up (?:to|of|on)|continuation of|phase of|builds? on|built on|follows|followed|continues)"
    r" (?:the |an? |its )?(?:[\w’'-]+ ){0,4}[“\"‘](?P<cued>[^“”\"‘’]{8,150})[”\"’]"
    r"|[“\"](?P<named>[^“”\"]{8,150})[”\"] (?=(?:project|programme|program|initiative|action)\b)",
    re.IGNORECASE,
)
_APART = re.compile(r",? (?:and|&|et|y) (?:the )?|, (?:the )?|['’]s? | for the ")
_BRACKET = r"(?: \([^)]{0,60}\))?"
#: "With funding from A, B and C trained …": the comma ends what stands before the subject.
_FRONTED = re.compile(
    rf"^(?P<front>(?:thanks to|with|using|through|under|in (?:close )?(?:partnership|cooperation|collaboration) with"
    rf"|(?:jointly )?\w+ed by|on behalf of|together with)\b[^.;]{{0,120}}?[{MARKS}]{_BRACKET}),"
    rf"(?= (?:the )?[{ACTOR}{BODY}]{_BRACKET}(?:, (?:the )?[{ACTOR}{BODY}]{_BRACKET}){{0,6}}"
    rf"(?:,? and (?:the )?[{ACTOR}{BODY}]{_BRACKET})?"
    r" (?:has|have|had|will|is|are|was|were|\w+ed|\w+ght|led|ran|runs|gave|built|wrote|held|made|\w+s)\b)",
    re.IGNORECASE,
)
#: A sentence in which only the first letter may be a capital, and nothing is quoted, names nothing.
_NAMELESS = re.compile(rf"\W*\w(?:[^A-ZÀ-ÖØ-Þ“\"‘{MARKS}]*+)\Z")
_FIRST_WORD = re.compile(r"\W*[\w’'-]+")
#: A long name that stands alone may be spelt a little worse: "Indonisia".
_NEAR_LONG = 88
_BETWEEN_OF = re.compile(r" (?:of|at|in|within) (?:the )?")
_OF = re.compile(r"(?: \([^)]{1,30}\))? of (?:the )?")
#: "US$ 5 million" is of no country, nor is the "Indian Ocean" or who is "Portuguese-speaking".
_NO_PLACE = re.compile(r" ?[$€£]| [Dd]ollars?\b| Ocean\b|[- ][Ss]peaking\b")
#: Words behind the name of a firm: "Deloitte Consulting LLP" is known as Deloitte.
_SENT_TO = re.compile(r".{1,60} (?:Mission|Delegation|Embassy|High Commission) (?:to|in) (?:the )?")
_FORMS = frozenset(("LLP", "LLC", "Ltd", "Limited", "Inc", "Plc", "GmbH", "JSC", "Consulting", "Group", "Global"))
_OWNED = re.compile(r"['’]s? ")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in a sentence: its mark and where that stands in the marked sentence, the thing, and
    where the thing is at home. ``near`` is the spelling of a name that was only nearly right.
    """

    mark: str
    at: int
    entries: tuple[Entry, ...]
    home: Entry | None = None
    near: str = ""

    def of(self, kind: str) -> Entry | None:
        """The entry of this kind, if the name has one."""
        return next((entry for entry in self.entries if entry.kind == kind), None)


@dataclass(slots=True, eq=False)
class Sentence:
    """A sentence of a section, and the same with its names marked, in small letters and with
    plain quotation marks. ``hits`` are the phrases in it and ``roles`` what they say of the names,
    once they were looked for.
    """

    section: str
    text: Text
    marked: str
    names: tuple[Name, ...]
    themes: tuple[Entry, ...]
    hits: Any = None
    roles: Any = None

    def evidence(self, confidence: float) -> Evidence:
        """The sentence as evidence."""
        return Evidence(self.section, self.text.text, self.text.place, confidence)

    def within(self, start: int, end: int) -> Iterator[Name]:
        """The names whose mark lies in this part of the marked sentence."""
        return (name for name in self.names if start <= name.at < end)


def sentences(record: Record, names: Reference) -> Iterator[Sentence]:
    """The sentences of a record: its title, then its narrative sections."""
    title = [("title", record.title)] if record.title else []
    short: dict[str, _Span] = {}
    for section, paragraph in (*title, *record.narrative()):
        known = names.mentions(paragraph.text)
        starts = [mention.start for mention in known]
        for start, end in _split(paragraph.text):
            here = known[bisect_left(starts, start) : bisect_left(starts, end)]
            part = paragraph.part(start, end)
            if not here and _names_nothing(part.text):  # as most are: the rest of the work can be spared
                yield Sentence(section, part, "", (), ())
            else:
                yield _mark(section, part, start, here, names, short)


def _names_nothing(text: str) -> bool:
    first = _FIRST_WORD.match(text) if _NAMELESS.match(text) else None
    return first is not None and not _ACTS.match(text, first.end())


def _split(text: str) -> Iterator[tuple[int, int]]:
    """Where sentences, and parts of them between semicolons, begin and end."""
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        while start < end:
            stop = end if end - start <= _LONGEST else text.rfind(" ", start, start + _LONGEST) + 1 or start + _LONGEST
            piece = text[start:stop]
            if piece.strip():
                yield start + len(piece) - len(piece.lstrip()), stop
            start = stop


@dataclass(slots=True)
class _Span:
    start: int
    end: int
    mark: str
    entries: tuple[Entry, ...]
    home: Entry | None = None
    near: str = ""


def _mark(
    section: str, text: Text, offset: int, known: list[Mention], names: Reference, short: dict[str, _Span]
) -> Sentence:
    """``short`` are the abbreviations that the record has introduced so far."""
    words = text.text if _UNUSUAL.isdisjoint(text.text) else text.text.translate(_UNMARKED)
    spans = [
        _Span(mention.start - offset, mention.end - offset, mark, mention.entries)
        for mention in known
        if mention.start - offset >= 0
        and mention.end - offset <= len(words)
        and (mark := _mark_of(mention))
        and not (mark in (PLACE, DEMONYM) and _NO_PLACE.match(words, mention.end - offset))
    ]
    themes = tuple(
        entry for mention in known if 0 <= mention.start - offset < len(words) and (entry := mention.of("theme"))
    )
    if section != "title":  # every word of a title may begin with a capital
        spans = _with_unknown(words, spans, names, short)
    spans = _joined(words, spans, names)
    for span in spans:
        if span.mark == BODY and (bracket := _SHORT.match(words, span.end)):
            short[bracket[1]] = span
    spans = _with_projects(words, spans)
    pieces: list[str] = []
    marked: list[Name] = []
    length = last = 0
    for span in spans:
        before = words[last : span.start]
        pieces += before, span.mark
        length += len(before)
        marked.append(Name(span.mark, length, span.entries, span.home, span.near))
        length += 1
        last = span.end
    pieces.append(words[last:])
    return Sentence(section, text, _FRONTED.sub(r"\g<front>;", fold_in_place("".join(pieces))), tuple(marked), themes)


def _mark_of(mention: Mention) -> str:
    if mention.of("actor"):
        return ACTOR
    if mention.of("demonym"):
        return DEMONYM
    return PLACE if any(map(mention.of, PLACES)) else ""


# ---- organisations that no list knows --------------------------------------------------------


def _with_unknown(words: str, spans: list[_Span], names: Reference, short: dict[str, _Span]) -> list[_Span]:
    """The spans with those of names that no list knows: a longer name holds the shorter ones in it."""
    for match in _NAMES.finditer(words):
        if (
            not match.start()
            and _only_begins(match[0])
            and (match[0].endswith(("ly", "s")) or not _ACTS.match(words, match.end()))
        ):
            continue  # the first word of a sentence, as most of them are
        for start, end in _parts(words, *match.span(), spans):
            inside = [span for span in spans if span.start < end and start < span.end]
            if any(span.mark == ACTOR and not _is_less(span, start, end) for span in inside):
                continue
            first = inside[0] if len(inside) == 1 and inside[0].start == start else None
            if first and first.mark == ACTOR and _ITS_OFFICE.fullmatch(words, first.end, end):
                first.end = end  # "UNODC Regional Office"
                continue
            if any(span.start <= start and end <= span.end for span in inside):
                continue
            if found := _found(words, start, end, inside, names, short):
                spans = [*(span for span in spans if span not in inside), found]
    return sorted(spans, key=lambda span: span.start)


def _found(
    words: str, start: int, end: int, inside: list[_Span], names: Reference, short: dict[str, _Span]
) -> _Span | None:
    """The span of a capitalised name, or None where it is none: an abbreviation that the record
    has introduced, a known name that is spelt nearly so, an organisation, another name.
    """
    name = words[start:end]
    if meant := short.get(name):
        return _Span(start, end, meant.mark, meant.entries, meant.home)
    if " " in name and len(name) > 12 and (near := _near(name, BODY, names)) and near.name != name:
        return _Span(start, end, ACTOR, (near,), near=name)
    mark = _kind(name, "" if start else words[end:])
    if mark != BODY and _FIRM.search(words, max(0, start - 20), start):
        mark = BODY if inside else NAME
    if mark == NAME and _BODY_FOLLOWS.match(words, end):
        mark = BODY
    if mark == NAME and (of := _OF_TOWN.search(name)):  # "INCIBE of León"
        name, end = name[: of.start()], start + of.start()
    # "Port of Spain" is a town, and no place in Spain.
    if mark == BODY or (mark == NAME and (not inside or name.startswith("Port of "))):
        return _unknown(words, start, end, mark, inside, names)
    return None


def _only_begins(word: str) -> bool:
    """True for a word that has its capital from the beginning of the sentence."""
    return word.isalpha() and word[1:].islower() and "CERT" not in word and "CSIRT" not in word


def _is_less(span: _Span, start: int, end: int) -> bool:
    """True for a short name inside a longer one: "Oxford" in "Oxford Brookes University"."""
    return start <= span.start and span.end <= end and (span.end - span.start) * 2 < end - start


def _parts(words: str, start: int, end: int, spans: list[_Span]) -> Iterator[tuple[int, int]]:
    """A run of capitalised words parted where each side is a name of its own, without the words
    that only begin a sentence.
    """
    cuts = [start]
    for match in _APART.finditer(words, start, end):
        left, right = words[cuts[-1] : match.start()].removeprefix("The "), words[match.end() : end]
        if _are_apart(match[0], left, right) or any(
            (known.mark == ACTOR and cuts[-1] <= known.start < end)
            or (known.mark == PLACE and cuts[-1] == known.start and known.end == match.start())
            for known in spans
        ):
            yield from _trimmed(words, cuts[-1], match.start())
            cuts.append(match.end())
    yield from _trimmed(words, cuts[-1], end)


def _are_apart(between: str, left: str, right: str) -> bool:
    """True where two names stand beside each other; not in "Ministry of Trade, Industry and
    Commerce", nor in "Information and Communication Authority".
    """
    if between == " for the " and " " not in right:
        return False  # "National School for the Judiciary"
    joins = between.strip() in ("and", "&", "et", "y")
    if not has_body(left):
        return not (joins and has_body(right))
    if joins and _ABBREVIATION.fullmatch(right):
        return True  # "the Bank of Zambia and ZESCO"
    if of_many_words(left):
        return has_body(right) and is_body(right.split(" ", 1)[0])
    return has_body(right) or between.startswith((",", "'", "’")) or is_body(left.rsplit(" ", 1)[-1])


def _begins_only(word: str) -> bool:
    return word == "NGO" or word.strip(",") in organisations.words("no") or word.endswith("-based")


def _trimmed(words: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and (first := words[start:end].split(" ", 1)[0]) and _begins_only(first):
        start += len(first) + 1
        while start < end and _LINK_FIRST.match(words, start, end):
            start += words[start:end].index(" ") + 1
    while start < end and (tail := _LINK_LAST.search(words, max(start, end - 10), end)):
        end = tail.start()
    while end > start and words[end - 1] in ".,’'/":
        end -= 1
    if words[start:end].endswith(("'s", "’s")):
        end -= 2
    if end > start:
        yield start, end


def _kind(name: str, after: str) -> str:
    """What a capitalised name is: an organisation by its words, a name, or nothing. ``after`` is
    what follows a name that begins the sentence, where any word has a capital.
    """
    head = _HEAD.split(name, maxsplit=1)[0].split()
    if has_body(" ".join(head)) and head[-1] not in organisations.words("thing"):
        return BODY if name != head[-1] or not name.isalpha() or "CERT" in name or "CSIRT" in name else ""
    tokens = [token.strip(",") for token in name.split()]
    if any(token in organisations.words(tells) for token in tokens for tells in ("thing", "no")):
        return ""
    if all(token in organisations.words("common") for token in tokens) or (
        tokens[0] in organisations.words("common") and len(tokens) < 3
    ):
        return ""
    if len(name) < 3 or any(map(str.isdigit, name)):
        return ""
    if after and len(tokens) == 1 and not name.isupper() and not _ACTS.match(after):
        return ""
    return NAME


def _unknown(words: str, start: int, end: int, mark: str, inside: list[_Span], names: Reference) -> _Span:
    """A name of no list, or of one that is spelt nearly so; a country at its end or before it is
    where it is at home.
    """
    name = words[start:end]
    home = next(
        (span.entries[0] for span in inside if span.mark in (DEMONYM, PLACE) and _at_home(words, span, start, end)),
        None,
    )
    if home and (found := names.find("actor", f"{name} of {home.name}")):
        return _Span(start, end, ACTOR, (found,), home)
    if found := _near(name, mark, names):
        kind = PLACE if found.kind in PLACES else ACTOR
        return _Span(start, end, kind, (found,), home, near=name)
    return _Span(start, end, mark, (_actor(name, names),), home)


def _actor(name: str, names: Reference) -> Entry:
    """The actor of this name; made up where no list has it."""
    bare = organisations.without_form(name)
    return names.find("actor", name) or names.find("actor", bare) or Entry("actor", slug(name), name, (), {})


def _at_home(words: str, span: _Span, start: int, end: int) -> bool:
    return span.start == start or (
        span.end == end and bool(re.search(r" (?:of|in) (?:the )?\Z", words[start : span.start]))
    )


@lru_cache(maxsize=5_000)
def _near(name: str, mark: str, names: Reference) -> Entry | None:
    if mark == BODY:
        return names.near("actor", name) if len(name) > 12 else None
    if len(name) < 6 or " " in name:
        return None
    found = names.near("country", name, NEAR if len(name) < 8 else _NEAR_LONG)
    return found if found and found.name[0] == name[0] else None


def _joined(words: str, spans: Iterable[_Span], names: Reference) -> list[_Span]:
    """Names that belong together made one: "the CERT of Fiji", "Fiji's CERT", "the Fijian CERT";
    of "the Centre of the University" the Centre; of "the Centre (CfC)" what stands before the bracket.
    """
    joined: list[_Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        between = words[last.end : span.start] if last else ""
        acts = span.mark in (ACTOR, BODY)
        free = max(last.end if last else 0, span.start - 15)
        if span.mark == PLACE and (team := _TEAM.search(words, free, span.start)):
            name = words[team.start() : span.end]
            joined.append(_Span(team.start(), span.end, BODY, (_actor(name, names),), _country(span)))
        elif last is None:
            joined.append(span)
        elif last.mark in (ACTOR, BODY) and between == " (" and words[span.end : span.end + 1] == ")":
            continue
        elif last.mark == NAME and acts and between in (" (", " (the ") and words[span.end : span.end + 1] == ")":
            last.mark, last.home = span.mark, span.home
            last.entries = span.entries if span.mark == ACTOR else last.entries
        elif last.mark == BODY and span.mark == NAME and between == " ":
            last.entries, last.end = (_actor(words[last.start : span.end], names),), span.end
        elif last.mark in (ACTOR, BODY) and acts and _OWNED.fullmatch(between):
            joined[-1] = _Span(last.start, span.end, span.mark, span.entries, span.home, span.near)
        elif last.mark in (ACTOR, BODY) and acts and _BETWEEN_OF.fullmatch(between):
            last.end = span.end
        elif last.mark == BODY and span.mark == PLACE and _SENT_TO.fullmatch(words, last.start, span.start):
            last.entries, last.home, last.end = (_actor(words[last.start : span.end], names),), _country(span), span.end
        elif last.mark in (ACTOR, BODY) and span.mark == PLACE and _OF.fullmatch(between):
            last.home, last.end = last.home or _country(span), span.end
        elif (
            last.mark == BODY and span.mark == PLACE and between == ", " and words[span.end : span.end + 1] in (",", "")
        ):
            name = words[last.start : span.end]
            last.entries = (_actor(name, names),)
            last.home, last.end = _country(span), span.end
        elif last.mark in (PLACE, DEMONYM) and acts and (_OWNED.fullmatch(between) or between == " "):
            joined[-1] = _owned(last, span, names)
        else:
            joined.append(span)
    return joined


def _owned(owner: _Span, span: _Span, names: Reference) -> _Span:
    """The name with its owner: "Fiji's Ministry of Health" may be known as that of Fiji."""
    home = span.home or _country(owner)
    country = home and names.get("country", home.key)
    known = country and span.mark == BODY and names.find("actor", f"{span.entries[0].name} of {country.name}")
    mark, entries = (ACTOR, (known,)) if known else (span.mark, span.entries)
    return _Span(owner.start, span.end, mark, entries, home, span.near)


def _country(span: _Span) -> Entry | None:
    return span.entries[0] if span.mark in (PLACE, DEMONYM) else None


def _with_projects(words: str, spans: list[_Span]) -> list[_Span]:
    """The spans with those of other projects; names inside a project's title name no actor here."""
    if not _PROJECT_CUE.search(words):
        return spans
    for match in _PROJECTS.finditer(words):
        title = match["title"] or match["named"] or match["cued"]
        key = match["code"].upper() if match["code"] else slug(title)
        name = match["code"] or title
        start, end = match.span(next(group for group in ("code", "title", "named", "cued") if match[group]))
        if title:  # with its quotation marks
            start, end = start - 1, end + 1
        spans = [span for span in spans if span.end <= start or end <= span.start]
        spans.append(_Span(start, end, PROJECT, (Entry("project", key, name, (), {}),)))
    return sorted(spans, key=lambda span: span.start)
