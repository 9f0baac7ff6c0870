"""Cheap lookups in the store of a release, for hints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pyoxigraph as ox
from cachetools import LRUCache

from cybilgraph.model.vocabulary import RDF, XSD
from cybilgraph.sparql.hints.syntax_tree import Term

#: Values of a property that are sampled.
_MAX_SAMPLED_VALUES = 2_000
#: Properties whose values are cached; a release never changes.
_MAX_CACHED_PROPERTIES = 16
#: Searches for similar values per query.
_MAX_SEARCHES = 10


class Facts:
    """Answers simple questions about all graphs of a store, for one query at a time."""

    def __init__(self, store: ox.Store) -> None:
        self.store = store
        self._values: LRUCache[str, list[Term]] = LRUCache(_MAX_CACHED_PROPERTIES)
        self._searches = 0

    def start_query(self) -> None:
        """Reset the limits for the next query."""
        self._searches = 0

    def may_search(self) -> bool:
        """Count a search through all values, and return whether the limit allows it."""
        self._searches += 1
        return self._searches <= _MAX_SEARCHES

    def has(self, subject: Term | None = None, predicate: Term | None = None, value: Term | None = None) -> bool:
        """Whether there is a statement with these terms; None matches anything."""
        verb = ox.NamedNode(predicate.value) if predicate else None
        found = self.store.quads_for_pattern(_node(subject), verb, _node(value), None)  # type: ignore[arg-type]
        return next(iter(found), None) is not None

    def is_property(self, iri: str) -> bool:
        """Whether any statement has this IRI as its property."""
        return self.has(predicate=iri_term(iri))

    def is_class(self, iri: str) -> bool:
        """Whether the class with this IRI has any instances."""
        return self.has(predicate=iri_term(RDF.type), value=iri_term(iri))

    def is_thing(self, iri: str) -> bool:
        """Whether any statement has this IRI as its subject or object."""
        return self.has(subject=iri_term(iri)) or self.has(value=iri_term(iri))

    def is_graph(self, iri: str) -> bool:
        """Whether there is a named graph with this IRI."""
        return self.store.contains_named_graph(ox.NamedNode(iri))

    def graphs(self) -> list[str]:
        """Return the IRIs of the first named graphs."""
        return [
            graph.value
            for graph in islice(self.store.named_graphs(), _MAX_SAMPLED_VALUES)
            if isinstance(graph, ox.NamedNode)
        ]

    def values(self, predicate: str) -> list[Term]:
        """Return the first values of a property."""
        if predicate not in self._values:
            self._values[predicate] = list(islice(self._read(predicate), _MAX_SAMPLED_VALUES))
        return self._values[predicate]

    def _read(self, predicate: str) -> Iterator[Term]:
        seen: set[object] = set()
        for quad in islice(
            self.store.quads_for_pattern(None, ox.NamedNode(predicate), None, None), _MAX_SAMPLED_VALUES
        ):
            if quad.object in seen:
                continue
            seen.add(quad.object)
            if isinstance(quad.object, ox.Literal):
                datatype = quad.object.datatype.value
                language = quad.object.language or ""
                plain = language or datatype == f"{XSD.iri}string"
                yield literal_term(quad.object.value, language, "" if plain else datatype)
            elif isinstance(quad.object, ox.NamedNode):
                yield iri_term(quad.object.value)


def iri_term(iri: str) -> Term:
    """Make a term from an IRI."""
    return Term("iri", iri, f"<{iri}>", 0)


def literal_term(value: str, language: str = "", datatype: str = "") -> Term:
    """Make a term from a literal."""
    return Term("literal", value, value, 0, language, datatype)


def _node(term: Term | None) -> ox.NamedNode | ox.Literal | None:
    if term is None:
        return None
    if term.kind == "iri":
        return ox.NamedNode(term.value)
    if term.language:
        return ox.Literal(term.value, language=term.language)
    return ox.Literal(term.value, datatype=ox.NamedNode(term.datatype)) if term.datatype else ox.Literal(term.value)
