"""What a release says, as far as advice asks: look-ups in its store, each of them cheap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pyoxigraph as ox
from cachetools import LRUCache

from cybilgraph.model.vocabulary import RDF, XSD
from cybilgraph.sparql.hints.syntax_tree import Term

#: So many values of a property are looked at for what they are like.
_MAX_SAMPLED_VALUES = 2_000
#: The values of so many properties are kept: a release never changes.
_MAX_CACHED_PROPERTIES = 16
#: So often values are searched for one that is alike.
_MAX_SEARCHES = 10


class Facts:
    """A store, in all its graphs; for one query after another."""

    def __init__(self, store: ox.Store) -> None:
        self.store = store
        self._values: LRUCache[str, list[Term]] = LRUCache(_MAX_CACHED_PROPERTIES)
        self._searches = 0

    def begin(self) -> None:
        """The next query."""
        self._searches = 0

    def may_search(self) -> bool:
        """Whether all values may be searched once more: a query may have thousands to look for."""
        self._searches += 1
        return self._searches <= _MAX_SEARCHES

    def has(self, subject: Term | None = None, predicate: Term | None = None, value: Term | None = None) -> bool:
        """Whether there is a statement of these constants; what is None may be anything."""
        verb = ox.NamedNode(predicate.value) if predicate else None
        found = self.store.quads_for_pattern(_node(subject), verb, _node(value), None)  # type: ignore[arg-type]
        return next(iter(found), None) is not None

    def is_property(self, iri: str) -> bool:
        """Whether any statement has it as its property."""
        return self.has(predicate=iri_term(iri))

    def is_class(self, iri: str) -> bool:
        """Whether anything is of this class."""
        return self.has(predicate=iri_term(RDF.type), value=iri_term(iri))

    def is_thing(self, iri: str) -> bool:
        """Whether anything is said of it, or links to it."""
        return self.has(subject=iri_term(iri)) or self.has(value=iri_term(iri))

    def is_graph(self, iri: str) -> bool:
        """Whether there is a named graph of this name."""
        return self.store.contains_named_graph(ox.NamedNode(iri))

    def graphs(self) -> list[str]:
        """The names of named graphs; of many, the first."""
        return [
            graph.value
            for graph in islice(self.store.named_graphs(), _MAX_SAMPLED_VALUES)
            if isinstance(graph, ox.NamedNode)
        ]

    def values(self, predicate: str) -> list[Term]:
        """What a property has as values; of many, the first."""
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
    """An IRI as a term."""
    return Term("iri", iri, f"<{iri}>", 0)


def literal_term(value: str, language: str = "", datatype: str = "") -> Term:
    """A literal as a term."""
    return Term("literal", value, value, 0, language, datatype)


def _node(term: Term | None) -> ox.NamedNode | ox.Literal | None:
    if term is None:
        return None
    if term.kind == "iri":
        return ox.NamedNode(term.value)
    if term.language:
        return ox.Literal(term.value, language=term.language)
    return ox.Literal(term.value, datatype=ox.NamedNode(term.datatype)) if term.datatype else ox.Literal(term.value)
