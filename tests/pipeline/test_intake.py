"""Inputs are selected and read, and those that cannot be read are reported."""

from __future__ import annotations

from pathlib import Path

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Report
from cybilgraph.pipeline.intake import read_derived_records, select_inputs, unreadable_finding
from cybilgraph.readers import Input

PAGE = "A project\n\nSummary\n\nIt is funded by the European Union.\n"


def test_unreadable_input_is_reported_and_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PAGE, encoding="utf-8")
    (tmp_path / "b.json").write_text('{"title": \n', encoding="utf-8")
    (tmp_path / "c.txt").write_text(PAGE.replace("A project", "A law"), encoding="utf-8")
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
    inputs = [Input("a.txt", data=PAGE.replace("European Union", "World Bnak").encode())]
    [record] = read_derived_records(inputs, 1, report)
    assert [(link.actor.key, link.role) for link in record.participations] == [("world-bank", "funder")]
    assert [(found.record, found.text) for found in report.findings] == [("a-project", "World Bnak")]


def test_records_to_compare_with_exclude_the_selected_ones(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(PAGE, encoding="utf-8")
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
