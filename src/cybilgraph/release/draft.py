"""Writes the files of a release that is being built."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cybilgraph.errors import SourceError
from cybilgraph.identity import Identities
from cybilgraph.model.findings import Report
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.resources import read_ontology, shape_files
from cybilgraph.model.site_profile import DEFAULT_PROFILE, SiteProfile
from cybilgraph.model.vocabulary import ORG, SKOS, own_iri, use_base
from cybilgraph.rdf.dumps import FULL_DUMPS, MAY_REACH, GzipPart, open_dumps, serialise_chunk, write_zstandard
from cybilgraph.rdf.dumps.metadata import GraphStatistics, ReleaseFile, count_statements, write_descriptions
from cybilgraph.rdf.dumps.stated import stated_statements
from cybilgraph.rdf.dumps.tables import TableNames, TableRows, make_table_rows, write_tables
from cybilgraph.rdf.iati_activities import actor_names, names_within
from cybilgraph.rdf.iati_publication import ACTIVITIES, can_publish, open_activities, publish_activities
from cybilgraph.rdf.ntriples import group_by_subject, object_texts
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.readers.excerpts import read_texts
from cybilgraph.readers.inputs import Input
from cybilgraph.release.graph_file import GRAPH, read_graph, write_graph
from cybilgraph.release.manifest import (
    CHECKSUMS,
    IDENTITIES,
    MANIFEST,
    PUBLIC,
    REFERENCE,
    REPORT,
    SEARCH,
    STORE,
    Release,
    checksum_lines,
)
from cybilgraph.release.report_file import write_report
from cybilgraph.release.search import IndexEntry, Name, index_entries, write_index
from cybilgraph.release.sources import MAX_TEXT_BYTES, SOURCES, Sources
from cybilgraph.runtime.clock import build_time
from cybilgraph.runtime.files import fsync, sha256_of
from cybilgraph.runtime.parallel import SizedExecutor
from cybilgraph.runtime.spill import Spool
from cybilgraph.sparql.may_reach import write_may_reach
from cybilgraph.sparql.store import write_store
from cybilgraph.validation.outputs.as_json import fields_of, report_document
from cybilgraph.version import __version__

#: The properties that lead from a thing to what contains it, and the one that leads back.
_WITHIN, _CONTAINS = (SKOS.broader, ORG.subOrganizationOf), SKOS.member
_CONTAINMENT = tuple(f" <{term}> ".encode() for term in (*_WITHIN, _CONTAINS))


class Draft:
    """A release that is being built."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self.number = number
        self.manifest: dict[str, Any] | None = None
        self._sources = Sources(folder / SOURCES)

    def add_source(self, source: bytes) -> None:
        """Store the source of a record."""
        self._sources.add(source)

    def add_texts(self, source: Input, names: Container[str]) -> None:
        """Store the text of a file with several records, or of the pages with these names in a web archive."""
        with suppress(SourceError):  # reported when its records were read
            for sha256, lines in read_texts(source, names, MAX_TEXT_BYTES):
                self._sources.add_text(sha256, lines)

    def close(self) -> None:
        """Close the file of sources."""
        self._sources.close()

    def finish(
        self,
        quads: Iterable[bytes],
        report: Report,
        identities: Identities,
        executor: SizedExecutor,
        *,
        dumps: bool = True,
        profile: SiteProfile = DEFAULT_PROFILE,
    ) -> Release:
        """Write all files, with or without ``dumps``. ``Releases.new`` publishes the release when its block ends."""
        self.close()
        write_graph(self._folder / GRAPH, (line for block in quads for line in block.splitlines(keepends=True)))
        with (self._folder / IDENTITIES).open("w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(("key", "name"))
            writer.writerows(identities.rows())
        if overlay := load_gazetteer().overlay:
            (self._folder / REFERENCE).mkdir()
        for path, text in overlay.items():
            (self._folder / REFERENCE / path.name).write_text(text, encoding="utf-8", newline="")
        self.manifest = {
            "release": self.number,
            "created": build_time().isoformat(timespec="seconds"),
            "software": __version__,
            "counts": {
                "sources": report.sources,
                "records": report.records,
                "projects": len(identities),
                "unread": report.unread,
                "findings": {severity.value: count for severity, count in report.counts.items()},
            },
            "ontology": hashlib.sha256(read_ontology()).hexdigest(),
            "shapes": {path.name: sha256_of(path) for path in shape_files()},
            "public": True,
            **({"site": profile.document()} if profile != DEFAULT_PROFILE else {}),
        }
        findings = map(fields_of, report.findings)
        write_derived_files(self._folder, self.manifest, report_document(report), findings, executor, dumps=dumps)
        return Release(self.number, self._folder.parent / f"{self.number:04d}", self.manifest)


def write_derived_files(
    folder: Path,
    manifest: dict[str, Any],
    report: Any,
    findings: Iterable[Mapping[str, Any]],
    executor: SizedExecutor,
    *,
    dumps: bool,
) -> None:
    """Write everything derived from the graph, identities and sources in a folder.

    Completes the manifest with counts and checksums, and writes it and SHA256SUMS last.
    """
    graph, public = folder / GRAPH, folder / PUBLIC
    public.mkdir()
    profile = Release(manifest["release"], folder, manifest).profile
    reporter = profile if dumps and can_publish(profile) else None
    counts = GraphStatistics()
    with ThreadPoolExecutor() as threads, Spool() as rows, Spool() as entries, TableNames() as names:
        store_future = threads.submit(write_store, graph, folder / STORE)
        chunks = read_graph(graph)
        shared = _read_shared(
            write_zstandard(public / FULL_DUMPS[0], chunks) if dumps else chunks, named=bool(reporter)
        )
        items = ((chunk, names_within(chunk, shared.actors) if reporter else {}) for chunk in read_graph(graph))
        with ExitStack() as files:
            add_to_dumps = files.enter_context(open_dumps(public)) if dumps else None
            add_activities = files.enter_context(open_activities(public / ACTIVITIES)) if reporter else None
            for _, output in executor.map_ahead(process_chunk, items, shared.containers, dumps, own_iri(), reporter):
                counts.add(output.counts)
                entries.put(output.entries)
                if add_to_dumps:
                    rows.put(output.rows)
                    names.put(output.entries[1])
                    add_to_dumps(output.dumps)
                if add_activities:
                    add_activities(output.activities, counts.activities)
        if reporter and not counts.activities[""]:
            (public / ACTIVITIES).unlink()  # the schema requires one activity at least
        index_future = threads.submit(write_index, folder / SEARCH, entries, findings)
        if dumps:
            write_tables(rows, names, public)
        store_future.result()
        if dumps:
            counts.may_reach = write_may_reach(folder / STORE, public / MAY_REACH)
        write_report(folder / REPORT, report)
        index_future.result()
    manifest["counts"]["quads"] = counts.quads
    checksums = {path: sha256_of(path) for path in _files(folder)}
    downloads = [ReleaseFile(path.name, path.stat().st_size, checksums[path]) for path in sorted(public.iterdir())]
    write_descriptions(counts, manifest["release"], manifest["created"], downloads, public, profile)
    manifest["files"] = {
        path.relative_to(folder).as_posix(): checksums.get(path) or sha256_of(path) for path in _files(folder)
    }
    content = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / MANIFEST).write_text(f"{content}\n", encoding="utf-8")
    (folder / CHECKSUMS).write_text(checksum_lines(folder, manifest), encoding="utf-8")


