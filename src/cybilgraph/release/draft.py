"""A release in the making: all files of its folder, from the graph on."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from cybilgraph.identity import Identities
from cybilgraph.model.findings import Report
from cybilgraph.model.resources import ONTOLOGY, shape_files
from cybilgraph.rdf.dumps import (
    DumpWriter,
    GraphStatistics,
    ReleaseFile,
    TableNames,
    write_descriptions,
    write_tables,
)
from cybilgraph.release.chunks import Chunk, process_chunks
from cybilgraph.release.graph_file import GRAPH, write_graph
from cybilgraph.release.manifest import (
    CHECKSUMS,
    IDENTITIES,
    MANIFEST,
    PUBLIC,
    REPORT,
    SEARCH,
    STORE,
    Release,
    checksum_lines,
)
from cybilgraph.release.search import write_index
from cybilgraph.release.sources import SOURCES, Sources
from cybilgraph.release.store_update import PreviousRelease
from cybilgraph.runtime.cache import BuildCache
from cybilgraph.runtime.clock import build_time
from cybilgraph.runtime.files import sha256_of
from cybilgraph.runtime.parallel import SizedExecutor
from cybilgraph.runtime.spill import Spool
from cybilgraph.sparql.store import write_store
from cybilgraph.validation.outputs.as_json import fields_of, report_document
from cybilgraph.version import __version__


class Draft:
    """A release in the making."""

    def __init__(self, folder: Path, number: int, previous_release: Release | None) -> None:
        """``previous_release`` is the release before."""
        self._folder = folder
        self._earlier = previous_release
        self.number = number
        self.manifest: dict[str, Any] | None = None
        self._sources = Sources(folder / SOURCES)

    def keep(self, source: bytes) -> None:
        """Keep what a record was read from."""
        self._sources.keep(source)

    def close(self) -> None:
        """Let go of the file of sources."""
        self._sources.close()

    def finish(
        self,
        quads: Iterable[bytes],
        report: Report,
        identities: Identities,
        cache: BuildCache,
        team: SizedExecutor,
        *,
        dumps: bool = True,
    ) -> Release:
        """Write all files, with or without ``dumps``. The release becomes real when the block of
        ``Releases.new`` ends.
        """
        self.close()
        write_graph(self._folder / GRAPH, (line for block in quads for line in block.splitlines(keepends=True)))
        with (self._folder / IDENTITIES).open("w", encoding="utf-8", newline="") as table:
            writer = csv.writer(table, lineterminator="\n")
            writer.writerow(("key", "name"))
            writer.writerows(identities.rows())
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
            "ontology": sha256_of(ONTOLOGY),
            "shapes": {path.name: sha256_of(path) for path in shape_files()},
            "public": True,
        }
        findings = map(fields_of, report.findings)
        write_derived_files(
            self._folder,
            self.manifest,
            report_document(report),
            findings,
            cache,
            team,
            dumps=dumps,
            previous=self._earlier,
        )
        return Release(self.number, self._folder.parent / f"{self.number:04d}", self.manifest)


def write_derived_files(
    folder: Path,
    manifest: dict[str, Any],
    report: Any,
    findings: Iterable[Mapping[str, Any]],
    cache: BuildCache,
    team: SizedExecutor,
    *,
    dumps: bool,
    previous: Release | None = None,
) -> None:
    """Write all that is made of the graph, the identities and the sources that are in a folder; the manifest,
    which is completed by what is counted, is the last but for the list of checksums. The store may be that of the
    release ``previous``, changed.
    """
    graph, store, public = folder / GRAPH, folder / STORE, folder / PUBLIC
    public.mkdir()
    quads, counts = 0, GraphStatistics()
    chunks: list[Chunk] = []
    previous_release = _previous(previous, cache)
    with ThreadPoolExecutor() as executor, Spool() as rows, Spool() as entries, TableNames() as names:
        stored = None if previous_release else executor.submit(write_store, graph, store)
        with DumpWriter(public) if dumps else nullcontext() as files:
            for output in process_chunks(graph, cache, team, dumps=dumps, chunks=chunks):
                quads += output.quads
                counts.add(output.counts)
                rows.put(output.rows)
                entries.put(output.entries)
                if files:
                    names.put(output.entries[1])
                    files.add(output.dumps)
        indexed = executor.submit(write_index, folder / SEARCH, entries, findings)
        if dumps:
            write_tables(rows, names, public)
        if stored:
            stored.result()
        elif previous_release and previous_release.update_store(chunks, graph, store) == quads:
            manifest["carried"] = previous_release.update_count + 1
        else:
            shutil.rmtree(store, ignore_errors=True)
            write_store(graph, store)
        manifest["counts"]["quads"] = quads
        _write_report(folder / REPORT, report)
        indexed.result()
    sums_of = {path: sha256_of(path) for path in _files(folder)}
    listed = [ReleaseFile(path.name, path.stat().st_size, sums_of[path]) for path in sorted(public.iterdir())]
    write_descriptions(counts, manifest["release"], manifest["created"], listed, public)
    manifest["files"] = {
        path.relative_to(folder).as_posix(): sums_of.get(path) or sha256_of(path) for path in _files(folder)
    }
    cache.keep(_chunks_key(manifest, cache), [(chunk.size, chunk.digest) for chunk in chunks])
    _write_json(folder / MANIFEST, manifest)
    (folder / CHECKSUMS).write_text(checksum_lines(folder, manifest), encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    """The files of a release, in order, but for those that a store makes when it is opened."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ("LOCK", "LOG"))


def _previous(previous: Release | None, cache: BuildCache) -> PreviousRelease | None:
    """The release before, where the pieces of its graph are remembered."""
    packed = cache.get(_chunks_key(previous.manifest, cache)) if previous else None
    if previous is None or packed is None:
        return None
    return PreviousRelease(previous, [Chunk(*chunk) for chunk in cache.value(packed)], cache.key)


def _chunks_key(manifest: dict[str, Any], cache: BuildCache) -> bytes:
    """What the pieces of a release's graph are remembered by."""
    return cache.key(b"pieces", manifest["files"][GRAPH].encode())


def make_durable(folder: Path) -> None:
    """Let all read a finished folder, and make the disk hold it, before a later step relies on it."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        fsync(path)
    fsync(folder)


def fsync(path: Path) -> None:
    """Make the disk hold what was written, before a later step relies on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_report(path: Path, report: Mapping[str, Any]) -> None:
    """A report, each finding on a line of its own: there are many, and what is not indented is written faster."""
    encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=fields_of)
    with path.open("w", encoding="utf-8") as file:
        previous = "{"
        for name in sorted(report):
            file.write(f"{previous}\n {encoder.encode(name)}: ")
            previous = ","
            if name == "findings":
                file.write("[")
                file.writelines(f"{',' * (at > 0)}\n  {encoder.encode(one)}" for at, one in enumerate(report[name]))
                file.write("\n ]")
            else:
                file.write(encoder.encode(report[name]))
        file.write("\n}\n")


def _write_json(path: Path, value: object) -> None:
    encoder = json.JSONEncoder(ensure_ascii=False, indent=1, sort_keys=True, default=fields_of)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(encoder.iterencode(value))
        file.write("\n")
