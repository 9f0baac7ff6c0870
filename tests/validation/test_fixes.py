"""Fixes change only the text that they name; uncertain fixes are refused."""

from __future__ import annotations

import io
import shlex
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.model.findings import Fix, Severity
from cybilgraph.validation.fixes import apply_fixes
from tests.conftest import CYBILGRAPH, run
from tests.support.workbooks import workbook_with_mistakes


@pytest.mark.parametrize(
    ("name", "line", "fix", "expected"),
    [
        ("a.txt", "Countries: Jamiaca", Fix(1, 12, "Jamiaca", "Jamaica"), "Countries: Jamaica"),
        ("a.txt", "Belise and  Belise", Fix(1, 13, "Belise", "Belize"), "Belise and  Belize"),
        ("a.txt", "by Global  Partner Digital", Fix(1, 99, "Global Partner Digital", "GPD"), "by GPD"),
        ("a.txt", "Belise, Belise", Fix(1, 4, "Belise", "Belize"), None),  # ambiguous
        ("a.txt", "Beliser", Fix(1, 1, "Belise", "Belize"), None),
        ("a.csv", "x,Korea", Fix(1, 3, "Korea", "Korea, Republic of"), None),  # it would shift the row
        ("a.json", '{"funders": "A B"}', Fix(1, 13, "A B", 'A "B"'), '{"funders": "A \\"B\\""}'),
        ("a.html", "<p>A B</p>", Fix(1, 4, "A B", "A & B"), "<p>A &amp; B</p>"),
        ("a.yaml", "title: A B", Fix(1, 8, "A B", "A: B"), None),
    ],
)
def test_fix_is_applied_or_refused(name: str, line: str, fix: Fix, expected: str | None) -> None:
    fixed = apply_fixes(name, line.encode(), [fix])
    assert fixed.after == (line if expected is None else expected)
    assert (fixed.applied, fixed.refused) == (((), (fix,)) if expected is None else ((fix,), ()))


def test_encoding_and_line_ends_are_preserved() -> None:
    text = "Überschrift\r\nBelise\rJamiaca\n"
    fixes = [Fix(2, 1, "Belise", "Belize"), Fix(3, 1, "Jamiaca", "Jamaica")]
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        fixed = apply_fixes("a.txt", text.encode(encoding), fixes)
        assert fixed.content == text.replace("Belise", "Belize").replace("Jamiaca", "Jamaica").encode(encoding)
    assert apply_fixes("a.txt", text.encode("cp1252"), [Fix(2, 1, "Belise", "Белиз")]).refused


def test_two_fixes_of_a_line_do_not_interfere() -> None:
    fixed = apply_fixes("a.txt", b"Belise, Jamiaca", [Fix(1, 1, "Belise", "BZ"), Fix(1, 9, "Jamiaca", "Jamaica")])
    assert fixed.after == "BZ, Jamaica"
    assert fixed.diff().splitlines()[-2:] == ["+BZ, Jamaica", "\\ No newline at end of file"]


