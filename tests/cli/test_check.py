"""The options of ``cybilgraph check``, and its use in hooks and workflows."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import openpyxl
import pyoxigraph as ox
import pytest
import yaml
from lxml import etree

from tests.conftest import CYBILGRAPH, PAGES, ROOT, SAMPLES, SEED, run
from tests.support.workbooks import workbook_with_mistakes

FORMATS = ("text", "json", "html", "sarif", "junit", "github", "turtle", "csv")
BAD = "A project ]]> <b>%0A ::error::x\u202e\nStatus: Sleep\ting &amp;\nCountries\nAtlantis{{7*7}}\nFrom: 2020\nTo: 2019\n"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    page = tmp_path / "bad page.txt"
    page.write_text(BAD + "Summary\n" + "x" * 100_000 + "\n", encoding="utf-8")
    return page


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_report_is_equal_in_a_pipe_and_in_a_file(name: str, bad: Path) -> None:
    piped = run("check", bad.name, "-f", name, "--as-of", "2024-05-06", cwd=bad.parent)
    assert piped.returncode == 1
    assert piped.stderr == b""
    written = run("check", bad.name, "-f", name, "--as-of", "2024-05-06", "-o", "report", cwd=bad.parent)
    assert (written.returncode, written.stdout, written.stderr) == (1, b"", b"")
    assert (bad.parent / "report").read_bytes() == piped.stdout
    text = piped.stdout.decode()
    assert "\x1b" not in text
    match name:
        case "json" | "sarif":
            json.loads(text)
        case "junit":
            etree.fromstring(piped.stdout)
        case "turtle":
            assert list(ox.parse(piped.stdout, format=ox.RdfFormat.TURTLE))
        case "csv":
            assert {len(row) for row in csv.reader(io.StringIO(text, newline=""))} == {16}
        case "github":
            assert all(
                re.match(r"::(error|warning|notice) file=bad page\.txt,", line) for line in text.splitlines()[:-1]
            )
        case "html":
            assert "&lt;b&gt;" in text
            assert "<b>" not in text


@pytest.mark.slow
def test_json_report_matches_printed_schema(bad: Path) -> None:
    schema = json.loads(run("check", "--json-schema").stdout)
    for sources in ([bad], PAGES):
        jsonschema.validate(json.loads(run("check", *sources, "-f", "json").stdout), schema)


@pytest.mark.slow
@pytest.mark.parametrize(("level", "code"), [("violation", 0), ("warning", 1), ("info", 1)])
def test_fail_on_sets_the_severity_that_fails(level: str, code: int) -> None:
    assert run("check", SEED, "--fail-on", level).returncode == code


@pytest.mark.slow
def test_report_is_translated(bad: Path) -> None:
    spanish = run("check", bad, "--lang", "es").stdout.decode()
    assert "infracción" in spanish
    assert "1 registro de 1 fuente" in spanish
    french = json.loads(run("check", bad, "--lang", "fr", "-f", "json").stdout)
    assert french["language"] == "fr"
    assert run("check", bad, "--lang", "de").returncode == 2


@pytest.mark.slow
def test_as_of_sets_the_day_and_rejects_other_text(bad: Path) -> None:
    report = json.loads(run("check", bad, "-f", "json", "--as-of", "2019-02-03").stdout)
    assert report["as_of"] == "2019-02-03"
    wrong = run("check", bad, "--as-of", "yesterday")
    assert wrong.returncode == 2
    assert b"--as-of" in wrong.stderr


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((SAMPLES / "one-project").iterdir()), ids=lambda path: path.suffix)
def test_standard_input_accepts_every_format(path: Path) -> None:
    piped = json.loads(run("check", "-", "--as", path.suffix, "-f", "json", given=path.read_bytes()).stdout)
    named = json.loads(run("check", path, "-f", "json").stdout)
    assert piped["records"] == named["records"] == 1
    for report in (piped, named):
        for finding in report["findings"]:
            finding["file"] = "x"
    assert piped["findings"] == named["findings"]
    if path.suffix != ".xlsx":
        assert all(finding["excerpt"] for finding in piped["findings"] if finding["line"])


def test_as_option_is_refused_for_files(bad: Path) -> None:
    refused = run("check", bad, "--as", "csv")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"Omit --as" in refused.stderr


@pytest.mark.slow
def test_unknown_suffix_is_reported() -> None:
    result = run("check", "-", "--as", "docx", given=b"x")
    assert result.returncode == 2
    assert "Supported:" in result.stderr.decode()
    assert run("check", "-", "--as", "CSV", given=b"title\nA\n").returncode == 0


@pytest.mark.slow
def test_output_never_overwrites_a_source(bad: Path) -> None:
    before = bad.read_bytes()
    assert run("check", bad, "-o", bad).returncode == 2
    assert bad.read_bytes() == before
    result = run("check", bad, "-f", "html", "-o", "/nowhere/report.html")
    assert result.returncode == 2
    assert b"cannot be written" in result.stderr


@pytest.mark.slow
def test_files_are_named_relative_to_the_working_folder(tmp_path: Path) -> None:
    for name in ("one/a b.txt", "two/a b.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("A project\nStatus: x\n", encoding="utf-8")
    log = json.loads(run("check", "one", tmp_path / "two", "-f", "sarif", cwd=tmp_path).stdout)
    [sarif] = log["runs"]
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in sarif["results"]}
    assert uris == {"one/a%20b.txt", "two/a%20b.txt"}
    outside = json.loads(run("check", "two", tmp_path / "one", "-f", "json", cwd=tmp_path / "two" / "..").stdout)
    assert [file["uri"] for file in outside["files"]] == ["two/a%20b.txt", "one/a%20b.txt"]
    away = json.loads(run("check", tmp_path / "one", "-f", "json", cwd=tmp_path / "two").stdout)
    assert away["files"][0]["uri"].startswith("file:///")


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")


def repository(top: Path) -> Path:
    """A repository with one good page, and one that breaks a rule, added in the last commit."""
    records = top / "data" / "records"
    records.mkdir(parents=True)
    git(top, "init", "-b", "main")
    (records / "good.txt").write_bytes(SEED.read_bytes())
    git(top, "add", "-A")
    git(top, "commit", "-m", "first")
    git(top, "checkout", "-b", "change")
    (records / "-f.txt").write_text("A project\nFrom: 2020\nTo: 2019\n", encoding="utf-8")
    (top / "notes.txt").write_text("No record\n", encoding="utf-8")
    git(top, "add", "-A")
    git(top, "commit", "-m", "second")
    return top


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


ONE = "Training judges for Peru\n\nCybil code: G9101\n"
OTHER = "Water utility exercise, Kiribati\n\nCybil code: G9101\n"


@pytest.mark.slow
@needs_git
def test_hook_checks_the_files_it_receives(tmp_path: Path) -> None:
    """Run the hook as pre-commit does: split the entry and append the matching files."""
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {"id", "name", "entry", "language", "files"} <= hook.keys()
    assert hook["id"] == "cybilgraph-check"
    top = repository(tmp_path)
    files = [name for name in git(top, "ls-files").splitlines() if re.search(hook["files"], name)]
    assert sorted(files) == ["data/records/-f.txt", "data/records/good.txt"]
    program, *arguments = shlex.split(hook["entry"])
    assert program == "cybilgraph"
    entry = [*CYBILGRAPH, *arguments, *hook["args"]]
    result = subprocess.run([*entry, *files], cwd=top, capture_output=True)
    assert result.returncode == 1
    assert b"end-after-start" in result.stdout
    assert subprocess.run([*entry, "data/records/good.txt"], cwd=top, capture_output=True).returncode == 0
    # A new file with the code of an existing one: only the new file is reported.
    (top / "data/records/new.txt").write_text(OTHER, encoding="utf-8")
    (top / "data/records/kept.txt").write_text(ONE, encoding="utf-8")
    result = subprocess.run([*entry, "data/records/new.txt"], cwd=top, capture_output=True)
    assert result.returncode == 1
    assert b"[code-of-two]" in result.stdout
    assert b"end-after-start" not in result.stdout
    # A file whose name looks like an option.
    shutil.copy(SEED, top / "--fail-on=info")
    assert subprocess.run([*entry, "--fail-on=info"], cwd=top, capture_output=True).returncode == 0


@pytest.mark.slow
@needs_git
def test_workflow_of_the_guide_runs(tmp_path: Path) -> None:
    """Run the workflow steps that call cybilgraph in a repository with a change."""
    text = (ROOT / "docs/guides/curators.md").read_text(encoding="utf-8")
    [workflow] = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "jobs:" in block]
    steps = yaml.safe_load(workflow)["jobs"]["check"]["steps"]
    commands = [step["run"] for step in steps if "cybilgraph check" in step.get("run", "")]
    assert len(commands) == 2
    top = repository(tmp_path)
    git(top, "update-ref", "refs/remotes/origin/main", "main")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "cybilgraph").write_text(f'#!/bin/sh\nexec {shlex.join(CYBILGRAPH)} "$@"\n', encoding="utf-8")
    (programs / "cybilgraph").chmod(0o755)
    path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    results = [
        subprocess.run(
            ["bash", "-c", command.replace("${{ github.base_ref }}", "main")],
            cwd=top,
            capture_output=True,
            text=True,
            env=os.environ | {"PATH": path},
        )
        for command in commands
    ]
    assert [result.returncode for result in results] == [0, 1], [result.stderr for result in results]
    log = json.loads((top / "cybilgraph.sarif").read_text(encoding="utf-8"))
    places = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in log["runs"][0]["results"]
    }
    assert places == {"data/records/-f.txt"}
    assert "::error file=data/records/-f.txt,line=3,col=5,endColumn=9,title=end-after-start::" in results[1].stdout


@pytest.mark.slow
def test_junit_suite_names_include_the_folder(tmp_path: Path) -> None:
    for folder in ("x y", "z"):
        (tmp_path / folder).mkdir()
        shutil.copy(SEED, tmp_path / folder / "a.txt")
        assert f'<testsuite name="{folder}/a.txt"' in run("check", folder, "-f", "junit", cwd=tmp_path).stdout.decode()


@needs_git
def test_empty_since_is_refused(tmp_path: Path) -> None:
    """A workflow whose variable is unset passes an empty value."""
    top = repository(tmp_path)
    for nothing in ("", " "):
        for given in (("--since", nothing), (f"--since={nothing}",)):
            result = run("check", "data", *given, cwd=top)
            assert (result.returncode, result.stdout) == (2, b"")
            assert b"--since" in result.stderr
            assert b"the value is empty" in result.stderr


@pytest.mark.slow
@needs_git
def test_annotations_name_files_relative_to_the_repository_root(tmp_path: Path) -> None:
    top = repository(tmp_path / "a b")
    (tmp_path / "link").symlink_to(top / "data")
    (tmp_path / "alone").mkdir()
    shutil.copy(top / "data/records/-f.txt", tmp_path / "alone" / "f.txt")
    for place, cwd in (("records", top / "data"), (".", top / "data/records"), (top, tmp_path), ("link", tmp_path)):
        report = run("check", place, "-f", "github", cwd=cwd).stdout.decode()
        assert "::error file=data/records/-f.txt,line=3," in report, (place, report)
    assert "::error file=alone/f.txt,line=3" in run("check", "alone", "-f", "github", cwd=tmp_path).stdout.decode()


COMMANDS = ("::error file=a::x", "  ::stop-commands::x", "##[error]x", "a ##[add-mask]b")


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("output", ["text", "github"])
def test_names_and_texts_cannot_inject_workflow_commands(tmp_path: Path, name: str, output: str) -> None:
    """A runner treats a line as a command if it starts with "::" after spaces, or contains "##["."""
    (tmp_path / f"{name}.txt").write_text(f"{name}\nStatus: Ongong\n{name}\nFunders\n{name}\n", encoding="utf-8")
    (tmp_path / f"{name}.csv").write_text(f"title,{name},status\nA,{name},Ongong\n", encoding="utf-8")
    (tmp_path / f"{name}.docx").write_text("x", encoding="utf-8")
    for more in ((), ("--diff",), ("--fix",), ("--shapes", f"{name}.txt")):
        result = run("check", ".", f"./{name}.docx", "-f", output, *more, cwd=tmp_path)
        for line in (result.stdout + result.stderr).decode().splitlines():
            ours = output == "github" and re.match(r"::(?:error|warning|notice) file=[^:]*::[^:]*", line)
            assert ours or not re.search(r"^\s*::|##\[", line), line


@pytest.mark.slow
def test_check_reports_the_warnings_of_the_seed_record() -> None:
    result = run("check", SEED)
    assert result.returncode == 0
    text = result.stdout.decode()
    assert "17:1" in text
    assert "No funder given" in text
    assert "1 record from 1 source: 0 violations, 2 warnings" in text


@pytest.mark.slow
def test_check_names_the_line_of_a_wrong_date(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(SEED.read_text(encoding="utf-8").replace("To: Mar 2020", "To: Mar 2017"), encoding="utf-8")
    result = run("check", bad)
    assert result.returncode == 1
    assert "15:5" in result.stdout.decode()
    report = json.loads(run("check", bad, "-f", "json").stdout)
    assert report["conforms"] is False
    assert report["counts"] == {"violation": 1, "warning": 2, "info": 0}
    assert [finding["line"] for finding in report["findings"]] == [3, 15, 17]


@pytest.mark.slow
def test_workbook_is_returned_with_marked_cells(tmp_path: Path) -> None:
    book = tmp_path / "mistakes.xlsx"
    book.write_bytes(workbook_with_mistakes())
    done = run("check", book, "-f", "xlsx", "-o", tmp_path / "marked.xlsx", "--lang", "fr")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    sheet = openpyxl.load_workbook(tmp_path / "marked.xlsx")["projects"]
    assert "Vouliez-vous dire Tonga ?" in sheet["F2"].comment.text
    for arguments in ([SEED], [book, SEED], [tmp_path], [book, "--diff"]):
        refused = run("check", *arguments, "-f", "xlsx")
        assert refused.returncode == 2
        assert b"Give one .xlsx file" in refused.stderr
    missing = run("check", tmp_path / "missing.xlsx", "-f", "xlsx")
    assert missing.returncode == 2
    assert b"no such file" in missing.stderr


@pytest.mark.slow
def test_workbook_is_fixed_in_place_and_marked_afterwards(tmp_path: Path) -> None:
    book = tmp_path / "mistakes.xlsx"
    book.write_bytes(workbook_with_mistakes())
    shown = run("check", book, "--diff", "--proposals")
    assert b"@@ F2 (countries) @@\n-Tongo\n+Tonga\n" in shown.stdout
    assert book.read_bytes() == workbook_with_mistakes()
    fixed = run("check", book, "--fix", "-f", "xlsx", "-o", tmp_path / "marked.xlsx")
    assert b"@@ C2 (status) @@\n-Finishd\n+Finished\n" in fixed.stderr
    assert openpyxl.load_workbook(book)["projects"]["C2"].value == "Finished"
    assert openpyxl.load_workbook(tmp_path / "marked.xlsx")["projects"]["C2"].value == "Finished"
    alone = run("check", book, "--proposals")
    assert alone.returncode == 2
    assert b"Use it with --fix" in alone.stderr
