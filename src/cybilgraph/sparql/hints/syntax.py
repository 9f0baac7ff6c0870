"""What a text lacks to be a query: likely mistakes, each with its place.

The engine tells how far it could read, which is often behind the mistake; so what is found here goes first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from cybilgraph.model.gazetteer import closest_match
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.outline import parse_outline
from cybilgraph.sparql.hints.syntax_tree import Note
from cybilgraph.sparql.queries import Token, tokens, unknown_prefixes

_AGGREGATES = {"COUNT", "SUM", "AVG", "MIN", "MAX", "SAMPLE", "GROUP_CONCAT"}
#: Modifiers in the order in which they must stand (section 19.8, SolutionModifier).
_ORDER = ("GROUP", "HAVING", "ORDER", "LIMIT")
_REPLACEMENTS = {"AND": "&&", "OR": "||", "LIKE": "CONTAINS or REGEX", "NULL": "!BOUND(?variable)"}
_CLOSING = {"{": "}", "(": ")", "[": "]"}
_QUOTE_MARKS = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"}
#: What others call a vocabulary.
_PREFIX_ALIASES = {"dct": "dcterms"}
#: So much alike are prefixes of three letters that differ in one.
_MIN_SIMILARITY_PERCENT = 66
#: Spaces to us, and not to SPARQL (section 19.8, WS).
_SPACE = re.compile(r"[^\S \t\r\n]")
#: What the engine expects, as its grammar says it: classes of characters, which tell nobody anything.
_CLASS = re.compile(r"\['[^\]]*\]|\[_\]")
_POSITION = re.compile(r"error at (?P<line>\d+):(?P<column>\d+): (?:expected )?(?:one of )?(?P<expected>.*)", re.DOTALL)
#: So many characters of a long line are shown on either side of the place.
_EXCERPT_CONTEXT_CHARS = 60


def mistakes(query: str) -> Iterator[Note]:
    """What is likely wrong, the likeliest first; a note without text has the place only."""
    found = list(tokens(query))
    for check in (_marks, _prefixes, _comparisons, _head, _brackets, _modifiers, _words, _grouping):
        yield from check(query, found)
    try:
        parse_outline(query)
    except Unreadable as place:
        token = next((token for token in found if token.start == place.start), None)
        shown = f" before {token.text[:40]}" if token else ""
        yield Note(f"A dot (or ; or ,) is missing{shown}." if place.between else "", place.start)


def _marks(query: str, found: Sequence[Token]) -> Iterator[Note]:
    """Characters that look like those of SPARQL."""
    for token in found:
        if token.kind == "other" and token.text in _QUOTE_MARKS:
            yield Note(f"{token.text} is no quotation mark of SPARQL. Write {_QUOTE_MARKS[token.text]}", token.start)
        elif token.kind == "other" and token.text in "\"'":
            yield Note("A quotation mark is not closed on its line.", token.start)
    end = 0
    for token in (*found, Token("end", "", len(query))):
        between = query[end : token.start]
        if "#" not in between and (odd := _SPACE.search(between)):
            code = f"U+{ord(odd[0]):04X}"
            yield Note(f"There is a space of another kind ({code}). Write an ordinary one.", end + odd.start())
        end = token.start + len(token.text)


def _prefixes(query: str, found: Sequence[Token]) -> Iterator[Note]:
    for first, second in pairwise(found):
        if first.text.upper() == "PREFIX" and not (second.kind == "name" and second.text.endswith(":")):
            yield Note(f"A prefix is declared with a colon: PREFIX {second.text.rstrip(':')}: <...>", second.start)
    for first, _, third in zip(found, found[1:], found[2:], strict=False):
        if first.text.upper() == "PREFIX" and third.kind == "name" and "://" in query[third.start : third.start + 9]:
            yield Note("The IRI of a prefix stands in angle brackets: <https://...>", third.start)
    if unknown := unknown_prefixes(query):
        meant = list(dict.fromkeys(filter(None, map(_similar_prefix, unknown))))
        names = ", ".join(f"{prefix}:" for prefix in unknown)
        names += f". Did you mean {', '.join(f'{prefix}:' for prefix in meant)}?" if meant else ""
        used = [token for token in found if token.kind == "name" and token.text.partition(":")[0] not in PREFIXES]
        place = next((token.start for token in used if token.text.partition(":")[0] in unknown), 0)
        yield Note(f"No PREFIX declares {names}", place)


def _similar_prefix(prefix: str) -> str:
    """The prefix of ours that is like this one, or is the same; empty where there is none."""
    return _PREFIX_ALIASES.get(prefix) or closest_match(prefix, tuple(PREFIXES), _MIN_SIMILARITY_PERCENT)


def _comparisons(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """Operators of expressions between patterns, and FILTER without brackets."""
    around = [""]
    for before, token in pairwise([Token("end", "", 0), *found]):
        if token.kind == "open":
            around.append(token.text)
        elif token.kind == "close" and len(around) > 1:
            around.pop()
        elif token.text in ("=", "<", ">", "&") and token.kind == "other" and around[-1] == "{":
            yield Note("A comparison stands in brackets behind FILTER: FILTER(?a = ?b)", token.start)
            return
        elif before.text.upper() == "FILTER" and token.kind in ("variable", "string", "number"):
            yield Note("The condition of a FILTER stands in brackets: FILTER(?a > 1)", token.start)
            return
        if token.text == before.text == "=" and token.start == before.start + 1:
            yield Note("Equal is a single = in SPARQL.", before.start)
            return


def _head(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """Columns that are parted by commas, or calculated outside of brackets."""
    depth, selecting = 0, False
    for token in found:
        word = token.text.upper()
        if word == "SELECT":
            depth, selecting = 0, True
        elif word in ("WHERE", "FROM", "{"):
            selecting = False
        depth += (token.kind == "open") - (token.kind == "close")
        if selecting and not depth and word == ",":
            yield Note("The columns of a SELECT are not parted by commas: SELECT ?a ?b", token.start)
        elif selecting and not depth and word in _AGGREGATES:
            yield Note(f"What is calculated stands in brackets: ({word}(?a) AS ?b)", token.start)


def _brackets(_: str, found: Sequence[Token]) -> Iterator[Note]:
    opened: list[Token] = []
    for token in found:
        if token.kind == "open":
            opened.append(token)
        elif token.kind == "close":
            if not opened:
                yield Note(f"This {token.text} closes nothing.", token.start)
                return
            last = opened.pop()
            if _CLOSING[last.text] != token.text:
                yield Note(f"This {last.text} is not closed: {_CLOSING[last.text]} is missing.", last.start)
                return
    if opened:
        last = opened[-1]
        yield Note(f"This {last.text} is not closed: {_CLOSING[last.text]} is missing.", last.start)


def _modifiers(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """Modifiers in another order than theirs, group by group."""
    latest = [-1]
    for token in found:
        word = token.text.upper()
        if token.kind == "open":
            latest.append(-1)
        elif token.kind == "close" and len(latest) > 1:
            latest.pop()
        elif word in _ORDER:
            place = _ORDER.index(word)
            if place < latest[-1]:
                names = "first GROUP BY, then HAVING, ORDER BY, LIMIT"
                yield Note(f"{word} belongs before {_ORDER[latest[-1]]}: {names}.", token.start)
                return
            latest[-1] = place


def _words(_: str, found: Sequence[Token]) -> Iterator[Note]:
    for token in found:
        if token.kind == "word" and token.text.upper() in _REPLACEMENTS:
            yield Note(f"SPARQL has no {token.text}. Write {_REPLACEMENTS[token.text.upper()]}.", token.start)


def _grouping(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """A column beside an aggregate that the rows are not grouped by."""
    words = [token.text.upper() for token in found]
    if words.count("SELECT") != 1 or "{" not in words:
        return
    if "GROUP" in words and words[words.index("SELECT") + 1] == "*":
        yield Note("Name the columns: where rows are grouped, * names none.", found[words.index("SELECT") + 1].start)
    head = found[words.index("SELECT") + 1 : words.index("{")]
    if not _AGGREGATES.intersection(token.text.upper() for token in head):
        return
    grouped = {token.text for token in found[words.index("GROUP") :]} if "GROUP" in words else set()
    depth = 0
    for token in head:
        depth += (token.kind == "open") - (token.kind == "close")
        if not depth and token.kind == "variable" and token.text not in grouped:
            yield Note(f"{token.text} stands beside an aggregate: add GROUP BY {token.text}", token.start)
            return


class Mistake(NamedTuple):
    """What is told of a text that is no query: what is wrong and what to do, where, and the line with a caret."""

    what: str
    hint: str
    line: int
    column: int
    excerpt: str


def explain_mistake(query: str, message: str) -> Mistake:
    """The likeliest mistake, and what the engine says in words."""
    said = _POSITION.search(message)
    line, column = (int(said["line"]), int(said["column"])) if said else (0, 0)
    sentences = [item.strip() for item in _CLASS.sub("", said["expected"]).split(",")] if said else [message]
    what = next((item for item in sentences if " " in item), "The query cannot be read on from here")
    note = next(mistakes(query), None)
    if note:
        line, column = _position(query, note.start)
    return Mistake(what, note.text if note else "", line, column, _excerpt(query, line, column))


def _position(query: str, start: int) -> tuple[int, int]:
    """Line and column of a character, both counted from 1."""
    before = query[:start].replace("\r\n", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _excerpt(query: str, line: int, column: int) -> str:
    """The line with a caret under the column; of a long line, what is around it. Empty where there is no such line."""
    lines = query.replace("\r\n", "\n").split("\n")
    if not 1 <= line <= len(lines):
        return ""
    text, at = lines[line - 1], max(column - 1, 0)
    first = max(at - _EXCERPT_CONTEXT_CHARS, 0) if len(text) > 2 * _EXCERPT_CONTEXT_CHARS else 0
    last = at + _EXCERPT_CONTEXT_CHARS if len(text) - first > 2 * _EXCERPT_CONTEXT_CHARS else len(text)
    shown = ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")
    before = ("…" if first else "") + text[first:at].ljust(at - first)
    return f"{_visible(shown)}\n{''.join(map(_blank, _visible(before)))}^"


def _visible(text: str) -> str:
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]", "\N{REPLACEMENT CHARACTER}", text)


def _blank(char: str) -> str:
    """Room as wide as a character: a tab stays one, so that the caret stands right whatever a tab is wide."""
    if char == "\t":
        return char
    if unicodedata.combining(char):
        return ""
    return "  " if unicodedata.east_asian_width(char) in "WF" else " "
