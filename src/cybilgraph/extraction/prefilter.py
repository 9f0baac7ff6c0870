"""Derive from a pattern the words that a match begins with and the words that it must contain.

A pattern is tried only where these words occur. One search finds the words of all patterns, so that most
patterns are tried at few positions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cybilgraph.extraction.name_spans import MARKS

#: A placeholder, word, alternative or group start; or a group end or single-character token with its
#: quantifier.
_TOKEN = re.compile(
    r"{(?P<part>[a-z]+)}|(?P<word>(?:[\w ,'€£-]|\\\$)+(?![?*+]|{[0-9,]))|(?P<bar>\|)"
    r"|(?P<open>\((?:\?(?:[:=!>]|<[=!]|P<\w+>))?)"
    r"|(?P<one>\)|\\.|\[\^?(?:\\.|[^\]\\])+\]|.)(?P<times>(?:[?*+]|{[0-9]*,?[0-9]*})[?+]?)?",
    re.DOTALL,
)
_OF_MARKS = re.compile(rf"\[?(?P<marks>[{MARKS}]+)\]?")
#: Shorter words occur in most sentences and are not selective; signs count as words of this length.
_MIN_WORD_CHARACTERS = 3
_SIGNS = frozenset(MARKS + "$€£'")

#: A sequence of words and groups; items that say nothing are empty.
Branch = list["str | Group"]
#: Alternatives; an optional group has an empty one.
Group = list[Branch]
Clause = frozenset[str]


def parse(pattern: str, parts: Mapping[str, Group]) -> Group:
    """Parse the words and groups of a pattern. ``parts`` maps placeholders to groups."""
    return _group(_TOKEN.finditer(pattern), parts)[0]


def _group(tokens: Iterator[re.Match[str]], parts: Mapping[str, Group]) -> tuple[Group, str]:
    """Parse up to the end of a group, and return the group with its quantifier."""
    branches: Group = [[]]
    for token in tokens:
        item: str | Group = ""
        times = token["times"] or ""
        if token["one"] == ")":
            return branches, times
        if token["bar"]:
            branches.append([])
            continue
        if token["open"]:
            inner, times = _group(tokens, parts)
            item = "" if token["open"][-1] in "=!" else inner  # lookarounds say nothing
        elif token["word"]:
            item = token["word"].replace("\\", "")
        elif token["part"]:
            item = parts.get(token["part"], "")
        elif marks := _OF_MARKS.fullmatch(token["one"]):
            item = [[mark] for mark in marks["marks"]]
        branches[-1].append([[item], []] if times.startswith(("?", "*", "{0", "{,")) else item)
    return branches, ""


def first_words(group: Group) -> set[str]:
    """Return the words that a match begins with; an empty word if it may begin otherwise."""
    return _first(group)[0]


def _first(group: Group) -> tuple[set[str], bool]:
    """Return the first words, and whether the group may match nothing."""
    found: set[str] = set()
    empty = False
    for branch in group:
        for item in branch:
            words, goes_on = ({item}, False) if isinstance(item, str) else _first(item)
            found |= words
            if not goes_on:
                break
        else:
            empty = True
    return found, empty


def required_words(group: Group) -> list[Clause]:
    """Return sets of words and marks; each match contains at least one of each set."""
    return [clause for clause in _needs(group) if selectivity(clause) >= _MIN_WORD_CHARACTERS]


def _needs(group: Group) -> list[Clause]:
    """Return all sets of a single branch; of several branches, the union of the most selective set of each."""
    by_branch = [
        [clause for item in branch for clause in ([frozenset((item,))] if isinstance(item, str) else _needs(item))]
        for branch in group
    ]
    if len(by_branch) == 1:
        return by_branch[0]
    best = [max(clauses, key=selectivity, default=frozenset[str]()) for clauses in by_branch]
    return [frozenset().union(*best)] if all(best) else []


def selectivity(clause: Clause) -> int:
    """Return how selective a set of words is: the length of the shortest."""
    return min(_MIN_WORD_CHARACTERS if word in _SIGNS else len(word.strip()) for word in clause)
