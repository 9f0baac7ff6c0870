"""Look-ups: what is asked of one thing costs so little, whatever the data, that no worker process has to be asked.

A query is a look-up by its text alone: a pattern that is far narrower than SPARQL's grammar, and than the guard
(``queries.guard``), takes it as a whole before any parser sees it. It has one triple pattern, whose subject is a
constant, or DESCRIBEs a constant. So it joins, sorts, computes and calls nothing; it nests nothing; and the engine
looks at no more than what is said of that one thing. What is asked beyond that goes to a worker.
"""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pyoxigraph as ox
from cachetools import LRUCache

from cybilgraph.errors import FileDamaged
from cybilgraph.model.formats import BY_NAME, Format
from cybilgraph.sparql import Answer, AnswerBody
from cybilgraph.sparql.query_worker import SerialisedAnswer, TooLarge, Unwritable, run_query, serialise_answer
from cybilgraph.sparql.store import load_into_memory

#: Characters of a query, and bytes of an answer: what is longer is a worker's.
_MAX_QUERY_CHARS, _MAX_ANSWER_BYTES = 2_000, 64_000
#: What has once taken so many seconds of a processor in vain is a worker's the next time; so many are remembered.
_SLOW_SECONDS, _MAX_SLOW_RESOURCES = 0.01, 1_000

# Of each token only plain ASCII without escapes, which every reader of SPARQL takes for the same. No part gives
# back what it has taken (``*+``), so that the time is in proportion to the text.
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
    """The ``resource`` that a look-up is about, as it is written there, and its variables, in the order of the text."""

    resource: str
    variables: list[str]


def parse_lookup(query: str) -> Lookup | None:
    """A look-up; none where the query is another."""
    found = _LOOKUP.fullmatch(query) if len(query) <= _MAX_QUERY_CHARS else None
    if not found:
        return None
    if found["described"]:
        return Lookup(found["described"], [])
    variables = [name for name in (found["predicate"], found["object"]) if name]
    columns = _COLUMN.findall(found["columns"] or "")
    # What has one variable twice is a condition; a column that nothing fills, or no column, is odd.
    is_plain = len(set(variables)) == len(variables) and len(set(columns)) == len(columns)
    is_filled = set(columns) <= set(variables) and (variables or not found["columns"])
    return Lookup(found["subject"], variables) if is_plain and is_filled else None


class FastPath:
    """A store in memory, equal to that of the workers, for look-ups on one event loop."""

    def __init__(self, graph: Path, checksum: str = "") -> None:
        """``graph`` (N-Quads, of this SHA-256) is loaded in a thread; until then there are no answers."""
        self._store: ox.Store | None = None
        self._closed = False
        self._heavy: LRUCache[str, bool] = LRUCache(_MAX_SLOW_RESOURCES)
        self.loading = threading.Thread(target=self._load, args=(str(graph), checksum), name="look-ups")
        self.loading.start()

    def _load(self, graph: str, checksum: str) -> None:
        try:
            store = load_into_memory(graph, checksum)
        except (FileDamaged, OSError, SyntaxError, ValueError):  # the workers, which have the same before them, say so
            return
        if not self._closed:
            self._store = store

    def answer(self, query: str, formats: tuple[Format, ...]) -> Answer | None:
        """The answer to a look-up, as a worker would give it; none where there is anything to be said of it:
        it is empty, large, or wrong.
        """
        lookup = parse_lookup(query) if self._store else None
        if not lookup or lookup.resource in self._heavy:
            return None
        began = time.thread_time()
        answer = self._run(query, lookup.variables, [fmt.name for fmt in formats])
        if not answer and time.thread_time() - began > _SLOW_SECONDS:
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
        """Let go of the store."""
        self._closed = True
        self._store = None


def _reject_part(_: bytes) -> None:
    """An answer of so few bytes has one part, which is its last."""
    raise TooLarge
