"""Cheap lookups in the store of a release, for hints. The cost of each is bounded, whatever the size of the store."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import Any

import pyoxigraph as ox
from cachetools import cachedmethod
from cachetools.keys import hashkey

from cybilgraph.model.vocabulary import RDF, XSD
from cybilgraph.sparql.hints.outline import Term

#: Values of a property, and named graphs, that are sampled.
_MAX_SAMPLED_VALUES = 2_000
#: Resources whose classes and properties are sampled, and statements of each.
_MAX_SAMPLED_RESOURCES, _MAX_SAMPLED_STATEMENTS = 50, 200
#: Statements that are read to find out whether a class has a property (0.2 s in memory).
_MAX_SCANNED = 100_000
#: Searches (through values, names or statements) per query.
_MAX_SEARCHES = 20
#: How many statements count as one.
_SCANNED_PER_SEARCH = 10_000


class Facts:
    """Answers simple questions about all graphs of a store, for one query at a time."""

    def __init__(self, store: ox.Store) -> None:
        self._store = store
        self.start_query()

    def start_query(self) -> None:
        """Reset the limits for the next query."""
        self._cache: dict[Hashable, Any] = {}
        self._searches = 0.0

    def may_search(self) -> bool:
        """Count a search, and return whether the limit allows it."""
        self._searches += 1
        return self._searches <= _MAX_SEARCHES

    def has(self, subject: Term | None = None, predicate: Term | None = None, value: Term | None = None) -> bool:
        """Return whether there is a statement with these terms; None matches anything."""
        return next(self._quads(_node(subject), predicate.value if predicate else "", _node(value)), None) is not None

    def is_property(self, iri: str) -> bool:
        """Return whether any statement has this IRI as its property."""
        return self.has(predicate=iri_term(iri))

    def is_class(self, iri: str) -> bool:
        """Return whether the class with this IRI has any instances."""
        return self.has(predicate=iri_term(RDF.type), value=iri_term(iri))

    def is_resource(self, iri: str) -> bool:
        """Return whether any statement has this IRI as its subject or object."""
        return self.has(subject=iri_term(iri)) or self.has(value=iri_term(iri))

    def is_graph(self, iri: str) -> bool:
        """Return whether there is a named graph with this IRI."""
        return self._store.contains_named_graph(ox.NamedNode(iri))

    def graphs(self) -> list[str]:
        """Return the IRIs of the first named graphs."""
        first = islice(self._store.named_graphs(), _MAX_SAMPLED_VALUES)
        return [graph.value for graph in first if isinstance(graph, ox.NamedNode)]

    @cachedmethod(attrgetter("_cache"), key=partial(hashkey, "values"))
    def values(self, predicate: str) -> list[Term]:
        """Return the first values of a property, without repetition."""
        nodes = dict.fromkeys(quad.object for quad in islice(self._quads(None, predicate), _MAX_SAMPLED_VALUES))
        return [*filter(None, map(_term, nodes))]

    @cachedmethod(attrgetter("_cache"), key=partial(hashkey, "classes"))
    def classes(self, predicate: str) -> list[str]:
        """Return the classes of the first values of a property."""
        if not self.may_search():
            return []
        nodes = [ox.NamedNode(value.value) for value in self.values(predicate) if value.kind == "iri"]
        quads = (quad for node in nodes[:_MAX_SAMPLED_RESOURCES] for quad in self._quads(node, RDF.type))
        return _iris(quad.object for quad in quads)

    def properties(self, kind: str) -> list[str]:
        """Return the properties of the first instances of a class."""
        first = islice(self._quads(None, RDF.type, ox.NamedNode(kind)), _MAX_SAMPLED_RESOURCES)
        return _iris(
            quad.predicate for found in first for quad in islice(self._quads(found.subject), _MAX_SAMPLED_STATEMENTS)
        )

    @cachedmethod(attrgetter("_cache"), key=partial(hashkey, "lacks"))
    def lacks(self, kind: str, predicate: str) -> bool:
        """Return whether no instance of a class has a property. False if finding out would take too long."""
        if not self.may_search():
            return False
        node = ox.NamedNode(kind)
        # Either the statements of the property or the instances of the class must be few enough to read all.
        sides: tuple[tuple[Iterator[ox.Quad], Callable[[ox.Quad], Iterator[ox.Quad]]], ...] = (
            (self._quads(None, predicate), lambda quad: self._quads(quad.subject, RDF.type, node)),
            (self._quads(None, RDF.type, node), lambda quad: self._quads(quad.subject, predicate)),
        )
        for quads, other in sides:
            for quad in islice(quads, _MAX_SCANNED):
                if next(other(quad), None):
                    return False
                self._searches += 1 / _SCANNED_PER_SEARCH
            if next(quads, None) is None:
                return True
        return False

    def _quads(self, subject: object, predicate: str = "", value: object = None) -> Iterator[ox.Quad]:
        predicate_term = ox.NamedNode(predicate) if predicate else None
        return self._store.quads_for_pattern(subject, predicate_term, value, None)  # type: ignore[arg-type]


def iri_term(iri: str) -> Term:
    """Make a term from an IRI."""
    return Term("iri", iri, f"<{iri}>", 0)


def literal_term(value: str, language: str = "", datatype: str = "") -> Term:
    """Make a term from a literal."""
    return Term("literal", value, value, 0, language, datatype)


def _iris(nodes: Iterator[object]) -> list[str]:
    return list(dict.fromkeys(node.value for node in nodes if isinstance(node, ox.NamedNode)))


def _term(node: object) -> Term | None:
    if isinstance(node, ox.NamedNode):
        return iri_term(node.value)
    if not isinstance(node, ox.Literal):
        return None
    datatype = node.datatype.value
    is_plain = node.language or datatype == f"{XSD.iri}string"
    return literal_term(node.value, node.language or "", "" if is_plain else datatype)


def _node(term: Term | None) -> ox.NamedNode | ox.Literal | None:
    if term is None:
        return None
    if term.kind == "iri":
        return ox.NamedNode(term.value)
    if term.language:
        return ox.Literal(term.value, language=term.language)
    return ox.Literal(term.value, datatype=ox.NamedNode(term.datatype)) if term.datatype else ox.Literal(term.value)
