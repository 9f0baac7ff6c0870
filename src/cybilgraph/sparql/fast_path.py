"""The fast path: answers queries of proven low cost in the server process, without a worker.

A query qualifies if its patterns form trees that begin at constants and go from subjects to objects, as in
``<project> cyb:funder ?funder . ?funder rdfs:label ?name``, or if it DESCRIBEs a constant. Such a query cannot compute,
nest or call anything, and the engine evaluates a tree from its root. So the statements about the resources along the
tree bound its cost; they are counted first, up to a small number. All other queries go to a worker.

The text must match a grammar that is far stricter than that of SPARQL and than the guard (``guard.guard``), before any
parser sees it. Queries that differ only in their IRIs and comments are parsed once.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyoxigraph as ox
from cachetools import LRUCache

from cybilgraph.errors import FileDamaged
from cybilgraph.model.formats import BY_NAME, Format
from cybilgraph.model.vocabulary import PREFIXES, RDF
from cybilgraph.sparql import Answer, AnswerBody
from cybilgraph.sparql.lexer import Token, tokens
from cybilgraph.sparql.query_worker import SerialisedAnswer, TooLarge, Unwritable, run_query, serialise_answer
from cybilgraph.sparql.store import load_into_memory

#: Longer queries and answers go to a worker, and queries with more patterns or prefixes.
_MAX_QUERY_CHARS, _MAX_ANSWER_BYTES, _MAX_PATTERNS, _MAX_PREFIXES = 2_000, 64_000, 8, 20
#: A query goes to a worker if more statements are read to estimate its cost, or if it may have more rows.
_MAX_STATEMENTS, _MAX_ROWS = 500, 1_000
#: The number of parsed shapes that are remembered.
_MAX_SHAPES = 1_000
#: The processor time after which an unanswered query is slow, and the number of slow queries remembered.
_SLOW_SECONDS, _MAX_SLOW_QUERIES = 0.01, 1_000
_POLL_SECONDS = 0.1

# Tokens are plain ASCII without escapes, which all SPARQL parsers read alike. Possessive repetition (``*+``) keeps
# the time linear in the length of the text.
_IRI_OR_COMMENT = re.compile(r"<([A-Za-z][A-Za-z0-9+.\-]*+:[!\#-;=?-\[\]_a-z~]*+)>|\#([^\n]*+)", re.ASCII)
_COMMENT = re.compile(r"[\t\x20-\x7e]*+\r?", re.ASCII)
_PLACEHOLDER = "<>"
_TEXT = re.compile(r"[A-Za-z0-9_\-:?$*{}.;,/<>\t\r\n ]*+", re.ASCII)
_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9]*+)?:(?:[A-Za-z0-9][A-Za-z0-9_\-]*+)?", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_FORMS = ("SELECT", "ASK", "DESCRIBE")


class _Constant(NamedTuple):
    """An IRI of the text (its number), or a name with a prefix that the text declares (the number of its IRI)."""

    iri_index: int
    prefix: str = ""
    local: str = ""


class _Pattern(NamedTuple):
    """A triple pattern; strings are variables, and a predicate may be the IRI of ``a``."""

    subject: _Constant | str
    predicate: _Constant | str | ox.NamedNode
    object: _Constant | str


class Shape(NamedTuple):
    """A parsed ``text`` without its IRIs: its ``patterns`` (parents first) and ``variables`` in the order of the text.

    ``is_bounded`` tells whether the limit on the size of the answer also bounds the cost, because each statement that
    is read gives a row.
    """

    text: str
    patterns: list[_Pattern]
    variables: list[str]
    is_bounded: bool


class _NoMatch(Exception):
    """The text is not a query for the fast path."""


class _Parser:
    """A recursive-descent parser for the grammar of the fast path."""

    def __init__(self, text: str) -> None:
        if not _TEXT.fullmatch(text):
            raise _NoMatch
        self._text = text
        self._tokens = [*tokens(text), Token("end", "", 0)]
        self._next = self._iris = self._anonymous_count = 0
        self._is_reduced = False
        self._prefixes: dict[str, int] = {}
        self._patterns: list[_Pattern] = []
        self._variables: dict[str, None] = {}

    def parse(self) -> Shape:
        """Parse the whole query. Raises _NoMatch."""
        while self._accept("word", "PREFIX"):
            name, local = self._name()
            if local or name in self._prefixes or len(self._prefixes) == _MAX_PREFIXES:
                raise _NoMatch
            self._prefixes[name] = self._iri()
        form = self._take("word").upper()
        if form not in _FORMS:
            raise _NoMatch
        if form == "DESCRIBE":
            self._constant()
        else:
            columns = self._columns() if form == "SELECT" else []
            self._accept("word", "WHERE")
            self._block()
            if form == "SELECT":
                self._check_columns(columns)
                self._limits()
        self._take("end")
        is_bounded = len(self._patterns) <= 1 and not self._is_reduced
        return Shape(self._text, self._parents_first(), list(self._variables), is_bounded)

    def _columns(self) -> list[str]:
        self._is_reduced = self._accept("word", "DISTINCT")
        if self._accept("other", "*"):
            return []
        columns = [self._take("variable")[1:]]
        while self._peek("variable"):
            columns.append(self._take("variable")[1:])
        return columns

    def _check_columns(self, columns: list[str]) -> None:
        """A repeated or unbound column is unusual: leave the query to a worker."""
        if len({*columns}) != len(columns) or not self._variables or not self._variables.keys() >= {*columns}:
            raise _NoMatch

    def _limits(self) -> None:
        for word in ("LIMIT", "OFFSET"):
            if self._accept("word", word):
                self._is_reduced |= word == "OFFSET"
                if not _NUMBER.fullmatch(self._take("number")):
                    raise _NoMatch

    def _block(self) -> None:
        if not self._accept("open", "{"):
            raise _NoMatch
        while True:
            self._statements()
            has_dot = self._accept("other", ".")
            if self._accept("close", "}"):
                return
            if not has_dot:
                raise _NoMatch

    def _statements(self) -> None:
        """Parse statements with one subject."""
        subject = self._take("variable")[1:] if self._peek("variable") else self._constant()
        while True:
            self._objects(subject)
            if not self._accept("other", ";"):
                return

    def _objects(self, subject: _Constant | str) -> None:
        """Parse a predicate or a path, and its objects."""
        if self._peek("variable"):
            path: list[_Constant | str | ox.NamedNode] = [self._take("variable")[1:]]
            self._bind(str(path[0]))
        else:
            path = [self._predicate()]
            while self._accept("other", "/"):
                path.append(self._predicate())
        while True:
            self._object(subject, path)
            if not self._accept("other", ","):
                return
            if isinstance(path[0], str):  # the variable of the predicate would join the statements
                raise _NoMatch

    def _object(self, subject: _Constant | str, path: list[_Constant | str | ox.NamedNode]) -> None:
        for predicate in path[:-1]:
            self._anonymous_count += 1
            step = f"/{self._anonymous_count}"  # not the name of a variable
            self._add(_Pattern(subject, predicate, step))
            subject = step
        if self._peek("variable"):
            name = self._take("variable")[1:]
            self._bind(name)
            self._add(_Pattern(subject, path[-1], name))
        elif isinstance(subject, str):  # the engine might begin with the object
            raise _NoMatch
        else:
            self._add(_Pattern(subject, path[-1], self._constant()))

    def _add(self, pattern: _Pattern) -> None:
        self._patterns.append(pattern)
        if len(self._patterns) > _MAX_PATTERNS:
            raise _NoMatch

    def _bind(self, name: str) -> None:
        """Add a variable; one that is bound twice would close a cycle."""
        if name in self._variables:
            raise _NoMatch
        self._variables[name] = None

    def _predicate(self) -> _Constant | ox.NamedNode:
        if self._tokens[self._next][:2] == ("word", "a"):
            self._next += 1
            return ox.NamedNode(RDF.type)
        return self._constant()

    def _constant(self) -> _Constant:
        if self._peek("iri"):
            return _Constant(self._iri())
        prefix, local = self._name()
        if not local or (prefix not in self._prefixes and prefix not in PREFIXES):
            raise _NoMatch
        return _Constant(self._prefixes.get(prefix, -1), prefix, local)

    def _parents_first(self) -> list[_Pattern]:
        """Order the patterns so that each subject is known. Raises _NoMatch if a tree does not begin at a constant."""
        ordered: list[_Pattern] = []
        known: set[_Constant | str] = {one.subject for one in self._patterns if isinstance(one.subject, _Constant)}
        left = self._patterns
        while left:
            ready = [one for one in left if one.subject in known]
            if not ready:
                raise _NoMatch
            known |= {one.object for one in ready}
            ordered += ready
            left = [one for one in left if one not in ready]
        return ordered

    def _iri(self) -> int:
        """Return the number of an IRI."""
        if self._take("iri") != _PLACEHOLDER:  # a relative one
            raise _NoMatch
        self._iris += 1
        return self._iris - 1

    def _name(self) -> tuple[str, str]:
        name = self._take("name")
        if not _NAME.fullmatch(name):
            raise _NoMatch
        prefix, _, local = name.partition(":")
        return prefix, local

    def _peek(self, kind: str) -> bool:
        return self._tokens[self._next].kind == kind

    def _accept(self, kind: str, text: str) -> bool:
        found = self._tokens[self._next]
        is_there = found.kind == kind and found.text.upper() == text
        self._next += is_there
        return is_there

    def _take(self, kind: str) -> str:
        if not self._peek(kind):
            raise _NoMatch
        self._next += 1
        return self._tokens[self._next - 1].text


def parse_shape(query: str) -> tuple[Shape | None, list[str]]:
    """Parse a query; return its shape, or None if it does not qualify, and the IRIs of its text."""
    iris: list[str] = []
    if len(query) > _MAX_QUERY_CHARS:
        return None, iris

    def place(found: re.Match[str]) -> str:
        if found[1] is None:
            return "" if _COMMENT.fullmatch(found[2]) else found[0]
        iris.append(found[1])
        return _PLACEHOLDER

    return _parse(_IRI_OR_COMMENT.sub(place, query).strip()), iris


@lru_cache(_MAX_SHAPES)
def _parse(text: str) -> Shape | None:
    try:
        return _Parser(text).parse()
    except _NoMatch:
        return None


class FastPath:
    """Answers cheap queries on one event loop from a store in memory, equal to that of the workers."""

    def __init__(
        self,
        graph: Path,
        checksum: str = "",
        *,
        slow_seconds: float = _SLOW_SECONDS,
        must_wait: Callable[[], bool] = lambda: False,
    ) -> None:
        """Start to load ``graph`` (N-Quads with this SHA-256) in a thread; until it is loaded, answer nothing.

        Loading waits as long as ``must_wait`` returns true, so that the workers can load the same data sooner.
        A query that once took ``slow_seconds`` of processor time without an answer goes to a worker from then on.
        """
        self._slow_seconds = slow_seconds
        self._must_wait = must_wait
        self._store: ox.Store | None = None
        self._closed = False
        self._slow: LRUCache[tuple[str, ...], bool] = LRUCache(_MAX_SLOW_QUERIES)
        self.loading = threading.Thread(target=self._load, args=(str(graph), checksum), name="fast-path-load")
        self.loading.start()

    def _load(self, graph: str, checksum: str) -> None:
        while self._must_wait() and not self._closed:
            time.sleep(_POLL_SECONDS)
        try:
            store = load_into_memory(graph, checksum)
        except (FileDamaged, OSError, SyntaxError, ValueError):  # the workers load the same file, and report it
            return
        if not self._closed:
            self._store = store

    def answer(self, query: str, formats: tuple[Format, ...]) -> Answer | None:
        """Answer a cheap query as a worker would; None if the answer is empty, large or an error."""
        if not self._store:
            return None
        shape, iris = parse_shape(query)
        if not shape or (key := (shape.text, *iris)) in self._slow:
            return None
        began = time.thread_time()
        answer = self._run(query, shape, iris, [fmt.name for fmt in formats])
        if not answer and time.thread_time() - began > self._slow_seconds:
            self._slow[key] = True
        if not answer or answer.is_empty:
            return None
        return Answer(BY_NAME[answer.format], AnswerBody().end(answer.last_part), answer.rows)

    def _run(self, query: str, shape: Shape, iris: list[str], formats: list[str]) -> SerialisedAnswer | None:
        assert self._store
        try:
            if not shape.is_bounded and not _is_cheap(self._store, shape.patterns, iris):
                return None
            return serialise_answer(
                run_query(self._store, {"query": query}, lambda _: shape.variables),
                formats,
                _reject_part,
                _MAX_ANSWER_BYTES,
            )
        except (TooLarge, Unwritable, SyntaxError, RuntimeError, ValueError, OSError, MemoryError):
            return None

    def close(self) -> None:
        """Drop the store."""
        self._closed = True
        self._store = None


def _is_cheap(store: ox.Store, patterns: list[_Pattern], iris: list[str]) -> bool:
    """Whether a query reads few statements and has few rows, by following its trees."""

    def node(one: _Constant) -> ox.NamedNode:
        if not one.local:
            return ox.NamedNode(iris[one.iri_index])
        return ox.NamedNode((iris[one.iri_index] if one.iri_index >= 0 else PREFIXES[one.prefix]) + one.local)

    values: dict[str, set[ox.NamedNode | ox.BlankNode]] = {}
    rows, left = 1, _MAX_STATEMENTS
    for subject, predicate, target in patterns:
        fixed = node(predicate) if isinstance(predicate, _Constant) else predicate
        property_ = fixed if isinstance(fixed, ox.NamedNode) else None
        found: set[ox.NamedNode | ox.BlankNode] = set()
        most = 0
        for one in (node(subject),) if isinstance(subject, _Constant) else values[subject]:
            number = 0
            for quad in islice(store.quads_for_pattern(one, property_, None, None), left):
                number += 1
                if isinstance(quad.object, ox.NamedNode | ox.BlankNode):
                    found.add(quad.object)
            left -= number
            most = max(most, number)
            if not left:
                return False
        rows *= max(most, 1)
        if rows > _MAX_ROWS:
            return False
        if isinstance(target, str):
            values[target] = found
    return True


def _reject_part(_: bytes) -> None:
    """Refuse partial output: an answer within the limit is sent in one part."""
    raise TooLarge
