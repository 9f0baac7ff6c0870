"""Projects that only look alike: reported as likely duplicates, never merged.

Not each is compared with each other, but those that share a rare word of their titles, or their
dates and a country; and of those, the first only. So the work grows no faster than the records.
Of projects that are all alike, each is told of with one of those before it; of many, all at once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, groupby, islice
from operator import itemgetter

from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import load_gazetteer, similarity
from cybilgraph.model.rules import finding
from cybilgraph.runtime.spill import TemporaryDatabase

#: Titles at least this alike (0 to 100) may name one project; so may less alike ones of the
#: same dates, country and actor.
_MIN_TITLE_SCORE, _MIN_WEAK_TITLE_SCORE = 93, 60
#: So many characters of a title are compared: what is longer is no title.
_MAX_TITLE_CHARACTERS = 500
#: So many projects of one rare word, or of one month and country, are compared with each other.
_MAX_BLOCK_PROJECTS = 20
#: So many of the rarest words of a title decide with which others it is compared.
_RAREST_WORDS = 3
#: Of so many projects that are alike, each is told of.
_MAX_REPORTED_PROJECTS = 5
#: So many different words are counted in memory, and so many projects kept there that are compared.
_AT_ONCE, _AT_HAND = 10_000, 1_000
_PLACES = ("country", "region", "group")

# ``words`` tells how often a word stands in the titles; a row of ``blocks`` is a word, or dates and a
# country, of a project.
_SCHEMA = """
CREATE TABLE words (word TEXT PRIMARY KEY, times INTEGER) WITHOUT ROWID;
CREATE TABLE blocks (id INTEGER PRIMARY KEY, block TEXT, project INTEGER);
"""
_TITLES = "SELECT title FROM projects JOIN captures ON number = newest"
_FACTS = """
SELECT number, title, started, ended, countries FROM projects JOIN captures ON number = newest ORDER BY first
"""
_PROJECT = """
SELECT project, key, source, line, title, started, ended, countries, actors FROM captures WHERE number = ?
"""


@dataclass(frozen=True, slots=True)
class _Project:
    """The newest capture of a project: ``own`` is its own key, ``key`` that of the project."""

    key: str
    own: str
    source: str
    line: int
    title: str
    start: str
    end: str
    countries: frozenset[str]
    actors: frozenset[str]


def find_duplicates(captures: TemporaryDatabase) -> Iterator[Finding]:
    """Findings of the projects that look alike, given the database of captures.Captures."""

    @lru_cache(maxsize=_AT_HAND)
    def project(number: int) -> _Project:
        [row] = captures.rows(_PROJECT, number)
        return _Project(*row[:-2], *(frozenset(json.loads(keys)) for keys in row[-2:]))

    with TemporaryDatabase(_SCHEMA) as blocks:
        _count(captures, blocks)
        _fill(captures, blocks)
        groups = _Groups()
        found: list[tuple[tuple[int, int, int], int, int, str]] = []
        rows = blocks.rows("SELECT block, id, project FROM blocks ORDER BY block, id")
        for _, members in groupby(rows, key=itemgetter(0)):
            compared = [(at, number) for _, at, number in islice(members, _MAX_BLOCK_PROJECTS)]
            for (one, first), (other, second) in combinations(compared, 2):
                if not groups.are_one(first, second) and (rule := _duplicate_rule(project(first), project(second))):
                    groups.join(first, second)
                    # Told in the order of the blocks in which they first meet, whatever their words.
                    found.append(((compared[0][0], one, other), first, second, rule))
    reported: set[int] = set()
    for _, first, second, rule in sorted(found):
        group = groups.of(first)
        if len(group) <= _MAX_REPORTED_PROJECTS:
            yield _finding((project(first), project(second)), rule)
        elif group[0] not in reported:
            reported.add(group[0])
            yield _finding((project(first), project(second)), "many-alike", len(group) - 2)


class _Groups:
    """Projects that are alike, directly or through others."""

    def __init__(self) -> None:
        self._groups: dict[int, list[int]] = {}

    def of(self, number: int) -> list[int]:
        return self._groups.get(number) or [number]

    def are_one(self, one: int, other: int) -> bool:
        return one in self._groups and self._groups[one] is self._groups.get(other)

    def join(self, one: int, other: int) -> None:
        relaxations, group = sorted((self.of(one), self.of(other)), key=len)
        group += relaxations
        self._groups |= dict.fromkeys((one, other, *relaxations), group)


def _finding(pair: tuple[_Project, _Project], rule: str, more: int = 0) -> Finding:
    first, second = sorted(pair, key=lambda project: project.key)
    values = {"other": first.source, "key": first.own} | ({"more": f"{more:,}"} if more else {})
    return finding(rule, second.source, values, record=second.own, line=second.line, text=second.title)


def _count(captures: TemporaryDatabase, blocks: TemporaryDatabase) -> None:
    """Count how often each word stands in the titles."""
    counted = "INSERT INTO words VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET times = times + excluded.times"
    counts: Counter[str] = Counter()
    for (title,) in captures.rows(_TITLES):
        counts.update(_words(title))
        if len(counts) > _AT_ONCE:
            blocks.fill(counted, sorted(counts.items()))
            counts.clear()
    blocks.fill(counted, sorted(counts.items()))


def _fill(captures: TemporaryDatabase, blocks: TemporaryDatabase) -> None:
    """Tell of each project its rarest words, and its dates and countries."""

    @lru_cache(maxsize=_AT_ONCE)
    def times(word: str) -> int:
        return int(blocks.value("SELECT times FROM words WHERE word = ?", word))

    for number, title, start, end, countries in captures.rows(_FACTS):
        # Titles that are nearly the same share one at least of their rarest words.
        shared = sorted((often, word) for word in _words(title) if (often := times(word)) > 1)
        names = [word for _, word in shared[:_RAREST_WORDS]]
        names += [f"{start} {end} {country}" for country in json.loads(countries)]  # no word has a space
        blocks.fill("INSERT INTO blocks (block, project) VALUES (?, ?)", [(name, number) for name in names])


def _duplicate_rule(one: _Project, other: _Project) -> str:
    """The rule by which two projects may be one; empty where none says so. Titles that tell of two places or
    of two phases are not alike, however few letters tell them apart.
    """
    same_time = one.start == other.start and one.end == other.end
    shared = one.countries & other.countries and one.actors & other.actors
    least = _MIN_WEAK_TITLE_SCORE if same_time and one.start and shared else _MIN_TITLE_SCORE
    if not one.title or not (same_time or not (one.start and other.start)):
        return ""  # whatever their titles
    titles = one.title[:_MAX_TITLE_CHARACTERS], other.title[:_MAX_TITLE_CHARACTERS]
    likely = similarity(*titles, least)
    if likely < least or _are_distinct_titles(*titles):
        return ""
    if likely >= _MIN_TITLE_SCORE:
        return "duplicate-suspected"
    return "overlap-suspected"


def _words(title: str) -> set[str]:
    words = (part.strip("()[]“”\"'’,.:;–-") for part in title[:_MAX_TITLE_CHARACTERS].casefold().split())
    return {word for word in words if word}


def _are_distinct_titles(one: str, other: str) -> bool:
    names = load_gazetteer()
    return any(
        any(char.isdigit() for char in word)
        or word in ("i", "ii", "iii", "iv", "v")
        or (len(word) > 3 and any(names.find(kind, word) for kind in _PLACES))
        for word in _words(one) ^ _words(other)
    )
