"""Changed files in real repositories."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cybilgraph.cli import main
from cybilgraph.errors import SourceError
from cybilgraph.readers import find_inputs
from cybilgraph.readers.git import changed_since
from tests.conftest import run

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


def test_no_changes(repository: Path) -> None:
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
