"""Tables and documents: what is written as a form is read as the same record, and what is wrong is told."""

from __future__ import annotations

import gc
import io
import json
import tracemalloc
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.record import Record, Source, Text, WebLink
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import COLUMNS, WRITERS, example_record
from cybilgraph.readers import Input, documents, read_input
from tests.conftest import RECORDS, SAMPLES
from tests.support.hostile import cases

FORMS = ("csv", "xlsx", "json", "yaml")
PAGES = sorted(RECORDS.glob("*.txt")) + sorted((SAMPLES / "labelled").glob("*.txt"))


def read(folder: Path, name: str, content: bytes | str) -> list[Record]:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_input(Input(name, path)))


@cache
def pages() -> list[Record]:
    return [next(read_input(Input(path.name, path))) for path in PAGES]


@cache
def triples() -> list[set[str]]:
    """What each of the pages says and what is derived from it, wherever it was read."""
    return [said(page) for page in pages()]


def said(record: Record) -> set[str]:
    # lines are counted in the one source and in the other
    lines = describe(replace(derive(record), source=Source("a source", "0" * 64), rights=None))
    return {line for line in lines if "ontology#line>" not in line and "evidence/" not in line}


@pytest.mark.parametrize("form", FORMS)
def test_every_record_comes_back_from_every_form(form: str, tmp_path: Path) -> None:
    records = pages()
    back = read(tmp_path, f"all.{form}", WRITERS[form](records))
    assert len(back) == len(records)
    for record, again, ours in zip(records, back, triples(), strict=True):
        assert again == record, record.source.name
        assert said(again) == ours


@pytest.mark.parametrize("form", FORMS)
def test_the_example_of_a_form_is_no_record(form: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="project"):
        read(tmp_path, f"projects.{form}", WRITERS[form]([example_record()]))


def test_forms_in_json_and_yaml_fit_the_schema() -> None:
    import yaml

    schema = json.loads(WRITERS["schema"]([]))
    jsonschema.Draft202012Validator.check_schema(schema)
    for records in ([example_record()], [record for record in pages() if record.title]):
        jsonschema.validate(json.loads(WRITERS["json"](records)), schema)
        jsonschema.validate(yaml.safe_load(WRITERS["yaml"](records)), schema)


def test_a_workbook_opens_with_its_columns_explained() -> None:
    book = openpyxl.load_workbook(io.BytesIO(WRITERS["xlsx"](pages())))
    assert book.sheetnames == ["projects", "columns"]
    assert [cell.value for cell in book["projects"][1]] == [row.column for row in COLUMNS]
    assert not any(cell.data_type == "f" for row in book["projects"] for cell in row)


