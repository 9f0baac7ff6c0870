"""Rewrites arithmetic in the queries of shapes so that its result does not depend on associativity.

SPARQL operators of equal precedence associate to the left (SPARQL 1.1 Query, section 19.8): ``9 - 2 - 3`` is 4. In the
fast engine they associate to the right, which gives 10. A sum is the same either way: ``9 + -1 * 2 + -1 * 3``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cybilgraph.errors import ShapesError
from cybilgraph.sparql.lexer import Token, tokens

#: Tokens that can end a value, so that a following minus is a subtraction.
_ENDS = frozenset(("variable", "number", "close", "string", "name", "iri"))
#: Tokens that occur in values but not in property paths.
_VALUES = frozenset(("variable", "number", "string"))
_SUMS, _PRODUCTS = frozenset("+-"), frozenset("*/")


@dataclass(slots=True)
class _Chain:
    """The state of a chain of operators between two brackets.

    The additions and subtractions, whether the last operator was a division, whether the last operand was a value, and
    whether any operand was.
    """

    sums: list[Token] = field(default_factory=list)
    divides: bool = False
    is_value: bool = False
    has_value: bool = False


def normalise_arithmetic(query: str) -> str:
    """Return the query with chains of subtractions rewritten as sums.

    Raises ShapesError if a quotient is multiplied or divided further, which cannot be rewritten as a sum.
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
        elif not _continues_chain(token, behind):
            chains[-1] = _Chain(has_value=chain.has_value)
    for start in sorted(rewritten, reverse=True):
        query = f"{query[:start]}+ -1 *{query[start + 1 :]}"
    return query


def _take(operator: Token, chain: _Chain, rewritten: set[int]) -> None:
    """Add an operator to a chain, and mark its subtractions for rewriting if there is more than one operator."""
    if operator.text in _SUMS:
        chain.divides = False
        chain.sums.append(operator)
        if len(chain.sums) > 1:
            rewritten.update(each.start for each in chain.sums if each.text == "-")
        return
    if chain.divides and chain.is_value:  # otherwise it is a property path: a/b/c
        raise ShapesError(
            "the query of a shape divides and then multiplies or divides again; engines differ in the order",
            "Put brackets around the first operation: (?a / ?b) / ?c.",
        )
    chain.divides = operator.text == "/"


def _continues_chain(token: Token, behind: Token | None) -> bool:
    """Return whether a token is a function name or a sign."""
    return token.text in _SUMS or (token.kind == "word" and behind is not None and behind.text == "(")
