"""Which records describe one project, under which key, and which of them is the newest.

Records of one code, or of one IATI identifier, are one project. So are records of one slug
or title, unless their codes say that they are several: then a record without a code that
carries the same title stays a project of its own, and is reported. Records that would have one
key are one project too, since it would have one IRI. Records that only look alike are reported
and never merged.

A key that was given once stays good: where a project has got another (it has a code now),
the old one becomes an alias of it. ``rows`` are what a release keeps of all this, and what
the next build is given as ``earlier``.

What is known of the records is in a database on disk, and is asked for by queries, so that
memory does not grow with their number.
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

#: Nobody saves one page so often: more captures of one project are told of together.
_MAX_REPORTED_CAPTURES = 20


class Identities:
    """Collects records, and tells their projects apart: add them all, then ask. A context manager."""

    def __init__(self, earlier: Iterable[tuple[str, str]] = ()) -> None:
        """``earlier`` are rows of the release before: a key, and a name of its project."""
        self._captures = IdentityDatabase(earlier)

    def __enter__(self) -> Identities:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._captures.close()

    def __len__(self) -> int:
        """How many projects there are."""
        return int(self._captures.resolved_database.value("SELECT count(*) FROM projects"))

    def add(self, record: Record) -> None:
        """Take a record; it is known by the number of records before it."""
        self.add_identity(identity_of(record), record.source.name)

    def add_identity(self, one: RecordIdentity, file: str) -> None:
        """As ``add``, of what was captured of a record, and the file that it stands in."""
        self._captures.add(one, file)

    def projects(self) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        """Each project's key, in order, with its records, the oldest first: the number and own key of each."""
        rows = self._captures.resolved_database.rows(
            "SELECT project, number, key FROM captures ORDER BY project, updated, recent, number"
        )
        for project, records in groupby(rows, key=itemgetter(0)):
            yield project, [(number, key) for _, number, key in records]

    def key_of(self, key: str) -> str | None:
        """The present key of a project that is called by any key, slug or identifier."""
        return self._captures.key_of(key)

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Each key that a project had or could have, in order, with its present one."""
        return self._captures.resolved_database.rows("SELECT alias, key FROM aliases ORDER BY alias")

    def rows(self) -> Iterator[tuple[str, str]]:
        """Each project's key with each of its names, in order; one whose names are others' as well has its key."""
        return self._captures.resolved_database.rows(
            "WITH named AS (SELECT project, name FROM names JOIN captures USING (number)) SELECT * FROM named "
            "UNION SELECT key, 'key:' || alias FROM aliases "
            "UNION SELECT key, 'key:' || key FROM projects WHERE key NOT IN (SELECT project FROM named) ORDER BY 1, 2"
        )

    def findings(self) -> Iterator[Finding]:
        """What a curator should know: records that were put together, and such as look alike."""
        yield from self._second_captures()
        yield from find_duplicates(self._captures.resolved_database)

    def _second_captures(self) -> Iterator[Finding]:
        rows = self._captures.resolved_database.rows(
            "SELECT project, captures, captures.key, source, line, title, code, iati "
            "FROM captures JOIN projects ON projects.key = project WHERE captures > 1 "
            "ORDER BY first, updated, recent, number"
        )
        for (_, count), captures in groupby(rows, key=itemgetter(0, 1)):
            if count > _MAX_REPORTED_CAPTURES:  # the newest tells it for all
                [(_, _, key, file, line, *_)] = deque(captures, maxlen=1)
                yield finding("many-captures", file, {"count": f"{count:,}"}, record=key, line=line)
                continue
            older: list[tuple[str, str, list[str]]] = []  # the last first
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
