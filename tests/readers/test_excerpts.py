"""Excerpts show the source line of a finding with the words marked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cybilgraph import pipeline, read
from cybilgraph.model.findings import Excerpt, Finding, Severity
from cybilgraph.readers import Input
from cybilgraph.readers.excerpts import MAX_EXCERPT_CHARACTERS, excerpt, with_excerpts
from tests.conftest import SAMPLES

FOUND = Finding(severity=Severity.INFO, rule="x", message="x", file="a.txt", line=2)


def shown(name: str, content: bytes, **place: object) -> Excerpt | None:
    finding = replace(FOUND, file=name, **place)
    [found] = with_excerpts([finding], {name: Input(name, data=content)})
    return found.excerpt


def marked(found: Excerpt | None) -> str:
    assert found
    return found.text[found.mark - 1 :][: found.length] if found.mark else ""


@pytest.mark.parametrize(
    ("line", "finding", "expected"),
    [
        ("To: Mar 2017", {"column": 5, "text": "Mar 2017"}, "Mar 2017"),
        ("Funders", {"column": 1, "label": "Funders"}, "Funders"),
        ('{"title": "A"}', {"column": 11, "text": "A"}, "A"),  # the place of the quotation mark
        ("By the Ministry of Truth, and", {"column": 1, "text": "Ministry of Truth"}, "Ministry of Truth"),
        ("A paragraph that goes", {"column": 1, "text": "A paragraph that goes on"}, "A paragraph that goes"),
        ("<narrative>Kenya</narrative>", {"text": "Kenya"}, "Kenya"),  # unknown column
        ("a b", {"column": 2, "text": "c"}, "b"),
        ("short", {"column": 99}, ""),
        ("", {"column": 1, "text": "x"}, ""),
        ("nothing", {"text": "other"}, ""),
    ],
)
def test_words_are_marked(line: str, finding: dict[str, object], expected: str) -> None:
    found = excerpt(line, replace(FOUND, **finding))
    assert marked(found) == expected
    assert found.text == line


@pytest.mark.parametrize("at", [0, 1, 99, 150, 299, 300, 5_000, 99_992])
def test_long_line_is_cut_around_the_words(at: int) -> None:
    line = f"{'x' * at}Mar 2017{'y' * (100_000 - 8 - at)}"
    found = excerpt(line, replace(FOUND, column=at + 1, text="Mar 2017"))
    assert marked(found) == "Mar 2017"
    assert found.column == at + 1
    assert len(found.text) == MAX_EXCERPT_CHARACTERS
    assert line[found.cut :].startswith(found.text)


def test_column_in_a_table_is_a_cell() -> None:
    line = b'"A; ""b"", 2020";Sleeping;2020;"Kenya, Atlantis"'
    content = b"title;status;start;countries\r\n" + line + b"\r\n"
    for column, text in ((2, "Sleeping"), (3, "2020"), (4, "Atlantis"), (1, "A; ")):
        found = shown("a.csv", content, column=column, text=text)
        assert marked(found) == text
        assert found
        assert found.text == line.decode()
        assert found.mark == (18 + 9 if text == "2020" else line.decode().index(text) + 1)
    assert marked(shown("a.csv", content, column=3, text="Sleeping")) == ""
    assert marked(shown("a.csv", content, column=40, text="Sleeping")) == ""


ROWS = (
    b"title,code,funders,status,countries,summary\n"
    b'"A project\nfor Ghana",G9001,"OAS/CICTE\r\nNobody Inc",Planed,"Ghana\nGhanna","Text ""here"", and\n'
    b'It is paid by the Organization of American States"\n'
    b'Broken,"G9 "x,OAS,Finnished\n'
    b"Last,G9002,OAS,Finnished\n"
)


def test_cells_of_multiline_row_have_their_own_places(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(ROWS)
    report = pipeline.check(tmp_path, excerpts=True)
    reported = {(each.line, each.column, each.cell, each.text) for each in report.findings}
    assert {
        (4, 13, 4, "Planed"),
        (4, 1, 3, "Nobody Inc"),
        (5, 1, 5, "Ghanna"),
        (7, 19, 4, "Finnished"),
        (8, 16, 4, "Finnished"),
    } <= reported
    assert all(marked(each.excerpt) == each.text for each in report.findings if each.text in ("Planed", "Ghanna"))
    first, *_ = read(tmp_path)
    [derived] = [each for link in first.participations for each in link.evidence]
    assert derived.quote.startswith("It is paid by")
    assert derived.place
    assert (derived.place.line, derived.place.column) == (6, 6)


def test_fix_in_multiline_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(ROWS)
    [(_, fixed)] = pipeline.fix_files(tmp_path).changes
    assert not fixed.refused
    assert fixed.content == ROWS.replace(b"Finnished", b"Finished")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.yaml", "a.json", "a.html", "a"])
def test_line_is_decoded_like_its_reader_does(name: str, end: str, encoding: str) -> None:
    text = f"<p>title{end}Été à Genève, “où”{end}x"
    found = shown(name, text.encode(encoding), text="Genève")
    assert found
    assert found.text == "Été à Genève, “où”"
    if name != "a.csv":
        assert marked(found) == "Genève"


def test_unavailable_lines_are_not_shown(tmp_path: Path) -> None:
    assert shown("a.xlsx", b"PK\x03\x04\n\n\n") is None
    assert shown("a.txt", b"\x00\x01\x02\x03\x04\n\x00\x00\n") is None, "not text"
    assert shown("a.txt", b"one line") is None
    assert shown("a.txt", b"one\ntwo", line=0) is None
    assert shown("a.json", b"{\n" + b"x" * 1_000_001 + b"\n}") is None
    after = shown("a.json", b"{\n" + b"x" * 1_000_001 + b"\nafter", line=3)
    assert after
    assert after.text == "after"
    gone = Input("a.txt", tmp_path / "gone.txt")
    assert with_excerpts([FOUND], {"a.txt": gone}) == [FOUND]
    assert with_excerpts([FOUND], {}) == [FOUND]


@pytest.mark.slow
def test_every_finding_in_samples_shows_its_words() -> None:
    report = pipeline.check(SAMPLES / "formats", SAMPLES / "one-project", excerpts=True)
    with_line = [finding for finding in report.findings if finding.line and not finding.file.endswith(".xlsx")]
    assert len(with_line) > 40
    assert all(finding.excerpt for finding in with_line)
    assert all(len(finding.excerpt.text) <= MAX_EXCERPT_CHARACTERS for finding in with_line if finding.excerpt)
    reported = [finding for finding in with_line if finding.text and finding.column]
    assert sum(marked(finding.excerpt)[:3] == finding.text[:3] for finding in reported) > len(reported) * 0.85


def test_excerpts_are_added_only_on_request() -> None:
    assert not any(finding.excerpt for finding in pipeline.check(SAMPLES / "one-project").findings)


@pytest.mark.timeout(180)
def test_many_findings_on_a_long_row_take_linear_time() -> None:
    line = ",".join("abcdefgh" for _ in range(10_000)).encode()
    sources = {"a.csv": Input("a.csv", data=b"x\n" + line)}
    findings = [replace(FOUND, file="a.csv", column=column, text="abcd") for column in range(1, 2_000)]
    found = with_excerpts(findings, sources)
    assert all(marked(each.excerpt) == "abcd" for each in found)
