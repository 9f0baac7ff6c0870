"""Files of decisions: one line each, never lost, mergeable, and readable after a spreadsheet program."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cybilgraph.errors import DecisionError
from cybilgraph.identity.decisions import (
    COLUMNS,
    Decision,
    Decisions,
    Verdict,
    append_decisions,
    checksum,
    read_decisions,
)
from cybilgraph.model.findings import Finding
from tests.support.decided import decision

ONE = decision("funder", "coe", sentence="It pays.", why="Seen\non their site")


def ids(folder: Path) -> list[str]:
    return [one.id for one in read_decisions(folder) if isinstance(one, Decision)]


def problems(folder: Path) -> list[tuple[str, int]]:
    return [(one.message, one.line) for one in read_decisions(folder) if isinstance(one, Finding)]


def test_decision_is_one_line_of_a_table_with_all_its_values(tmp_path: Path) -> None:
    text = '=1+1 \\n\nb, "c"'
    [added] = append_decisions(tmp_path / "new", [replace(ONE, why=text)])
    assert (tmp_path / "new" / ".gitattributes").read_text() == "*.csv merge=union\n"
    path = tmp_path / "new" / "ana.csv"
    header, line = path.read_text(encoding="utf-8-sig").splitlines()
    assert header.split(",") == list(COLUMNS)
    assert next(csv.reader([line]))[COLUMNS.index("why")] == '\'=1+1 \\\\n\\nb, "c"'
    assert list(read_decisions(tmp_path / "new")) == [added]
    assert added.why == text
    assert added.sha256 == checksum("It pays.")


def test_each_curator_has_a_file(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE, replace(ONE, who="Béa Roe")])
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["ana.csv", "bea-roe.csv"]
    with pytest.raises(DecisionError, match="the name of its curator"):
        append_decisions(tmp_path, [replace(ONE, who="…")])


def test_file_is_read_after_a_spreadsheet_program_has_saved_it(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE])
    path = tmp_path / "ana.csv"
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([*rows, [""] * len(COLUMNS)])
    append_decisions(tmp_path, [ONE])
    first, second = read_decisions(tmp_path)
    assert isinstance(first, Decision)
    assert isinstance(second, Decision)
    assert replace(first, id="", when="") == replace(second, id="", when="")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"verdict": "maybe"}, "the verdict 'maybe' is none of yes, no, instead, undo"),
        ({"field": "colour"}, "there is no field or role 'colour'"),
        ({"when": "31.1.27"}, "'31.1.27' is not a time such as 2027-01-31T12:00:00Z"),
        ({"who": ""}, "it has no who"),
        ({"record": ""}, "a decision about an actor has no record"),
        ({"verdict": "instead"}, "neither a new_field nor a new_value"),
        ({"sentence": "It pays more."}, "the sentence is not the one that was decided on"),
    ],
)
def test_line_that_is_no_decision_is_reported(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    [good] = append_decisions(tmp_path, [ONE])
    row = {name: str(getattr(good, name)).replace("\n", " ") for name in COLUMNS} | {"id": "x"} | change
    with (tmp_path / "ana.csv").open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, COLUMNS).writerow(row)
        file.write("20270131T120000-1f2e3d4c,G00")
    [bad, cut] = problems(tmp_path)
    assert (reason in bad[0], bad[1]) == (True, 3)
    assert (cut[0], cut[1]) == ("This decision is not applied: it has 2 of 14 columns.", 4)
    [later] = append_decisions(tmp_path, [ONE])
    assert ids(tmp_path) == [good.id, later.id], "a line cut off by a crash does not damage the next one"
    with Decisions(tmp_path) as decided:
        assert len(decided.findings) == 2
        assert [one.id for one in decided.of("G0020")] == [later.id]


def test_repeated_line_counts_once(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE])
    text = (tmp_path / "ana.csv").read_text(encoding="utf-8")
    (tmp_path / "b.csv").write_text(text, encoding="utf-8")
    (tmp_path / "ana.csv").write_text(text + text, encoding="utf-8")
    with Decisions(tmp_path) as decided:
        assert len(decided.of("G0020")) == 1
        assert decided.findings == []


def test_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DecisionError, match="cannot be written"):
        append_decisions(tmp_path / "file" / "below", [ONE])


def test_branches_merge_without_conflict(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init")
    folder = tmp_path / "decisions"
    append_decisions(folder, [ONE])
    git("add", "-A")
    git("commit", "-m", "one")
    git("checkout", "-b", "other")
    append_decisions(folder, [ONE, replace(ONE, who="Bea")])
    git("add", "-A")
    git("commit", "-m", "two")
    git("checkout", "main")
    append_decisions(folder, [ONE, replace(ONE, who="Bea")])
    git("add", "-A")
    git("commit", "-m", "three")
    git("merge", "other")
    assert len(set(ids(folder))) == 5
    assert problems(folder) == []


WRITER = """
import sys
from pathlib import Path
from cybilgraph.identity.decisions import Decision, Verdict, append_decisions
for number in range(int(sys.argv[2])):
    [one] = append_decisions(Path(sys.argv[1]), [Decision(record="G0020", field="funder", value=str(number),
        verdict=Verdict.YES, who="Ana", sentence="x" * 5_000)])
    print(one.id, flush=True)
"""


@pytest.mark.slow
def test_no_decision_is_lost_when_a_writer_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, count], stdout=subprocess.PIPE, text=True) for count in ("300", "300", "9999")
    ]
    assert writers[2].stdout
    writers[2].stdout.readline()
    time.sleep(0.3)
    os.kill(writers[2].pid, signal.SIGKILL)
    promised = [line for writer in writers for line in writer.communicate()[0].split()]
    found = ids(tmp_path)
    assert len(found) == len(set(found))
    assert set(promised) <= set(found)
    assert len(set(found) - set(promised)) <= 2, "the killed writer had at most one unreported decision"
    assert all(line <= 1 + len(found) for _, line in problems(tmp_path))


def test_undone_decision_is_not_in_force(tmp_path: Path) -> None:
    [one] = append_decisions(tmp_path, [ONE])
    undo = Decision(record="G0020", field="funder", verdict=Verdict.UNDO, new_value=one.id, who="Bea")
    append_decisions(tmp_path, [undo])
    with Decisions(tmp_path) as decided:
        assert decided.of("G0020") == []
