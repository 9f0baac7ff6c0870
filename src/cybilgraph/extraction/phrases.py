"""Match the phrases of data/reference/phrases.csv in sentences with marked names.

A row gives the claim that a phrase makes about the names in it. ``confidence`` is the share of links found
by the phrase that are right, measured on labelled texts.

A phrase begins with words or with names. It is tried only where one of its first words or marks occurs,
followed by everything that it requires; one search finds the words of all phrases. ``^`` means that the
phrase begins the sentence or its main clause; ``before`` is a pattern for the text before it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, reduce
from operator import itemgetter, or_
from pathlib import Path

from ahocorasick_rs import AhoCorasick, Implementation

from cybilgraph.extraction.name_spans import ACTOR, BODY, DEMONYM, MARKS, NAME, PLACE, PROJECT
from cybilgraph.extraction.prefilter import Clause, Group, first_words, parse, required_words, selectivity
from cybilgraph.extraction.sentences import Name, Sentence
from cybilgraph.model.overlay import OverlayRow, read_rows
from cybilgraph.model.resources import REFERENCE, compile_pattern
from cybilgraph.model.values import value

#: The phrase file in use.
PHRASES_FILE = REFERENCE / "phrases.csv"
#: "(ITU)", and a remark between a name and its verb (sentences.py).
_ABBREVIATED = r"(?: \([^)]{0,80}\))?(?: \[[^\]]{0,240}\])?"
# A country in the place of an actor stands for its government.
_PEOPLE = (
    r"(?:(?:the |its |their |an? )?(?:\w+ )?(?:experts?|trainers?|specialists|lawyers|consultants|staff|members|teams?"
    r"|researchers|\w+ (?:office|programme|unit|department|team|section|branch|division|arm)) (?:of|from|at|within) )?"
)
_FIRMS = r"(?:firms?|compan(?:y|ies)|consultancy|ngo|associations?|foundation|charity|universities)"
_OF_FIRM = re.compile(rf" {_FIRMS} [{ACTOR}{BODY}{NAME}]")
#: "in Geneva, ": the country of a town follows.
_MAX_TOWN_CHARACTERS = 50
_IN_TOWN = re.compile(rf" in (?:{NAME}|[A-Z]\w+(?:[ -][A-Z]\w+)?), \Z")
_KIND = (
    # Articles match possessively in one group: an alternative reading at each of fifteen names would take
    # hours.
    r"(?:a consortium of )?(?:the country's |the |its |their )?+"
    rf"(?:(?:{DEMONYM} )?{_FIRMS} )?"
    r"(?:(?:(?:local|national|regional|international|public|private|other) )?(?:organi[sz]ations|partners|donors"
    r"|agencies|bodies|institutions|authorities|implementers|funders|sponsors|providers)"
    r",? (?:such as|including|like) (?:the )?)?"
    r"(?:(?:partner|donor|local|national|regional|implementing) )?(?:(?:the )?governments? of (?:the )?)?"
)
_ACTOR = (
    rf"(?:{_PEOPLE}{_KIND}(?:[{ACTOR}{BODY}{NAME}]|{PLACE}(?:'s? government)?"
    rf"|{DEMONYM}(?:(?:,? and |, ){DEMONYM}){{0,4}} (?:federal )?governments?){_ABBREVIATED}"
    rf"(?: in {NAME}| from [{NAME}{PLACE}]| under (?:its|the|their) (?:[\w-]+ ){{0,5}}"
    r"(?:program|programme|project|facility))?)"
)
_BODY = rf"(?:(?:the |its )?[{ACTOR}{BODY}]{_ABBREVIATED})"
_NAMED = rf"(?:(?:the |its )?[{ACTOR}{BODY}{NAME}]{_ABBREVIATED})"
_HALF = r"(?:(?:(?:north|south|east|west|central)(?:ern)?(?:,? and |, ))+)?"  # "West and Central Africa"
_PLACE = (
    r"(?:(?:all )?(?:the )?(?:[0-9]{1,3} )?(?:(?:republic|islands|states|region|regions) of (?:the )?)?"
    rf"{PLACE}{_ABBREVIATED})"
)
#: "Kenya, Zanzibar, Ghana": an unlisted name does not end the list.
_PLACE_OR_NAME = rf"(?:{_PLACE}|(?:the )?{NAME}(?=(?:,|,? and) (?:the )?{PLACE}))"
_AND = (
    r"(?:,? and (?:(?:its|their|the|a) (?:\w+ )?(?:partners?|company|firm|ngo|consultancy|university),? )?"
    r"| & |,? as well as |,? together with |,? jointly with |,? along with |,? and (?:by|from|of) (?:the )?"
    rf"|,? through (?:its |the |their )?(?={ACTOR}))"
)
#: The most names after the first of a list.
_MAX_LIST_ITEMS = 60
#: "Run by A, and B bore the cost": B begins another clause.
_NO_VERB = r"(?! (?:bore|bears|pays?|paid|met|meets|funds|funded|financed|finances|covers|covered|was|is)\b)"


def _list(one: str, more: str = "") -> str:
    """Return a pattern for one item, or several with a final "and".

    In "Paid by A, B wrote …", B is not an item. The "and" is optional at the end of a sentence or bracket.
    """
    more = more or one  # each copy takes time to compile
    return rf"{one}(?:(?:, (?:by )?{more}){{0,{_MAX_LIST_ITEMS}}}(?:(?:{_AND}{more}){{1,2}}{_NO_VERB}|(?=[.;)]|$)))?"


#: A further item of a list, possibly a government.
_FURTHER = rf"(?:(?:the )?governments? of (?:the )?{PLACE}|{_NAMED})"


#: A sum of money; below, sums that were lost or stolen or are fines, which nobody funds.
_UNITS = "usd|eur|euros?|gbp|aud|dollars|millions?|billions?|trillions?"
_SUM = rf"(?:[$€£]|\b(?:{_UNITS})\b)"
_CRIME = (
    r"(?:ransomware|malware|phishing|fraud|scams?|theft|piracy|(?:cyber-?)?(?:crimes?|attacks?|incidents?|criminals)"
    r"|hack(?:s|ers|ing)?|breach(?:es)?|outages?)"
)
#: Measures against crime, which somebody funds.
_EFFORT = (
    "projects?|programmes?|programs?|initiative|courses?|training|schools?|exercises?|units?|cent(?:re|er)s?|teams?"
    "|laborator(?:y|ies)|labs?|platforms?|tools?|response"
)
_LOSS = (  # atomic, because the check of the rest of a sentence is repeated for each alternative
    rf"(?>(?:{_CRIME}\b(?:(?!\b(?:{_EFFORT})\b)[^.;]){{0,60}}?"
    r" (?:costs?|costing|caused|reached|amount(?:s|ed)?|demanded|earned|made|netted|is an?)"
    rf"|(?:costs?|price|toll) of (?:[\w-]+ ){{0,3}}{_CRIME}(?! (?:[\w-]+ )?(?:{_EFFORT})\b)"
    r"|(?:losses|loss|damages?|lost|loses?|losing|stole|stolen|steals?|stealing|robbed|defrauded|embezzled|swindled"
    rf"|extorted|laundered|fined|fines?|seized|confiscated|drained|ransoms?))\b[^.;]{{0,80}}?{_SUM})"
)
#: The rest of the sentence has no word of paying, and none for the work of a project.
_UNPAID = (
    r"(?!.*\b(?:(?:co-?)?fund(?:ed|ing)|funds (?:the|an?|this|it)|financ(?:e|es|ed|ing)|pays?|paid|grants?|granted"
    r"|donat\w+|donors?|sponsor\w*|loans?|invest\w*|giv\w+|gave|allocat\w+|pledg\w+|award\w+|budgets?|contribut\w*"
    r"|provid\w*|with (?:[$€£]|usd|eur|[0-9])|projects?|programmes?|programs?|initiative|implement\w*|deliver\w*"
    r"|train\w*|teach\w*|taught|support\w*|assist\w*|help\w*|strengthen\w*)\b)"
)

#: The placeholders of phrases.
_PARTS = {
    "actors": rf"(?P<found>{_list(_ACTOR)})",
    "bodies": rf"(?P<found>{_list(_BODY, _FURTHER)})",
    "helped": rf"(?P<found>{_list(_BODY, _FURTHER)})",
    "governments": rf"governments? of (?:the )?(?P<found>{PLACE}(?:(?:,? and (?:the )?|, ){PLACE}){{0,9}})",
    "named": rf"(?P<found>{_list(_NAMED)})",
    "more": rf"(?P<more>{_list(_ACTOR)})",
    "places": rf"(?P<found>{_HALF}{_list(_PLACE, _PLACE_OR_NAME)})",
    "demonyms": rf"(?P<found>{DEMONYM}(?:(?:,? and |, ){DEMONYM}){{0,9}})",
    "project": rf"(?P<found>{PROJECT}(?:(?:,? and |, ){PROJECT}){{0,9}})",
    "sum": _SUM,
    "loss": _LOSS,
    "unpaid": _UNPAID,
    "adverb": r"(?:\w+ly |also |both |in turn |therefore |thus |now )?",
    "aux": r"(?:(?:has|have|had|will|would|is|are|was|were) (?:been |be )?)?",
}
ROLES = ("funder", "extending", "implementer", "partner", "beneficiary", "unspecified")
#: Claims about actors, the most informative first: roles, ``acts`` (they do something), ``counterpart`` (others
#: work with them) and ``client`` (others work for them).
ACTING = (*ROLES[:-1], "acts", "unspecified", "counterpart", "client")
RELATIONS = ("part_of", "follows", "related")
#: The claim that another project has nothing to do with this one.
APART = "apart"
#: All claims (docs/recipes/language.md, "Add a phrase").
_CLAIMS = (*ACTING, "place", "listed", "elsewhere", "sponsor", "compare", "aside", *RELATIONS, APART)


#: The start of the group with the names that a phrase makes a claim about.
_CLAIM_GROUP = "(?P<found>"
#: The marks that a placeholder may begin with. Each of its names has one of them.
_PLACEHOLDER_MARKS = {
    "actors": ACTOR + BODY + NAME + PLACE + DEMONYM,
    "more": ACTOR + BODY + NAME + PLACE + DEMONYM,
    "bodies": ACTOR + BODY,
    "named": ACTOR + BODY + NAME,
    "helped": ACTOR + BODY,
    "places": PLACE,
    "demonyms": DEMONYM,
    "project": PROJECT,
}
#: Text that may precede the main clause: "In 2018 the", "Funded by A; ".
_CLAUSE_LEAD = re.compile(
    rf"(?:(?:[^.;]{{1,200}}; |[^,;{ACTOR}{BODY}{NAME}]{{1,80}}, |\w+ed by [^,;]{{1,80}}, "
    rf"|(?:under|within|through|as part of) (?:the )?[^,;{ACTOR}{BODY}]{{1,80}}, "
    r"|(?:with|under|through|at|in|for|from|since|during|after|before|following|thanks to|upon|on|as|while|when|to"
    r"|because of) [^.;]{1,160}, |(?:every|each) \w+,? "
    r"|(?:through|under|within|in|as part of) (?:this|the) (?:project|programme|initiative|action) "
    r"|(?:in|since|between|during|from) (?:early |late |mid-?)?[\w /–-]*[0-9]{2,4} (?:and [0-9]{4} )?|jointly )?"
    r"(?:[“\"']?(?:the |an? |its |both )?)|[^:;,]{1,40}: (?:the )?)"
)
_MARK = re.compile(rf"[{MARKS}]")
#: Text before a place of origin or destination.
_PLACE_BEFORE = (" from ", " to ", " in ", " from the ", " to the ", " in the ")
#: Text before a partner of the acting organisation.
_PARTNERSHIP_BEFORE = tuple(
    f"{how} with {article}"
    for how in ("partnership", "collaboration", "cooperation", "co-operation", "conjunction", "association")
    for article in ("", "the ")
)
#: Text before a government that receives something.
_RECIPIENT_BEFORE = re.compile(
    r"\b(?:lent|lends?|gave|gives?|given|granted|grants?|awarded|awards?|paid|provided|provides?|offered|offers?|help"
    r"|helped|helps|helping|assist\w*|support\w*) (?:the )?(?:\w+ )?governments? of (?:the )?\Z"
)
_DESTINATION_BEFORE = (" came to ", " come to ", " went to ", " travelled to ", " in ")
#: How far to look back for text that must precede a phrase.
_MAX_LOOKBEHIND_CHARACTERS = 120
#: A main clause begins at most this many characters into the sentence.
_MAX_LEAD_CHARACTERS = 240


@dataclass(frozen=True)
class Phrase:
    """One row of the phrase file.

    A phrase is tried where one of its ``words`` (or ``marks``) begins, if the text from there contains one
    of each set in ``needs``. Patterns are compiled on first use: one text needs few of them, and compiling
    all takes a second.
    """

    number: int
    claim: str
    confidence: float
    text: str
    before_text: str
    is_anchored: bool
    marks: str
    words: Collection[str]
    needs: list[Clause]
    where: str  #: The file and line, for messages.

    def __hash__(self) -> int:
        return self.number

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of the phrase. Raises ReferenceDataError if it is invalid."""
        return compile_pattern(self.text, f"{self.where}, column phrase")

    @cached_property
    def before(self) -> re.Pattern[str] | None:
        """The pattern of the text before the phrase. Raises ReferenceDataError if it is invalid."""
        return compile_pattern(self.before_text, f"{self.where}, column before") if self.before_text else None