@dataclass(slots=True)
class ChunkOutput:
    """The results for one chunk; its rows are by table, and its parts of the dumps by file name."""

    counts: GraphStatistics
    rows: TableRows
    entries: tuple[list[IndexEntry], list[Name]]
    dumps: dict[str, GzipPart]
    activities: list[tuple[str, bytes]]


class _Shared(NamedTuple):
    """What chunks need to know of others.

    ``containers`` is what contains each thing: regions and groups of countries, themes, parent organisations.
    ``actors`` are the lines with the names of actors.
    """

    containers: dict[str, list[str]]
    actors: dict[bytes, bytes]


def _read_shared(chunks: Iterable[bytes], *, named: bool) -> _Shared:
    """Read what chunks need to know of others; without ``named``, leave out the names of actors."""
    found: dict[str, list[str]] = defaultdict(list)
    actors: dict[bytes, bytes] = {}
    for chunk in chunks:
        if named:
            actors |= actor_names([chunk])
        if any(term in chunk for term in _CONTAINMENT):
            lines = [line for line in chunk.splitlines(keepends=True) if any(term in line for term in _CONTAINMENT)]
            for thing, own in group_by_subject(lines).items():
                for term in _WITHIN:
                    found[thing] += object_texts(own, term)
                for member in object_texts(own, _CONTAINS):
                    found[member].append(thing)
    return _Shared(dict(found), actors)


def process_chunk(
    item: tuple[bytes, Mapping[bytes, bytes]],
    containers: dict[str, list[str]],
    dumps: bool,
    base: str,
    reporter: SiteProfile | None = None,
) -> ChunkOutput:
    """Process a chunk, which comes with the names of its actors.

    ``containers`` is what contains each thing in the whole graph, ``base`` that of the site, and ``reporter`` the
    profile of a site that publishes activities.
    """
    use_base(base)
    chunk, actors = item
    lines = chunk.splitlines(keepends=True)
    triples = b"".join([line for line in lines if not is_in_earlier_graph(line)])
    graph = group_by_subject([triples])
    stated = list(stated_statements(graph)) if dumps else []
    counts = count_statements(graph)
    counts.quads, counts.stated = len(lines), len(stated)
    activities, counts.activities = publish_activities(triples, actors, reporter) if reporter else ([], Counter())
    return ChunkOutput(
        counts,
        make_table_rows(graph) if dumps else {},
        index_entries(graph, containers),
        serialise_chunk(chunk, triples, "".join(stated).encode()) if dumps else {},
        activities,
    )


def _files(folder: Path) -> list[Path]:
    """Return the files of a release in order, without those that opening a store creates."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ("LOCK", "LOG"))


def make_durable(folder: Path) -> None:
    """Make a finished folder readable for everybody, and flush it to disk."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        fsync(path)
    fsync(folder)
