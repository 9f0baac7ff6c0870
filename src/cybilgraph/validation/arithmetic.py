"""Arithmetic in the queries of shapes, written so that it is the same from whichever end it is reckoned.

SPARQL reckons operators of one rank from the left (SPARQL 1.1 Query, section 19.8): ``9 - 2 - 3`` is 4. The fast
engine does so from the right, and has 10. A sum has no such question: ``9 + -1 * 2 + -1 * 3``.
"""

from __future__ import annotations

from cybilgraph.errors import ShapesError
from cybilgraph.queries import Token, tokens

#: What a value ends with, behind which a minus takes away.
_VALUES = frozenset(("variable", "number", "close", "string", "name", "iri"))
#: Only values are so, and no step of a path.
_NO_STEPS = frozenset(("variable", "number"))
_SUMS, _PRODUCTS = frozenset("+-"), frozenset("*/")


def from_either_end(query: str) -> str:
    """The query with its differences of more than two written as sums.

    Raises ShapesError where something is divided and then multiplied or divided on: no sum is the same.
    """
    found = list(tokens(query))
    rewritten: set[int] = set()
    chains: list[_Chain] = [_Chain()]
    for before, token, behind in zip([None, *found], found, [*found[1:], None], strict=False):
        if token.kind == "open":
            chains.append(_Chain())
        elif token.kind == "close":
            if len(chains) > 1:
                chains.pop()
        elif token.kind == "other" and before and before.kind in _VALUES and token.text in _SUMS | _PRODUCTS:
            chains[-1].operator(token, before, behind, rewritten)
        elif not _goes_on(token, behind):
            chains[-1] = _Chain()
    for start in sorted(rewritten, reverse=True):
        query = f"{query[:start]}+ -1 *{query[start + 1 :]}"
    return query


def _goes_on(token: Token, behind: Token | None) -> bool:
    """True for what is a value, or the name of a function, or the sign of what follows."""
    is_function = token.kind == "word" and behind is not None and behind.text == "("
    return token.kind in _VALUES or is_function or token.text in _SUMS


class _Chain:
    """Values of one rank and what is between them."""

    def __init__(self) -> None:
        self._sums: list[Token] = []
        self._divides = False

    def operator(self, token: Token, before: Token, behind: Token | None, rewritten: set[int]) -> None:
        """Take one more operator; where it takes away beside another, note where."""
        if token.text in _SUMS:
            self._divides = False
            self._sums.append(token)
            if len(self._sums) > 1:
                rewritten.update(each.start for each in self._sums if each.text == "-")
        else:
            if self._divides:
                raise ShapesError(
                    "the query of a shape divides, and multiplies or divides on: engines differ in what is first",
                    "Put brackets around what is first: (?a / ?b) / ?c.",
                )
            is_step = before.kind not in _NO_STEPS and not (behind and behind.kind in _NO_STEPS)
            self._divides = token.text == "/" and not is_step
