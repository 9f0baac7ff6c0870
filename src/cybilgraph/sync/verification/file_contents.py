"""Compares the files of a release with its N-Quads: the statements of every dump, and the rows of every table.

Both sides are written as lines and sorted on disk, in bounded memory.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path

from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format, FormatKind
from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.dumps import COLUMNS, NAME, TableNames, make_table_rows, read_table, replace_iris
from cybilgraph.rdf.ntriples import group_by_subject
from cybilgraph.rdf.serialisation import convert_to_nquads, is_in_earlier_graph
from cybilgraph.release.search import index_entries
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed
from cybilgraph.sync.patches import ADDED, diff_lines, sort_lines

_BLOCK_BYTES = 1 << 20
#: Maximum length of an example in a message.
_MAX_EXAMPLE_CHARS = 240
_PROJECT = re.compile(rf"<{re.escape(BASE)}id/project/([^/>]+)".encode())
#: Projects whose rows are computed at once.
_PROJECTS_PER_BATCH = 100


def describe_difference(theirs: Iterable[bytes], ours: Iterable[bytes], noun: str) -> str:
    """Describe the difference between sorted lines with counts and an example; return "" if there is none."""
    missing, extra, example = 0, 0, ""
    for kind, line in diff_lines(theirs, ours):
        if kind == ADDED:
            missing += 1
        else:
            extra += 1
        example = example or f"{'it lacks' if kind == ADDED else 'it has'} {_brief(line)}"
    if not example:
        return ""
    parts = [f"lacks {missing:,} {noun}"] if missing else []
    parts += [f"has {extra:,} extra {noun}"] if extra else []
    return f"{' and '.join(parts)} compared with the N-Quads: {example}"


def _brief(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\n")
    return text if len(text) <= _MAX_EXAMPLE_CHARS else f"{text[:_MAX_EXAMPLE_CHARS]}…"


class DumpGraph:
    """The graph in N-Quads, with which dumps are compared; ``folder`` is for temporary files."""

    def __init__(self, nquads: Path, folder: Path) -> None:
        """Sort the N-Quads. Raises OSError, SyntaxError."""
        self._folder = folder
        self._all, self._current = folder / "all", folder / "current"
        #: Syntax and checksum of the decompressed dumps found to be equal.
        self._equal: set[tuple[str, str]] = set()
        plain = folder / "plain"
        with nquads.open("rb") as content, plain.open("wb") as output:
            convert_to_nquads(content, BY_NAME["nquads"], output)
        with self._all.open("wb") as all_quads, self._current.open("wb") as current:
            for line in sort_lines(plain):
                all_quads.write(line)
                if not is_in_earlier_graph(line):
                    current.write(line)
        plain.unlink()

    def describe_difference(self, file: Path, name: str) -> str:
        """Describe how a dump, compressed as its name says, differs from the graph; return "" if it does not.

        A syntax without named graphs has only the current statements. Our graphs have no blank nodes, so labels of
        blank nodes are compared literally. Raises OSError.
        """
        fmt = syntax_of(name)
        assert fmt
        plain = self._folder / "plain"
        try:
            with open_decompressed(file, name) as content, plain.open("wb") as output:
                digest = hashlib.sha256()
                while block := content.read(_BLOCK_BYTES):
                    digest.update(block)
                    output.write(block)
            if (known := (fmt.name, digest.hexdigest())) in self._equal:
                return ""
            quads = self._folder / "quads"
            with plain.open("rb") as content, quads.open("wb") as output:
                convert_to_nquads(content, fmt, output)
        except (SyntaxError, ValueError, *DECOMPRESSION_ERRORS) as error:
            return f"cannot be read as {fmt.title}: {error}"
        finally:
            plain.unlink(missing_ok=True)
        ours = self._current if fmt.kind is FormatKind.GRAPH else self._all
        with ours.open("rb") as lines:
            how = describe_difference(sort_lines(quads), lines, "statements")
        quads.unlink()
        if not how:
            self._equal.add(known)
        return how


class Tables:
    """The expected rows of each table of a graph."""

    def __init__(self, nquads: Path, folder: Path) -> None:
        """Compute the rows. Raises OSError."""
        self._folder = folder
        keyed, self._rows = folder / "keyed", {table: folder / f"{table}.rows" for table in COLUMNS}
        with nquads.open("rb") as lines, keyed.open("wb") as output:
            output.writelines(_key(line) + b"\t" + line for line in lines if not is_in_earlier_graph(line))
        self._count = dict.fromkeys(COLUMNS, 0)
        with TableNames() as names, ExitStack() as stack:
            for part in _parts(keyed):
                names.put(index_entries(group_by_subject(part), {})[1])
            outputs = {table: stack.enter_context(path.open("wb")) for table, path in self._rows.items()}
            for part in _parts(keyed):
                for table, rows in make_table_rows(group_by_subject(part)).items():
                    outputs[table].writelines(_line(replace_iris(row, names)) for row in rows)
                    self._count[table] += len(rows)
        keyed.unlink()

    def describe_difference(self, file: Path, name: str) -> str:
        """Describe how a table in a file differs from the expected rows; return "" if it does not. Raises OSError."""
        table = name.partition(".")[0]
        theirs = self._folder / "rows"
        count = -1
        try:
            with closing(read_table(file, name)) as rows, theirs.open("wb") as output:
                if (columns := next(rows, ())) != COLUMNS[table]:
                    return _other_columns(columns, COLUMNS[table])
                for count, row in enumerate(rows):  # noqa: B007
                    output.write(_line(row))
        except (ValueError, *DECOMPRESSION_ERRORS) as error:
            return f"cannot be read: {error}"
        how = describe_difference(sort_lines(theirs), sort_lines(self._rows[table]), "rows")
        if not how and count + 1 != self._count[table]:
            how = f"has {count + 1:,} rows instead of {self._count[table]:,}: some are duplicates"
        theirs.unlink()
        return how


def syntax_of(name: str) -> Format | None:
    """Return the syntax of a dump from its name, or None for another file."""
    stem, _, suffixes = name.partition(".")
    return next((fmt for fmt in GRAPH_FORMATS if stem == NAME and fmt.suffix == suffixes.split(".")[0]), None)


def is_table(name: str) -> bool:
    """Return whether a file is a table, from its name."""
    return name.partition(".")[0] in COLUMNS


def _other_columns(theirs: tuple[str, ...], ours: tuple[str, ...]) -> str:
    missing, extra = [name for name in ours if name not in theirs], [name for name in theirs if name not in ours]
    parts = [f"lacks the columns {', '.join(missing)}"] if missing else []
    parts += [f"has the extra columns {', '.join(extra)}"] if extra else []
    return f"{' and '.join(parts) or 'has its columns in another order'} (perhaps from another version of cybilgraph)"


def _key(line: bytes) -> bytes:
    """Return a sort key that keeps the statements of one project together."""
    return found[1] if (found := _PROJECT.match(line)) else line.split(b" ", 1)[0]


def _parts(keyed: Path) -> Iterator[list[bytes]]:
    """Yield the lines of some resources at a time, each resource complete, in order."""
    part: list[bytes] = []
    for count, (_, lines) in enumerate(groupby(sort_lines(keyed), lambda line: line.split(b"\t", 1)[0]), start=1):
        part += [line.split(b"\t", 1)[1] for line in lines]
        if count % _PROJECTS_PER_BATCH == 0:
            yield part
            part = []
    yield part


def _line(row: Iterable[str]) -> bytes:
    return json.dumps(list(row), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