@value(frozen=True, slots=True)
class PhraseMatch:
    """A phrase found in a marked sentence, with the offsets of the marks that it makes a claim about."""

    phrase: Phrase
    start: int
    end: int
    mark_offsets: frozenset[int]


@cache
def phrases() -> tuple[Phrase, ...]:
    """Load all phrases in file order, strongest first.

    Raises ReferenceDataError if a cell is wrong.
    """
    rows = read_rows(PHRASES_FILE, PHRASES_FILE.read_text(encoding="utf-8"))
    return tuple(_phrase(number, row) for number, row in enumerate(rows))


@cache
def _parsed_parts() -> dict[str, Group]:
    """Parse the placeholders for the prefilter; those for names consist of marks only."""
    of_names: dict[str, Group] = {name: [[mark] for mark in marks] for name, marks in _PLACEHOLDER_MARKS.items()}
    return {name: of_names.get(name) or parse(pattern, {}) for name, pattern in _PARTS.items()}


def use_phrases_from(file: Path) -> None:
    """Use another phrase file from now on, such as an earlier version for training."""
    global PHRASES_FILE
    PHRASES_FILE = file
    for kept in (phrases, _matcher, find_matches):
        kept.cache_clear()


def _phrase(number: int, row: OverlayRow) -> Phrase:
    written, before = row.cells["phrase"], row.cells["before"]
    text = written.removeprefix("^")
    part = re.match(r"{(\w+)}", text)
    marks = _PLACEHOLDER_MARKS.get(part[1], "") if part else ""
    group = parse(text, _parsed_parts())
    words = frozenset(marks) or first_words(group)
    if not marks and not all(len(word) > 1 for word in words):
        raise row.error(
            "phrase",
            f"{written[:60]!r} begins neither with words nor with a placeholder for names",
            f"Begin it with a word, or one of: {', '.join(f'{{{name}}}' for name in _PLACEHOLDER_MARKS)}.",
        )
    for name, pattern in _PARTS.items():
        text, before = text.replace(f"{{{name}}}", pattern), before.replace(f"{{{name}}}", pattern)
    first, found, rest = text.partition(_CLAIM_GROUP)
    text = first + found + rest.replace(_CLAIM_GROUP, "(?:")  # names after the first group are not part of the claim
    if (claim := row.cells["says"]) not in _CLAIMS:
        raise row.error("says", f"unknown claim {claim!r}", f"Use one of: {', '.join(_CLAIMS)}.")
    try:
        confidence = float(row.cells["confidence"])
    except ValueError:
        confidence = 0.0
    if not 0 < confidence <= 1:
        problem = f"{row.cells['confidence']!r} is not a number above 0 and at most 1"
        raise row.error("confidence", problem, "Give the share of links found by the phrase that are right.")
    where = f"{row.path}, line {row.line}"
    is_anchored = written.startswith("^")
    needs = required_words(group)
    return Phrase(number, claim, confidence, text, before, is_anchored, marks, words, needs, where)


