"""Finding files: order, names, limits, and missing places."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cybilgraph import check, pipeline, read
from cybilgraph.errors import SourceError
from cybilgraph.readers import count_inputs, find_inputs, read_input
from cybilgraph.readers.inputs import MAX_PAGE_BYTES


def test_folder_is_walked_in_name_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/.hidden", ".git/config", "c.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x", encoding="utf-8")
    assert [input_file.name for input_file in find_inputs([tmp_path])] == ["a/z.txt", "b.txt", "c.md"]


def test_name_does_not_depend_on_working_directory(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "page.txt"
    path.parent.mkdir()
    path.write_text("x", encoding="utf-8")
    assert {next(find_inputs([place])).name for place in (path, path.parent)} == {"page.txt"}


def test_missing_place_is_reported() -> None:
    with pytest.raises(SourceError, match="no such file"):
        list(find_inputs(["/nowhere/at/all"]))


def test_unknown_suffix_error_lists_supported_ones(tmp_path: Path) -> None:
    path = tmp_path / "page.docx"
    path.write_bytes(b"x")
    with pytest.raises(SourceError, match=r"'\.docx'") as error:
        list(read_input(next(find_inputs([path]))))
    assert ".txt" in error.value.hint


def test_files_and_folders_share_one_order(tmp_path: Path) -> None:
    for name in ("a/z.txt", "a/b/c.txt", "a.txt", "a-b/c.txt", "B.txt", ".hidden/x.txt", "a/.x.txt", "é.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    (tmp_path / "linked.txt").symlink_to(tmp_path / "a.txt")
    paths = [input_file.path for input_file in find_inputs([tmp_path])]
    assert len(paths) == count_inputs([tmp_path]) == 7
    assert paths == sorted(paths)  # type: ignore[type-var]


def test_walks_deep_folders(tmp_path: Path) -> None:
    folders = [tmp_path]
    for _ in range(1_100):
        folders.append(folders[-1] / "d")
        folders[-1].mkdir()
    try:
        (folders[-1] / "page.txt").write_text("x", encoding="utf-8")
        assert [input_file.name.count("d/") for input_file in find_inputs([tmp_path])] == [1_100]
    finally:
        (folders[-1] / "page.txt").unlink(missing_ok=True)
        for folder in reversed(folders[1:]):
            folder.rmdir()


def test_file_over_limit_is_rejected_unread(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    with path.open("wb") as file:
        file.truncate(50 * MAX_PAGE_BYTES)
    with pytest.raises(SourceError, match="larger than"):
        list(read_input(next(find_inputs([path]))))


def test_special_files_are_reported_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    (tmp_path / "Makefile").write_text("all:", encoding="utf-8")
    for name, says in (
        ("pipe.txt", "not a regular file"),
        ("loop.txt", "cannot be read"),
        ("Makefile", "unsupported file type"),
    ):
        [input_file] = [found for found in find_inputs([tmp_path]) if found.name == name]
        with pytest.raises(SourceError, match=says):
            list(read_input(input_file))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_reported_and_others_pass(tmp_path: Path) -> None:
    for name in ("a.csv", "shut/b.csv", "c.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("title\nA\n", encoding="utf-8")
    (tmp_path / "a.csv").chmod(0)
    (tmp_path / "shut").chmod(0)
    report = pipeline.check(tmp_path)
    (tmp_path / "shut").chmod(0o700)
    assert report.records == 1
    assert {finding.file for finding in report.findings if "Permission denied" in finding.message} == {"a.csv", "shut"}


def test_unlistable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.csv").write_text("title\nA\n", encoding="utf-8")
    listed = os.scandir

    def scandir(path: str) -> Any:
        if os.fspath(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = pipeline.check(tmp_path)
    assert (report.records, report.unread) == (1, 1)
    assert next(finding for finding in report.findings if finding.file == "shut").suggestion


@pytest.mark.parametrize("name", ["a.csv", "a.xml", "a.json", "a.txt", "a.nt"])
def test_growing_file_is_read_at_its_initial_size(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"first")
    with next(find_inputs([path])).open(100) as stream:
        assert stream.read(2) == b"fi"
        with path.open("ab") as file:
            file.write(b" and more" * 1_000)
        assert stream.read(2) == b"rs"
        assert stream.read() == b"t"
        assert stream.seek(0, os.SEEK_END) == 5
        stream.seek(0)
        assert b"".join(stream) == b"first"


@pytest.mark.parametrize(("raw", "name"), [(b"bad\xff.txt", "bad\\xff.txt"), (b"a\nb.txt", "a\\nb.txt")])
def test_arbitrary_file_name_becomes_one_line_of_text(tmp_path: Path, raw: bytes, name: str) -> None:
    with open(os.path.join(os.fsencode(tmp_path), raw), "w") as file:  # noqa: PTH118, PTH123
        file.write("A project")
    assert [input_file.name for input_file in find_inputs([tmp_path])] == [name]
    assert pipeline.build([tmp_path], tmp_path / "into")[0].manifest["counts"]["projects"] == 1


def test_empty_name_is_rejected() -> None:
    with pytest.raises(SourceError, match="no such file"):
        list(find_inputs([""]))


def test_unreadable_file_raises(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_text("x", encoding="utf-8")
    input_file = next(find_inputs([path]))
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        list(read_input(input_file))


def test_large_file_is_streamed_within_its_readers_limit(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    content = bytes(range(256)) * 4000
    path.write_bytes(content)
    input_file = next(find_inputs([path]))
    with input_file.open(2 * MAX_PAGE_BYTES + 100_000) as stream:
        assert stream.read(3) == content[:3]
        stream.seek(0)
        assert stream.read() == content
    assert input_file.source.sha256 == hashlib.sha256(content).hexdigest()
    with pytest.raises(SourceError, match="larger than 1,000 bytes") as error, input_file.open(1000, "Cut it."):
        pass
    assert error.value.hint == "Cut it."
    with pytest.raises(SourceError, match="larger than 500,000 bytes"):
        _ = input_file.content


def test_source_checksum_is_of_content_read_even_if_file_changed(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(b"first")
    input_file = next(find_inputs([path]))
    assert input_file.content == b"first"
    path.write_bytes(b"second")
    assert input_file.source.sha256 == hashlib.sha256(b"first").hexdigest()


def test_files_with_same_name_are_distinguished(tmp_path: Path) -> None:
    for name in ("one/a.txt", "two/a.txt", "two/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf-8")
    names = [input_file.name for input_file in find_inputs([tmp_path / "one", tmp_path / "two"])]
    assert names == ["a.txt", f"{tmp_path}/two/a.txt", "b.txt"]


def test_uri_is_relative_to_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a folder" / "50%:é.txt"
    path.parent.mkdir()
    path.write_text("x", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert next(find_inputs(["a folder"])).uri == "a%20folder/50%25%3A%C3%A9.txt"
    assert next(find_inputs([path])).uri == "a%20folder/50%25%3A%C3%A9.txt"
    monkeypatch.chdir(path.parent)
    assert next(find_inputs([path])).uri == "50%25%3A%C3%A9.txt"
    monkeypatch.chdir("/")
    assert next(find_inputs([path])).uri == f"{tmp_path.as_posix()[1:]}/a%20folder/50%25%3A%C3%A9.txt"


def test_standard_input_has_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"title\nA project\n")))
    monkeypatch.setattr("cybilgraph.readers.inputs.MAX_STDIN_BYTES", 10)
    with pytest.raises(SourceError, match="Standard input: larger than 10 bytes"):
        list(find_inputs(["-"], ".csv"))


@pytest.mark.parametrize("end", ['dcterms:title "Thr', "a cyb:Project ; ; ", "dcterms:title 'A', <x y>"])
def test_projects_before_damage_in_rdf_are_kept(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.ttl"
    head = "@prefix cyb: <https://w3id.org/cybilgraph/ontology#> . @prefix dcterms: <http://purl.org/dc/terms/> .\n"
    whole = "".join(f'project:G080{n} a cyb:Project ; dcterms:title "No {n}" .\n' for n in (1, 2))
    prefix = "@prefix project: <https://w3id.org/cybilgraph/id/project/> .\n"
    path.write_text(f"{head}{prefix}{whole}project:G0803 a cyb:Project ; {end}", encoding="utf-8")
    records = []
    with pytest.raises(SourceError, match=":5:"):
        records.extend(read(path))
    report = check(path)
    assert report.records == 2
    assert report.unread == 1


def test_iati_with_wrong_declared_encoding_is_read_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    activity = "<iati-activity><iati-identifier>X-{0}</iati-identifier><title><narrative>Café {0}</narrative></title></iati-activity>\n"
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<iati-activities version="2.03">\n{activity.format(1)}{activity.format(2)}</iati-activities>',
        encoding="cp1252",
    )
    first, second = read(path)
    assert [record.title.text for record in (first, second) if record.title] == ["Café 1", "Café 2"]
    [reported] = [found for found in first.findings if found.rule.endswith("encoding")]
    assert reported.line == 3
    assert not [found for found in second.findings if found.rule.endswith("encoding")]


@pytest.mark.parametrize(("name", "none"), [("a.json", "null"), ("a.yaml", "~")])
def test_blank_item_is_not_a_name(tmp_path: Path, name: str, none: str) -> None:
    path = tmp_path / name
    path.write_text(f'{{"title": "A", "countries": [{none}, "Kenya"], "funders": [{none}]}}', encoding="utf-8")
    [record] = read(path)
    assert [scope.concept.key for scope in record.scopes] == ["KE"]
    assert record.participations == ()


def test_ampersand_does_not_split_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    funders = ["A Bank & Trust Fund", "Deloitte & Touche Ltd", "Norway & Estonia"]
    path.write_text(json.dumps({"title": "A", "funders": funders}), encoding="utf-8")
    [record] = read(path)
    keys = {link.actor.key for link in record.participations}
    assert keys == {"a-bank-trust-fund", "deloitte-touche-ltd", "government-of-norway", "government-of-estonia"}


def test_french_guinea_bissau_is_not_guinea(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A review\n\nSummary\n\nThe project was carried out in Guinée-Bissau by ITU.\n", encoding="utf-8")
    [record] = read(path)
    assert [scope.concept.key for scope in record.scopes if scope.concept.kind == "country"] == ["GW"]
