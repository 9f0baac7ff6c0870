"""Findings describe a record as it is published: with curators' decisions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.identity.decisions import ACTOR, Decision, Verdict, append_decisions
from cybilgraph.model.findings import Finding
from cybilgraph.release.search import SearchIndex

KEY = "G0020"
PAGE = f"""Training for Belize
Cybil Code: {KEY}
Status: Finished
From: Apr 2018
To: Mar 2020

Funders

Blue Harbour Foundation

Implementors

CTO

Summary

Training of judges and prosecutors in Belize.
"""
OTHER = """Cyber strategy for Samoa
Cybil Code: G0021

Funders

Blue Harbour Foundation
"""
BLUE = "Blue Harbour Foundation"
SAME_TITLE = "same-title-same-dates"


def one(field: str, value: str, verdict: Verdict, new_value: str = "", record: str = KEY) -> Decision:
    return Decision(record=record, field=field, value=value, verdict=verdict, new_value=new_value, who="Ana")


STATUS = one("status", "Finished", Verdict.INSTEAD, "Ongoing")
IMPLEMENTER = one("implementer", "cto", Verdict.NO)
THEME = one("theme", "cybercrime", Verdict.YES)


def rules(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    """Return the record and rule of each finding that is not about a decision itself."""
    found = {(each.record, each.rule.rpartition("#")[2]) for each in findings}
    return {(record, rule) for record, rule in found if not rule.startswith("decision-")}


def places(folder: Path) -> list[Path]:
    for name, text in {"a": PAGE, "b": OTHER}.items():
        (folder / f"{name}.txt").write_text(text)
    return sorted(folder.glob("*.txt"))


@pytest.mark.parametrize(
    ("decision", "settled", "caused"),
    [
        (STATUS, {"finished-has-outcome"}, {"open-end-long-past", "has-outcome"}),
        (IMPLEMENTER, set(), {"has-implementer"}),
        (THEME, {"has-theme"}, set()),
        (one("funder", BLUE, Verdict.INSTEAD, "European Union"), {"known-actor"}, set()),
        (one(ACTOR, BLUE, Verdict.YES, "type=civil-society", record=""), {"known-actor"}, set()),
        (one(ACTOR, BLUE, Verdict.INSTEAD, "European Union", record=""), {"known-actor"}, set()),
        (one(ACTOR, BLUE, Verdict.NO, record=""), {"known-actor"}, {"has-funder"}),
    ],
)
def test_check_describes_the_decided_record(
    tmp_path: Path, decision: Decision, settled: set[str], caused: set[str]
) -> None:
    before = rules(pipeline.check(*places(tmp_path)).findings)
    append_decisions(tmp_path / "decisions", [decision])
    after = rules(pipeline.check(*places(tmp_path), decisions=tmp_path / "decisions").findings)
    records = {KEY} if decision.record else {KEY, "G0021"}
    assert before - after == {(record, rule) for record in records for rule in settled}
    assert after - before == {(record, rule) for record in records for rule in caused}


def test_corrected_date_needs_no_sentence(tmp_path: Path) -> None:
    append_decisions(tmp_path / "decisions", [one("end", "2020-03", Verdict.INSTEAD, "2020-05")])
    report = pipeline.check(*places(tmp_path), decisions=tmp_path / "decisions")
    assert not [each for each in report.findings if each.rule.endswith("#dating-evidence")]


def test_confirmed_claim_of_an_earlier_capture_settles_what_the_newest_lacks(tmp_path: Path) -> None:
    without = PAGE.replace("Implementors\n\nCTO\n", "")
    (tmp_path / "1.txt").write_text(f"{without}It was delivered by the Council of Europe.\nUpdated: 2019-01-01\n")
    (tmp_path / "2.txt").write_text(f"{without}Updated: 2020-01-01\n")
    pages = sorted(tmp_path.glob("*.txt"))
    before = rules(pipeline.check(*pages).findings)
    append_decisions(tmp_path / "decisions", [one("implementer", "coe", Verdict.YES)])
    after = rules(pipeline.check(*pages, decisions=tmp_path / "decisions").findings)
    assert before - after == {(KEY, "has-implementer")}
    assert after <= before


def test_findings_across_records_see_decisions(tmp_path: Path) -> None:
    """Two projects get the same title and dates by a decision, and two with the same ones get different titles."""
    (tmp_path / "c.txt").write_text(PAGE.replace(KEY, "G0022"))
    (tmp_path / "d.txt").write_text(OTHER.replace("G0021", "G0023") + "\nFrom: Apr 2018\nTo: Mar 2020\n")
    before = rules(pipeline.check(*places(tmp_path)).findings)
    append_decisions(
        tmp_path / "decisions",
        [
            one("title", "", Verdict.INSTEAD, "Another title", record="G0022"),
            one("title", "", Verdict.INSTEAD, "Training for Belize", record="G0023"),
        ],
    )
    after = rules(pipeline.check(*places(tmp_path), decisions=tmp_path / "decisions").findings)
    assert before >= {(KEY, SAME_TITLE), ("G0022", SAME_TITLE)}
    assert {record for record, rule in after if rule == SAME_TITLE} == {KEY, "G0023"}


@pytest.mark.slow
def test_release_stores_and_shows_the_findings_of_the_decided_record(tmp_path: Path) -> None:
    append_decisions(tmp_path / "decisions", [STATUS, IMPLEMENTER, THEME])
    checked = pipeline.check(*places(tmp_path), decisions=tmp_path / "decisions")
    release, built = pipeline.build(
        places(tmp_path), tmp_path / "releases", decisions=tmp_path / "decisions", dumps=False
    )
    assert rules(built.findings) == rules(checked.findings)
    with closing(SearchIndex(release.search)) as index:
        notes = {note["rule"].rpartition("#")[2] for note in index.findings(KEY, "a.txt")}
    assert notes >= {"open-end-long-past", "has-implementer"}
    assert not notes & {"finished-has-outcome", "has-theme"}


def test_time_of_a_decision_is_not_that_at_which_a_page_was_saved(tmp_path: Path) -> None:
    """A check may use a day before the decision as today."""
    append_decisions(tmp_path / "decisions", [THEME, IMPLEMENTER])
    report = pipeline.check(*places(tmp_path), decisions=tmp_path / "decisions", as_of=date(2026, 1, 31))
    assert not [each for each in report.findings if "-in-future" in each.rule]