class Matcher:
    """Finds the phrases worth trying, and where, in one search for all words that phrases begin with or
    require.
    """

    def __init__(self) -> None:
        #: For each word, the phrases that begin with it and their requirements (one bit per required word set),
        #: and the sets that contain the word.
        begin: dict[str, list[tuple[int, int]]] = defaultdict(list)
        meets: dict[str, int] = defaultdict(int)
        #: For each word of the most selective requirement, the phrases that begin with a name; and for each
        #: mark, their requirements.
        named: dict[str, set[int]] = defaultdict(set)
        self._needs: dict[str, dict[int, int]] = {mark: {} for mark in MARKS}
        bits: dict[Clause, int] = {}
        for phrase in phrases():
            needs = reduce(or_, (bits.setdefault(clause, 1 << len(bits)) for clause in phrase.needs), 0)
            if phrase.marks:
                for word in max(phrase.needs, key=selectivity):
                    named[word].add(phrase.number)
                for mark in phrase.marks:
                    self._needs[mark][phrase.number] = needs
            else:
                for word in phrase.words:
                    begin[word].append((needs, phrase.number))
        for clause, bit in bits.items():
            for word in clause:
                meets[word] |= bit
        words = sorted({*begin, *meets, *MARKS})
        self._words = AhoCorasick(words, implementation=Implementation.DFA)
        self._of_word = [(meets[word], begin[word], named[word], word in MARKS) for word in words]

    def candidates(self, marked: str) -> set[tuple[int, int]]:
        """Return the phrases that may match the marked sentence, each with its possible start."""
        words = self._words.find_matches_as_indexes(marked, overlapping=True)
        words.sort(key=itemgetter(1), reverse=True)
        met, behind, begins, marks = 0, {}, [], []
        named: set[int] = set()
        of_word = self._of_word
        for index, start, _ in words:
            meets, begun, of_names, is_mark = of_word[index]
            met |= meets
            behind[start] = met
            if of_names:
                named |= of_names
            if is_mark:
                marks.append(start)
            elif begun and not (start and marked[start - 1].isalnum()):
                begins.append((start, begun))
        candidates = {
            (number, start) for start, begun in begins for needs, number in begun if not needs & ~behind[start]
        }
        for start in marks:
            missed, needs_of = ~behind[start], self._needs[marked[start]]
            candidates.update([(number, start) for number in needs_of.keys() & named if not needs_of[number] & missed])
        return candidates


