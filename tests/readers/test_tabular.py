"""Tables with any separator and workbooks are read within limits, and damaged rows are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Text
from cybilgraph.readers import read_input
from tests.support.forms import read, sheet


def test_reads_other_labels_and_separators(tmp_path: Path) -> None:
    [record] = read(
        tmp_path,
        "a.csv",
        "Project title;Cybil code;Donor;Country;Start date;Objectives\n"
        'A law;G1234;"EU; Norway";BZ;"Apr 2018";"First.\nSecond."\n',
    )
    assert record.code
    assert (record.code.text, record.start and record.start.value) == ("G1234", "2018-04")
    assert {link.actor.key for link in record.participations} == {"eu", "government-of-norway"}
    assert [scope.concept.key for scope in record.scopes] == ["BZ"]
    assert [part.text for part in record.aim] == ["First.", "Second."]


def test_unclosed_quotation_mark_loses_no_other_rows(tmp_path: Path) -> None:
    rows = "".join(f"Project {number},It helps.\n" for number in range(5000))
    records = read(tmp_path, "a.csv", f'title,summary\nFirst,"It never ends.\n{rows}')
    assert len(records) == 5001
    [finding] = records[0].findings
    assert (finding.line, finding.rule.rpartition("#")[2]) == (2, "quotation-marks")
    assert records[-1].title
    assert records[-1].title.text == "Project 4999"


def test_rows_with_too_many_or_too_few_cells(tmp_path: Path) -> None:
    long, short = read(tmp_path, "a.csv", "title,summary\nA,Helps,more,and more\nB\n")
    assert [part.text for part in long.description] == ["More: more", "More: and more"]
    assert long.findings[0].line == 2
    assert short.title
    assert not short.findings


def test_rows_without_code_and_title_are_separate_projects(tmp_path: Path) -> None:
    one, other = read(tmp_path, "a.csv", "title,summary\n,First.\n,Second.\n")
    assert one.key != other.key


@pytest.mark.parametrize("content", ["sep=;\ntitle;code\nA, B;G0001\n", '"sep=|"\r\n\r\ntitle|code\r\nA, B|G0001\r\n'])
def test_separator_declaration_is_not_a_row(content: str, tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.csv", content)
    assert (record.title, record.key) == (Text("A, B"), "G0001")


@pytest.mark.parametrize(("word", "ends"), [('word, and "" more ', ""), ('word, and "" more ', "\n"), ("word ", "")])
@pytest.mark.parametrize("quoted", [True, False])
def test_huge_cell_is_reported_once_and_others_are_kept(word: str, ends: str, quoted: bool, tmp_path: Path) -> None:
    if not quoted:
        word, ends = word.translate({ord(char): None for char in '",'}), ""
    mark = '"' if quoted else ""
    cell = f"{mark}{(word * 5 + ends) * 100_000}{mark}"
    rows = f"title,code,summary,status\nFirst,G0001,ok,Finished\nBig,G0002,{cell},Finished\nThird,G0003,ok,Ongoing\n"
    records = read(tmp_path, "page.csv", rows)
    assert [record.code and record.code.text for record in records] == ["G0001", "G0002", "G0003"]
    assert [record.findings and record.findings[0].line for record in records] == [(), 3, ()]
    assert [found.rule.rpartition("#")[2] for found in records[1].findings] == ["long-cell"]
    assert sum(len(part.text) for part in records[1].summary) < 100_000


@pytest.mark.parametrize("as_workbook", [True, False])
def test_rows_above_column_names_are_skipped(as_workbook: bool) -> None:
    above = [["Our project list 2024"], [""], ["", "as of, say, 1 May"]]
    rows = [*above, ["Title", "Funders"], ["A", "Norway"], ["B", "Kenya"]]
    first, second = read_input(sheet(rows, as_workbook))
    assert [(found.rule.rsplit("#", 1)[-1], found.line) for found in first.findings] == [("above-columns", 1)]
    assert [link.actor.key for link in first.participations] == ["government-of-norway"]
    assert second.title == Text("B")
    assert not second.findings


def test_table_without_column_names_is_reported_with_its_first_row() -> None:
    with pytest.raises(SourceError, match=r"a\.csv:1: none of the first 20 rows .*Our list"):
        list(read_input(sheet([["Our list"], *([["x", "y"]] * 100), ["title", "funders"]], as_workbook=False)))
