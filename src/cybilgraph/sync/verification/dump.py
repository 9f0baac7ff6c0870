"""A site's dump, statements and rows, to be compared with its answers."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from cybilgraph.model.vocabulary import CYB, RDF
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.sparql.guard import guard
from cybilgraph.sparql.store import load_into_memory, query_bytes


class Dump:
    """The N-Quads of a release in a file, once it has been downloaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_available(self) -> bool:
        """Whether it has been downloaded."""
        return self.path.exists()

    def subjects(self) -> list[str]:
        """Return the subjects of the current graph as terms, sorted. Raises OSError."""
        with self.path.open("rb") as lines:
            return sorted({line.split(b" ", 1)[0].decode() for line in lines if not is_in_earlier_graph(line)})

    def projects(self) -> list[str]:
        """Return the IRIs of the projects in the current graph, in order. Raises OSError."""
        end = f" <{RDF.type}> <{CYB.Project}> .\n".encode()
        with self.path.open("rb") as lines:
            return [line[1 : -len(end) - 1].decode() for line in lines if line.endswith(end)]

    def about(self, subjects: Iterable[str]) -> dict[str, set[str]]:
        """Return the current statements about some subjects. Raises OSError."""
        wanted = {subject.encode() for subject in subjects}
        with self.path.open("rb") as lines:
            found = (line for line in lines if line.split(b" ", 1)[0] in wanted and not is_in_earlier_graph(line))
            return by_subject(line.decode().rstrip("\n") for line in found)

    def rows(self, query: str) -> Counter[tuple[str, ...]]:
        """Return the rows of a query on the dump. Raises QueryError if it is not allowed, SyntaxError."""
        guard(query)
        return rows_of(query_bytes(self._store, query))

    @cached_property
    def _store(self) -> Any:
        return load_into_memory(str(self.path))


def by_subject(lines: Iterable[str]) -> dict[str, set[str]]:
    """Group lines of N-Triples by subject."""
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(line.split(" ", 1)[0], set()).add(line)
    return found


def rows_of(answer: bytes) -> Counter[tuple[str, ...]]:
    """Return the rows of a CSV table, or the lines of N-Triples, without their order."""
    return Counter(map(tuple, csv.reader(answer.decode().splitlines(keepends=True))))


class TripleIndex:
    """N-Triples indexed by predicate."""

    def __init__(self, lines: list[str]) -> None:
        self._by_predicate: dict[str, list[tuple[str, str]]] = {}
        for line in lines:
            subject, predicate, rest = line.split(" ", 2)
            self._by_predicate.setdefault(predicate[1:-1], []).append((subject, rest.removesuffix(" .")))

    def pairs(self, predicate: str) -> list[tuple[str, str]]:
        """Return the subjects (as terms) and objects (as text) with a predicate."""
        return [(subject, term_text(value)) for subject, value in self._by_predicate.get(predicate, [])]

    def values(self, predicate: str) -> list[str]:
        """Return the objects with a predicate as text."""
        return [value for _, value in self.pairs(predicate)]

    def of(self, subject: str, predicate: str) -> list[str]:
        """Return the objects of a subject: literals as text, other nodes as terms."""
        found = [value for node, value in self._by_predicate.get(predicate, []) if node == subject]
        return [value if value.startswith(("<", "_:")) else term_text(value) for value in found]