_matcher = cache(Matcher)


@lru_cache(maxsize=2_000)
def find_matches(marked: str) -> tuple[PhraseMatch, ...]:
    """Return all phrases in a marked sentence, strongest first.

    Results are cached: sentences that differ only in names are equal once they are marked.
    """
    known, candidates = phrases(), sorted(_matcher().candidates(marked))
    return tuple(hit for number, start in candidates if (hit := _match_phrase(marked, known[number], start)))


@lru_cache(maxsize=100)
def _is_clause_lead(marked: str, start: int) -> bool:
    """Return whether the text before this position only leads to the main clause."""
    return _CLAUSE_LEAD.fullmatch(marked, 0, start) is not None


def _match_phrase(marked: str, phrase: Phrase, start: int) -> PhraseMatch | None:
    if (
        phrase.is_anchored
        and start
        and not (phrase.marks and start <= _MAX_LEAD_CHARACTERS and _is_clause_lead(marked, start))
    ):
        return None
    if phrase.claim == "acts" and marked.endswith("whose ", 0, start):
        return None  # "◆, whose ◈ provides": a body of the owner
    mark = marked[start]
    if mark == PLACE and phrase.claim in ACTING:
        if marked.endswith(_PLACE_BEFORE, 0, start):
            return None  # "◎ from ◇, partner of the project", "the Delegation to ◇ funded"
        if phrase.claim != "beneficiary" and _RECIPIENT_BEFORE.search(
            marked, max(0, start - _MAX_LOOKBEHIND_CHARACTERS), start
        ):
            return None  # "lent the government of ◇ funds"
    if mark == NAME and phrase.claim in ACTING and marked.endswith(_DESTINATION_BEFORE, 0, start):
        return None  # "came to ◎ twice as partners"
    if phrase.marks and phrase.claim in ("implementer", "acts") and marked.endswith(_PARTNERSHIP_BEFORE, 0, start):
        return None  # "◆ in collaboration with ◆ conducted"
    match = phrase.pattern.match(marked, start)
    if match is None or (
        phrase.before and not phrase.before.search(marked[max(0, start - _MAX_LOOKBEHIND_CHARACTERS) : start])
    ):
        return None
    phrase_spans = [match.span(group) for group in phrase.pattern.groupindex]
    mark_offsets = frozenset(
        at
        for low, high in phrase_spans
        for at in map(re.Match.start, _MARK.finditer(marked, low, high))
        if _is_claim_about(marked, at) and not (at > low and (_is_origin(marked, at) or _is_remark(marked, low, at)))
    )
    return PhraseMatch(phrase, start, match.end(), mark_offsets)


