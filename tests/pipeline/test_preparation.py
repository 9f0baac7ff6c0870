"""Inputs are selected and read, and records are prepared in chunks, on all processors, without changing a byte of a release."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import ClusterError, CybilgraphError, SourceError
from cybilgraph.model.findings import Report
from cybilgraph.pipeline.preparation import Work, prepare, read_derived_records, select_inputs, unreadable_finding
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import Input, find_inputs
from cybilgraph.readers.inputs import MAX_PAGE_BYTES
from cybilgraph.runtime.parallel import ProcessPool
from cybilgraph.validation.record_findings import BATCH_RECORDS
from tests.conftest import PAGES, SEED
from tests.support.builds import DAY, content

PAGE = "A project\n\nSummary\n\nIt is funded by the European Union in Kenya.\n"
SHORT_PAGE = "A project\n\nSummary\n\nIt is funded by the European Union.\n"


def build(pages: Path, into: Path, dumps: bool = False, **options: Any) -> Path:
    return pipeline.build([pages], into, as_of=DAY, dumps=dumps, **options)[0].folder


@pytest.mark.slow
def test_two_simultaneous_builds_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Excepts the files of the store, and manifest.json and SHA256SUMS, which have their checksums."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made = [pipeline.build([SEED], tmp_path / name)[0] for name in ("one", "other")]
    one, other = (
        {name: path.read_bytes() for name, path in release.served_files().items() if name != "SHA256SUMS"}
        for release in made
    )
    manifests = [json.loads(files.pop("manifest.json")) for files in (one, other)]
    assert one == other
    assert {"dcat.ttl", "void.ttl", "cybilgraph.nq.gz"} < one.keys()
    for manifest in manifests:
        manifest["files"] = {name: sum_ for name, sum_ in manifest["files"].items() if not name.startswith("store/")}
    assert manifests[0] == manifests[1]
    assert manifests[0]["created"] == "2023-11-14T22:13:20+00:00"
    assert made[0].manifest["created"] in (made[0].folder / "manifest.json").read_text()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(CybilgraphError, match="not a number of seconds since 1970"):
        pipeline.build([SEED], tmp_path / "none")


@pytest.mark.slow
def test_number_of_processes_does_not_change_the_release(tmp_path: Path) -> None:
    """A few records are prepared in this process; many, in chunks, by others."""
    few, many = (tmp_path / name for name in ("few", "many"))
    for folder in (few, many):
        folder.mkdir()
        for page in PAGES:
            shutil.copy(page, folder)
    for number in range(300):  # more than a chunk
        (many / f"zz{number}.txt").write_text(f"Project {number}\n\nSummary\n\nText {number}.\n", encoding="utf-8")
    alone = (build(few, tmp_path / "alone") / "report.json").read_text(encoding="utf-8")
    together = build(many, tmp_path / "together")
    assert content(together) == content(build(many, tmp_path / "again"))
    findings = {(one["file"], one["rule"], one["message"]) for one in json.loads(alone)["findings"]}
    more = json.loads((together / "report.json").read_text(encoding="utf-8"))["findings"]
    assert findings <= {(one["file"], one["rule"], one["message"]) for one in more}


@pytest.mark.slow
def test_large_table_gives_the_same_records_as_its_parts(tmp_path: Path) -> None:
    records = list(pipeline.read(*PAGES))
    head, *rows = WRITERS["csv"](records).splitlines(keepends=True)
    table = b"".join(rows)
    count = MAX_PAGE_BYTES // len(table) + 2
    (tmp_path / "all.csv").write_bytes(head + table * count)
    (tmp_path / "one.csv").write_bytes(head + table)
    with ProcessPool() as pool:
        large, small = (
            [(one.identity.key, one.own) for one in prepare([Input(name, tmp_path / name)], Work(), Report(), pool)]
            for name in ("all.csv", "one.csv")
        )
    assert len(large) == count * len(small)
    assert [key for key, _ in large] == [key for key, _ in small] * count


def test_records_before_an_error_are_kept_and_the_error_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PAGE, encoding="utf-8")
    (tmp_path / "b.json").write_text('{"title": \n', encoding="utf-8")
    (tmp_path / "c.jsonl").write_text('{"title": "A law"}\n{"title": \n', encoding="utf-8")
    report, seen, pages = Report(), dict[str, Input](), list[bytes]()
    progress: list[tuple[int, int]] = []
    with ProcessPool() as pool:
        keys = [
            one.identity.key
            for one in prepare(
                find_inputs([tmp_path]),
                Work(),
                report,
                pool,
                total=3,
                progress=lambda done, total: progress.append((done, total)),
                seen=seen,
                on_page=pages.append,
            )
        ]
    assert keys[0] == "a-project"
    assert (report.sources, report.records) == (3, len(keys))
    assert next(found.file for found in report.findings if found.rule.endswith("unreadable")) == "b.json"
    assert [file.records for file in report.files][:2] == [["a-project"], []]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert seen.keys() == {"a.txt", "b.json", "c.jsonl"}
    assert pages[0] == PAGE.encode()


def test_stated_only_extracts_nothing_from_prose(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PAGE, encoding="utf-8")
    with ProcessPool() as pool:
        stated, derived = (
            next(prepare(find_inputs([tmp_path]), Work(stated_only=stated_only), Report(), pool)).own
            for stated_only in (True, False)
        )
    assert b"/participation/eu/" in derived
    assert b"/participation/eu/" not in stated


def test_page_that_mentions_a_hidden_person_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{PAGE}\nContact\n\nAda Example, ada@example.org\n", encoding="utf-8")
    for hidden, kept in ((lambda contact: contact.email == "ada@example.org", 0), (lambda _: False, 1)):
        pages: list[bytes] = []
        with ProcessPool() as pool:
            records = prepare(find_inputs([tmp_path]), Work(hidden=hidden), Report(), pool, on_page=pages.append)
            assert (b"Ada" in next(records).own) == bool(kept)
            assert list(records) == []
        assert len(pages) == kept


@pytest.mark.slow
def test_workers_with_other_code_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PAGE, encoding="utf-8")
    with ProcessPool() as pool, pytest.raises(ClusterError, match="different code"):
        list(prepare(find_inputs([tmp_path]), Work(code=b"other"), Report(), pool))


def test_workers_use_the_base_of_the_site(tmp_path: Path) -> None:
    for number in range(2 * BATCH_RECORDS):  # less would be processed here, with the base of this process
        (tmp_path / f"{number}.txt").write_text(SHORT_PAGE.replace("A project", f"Project {number}"), encoding="utf-8")
    with ProcessPool() as pool:
        records = list(prepare(find_inputs([tmp_path]), Work(base="https://data.example.org/"), Report(), pool))
    assert len(records) == 2 * BATCH_RECORDS
    assert all(one.own.startswith(b"<https://data.example.org/id/project/") for one in records)


def test_unreadable_input_is_reported_and_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SHORT_PAGE, encoding="utf-8")
    (tmp_path / "b.json").write_text('{"title": \n', encoding="utf-8")
    (tmp_path / "c.txt").write_text(SHORT_PAGE.replace("A project", "A law"), encoding="utf-8")
    inputs, _ = select_inputs([tmp_path])
    report, seen = Report(), {}
    progress: list[tuple[int, int]] = []
    records = list(read_derived_records(inputs, 3, report, lambda done, total: progress.append((done, total)), seen))
    assert [record.key for record in records] == ["a-project", "a-law"]
    assert (report.sources, report.records, report.unread) == (3, 2, 1)
    assert [(file.name, file.records) for file in report.files] == [
        ("a.txt", ["a-project"]),
        ("b.json", []),
        ("c.txt", ["a-law"]),
    ]
    assert [found.file for found in report.findings] == ["b.json"]
    assert progress == [(1, 3), (2, 3), (3, 3)]
    assert seen.keys() == {"a.txt", "b.json", "c.txt"}


def test_statements_of_prose_are_derived() -> None:
    report = Report()
    inputs = [Input("a.txt", data=SHORT_PAGE.replace("European Union", "World Bnak").encode())]
    [record] = read_derived_records(inputs, 1, report)
    assert [(link.actor.key, link.role) for link in record.participations] == [("world-bank", "funder")]
    assert [(found.record, found.text) for found in report.findings] == [("a-project", "World Bnak")]


def test_records_to_compare_with_exclude_the_selected_ones(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(SHORT_PAGE, encoding="utf-8")
    selected, context = select_inputs([tmp_path / "a.txt"], among=[tmp_path])
    assert [found.name for found in selected] == ["a.txt"]
    assert [found.name for found in context] == ["b.txt"]


def test_position_of_an_error_becomes_that_of_its_finding() -> None:
    given = Input("a.json", data=b"")
    found = unreadable_finding(given, SourceError("a.json:2:11: invalid JSON", "Correct it."))
    assert (found.file, found.line, found.column, found.message) == ("a.json", 2, 11, "invalid JSON")
    assert found.suggestion == "Correct it."
    found = unreadable_finding(given, SourceError("a.json: empty", "Fill it."))
    assert (found.line, found.column, found.message) == (0, 0, "empty")
