"""Explains syntax errors: finds likely mistakes and their positions.

The engine reports how far it could parse, which is often after the mistake, so the mistakes found here come first.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import NamedTuple

from cybilgraph.model.gazetteer import closest_match
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.sparql.hints.outline import MAX_TOKENS, OutlineError, parse_outline, shortened
from cybilgraph.sparql.lexer import Token, tokens
from cybilgraph.sparql.query_analysis import undeclared_names

#: Other common prefixes for our vocabularies.
_PREFIX_ALIASES = {"dct": "dcterms"}
#: The similarity of two three-letter words that differ in one letter.
_MIN_SIMILARITY_PERCENT = 66
#: Unicode spaces that are not white space in SPARQL (section 19.8, WS).
_SPACE = re.compile(r"[^\S \t\r\n]")
#: Character classes in the engine's list of expected tokens, which do not help users.
_CLASS = re.compile(r"\['[^\]]*\]|\[_\]")
_POSITION = re.compile(r"error at (?P<line>\d+):(?P<column>\d+): (?:expected )?(?:one of )?(?P<expected>.*)", re.DOTALL)
#: Characters of a long line that are shown on either side of the position.
_EXCERPT_CONTEXT_CHARS = 60


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
    hint = ""
    if mistake := _find_mistake(query):
        hint = shortened(mistake.text)
        before = query[: mistake.start].replace("\r\n", "\n")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return Mistake(what, hint, line, column, _excerpt(query, line, column))


def _find_mistake(query: str) -> OutlineError | None:
    """Return the likeliest mistake; None if there is none, or the query is too long to look for it."""
    found = list(islice(tokens(query), MAX_TOKENS + 1))
    if len(found) > MAX_TOKENS:
        return None
    try:
        parse_outline(query)
    except OutlineError as mistake:
        names = sorted(undeclared_names(query) - PREFIXES.keys())
        token = next((token for token in found if token.start == mistake.start), None)
        is_undeclared = token and token.kind == "name" and token.text.partition(":")[0] in names
        return OutlineError(mistake.start, _undeclared(names)) if is_undeclared and not mistake.text else mistake
    return _unusual_space(query, found)


def _undeclared(names: list[str]) -> str:
    meant = (
        _PREFIX_ALIASES.get(name) or closest_match(name, tuple(PREFIXES), _MIN_SIMILARITY_PERCENT) for name in names
    )
    suggested = ", ".join(f"{name}:" for name in dict.fromkeys(meant) if name)
    listed = ", ".join(f"{name}:" for name in names)
    return f"Undeclared prefix{'es' * (len(names) > 1)} {listed}" + (
        f". Did you mean {suggested}?" if suggested else ""
    )


def _unusual_space(query: str, found: list[Token]) -> OutlineError | None:
    end = 0
    for token in (*found, Token("end", "", len(query))):
        between = query[end : token.start]
        if "#" not in between and (space := _SPACE.search(between)):
            text = f"This is a special space character (U+{ord(space[0]):04X}). Use a normal space."
            return OutlineError(end + space.start(), text)
        end = token.start + len(token.text)
    return None


def _excerpt(query: str, line: int, column: int) -> str:
    """Return a line, or the part of it around the column, with a caret below; empty if there is no such line."""
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
