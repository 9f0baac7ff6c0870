"""RDF in any syntax → its statements by subject: the present, and earlier captures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from urllib.parse import unquote

import pyoxigraph as ox

from cybilgraph.errors import SourceError
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.rdf.bounds import too_much
from cybilgraph.record import Source
from cybilgraph.vocab import BASE

#: An IRI, a blank node (``_:…``), or a literal.
Term = str | ox.Literal
#: Suffix → syntax. What of N3 is not Turtle is refused as the syntax error that it is there.
SYNTAXES = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".n3": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".trig": ox.RdfFormat.TRIG,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".owl": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
}
#: Most bytes of a file. The parser holds a whole object of JSON-LD in memory, at fifty times its size.
MOST, MOST_JSON = 200_000_000, 50_000_000
#: Statements of a file: each takes up to half a kilobyte. Three thousand projects have as many.
MAX_STATEMENTS = 2_000_000
_VERSION = re.compile(rf"{re.escape(BASE)}graph/([^/]+)/([0-9]{{1,9}})")


class Graph:
    """Statements by subject and predicate, which knows what of them was asked for.

    ``shared`` holds what captures of a project share, and is asked for things of which this
    graph says nothing: their names.
    """

    def __init__(self, shared: Graph | None = None) -> None:
        self._statements: dict[str, dict[str, list[Term]]] = {}
        self._asked: set[tuple[str, str]] = set()
        self._shared = shared

    def add(self, subject: str, predicate: str, value: Term) -> None:
        """Take one statement."""
        self._statements.setdefault(subject, {}).setdefault(predicate, []).append(value)

    @property
    def subjects(self) -> Iterator[str]:
        """What statements are about, in the order of the file."""
        return iter(self._statements)

    def predicates(self, subject: str) -> set[str]:
        """What is said of a thing, here."""
        return set(self._statements.get(subject, ()))

    def values(self, subject: str, predicate: str) -> list[Term]:
        """The values, each once, in the order of the file."""
        self._asked.add((subject, predicate))
        if subject not in self._statements and self._shared:
            return self._shared.values(subject, predicate)
        return list(dict.fromkeys(self._statements.get(subject, {}).get(predicate, ())))

    def not_asked(self, subject: str) -> Iterator[tuple[str, Term]]:
        """The predicates that nobody has asked for, each with a value."""
        for predicate, values in self._statements.get(subject, {}).items():
            if (subject, predicate) not in self._asked:
                yield predicate, values[0]


def read_graphs(given: Input) -> tuple[Source, list[Graph]]:
    """What a file says: earlier captures in the order of their number, then the present.

    A named graph that is none of our captures is a part of the present. Raises SourceError
    where the file is no RDF in the syntax of its suffix, or cannot be parsed safely.
    """
    syntax = SYNTAXES[given.suffix]
    with given.open(MOST_JSON if syntax == ox.RdfFormat.JSON_LD else MOST) as file:
        content = file.read().removeprefix(b"\xef\xbb\xbf")
    if reason := too_much(content, syntax):
        raise SourceError(f"{given.name}: not read, since {reason}", "Write it flatter, as N-Triples for example.")
    present = Graph()
    earlier: dict[tuple[str, int], Graph] = {}
    iris: dict[str, str] = {}  # each IRI is held once
    try:
        for number, quad in enumerate(ox.parse(content, format=syntax, base_iri=BASE)):
            if number == MAX_STATEMENTS:
                raise SourceError(
                    f"{given.name}: more than {MAX_STATEMENTS:,} statements", "Give it in several smaller files."
                )
            graph = present
            if isinstance(quad.graph_name, ox.NamedNode) and (version := _VERSION.fullmatch(quad.graph_name.value)):
                graph = earlier.setdefault((unquote(version[1]), int(version[2])), Graph(present))
            subject, predicate = _node(quad.subject), quad.predicate.value
            value = quad.object if isinstance(quad.object, ox.Literal) else _node(quad.object)
            if isinstance(value, str):
                value = iris.setdefault(value, value)
            graph.add(iris.setdefault(subject, subject), iris.setdefault(predicate, predicate), value)
    except SyntaxError as error:
        raise _broken(given, syntax, error) from error
    source = Source(given.name, hashlib.sha256(content).hexdigest())
    return source, [*(earlier[key] for key in sorted(earlier)), present]


def _node(term: ox.NamedNode | ox.BlankNode | ox.Triple) -> str:
    return term.value if isinstance(term, ox.NamedNode) else str(term)


def _broken(given: Input, syntax: ox.RdfFormat, error: SyntaxError) -> SourceError:
    message = str(error.msg)
    if "LoadDocumentCallback" in message:
        return SourceError(
            f"{given.name}: its @context is an address, and nothing is fetched for a file",
            "Write the context itself into the file, in place of its address.",
        )
    message = re.sub(r"^Parser error at .*?: | \(line \d+\)$", "", message)[:300]
    where = f"line {error.lineno}, column {error.offset}: " if error.lineno else ""
    return SourceError(
        f"{given.name}: {where}this is no {syntax.name}: {message}",
        "Mend the file there, or check that its suffix tells its syntax.",
    )
