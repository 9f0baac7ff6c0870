"""What a query is made of, as far as advice needs it. Grammar: SPARQL 1.1 Query, section 19.8."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class Note(NamedTuple):
    """A piece of advice, and the character of the query that it is about."""

    text: str
    start: int


class Term(NamedTuple):
    """A variable, iri, blank, literal; or a word of an expression, in capitals. ``text`` is as it is written."""

    kind: str
    value: str
    text: str
    start: int
    language: str = ""
    datatype: str = ""

    @property
    def constant(self) -> bool:
        """Whether it is the same in every row."""
        return self.kind in ("iri", "literal")


@dataclass(frozen=True, slots=True)
class Triple:
    """A triple pattern. ``predicate`` is None where a path stands, whose IRIs are ``path``; ``endless`` is a path
    of any length, ``certain`` are those IRIs that it cannot do without.
    """

    subject: Term
    predicate: Term | None
    object: Term
    path: tuple[Term, ...] = ()
    certain: frozenset[str] = frozenset()
    endless: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Its variables, blank nodes included."""
        terms = (self.subject, self.predicate, self.object)
        return frozenset(term.value for term in terms if term and not term.constant)


@dataclass(slots=True)
class Block:
    """What else stands in a group: OPTIONAL, MINUS, UNION, GROUP, GRAPH, SERVICE, SELECT, FILTER, BIND, VALUES.

    ``terms`` are those of its expression or data, or the modifiers of a SELECT; ``rows`` of a VALUES.
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
        """Those that stand in the group itself."""
        return [part for part in self.parts if isinstance(part, Triple)]

    @property
    def blocks(self) -> list[Block]:
        """All else that stands in it."""
        return [part for part in self.parts if isinstance(part, Block)]

    @property
    def names(self) -> frozenset[str]:
        """All variables in it, at any depth that can be seen from it."""
        return frozenset().union(*(part.names for part in self.parts))


@dataclass(frozen=True, slots=True)
class Outline:
    """A whole query: ``main`` is its pattern as a SELECT, ``described`` what a DESCRIBE names; the prefixes that are
    ``declared``, and where each is first ``used``; ``graphs`` are those that it chooses by FROM.
    """

    main: Block
    described: tuple[Term, ...]
    declared: dict[str, str]
    used: dict[str, int]
    graphs: tuple[Term, ...]


def walk_groups(group: Group, within: tuple[str, ...] = ()) -> Iterator[tuple[Group, tuple[str, ...]]]:
    """The group and all below it, each with the kinds of the blocks around it."""
    yield group, within
    for block in group.blocks:
        kind = "GROUP" if block.kind == "UNION" and len(block.groups) == 1 else block.kind
        for below in block.groups:
            yield from walk_groups(below, (*within, kind))
