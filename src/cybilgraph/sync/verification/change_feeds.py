"""Compares a site's descriptions of changes between releases with the changes computed from both graphs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from cybilgraph.release import MANIFEST, REPORT, Releases
from cybilgraph.release.graph_file import GRAPH, write_graph
from cybilgraph.runtime.files import sha256_of
from cybilgraph.sync.changes import ChangeLog, ChangeLogCache, as_json, change_date
from cybilgraph.sync.patches import read_patch, sort_lines
from cybilgraph.sync.verification.file_contents import describe_difference
from cybilgraph.sync.verification.markup import iterate_elements
from cybilgraph.sync.verification.site_client import STALE_CACHE_HINT, SiteClient, first_differences, require_that

_ATOM, _TOMBSTONES = "{http://www.w3.org/2005/Atom}", "{http://purl.org/atompub/tombstones/1.0}"


def check_counts(client: SiteClient, since: int, folder: Path) -> str:
    """Check that patch, JSON and Atom contain the same number of changes since a release. Raises PatchError."""
    span, file = f"since={since}&until={client.release}", folder / "changes"
    with client.file(f"/changes.rdfp?{span}", file).open("rb") as rows:
        quads = sum(1 for _ in read_patch(rows)[1])
    items = _json(client.file(f"/changes.json?{span}", file))
    counted, records = next(items)[1]["counts"], sum(1 for _ in items)
    require_that(
        counted["added_quads"] + counted["removed_quads"] == quads, "JSON and patch have different numbers of quads"
    )
    entries = sum(1 for _ in _atom_entries(client.file(f"/changes.atom?{span}", file)))
    require_that(entries == records, f"Atom has {entries} records, but JSON has {records}")
    return f"since release {since}: {quads:,} quads, {entries:,} records"


def check_change_records(client: SiteClient, before: int, graphs: dict[int, Path], folder: Path) -> str:
    """Check that the records in /changes.json and the Atom feed match the graphs of release ``before`` and this one.

    ``graphs`` contains the N-Quads of both.
    """
    releases = Releases(folder / "releases")
    for number, graph in graphs.items():
        _release(releases.folder / f"{number:04d}", graph, str(client.json(f"/release/{number}.json")["created"]))
    with closing(ChangeLogCache(releases)) as changes:
        log = changes.between(before, client.release)
        span = f"since={before}&until={client.release}"
        wrong = []
        for name, theirs, ours in (
            ("json", _json, _json_entries(as_json(log, {}))),
            ("atom", _atom_entries, _expected_entries(log)),
        ):
            path = f"/changes.{name}?{span}"
            items = _sorted(theirs(client.file(path, folder / "changes")), folder / "theirs")
            if how := describe_difference(items, _sorted(ours, folder / "ours"), "records"):
                wrong.append(f"{path} {how}")
        require_that(not wrong, f"{first_differences(wrong)}: {STALE_CACHE_HINT}")
        records = sum(log.counts[kind] for kind in ("added", "changed", "removed"))
    return f"the changes of {records:,} records since release {before} match both graphs"


def _release(folder: Path, graph: Path, created: str) -> None:
    """Create a release with only a graph and a date."""
    folder.mkdir(parents=True)
    with graph.open("rb") as lines:
        write_graph(folder / GRAPH, lines)
    files = {GRAPH: sha256_of(folder / GRAPH), REPORT: ""}
    items = {"created": created, "counts": {"quads": 0}, "files": files}
    (folder / MANIFEST).write_text(json.dumps(items), encoding="utf-8")


def _json(file: Path) -> Iterator[Any]:
    with file.open(encoding="utf-8") as lines:
        yield from _json_entries(lines)


def _json_entries(lines: Iterable[str]) -> Iterator[Any]:
    """Yield the header and each record, which are on lines of their own, in bounded memory. Raises ValueError."""
    for line in lines:
        match line.strip(",\n"):
            case "" | "]}":
                continue
            case head if head.endswith("["):
                yield ["the header", json.loads(f"{head}]}}")]
            case record:
                items = json.loads(record)
                yield [items.get("record"), items.get("words"), items]


def _atom_entries(file: Path) -> Iterator[Any]:
    """Yield the entries of a feed. Raises ValueError."""
    entry, deleted = f"{_ATOM}entry", f"{_TOMBSTONES}deleted-entry"
    for one in iterate_elements(file, entry, deleted):
        if one.tag == deleted:
            yield [one.get("ref"), "removed", one.findtext(f"{_TOMBSTONES}comment"), one.get("when")]
        else:
            texts = (one.findtext(f"{_ATOM}{name}") for name in ("id", "title", "summary", "updated"))
            links = (link.get("href", "") for link in one.iter(f"{_ATOM}link") if link.get("type") == "text/html")
            pages = [f"/id/{link.partition('/id/')[2]}" for link in links]
            yield [*texts, *(category.get("term") for category in one.iter(f"{_ATOM}category")), *pages]


def _expected_entries(log: ChangeLog) -> Iterator[Any]:
    """Yield the expected entries for a change log."""
    for change in log.records():
        date = change_date(change, log, {})
        if change.kind == "removed":
            yield [change.iri, change.kind, f"{change.title}: {change.describe()}", date]
        else:
            yield [change.iri, change.title, change.describe(), date, change.kind, f"/id/project/{change.key}"]


def _sorted(items: Iterable[Any], into: Path) -> Iterator[bytes]:
    with into.open("wb") as file:
        file.writelines(json.dumps(one, ensure_ascii=False, sort_keys=True).encode() + b"\n" for one in items)
    return sort_lines(into)
