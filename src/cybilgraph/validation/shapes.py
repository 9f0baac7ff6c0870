"""Reads and checks shapes graphs for both engines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from cybilgraph.errors import QueryError, ShapesError
from cybilgraph.model.resources import shape_files
from cybilgraph.model.vocabulary import BASE, OWL, RDF, SH, own_iri, with_own_base
from cybilgraph.rdf.ntriples import is_iri
from cybilgraph.sparql.guard import guard
from cybilgraph.sparql.lexer import Token, tokens
from cybilgraph.sparql.query_analysis import undeclared_names

#: The files of the shapes that compare records, of those that concern only the publisher of the records, and of those
#: for records of the portal, which has the default base.
_CROSS_RECORD_SHAPES, _PUBLISHER_SHAPES, _PORTAL_SHAPES = "across", "publisher", "portal"
_KINDS = (SH.NodeShape, SH.PropertyShape)
_TARGETS = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf)
_PREFIX = re.compile(r"[\w.-]*")
#: Nested shapes to search for a named one.
_MAX_DEPTH = 100
#: Tokens that can end a value, so that a following minus is a subtraction.
_ENDS = frozenset(("variable", "number", "close", "string", "name", "iri"))
#: Tokens that occur in values but not in property paths.
_VALUES = frozenset(("variable", "number", "string"))
_SUMS, _PRODUCTS = frozenset("+-"), frozenset("*/")


@dataclass(frozen=True, slots=True)
class Shapes:
    """A shapes graph as N-Triples with numbered blank nodes (``_:b0``).

    ``named`` maps each blank property shape to the nearest enclosing shape with an IRI.
    """

    text: str
    named: Mapping[str, str]

    def name(self, shape: str) -> str:
        """Return the IRI of a shape or of the nearest enclosing one, or the label if there is none."""
        return self.named.get(shape, shape)


def unusable(reason: object) -> ShapesError:
    """Return the error for shapes that an engine rejects."""
    return ShapesError(f"The shapes cannot be used: {reason}", "Correct the shape, or try the other engine.")


@cache
def shapes_text(cross_record: bool = False) -> str:
    """Return our shapes for single records as one Turtle text, or with ``cross_record`` those that compare records."""
    return _text(path for path in shape_files() if (path.stem == _CROSS_RECORD_SHAPES) is cross_record)


@cache
def all_shapes_text(publisher: bool = True) -> str:
    """Return all our shapes as one Turtle text, with or without those that concern only the publisher."""
    return _text(path for path in shape_files() if publisher or path.stem != _PUBLISHER_SHAPES)


def _text(files: Iterable[Path]) -> str:
    is_portal = own_iri() == BASE
    texts = (path.read_text(encoding="utf-8") for path in files if is_portal or path.stem != _PORTAL_SHAPES)
    return with_own_base("\n".join(texts))


@lru_cache(maxsize=4)
def read_shapes(turtle: str) -> Shapes:
    """Read shapes from Turtle. Raises ShapesError if there are none, or if a query in them is not allowed."""
    numbering = BlankNodeNumbering()
    triples = [numbering.triple(quad) for quad in ox.parse(turtle.encode(), format=ox.RdfFormat.TURTLE)]
    if not any(map(_is_shape, triples)):
        raise ShapesError(
            "there are no shapes in it",
            "A shape has the class sh:NodeShape or sh:PropertyShape, or a target.",
        )
    prefixes = _Prefixes(triples)
    triples = [*(_checked(triple, prefixes) for triple in triples), *prefixes.of_imports()]
    text = "".join(f"{triple.subject} {triple.predicate} {triple.object} .\n" for triple in triples)
    return Shapes(text, _named(triples))


def _checked(triple: ox.Triple, prefixes: _Prefixes) -> ox.Triple:
    """Return the triple, with normalised arithmetic if it is a query.

    Raises ShapesError for a query that is not allowed, or a prefix declaration that could inject query text.
    """
    if not isinstance(triple.object, ox.Literal):
        return triple
    predicate, text = triple.predicate.value, triple.object.value
    if predicate in (SH.select, SH.ask):
        try:
            guard(text)
        except QueryError as error:
            raise ShapesError(f"the query of a shape is not allowed: {error.what}", error.hint) from error
        if any(token.text.upper() == "FROM" for token in tokens(text)):
            raise ShapesError("the query of a shape reads a graph other than the data (FROM)", "Remove FROM.")
        if unknown := sorted(undeclared_names(text) - prefixes.of(triple.subject)):
            raise ShapesError(
                f"the query of a shape uses undeclared prefixes: {', '.join(unknown)[:200]}",
                "Declare them (sh:prefixes, sh:declare), or use full IRIs.",
            )
        query = ox.Literal(_normalise_arithmetic(text), datatype=triple.object.datatype)
        return ox.Triple(triple.subject, triple.predicate, query)
    if (predicate == SH.namespace and not is_iri(text)) or (predicate == SH.prefix and not _PREFIX.fullmatch(text)):
        raise ShapesError(
            f"this is not a valid prefix declaration: {text[:100]!r}", "sh:prefix is a name, sh:namespace an IRI."
        )
    return triple


class _Prefixes:
    """The prefixes declared for the queries of shapes (SHACL, section 5.2.1)."""

    def __init__(self, triples: Iterable[ox.Triple]) -> None:
        self._objects: dict[tuple[Any, str], list[Any]] = {}
        for triple in triples:
            self._objects.setdefault((triple.subject, triple.predicate.value), []).append(triple.object)

    def of(self, constraint: Any) -> set[str]:
        """Return the prefixes of a constraint."""
        declarations = (each for names in self._all(constraint, SH.prefixes) for each in self._declared(names))
        return {prefix.value for each in declarations for prefix in self._all(each, SH.prefix)}

    def of_imports(self) -> Iterator[ox.Triple]:
        """Yield declarations of imported graphs as those of the importing one, because not every engine imports."""
        for subject, predicate in self._objects:
            if predicate == OWL.imports:
                for declaration in self._declared(subject):
                    yield ox.Triple(subject, ox.NamedNode(SH.declare), declaration)

    def _declared(self, names: Any) -> list[Any]:
        reached = [names]
        for each in reached:
            reached += (other for other in self._all(each, OWL.imports) if other not in reached)
        return [declaration for each in reached for declaration in self._all(each, SH.declare)]

    def _all(self, subject: Any, predicate: str) -> list[Any]:
        return self._objects.get((subject, predicate), [])


class BlankNodeNumbering:
    """Numbers blank nodes in order of appearance, because parsers label anonymous ones differently each time."""

    def __init__(self, prefix: str = "b") -> None:
        self._prefix = prefix
        self._labels: dict[str, ox.BlankNode] = {}

    def triple(self, quad: ox.Quad) -> ox.Triple:
        """Return the triple of a quad with numbered blank nodes."""
        return ox.Triple(self._term(quad.subject), quad.predicate, self._term(quad.object))

    def _term(self, term: Any) -> Any:
        if isinstance(term, ox.BlankNode):
            known = self._labels.get(term.value)
            return known or self._labels.setdefault(term.value, ox.BlankNode(f"{self._prefix}{len(self._labels)}"))
        return ox.Triple(*map(self._term, term)) if isinstance(term, ox.Triple) else term


def _is_shape(triple: ox.Triple) -> bool:
    predicate = triple.predicate.value
    return predicate in _TARGETS or (predicate == RDF.type and getattr(triple.object, "value", "") in _KINDS)


def _named(triples: Iterable[ox.Triple]) -> dict[str, str]:
    parents = {str(triple.object): str(triple.subject) for triple in triples if triple.predicate.value == SH.property}
    named: dict[str, str] = {}
    for shape in parents:
        path = [shape]
        while path[-1].startswith("_:") and path[-1] in parents and len(path) <= _MAX_DEPTH:
            path.append(parents[path[-1]])
        if shape.startswith("_:") and not path[-1].startswith("_:"):
            named[shape] = path[-1].strip("<>")
    return named


# ---- arithmetic ------------------------------------------------------------------------------


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


def _normalise_arithmetic(query: str) -> str:
    """Return the query with chains of subtractions rewritten as sums: ``9 + -1 * 2 + -1 * 3``.

    SPARQL operators of equal precedence associate to the left (SPARQL 1.1 Query, section 19.8): ``9 - 2 - 3`` is 4. In
    the fast engine they associate to the right, which gives 10. A sum is the same either way.

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
        elif token.text not in _SUMS and not (token.kind == "word" and behind and behind.text == "("):
            # Neither a sign nor a function name, so the chain ends.
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
