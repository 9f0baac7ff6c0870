"""What a curator rejects or replaces is published nowhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import DecisionError
from cybilgraph.identity.decisions import Decision, Verdict, append_decisions
from cybilgraph.model.vocabulary import BASE, CYB
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH, open_lines
from cybilgraph.sync.changes import ChangeLogCache, describe_log
from tests.conftest import running_server
from tests.support.decided import POSSIBLE_PAGE
from tests.support.erasure import everything
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow

SECRETS = ("zorblatt", "quexley", "vandimoor", "krellwick", "plomfret", "2003-04", "apr 2003", "wumbleton")
RECORD = """Cybercrime training for Belize
Cybil Code: G0020
Updated: {updated}
Status: Finished
From: {start}
To: Mar 2020

Funders

{funder}

Implementors

CTO
{implementer}

Beneficiaries

Belize
{beneficiary}

Summary

Training of judges. {summary}

Outcomes

A course {outcome}
"""
OLD = RECORD.format(
    updated="2020-01-31",
    start="Apr 2003",
    funder="Jane Zorblatt",
    implementer="Quexley Office",
    beneficiary="Wumbleton Agency",
    summary="Vandimoor pays.",
    outcome="at Krellwick",
)
#: A newer capture, with the same values but for one.
NEW = OLD.replace("2020-01-31", "2021-01-31").replace("Vandimoor", "Plomfret")
OTHER = "Another project for Fiji\nCybil Code: G0021\nStatus: Ongoing\n\nFunders\n\nQuexley Office\n"


def decision(field: str, value: str = "", verdict: Verdict = Verdict.NO, new_value: str = "") -> Decision:
    return Decision(record="G0020", field=field, value=value, verdict=verdict, new_value=new_value, who="Ana")


DECISIONS = [
    decision("funder", "Jane Zorblatt"),
    decision("implementer", "Quexley Office", Verdict.INSTEAD, "Council of Europe"),
    decision("beneficiary", "Wumbleton Agency"),
    decision("start", "2003-04", Verdict.INSTEAD, "2018"),
    decision("summary", "Vandimoor pays.", Verdict.INSTEAD, "Training of judges."),
    decision("outcomes", "A course at Krellwick"),
    # The record no longer has these values, so that a review is due or the decision does not apply.
    decision("partner", "Zorblatt Trust"),
    decision("theme", "Zorblatt"),
    decision("end", "Zorblatt"),
]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Release]:
    """A release with all values, and the next one with the decisions."""
    folder = tmp_path_factory.mktemp("rejected")
    pages = folder / "pages"
    pages.mkdir()
    for name, text in (("a", OLD), ("b", NEW)):
        (pages / f"{name}.txt").write_text(text)
    first, _ = pipeline.build([pages], folder / "releases")
    append_decisions(folder / "decisions", DECISIONS)
    second, _ = pipeline.build([pages], folder / "releases", decisions=folder / "decisions")
    return [first, second]


def published(release: Release, folder: Path) -> str:
    """Return all that a release contains but its stored sources, which are the files as they are."""
    shutil.copytree(release.folder, folder / "copy", ignore=shutil.ignore_patterns("sources*"))
    return everything(folder / "copy").decode(errors="replace").casefold()


def test_rejected_values_are_in_no_file_of_a_release(releases: list[Release], tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    before, after = published(releases[0], tmp_path / "first"), published(releases[1], tmp_path)
    assert [secret for secret in SECRETS if secret not in before] == []
    assert {secret: after[max(0, after.find(secret) - 200) :][:300] for secret in SECRETS if secret in after} == {}
    with open_lines(releases[1].folder / GRAPH) as lines:
        verdicts = [line for line in lines if re.match(f"<{BASE}record/[^ ]+ <{CYB.verdict}>", line.decode())]
    assert len(verdicts) == len(DECISIONS) - 1, "all but the theme that does not exist"


def test_changes_say_that_a_value_was_rejected_but_not_which(releases: list[Release]) -> None:
    cache = ChangeLogCache(pipeline.Releases(releases[0].folder.parent))
    text = "\n".join(describe_log(cache.between(1, 2))).casefold()
    cache.close()
    assert "funders: rejected" in text
    assert "summary: corrected" in text
    assert "retrieved" not in text, "the time of a decision is not the time at which the page was saved"
    assert [secret for secret in SECRETS if secret in text] == []


def test_pages_do_not_repeat_rejected_values(releases: list[Release], tmp_path: Path) -> None:
    with running_server(releases[0].folder.parent, "--suggestions", tmp_path) as site:
        pages = {
            path: http(f"{site}{path}", Accept=BROWSER).body.decode().casefold()
            for path in ("/id/project/G0020", "/record/G0020", "/suggest/G0020", "/changes", "/search?q=belize")
        }
    assert "training of judges." in pages["/suggest/G0020"], "the form has the corrected values"
    assert "rejected" in pages["/changes"]
    assert [(path, secret) for path, text in pages.items() for secret in SECRETS if secret in text] == []


def test_pages_and_changes_show_decisions_about_possible_claims(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(POSSIBLE_PAGE)
    before, _ = pipeline.build([tmp_path / "a.txt"], tmp_path / "releases", dumps=False)
    decisions = [
        decision("implementer", "apnic", Verdict.YES),
        decision("audience", "small-businesses", Verdict.YES),
        decision("beneficiary", "ministry-of-finance-belize"),
    ]
    append_decisions(tmp_path / "decisions", decisions)
    release, _ = pipeline.build(
        [tmp_path / "a.txt"], tmp_path / "releases", decisions=tmp_path / "decisions", dumps=False
    )
    (tmp_path / "before").mkdir()
    assert "ministry-of-finance-belize" in published(before, tmp_path / "before")
    assert "ministry-of-finance-belize" not in published(release, tmp_path)
    with running_server(tmp_path / "releases") as site:
        page, changes, found = (
            http(f"{site}{path}", Accept=BROWSER).body.decode()
            for path in ("/id/project/G0020", "/changes", "/search?basis=confirmed")
        )
    certain, _, possible = page.partition('<details id="possible">')
    assert re.search("Asia-Pacific Network Information Centre|APNIC", certain)
    assert "confirmed" in certain
    assert "small businesses" in certain.casefold()
    assert "GCSCC" in possible or "Global Cyber Security Capacity Centre" in possible
    assert "Ministry of Finance (Belize)" not in page
    assert "Implementers: confirmed Asia Pacific Network Information Centre" in changes
    assert changes.count("Asia Pacific Network Information Centre") == 1
    assert "Beneficiaries: rejected" in changes
    assert "Cybercrime training for Belize" in found


def test_resource_of_another_project_stays_described(tmp_path: Path) -> None:
    for name, text in (("a", OLD), ("c", OTHER)):
        (tmp_path / f"{name}.txt").write_text(text)
    append_decisions(tmp_path / "decisions", DECISIONS)
    sources = sorted(tmp_path.glob("*.txt"))
    release, _ = pipeline.build(sources, tmp_path / "releases", decisions=tmp_path / "decisions", dumps=False)
    text = published(release, tmp_path)
    assert '"quexley office"' in text
    assert "jane zorblatt" not in text


def test_name_rejected_as_organisation_is_in_no_earlier_version(tmp_path: Path) -> None:
    for name, text in (("a", OLD), ("b", NEW), ("c", OTHER)):
        (tmp_path / f"{name}.txt").write_text(text)
    none = Decision(field="actor", value="Quexley Office", verdict=Verdict.NO, who="Ana")
    append_decisions(tmp_path / "decisions", [none])
    sources = sorted(tmp_path.glob("*.txt"))
    release, _ = pipeline.build(sources, tmp_path / "releases", decisions=tmp_path / "decisions", dumps=False)
    assert "quexley" not in published(release, tmp_path)


def test_build_refuses_a_broken_line_because_it_may_reject_something(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(OLD)
    append_decisions(tmp_path / "decisions", DECISIONS[:1])
    path = tmp_path / "decisions" / "ana.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",no,", ",non,"), encoding="utf-8")
    with pytest.raises(DecisionError, match=r"broken lines \(1\)") as caught:
        pipeline.build([tmp_path / "a.txt"], tmp_path / "releases", decisions=tmp_path / "decisions", dumps=False)
    assert "ana.csv:2: This decision is not applied: the verdict 'non' is not one of yes, no" in caught.value.hint
    assert not list((tmp_path / "releases").glob("0*"))
