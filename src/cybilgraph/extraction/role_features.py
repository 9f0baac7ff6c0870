"""Features from the words around a name.

Single words and pairs of words say most about frequent wordings. Word classes (role-words.csv) also cover rare
ones: a name after "by" and a verb of doing, before a word about money, after a word about help.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise

from cybilgraph.extraction.name_spans import ACTOR, BODY, MARKS, NAME, PLACE
from cybilgraph.model.resources import read_reference

#: Names in a list share the text before the first and after the last.
_NAME_AND_ABBREVIATION = rf"[{ACTOR}{BODY}{NAME}{PLACE}](?: \([^)]{{0,80}}\))?"
_LIST = re.compile(
    rf"{_NAME_AND_ABBREVIATION}(?:(?:,? and |, | & | ?/ ?)(?:the |by |its |from )?{_NAME_AND_ABBREVIATION})*"
)
_WORD = re.compile(rf"[{MARKS}]|[a-z]+(?:['-][a-z]+)*|[,()]")
#: The end of the context of a name: in "funded by A and delivered by B", "funded" is not context of B.
_CONTEXT_END = re.compile(
    r";|:|\. |and (?<= and )(?=(?:(?:is|was|being) )?(?:\w+ly )?(?:implemented|delivered|executed|carried out"
    r"|conducted|run|managed|led|funded|financed|paid for|sponsored) by\b)"
)
#: A remark between a name and its verb (sentences.py).
_REMARK = re.compile(r" \[[^\]]*\]")
_MARKS = frozenset(MARKS)
_ARTICLES = frozenset(("the", "a", "an", "its", "their", "both"))
_PREPOSITIONS = frozenset(
    "by with from of for to through at under in and between via as alongside including".split()  # noqa: SIM905
)
_BE = frozenset(("is", "are", "was", "were", "be", "been", "being"))
_AUXILIARY = _BE | {"has", "have", "had", "will", "also"}
_PASSIVE = ("ed", "en", "ght", "un")
#: The longest context on each side of a name.
_MAX_CONTEXT_CHARACTERS, _MAX_CONTEXT_WORDS = 120, 16
#: The longest context for single words and sequences.
_MAX_NGRAM_WORDS = 6


@lru_cache(maxsize=2_000)
def context_features(marked: str) -> dict[int, tuple[str, ...]]:
    """Return the features of each name in a marked sentence, by the offset of its mark."""
    found: dict[int, tuple[str, ...]] = {}
    for names in _LIST.finditer(marked):
        start, end = names.span()
        remark = _REMARK.match(marked, end)
        behind = remark.end() if remark else end
        left = _WORD.findall(_CONTEXT_END.split(marked[max(0, start - _MAX_CONTEXT_CHARACTERS) : start])[-1])
        while left and left[-1] in _ARTICLES:
            left.pop()
        right = _WORD.findall(_CONTEXT_END.split(marked[behind : behind + _MAX_CONTEXT_CHARACTERS], maxsplit=1)[0])
        place = _position(left)
        own = (
            *_features_before(left, place),
            *_features_after(right, place),
            *_ngrams("left", left[::-1]),
            *_ngrams("right", right),
        )
        found.update((at, own) for at in range(start, end) if marked[at] in _MARKS)
    return found


def first_words(marked: str) -> tuple[str, str]:
    """Return features of the words that begin a sentence: "an earlier project", "the workshop"."""
    words = _WORD.findall(marked, 0, _MAX_CONTEXT_CHARACTERS)
    return f"begins {' '.join(words[:1])}", f"begins {' '.join(words[:2])}"


def _ngrams(side: str, words: list[str]) -> Iterator[str]:
    """Yield the nearest words on a side of a name, from the name outwards, and the sequences of these words."""
    near = words[:_MAX_NGRAM_WORDS]
    for word in near:
        yield f"{side} {word}"
    for first, second in pairwise(near):
        yield f"{side} {first} {second}"
    for length in (1, 2, 3):
        yield f"{side}: {' '.join(near[:length])}"


def _position(left: list[str]) -> str:
    """Return what is directly before a name: nothing, a preposition, a word class, or any word."""
    if not left:
        return "start"
    return left[-1] if left[-1] in _PREPOSITIONS or left[-1] in ",()" else _word_class(left[-1]) or "word"


def _features_before(left: list[str], place: str) -> Iterator[str]:
    yield f"at {place}"
    near = left[: -_MAX_CONTEXT_WORDS - 1 : -1]
    kinds = [*map(_word_class, near)]
    yield from ["before " + kind for kind in {*kinds} if kind]
    if not _MARKS.isdisjoint(near):
        yield "name before"
    preposition = across = ""
    for word, kind in zip(near, kinds, strict=True):
        if word in _MARKS:
            across = " across"
        elif word in _PREPOSITIONS:
            preposition = preposition or f" {word}"
        elif kind:
            yield f"behind {kind}{preposition}{across}"
            break
    else:
        yield f"behind nothing{preposition}{across}"


def _features_after(right: list[str], place: str) -> Iterator[str]:
    near = right[:_MAX_CONTEXT_WORDS]
    kinds = [*map(_word_class, near)]
    yield from ["followed by " + kind for kind in {*kinds} if kind]
    if not _MARKS.isdisjoint(near):
        yield "name behind"
    preposition = across = first = ""
    for index, (word, kind) in enumerate(zip(near, kinds, strict=True)):
        if word in _MARKS:
            across = " across"
        elif word in _PREPOSITIONS:
            preposition = preposition or word
        elif not kind:
            continue
        elif not first:
            first = kind
            then = f"then {_voice(word, near[:index])}{kind}"
            yield f"{then}{across}"
            yield f"at {place} {then}{across}"
            at_once = all(each in _AUXILIARY or each.endswith("ly") for each in near[:index])
            yield f"{then} {'at once' if at_once else preposition or 'later'}"
        elif kind != first:
            yield f"then {first} then {kind}"
            break
    if not first:
        yield f"at {place} then nothing"


def _voice(word: str, seen: list[str]) -> str:
    """Return "is " for a passive ("is taught"), "to " for an infinitive ("to teach"), otherwise nothing."""
    if word.endswith(_PASSIVE) and not _BE.isdisjoint(seen[-2:]):
        return "is "
    return "to " if seen[-1:] == ["to"] else ""


@lru_cache(maxsize=5_000)  # contexts, and thus words, are short
def _word_class(word: str) -> str:
    """Return the class of a word by the longest listed prefix, or an empty string."""
    whole, beginnings, longest = _load_word_classes()
    if word in whole:
        return whole[word]
    ends = range(min(len(word), longest), 1, -1)
    return next((beginnings[word[:end]] for end in ends if word[:end] in beginnings), "")


@cache
def _load_word_classes() -> tuple[dict[str, str], dict[str, str], int]:
    """Load the classes of whole words and of prefixes ("fund*"), and the length of the longest prefix."""
    whole: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    for row in read_reference("role-words.csv"):
        word = row["word"]
        (beginnings if word.endswith("*") else whole)[word.removesuffix("*")] = row["kind"]
    return whole, beginnings, max(map(len, beginnings))
