"""Report similar projects as likely duplicates, without merging them.

Only projects that share a rare word in their titles, or dates and a country, are compared, and only the
first of these. The work therefore grows linearly with the number of records. In a group of similar projects,
each is reported with one before it; a large group is reported once.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, groupby, islice
from operator import itemgetter

from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import PLACES, load_gazetteer, similarity
from cybilgraph.model.rules import finding
from cybilgraph.runtime.spill import TemporaryDatabase

#: Minimum similarity of titles (0 to 100): in general, and for the same dates, country and actor.
_MIN_TITLE_SCORE, _MIN_WEAK_TITLE_SCORE = 93, 60
#: The number of characters compared.
_MAX_TITLE_CHARACTERS = 500
#: The number of projects compared for one rare word, or for the same dates and country.
_MAX_BLOCK_PROJECTS = 20
#: The number of rarest words of a title that select the projects for comparison.
_RAREST_WORDS = 3
#: In groups up to this size, each project is reported.
_MAX_REPORTED_PROJECTS = 5
#: The number of words counted in memory, and of projects cached for comparison.
_MAX_COUNTED_WORDS, _MAX_CACHED_PROJECTS = 10_000, 1_000

# ``words`` counts the occurrences of words in titles. A row of ``blocks`` assigns a project to a word, or to
# dates and a country.
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


def find_duplicates(captures: TemporaryDatabase, distinct: Collection[frozenset[str]] = ()) -> Iterator[Finding]:
    """Yield findings about similar projects, given the database of identity.Identities.

    Pairs of keys that are known to be ``distinct`` are left out.
    """

    @lru_cache(maxsize=_MAX_CACHED_PROJECTS)
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
                if groups.are_joined(first, second) or frozenset((project(first).key, project(second).key)) in distinct:
                    continue
                if rule := _duplicate_rule(project(first), project(second)):
                    groups.join(first, second)
                    # Keep the order of the blocks in which pairs first occur, whatever the words.
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
    """Groups of projects that are similar, directly or through others."""

    def __init__(self) -> None:
        self._groups: dict[int, list[int]] = {}

    def of(self, number: int) -> list[int]:
        return self._groups.get(number) or [number]

    def are_joined(self, one: int, other: int) -> bool:
        return one in self._groups and self._groups[one] is self._groups.get(other)

    def join(self, one: int, other: int) -> None:
        smaller, group = sorted((self.of(one), self.of(other)), key=len)
        group += smaller
        self._groups |= dict.fromkeys((one, other, *smaller), group)


def _finding(pair: tuple[_Project, _Project], rule: str, more: int = 0) -> Finding:
    first, second = sorted(pair, key=lambda project: project.key)
    values = {"other": first.source, "key": first.own} | ({"more": f"{more:,}"} if more else {})
    return finding(rule, second.source, values, record=second.own, line=second.line, text=second.title)


def _count(captures: TemporaryDatabase, blocks: TemporaryDatabase) -> None:
    """Count the occurrences of each word in the titles."""
    counted = "INSERT INTO words VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET times = times + excluded.times"
    counts: Counter[str] = Counter()
    for (title,) in captures.rows(_TITLES):
        counts.update(_words(title))
        if len(counts) > _MAX_COUNTED_WORDS:
            blocks.fill(counted, sorted(counts.items()))
            counts.clear()
    blocks.fill(counted, sorted(counts.items()))


def _fill(captures: TemporaryDatabase, blocks: TemporaryDatabase) -> None:
    """Assign each project to blocks for its rarest words, and for its dates and countries."""

    @lru_cache(maxsize=_MAX_COUNTED_WORDS)
    def occurrences_of(word: str) -> int:
        return int(blocks.value("SELECT times FROM words WHERE word = ?", word))

    for number, title, start, end, countries in captures.rows(_FACTS):
        # Titles that are nearly the same share at least one of their rarest words.
        shared = sorted((occurrences, word) for word in _words(title) if (occurrences := occurrences_of(word)) > 1)
        names = [word for _, word in shared[:_RAREST_WORDS]]
        names += [f"{start} {end} {country}" for country in json.loads(countries)]  # words contain no spaces
        blocks.fill("INSERT INTO blocks (block, project) VALUES (?, ?)", [(name, number) for name in names])


def _duplicate_rule(one: _Project, other: _Project) -> str:
    """Return the rule for a pair of similar projects, or an empty string.

    Titles with different places or phases are not similar, however few letters differ.
    """
    same_time = one.start == other.start and one.end == other.end
    shared = one.countries & other.countries and one.actors & other.actors
    threshold = _MIN_WEAK_TITLE_SCORE if same_time and one.start and shared else _MIN_TITLE_SCORE
    if not one.title or not (same_time or not (one.start and other.start)):
        return ""  # whatever the titles
    titles = one.title[:_MAX_TITLE_CHARACTERS], other.title[:_MAX_TITLE_CHARACTERS]
    score = similarity(*titles, threshold)
    if score < threshold or _are_distinct_titles(*titles):
        return ""
    if score >= _MIN_TITLE_SCORE:
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
        or (len(word) > 3 and any(names.find(kind, word) for kind in PLACES))
        for word in _words(one) ^ _words(other)
    )