def _is_remark(marked: str, low: int, at: int) -> bool:
    """Return whether a name is in brackets after another: "the ◆ (◎ instrument) and the ◆", "the ◆ [with ◆]
    led".
    """
    if marked.rfind("[", low, at) > marked.rfind("]", low, at):
        return True
    return marked[at] == NAME and marked.rfind("(", low, at) > marked.rfind(")", low, at)


def _is_claim_about(marked: str, at: int) -> bool:
    """Return whether a claim concerns this mark: not the town in "◈ in ◎", nor the country in "the ◬ firm ◎"
    and "◇-based firms".
    """
    if marked.startswith("-based", at + 1):
        return False
    if marked[at] == DEMONYM:
        return not _OF_FIRM.match(marked, at + 1)
    return not (marked[at] == NAME and marked.endswith(" in ", 0, at))


def _is_origin(marked: str, at: int) -> bool:
    """Return whether a mark is the country in "◈ from ◇" or "◈ in Geneva, ◇", but not in "◇, and from ◇"."""
    if marked[at] == PLACE and _IN_TOWN.search(marked, max(at - _MAX_TOWN_CHARACTERS, 0), at):
        return True
    return marked.endswith(" from ", 0, at) and not marked.endswith(" and from ", 0, at)


def phrase_claims(sentence: Sentence, *kinds: str) -> Iterator[tuple[Phrase, Name]]:
    """Yield the claims of these kinds about the names in a sentence.

    A phrase inside another ("provided by" in "funding was provided by") is ignored, unless it is coordinated
    ("funded and implemented by").
    """
    taken: list[PhraseMatch] = []
    for hit in matches_in(sentence):
        if hit.phrase.claim in kinds and not any(_contains(other, hit, sentence.marked) for other in taken):
            taken.append(hit)
            yield from ((hit.phrase, name) for name in sentence.names if name.at in hit.mark_offsets)


