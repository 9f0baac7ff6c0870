"""check, convert and build share one pipeline."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

import cybilgraph
from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Severity
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.vocabulary import RULES
from cybilgraph.pipeline import preparation
from cybilgraph.runtime.parallel import SizedExecutor
from cybilgraph.validation import record_findings
from tests.conftest import PAGES, SEED


def test_seed_record_conforms_and_lacks_a_funder_and_a_certain_implementer() -> None:
    report = cybilgraph.check(SEED)
    assert report.conforms
    other, finding = report.findings
    assert (other.rule, other.line) == (f"{RULES}has-implementer", 3)
    assert finding.severity is Severity.WARNING
    assert (finding.rule, finding.file, finding.record) == (f"{RULES}has-funder", "belize-G0020.txt", "G0020")
    assert (finding.label, finding.line, finding.column) == ("Funders", 17, 1)


def test_end_before_start_names_the_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(SEED.read_text(encoding="utf-8").replace("To: Mar 2020", "To: Mar 2017"), encoding="utf-8")
    report = cybilgraph.check(bad)
    assert not report.conforms
    [finding] = [finding for finding in report.findings if finding.severity is Severity.VIOLATION]
    assert (finding.line, finding.column, finding.label, finding.text) == (15, 5, "To", "Mar 2017")
    assert "2017-03" in finding.message


@pytest.mark.parametrize(
    ("given", "rule", "line"),
    [
        ("A project\nStatus: Sleeping\nSummary\nText.", "status-list", 2),
        ("A project\nCybil code: X1\nSummary\nText.", "code", 2),
        ("A project\nCountries\nKenya\nAtlantis\nSummary\nText.", "country-type", 4),
        ("A project\nThemes & Topics\nGardening\nSummary\nText.", "theme-type", 3),
        ("A project\nImplementors\nUnheard Of Ltd\nSummary\nText.", "known-actor", 3),
        ("Summary\nText.", "title", 0),
        ("A project\nFrom: spring\nSummary\nText.", "date-form", 2),
        ("A project\nContact\nJo <jo@nowhere>\nSummary\nText.", None, 0),
    ],
)
def test_findings_point_at_their_line(tmp_path: Path, given: str, rule: str | None, line: int) -> None:
    page = tmp_path / "page.txt"
    page.write_text(given, encoding="utf-8")
    report = pipeline.check(page)
    hits = [finding for finding in report.findings if rule and finding.rule == f"{RULES}{rule}"]
    assert [finding.line for finding in hits] == ([line] if rule else [])


@pytest.mark.slow
def test_both_engines_give_the_same_findings(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("A\nStatus: x\nFrom: 2020\nTo: 2019\nCountries\nAtlantis\n", encoding="utf-8")
    for places in (PAGES, [tmp_path]):
        report = pipeline.check(*places)
        assert report.findings
        assert pipeline.check(*places, engine="both").findings == report.findings  # or it raises EnginesDisagree


@pytest.mark.slow
def test_findings_do_not_depend_on_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pipeline.check(*PAGES)
    monkeypatch.setattr(record_findings, "BATCH_RECORDS", 2)
    assert pipeline.check(*PAGES).findings == whole.findings


def test_batches_of_large_items_are_small() -> None:
    assert [len(batch) for batch in record_findings.split_batches(["x" * 40] * 5, len, 60)] == [2, 2, 1]
    assert [len(batch) for batch in record_findings.split_batches(["x"] * 5, len, 60)] == [5]


def test_two_captures_do_not_merge_into_one_record() -> None:
    report = pipeline.check(*PAGES)
    assert not [finding for finding in report.findings if finding.rule.endswith("#one-title")]
    assert {finding.file for finding in report.findings if finding.record == "G0020"} == {
        "belize-G0020.txt",
        "belize-G0020-older.txt",
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["turtle", "ntriples", "nquads", "trig", "jsonld", "rdfxml"])
def test_convert_is_deterministic(name: str) -> None:
    outputs = []
    for _ in range(2):
        output = io.BytesIO()
        pipeline.convert(PAGES, BY_NAME[name], output)
        outputs.append(output.getvalue())
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 10_000


def test_missing_output_folder_fails_before_any_work() -> None:
    with pytest.raises(SourceError, match="no such file"):
        cybilgraph.check(SEED, "/nowhere")
    with pytest.raises(AttributeError):
        _ = cybilgraph.nothing  # type: ignore[attr-defined]


def test_two_pages_with_one_title_are_reported(tmp_path: Path) -> None:
    for name, place in (("a.txt", "Kenya"), ("b.txt", "Ghana")):
        (tmp_path / name).write_text(f"CMM Review\nSummary\nIn {place}.", encoding="utf-8")
    [finding] = [found for found in pipeline.check(tmp_path).findings if found.rule.endswith("same-title")]
    assert finding.file == "b.txt"
    assert "a.txt" in finding.message
    assert "same title" in finding.message


def test_progress_reaches_the_end() -> None:
    steps: list[tuple[int, int]] = []
    pipeline.check(*PAGES, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(number, 15) for number in range(1, 16)]


class Elsewhere(SizedExecutor):
    """Runs submitted work immediately on pickled copies, and counts it."""

    size = 2

    def __init__(self) -> None:
        self.sent = 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        self.sent += 1
        given: Future[Any] = Future()
        given.set_result(pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(arguments)), **named))))
        return given


@pytest.mark.slow
def test_findings_of_another_engine_look_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    here = pipeline.check(*PAGES, excerpts=True)
    team = Elsewhere()
    monkeypatch.setattr(pipeline, "ProcessPool", lambda: team)
    monkeypatch.setattr(preparation, "BATCH_RECORDS", 3)
    there = pipeline.check(*PAGES, excerpts=True)
    assert (there.findings, there.files) == (here.findings, here.files)
    assert team.sent == len(here.files) / 3
    monkeypatch.setattr(preparation, "MAX_PAGE_BYTES", 1_000)  # larger inputs are read here
    assert len(pipeline.check(*PAGES).findings) == len(here.findings)
    assert team.sent > len(here.files)


def test_misspelled_name_has_the_label_of_its_heading(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "A project\n\nCybil code: G0101\n\nDonors\n\nOrganistion of American States\n\nAim\n\nIt helps.\n",
        encoding="utf-8",
    )
    (tmp_path / "c.txt").write_text(
        "C project\n\nCybil code: G0102\n\nAim\n\nThe course was given by the Organistion of American States.\n",
        encoding="utf-8",
    )
    (tmp_path / "b.csv").write_text("title,donors\nB,Organistion of American States\n", encoding="utf-8")
    report = pipeline.check(tmp_path)
    near = [(found.file, found.label) for found in report.findings if found.rule.endswith("#near-name")]
    assert near == [("a.txt", "Donors"), ("b.csv", "donors"), ("c.txt", "Aim")]
