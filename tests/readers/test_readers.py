"""Tables and documents, also damaged ones, give their complete records or a clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.record import Record
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import Input, read_input
from tests.support.forms import FORMS, pages, read


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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_duration_with_dates(tmp_path: Path) -> None:
    [record] = read(tmp_path, "a.txt", "A\n\nDuration of the project: 36 months (September 2021 – August 2024)\n")
    assert record.duration
    assert record.start
    assert record.end
    assert (record.duration.value, record.start.value, record.end.value) == ("P3Y", "2021-09", "2024-08")
