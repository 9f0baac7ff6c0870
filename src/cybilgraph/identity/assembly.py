"""Assemble the lines of described records into one graph, in a fixed order and with constant memory.

Lines are spooled to disk; only the position of each record is in memory. If a project has several captures,
they are merged field by field: the newest capture that states a field wins, and its values go to the default
graph. Each earlier capture goes, complete, to a named graph of its own, which keeps the history queryable
and the current data simple. Repetitions in the same file count as one capture, the last.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, groupby, islice
from operator import itemgetter
from types import MappingProxyType
from typing import Self

from cybilgraph.identity import Identities, RecordIdentity, identity_of
from cybilgraph.identity.decision_layer import ActorDecisions, Redact, Withheld, apply_decisions
from cybilgraph.identity.decisions import Decisions
from cybilgraph.model.fields import BY_NAME, FIELDS, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Record
from cybilgraph.model.vocabulary import (
    CYB,
    DCTERMS,
    OWL,
    PROV,
    RDF,
    RDFS,
    SKOS,
    own_byte_pattern,
    own_pattern,
    thing_iri,
    version_graph,
)
from cybilgraph.model.vocabulary import record as record_iri
from cybilgraph.rdf.description import MIN_STATED, certainty, field_of
from cybilgraph.runtime.spill import Spool, TemporaryDatabase

#: The number of shared lines in memory and per block.
_LINES_PER_BLOCK = 2_000
#: The number of captures and of key lookups cached in memory.
_CACHED_CAPTURES, _CACHED_KEYS = 4, 10_000
# ``shared``: lines that several records may contain, with subject and predicate. ``rest``: the lines after all
# projects.
_SCHEMA = "CREATE TABLE shared (line TEXT, about TEXT); CREATE TABLE rest (line TEXT);"
_RELATIONS = {f"<{row.term}>" for row in FIELDS if row.kind is FieldKind.PROJECTS}
_PROJECT = "(?<=<OWNid/project/)([^/>]+)(?=>)"
#: Properties of a claim that another project is related to this one.
_TO_OTHER_PROJECT = (f"<{CYB.project}>", f"<{RDF.object}>")
#: A substring of lines that refer to other projects.
_RELATION = "/relation/"
_RELATED = re.compile(r"(?<=/relation/)([a-z_]+)/([^/>]+)")
#: Keys of projects that a line refers to, at two positions. A single pattern would have no fixed prefix and
#: take four times as long.
_NAMED = ("/relation/[a-z_]+/([^/>]+)", "> <OWNid/project/([^/>]+)")
_CURRENT_SOURCE = f"> <{CYB.currentSource}> <"
_THING = "<OWNid/[^/>]+/[^/>]+>"
#: Shorter texts, such as a code of a country, would match nearly every finding.
_MIN_WITHHELD_CHARS = 4
#: The line number of a quote in its source.
_LINE = f"<{CYB.line}>"
#: Fields taken only from the newest capture: persons no longer named on a page are not named here.
_NEWEST_ONLY = {"contacts"}


@dataclass(frozen=True, slots=True)
class DecidedChange:
    """A project that decisions affect: its lines, and those about what it links to, before and after the decisions.

    ``captures`` has the number and own key of each of its records; ``source`` and ``line`` locate the newest.
    """

    key: str
    source: str
    line: int
    captures: list[tuple[int, str]]
    before: list[str]
    after: list[str]


class Assembly:
    """A context manager that collects the lines of records in temporary files."""

    def __init__(self, identities: Identities) -> None:
        """Begin; every record is also added to ``identities``, which the caller closes."""
        self._spool = Spool()
        self._shared: set[str] = set()
        self._database = TemporaryDatabase(_SCHEMA)
        self._identities = identities
        self._actors = ActorDecisions(())
        #: The shared lines about actors with decisions, as they were before the decisions.
        self._former: dict[str, list[str]] = {}
        #: The projects with decisions: by key, the number of their lines.
        self._decided: dict[str, int] = {}
        self._decided_lines = Spool()
        #: What curators rejected in these projects, and which of the unlisted resources no project has any more.
        self._withheld: dict[str, Withheld] = {}
        self._unused: set[bytes] = set()
        #: Texts that findings must not repeat, by the key of their record; "" for all records.
        self._withheld_texts: dict[str, set[str]] = {}
        # Captures are read up to three times, together with their neighbours; keys are looked up for each
        # relation.
        self._lines = lru_cache(_CACHED_CAPTURES)(self._lines_of)
        self._current = lru_cache(_CACHED_KEYS)(self._current_key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()
        self._decided_lines.close()
        self._database.close()

    def add(self, record: Record, lines: list[str]) -> None:
        """Add a record and its sorted triples. Call this before ``blocks``."""
        self.add_split(identity_of(record), *split_shared(record.key, lines))

    def add_split(self, capture: RecordIdentity, own: bytes, shared: Iterable[str]) -> None:
        """Add a record by its identity, and triples as returned by ``split_shared``."""
        self._identities.add_identity(capture)
        self._shared.update(shared)
        if len(self._shared) > _LINES_PER_BLOCK:
            self._store_shared()
        self._spool.put(own)

    def blocks(self, others: Iterable[str] = (), history: bool = True) -> Iterator[bytes]:
        """Yield N-Quads of the whole graph in blocks of lines: by project, then shared and other lines.

        Without ``history``, only the current graph is included, which gives N-Triples.
        """
        for key, records in self._identities.projects():
            if key not in self._decided and len(records) == 1 and records[0][1] == key:
                block: bytes = self._spool[records[0][0]]
                if self._is_final(block):
                    yield self._note_used(block)
                    continue
            captures = self._drop_repetitions(key, records)
            yield self._note_used(_block(self._lines_of_project(key, captures)))
            earlier = self._identities.number_earlier(key, captures) if history else []
            for number, record in sorted(earlier):
                graph = version_graph(key, number)
                lines = _with_own_source(self._publishable(key, self._lines(*record, key)), key, number)
                yield self._note_used(_block(f"{line[:-1]}<{graph}> ." for line in lines))
        rest = self.shared(others)
        while block := _block(islice(rest, _LINES_PER_BLOCK)):
            yield block

    def decide(self, decisions: Decisions, redact: Redact = lambda record: record) -> Iterator[Finding]:
        """Apply decisions, without what ``redact`` removes, and yield findings about them.

        Call this after all records were added, and before ``blocks``.
        """
        yield from decisions.findings
        if about_actors := decisions.of(""):
            self._actors = ActorDecisions(about_actors)
            yield from self._actors.findings
            self._withheld_texts[""] = _comparable(self._actors.rejected)
            self._rename_shared_actors()
        by_key: dict[str, list[str]] = defaultdict(list)
        for record in decisions.records():
            if key := self._identities.key_of(record):
                by_key[key].append(record)
            else:
                yield from (one.finding("decision-of-none", record=record) for one in decisions.of(record))
        for key, names in sorted(by_key.items()):
            own = sorted(chain.from_iterable(map(decisions.of, names)), key=lambda one: one.when)
            own = list(filter(None, map(self._actors.translate, own)))
            captures = self._drop_repetitions(key, self._identities.captures_of(key))
            lines = self._with_decided_actors(self._merge(key, captures))
            found = apply_decisions(key, lines, own, redact)
            yield from found.findings
            self._shared.update(found.shared)
            self._withhold(key, found.withheld, captures)
            self._decided[key] = len(self._decided_lines)
            self._decided_lines.put(found.lines)

    def changes(self) -> Iterator[DecidedChange]:
        """Yield the projects that decisions affect, in order. Call this after ``decide``."""
        if not self._decided and not self._actors:
            return
        self._store_shared()
        self._database.run("CREATE INDEX IF NOT EXISTS by_about ON shared (about)")
        for key, records in self._identities.projects():
            if key not in self._decided and not any(self._actors.concern(self._spool[number]) for number, _ in records):
                continue
            captures = self._drop_repetitions(key, records)
            before = self._merge(key, captures)
            lines = self._lines_of_project(key, captures)
            source, line = self._identities.place_of(captures[-1][0])
            yield DecidedChange(
                key, source, line, records, [*before, *self._about(before, self._former)], [*lines, *self._about(lines)]
            )

    def _about(self, lines: list[str], former: Mapping[str, list[str]] = MappingProxyType({})) -> Iterator[str]:
        """Yield the shared lines about what the lines of a project name; those in ``former`` take precedence."""
        for iri in sorted(set(own_byte_pattern(_THING).findall(_block(lines)))):
            subject = iri.decode()
            if subject in former:
                yield from former[subject]
            else:
                query = "SELECT DISTINCT line FROM shared WHERE about BETWEEN ? AND ? ORDER BY line"
                yield from (line for (line,) in self._database.rows(query, f"{subject} ", f"{subject}!"))

    def is_withheld(self, found: Finding) -> bool:
        """Return whether a finding repeats what curators rejected or replaced. Call this after ``decide``."""
        texts = self._withheld_texts.get("", set()) | self._withheld_texts.get(found.record, set())
        if not texts:
            return False
        own = [text.casefold() for text in (found.text, found.value) if len(text) >= _MIN_WITHHELD_CHARS]
        fix = (found.fix.old, found.fix.new) if found.fix else ()
        repeated = " ".join((*own, found.suggestion, *fix, *(text for _, text in found.values))).casefold()
        return any(text in repeated or any(word in text for word in own) for text in texts)

    def _withhold(self, key: str, withheld: Withheld, captures: list[tuple[int, str]]) -> None:
        """Note what must not be published of a project and its captures."""
        for capture in captures[:-1]:
            withheld.remove_from(self._lines(*capture, key))  # to know its texts
        self._withheld[key] = withheld
        self._unused |= {f"<{iri}>".encode() for iri in withheld.unlisted}
        for record in {key, *(record for _, record in captures)}:
            self._withheld_texts.setdefault(record, set()).update(_comparable(withheld.texts))

    def _publishable(self, key: str, lines: list[str]) -> list[str]:
        """Return the lines of an earlier capture without what curators rejected."""
        if withheld := self._withheld.get(key):
            lines = withheld.remove_from(lines)
        return self._with_decided_actors(lines)

    def _note_used(self, block: bytes) -> bytes:
        """Note the rejected resources that a block still has, and return it."""
        if self._unused:
            self._unused.difference_update(own_byte_pattern(_THING).findall(block))
        return block

    def _merge(self, key: str, captures: list[tuple[int, str]]) -> list[str]:
        """Return the lines of a project, merged from its captures, before any decision."""
        present = _MergedProject(key)
        for number, record in self._identities.number_earlier(key, captures):
            present.add(number, self._lines(*record, key))
        return present.lines(self._lines(*captures[-1], key))

    def _lines_of_project(self, key: str, captures: list[tuple[int, str]]) -> list[str]:
        """Return the lines of a project, merged from its captures, after all decisions."""
        number = self._decided.get(key)
        if number is None:
            return self._with_decided_actors(self._merge(key, captures))
        lines: list[str] = self._decided_lines[number]
        return lines

    def _with_decided_actors(self, lines: list[str]) -> list[str]:
        return self._actors.apply(lines) if self._actors.concern(_block(lines)) else lines

    def _rename_shared_actors(self) -> None:
        """Replace the shared lines about the actors that were decided on."""
        self._store_shared()
        rows = self._database.rows("SELECT DISTINCT line FROM shared")
        old = [line for (line,) in rows if self._actors.describe(line)]
        for line in old:
            self._former.setdefault(line.split(" ", 1)[0], []).append(line)
        self._database.fill("DELETE FROM shared WHERE line = ?", ((line,) for line in old))
        self._shared.update(self._actors.shared(old))

    def _drop_repetitions(self, key: str, records: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Return the records of a project in order, with only the last of repetitions in one file."""
        kept = set({_statement_hash(self._lines(*record, key)): record for record in records}.values())
        return [record for record in records if record in kept]

    def _store_shared(self) -> None:
        database = ((line, " ".join(line.split(" ", 2)[:2])) for line in self._shared)
        self._database.fill("INSERT INTO shared VALUES (?, ?)", database)
        self._shared.clear()

    def shared(self, others: Iterable[str] = ()) -> Iterator[str]:
        """Yield the lines that belong to no project, and ``others``, sorted and distinct."""
        self._store_shared()
        database = self._database
        replaced = (
            f"<{thing_iri('project', old)}> <{DCTERMS.isReplacedBy}> <{thing_iri('project', key)}> ."
            for old, key in self._identities.aliases()
        )
        shared = database.rows(
            "SELECT DISTINCT about, length(line), line FROM shared ORDER BY about, length(line), line"
        )
        database.run("DELETE FROM rest")
        database.fill(
            "INSERT INTO rest VALUES (?)",
            ((line,) for line in chain(self._used(_keep_one_preferred_name(shared)), replaced, others)),
        )
        return (line for (line,) in database.rows("SELECT DISTINCT line FROM rest ORDER BY line"))

    def _used(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield shared lines, without those about a rejected resource that no project has any more."""
        unused = {iri.decode() for iri in self._unused}
        for line in lines:
            subject, _, term = line.split(" ", 2)
            if subject not in unused and term.removesuffix(" .") not in unused:
                yield line

    def _is_final(self, block: bytes) -> bool:
        """Return whether all keys of projects and actors in these lines are current: nothing has to be rewritten."""
        if self._actors.concern(block):
            return False
        if _RELATION.encode() not in block:
            return True
        named = {key for pattern in _NAMED for key in own_byte_pattern(pattern).findall(block)}
        return all(self._current(name.decode()) == name.decode() for name in named)

    def _lines_of(self, number: int, record_key: str, key: str) -> list[str]:
        """Return the lines of a record, with ``key`` as the key of its project."""
        text = self._spool[number].decode()
        if record_key != key:
            for iri in (lambda name: thing_iri("project", name), record_iri):
                text = re.sub(rf"<{re.escape(iri(record_key))}(?=[/>])", f"<{iri(key)}", text)
        lines = text.split("\n")[:-1]
        return sorted(self._with_current_key(line) for line in lines) if _RELATION in text else lines

    def _with_current_key(self, line: str) -> str:
        """Replace the key of another project in a relation by its current one."""
        if _RELATION not in line and f"> <{thing_iri('project', '')}" not in line:
            return line
        line = _RELATED.sub(lambda found: f"{found[1]}/{self._current(found[2])}", line)
        subject, predicate, rest = line.split(" ", 2)
        if predicate in _RELATIONS or predicate in _TO_OTHER_PROJECT:
            rest = own_pattern(_PROJECT).sub(lambda found: self._current(found[1]), rest)
        return f"{subject} {predicate} {rest}"

    def _current_key(self, key: str) -> str:
        return self._identities.key_of(key) or key


def split_shared(key: str, lines: list[str]) -> tuple[bytes, list[str]]:
    """Split the sorted triples of a record into its own and those that other records may contain too."""
    own: list[str] = []
    shared: list[str] = []
    start = 0
    for prefix in sorted((f"<{thing_iri('project', key)}", f"<{record_iri(key)}")):
        # Statements about shared resources may occur in several records.
        low, high = bisect_left(lines, prefix), bisect_left(lines, f"{prefix}\U0010ffff")
        shared += lines[start:low]
        own += lines[low:high]
        start = high
    return _block(own), shared + lines[start:]


def _comparable(texts: Iterable[str]) -> set[str]:
    return {text.casefold() for text in texts if len(text) >= _MIN_WITHHELD_CHARS}


def _block(lines: Iterable[str]) -> bytes:
    return "".join([f"{line}\n" for line in lines]).encode()


class _MergedProject:
    """The current data of a project, merged from its captures, oldest first. Keeps only the winning lines."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._project, self._record = thing_iri("project", key), record_iri(key)
        self._own = (f"<{self._project}>", f"<{self._project}/")
        self._fields: dict[str, tuple[int, list[str]]] = {}
        self._sources: set[str] = set()

    def add(self, number: int, lines: list[str]) -> None:
        """Add the lines of the next capture, which is not the newest, with its number."""
        graph = version_graph(self._key, number)
        for name, by_field in self._group_by_field(lines).items():
            if name not in _NEWEST_ONLY:
                self._set_field(name, list(_with_own_source(by_field, self._key, number)))
        source = f"<{self._record}/source"
        sources = (line for line in self._record_lines(lines) if source in line and _CURRENT_SOURCE not in line)
        self._sources.update(_with_own_source(sources, self._key, number))
        self._sources |= {
            f"<{self._record}> <{PROV.wasRevisionOf}> <{graph}> .",
            f"<{graph}> <{RDF.type}> <{PROV.Entity}> .",
            f"<{graph}> <{DCTERMS.isVersionOf}> <{self._record}> .",
            f"<{graph}> <{PROV.wasDerivedFrom}> {source}/{number}> .",
        }

    def lines(self, newest: list[str]) -> list[str]:
        """Return all lines, given those of the newest capture."""
        by_field = self._group_by_field(newest)
        won = {name for name, lines in by_field.items() if self._set_field(name, lines)}
        stated = {name for name, (rank, _) in self._fields.items() if rank >= MIN_STATED}
        filled = {f"<{BY_NAME[name].term}>" for name in stated - won if name in BY_NAME}
        kept = (line for line in self._record_lines(newest) if not _is_filled(line, filled))
        return sorted({*self._sources, *kept, *chain.from_iterable(lines for _, lines in self._fields.values())})

    def _group_by_field(self, lines: list[str]) -> dict[str, list[str]]:
        """Group lines by field."""
        by_field: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            if line.startswith(self._own):
                by_field[field_of(line, self._project)].append(line)
        return by_field

    def _record_lines(self, lines: list[str]) -> Iterator[str]:
        """Return the lines about the record itself and its sources."""
        return (line for line in lines if line.startswith((f"<{self._record}>", f"<{self._record}/")))

    def _set_field(self, name: str, lines: list[str]) -> bool:
        """Set the lines of a field, unless an earlier capture is more certain: it states what this one derives.

        If it derives what this one finds possible, other possible claims of this one are kept.
        """
        rank, (certain, known) = certainty(lines), self._fields.get(name, (0, []))
        if wins := rank >= certain:
            self._fields[name] = (rank, lines)
        elif certain < MIN_STATED:
            claims = {line.split(" ", 1)[0] for line in known}
            self._fields[name] = (certain, [*known, *(line for line in lines if self._claim(line) not in claims)])
        return wins

    def _claim(self, line: str) -> str:
        """Return the claim that a line about a project is about."""
        subject, _, rest = line.split(" ", 2)
        about = rest.removesuffix(" .") if subject == f"<{self._project}>" else subject
        return re.sub(r"/evidence/\d+>", ">", about)


def _with_own_source(lines: Iterable[str], key: str, number: int) -> Iterator[str]:
    """Yield the lines of an earlier capture with a source IRI of its own."""
    source = f"<{record_iri(key)}/source"
    return (re.sub(rf"{re.escape(source)}(?=[/>])", f"{source}/{number}", line) for line in lines)


def _statement_hash(lines: list[str]) -> bytes:
    """Return a hash of the statements about a project and their file, regardless of line numbers."""
    statements = (line for line in lines if line.split(" ", 2)[1] != _LINE)
    return blake2b("\n".join(statements).encode(), digest_size=16).digest()


def _is_filled(line: str, filled: set[str]) -> bool:
    """Return whether a line says "left blank" about a field for which an earlier capture states a value."""
    _, predicate, rest = line.split(" ", 2)
    return predicate == f"<{CYB.leftBlank}>" and rest.removesuffix(" .") in filled


def _keep_one_preferred_name(lines: Iterable[tuple[str, int, str]]) -> Iterator[str]:
    """Keep one preferred name and label per resource and language, the shortest; the other printed names of an
    unlisted resource become alternative names (SKOS, S14).

    ``lines`` are sorted tuples of subject and predicate, length, and line.
    """
    described = ""
    for about, rows in groupby(lines, key=itemgetter(0)):
        subject, predicate = about.split(" ")
        if predicate == f"<{RDF.type}>":
            described = subject
        elif predicate in (f"<{OWL.deprecated}>", f"<{RDFS.seeAlso}>") and subject == described:
            continue  # a former key that another record still uses
        named = set()
        for _, _, line in rows:
            if predicate in (f"<{SKOS.prefLabel}>", f"<{RDFS.label}>"):
                language = line.rpartition("@")[2]
                if language in named:
                    line = f"{subject} <{SKOS.altLabel}>{line.removeprefix(about)}"
                named.add(language)
            yield line
