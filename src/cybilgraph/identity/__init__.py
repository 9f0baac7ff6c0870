"""Decide which records describe one project, under which key, and which of them is the newest.

Records with the same code or IATI identifier are one project. So are records with the same slug or title,
unless their codes differ: then a record with that title but without a code remains a project of its own and
is reported. Records with the same key are one project too, since they have the same IRI. Records that are
only similar are reported, but never merged.

Keys are permanent: if a project gets another key (for example a code), the old one becomes an alias.
``rows`` are what a release keeps of this, and the next build receives them as ``earlier``.

The data are in a database on disk and evaluated by queries, so that memory does not grow with the number of
records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from types import TracebackType

from cybilgraph.identity.captures import IdentityDatabase, RecordIdentity, identity_of
from cybilgraph.identity.duplicates import find_duplicates
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import slug
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding

__all__ = ["Identities", "RecordIdentity", "identity_of"]

#: If a project has more captures than this, they are reported together.
_MAX_REPORTED_CAPTURES = 20


class Identities:
    """A context manager that collects records and identifies their projects. Add all records before asking."""

    def __init__(self, earlier: Iterable[tuple[str, str]] = ()) -> None:
        """Begin; ``earlier`` are rows of the previous release: a key, and a name of its project."""
        self._captures = IdentityDatabase(earlier)

    def __enter__(self) -> Identities:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._captures.close()

    def __len__(self) -> int:
        """Return the number of projects."""
        return int(self._captures.resolved_database.value("SELECT count(*) FROM projects"))

    def add(self, record: Record) -> None:
        """Add a record; its number is that of the records before it."""
        self.add_identity(identity_of(record), record.source.name)

    def add_identity(self, identity: RecordIdentity, file: str) -> None:
        """Add a record by its identity and its file."""
        self._captures.add(identity, file)

    def projects(self) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        """Yield each project's key, in order, with the number and own key of each of its records, oldest first."""
        rows = self._captures.resolved_database.rows(
            "SELECT project, number, key FROM captures ORDER BY project, updated, recent, number"
        )
        for project, records in groupby(rows, key=itemgetter(0)):
            yield project, [(number, key) for _, number, key in records]

    def key_of(self, key: str) -> str | None:
        """Return the current key of a project with this key, slug or identifier, or None."""
        return self._captures.key_of(key)

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Yield each former or possible key of a project with its current key, in order."""
        return self._captures.resolved_database.rows("SELECT alias, key FROM aliases ORDER BY alias")

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield each project's key with each of its names, in order; with the key itself if no name is unique."""
        return self._captures.resolved_database.rows(
            "WITH named AS (SELECT project, name FROM names JOIN captures USING (number)) SELECT * FROM named "
            "UNION SELECT key, 'key:' || alias FROM aliases "
            "UNION SELECT key, 'key:' || key FROM projects WHERE key NOT IN (SELECT project FROM named) ORDER BY 1, 2"
        )

    def findings(self) -> Iterator[Finding]:
        """Yield the findings about records that were merged and about similar ones."""
        yield from self._second_captures()
        yield from find_duplicates(self._captures.resolved_database)

    def _second_captures(self) -> Iterator[Finding]:
        rows = self._captures.resolved_database.rows(
            "SELECT project, captures, captures.key, source, line, title, code, iati "
            "FROM captures JOIN projects ON projects.key = project WHERE captures > 1 "
            "ORDER BY first, updated, recent, number"
        )
        for (_, count), captures in groupby(rows, key=itemgetter(0, 1)):
            if count > _MAX_REPORTED_CAPTURES:  # one finding, at the newest capture
                [(_, _, key, file, line, *_)] = deque(captures, maxlen=1)
                yield finding("many-captures", file, {"count": f"{count:,}"}, record=key, line=line)
                continue
            older: list[tuple[str, str, list[str]]] = []  # newest first
            for _, _, key, file, line, title, *ids in captures:
                by_id = [
                    source
                    for source, _, other in older
                    if any(one and one == two for one, two in zip(ids, other, strict=True))
                ]
                by_title = [source for source, called, _ in older if called == slug(title)]
                for source in (by_id or by_title or [source for source, *_ in older])[:1]:
                    name = "second-capture" if by_id else "same-title"
                    yield finding(name, file, {"other": source}, record=key, line=line)
                older.insert(0, (file, slug(title), ids))
