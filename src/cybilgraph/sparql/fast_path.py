"""The fast path: answers lookups of a single resource in the server process, without a worker.

Whether a query is a lookup is decided by its text alone: a regular expression, far stricter than SPARQL's grammar and
than the guard (``guard.guard``), must match all of it before any parser sees it. A lookup has one triple pattern
with a constant subject, or DESCRIBEs a constant. It cannot join, sort, compute, nest or call anything, and the engine
reads only the statements about that resource, so its cost does not depend on the size of the data. All other queries
go to a worker.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyoxigraph as ox
from cachetools import LRUCache

from cybilgraph.errors import FileDamaged
from cybilgraph.model.formats import BY_NAME, Format
from cybilgraph.sparql import Answer, AnswerBody
from cybilgraph.sparql.query_worker import SerialisedAnswer, TooLarge, Unwritable, run_query, serialise_answer
from cybilgraph.sparql.store import load_into_memory

#: Longer queries and answers go to a worker.
_MAX_QUERY_CHARS, _MAX_ANSWER_BYTES = 2_000, 64_000
#: The processor time after which an unanswered lookup is slow, and the number of slow resources remembered.
_SLOW_SECONDS, _MAX_SLOW_RESOURCES = 0.01, 1_000
_POLL_SECONDS = 0.1

# Tokens are plain ASCII without escapes, which all SPARQL parsers read alike. Possessive repetition (``*+``) keeps
# the time linear in the length of the text.
_GAP = r"(?:[ \t\r\n]|\#[\t\x20-\x7e]*+(?:\r?\n|\Z))"
_IRI = r"<[A-Za-z][A-Za-z0-9+.\-]*+:[!\#-;=?-\[\]_a-z~]*+>"
_PREFIX = r"(?:[A-Za-z][A-Za-z0-9]*+)?:"
_CONSTANT = rf"(?:{_IRI}|{_PREFIX}[A-Za-z0-9][A-Za-z0-9_\-]*+)"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_VARIABLE = rf"[?$]{_NAME}"
_PATTERN = rf"""\{{{_GAP}*+(?P<subject>{_CONSTANT}){_GAP}++
    (?:[?$](?P<predicate>{_NAME})|a|{_CONSTANT}){_GAP}++
    (?:[?$](?P<object>{_NAME})|{_CONSTANT}){_GAP}*+(?:\.{_GAP}*+)?\}}"""
_LOOKUP = re.compile(
    rf"""{_GAP}*+(?:(?i:PREFIX){_GAP}++{_PREFIX}{_GAP}*+{_IRI}{_GAP}*+){{0,20}}
    (?:(?:(?i:ASK)|(?i:SELECT){_GAP}++(?P<columns>\*|{_VARIABLE}(?:{_GAP}++{_VARIABLE})?)){_GAP}*+
       (?:(?<=[\s])(?i:WHERE){_GAP}*+)?{_PATTERN}
      |(?i:DESCRIBE){_GAP}++(?P<described>{_CONSTANT}))
    {_GAP}*+""",
    re.VERBOSE,
)
_COLUMN = re.compile(rf"[?$]({_NAME})")


class Lookup(NamedTuple):
    """The ``resource`` of a lookup as written in the query, and the variables in the order of the text."""

    resource: str
    variables: list[str]


def parse_lookup(query: str) -> Lookup | None:
    """Parse a lookup; None if the query is not one."""
    found = _LOOKUP.fullmatch(query) if len(query) <= _MAX_QUERY_CHARS else None
    if not found:
        return None
    if found["described"]:
        return Lookup(found["described"], [])
    variables = [name for name in (found["predicate"], found["object"]) if name]
    columns = _COLUMN.findall(found["columns"] or "")
    # A repeated variable is a condition; unbound or missing columns are unusual. Leave these to a worker.
    is_plain = len(set(variables)) == len(variables) and len(set(columns)) == len(columns)
    is_filled = set(columns) <= set(variables) and (variables or not found["columns"])
    return Lookup(found["subject"], variables) if is_plain and is_filled else None


class FastPath:
    """Answers lookups on one event loop from a store in memory, equal to that of the workers."""

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
        A resource that once took ``slow_seconds`` of processor time without an answer goes to a worker from then on.
        """
        self._slow_seconds = slow_seconds
        self._must_wait = must_wait
        self._store: ox.Store | None = None
        self._closed = False
        self._heavy: LRUCache[str, bool] = LRUCache(_MAX_SLOW_RESOURCES)
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
        """Answer a lookup as a worker would; None if the answer is empty, large or an error."""
        lookup = parse_lookup(query) if self._store else None
        if not lookup or lookup.resource in self._heavy:
            return None
        began = time.thread_time()
        answer = self._run(query, lookup.variables, [fmt.name for fmt in formats])
        if not answer and time.thread_time() - began > self._slow_seconds:
            self._heavy[lookup.resource] = True
        if not answer or answer.is_empty:
            return None
        return Answer(BY_NAME[answer.format], AnswerBody().end(answer.last_part), answer.rows)

    def _run(self, query: str, variables: list[str], formats: list[str]) -> SerialisedAnswer | None:
        assert self._store
        try:
            return serialise_answer(
                run_query(self._store, {"query": query}, lambda _: variables), formats, _reject_part, _MAX_ANSWER_BYTES
            )
        except (TooLarge, Unwritable, SyntaxError, RuntimeError, ValueError, OSError, MemoryError):
            return None

    def close(self) -> None:
        """Drop the store."""
        self._closed = True
        self._store = None


def _reject_part(_: bytes) -> None:
    """Refuse partial output: an answer within the limit is sent in one part."""
    raise TooLarge
