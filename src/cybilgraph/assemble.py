"""Described records → one graph, in a fixed order, with memory that does not grow with them.

Lines wait in a temporary file; only each record's key and place in it are kept. Where one
project was captured more than once, the last capture is the present and goes to the default
graph; each earlier one goes to a named graph of its own, so that history can be asked and
the present stays simple.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType

from cybilgraph.vocab import SKOS, thing, version_graph
from cybilgraph.vocab import record as record_iri

#: Lines wait in memory up to this many bytes, then on disk.
_IN_MEMORY = 16_000_000


class Assembly:
    """Collects the lines of records; a context manager, since it holds a temporary file."""

    def __init__(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._captures: dict[str, list[tuple[int, int]]] = {}
        self._shared: set[str] = set()

    def __enter__(self) -> Assembly:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()

    @property
    def projects(self) -> int:
        """How many projects the records describe."""
        return len(self._captures)

    def add(self, key: str, lines: Iterable[str]) -> int:
        """Take one record's triples; returns which capture of its project this is, from 1."""
        own = (f"<{thing('project', key)}", f"<{record_iri(key)}")
        kept: list[str] = []
        for line in lines:
            # What a record says of things that it shares with others may be said twice.
            (kept.append if line.startswith(own) else self._shared.add)(line)
        data = "".join(f"{line}\n" for line in kept).encode()
        captures = self._captures.setdefault(key, [])
        captures.append((self._spool.tell(), len(data)))
        self._spool.write(data)
        return len(captures)

    def quads(self, others: Iterable[str] = ()) -> Iterator[str]:
        """N-Quads lines of the whole graph: project by project, then shared and other lines."""
        for key in sorted(self._captures):
            *earlier, present = self._captures[key]
            yield from self._lines(present)
            for number, capture in enumerate(earlier, start=1):
                graph = version_graph(key, number)
                for line in self._lines(capture):
                    yield f"{line[:-1]}<{graph}> ."
        yield from sorted({*_one_name_each(self._shared), *others})
        self._spool.seek(0, 2)

    def _lines(self, capture: tuple[int, int]) -> list[str]:
        start, size = capture
        self._spool.seek(start)
        return self._spool.read(size).decode().split("\n")[:-1]


def _one_name_each(lines: Iterable[str]) -> Iterator[str]:
    """Lines in which a thing has one preferred name in a language, the first; where records
    print the name of an unknown thing in several ways, the others are alternative names (SKOS, S14).
    """
    named = set()
    for line in sorted(lines):
        subject, predicate, rest = line.split(" ", 2)
        if predicate == f"<{SKOS.prefLabel}>":
            name = (subject, rest.rpartition("@")[2])
            if name in named:
                predicate = f"<{SKOS.altLabel}>"
            named.add(name)
        yield f"{subject} {predicate} {rest}"
