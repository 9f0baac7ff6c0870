"""The fast path: answers queries of proven low cost in the server process, without a worker.

A query qualifies if its patterns form trees that begin at constants and go from subjects to objects, as in
``<project> cyb:funder ?funder . ?funder rdfs:label ?name``, or if it DESCRIBEs a constant. Such a query cannot compute,
nest or call anything, and the engine evaluates a tree from its root. So the statements about the resources along the
tree bound its cost; they are counted first, up to a small number. All other queries go to a worker.

Only a few kinds of tokens may occur, far fewer than SPARQL and the guard (``guard.guard``) allow. Queries that differ
only in their IRIs and comments are parsed once.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyoxigraph as ox
from cachetools import LRUCache

from cybilgraph.errors import FileDamaged, QueryError
from cybilgraph.model.formats import BY_NAME, Format
from cybilgraph.sparql import Answer, AnswerBody
from cybilgraph.sparql.hints.outline import Outline, OutlineError, Term, Triple, parse_outline
from cybilgraph.sparql.lexer import scan
from cybilgraph.sparql.query_worker import SerialisedAnswer, run_query, serialise_answer
from cybilgraph.sparql.store import load_into_memory

#: Longer queries and answers go to a worker, and queries with more patterns.
_MAX_QUERY_CHARS, _MAX_ANSWER_BYTES, _MAX_PATTERNS = 2_000, 64_000, 8
#: A query goes to a worker if more statements are read to estimate its cost, or if it may have more rows.
_MAX_STATEMENTS, _MAX_ROWS = 500, 1_000
#: The number of parsed shapes that are remembered.
_MAX_SHAPES = 1_000
#: The processor time after which an unanswered query is slow, and the number of slow queries remembered.
_SLOW_SECONDS, _MAX_SLOW_QUERIES = 0.01, 1_000
_POLL_SECONDS = 0.1

# Possessive repetition (``*+``) keeps the time linear in the length of the text.
_IRI_OR_COMMENT = re.compile(r"<([A-Za-z][A-Za-z0-9+.\-]*+:[!\#-;=?-\[\]_a-z~]*+)>|\#([^\n]*+)", re.ASCII)
_COMMENT = re.compile(r"[\t\x20-\x7e]*+\r?", re.ASCII)
#: What replaces the IRIs of a text, by their number.
_PLACEHOLDER = re.compile(r"^iri:(\d+)/")
#: The tokens that may occur, by kind: plain ASCII without escapes, which all SPARQL parsers read alike.
_ALLOWED_TOKENS = {
    "gap": re.compile(r"[\t\r\n ]++"),
    "word": re.compile("SELECT|ASK|DESCRIBE|WHERE|PREFIX|DISTINCT|LIMIT|OFFSET|A", re.IGNORECASE | re.ASCII),
    "iri": re.compile(r"<iri:[0-9]++/>"),
    "name": re.compile(r"(?:(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9]*+)?:(?:[A-Za-z0-9][A-Za-z0-9_\-]*+)?"),
    "variable": re.compile(r"[?$][A-Za-z0-9_]++"),
    "number": re.compile(r"[0-9]{1,9}"),
    "open": re.compile(r"\{"),
    "close": re.compile(r"\}"),
    "other": re.compile(r"[.;,/*]"),
}


class _Pattern(NamedTuple):
    """A triple pattern of variables and IRIs."""

    subject: Term
    predicate: Term
    object: Term


class Shape(NamedTuple):
    """A parsed ``text`` with placeholders for IRIs: its ``patterns`` (parents first) and ``variables``.

    ``is_bounded`` tells whether the limit on the size of the answer also bounds the cost, because each statement that
    is read gives a row.
    """

    text: str
    patterns: list[_Pattern]
    variables: list[str]
    is_bounded: bool


def parse_shape(query: str) -> tuple[Shape | None, list[str]]:
    """Parse a query; return its shape, or None if it does not qualify, and the IRIs of its text."""
    iris: list[str] = []
    if len(query) > _MAX_QUERY_CHARS:
        return None, iris

    def place(found: re.Match[str]) -> str:
        if found[1] is None:
            return "" if _COMMENT.fullmatch(found[2]) else found[0]
        iris.append(found[1])
        return f"<iri:{len(iris) - 1}/>"

    return _parse(_IRI_OR_COMMENT.sub(place, query).strip()), iris


@lru_cache(_MAX_SHAPES)
def _parse(text: str) -> Shape | None:
    words: list[str] = []
    for kind, match in scan(text):
        allowed = _ALLOWED_TOKENS.get(kind)
        if not allowed or not allowed.fullmatch(match[0]):
            return None
        if kind == "word":
            words.append(match[0].upper())
    try:
        outline = parse_outline(text)
    except OutlineError:
        return None
    patterns = _patterns(outline)
    if patterns is None or words.count("PREFIX") != len(outline.declared):
        return None
    terms = [term for one in patterns for term in (one.predicate, one.object)]
    variables = [term.value for term in terms if term.kind == "variable" and "/" not in term.value]
    if outline.main.kind == "SELECT":  # a repeated or unbound column is unusual
        columns = [term.value for term in outline.main.head if term.kind == "variable"]
        if len({*columns}) != len(columns) or not variables or not {*columns} <= {*variables}:
            return None
    is_reduced = not {"DISTINCT", "OFFSET"}.isdisjoint(words)
    return Shape(text, patterns, variables, len(patterns) <= 1 and not is_reduced)


def _patterns(outline: Outline) -> list[_Pattern] | None:
    """Return the patterns of a query, one for each step of a path, parents first; None if they are not such trees."""
    found: list[_Pattern] = []
    for part in outline.main.parts:
        if not isinstance(part, Triple) or part.is_unbounded:
            return None
        subject, last = part.subject, part.predicate or part.path[-1]
        for step in part.path[:-1]:
            between = Term("variable", f"/{len(found)}", "", 0)  # not the name of a variable
            found.append(_Pattern(subject, step, between))
            subject = between
        # The engine might begin with a constant object.
        if part.object.kind == "literal" or (part.object.kind == "iri" and subject.kind == "variable"):
            return None
        found.append(_Pattern(subject, last, part.object))
    if outline.main.kind == "DESCRIBE":
        return found if not found and [term.kind for term in outline.main.head] == ["iri"] else None
    return _parents_first(found) if 0 < len(found) <= _MAX_PATTERNS else None


def _parents_first(patterns: list[_Pattern]) -> list[_Pattern] | None:
    """Order the patterns so that each subject is known; None if they are not trees that begin at constants."""
    bound = [term.value for one in patterns for term in (one.predicate, one.object) if term.kind == "variable"]
    if len({*bound}) != len(bound):  # a variable that is bound twice would close a cycle
        return None
    ordered: list[_Pattern] = []
    known = {one.subject.value for one in patterns if one.subject.kind == "iri"}
    while patterns:
        ready = [one for one in patterns if one.subject.value in known]
        if not ready:
            return None
        known |= {one.object.value for one in ready}
        ordered += ready
        patterns = [one for one in patterns if one not in ready]
    return ordered


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
        answer: SerialisedAnswer | None = None
        with suppress(QueryError, SyntaxError, RuntimeError, ValueError, OSError, MemoryError):
            if shape.is_bounded or _is_cheap(self._store, shape.patterns, iris):
                result = run_query(self._store, {"query": query}, lambda _: shape.variables)
                names = [fmt.name for fmt in formats]
                # The limit is below the size of a part, so no part is sent.
                answer = serialise_answer(result, names, lambda _: None, _MAX_ANSWER_BYTES)
        if not answer and time.thread_time() - began > self._slow_seconds:
            self._slow[key] = True
        if not answer or answer.is_empty:
            return None
        return Answer(BY_NAME[answer.format], AnswerBody().end(answer.last_part), answer.rows)

    def close(self) -> None:
        """Drop the store."""
        self._closed = True
        self._store = None


def _is_cheap(store: ox.Store, patterns: list[_Pattern], iris: list[str]) -> bool:
    """Return whether a query reads few statements and has few rows, by following its trees."""

    def node(term: Term) -> ox.NamedNode:
        return ox.NamedNode(_PLACEHOLDER.sub(lambda match: iris[int(match[1])], term.value))

    values: dict[str, set[ox.NamedNode | ox.BlankNode]] = {}
    rows, left = 1, _MAX_STATEMENTS
    for subject, predicate, target in patterns:
        property_ = node(predicate) if predicate.kind == "iri" else None
        found: set[ox.NamedNode | ox.BlankNode] = set()
        most = 0
        for one in (node(subject),) if subject.kind == "iri" else values[subject.value]:
            objects = [quad.object for quad in islice(store.quads_for_pattern(one, property_, None, None), left)]
            found.update(value for value in objects if isinstance(value, ox.NamedNode | ox.BlankNode))
            left -= len(objects)
            most = max(most, len(objects))
            if not left:
                return False
        rows *= max(most, 1)
        if rows > _MAX_ROWS:
            return False
        values[target.value] = found
    return True