def test_records_are_fixed_only_if_the_fix_is_certain(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_text(
        "A project\n\nCybil code: g 0020\nStatus: Ongoing\n\nFunders\nOrganistion of American States\n\n"
        "Countries\nJamiaca\n\nSummary\nIt helps.\n",
        encoding="utf-8",
    )
    [(given, fixed)] = pipeline.fix_files(tmp_path).changes
    assert given.path == page
    assert "Cybil code: G0020\n" in fixed.after
    assert "\nOrganization of American States\n" in fixed.after
    assert not fixed.refused
    assert page.read_text(encoding="utf-8") == fixed.before
    before = pipeline.check(tmp_path)
    page.write_bytes(fixed.content)
    assert pipeline.check(tmp_path).counts[Severity.WARNING] < before.counts[Severity.WARNING]
    assert not pipeline.fix_files(tmp_path).changes


def test_fix_never_makes_codes_of_a_table_equal(tmp_path: Path) -> None:
    """Fixed, both rows would have the same code, which two projects must not have."""
    table = "title,code\nA clinic in Kenya,g 0020\nA strategy for Belize,G0020\n"
    (tmp_path / "a.csv").write_text(table, encoding="utf-8")
    [(_, fixed)] = pipeline.fix_files(tmp_path).changes
    assert fixed.after == fixed.before == table
    assert fixed.content == table.encode()
    assert [fix.new for fix in fixed.refused] == ["G0020"]


def test_fix_never_makes_codes_of_files_equal(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,code\nA clinic in Kenya,g 0020\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("title,code\nA strategy for Belize,G0020\n", encoding="utf-8")
    (tmp_path / "c.csv").write_text("title,code\nA workshop for Samoa,g 0021\n", encoding="utf-8")
    mending = pipeline.fix_files(tmp_path)
    assert [len(change.applied) for _, change in mending.changes] == [0, 1]
    assert [file.records for file in mending.report.files] == [["a-clinic-in-kenya"], ["G0020"], ["G0021"]]
    assert all(given.path == tmp_path / given.name for given, _ in mending.changes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "fail_on", "expected"),
    [("g 0020", "violation", 0), ("g 0020", "warning", 1), ("twenty", "violation", 0), ("twenty", "warning", 1)],
)
def test_exit_code_reflects_the_remaining_findings(tmp_path: Path, code: str, fail_on: str, expected: int) -> None:
    (tmp_path / "a.txt").write_text(f"A project\nCybil code: {code}\nStatus: Finishd\n", encoding="utf-8")
    for option in ("--diff", "--fix"):
        assert run("check", tmp_path, option, "--fail-on", fail_on).returncode == expected


@pytest.mark.slow
def test_command_shows_the_diff_and_writes_it(tmp_path: Path) -> None:
    page = tmp_path / "a.txt"
    page.write_bytes(b"A project\r\nCybil code: g 0020\r\nSummary\r\nIt helps.\r\n")
    page.chmod(0o640)
    shown = run("check", tmp_path, "--diff")
    assert b"-Cybil code: g 0020" in shown.stdout
    assert b"+Cybil code: G0020" in shown.stdout
    assert page.read_bytes().startswith(b"A project\r\nCybil code: g 0020\r\n")
    done = run("check", tmp_path, "--fix")
    assert b"+Cybil code: G0020" in done.stderr
    assert b"0 violations" in done.stdout
    assert page.read_bytes() == b"A project\r\nCybil code: G0020\r\nSummary\r\nIt helps.\r\n"
    assert page.stat().st_mode & 0o777 == 0o640
    assert run("check", tmp_path, "--diff").stdout == b""


@pytest.mark.slow
def test_fix_of_standard_input_is_shown_but_not_written() -> None:
    text = b"A project\nCybil code: g 0020\nSummary\nIt helps.\n"
    assert b"+Cybil code: G0020" in run("check", "-", "--diff", given=text).stdout
    result = run("check", "-", "--fix", given=text)
    assert result.returncode == 2
    assert b"Standard input cannot be fixed" in result.stderr
    assert result.stdout == b"", "it is not reported as empty after it was read"


FAULTY = "A project\n\nStatus: Finishd\n"


@pytest.mark.slow
def test_unwritable_file_is_reported_and_the_others_are_fixed(tmp_path: Path) -> None:
    for name in ("a.txt", "locked.txt", "z.txt"):
        (tmp_path / name).write_text(FAULTY, encoding="utf-8")
    (tmp_path / "large.txt").write_text(f"{FAULTY}\nSummary\n\n{'It helps. ' * 500}\n", encoding="utf-8")
    (tmp_path / "locked.txt").chmod(0o444)
    # Files over two kilobytes cannot be written, as on a full disk.
    command = f"ulimit -f 2; exec {shlex.join(CYBILGRAPH)} check . --fix"
    result = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2
    assert "locked.txt: not fixed, because it is read-only" in result.stderr
    assert "large.txt: cannot be written: File too large" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.count("+Status: Finished") == 2
    assert {path.name for path in tmp_path.iterdir() if "Finishd" in path.read_text(encoding="utf-8")} == {
        "locked.txt",
        "large.txt",
    }
    assert len(list(tmp_path.iterdir())) == 4, "no other file is left"


@pytest.mark.slow
def test_killed_run_leaves_every_file_intact(tmp_path: Path) -> None:
    text = f"{FAULTY}\nSummary\n\n{'It helps. ' * 2_000}\n"
    names = [f"{number:03}.txt" for number in range(60)]
    fixed = text.replace("Finishd", "Finished")
    for name in names:
        (tmp_path / name).write_text(text, encoding="utf-8")
    process = subprocess.Popen(
        [*CYBILGRAPH, "check", tmp_path, "--fix"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and (tmp_path / names[0]).read_text(encoding="utf-8") == text:
        time.sleep(0.001)
    process.kill()
    process.wait()
    found = [(tmp_path / name).read_text(encoding="utf-8") for name in names]
    assert set(found) <= {text, fixed}
    assert fixed in found
    report = pipeline.check(tmp_path)
    assert report.sources == len(names), "what it has left is passed over"
    run("check", tmp_path, "--fix")
    assert sorted(path.name for path in tmp_path.iterdir()) == names, "the next run leaves nothing of it"


def test_cells_of_a_workbook_are_fixed_and_the_rest_is_kept(tmp_path: Path) -> None:
    book = tmp_path / "mistakes.xlsx"
    book.write_bytes(workbook_with_mistakes())
    [(_, fixed)] = pipeline.fix_files(book).changes
    assert fixed.diff() == (
        "--- a/mistakes.xlsx\n+++ b/mistakes.xlsx\n@@ C2 (status) @@\n-Finishd\n+Finished\n"
        "@@ C4 (status) @@\n- Ongoing \n+Ongoing\n"
    )
    with zipfile.ZipFile(book) as before, zipfile.ZipFile(io.BytesIO(fixed.content)) as after:
        assert before.namelist() == after.namelist()
        assert [name for name in before.namelist() if before.read(name) != after.read(name)] == [
            "xl/worksheets/sheet1.xml"
        ]
    book.write_bytes(fixed.content)
    assert not pipeline.fix_files(book).changes


def test_proposals_are_applied_only_on_request(tmp_path: Path) -> None:
    book = tmp_path / "mistakes.xlsx"
    book.write_bytes(workbook_with_mistakes())
    [(_, fixed)] = pipeline.fix_files(book, proposals=True).changes
    changes = fixed.diff()
    for change in ("-Tongo\n+Tonga\n", "-44927\n+2023-01-01\n", "@@ J1 (lincs) @@\n-lincs\n+links\n"):
        assert change in changes
    (tmp_path / "a.csv").write_text("title,countries\nTraining for Tonga,Tongo\n", encoding="utf-8")
    [(_, table)] = pipeline.fix_files(tmp_path / "a.csv", proposals=True).changes
    assert table.content == b"title,countries\nTraining for Tonga,Tonga\n"
    assert not pipeline.fix_files(tmp_path / "a.csv").changes


def test_formula_is_never_replaced() -> None:
    fixed = apply_fixes("a.xlsx", workbook_with_mistakes(), [Fix(6, 6, "x", "y"), Fix(99, 1, "x", "y")])
    assert not fixed.applied
    assert len(fixed.refused) == 2