def test_a_cell_never_becomes_a_formula(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.json", '{"title": "=HYPERLINK(1)", "summary": ["@x", "+1"]}')
    for form in ("csv", "xlsx"):
        written = WRITERS[form]([record])
        assert b"\n=HYPER" not in written
        assert read(tmp_path, f"a.{form}", written) == [record]


def test_labels_and_separators_of_others_are_understood(tmp_path: Path) -> None:
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


def test_an_unknown_column_is_kept_and_told_of(tmp_path: Path) -> None:
    first, second = read(tmp_path, "a.csv", "title,Fundrs,Budget\nA law,EU,2000000\nA team,,3\n")
    assert [part.text for part in first.description] == ["Fundrs: EU", "Budget: 2000000"]
    assert [(finding.label, finding.line, finding.column) for finding in first.findings] == [
        ("Fundrs", 1, 2),
        ("Budget", 1, 3),
    ]
    assert first.findings[0].suggestion == "Did you mean funders?"
    assert not second.findings


def test_a_quotation_mark_that_is_not_closed_takes_no_neighbour(tmp_path: Path) -> None:
    rows = "".join(f"Project {number},It helps.\n" for number in range(5000))
    records = read(tmp_path, "a.csv", f'title,summary\nFirst,"It never ends.\n{rows}')
    assert len(records) == 5001
    [finding] = records[0].findings
    assert (finding.line, finding.rule.rpartition("#")[2]) == (2, "quotation-marks")
    assert records[-1].title
    assert records[-1].title.text == "Project 4999"


def test_rows_that_are_too_long_or_too_short(tmp_path: Path) -> None:
    long, short = read(tmp_path, "a.csv", "title,summary\nA,Helps,more,and more\nB\n")
    assert [part.text for part in long.description] == ["More: more", "More: and more"]
    assert long.findings[0].line == 2
    assert short.title
    assert not short.findings


def test_rows_without_code_and_title_are_projects_of_their_own(tmp_path: Path) -> None:
    one, other = read(tmp_path, "a.csv", "title,summary\n,First.\n,Second.\n")
    assert one.key != other.key


def test_yaml_means_what_is_written(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.yaml", "title: A law\nstart: 2018-10\ncountries: [NO, ES]\nfunders:\nend: 2019\n")
    assert {scope.concept.key for scope in record.scopes} == {"NO", "ES"}
    assert record.start
    assert record.start.value == "2018-10"
    assert record.start.printed.place
    assert (record.start.printed.place.line, record.start.printed.place.column) == (2, 8)
    assert [blank.name for blank in record.left_blank] == ["funder"]


def test_json_lines_lose_no_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": "A"}\n{"title": \n{"title": "C"}\n[]\n')
    found = []
    with pytest.raises(SourceError, match=r"a\.jsonl:2:11: .* \(and 1 more"):
        found.extend(record.title for record in read_input(Input(path.name, path)))
    assert [title.text for title in found if title] == ["A", "C"]


def test_a_second_table_of_a_workbook_is_told_of_and_notes_are_not(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name, row in (("notes", ["See title"]), ("2024", ["title", "code"]), ("2025", ["Title", "Status"])):
        sheet = book.create_sheet(name)
        sheet.append(row)
        sheet.append(["A law", "G9401" if name == "2024" else "Ongoing"])
    book.save(tmp_path / "a.xlsx")
    report = pipeline.check(tmp_path / "a.xlsx")
    assert report.records == 1
    [told] = [found for found in report.findings if found.rule.endswith("#unreadable")]
    assert told.message == "of its sheets one is read, and not 2025, which has projects too"
    (tmp_path / "b.xlsx").write_bytes(WRITERS["xlsx"](pages()[:3]))  # its second sheet explains the columns
    assert not pipeline.check(tmp_path / "b.xlsx").unread


def test_days_that_a_workbook_shows_as_months_are_months(tmp_path: Path) -> None:
    import datetime

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet
    sheet.append(["title", "start", "end", "code"])
    sheet.append(["A law", datetime.date(2018, 4, 1), datetime.date(2020, 3, 31), 12])
    sheet["B2"].number_format = "mmm-yy"
    book.save(tmp_path / "a.xlsx")
    [record] = read_input(Input("a.xlsx", tmp_path / "a.xlsx"))
    assert record.start
    assert record.end
    assert (record.start.value, record.end.value) == ("2018-04", "2020-03-31")
    assert record.code
    assert record.code.text == "12"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"\n\n \n", "empty"),
        ("a.csv", b"title\n", "no project"),
        ("a.csv", b"one,two\n1,2\n", "title or code"),
        ("a.csv", b"PK\x03\x04abc", "no text"),
        ("a.csv", b"title\x00", "no project"),
        ("a.xlsx", b"", "no workbook"),
        ("a.xlsx", b"title,code\n", "no workbook"),
        ("a.json", b"", "no JSON"),
        ("a.json", b"[]", "no project"),
        ("a.json", b'"text"', "where a project"),
        ("a.json", b'{"title": "A",}', r"a.json:1:14"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.json", b'{"title": ' + b"[" * 100_000, "nested too deep"),
        ("a.yaml", b"", "no project"),
        ("a.yaml", b"title: [1", r"a.yaml:2"),
        ("a.yaml", b"[" * 100_000, "nested too deep|depth"),
        ("a.yaml", b"a: &a [x]\nb: [*a, *a]\n", "aliases"),
        ("a.yaml", b"- &a\n  - *a\n", "aliases"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=says) as raised:
        read(tmp_path, name, content)
    assert raised.value.hint


@pytest.mark.timeout(60)
def test_a_workbook_that_unpacks_to_too_much_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_UNCOMPRESSED_BYTES", 1_000_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b"0" * 100_000)
    with pytest.raises(SourceError, match="unpacks to 2,000,000 bytes"):
        read(tmp_path, "bomb.xlsx", bomb.getvalue())


@pytest.mark.parametrize("content", ["sep=;\ntitle;code\nA, B;G0001\n", '"sep=|"\r\n\r\ntitle|code\r\nA, B|G0001\r\n'])
def test_a_first_line_that_tells_the_separator_is_no_row(content: str, tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.csv", content)
    assert (record.title, record.key) == (Text("A, B"), "G0001")


@pytest.mark.parametrize("title", ["!!!", "\U0001f600", "((", "- -", ""])
def test_a_title_without_letters_names_no_project(title: str, tmp_path: Path) -> None:
    documents = [{"title": {"text": title, "url": ""}, "summary": text} for text in ("x", "y")]
    records = read(tmp_path, "a.json", json.dumps(documents, indent=1))
    assert len({record.key for record in records}) == 2
    assert all(record.key.startswith("untitled-") for record in records)


def test_a_long_name_of_a_column_is_told_in_short(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.json", json.dumps({"title": "A", "k" * 1_000_000: "v"}))
    [finding] = [finding for finding in record.findings if finding.rule.endswith("unknown-column")]
    assert len(finding.message) < 300
    assert len(record.description[0].text) > 400_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["unknown-tags", "empty-cells", "many-formats", "one-part-many-sheets"])
def test_a_small_workbook_of_millions_of_elements_is_refused_before_it_is_parsed(name: str, tmp_path: Path) -> None:
    content = cases()[f"own-{name}.xlsx"]()
    assert len(content) < 200_000
    with pytest.raises(SourceError, match=r"more than 1,000,000 elements") as raised:
        read(tmp_path, "a.xlsx", content)
    assert "split it" in raised.value.hint


def test_rows_that_are_empty_but_wide_are_read_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_CELLS", 100_000)
    with pytest.raises(SourceError, match=r"a.xlsx:7: more than 100,000 cells"):
        read(tmp_path, "a.xlsx", cases()["own-wide-rows.xlsx"]())


def test_a_workbook_keeps_what_stands_far_to_the_right_and_far_below(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet
    for row, column, text in [(1, 1, "title"), (2, 1, "A"), (2, 300, "far right"), (5_000, 1, "B")]:
        sheet.cell(row, column, text)
    book.save(tmp_path / "a.xlsx")
    first, second = read_input(Input("a.xlsx", tmp_path / "a.xlsx"))
    assert [line.text for line in first.description] == ["More: far right"]
    [finding] = [finding for finding in first.findings if finding.rule.endswith("long-row")]
    assert (
        finding.message == "The row has 300 cells, but the table has 1 columns. The rest was added to the description."
    )
    assert second.title == Text("B")


def test_a_workbook_cannot_name_files_or_entities(tmp_path: Path) -> None:
    whole = WRITERS["xlsx"](pages()[:1])
    secret = tmp_path / "secret.txt"
    secret.write_text("do not tell")
    entity = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]><x>&e;</x>'
    poisoned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(poisoned, "w") as target:
        for part in archive.namelist():
            target.writestr(part, entity if part == "xl/worksheets/sheet1.xml" else archive.read(part))
    with pytest.raises(SourceError, match="no workbook"):
        read(tmp_path, "a.xlsx", poisoned.getvalue())


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_cut_gives_whole_records_or_an_error(form: str, tmp_path: Path) -> None:
    records = pages()[:12]
    whole = WRITERS[form](records)
    keys = {record.key for record in records}
    for cut in range(0, len(whole), len(whole) // 25):
        found: list[Record] = []
        path = tmp_path / f"cut.{form}"
        path.write_bytes(whole[:cut])
        try:
            for record in read_input(Input(path.name, path)):
                found.append(record)  # noqa: PERF402 - those read before the error count
        except SourceError:
            pass
        assert {record.key for record in found[:-1]} <= keys


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".json", ".yaml", ".tsv", ".jsonl"])
@settings(max_examples=150)
@given(
    content=st.binary(max_size=400)
    | st.text(alphabet='title,code;"\n\t{}[]:&*-ab \\u00e9', max_size=120).map(str.encode)
)
def test_any_bytes_are_records_or_an_error(suffix: str, content: bytes) -> None:
    given_ = Input(f"any{suffix}", given=content)
    object.__setattr__(given_, "path", None)
    from cybilgraph.readers import READERS

    try:
        for record in READERS[suffix](given_):
            describe(derive(record))
    except SourceError as error:
        assert error.what
        assert error.hint


def test_findings_of_a_yaml_file_can_be_kept_in_a_report(tmp_path: Path) -> None:
    import io

    (tmp_path / "a.yaml").write_text("title: A\ntitel: x\nupdated: yesterday\n")
    release, report = pipeline.build([tmp_path / "a.yaml"], tmp_path / "releases")
    assert release.number == 1
    assert {finding.label for finding in report.findings} >= {"titel", "updated"}
    assert pipeline.write_form([tmp_path / "a.yaml"], "xlsx", io.BytesIO()).records == 1


@pytest.mark.parametrize(
    ("name", "content", "titles", "says"),
    [
        ("a.json", '[7, {"title": "C"}, null, {"title": "D"}]', ["C", "D"], "'7' .and 1 more"),
        ("a.json", '{"projects": [{"title": "C"}, {"title": "D"}, {"ti', ["C", "D"], "no JSON"),
        ("a.yaml", "- title: C\n- title: D\n- title: [E\n", ["C", "D"], "no YAML"),
        ("a.yaml", "projects:\n- title: C\n- title: D\n- title: 'E\n", ["C", "D"], "no YAML"),
    ],
)
def test_a_damaged_list_keeps_its_whole_projects(
    name: str, content: str, titles: list[str], says: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    found = []
    with pytest.raises(SourceError, match=says):
        found.extend(record.title.text for record in read_input(Input(name, path)) if record.title)
    assert found == titles


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "title,Title\nA,B\n"),
        ("a.json", '{"title": "A", "title": "B"}'),
        ("a.yaml", "title: A\ntitle: B\n"),
    ],
)
def test_what_is_given_twice_is_kept_and_told_of(name: str, content: str, tmp_path: Path) -> None:
    [record] = read(tmp_path, name, content)
    told = [record.title and record.title.text, *(text.text for text in record.description)]
    assert "A" in told
    assert any("B" in (text or "") for text in told)


@pytest.mark.timeout(60)
def test_a_sheet_with_a_row_far_below_ends_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_ROWS", 20_000)
    whole = WRITERS["xlsx"](pages()[:1])
    far = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(far, "w") as target:
        for part in archive.namelist():
            content = archive.read(part)
            if part == "xl/worksheets/sheet1.xml":
                cell = b'<row r="900000000"><c r="A900000000" t="inlineStr"><is><t>x</t></is></c></row></sheetData>'
                content = content.replace(b"</sheetData>", cell)
            target.writestr(part, content)
    assert len(read(tmp_path, "far.xlsx", far.getvalue())) == 1


def test_a_length_with_its_dates(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.txt", "A\n\nDuration of the project: 36 months (September 2021 – August 2024)\n")
    assert record.duration
    assert record.start
    assert record.end
    assert (record.duration.value, record.start.value, record.end.value) == ("P3Y", "2021-09", "2024-08")


@pytest.mark.parametrize(("word", "ends"), [('word, and "" more ', ""), ('word, and "" more ', "\n"), ("word ", "")])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_cell_of_many_megabytes_is_told_once_and_its_neighbours_are_kept(
    word: str, ends: str, quoted: bool, tmp_path: Path
) -> None:
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


@pytest.mark.parametrize("name", ["page.json", "page.yaml"])
def test_a_key_that_stands_twice_is_told_at_any_depth(name: str, tmp_path: Path) -> None:
    text = """{"title": "A", "status": "Finished",
"status": "Ongoing",
"contacts": [{"name": "Ann Lee",
"name": "Bob Roe"}]}"""
    [record] = read(tmp_path, name, text)
    told = {(found.rule.rpartition("#")[2], found.label, found.line) for found in record.findings}
    assert told == {("second-key", "status", 2), ("second-key", "name", 4)}


def test_two_lists_of_projects_are_both_read(tmp_path: Path) -> None:
    text = '{"projects": [{"title": "A"}], "projects": [{"title": "B"}], "records": [{"title": "C"}]}'
    assert [record.title and record.title.text for record in read(tmp_path, "page.json", text)] == ["A", "B", "C"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_numbers_in_json_know_their_places(name: str, tmp_path: Path) -> None:
    lines = ['{"title": "A training for Peru",', '"status": true, "start": 2018,', '"links": [ 7 ], "end":', "-20.5e1}"]
    text = "\n".join(lines) if name == "a.json" else "".join(lines) + '\n{"title": "B", "start": 2018}'
    (tmp_path / name).write_text(text, encoding="utf-8")
    record = next(read_input(Input(name, tmp_path / name)))
    assert record.status
    assert record.start
    assert record.end
    printed = [record.status.printed, record.start.printed, record.end.printed, record.links[0]]
    assert [each.text for each in printed] == ["true", "2018", "-20.5e1", "7"]
    for each in printed:
        assert each.place
        assert text.split("\n")[each.place.line - 1][each.place.column - 1 :].startswith(each.text)
    assert len({each.place for each in printed}) == 4


@pytest.mark.parametrize("form", ["csv", "xlsx", "json", "yaml"])
@pytest.mark.parametrize(
    "links",
    [
        (WebLink("https://e.org/?a=1;b=2", "https://e.org/?a=1;b=2"),),
        (WebLink("Read; more", "https://e.org/?a=1;b=2"),),
        (WebLink("Read", "https://e.org/?a=1;b=2"), WebLink("More", "https://e.org/")),
    ],
)
def test_an_address_with_a_semicolon_comes_back(links: tuple[WebLink, ...], form: str) -> None:
    record = replace(example_record(), code=Text("G0001"), links=links)
    [back] = read_input(Input(f"a.{form}", given=WRITERS[form]([record])))
    assert back.links == links


def test_links_of_one_line_are_parted_between_addresses() -> None:
    address = "https://e.org/?a=1;b=2"
    cell = f"{address}; Read <{address}>;More <{address}>;https://f.org/"
    [record] = read_input(Input("a.csv", given=f'code,title,links\nG0001,T,"{cell}"\n'.encode()))
    assert [link.url for link in record.links] == [address, address, address, "https://f.org/"]


@pytest.mark.parametrize("value", ["1", '"a"', "true", "[]"])
def test_values_of_every_kind_are_counted_and_held_once(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_VALUES", 10_000)
    peaks = []
    for count in (8_000, 16_000):
        source = Input("a.json", given=f'[{{"title": "A", "x": [{", ".join([value] * count)}]}}]'.encode())
        gc.collect()
        tracemalloc.start()
        try:
            if count < documents.MAX_VALUES:
                assert len(list(read_input(source))) == 1
            else:
                with pytest.raises(SourceError, match=r"^a\.json:1:\d+: more than 10,000 values\n") as error:
                    list(read_input(source))
                assert error.value.hint == "Give it in several smaller files."
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0], "what was read first is gone when whole projects are looked for"


def test_a_deep_document_is_told_with_what_to_do() -> None:
    for deep in ("a: " + "[" * 5000, "\n".join(f"{' ' * depth}a:" for depth in range(50))):
        with pytest.raises(SourceError, match="nested too deep: more than 20 levels") as error:
            list(read_input(Input("a.yaml", given=deep.encode())))
        assert error.value.hint.startswith("Write lists and objects less deep")


def titles(given: Input, error: str) -> list[str]:
    """The titles of what is read before an error."""
    found: list[str] = []
    with pytest.raises(SourceError, match=error):
        found.extend(record.title.text for record in read_input(given) if record.title)
    return found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", '[{"title": null}, {"title": "A"}, {}, {"title": "B"}]'),
        ("a.jsonl", '{"title": null}\n{"title": "A"}\n{}\n{"title": "B"}\n'),
        ("a.yaml", "- title:\n- title: A\n- {}\n- title: B\n"),
    ],
)
def test_a_project_without_a_value_is_told_and_its_neighbours_are_read(name: str, text: str) -> None:
    assert titles(Input(name, given=text.encode()), "number 1 .*1 more|a.jsonl:1: .*1 more") == ["A", "B"]


def test_what_breaks_off_is_read_behind_a_project_without_a_value() -> None:
    assert titles(Input("a.json", given=b'[{}, {"title": "A"}, {"title": '), "no JSON") == ["A"]


@pytest.mark.parametrize("form", FORMS)
def test_an_item_of_a_list_is_one_name_in_every_form(form: str, tmp_path: Path) -> None:
    """Semicolons part only the cells of tables, and a text that stands for a list."""
    document = {
        "title": "A project",
        "funders": ["Smith; Sons & Co.", "Norway"],
        "countries": ["Wakanda; the Kingdom", "Kenya"],
        "related": ["Judges; and police"],
    }
    [record] = read(tmp_path, "a.json", json.dumps(document))
    [again] = read(tmp_path, f"again.{form}", WRITERS[form]([record]))
    assert again == record
    assert {link.actor.key for link in record.participations} == {"smith-sons-co", "government-of-norway"}
    assert {link.concept.key for link in record.scopes} == {"wakanda-the-kingdom", "KE"}
    assert [link.project.key for link in record.relations] == ["judges-and-police"]


def test_semicolons_part_each_line_of_a_cell_but_bullets(tmp_path: Path) -> None:
    table = 'title,funders\nA,"Norway; Kenya\n• Smith; Sons & Co."\n'
    [record] = read(tmp_path, "a.csv", table)
    keys = {link.actor.key for link in record.participations}
    assert keys == {"government-of-norway", "government-of-kenya", "smith-sons-co"}
    [plain] = read(tmp_path, "a.json", '{"title": "A", "funders": "Norway; Kenya"}')
    assert {link.actor.key for link in plain.participations} == keys - {"smith-sons-co"}


ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")


def sheet(rows: list[list[str]], as_workbook: bool) -> Input:
    """A table as a spreadsheet program saves it."""
    if as_workbook:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)  # what looks like an error is one
        content = io.BytesIO()
        book.save(content)
        return Input("a.xlsx", given=content.getvalue())
    return Input("a.csv", given="\r\n".join(";".join(row) for row in rows).encode())


@pytest.mark.parametrize("as_workbook", [True, False])
def test_an_error_of_a_spreadsheet_program_is_no_value(as_workbook: bool) -> None:
    columns = ["title", "code", "status", "start", "funders", "outcomes", "remarks"]
    rows = [columns, ["A project", *ERRORS[:6]], [ERRORS[6], "G0001", "", "", "", "", "#1 in the list"]]
    first, second = read_input(sheet(rows, as_workbook))
    told = [(found.line, found.column, found.text) for found in first.findings if found.rule.endswith("cell-error")]
    assert told == [(2, column, error) for column, error in enumerate(ERRORS[:6], start=2)]
    assert first == Record(source=first.source, title=first.title, slug=first.slug)
    assert [found.text for found in second.findings] == ["#NUM!"]
    assert second.title is None
    assert [line.text for line in second.description] == ["remarks: #1 in the list"]


@pytest.mark.parametrize("as_workbook", [True, False])
def test_what_stands_above_the_names_of_columns_is_passed_over(as_workbook: bool) -> None:
    above = [["Our project list 2024"], [""], ["", "as of, say, 1 May"]]
    rows = [*above, ["Title", "Funders"], ["A", "Norway"], ["B", "Kenya"]]
    first, second = read_input(sheet(rows, as_workbook))
    assert [(found.rule.rsplit("#", 1)[-1], found.line) for found in first.findings] == [("above-columns", 1)]
    assert [link.actor.key for link in first.participations] == ["government-of-norway"]
    assert second.title == Text("B")
    assert not second.findings


def test_a_table_without_names_of_columns_is_told_with_what_was_looked_at() -> None:
    with pytest.raises(SourceError, match=r"a\.csv:1: neither the first row nor one of the next 19 .*Our list"):
        list(read_input(sheet([["Our list"], *([["x", "y"]] * 100), ["title", "funders"]], as_workbook=False)))


@pytest.mark.parametrize("key", ["phone", "telephone", "tel", "mobile"])
def test_the_number_of_a_contact_is_its_note(key: str, tmp_path: Path) -> None:
    jane = {"name": "Jane Roe", "email": "jane@example.org", "role": "Adviser", key: "+44 (0)20 7946 0958"}
    joe = {"name": "Joe Doe", key: [254712345678, "0733 345 679"]}
    [record] = read(tmp_path, "project.json", json.dumps({"title": "A project", "contacts": [jane, joe]}))
    assert [(one.name, one.email, one.note) for one in record.contacts] == [
        ("Jane Roe", "jane@example.org", "Adviser, +44 (0)20 7946 0958"),
        ("Joe Doe", "", "254712345678, 0733 345 679"),
    ]
