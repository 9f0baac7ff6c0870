"""The tokens of SPARQL text.

The text is scanned into tokens, not parsed: enough to distinguish a keyword from the same word in a comment, a string
or an IRI. Grammar: SPARQL 1.1 Query, section 19.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# PN_CHARS_U, PN_CHARS, PN_LOCAL and the others follow the grammar: tokens must end at the same place here and in the
# engine.
_U = (
    "A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_C = rf"{_U}0-9\u00b7\u0300-\u036f\u203f-\u2040\-"
_PLX = r"(?:%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])"
_LOCAL = rf"(?:(?:[{_U}:0-9]|{_PLX})(?:[{_C}:]++|{_PLX}|\.++(?=[{_C}:]|{_PLX}))*+)?+"
_WORD = rf"(?P<word>[{_U}][{_U}0-9]*+)"
_NUMBER = r"(?P<number>(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+)"
# All repetitions are possessive (``*+``), so none backtracks. What remains are long scans that fail and restart at a
# later character; ``scan`` bounds those: it closes strings itself, and reads a run that is not a prefixed name once.
_TOKEN = re.compile(
    rf"""(?P<gap>(?:\s++|\#[^\n\r]*+)++)
      | (?P<iri><(?:[^<>"{{}}|^`\\\x00-\x20]++|\\u[0-9A-Fa-f]{{4}}|\\U[0-9A-Fa-f]{{8}})*+>)
      | (?P<quote>\"\"\"|'''|["'])
      | (?P<variable>[?$][{_U}0-9][{_U}0-9\u00b7\u0300-\u036f\u203f-\u2040]*+)
      | (?P<language>@[a-zA-Z]++(?:-[a-zA-Z0-9]++)*+)
      | (?P<blank>_:[{_U}0-9](?:[{_C}]++|\.++(?=[{_C}]))*+)
      | (?P<name>(?:[{_U}](?:[{_C}.]*+(?<!\.))?)?:{_LOCAL})
      | {_WORD}(?![{_C}.])
      | (?P<run>[{_U}][{_C}.]*+)
      | {_NUMBER}
      | (?P<open>[(\[{{]) | (?P<close>[)\]}}])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
#: The tokens in a run of letters, digits, hyphens and dots that is neither a word nor followed by a colon.
_IN_RUN = re.compile(rf"{_WORD}|{_NUMBER}|(?P<other>.)", re.DOTALL)
#: By opening quotation mark: matches a string to its end or as far as possible; ``closed`` says which.
_STRINGS = {
    '"': re.compile(r'"(?:[^"\\\n\r]++|\\.)*+(?P<closed>")?', re.DOTALL),
    "'": re.compile(r"'(?:[^'\\\n\r]++|\\.)*+(?P<closed>')?", re.DOTALL),
    '"""': re.compile(r'"""(?:[^"\\]++|\\.|""?(?!"))*+(?P<closed>""")?', re.DOTALL),
    "'''": re.compile(r"'''(?:[^'\\]++|\\.|''?(?!'))*+(?P<closed>''')?", re.DOTALL),
}
_COMMENT = re.compile(r"#[^\n\r]*+")
ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
QUERY_FORMS = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}


class Token(NamedTuple):
    """A token of SPARQL text: its kind (a group of the pattern above), its text and its position."""

    kind: str
    text: str
    start: int


def tokens(query: str) -> Iterator[Token]:
    """Yield the tokens of a query without comments and white space, in time linear in its length."""
    for kind, match in scan(query):
        if kind != "gap":
            yield Token(kind, match[0], match.start())


def scan(query: str) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the kind and the match of each token, and of the gaps between them (kind ``gap``).

    Total time is linear: an unclosed string is scanned once, because no string that starts inside it with the same
    quotation mark is closed either.
    """
    position = 0
    unclosed = dict.fromkeys(_STRINGS, 0)  # no string with this mark that starts before here is closed
    while position < len(query):
        for match in _TOKEN.finditer(query, position):
            kind = match.lastgroup or "other"
            if kind == "quote":
                kind, match = _string(query, match, unclosed)
            elif kind == "run":
                for inner in _IN_RUN.finditer(query, match.start()):
                    yield inner.lastgroup or "other", inner
                    position = inner.end()
                    if position >= match.end():
                        break
                break
            yield kind, match
            position = match.end()
            if kind == "string":
                break


def _string(query: str, opening: re.Match[str], unclosed: dict[str, int]) -> tuple[str, re.Match[str]]:
    """Match the string that starts with a quotation mark; the mark alone, as ``other``, if it is not closed."""
    for mark in dict.fromkeys((opening[0], opening[0][0])):
        if opening.start() >= unclosed[mark] and (found := _STRINGS[mark].match(query, opening.start())):
            if found["closed"]:
                return "string", found
            unclosed[mark] = found.end()
    return "other", opening


def keywords(query: str) -> set[str]:
    """Return the words of a query in upper case, including its keywords however they are written."""
    return {token.text.upper() for token in tokens(ESCAPE.sub(decode_escape, query)) if token.kind == "word"}


def without_comments(query: str) -> str:
    """Remove the comments of a query; line numbers stay the same."""
    return "".join(_COMMENT.sub("", match[0]) if kind == "gap" else match[0] for kind, match in scan(query))


def decode_escape(match: re.Match[str]) -> str:
    """Replace a match of ESCAPE by its character, if that can be part of a word."""
    char = chr(min(int(match[1] or match[2], 16), 0x10FFFF))
    return char if char.isalnum() else match[0]
