"""Proposed identifiers are written to a sheet, and only those that a curator accepts are added."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from cybilgraph.errors import ReferenceDataError, SourceError
from cybilgraph.pipeline.identifier_proposals import accept_proposals, rejected_proposals
from tests.conftest import run
from tests.support.registers import CSV_RESULT, ror_record


def fill_in(sheet: Path, *verdicts: str) -> None:
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, verdict in zip(rows, verdicts, strict=True):
        row["verdict"] = verdict
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def propose(folder: Path, *arguments: object) -> list[dict[str, str]]:
    """Write the sheet of a dump with the GFCE and a namesake, and return its rows."""
    dump = [
        ror_record(
            "Global Forum on Cyber Expertise", country="NL", homepage="https://thegfce.org", wikidata=("Q42",),
        ),
        ror_record("=1+1", acronym="GFCE", key="00tvq5277", country="NL", homepage="https://thegfce.org"),
    ]  # fmt: skip
    (folder / "ror.json").write_text(json.dumps(dump), encoding="utf-8")
    done = run("match", folder / "ror.json", "-o", folder / "sheet.csv", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    with (folder / "sheet.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_accepted_proposals_are_added_and_not_proposed_again(tmp_path: Path) -> None:
    rows = propose(tmp_path)
    assert [(row["register"], row["identifier"], row["verdict"]) for row in rows][:2] == [
        ("ror", "0abcdef23", ""),
        ("wikidata", "Q42", ""),
    ]
    assert rows[0]["actor"] == "gfce"
    assert rows[0]["source"] == "https://ror.org/0abcdef23"
    assert rows[2]["their_name"].startswith("'="), "a spreadsheet program would take it for a formula"
    fill_in(tmp_path / "sheet.csv", "yes", "", "no")
    done = run("actors", "identify", tmp_path / "sheet.csv", "--reference", tmp_path / "own")
    assert done.stdout.decode().startswith("1 identifiers added to ")
    assert (tmp_path / "own" / "identifiers.csv").read_text(encoding="utf-8").splitlines()[1:] == [
        "gfce,ror,0abcdef23,https://ror.org/0abcdef23"
    ]
    (tmp_path / "first.csv").write_bytes((tmp_path / "sheet.csv").read_bytes())
    again = propose(tmp_path, "--reference", tmp_path / "own")
    assert {row["register"] for row in again} == {"wikidata"}
    rejected = propose(tmp_path, "--rejected", tmp_path / "first.csv")
    assert [row["identifier"] for row in rejected] == ["0abcdef23", "Q42"]


@pytest.mark.slow
def test_organisations_of_a_release_are_matched_even_if_they_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "projects.csv").write_text(
        "code,title,funders,countries\nG0901,Courses in Fiji,Bula Trust,Fiji\n", encoding="utf-8"
    )
    built = run("build", tmp_path / "projects.csv", "--into", tmp_path / "releases")
    assert built.returncode == 0, built.stderr.decode()
    (tmp_path / "result.csv").write_text(CSV_RESULT, encoding="utf-8")
    done = run("match", tmp_path / "result.csv", "--from", tmp_path / "releases")
    rows = list(csv.DictReader(done.stdout.decode().splitlines()))
    assert [(row["actor"], row["register"], row["score"]) for row in rows] == [
        ("bula-trust", "ror", "76"),
        ("bula-trust", "wikidata", "76"),
    ]
    (tmp_path / "sheet.csv").write_text(
        "verdict,actor,register,identifier,source\nyes,bula-trust,wikidata,Q42,https://example.org\n"
    )
    refused = run("actors", "identify", tmp_path / "sheet.csv", "--reference", tmp_path / "own")
    assert refused.returncode == 2
    assert "cybilgraph actors add" in refused.stderr.decode()


@pytest.mark.slow
def test_other_file_is_refused_without_output(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!DOCTYPE html><p>Sign in", encoding="utf-8")
    done = run("match", tmp_path / "page.html", "-o", tmp_path / "sheet.csv")
    assert done.returncode == 2
    assert "page.html is a web page or XML" in done.stderr.decode()
    assert not (tmp_path / "sheet.csv").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("actor,register\n", "has no column verdict, identifier, source"),
        ("verdict,actor,register,identifier,source\nmaybe,gfce,ror,0abcdef23,https://example.org\n", "line 2: 'maybe'"),
    ],
)
def test_wrong_sheet_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "sheet.csv").write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=problem):
        accept_proposals(tmp_path / "sheet.csv", tmp_path / "own")
    with pytest.raises(SourceError, match=problem):
        rejected_proposals(tmp_path / "sheet.csv")


def test_one_wrong_row_adds_nothing(tmp_path: Path) -> None:
    rows = ("Yes,gfce,ror,0abcdef23,https://example.org", "yes,un,wikidata,Q0,https://example.org")
    (tmp_path / "sheet.csv").write_text("\n".join(("verdict,actor,register,identifier,source", *rows, "")))
    with pytest.raises(ReferenceDataError, match="'Q0' is not a valid identifier of Wikidata"):
        accept_proposals(tmp_path / "sheet.csv", tmp_path / "own")
    assert not (tmp_path / "own" / "identifiers.csv").exists()
