"""Arithmetic in the queries of shapes, written so that it is the same from whichever end it is reckoned.

SPARQL reckons operators of one rank from the left (SPARQL 1.1 Query, section 19.8): ``9 - 2 - 3`` is 4. The fast
engine does so from the right, and has 10. A sum has no such question: ``9 + -1 * 2 + -1 * 3``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cybilgraph.errors import ShapesError
from cybilgraph.sparql.queries import Token, tokens

#: What a value ends with, behind which a minus takes away.
_ENDS = frozenset(("variable", "number", "close", "string", "name", "iri"))
#: What stands in values only, and in no path of properties.
_VALUES = frozenset(("variable", "number", "string"))
_SUMS, _PRODUCTS = frozenset("+-"), frozenset("*/")


@dataclass(slots=True)
class _Chain:
    """What stands side by side between two brackets: the sums in it, whether it has divided last, whether that was
    of a value; and whether a value is anywhere between the brackets.
    """

    sums: list[Token] = field(default_factory=list)
    divides: bool = False
    is_value: bool = False
    has_value: bool = False


def normalise_arithmetic(query: str) -> str:
    """The query with its differences of more than two written as sums.

    Raises ShapesError where something is divided and then multiplied or divided on: no sum is the same.
    """
    found = list(tokens(query))
    rewritten: set[int] = set()
    chains = [_Chain()]
    for before, token, behind in zip([None, *found], found, [*found[1:], None], strict=False):
        chain = chains[-1]
        if token.kind == "open":
            chains.append(_Chain())
        elif token.kind == "close":
            inner = chains.pop() if len(chains) > 1 else chain
            chains[-1].is_value = inner.has_value
        elif token.kind == "other" and before and before.kind in _ENDS and token.text in _SUMS | _PRODUCTS:
            _take(token, chain, rewritten)
        elif token.kind in _ENDS:
            chain.is_value = token.kind in _VALUES
            chain.has_value |= chain.is_value
        elif not _goes_on(token, behind):
            chains[-1] = _Chain(has_value=chain.has_value)
    for start in sorted(rewritten, reverse=True):
        query = f"{query[:start]}+ -1 *{query[start + 1 :]}"
    return query


def _take(operator: Token, chain: _Chain, rewritten: set[int]) -> None:
    """Go on with an operator; where it takes away beside another, note where."""
    if operator.text in _SUMS:
        chain.divides = False
        chain.sums.append(operator)
        if len(chain.sums) > 1:
            rewritten.update(each.start for each in chain.sums if each.text == "-")
        return
    if chain.divides and chain.is_value:  # else it is a path: a/b/c
        raise ShapesError(
            "the query of a shape divides, and multiplies or divides on: engines differ in what is first",
            "Put brackets around what is first: (?a / ?b) / ?c.",
        )
    chain.divides = operator.text == "/"


def _goes_on(token: Token, behind: Token | None) -> bool:
    """True for the name of a function, and the sign of what follows."""
    return token.text in _SUMS or (token.kind == "word" and behind is not None and behind.text == "(")
