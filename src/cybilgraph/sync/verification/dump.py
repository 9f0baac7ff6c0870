"""The N-Quads of a release, with which other dumps and the answers of a site are compared."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from cybilgraph.model.formats import GRAPH_FORMATS, Format, FormatKind
from cybilgraph.rdf.dumps import NAME
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.rdf.serialisation import convert_to_nquads, is_in_earlier_graph
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed
from cybilgraph.sparql.guard import guard
from cybilgraph.sparql.store import load_into_memory, query_bytes
from cybilgraph.sync.patches import ADDED, REMOVED, HashedLines, diff_lines, sort_lines

#: Maximum length of an example in a message.
_MAX_EXAMPLE_BYTES = 240


class Dump:
    """The N-Quads of a release, once they have been loaded; they are sorted on disk, in bounded memory."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "graph.nq"
        self._current = folder / "current.nq"
        self._temporary = folder / "temporary.nq"

    def load(self, file: Path) -> tuple[int, str]:
        """Load a dump; return its number of quads and the SHA-256 of its sorted lines. Raises DECOMPRESSION_ERRORS."""
        lines = HashedLines(sort_lines(file))
        count = 0
        with self._temporary.open("wb") as all_quads, self._current.open("wb") as current:
            for line in lines:
                count += 1
                all_quads.write(line)
                if not is_in_earlier_graph(line):
                    current.write(line)
        self._temporary.replace(self.path)
        return count, lines.sha256

    @property
    def is_available(self) -> bool:
        """Whether it has been loaded."""
        return self.path.exists()

    def subjects(self) -> list[str]:
        """Return the subjects of the current graph as terms, sorted. Raises OSError."""
        with self._current.open("rb") as lines:
            return sorted({line.split(b" ", 1)[0].decode() for line in lines})

    def about(self, subjects: Iterable[str]) -> dict[str, set[str]]:
        """Return the current statements about some subjects. Raises OSError."""
        wanted = {subject.encode() for subject in subjects}
        with self._current.open("rb") as lines:
            return by_subject(line.decode().rstrip("\n") for line in lines if line.split(b" ", 1)[0] in wanted)

    def rows(self, query: str) -> Counter[tuple[str, ...]]:
        """Return the rows of a query on the dump. Raises QueryError if it is not allowed, SyntaxError."""
        guard(query)
        return rows_of(query_bytes(self._store, query))

    @cached_property
    def _store(self) -> Any:
        return load_into_memory(str(self.path))

    def describe_difference(self, file: Path, name: str) -> str:
        """Describe how another dump, compressed as its name says, differs; return "" if it does not.

        A syntax without named graphs has only the current statements. Our graphs have no blank nodes, so labels of
        blank nodes are compared literally. Raises OSError.
        """
        fmt = syntax_of(name)
        assert fmt
        try:
            with open_decompressed(file, name) as content, self._temporary.open("wb") as output:
                convert_to_nquads(content, fmt, output)
        except (SyntaxError, ValueError, *DECOMPRESSION_ERRORS) as error:
            return f"cannot be read as {fmt.title}: {error}"
        ours = self._current if fmt.kind is FormatKind.GRAPH else self.path
        with ours.open("rb") as lines:
            return describe_difference(sort_lines(self._temporary), lines)


def describe_difference(theirs: Iterable[bytes], ours: Iterable[bytes]) -> str:
    """Describe the difference between sorted statements with counts and an example; return "" if there is none."""
    counts: Counter[bytes] = Counter()
    example = ""
    for kind, line in diff_lines(theirs, ours):
        counts[kind] += 1
        if not example:
            text = line[:_MAX_EXAMPLE_BYTES].decode("utf-8", "replace").rstrip("\n")
            example = f"{'it lacks' if kind == ADDED else 'it has'} {text}"
    if not example:
        return ""
    parts = [f"lacks {counts[ADDED]:,} statements"] if counts[ADDED] else []
    parts += [f"has {counts[REMOVED]:,} extra statements"] if counts[REMOVED] else []
    return f"{' and '.join(parts)} compared with the N-Quads: {example}"


def syntax_of(name: str) -> Format | None:
    """Return the syntax of a dump from its name, or None for another file."""
    stem, _, suffixes = name.partition(".")
    return next((fmt for fmt in GRAPH_FORMATS if stem == NAME and fmt.suffix == suffixes.split(".")[0]), None)


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

    def of(self, subject: str, predicate: str) -> list[str]:
        """Return the objects of a subject: literals as text, other nodes as terms."""
        found = [value for node, value in self._by_predicate.get(predicate, []) if node == subject]
        return [value if value.startswith(("<", "_:")) else term_text(value) for value in found]
