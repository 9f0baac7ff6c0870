"""Finding files: order, names, limits, missing places, and changes since a git commit."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cybilgraph import check, pipeline, read
from cybilgraph.cli import main
from cybilgraph.errors import SourceError
from cybilgraph.readers import count_inputs, find_inputs, read_input
from cybilgraph.readers.inputs import MAX_PAGE_BYTES, changed_since
from tests.conftest import run


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


@pytest.mark.slow
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


@pytest.mark.slow
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


pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")

PAGE = "A project\nStatus: Sleeping\n\nSummary\nText of {name}, long enough to be known again when it is moved.\n"


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Create pages that are unchanged, changed, renamed, removed, staged, ignored and untracked, some with
    unusual names.
    """
    top = tmp_path / "a repository"
    records = top / "data" / "records"
    records.mkdir(parents=True)
    for name in ("kept", "changed", "renamed", "removed", "--output=x", "é 中 \n"):
        (records / f"{name}.txt").write_text(PAGE.format(name=name), encoding="utf-8")
    (top / ".gitignore").write_text("ignored.txt\n", encoding="utf-8")
    (top / "outside.txt").write_text("x", encoding="utf-8")
    git(top, "init")
    git(top, "add", "-A")
    git(top, "commit", "-m", "first")
    git(top, "tag", "first")
    for name in ("changed", "--output=x", "é 中 \n"):
        (records / f"{name}.txt").write_text(PAGE.format(name="more"), encoding="utf-8")
    (records / "removed.txt").unlink()
    git(top, "mv", "data/records/renamed.txt", "data/records/moved.txt")
    git(top, "commit", "-am", "second")
    (records / "staged.txt").write_text(PAGE.format(name="staged"), encoding="utf-8")
    git(top, "add", "-A")
    (records / "new.txt").write_text(PAGE.format(name="new"), encoding="utf-8")
    (records / "ignored.txt").write_text(PAGE.format(name="ignored"), encoding="utf-8")
    (top / "outside.txt").write_text("y", encoding="utf-8")
    return top


def names(place: Path, since: str) -> list[str]:
    return [given.name for given in changed_since(since, find_inputs([place]))]


def test_finds_changed_added_renamed_and_untracked_files(repository: Path) -> None:
    records = repository / "data" / "records"
    every = ["--output=x.txt", "changed.txt", "moved.txt", "new.txt", "staged.txt", "é 中 \\n.txt"]
    assert names(records, "first") == every
    assert names(records, "HEAD") == ["new.txt", "staged.txt"]
    assert names(records / "changed.txt", "first") == ["changed.txt"]
    assert names(records / "kept.txt", "first") == []
    link = repository.parent / "link"
    link.symlink_to(repository)
    assert names(link / "data" / "records", "first") == every


def test_other_branch_counts_from_common_ancestor(repository: Path) -> None:
    git(repository, "checkout", "-b", "side", "first", "-f")
    (repository / "data" / "records" / "kept.txt").write_text("Side", encoding="utf-8")
    git(repository, "commit", "-am", "side")
    assert "kept.txt" in names(repository, "main") or "data/records/kept.txt" in names(repository, "main")
    assert "data/records/changed.txt" not in names(repository, "main"), "it was changed on the other branch"


@pytest.mark.parametrize("since", ["nowhere", "--output=x", "-h", "", "first; touch x", "HEAD:data", "$(touch x)"])
def test_unknown_commit_is_reported(repository: Path, since: str) -> None:
    before = sorted(repository.rglob("*"))
    with pytest.raises(SourceError, match="unknown commit") as error:
        names(repository, since)
    assert error.value.hint
    assert [path for path in sorted(repository.rglob("*")) if ".git/" not in str(path)] == [
        path for path in before if ".git/" not in str(path)
    ]


def test_file_outside_repository_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(SourceError, match="not a git repository"):
        names(tmp_path, "HEAD")


def test_repository_settings_run_no_programs(repository: Path) -> None:
    for setting in ("core.fsmonitor", "diff.external", "core.pager"):
        git(repository, "config", setting, f"touch {repository}/was-run")
    names(repository, "first")
    assert not (repository / "was-run").exists()


# ---- on the command line -------------------------------------------------------------------


