"""Tokens against the grammar, and scanners of SPARQL text against hostile input."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cybilgraph.errors import QueryError
from cybilgraph.sparql import guard, lexer, query_analysis
from tests.support.slow_patterns import grows

# PN_CHARS_U and PN_CHARS (for use in brackets) and PLX of the grammar (SPARQL 1.1 Query, section 19.8).
_U = (
    "A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_C = rf"{_U}0-9\u00b7\u0300-\u036f\u203f-\u2040\-"
_PLX = r"(?:%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])"
# A reference implementation of the grammar's tokens, in quadratic time.
_GRAMMAR = re.compile(
    rf"""(?P<gap>(?:\s|\#[^\n\r]*)+)
      | (?P<iri><(?:[^<>"{{}}|^`\\\x00-\x20]|\\u[0-9A-Fa-f]{{4}}|\\U[0-9A-Fa-f]{{8}})*>)
      | (?P<string>\"\"\"(?:(?:"|"")?(?:[^"\\]|\\.))*\"\"\" | '''(?:(?:'|'')?(?:[^'\\]|\\.))*'''
                 | "(?:[^"\\\n\r]|\\.)*" | '(?:[^'\\\n\r]|\\.)*')
      | (?P<variable>[?$][{_U}0-9][{_U}0-9\u00b7\u0300-\u036f\u203f-\u2040]*)
      | (?P<language>@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*)
      | (?P<blank>_:[{_U}0-9](?:[{_C}.]*[{_C}])?)
      | (?P<name>(?:[{_U}](?:[{_C}.]*[{_C}])?)?:
                 (?:(?:[{_U}:0-9]|{_PLX})
                    (?:(?:[{_C}:.]|{_PLX})*(?:[{_C}:]|{_PLX}))?)?)
      | (?P<word>[{_U}][{_U}0-9]*)
      | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<open>[(\[{{]) | (?P<close>[)\]}}])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_PIECES = [
    *('"', "'", '"""', "'''", "\\", '\\"', "\\'", "\n", "\r", "a", "b", ".", ":", "-", "_", "_:", "1", "e", "+", "<", ">"),
    *("\\u0041", "%41", "%4", "\\.", "#", " ", ")", "(", "{", "?x", "@en", "SERVICE", "·", "é", "\u0301", "\x85", "x:y"),
]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=1_000)
@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))
def test_tokens_follow_the_grammar(query: str) -> None:
    wanted = [(match.lastgroup, match[0], match.start()) for match in _GRAMMAR.finditer(query)]
    assert [*lexer.tokens(query)] == [token for token in wanted if token[0] != "gap"]
    without = "".join(re.sub(r"#[^\n\r]*", "", text) if kind == "gap" else text for kind, text, _ in wanted)
    assert lexer.without_comments(query) == without


#: Text that is scanned repeatedly if a failed scan restarts at the next character.
HOSTILE_UNITS = {
    "IRI of closing brackets": ("ASK { <x:", ")", ""),
    "IRI of closing brackets, closed": ("ASK { <x:", ")", ">"),
    "escaped quotes": ('ASK { "', '\\"', ""),
    "escaped apostrophes": ("ASK { '", "\\'", ""),
    "open quotes": ("ASK { ", '"\n', ""),
    "long strings": ('ASK { """', '\\"""', ""),
    "long strings of apostrophes": ("ASK { '''", "\\'''", ""),
    "two kinds of quotes": ("ASK { ", "\\'\\\"", ""),
    "names with dots": ("ASK { ", "a.", ""),
    "names with hyphens": ("ASK { ", "a-", ""),
    "dots behind a name": ("ASK { a:b", ".", ""),
    "dots behind a blank node": ("ASK { _:b", ".", ""),
    "open IRIs": ("ASK { ", "<", ""),
    "open IRIs with text": ("ASK { ", "<a", ""),
    "escapes": ("ASK { ", "\\u", ""),
    "escaped letters": ("ASK { ", "\\u0041", ""),
    "comments": ("ASK { ", "#\n", ""),
    "spaces": ("ASK { ", " ", ""),
    "calls": ("ASK { ", "NOW ", ""),
    "SERVICE": ("ASK { ", "SERVICE <", ""),
    "numbers": ("ASK { ", "1e+", ""),
    "percent": ("ASK { a:", "%41", "%"),
}


def _refused(query: str) -> None:
    with contextlib.suppress(QueryError):
        guard.guard(query, frozenset(["https://example.org/"]))


@pytest.mark.parametrize("name", HOSTILE_UNITS)
@pytest.mark.parametrize(
    "read",
    [
        *(
            _refused,
            query_analysis.returns_graph,
            query_analysis.is_volatile,
            lexer.without_comments,
            guard.without_services,
        ),
        *(lexer.keywords, query_analysis.undeclared_names, query_analysis.usable_prefixes),
    ],
    ids=lambda read: read.__name__,
)
def test_hostile_text_is_scanned_in_linear_time(name: str, read: Callable[[str], object]) -> None:
    before, unit, behind = HOSTILE_UNITS[name]
    short, long = (before + unit * (size // len(unit)) + behind for size in (4_000, 16_000))
    assert not grows(read, short, long)
