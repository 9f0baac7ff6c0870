"""What a pattern cannot fit without: the words that it may begin with, and those that it needs.

A pattern is tried only where they stand, and those of all patterns are looked for at once, so
that most patterns are tried at few places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cybilgraph.extraction.spans import MARKS

#: A part between braces, a word, a bar, the begin of a group; or the end of one, or what stands
#: for one character; and how often.
_TOKEN = re.compile(
    r"{(?P<part>[a-z]+)}|(?P<word>(?:[\w ,'€£-]|\\\$)+(?![?*+]|{[0-9,]))|(?P<bar>\|)"
    r"|(?P<open>\((?:\?(?:[:=!>]|<[=!]|P<\w+>))?)"
    r"|(?P<one>\)|\\.|\[\^?(?:\\.|[^\]\\])+\]|.)(?P<times>(?:[?*+]|{[0-9]*,?[0-9]*})[?+]?)?",
    re.DOTALL,
)
_OF_MARKS = re.compile(rf"\[?(?P<marks>[{MARKS}]+)\]?")
#: A shorter word stands in most sentences, and tells nothing; a sign tells as much as this.
_MIN_WORD_CHARACTERS = 3
_SIGNS = frozenset(MARKS + "$€£'")

#: What stands one behind the other: words, groups, and what tells nothing (empty).
Branch = list["str | Group"]
#: Branches, one of which stands there; one of them holds nothing where the group may be missing.
Group = list[Branch]
Clause = frozenset[str]


def parse(pattern: str, parts: Mapping[str, Group]) -> Group:
    """The words and groups of a pattern. ``parts`` are those that it names between braces."""
    return _group(_TOKEN.finditer(pattern), parts)[0]


def _group(tokens: Iterator[re.Match[str]], parts: Mapping[str, Group]) -> tuple[Group, str]:
    """All up to the end of a group, and how often it may stand there."""
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
            item = "" if token["open"][-1] in "=!" else inner  # what only looks around tells nothing
        elif token["word"]:
            item = token["word"].replace("\\", "")
        elif token["part"]:
            item = parts.get(token["part"], "")
        elif marks := _OF_MARKS.fullmatch(token["one"]):
            item = [[mark] for mark in marks["marks"]]
        branches[-1].append([[item], []] if times.startswith(("?", "*", "{0", "{,")) else item)
    return branches, ""


def first_words(group: Group) -> set[str]:
    """The words one of which each match begins with; one of them is empty where it may begin otherwise."""
    return _first(group)[0]


def _first(group: Group) -> tuple[set[str], bool]:
    """The first words, and whether the group may be empty."""
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
    """Of each of these sets one word or mark at least stands in each match."""
    return [clause for clause in _needs(group) if selectivity(clause) >= _MIN_WORD_CHARACTERS]


def _needs(group: Group) -> list[Clause]:
    """Of one branch all; of several the most telling set of each, put together."""
    by_branch = [
        [clause for item in branch for clause in ([frozenset((item,))] if isinstance(item, str) else _needs(item))]
        for branch in group
    ]
    if len(by_branch) == 1:
        return by_branch[0]
    best = [max(clauses, key=selectivity, default=frozenset[str]()) for clauses in by_branch]
    return [frozenset().union(*best)] if all(best) else []


def selectivity(clause: Clause) -> int:
    """How much it tells that one of these stands in a sentence: as much as the shortest."""
    return min(_MIN_WORD_CHARACTERS if word in _SIGNS else len(word.strip()) for word in clause)
