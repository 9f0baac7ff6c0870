"""Tables and documents: forms are read back into equal records, and problems are reported."""

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
    """Return the triples of each page's record and derived values, independent of its source."""
    return [describe_record(page) for page in pages()]


def describe_record(record: Record) -> set[str]:
    # Only one of the sources has line numbers.
    lines = describe(replace(derive(record), source=Source("a source", "0" * 64), rights=None))
    return {line for line in lines if "ontology#line>" not in line and "evidence/" not in line}


@pytest.mark.parametrize("form", FORMS)
def test_every_record_round_trips_through_every_form(form: str, tmp_path: Path) -> None:
    records = pages()
    back = read(tmp_path, f"all.{form}", WRITERS[form](records))
    assert len(back) == len(records)
    for record, again, ours in zip(records, back, triples(), strict=True):
        assert again == record, record.source.name
        assert describe_record(again) == ours


@pytest.mark.parametrize("form", FORMS)
def test_template_example_is_not_a_record(form: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="project"):
        read(tmp_path, f"projects.{form}", WRITERS[form]([example_record()]))


def test_json_and_yaml_forms_match_the_schema() -> None:
    import yaml

    schema = json.loads(WRITERS["schema"]([]))
    jsonschema.Draft202012Validator.check_schema(schema)
    for records in ([example_record()], [record for record in pages() if record.title]):
        jsonschema.validate(json.loads(WRITERS["json"](records)), schema)
        jsonschema.validate(yaml.safe_load(WRITERS["yaml"](records)), schema)


def test_workbook_explains_its_columns() -> None:
    book = openpyxl.load_workbook(io.BytesIO(WRITERS["xlsx"](pages())))
    assert book.sheetnames == ["projects", "columns"]
    assert [cell.value for cell in book["projects"][1]] == [row.column for row in COLUMNS]
    assert not any(cell.data_type == "f" for row in book["projects"] for cell in row)