def role_claims(sentence: Sentence) -> tuple[tuple[Phrase, Name], ...]:
    """Return the claims about the roles of actors in a sentence. Sentences about other projects make none."""
    if sentence.roles is None:
        silent = not sentence.names or has_phrase(sentence, "aside")
        sentence.roles = () if silent else tuple(phrase_claims(sentence, *ACTING))
    found: tuple[tuple[Phrase, Name], ...] = sentence.roles
    return found


def _contains(outer: PhraseMatch, inner: PhraseMatch, marked: str) -> bool:
    if not (outer.start <= inner.start and inner.end <= outer.end and outer.mark_offsets >= inner.mark_offsets):
        return False
    return not (outer.start < inner.start and marked.endswith((" and ", " and co-"), outer.start, inner.start))


def matches_in(sentence: Sentence) -> tuple[PhraseMatch, ...]:
    """Return the phrases in a sentence; none if it has no names."""
    if sentence.matches is None:
        sentence.matches = find_matches(sentence.marked) if sentence.names else ()
    found: tuple[PhraseMatch, ...] = sentence.matches
    return found


def claims_in(sentence: Sentence) -> frozenset[str]:
    """Return the claims of all phrases in a sentence."""
    if sentence.claims is None:
        sentence.claims = frozenset(hit.phrase.claim for hit in matches_in(sentence))
    return sentence.claims


def has_phrase(sentence: Sentence, kind: str) -> bool:
    """Return whether a sentence has a phrase with this claim."""
    return kind in claims_in(sentence)


def phrase_spans(sentence: Sentence, kind: str) -> list[tuple[int, int]]:
    """Return the spans of the phrases with this claim."""
    return [(hit.start, hit.end) for hit in matches_in(sentence) if hit.phrase.claim == kind]
