"""Described records → one graph, in a fixed order, with memory that does not grow with them.

Lines wait in a spool; in memory is only where those of each record begin there. Where one
project was captured more than once, the captures are put together: of each field, the newest
capture that states it wins, and what it says goes to the default graph. Each earlier capture
goes, whole, to a named graph of its own, so that history can be asked and the present stays
simple. What one file says again and again counts as one capture, the last.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, groupby, islice
from operator import itemgetter
from types import TracebackType

from cybilgraph.identity import Identities, RecordIdentity, identity_of
from cybilgraph.model.fields import BY_NAME, FIELDS, FieldKind
from cybilgraph.model.record import Record
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, PROV, SKOS, thing_iri, version_graph
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.description import field_of, is_stated
from cybilgraph.runtime.spill import Spool, TemporaryDatabase

#: So many of the shared lines are in memory, and are given at once.
_LINES_PER_BLOCK = 2_000
#: So many captures as lines, and so many keys with the present ones, are in memory.
_CACHED_CAPTURES, _CACHED_KEYS = 4, 10_000
# Lines that several records may have said, each with its subject and predicate; and what comes behind all projects.
_SCHEMA = "CREATE TABLE shared (line TEXT, about TEXT); CREATE TABLE rest (line TEXT);"
_RELATIONS = {f"<{row.term}>" for row in FIELDS if row.kind is FieldKind.PROJECTS}
_PROJECT = re.compile(rf"(?<=<{re.escape(BASE)}id/project/)([^/>]+)(?=>)")
#: What a line has that leads to another project.
_RELATION, _TO_PROJECT = "/relation/", f"> <{BASE}id/project/"
_RELATED = re.compile(r"(?<=/relation/)([a-z_]+)/([^/>]+)")
#: A key of a project to which a line leads, in the two places where it may stand. One pattern for both would take
#: four times as long, as it begins with no fixed text.
_NAMED = [re.compile(rf"{before}([^/>]+)".encode()) for before in ("/relation/[a-z_]+/", re.escape(_TO_PROJECT))]
#: Where a quote stands in its source.
_LINE = f"<{CYB.line}>"
#: Fields that only the newest capture tells: who is no longer named on a page is not named here.
_NEWEST_ONLY = {"contacts"}


class Assembly:
    """Collects the lines of records; a context manager, since it holds temporary files."""

    def __init__(self, identities: Identities) -> None:
        """``identities`` take each record too; who made them ends them."""
        self._spool = Spool()
        self._shared: set[str] = set()
        self._aside = TemporaryDatabase(_SCHEMA)
        self._identities = identities
        # A capture is asked for up to three times, and with its neighbours; a key by each who is related to it.
        self._lines = lru_cache(_CACHED_CAPTURES)(self._lines_of)
        self._present = lru_cache(_CACHED_KEYS)(self._present_key)

    def __enter__(self) -> Assembly:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.close()
        self._aside.close()

    def add(self, record: Record, lines: list[str]) -> None:
        """Take one record and its triples, sorted. Before ``blocks``."""
        self.add_split(identity_of(record), record.source.name, *split_shared(record.key, lines))

    def add_split(self, capture: RecordIdentity, file: str, own: bytes, shared: Iterable[str]) -> None:
        """As ``add``, of what was captured of a record in a file, and triples that are ``split_shared``."""
        self._identities.add_identity(capture, file)
        self._shared.update(shared)
        if len(self._shared) > _LINES_PER_BLOCK:
            self._put_aside()
        self._spool.put(own)

    def quads(self, others: Iterable[str] = (), history: bool = True) -> Iterator[str]:
        """N-Quads lines of the whole graph; see ``blocks``."""
        for block in self.blocks(others, history):
            yield from block.decode().split("\n")[:-1]

    def blocks(self, others: Iterable[str] = (), history: bool = True) -> Iterator[bytes]:
        """N-Quads of the whole graph, some lines at once: project by project, then shared and other lines.

        Without ``history``, of the present only: then they are lines of N-Triples.
        """
        for key, records in self._identities.projects():
            if len(records) == 1 and records[0][1] == key:
                block: bytes = self._spool[records[0][0]]
                if self._is_present(block):
                    yield block
                    continue
            *earlier, newest = self._different(key, records)
            present = _MergedProject(key)
            for record in earlier:
                present.add(self._lines(*record, key))
            yield _block(present.lines(self._lines(*newest, key)))
            for number, record in enumerate(earlier if history else (), start=1):
                graph = version_graph(key, number)
                yield _block(f"{line[:-1]}<{graph}> ." for line in self._lines(*record, key))
        rest = self.shared(others)
        while block := _block(islice(rest, _LINES_PER_BLOCK)):
            yield block

    def _different(self, key: str, records: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Of the records of a project, in order, the last of each that one file says again and again."""
        last = {_statement_hash(self._lines(*record, key)): record for record in records} if len(records) > 1 else {}
        kept = {number for number, _ in last.values()}
        return [record for record in records if not last or record[0] in kept]

    def _put_aside(self) -> None:
        aside = ((line, " ".join(line.split(" ", 2)[:2])) for line in self._shared)
        self._aside.fill("INSERT INTO shared VALUES (?, ?)", aside)
        self._shared.clear()

    def shared(self, others: Iterable[str] = ()) -> Iterator[str]:
        """Lines of no project, and others, in order, each once."""
        self._put_aside()
        aside = self._aside
        replaced = (
            f"<{thing_iri('project', old)}> <{DCTERMS.isReplacedBy}> <{thing_iri('project', key)}> ."
            for old, key in self._identities.aliases()
        )
        shared = aside.rows("SELECT DISTINCT about, length(line), line FROM shared ORDER BY about, length(line), line")
        aside.run("DELETE FROM rest")
        aside.fill(
            "INSERT INTO rest VALUES (?)",
            ((line,) for line in chain(_with_one_preferred_name(shared), replaced, others)),
        )
        return (line for (line,), _ in groupby(aside.rows("SELECT line FROM rest ORDER BY line")))

    def _is_present(self, block: bytes) -> bool:
        """Whether all projects that lines name have their present keys there, so that nothing is to be changed."""
        if _RELATION.encode() not in block:
            return True
        named = {key for pattern in _NAMED for key in pattern.findall(block)}
        return all(self._present(name.decode()) == name.decode() for name in named)

    def _lines_of(self, number: int, record_key: str, key: str) -> list[str]:
        """The lines of a record with the given key, about the project of another one."""
        text = self._spool[number].decode()
        if record_key != key:
            for iri in (lambda name: thing_iri("project", name), record_iri):
                text = re.sub(rf"<{re.escape(iri(record_key))}(?=[/>])", f"<{iri(key)}", text)
        lines = text.split("\n")[:-1]
        return sorted(self._related(line) for line in lines) if _RELATION in text else lines

    def _related(self, line: str) -> str:
        """A line about a relation, with the present key of the other project."""
        if _RELATION not in line and _TO_PROJECT not in line:
            return line
        line = _RELATED.sub(lambda found: f"{found[1]}/{self._present(found[2])}", line)
        subject, predicate, rest = line.split(" ", 2)
        if predicate in _RELATIONS or predicate == f"<{CYB.project}>":
            rest = _PROJECT.sub(lambda found: self._present(found[1]), rest)
        return f"{subject} {predicate} {rest}"

    def _present_key(self, key: str) -> str:
        return self._identities.key_of(key) or key