@pytest.mark.slow
def test_only_changed_files_are_checked(repository: Path) -> None:
    result = run("check", "data", "--since", "HEAD", "-f", "github", cwd=repository)
    assert result.returncode == 1
    lines = result.stdout.decode().splitlines()
    assert {line.split("file=")[1].split(",")[0] for line in lines if "file=" in line} == {
        "data/records/new.txt",
        "data/records/staged.txt",
    }


PERU = "Training judges for Peru\n\nCybil code: G9101\n"
KIRIBATI = "Water utility exercise, Kiribati\n\nCybil code: G9101\n"


def run_here(arguments: Iterable[str], cwd: Path, given: bytes = b"", **env: str) -> Result:
    """Run the command line in this process, which is faster than starting another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        result = CliRunner().invoke(main, list(arguments), input=given, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def shared_findings(top: Path, *options: str) -> set[tuple[str, str]]:
    """Return the files and rules of the findings about several records."""
    findings = json.loads(run_here(("check", ".", *options, "-f", "json"), top).stdout)["findings"]
    return {(found["file"], name) for found in findings if "has-" not in (name := found["rule"].partition("#")[2])}


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), [("a.txt", "b.txt"), ("b.txt", "a.txt")])
def test_problem_between_changed_and_unchanged_record_is_reported(tmp_path: Path, old: str, new: str) -> None:
    """It is reported at both records in any order; problems of unchanged records alone are not."""
    (tmp_path / old).write_text(PERU, encoding="utf-8")
    for name, title, countries in (("c", "Cyber strategy", "Ghana"), ("d", "Police exercise", "Fiji")):
        page = f"{title}\n\nCybil code: G9102\nStatus: Sleeping\nCountries\n  • {countries}\n"
        (tmp_path / f"{name}.txt").write_text(page, encoding="utf-8")
    git(tmp_path, "init")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-m", "first")
    (tmp_path / new).write_text(KIRIBATI, encoding="utf-8")
    both = {("a.txt", "code-of-two"), ("b.txt", "code-of-two")}
    unchanged = {("c.txt", "code-of-two"), ("d.txt", "code-of-two")}
    assert both | unchanged <= shared_findings(tmp_path)
    assert shared_findings(tmp_path, "--since", "HEAD") == both
    result = run("check", ".", "--since", "HEAD", cwd=tmp_path)
    assert result.returncode == 1
    assert b"1 record from 1 source" in result.stdout


def test_link_to_changed_record_is_reported_at_the_link(tmp_path: Path) -> None:
    """The link is in the unchanged file, and the conflicting start date in the changed one."""
    page = "{title}\n\nCybil code: {code}\nFrom: {start}\n{more}"
    first = {"title": "Training judges for Peru", "code": "G9103", "more": ""}
    sequel = {"title": "More training", "code": "G9104", "start": 2019, "more": "Follows\n  • G9103\n"}
    (tmp_path / "first.txt").write_text(page.format(start=2018, **first), encoding="utf-8")
    (tmp_path / "sequel.txt").write_text(page.format(**sequel), encoding="utf-8")
    git(tmp_path, "init")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-m", "first")
    (tmp_path / "first.txt").write_text(page.format(start=2021, **first), encoding="utf-8")
    assert shared_findings(tmp_path, "--since", "HEAD") == {("sequel.txt", "follows-later")}


def test_check_since_the_current_commit_reads_no_source(repository: Path) -> None:
    git(repository, "add", "-A")
    git(repository, "commit", "-m", "third")
    result = run("check", "data", "--since", "HEAD", cwd=repository)
    assert result.returncode == 0
    assert "No source has changed since HEAD." in result.stderr.decode()
    assert "0 records from 0 sources" in result.stdout.decode()


def test_errors_have_no_traceback(repository: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("x", encoding="utf-8")
    empty = {"PATH": os.fspath(tmp_path)}
    for arguments, cwd, env, says in (
        (("data", "--since", "nowhere"), repository, {}, "unknown commit 'nowhere'"),
        (("data", "--since=--output=x"), repository, {}, "unknown commit '--output=x'"),
        (("-", "--since", "HEAD"), repository, {}, "git cannot tell whether it has changed"),
        ((".", "--since", "HEAD"), outside, {}, "not a git repository"),
        (("data", "--since", "HEAD"), repository, empty, "Git is not installed"),
    ):
        result = run_here(("check", *arguments), cwd, b"x", **env)
        assert result.exit_code == 2, arguments
        assert says in result.stderr
