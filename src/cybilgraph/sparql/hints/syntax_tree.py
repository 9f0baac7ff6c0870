"""The parts of a query that hints need. Grammar: SPARQL 1.1 Query, section 19.8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Note(NamedTuple):
    """The text of a hint, and the offset in the query that it is about."""

    text: str
    start: int


class Term(NamedTuple):
    """A variable, iri, blank or literal, or a word of an expression (in upper case). ``text`` is as in the query."""

    kind: str
    value: str
    text: str
    start: int
    language: str = ""
    datatype: str = ""

    @property
    def constant(self) -> bool:
        """Whether it is an IRI or a literal."""
        return self.kind in ("iri", "literal")


@dataclass(frozen=True, slots=True)
class Triple:
    """A triple pattern. For a property path, ``predicate`` is None and ``path`` has its IRIs; see ``Path`` for
    ``certain`` and ``endless``.
    """

    subject: Term
    predicate: Term | None
    object: Term
    path: tuple[Term, ...] = ()
    certain: frozenset[str] = frozenset()
    endless: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Its variables and blank nodes."""
        terms = (self.subject, self.predicate, self.object)
        return frozenset(term.value for term in terms if term and not term.constant)


@dataclass(slots=True)
class Block:
    """Any other part of a group: OPTIONAL, MINUS, UNION, GROUP, GRAPH, SERVICE, SELECT, FILTER, BIND or VALUES.

    ``terms`` are those of its expression or data, or the modifiers of a SELECT; ``rows`` is the size of a VALUES.
    """

    kind: str
    start: int
    groups: tuple[Group, ...] = ()
    terms: tuple[Term, ...] = ()
    names: frozenset[str] = frozenset()
    rows: int = 0


@dataclass(slots=True)
class Group:
    """A group graph pattern."""

    parts: list[Triple | Block] = field(default_factory=list)

    @property
    def triples(self) -> list[Triple]:
        """The triple patterns directly in the group."""
        return [part for part in self.parts if isinstance(part, Triple)]

    @property
    def blocks(self) -> list[Block]:
        """The other parts directly in the group."""
        return [part for part in self.parts if isinstance(part, Block)]

    @property
    def names(self) -> frozenset[str]:
        """All variables that are in scope in the group."""
        return frozenset().union(*(part.names for part in self.parts))


@dataclass(frozen=True, slots=True)
class Outline:
    """A whole query: ``main`` is its pattern as a SELECT, ``described`` the terms of a DESCRIBE, ``declared`` its
    prefixes, ``used`` the offset of the first use of each, and ``graphs`` those named by FROM.
    """

    main: Block
    described: tuple[Term, ...]
    declared: dict[str, str]
    used: dict[str, int]
    graphs: tuple[Term, ...]


def walk_groups(group: Group, within: tuple[str, ...] = ()) -> Iterator[tuple[Group, tuple[str, ...]]]:
    """Yield the group and all groups inside it, each with the kinds of the enclosing blocks."""
    yield group, within
    for block in group.blocks:
        kind = "GROUP" if block.kind == "UNION" and len(block.groups) == 1 else block.kind
        for below in block.groups:
            yield from walk_groups(below, (*within, kind))