def test_cells_never_become_formulas(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.json", '{"title": "=HYPERLINK(1)", "summary": ["@x", "+1"]}')
    for form in ("csv", "xlsx"):
        written = WRITERS[form]([record])
        assert b"\n=HYPER" not in written
        assert read(tmp_path, f"a.{form}", written) == [record]


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


def test_unknown_column_is_kept_and_reported(tmp_path: Path) -> None:
    first, second = read(tmp_path, "a.csv", "title,Fundrs,Budget\nA law,EU,2000000\nA team,,3\n")
    assert [part.text for part in first.description] == ["Fundrs: EU", "Budget: 2000000"]
    assert [(finding.label, finding.line, finding.column) for finding in first.findings] == [
        ("Fundrs", 1, 2),
        ("Budget", 1, 3),
    ]
    assert first.findings[0].suggestion == "Did you mean funders?"
    assert not second.findings


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


def test_yaml_scalars_are_read_as_written(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.yaml", "title: A law\nstart: 2018-10\ncountries: [NO, ES]\nfunders:\nend: 2019\n")
    assert {scope.concept.key for scope in record.scopes} == {"NO", "ES"}
    assert record.start
    assert record.start.value == "2018-10"
    assert record.start.printed.place
    assert (record.start.printed.place.line, record.start.printed.place.column) == (2, 8)
    assert [blank.name for blank in record.left_blank] == ["funder"]


def test_invalid_json_line_loses_no_other_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": "A"}\n{"title": \n{"title": "C"}\n[]\n')
    found = []
    with pytest.raises(SourceError, match=r"a\.jsonl:2:11: .* \(and 1 more"):
        found.extend(record.title for record in read_input(Input(path.name, path)))
    assert [title.text for title in found if title] == ["A", "C"]


def test_second_table_in_workbook_is_reported_but_notes_are_not(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for name, row in (("notes", ["See title"]), ("2024", ["title", "code"]), ("2025", ["Title", "Status"])):
        sheet = book.create_sheet(name)
        sheet.append(row)
        sheet.append(["A law", "G9401" if name == "2024" else "Ongoing"])
    book.save(tmp_path / "a.xlsx")
    report = pipeline.check(tmp_path / "a.xlsx")
    assert report.records == 1
    [unread] = [found for found in report.findings if found.rule.endswith("#unreadable")]
    assert unread.message == "only one sheet is read, but there are projects in 2025 too"
    (tmp_path / "b.xlsx").write_bytes(WRITERS["xlsx"](pages()[:3]))  # its second sheet explains the columns
    assert not pipeline.check(tmp_path / "b.xlsx").unread


def test_dates_displayed_as_months_are_months(tmp_path: Path) -> None:
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
        ("a.csv", b"PK\x03\x04abc", "not a text file"),
        ("a.csv", b"title\x00", "no project"),
        ("a.xlsx", b"", "cannot read this workbook"),
        ("a.xlsx", b"title,code\n", "cannot read this workbook"),
        ("a.json", b"", "invalid JSON"),
        ("a.json", b"[]", "no project"),
        ("a.json", b'"text"', "instead of a project"),
        ("a.json", b'{"title": "A",}', r"a.json:1:14"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.json", b'{"title": ' + b"[" * 100_000, "nested too deeply"),
        ("a.yaml", b"", "no project"),
        ("a.yaml", b"title: [1", r"a.yaml:2"),
        ("a.yaml", b"[" * 100_000, "nested too deeply|depth"),
        ("a.yaml", b"a: &a [x]\nb: [*a, *a]\n", "aliases"),
        ("a.yaml", b"- &a\n  - *a\n", "aliases"),
    ],
)
def test_unreadable_files_are_reported(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=says) as raised:
        read(tmp_path, name, content)
    assert raised.value.hint


@pytest.mark.timeout(60)
def test_workbook_with_excessive_unpacked_size_is_rejected_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_UNCOMPRESSED_BYTES", 1_000_000)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b"0" * 100_000)
    with pytest.raises(SourceError, match="2,000,000 bytes when unpacked"):
        read(tmp_path, "bomb.xlsx", bomb.getvalue())


@pytest.mark.parametrize("content", ["sep=;\ntitle;code\nA, B;G0001\n", '"sep=|"\r\n\r\ntitle|code\r\nA, B|G0001\r\n'])
def test_separator_declaration_is_not_a_row(content: str, tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.csv", content)
    assert (record.title, record.key) == (Text("A, B"), "G0001")


@pytest.mark.parametrize("title", ["!!!", "\U0001f600", "((", "- -", ""])
def test_title_without_letters_is_not_a_key(title: str, tmp_path: Path) -> None:
    documents = [{"title": {"text": title, "url": ""}, "summary": text} for text in ("x", "y")]
    records = read(tmp_path, "a.json", json.dumps(documents, indent=1))
    assert len({record.key for record in records}) == 2
    assert all(record.key.startswith("untitled-") for record in records)


def test_long_column_name_is_shortened_in_message(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.json", json.dumps({"title": "A", "k" * 1_000_000: "v"}))
    [finding] = [finding for finding in record.findings if finding.rule.endswith("unknown-column")]
    assert len(finding.message) < 300
    assert len(record.description[0].text) > 400_000


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["unknown-tags", "empty-cells", "many-formats", "one-part-many-sheets"])
def test_small_workbook_with_millions_of_elements_is_rejected_before_parsing(name: str, tmp_path: Path) -> None:
    content = cases()[f"own-{name}.xlsx"]()
    assert len(content) < 200_000
    with pytest.raises(SourceError, match=r"more than 1,000,000 elements") as raised:
        read(tmp_path, "a.xlsx", content)
    assert "split the table" in raised.value.hint


def test_wide_empty_rows_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.readers.tabular.workbooks.MAX_CELLS", 100_000)
    with pytest.raises(SourceError, match=r"a.xlsx:7: more than 100,000 cells"):
        read(tmp_path, "a.xlsx", cases()["own-wide-rows.xlsx"]())


def test_workbook_keeps_distant_cells(tmp_path: Path) -> None:
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


def test_workbook_cannot_use_external_entities(tmp_path: Path) -> None:
    whole = WRITERS["xlsx"](pages()[:1])
    secret = tmp_path / "secret.txt"
    secret.write_text("do not tell")
    entity = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]><x>&e;</x>'
    poisoned = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(poisoned, "w") as target:
        for part in archive.namelist():
            target.writestr(part, entity if part == "xl/worksheets/sheet1.xml" else archive.read(part))
    with pytest.raises(SourceError, match="cannot read this workbook"):
        read(tmp_path, "a.xlsx", poisoned.getvalue())


@pytest.mark.parametrize("form", FORMS)
def test_truncated_file_gives_complete_records_or_error(form: str, tmp_path: Path) -> None:
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
def test_arbitrary_bytes_give_records_or_error(suffix: str, content: bytes) -> None:
    given_ = Input(f"any{suffix}", data=content)
    object.__setattr__(given_, "path", None)
    from cybilgraph.readers import READERS

    try:
        for record in READERS[suffix](given_):
            describe(derive(record))
    except SourceError as error:
        assert error.what
        assert error.hint


def test_findings_of_yaml_file_can_be_pickled(tmp_path: Path) -> None:
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
        ("a.json", '{"projects": [{"title": "C"}, {"title": "D"}, {"ti', ["C", "D"], "invalid JSON"),
        ("a.yaml", "- title: C\n- title: D\n- title: [E\n", ["C", "D"], "invalid YAML"),
        ("a.yaml", "projects:\n- title: C\n- title: D\n- title: 'E\n", ["C", "D"], "invalid YAML"),
    ],
)
def test_damaged_list_keeps_complete_projects(
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
def test_repeated_values_are_kept_and_reported(name: str, content: str, tmp_path: Path) -> None:
    [record] = read(tmp_path, name, content)
    texts = [record.title and record.title.text, *(text.text for text in record.description)]
    assert "A" in texts
    assert any("B" in (text or "") for text in texts)


@pytest.mark.timeout(60)
def test_sheet_with_distant_row_is_read_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_duration_with_dates(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.txt", "A\n\nDuration of the project: 36 months (September 2021 – August 2024)\n")
    assert record.duration
    assert record.start
    assert record.end
    assert (record.duration.value, record.start.value, record.end.value) == ("P3Y", "2021-09", "2024-08")


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


@pytest.mark.parametrize("name", ["page.json", "page.yaml"])
def test_repeated_key_is_reported_at_any_depth(name: str, tmp_path: Path) -> None:
    text = """{"title": "A", "status": "Finished",
"status": "Ongoing",
"contacts": [{"name": "Ann Lee",
"name": "Bob Roe"}]}"""
    [record] = read(tmp_path, name, text)
    findings = {(found.rule.rpartition("#")[2], found.label, found.line) for found in record.findings}
    assert findings == {("second-key", "status", 2), ("second-key", "name", 4)}


def test_two_lists_of_projects_are_both_read(tmp_path: Path) -> None:
    text = '{"projects": [{"title": "A"}], "projects": [{"title": "B"}], "records": [{"title": "C"}]}'
    assert [record.title and record.title.text for record in read(tmp_path, "page.json", text)] == ["A", "B", "C"]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_numbers_have_places(name: str, tmp_path: Path) -> None:
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
def test_address_with_semicolon_round_trips(links: tuple[WebLink, ...], form: str) -> None:
    record = replace(example_record(), code=Text("G0001"), links=links)
    [back] = read_input(Input(f"a.{form}", data=WRITERS[form]([record])))
    assert back.links == links


def test_links_on_one_line_are_split_between_addresses() -> None:
    address = "https://e.org/?a=1;b=2"
    cell = f"{address}; Read <{address}>;More <{address}>;https://f.org/"
    [record] = read_input(Input("a.csv", data=f'code,title,links\nG0001,T,"{cell}"\n'.encode()))
    assert [link.url for link in record.links] == [address, address, address, "https://f.org/"]


@pytest.mark.parametrize("value", ["1", '"a"', "true", "[]"])
def test_values_of_every_type_are_counted_and_stored_once(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_VALUES", 10_000)
    peaks = []
    for count in (8_000, 16_000):
        source = Input("a.json", data=f'[{{"title": "A", "x": [{", ".join([value] * count)}]}}]'.encode())
        gc.collect()
        tracemalloc.start()
        try:
            if count < documents.MAX_VALUES:
                assert len(list(read_input(source))) == 1
            else:
                with pytest.raises(SourceError, match=r"^a\.json:1:\d+: more than 10,000 values\n") as error:
                    list(read_input(source))
                assert error.value.hint == "Split it into smaller files."
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0], "what was read first is gone when whole projects are looked for"


def test_deeply_nested_document_is_reported_with_hint() -> None:
    for deep in ("a: " + "[" * 5000, "\n".join(f"{' ' * depth}a:" for depth in range(50))):
        with pytest.raises(SourceError, match="nested too deeply: more than 20 levels") as error:
            list(read_input(Input("a.yaml", data=deep.encode())))
        assert error.value.hint.startswith("Nest lists and objects")


def titles(given: Input, error: str) -> list[str]:
    """Return the titles read before an error."""
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
def test_project_without_values_is_reported_and_others_are_read(name: str, text: str) -> None:
    assert titles(Input(name, data=text.encode()), "number 1 .*1 more|a.jsonl:1: .*1 more") == ["A", "B"]


def test_truncated_list_is_read_after_project_without_values() -> None:
    assert titles(Input("a.json", data=b'[{}, {"title": "A"}, {"title": '), "invalid JSON") == ["A"]


@pytest.mark.parametrize("form", FORMS)
def test_list_item_is_one_name_in_every_form(form: str, tmp_path: Path) -> None:
    """Semicolons separate names only in table cells and in strings that replace lists."""
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


def test_semicolons_split_lines_of_a_cell_except_bullets(tmp_path: Path) -> None:
    table = 'title,funders\nA,"Norway; Kenya\n• Smith; Sons & Co."\n'
    [record] = read(tmp_path, "a.csv", table)
    keys = {link.actor.key for link in record.participations}
    assert keys == {"government-of-norway", "government-of-kenya", "smith-sons-co"}
    [plain] = read(tmp_path, "a.json", '{"title": "A", "funders": "Norway; Kenya"}')
    assert {link.actor.key for link in plain.participations} == keys - {"smith-sons-co"}


ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")


def sheet(rows: list[list[str]], as_workbook: bool) -> Input:
    """Return a table as a spreadsheet program saves it."""
    if as_workbook:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)  # text that looks like an error value is one
        content = io.BytesIO()
        book.save(content)
        return Input("a.xlsx", data=content.getvalue())
    return Input("a.csv", data="\r\n".join(";".join(row) for row in rows).encode())


@pytest.mark.parametrize("as_workbook", [True, False])
def test_spreadsheet_error_is_not_a_value(as_workbook: bool) -> None:
    columns = ["title", "code", "status", "start", "funders", "outcomes", "remarks"]
    rows = [columns, ["A project", *ERRORS[:6]], [ERRORS[6], "G0001", "", "", "", "", "#1 in the list"]]
    first, second = read_input(sheet(rows, as_workbook))
    findings = [(found.line, found.column, found.text) for found in first.findings if found.rule.endswith("cell-error")]
    assert findings == [(2, column, error) for column, error in enumerate(ERRORS[:6], start=2)]
    assert first == Record(source=first.source, title=first.title, slug=first.slug)
    assert [found.text for found in second.findings] == ["#NUM!"]
    assert second.title is None
    assert [line.text for line in second.description] == ["remarks: #1 in the list"]


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


@pytest.mark.parametrize("key", ["phone", "telephone", "tel", "mobile"])
def test_telephone_number_of_contact_is_its_note(key: str, tmp_path: Path) -> None:
    jane = {"name": "Jane Roe", "email": "jane@example.org", "role": "Adviser", key: "+44 (0)20 7946 0958"}
    joe = {"name": "Joe Doe", key: [254712345678, "0733 345 679"]}
    [record] = read(tmp_path, "project.json", json.dumps({"title": "A project", "contacts": [jane, joe]}))
    assert [(one.name, one.email, one.note) for one in record.contacts] == [
        ("Jane Roe", "jane@example.org", "Adviser, +44 (0)20 7946 0958"),
        ("Joe Doe", "", "254712345678, 0733 345 679"),
    ]
