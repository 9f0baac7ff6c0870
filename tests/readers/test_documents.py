"""JSON and YAML documents keep every complete project, and problems are reported."""

from __future__ import annotations

import gc
import io
import tracemalloc
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.readers import Input, documents, read_input
from tests.support.forms import read


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


@pytest.mark.slow
def test_findings_of_yaml_file_can_be_pickled(tmp_path: Path) -> None:

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


@pytest.mark.slow
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