def split_shared(key: str, lines: list[str]) -> tuple[bytes, list[str]]:
    """The triples of a record, sorted, in those of its own, and those that others may say, too."""
    own: list[str] = []
    shared: list[str] = []
    start = 0
    for prefix in sorted((f"<{thing_iri('project', key)}", f"<{record_iri(key)}")):
        # What a record says of things that it shares with others may be said twice.
        low, high = bisect_left(lines, prefix), bisect_left(lines, f"{prefix}\U0010ffff")
        shared += lines[start:low]
        own += lines[low:high]
        start = high
    return _block(own), shared + lines[start:]


def _block(lines: Iterable[str]) -> bytes:
    return "".join([f"{line}\n" for line in lines]).encode()


class _MergedProject:
    """The present of a project, from its captures, the oldest first. In memory are the lines that win so far, and
    where each capture was read.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._project, self._record = thing_iri("project", key), record_iri(key)
        self._own = (f"<{self._project}>", f"<{self._project}/")
        self._fields: dict[str, tuple[bool, list[str]]] = {}
        self._sources: set[str] = set()
        self._earlier = 0

    def add(self, lines: list[str]) -> None:
        """Take the lines of the next capture, which is not the newest."""
        self._earlier += 1
        graph = version_graph(self._key, self._earlier)
        for name, by_field in self._told(lines).items():
            if name not in _NEWEST_ONLY:
                self._take(name, list(self._of_source(by_field)))
        sources = (line for line in self._of_record(lines) if f"<{self._record}/source" in line)
        self._sources.update(self._of_source(sources))
        self._sources.add(f"<{self._record}> <{PROV.wasRevisionOf}> <{graph}> .")

    def lines(self, newest: list[str]) -> list[str]:
        """All lines, when the newest capture has these."""
        by_field = self._told(newest)
        won = {name for name, lines in by_field.items() if self._take(name, lines)}
        filled = {f"<{BY_NAME[name].term}>" for name in self._fields.keys() - won if name in BY_NAME}
        kept = (line for line in self._of_record(newest) if not _is_filled(line, filled))
        return sorted({*self._sources, *kept, *chain.from_iterable(lines for _, lines in self._fields.values())})

    def _told(self, lines: list[str]) -> dict[str, list[str]]:
        """What lines tell of each field."""
        by_field: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            if line.startswith(self._own):
                by_field[field_of(line, self._project)].append(line)
        return by_field

    def _of_record(self, lines: list[str]) -> Iterator[str]:
        """Lines about the record itself, and where it was read."""
        return (line for line in lines if line.startswith((f"<{self._record}>", f"<{self._record}/")))

    def _take(self, name: str, lines: list[str]) -> bool:
        """Let a capture tell a field, unless an earlier one states what this one only derives."""
        stated = is_stated(lines)
        if wins := stated >= self._fields.get(name, (False,))[0]:
            self._fields[name] = (stated, lines)
        return wins

    def _of_source(self, lines: Iterable[str]) -> Iterator[str]:
        """Lines of an earlier capture, with its source told apart from that of the newest."""
        source = f"<{self._record}/source"
        return (re.sub(rf"{re.escape(source)}(?=[/>])", f"{source}/{self._earlier}", line) for line in lines)


def _statement_hash(lines: list[str]) -> bytes:
    """A hash of what lines say of a project, and of the file that says it, wherever in that."""
    said = (line for line in lines if line.split(" ", 2)[1] != _LINE)
    return blake2b("\n".join(said).encode(), digest_size=16).digest()


def _is_filled(line: str, filled: set[str]) -> bool:
    """True for "left blank" of a field that an earlier capture fills."""
    _, predicate, rest = line.split(" ", 2)
    return predicate == f"<{CYB.leftBlank}>" and rest.removesuffix(" .") in filled


def _with_one_preferred_name(lines: Iterable[tuple[str, int, str]]) -> Iterator[str]:
    """Lines in which a thing has one preferred name in a language, the shortest; where records
    print the name of an unknown thing in several ways, the others are alternative names (SKOS, S14).

    Given are subject and predicate, length and line, in order.
    """
    for about, rows in groupby(lines, key=itemgetter(0)):
        subject, predicate = about.split(" ")
        named = set()
        for _, _, line in rows:
            if predicate == f"<{SKOS.prefLabel}>":
                language = line.rpartition("@")[2]
                if language in named:
                    line = f"{subject} <{SKOS.altLabel}>{line.removeprefix(about)}"
                named.add(language)
            yield line
