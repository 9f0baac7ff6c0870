"""Read RDF into statements by subject, separately for the current graph and each earlier capture."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import pyoxigraph as ox

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Source
from cybilgraph.model.vocabulary import BASE
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.rdf.document import Document
from cybilgraph.readers.rdf.positions import UNKNOWN, Places, Spot

#: An IRI, a blank node (``_:…``), or a literal.
Term = str | ox.Literal
_VERSION = re.compile(rf"{re.escape(BASE)}graph/([^/]+)/([0-9]{{1,9}})")


class RecordGraph:
    """Statements by subject and predicate, with the offsets of their values, that tracks which of them were
    read.

    ``shared`` is the graph that all captures of a project share. It is asked for subjects that this graph
    does not have, for their names.
    """

    def __init__(self, shared: RecordGraph | None = None) -> None:
        self._statements: dict[str, dict[str, dict[Term, int]]] = {}
        self._begins: dict[str, int] = {}
        self._read_statements: set[tuple[str, str]] = set()
        self._shared = shared

    def add(self, subject: str, predicate: str, value: Term, begin: int = UNKNOWN, at: int = UNKNOWN) -> None:
        """Add a statement; ``begin`` and ``at`` are the offsets of its subject and value."""
        self._begins.setdefault(subject, begin)
        self._statements.setdefault(subject, {}).setdefault(predicate, {}).setdefault(value, at)

    @property
    def subjects(self) -> Iterator[str]:
        """The subjects, in file order."""
        return iter(self._statements)

    def predicates(self, subject: str) -> set[str]:
        """Return the predicates of a subject in this graph."""
        return set(self._statements.get(subject, ()))

    def values(self, subject: str, predicate: str) -> list[Term]:
        """Return the distinct values, in file order."""
        self._read_statements.add((subject, predicate))
        if subject not in self._statements and self._shared:
            return self._shared.values(subject, predicate)
        return list(self._statements.get(subject, {}).get(predicate, ()))

    def at(self, subject: str, predicate: str, value: Term) -> int:
        """Return the offset of the value of a statement."""
        if subject not in self._statements and self._shared:
            return self._shared.at(subject, predicate, value)
        return self._statements.get(subject, {}).get(predicate, {}).get(value, UNKNOWN)

    def begin(self, subject: str) -> int:
        """Return the offset at which a subject first occurs."""
        return self._begins.get(subject, UNKNOWN)

    def unread_statements(self, subject: str) -> Iterator[tuple[str, Term]]:
        """Yield the predicates that were not read, each with a value."""
        for predicate, values in self._statements.get(subject, {}).items():
            if (subject, predicate) not in self._read_statements:
                yield predicate, next(iter(values))


@dataclass(slots=True)
class ParseDamage:
    """The point at which a file becomes unreadable: the error, and the last subject before it."""

    error: SourceError | None = None
    subject: str = ""


def read_graphs(input_file: Input) -> tuple[Source, Places, list[RecordGraph], ParseDamage]:
    """Return the graphs of a file: earlier captures by number, then the current graph; if damaged, up to the
    damage.

    Other named graphs are part of the current graph. Raises SourceError if the file is not RDF in the syntax
    of its suffix, or is unsafe to parse.
    """
    document = Document(input_file)
    present = RecordGraph()
    earlier: dict[tuple[str, int], RecordGraph] = {}
    iris: dict[str, str] = {}  # keeps one copy of each IRI
    damage = ParseDamage()
    for quad, spot in _statements_before_damage(document, damage):
        graph = present
        if isinstance(quad.graph_name, ox.NamedNode) and (version := _VERSION.fullmatch(quad.graph_name.value)):
            graph = earlier.setdefault((unquote(version[1]), int(version[2])), RecordGraph(present))
        subject, predicate = _node(quad.subject), quad.predicate.value
        value = quad.object if isinstance(quad.object, ox.Literal) else _node(quad.object)
        if isinstance(value, str):
            value = iris.setdefault(value, value)
        predicate = iris.setdefault(predicate, predicate)
        damage.subject = subject
        graph.add(iris.setdefault(subject, subject), predicate, value, spot.subject, spot.object)
    source = Source(input_file.name, hashlib.sha256(document.content).hexdigest())
    return source, document.places, [*(earlier[key] for key in sorted(earlier)), present], damage


def _statements_before_damage(document: Document, damage: ParseDamage) -> Iterator[tuple[ox.Quad, Spot]]:
    """Yield the statements up to the damage, if any."""
    try:
        yield from document.statements(document.is_small)
    except SourceError as error:
        damage.error = error


def _node(term: ox.NamedNode | ox.BlankNode | ox.Triple) -> str:
    return term.value if isinstance(term, ox.NamedNode) else str(term)
