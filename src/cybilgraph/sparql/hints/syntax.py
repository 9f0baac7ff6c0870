"""Explains syntax errors: finds likely mistakes and their positions.

The engine reports how far it could parse, which is often after the mistake, so the mistakes found here come first.
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
from cybilgraph.sparql.lexer import Token, tokens
from cybilgraph.sparql.query_analysis import unknown_prefixes

_AGGREGATES = {"COUNT", "SUM", "AVG", "MIN", "MAX", "SAMPLE", "GROUP_CONCAT"}
#: Modifiers in the required order (section 19.8, SolutionModifier).
_ORDER = ("GROUP", "HAVING", "ORDER", "LIMIT")
_REPLACEMENTS = {"AND": "&&", "OR": "||", "LIKE": "CONTAINS or REGEX", "NULL": "!BOUND(?variable)"}
_CLOSING = {"{": "}", "(": ")", "[": "]"}
_QUOTE_MARKS = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"}
#: Other common prefixes for our vocabularies.
_PREFIX_ALIASES = {"dct": "dcterms"}
#: The similarity of two three-letter prefixes that differ in one letter.
_MIN_SIMILARITY_PERCENT = 66
#: Unicode spaces that are not white space in SPARQL (section 19.8, WS).
_SPACE = re.compile(r"[^\S \t\r\n]")
#: Character classes in the engine's list of expected tokens, which do not help users.
_CLASS = re.compile(r"\['[^\]]*\]|\[_\]")
_POSITION = re.compile(r"error at (?P<line>\d+):(?P<column>\d+): (?:expected )?(?:one of )?(?P<expected>.*)", re.DOTALL)
#: Characters of a long line that are shown on either side of the position.
_EXCERPT_CONTEXT_CHARS = 60


def find_mistakes(query: str) -> Iterator[Note]:
    """Yield likely mistakes, the likeliest first; a note without text has only a position."""
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
    """Find typographic quotation marks, unclosed strings and unusual spaces."""
    for token in found:
        if token.kind == "other" and token.text in _QUOTE_MARKS:
            text = f"{token.text} is not a quotation mark in SPARQL. Write {_QUOTE_MARKS[token.text]}"
            yield Note(text, token.start)
        elif token.kind == "other" and token.text in "\"'":
            yield Note("The string is not closed on this line.", token.start)
    end = 0
    for token in (*found, Token("end", "", len(query))):
        between = query[end : token.start]
        if "#" not in between and (odd := _SPACE.search(between)):
            code = f"U+{ord(odd[0]):04X}"
            yield Note(f"This is a special space character ({code}). Use a normal space.", end + odd.start())
        end = token.start + len(token.text)


def _prefixes(query: str, found: Sequence[Token]) -> Iterator[Note]:
    for first, second in pairwise(found):
        if first.text.upper() == "PREFIX" and not (second.kind == "name" and second.text.endswith(":")):
            yield Note(f"A prefix declaration needs a colon: PREFIX {second.text.rstrip(':')}: <...>", second.start)
    for first, _, third in zip(found, found[1:], found[2:], strict=False):
        if first.text.upper() == "PREFIX" and third.kind == "name" and "://" in query[third.start : third.start + 9]:
            yield Note("The IRI of a prefix needs angle brackets: <https://...>", third.start)
    if unknown := unknown_prefixes(query):
        meant = list(dict.fromkeys(filter(None, map(_similar_prefix, unknown))))
        names = ", ".join(f"{prefix}:" for prefix in unknown)
        names += f". Did you mean {', '.join(f'{prefix}:' for prefix in meant)}?" if meant else ""
        used = [token for token in found if token.kind == "name" and token.text.partition(":")[0] not in PREFIXES]
        place = next((token.start for token in used if token.text.partition(":")[0] in unknown), 0)
        yield Note(f"Undeclared prefix {names}" if len(unknown) == 1 else f"Undeclared prefixes {names}", place)


def _similar_prefix(prefix: str) -> str:
    """Return our prefix for the same vocabulary or with a similar spelling; empty if there is none."""
    return _PREFIX_ALIASES.get(prefix) or closest_match(prefix, tuple(PREFIXES), _MIN_SIMILARITY_PERCENT)


def _comparisons(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """Find comparisons outside of FILTER, FILTER without parentheses, and ``==``."""
    around = [""]
    for before, token in pairwise([Token("end", "", 0), *found]):
        if token.kind == "open":
            around.append(token.text)
        elif token.kind == "close" and len(around) > 1:
            around.pop()
        elif token.text in ("=", "<", ">", "&") and token.kind == "other" and around[-1] == "{":
            yield Note("A comparison must be inside a FILTER: FILTER(?a = ?b)", token.start)
            return
        elif before.text.upper() == "FILTER" and token.kind in ("variable", "string", "number"):
            yield Note("The condition of a FILTER needs parentheses: FILTER(?a > 1)", token.start)
            return
        if token.text == before.text == "=" and token.start == before.start + 1:
            yield Note("SPARQL tests equality with a single =.", before.start)
            return


def _head(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """Find columns separated by commas, and expressions without parentheses."""
    depth, selecting = 0, False
    for token in found:
        word = token.text.upper()
        if word == "SELECT":
            depth, selecting = 0, True
        elif word in ("WHERE", "FROM", "{"):
            selecting = False
        depth += (token.kind == "open") - (token.kind == "close")
        if selecting and not depth and word == ",":
            yield Note("The columns of a SELECT are not separated by commas: SELECT ?a ?b", token.start)
        elif selecting and not depth and word in _AGGREGATES:
            yield Note(f"An expression needs parentheses and a name: ({word}(?a) AS ?b)", token.start)


def _brackets(_: str, found: Sequence[Token]) -> Iterator[Note]:
    opened: list[Token] = []
    for token in found:
        if token.kind == "open":
            opened.append(token)
        elif token.kind == "close":
            if not opened:
                yield Note(f"This {token.text} has no matching opening bracket.", token.start)
                return
            last = opened.pop()
            if _CLOSING[last.text] != token.text:
                yield Note(f"This {last.text} is not closed: {_CLOSING[last.text]} is missing.", last.start)
                return
    if opened:
        last = opened[-1]
        yield Note(f"This {last.text} is not closed: {_CLOSING[last.text]} is missing.", last.start)


def _modifiers(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """Find modifiers in the wrong order, group by group."""
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
                yield Note(f"{word} must come before {_ORDER[latest[-1]]}: {names}.", token.start)
                return
            latest[-1] = place


def _words(_: str, found: Sequence[Token]) -> Iterator[Note]:
    for token in found:
        if token.kind == "word" and token.text.upper() in _REPLACEMENTS:
            yield Note(f"SPARQL has no {token.text}. Write {_REPLACEMENTS[token.text.upper()]}.", token.start)


def _grouping(_: str, found: Sequence[Token]) -> Iterator[Note]:
    """Find columns next to an aggregate that are not in GROUP BY."""
    words = [token.text.upper() for token in found]
    if words.count("SELECT") != 1 or "{" not in words:
        return
    if "GROUP" in words and words[words.index("SELECT") + 1] == "*":
        yield Note("Name the columns: SELECT * is not allowed with GROUP BY.", found[words.index("SELECT") + 1].start)
    head = found[words.index("SELECT") + 1 : words.index("{")]
    if not _AGGREGATES.intersection(token.text.upper() for token in head):
        return
    grouped = {token.text for token in found[words.index("GROUP") :]} if "GROUP" in words else set()
    depth = 0
    for token in head:
        depth += (token.kind == "open") - (token.kind == "close")
        if not depth and token.kind == "variable" and token.text not in grouped:
            yield Note(f"{token.text} is selected along with an aggregate: add GROUP BY {token.text}", token.start)
            return


class Mistake(NamedTuple):
    """A syntax error: what is wrong, what to do, where, and an excerpt with a caret under the position."""

    what: str
    hint: str
    line: int
    column: int
    excerpt: str


def explain_mistake(query: str, message: str) -> Mistake:
    """Explain a syntax error by the likeliest mistake and the engine's own message."""
    reported = _POSITION.search(message)
    line, column = (int(reported["line"]), int(reported["column"])) if reported else (0, 0)
    sentences = [item.strip() for item in _CLASS.sub("", reported["expected"]).split(",")] if reported else [message]
    what = next((item for item in sentences if " " in item), "Syntax error")
    note = next(find_mistakes(query), None)
    if note:
        line, column = _position(query, note.start)
    return Mistake(what, note.text if note else "", line, column, _excerpt(query, line, column))


def _position(query: str, start: int) -> tuple[int, int]:
    """The line and column of an offset, both counted from 1."""
    before = query[:start].replace("\r\n", "\n")
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _excerpt(query: str, line: int, column: int) -> str:
    """The line (if long, the part around the column) with a caret under the column. Empty if there is no such line."""
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
    """White space as wide as a character. Tabs stay tabs, so that the caret is right for every tab width."""
    if char == "\t":
        return char
    if unicodedata.combining(char):
        return ""
    return "  " if unicodedata.east_asian_width(char) in "WF" else " "
