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
from cybilgraph.sparql import Answer, Content
from cybilgraph.sparql.query_worker import TooLarge, Unwritable, Written, run, written
from cybilgraph.sparql.store import read_store

#: Characters of a query, and bytes of an answer: what is longer is a worker's.
_LONGEST, _MOST = 2_000, 64_000
#: What has once taken so many seconds of a processor in vain is a worker's the next time; so many are remembered.
_LONG, _REMEMBERED = 0.01, 1_000

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
_LOOK_UP = re.compile(
    rf"""{_GAP}*+(?:(?i:PREFIX){_GAP}++{_PREFIX}{_GAP}*+{_IRI}{_GAP}*+){{0,20}}
    (?:(?:(?i:ASK)|(?i:SELECT){_GAP}++(?P<columns>\*|{_VARIABLE}(?:{_GAP}++{_VARIABLE})?)){_GAP}*+
       (?:(?<=[\s])(?i:WHERE){_GAP}*+)?{_PATTERN}
      |(?i:DESCRIBE){_GAP}++(?P<described>{_CONSTANT}))
    {_GAP}*+""",
    re.VERBOSE,
)
_COLUMN = re.compile(rf"[?$]({_NAME})")


class LookUp(NamedTuple):
    """The ``thing`` that a look-up is about, as it is written there, and its variables, in the order of the text."""

    thing: str
    variables: list[str]


def looked_up(query: str) -> LookUp | None:
    """A look-up; none where the query is another."""
    found = _LOOK_UP.fullmatch(query) if len(query) <= _LONGEST else None
    if not found:
        return None
    if found["described"]:
        return LookUp(found["described"], [])
    variables = [name for name in (found["predicate"], found["object"]) if name]
    columns = _COLUMN.findall(found["columns"] or "")
    # What has one variable twice is a condition; a column that nothing fills, or no column, is odd.
    is_plain = len(set(variables)) == len(variables) and len(set(columns)) == len(columns)
    is_filled = set(columns) <= set(variables) and (variables or not found["columns"])
    return LookUp(found["subject"], variables) if is_plain and is_filled else None


class LookUps:
    """A store in memory, equal to that of the workers, for look-ups on one event loop."""

    def __init__(self, graph: Path, checksum: str = "") -> None:
        """``graph`` (N-Quads, of this SHA-256) is loaded in a thread; until then there are no answers."""
        self._store: ox.Store | None = None
        self._closed = False
        self._heavy: LRUCache[str, bool] = LRUCache(_REMEMBERED)
        self.loading = threading.Thread(target=self._load, args=(str(graph), checksum), name="look-ups")
        self.loading.start()

    def _load(self, graph: str, checksum: str) -> None:
        try:
            store = read_store(graph, checksum)
        except (FileDamaged, OSError, SyntaxError, ValueError):  # the workers, which have the same before them, say so
            return
        if not self._closed:
            self._store = store

    def answer(self, query: str, formats: tuple[Format, ...]) -> Answer | None:
        """The answer to a look-up, as a worker would give it; none where there is anything to be said of it:
        it is empty, large, or wrong.
        """
        asked = looked_up(query) if self._store else None
        if not asked or asked.thing in self._heavy:
            return None
        began = time.thread_time()
        done = self._done(query, asked.variables, [fmt.name for fmt in formats])
        if not done and time.thread_time() - began > _LONG:
            self._heavy[asked.thing] = True
        if not done or done.nothing:
            return None
        return Answer(BY_NAME[done.format], Content().end(done.rest), done.rows)

    def _done(self, query: str, variables: list[str], formats: list[str]) -> Written | None:
        assert self._store
        try:
            return written(run(self._store, {"query": query}, lambda _: variables), formats, _part, _MOST)
        except (TooLarge, Unwritable, SyntaxError, RuntimeError, ValueError, OSError, MemoryError):
            return None

    def close(self) -> None:
        """Let go of the store."""
        self._closed = True
        self._store = None


def _part(_: bytes) -> None:
    """An answer of so few bytes has one part, which is its last."""
    raise TooLarge
