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
    DecisionLog,
    Decisions,
    Verdict,
    append_decisions,
    checksum,
    forget_person,
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
    for name in ("Ana\nBea", "A" * 101):
        with pytest.raises(DecisionError, match="one line of up to 100 characters"):
            append_decisions(tmp_path, [replace(ONE, who=name)])
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
        ({"verdict": "maybe"}, "the verdict 'maybe' is not one of yes, no, instead, undo"),
        ({"field": "colour"}, "there is no field or role 'colour'"),
        ({"when": "31.1.27"}, "'31.1.27' is not a time such as 2027-01-31T12:00:00Z"),
        ({"who": ""}, "it has no who"),
        ({"record": ""}, "a decision about an actor must not have a record"),
        ({"verdict": "instead"}, "neither a new_field nor a new_value"),
        ({"verdict": "instead", "new_field": "bogus"}, "there is no role or kind of link 'bogus'"),
        ({"verdict": "instead", "new_field": "title"}, "there is no role or kind of link 'title'"),
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
    assert (cut[0], cut[1]) == ("This decision is not applied: it has only 2 of 14 columns.", 4)
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


def text_of(folder: Path) -> str:
    return (folder / "ana.csv").read_text(encoding="utf-8-sig")


def test_log_follows_every_change_of_the_folder(tmp_path: Path) -> None:
    with DecisionLog(tmp_path / "new") as log:
        assert log.refresh() is False

        def follows() -> bool:
            """Refresh the log, and return whether something has changed; it must then equal a log read from scratch."""
            has_changed = log.refresh()
            with DecisionLog(log_folder) as fresh:
                fresh.refresh()
                assert log.latest(0, 100) == fresh.latest(0, 100)
                assert (log.of("G0020"), log.findings) == (fresh.of("G0020"), fresh.findings)
                lines = [[(one.file, one.line) for one, _ in each.latest(0, 100)[0]] for each in (log, fresh)]
                assert lines[0] == lines[1]
            return has_changed

        log_folder = tmp_path / "new"
        first, second = append_decisions(log_folder, [ONE, replace(ONE, value="coe")])
        assert follows()
        assert not follows()
        append_decisions(log_folder, [second.undo(), replace(ONE, value="cto", who="Bea")])
        assert follows()
        assert (log.find(second.id), log.find(first.id)) == (None, first)
        file = next(path for path in sorted(log_folder.glob("*.csv")) if first.id in path.read_text())
        with file.open("a") as lines:
            lines.write("not a decision, and without an end")
        assert follows()
        append_decisions(log_folder, [replace(ONE, value="itu")])
        assert follows()
        text = file.read_text()
        file.write_text(text.replace("coe", "itu", 1) + "x\n")  # an edit that keeps the length, and one that adds
        assert follows()
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r"))
        assert follows()
        append_decisions(log_folder, [replace(first, value="something else")])  # with the same id
        assert follows()
        file.unlink()
        assert follows()
        assert [one.who for one, _ in log.latest(0, 100)[0]] == ["Bea"]


def test_file_with_carriage_returns_is_read(tmp_path: Path) -> None:
    added = append_decisions(tmp_path, [ONE, replace(ONE, value="itu")])
    for ends in ("\r", "\r\n"):
        (tmp_path / "ana.csv").write_bytes(text_of(tmp_path).replace("\n", ends).encode())
        added += append_decisions(tmp_path, [ONE])
        assert list(read_decisions(tmp_path)) == added


@pytest.mark.parametrize("name", ["ana.csv", "ANA.CSV"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-be"])
def test_file_in_another_encoding_is_reported(tmp_path: Path, encoding: str, name: str) -> None:
    append_decisions(tmp_path, [replace(ONE, why="Périodo")])
    text = text_of(tmp_path)
    (tmp_path / "ana.csv").unlink()
    (tmp_path / name).write_bytes(text.encode(encoding))
    found = problems(tmp_path)
    assert found[-1][1] >= 2
    assert all(
        "is not applied: this part of the file is not UTF-8: save the file as “CSV UTF-8”" in what for what, _ in found
    )


def test_file_without_a_needed_column_is_reported(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE, ONE])
    header, *lines = csv.reader(text_of(tmp_path).splitlines())
    with (tmp_path / "ana.csv").open("w", newline="") as file:
        at = header.index("when")
        csv.writer(file).writerows(cells[:at] + cells[at + 1 :] for cells in (header, *lines))
    assert problems(tmp_path) == [("This decision is not applied: it has no when.", line) for line in (2, 3)]
    (tmp_path / "ana.csv").write_text("\n".join(map(",".join, lines)))
    assert {what for what, _ in problems(tmp_path)} == {
        "This decision is not applied: no line above it has the column names."
    }


def test_message_repeats_no_text_that_may_belong_to_another_column(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE])
    header = text_of(tmp_path).splitlines()[0]
    row = dict.fromkeys(COLUMNS, "") | {"id": "x", "record": "G0020", "who": "Ana", "when": "2027-01-31T12:00:00Z"}
    wrong = {"verdict": "Jane Roe", "field": "Jane Roe", "when": "Jane Roe", "id": "Jane Roe"}
    for name, text in wrong.items():
        cells = row | {"field": "end", "verdict": "no"} | {name: text}
        (tmp_path / "ana.csv").write_text(f"{header}\n{','.join(cells[column] for column in COLUMNS)}\n")
        [(what, line)] = problems(tmp_path)
        assert ("Jane" in what, line) == (False, 2), what


def test_lines_with_one_id_that_contradict_are_reported(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE])
    (tmp_path / "bea.csv").write_text(text_of(tmp_path).replace(",yes,", ",no,"), encoding="utf-8")
    with Decisions(tmp_path) as decided:
        assert [(one.file, one.line) for one in decided.findings] == [("bea.csv", 2)]
        assert "an earlier line with the same id says something else" in decided.findings[0].message
        assert decided.lost_rejections == decided.findings
        assert [one.verdict for one in decided.of("G0020")] == [Verdict.YES]


def test_undoing_an_unknown_decision_is_reported(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE, replace(ONE, verdict=Verdict.UNDO, new_value="20270131T120000-00000000")])
    with Decisions(tmp_path) as decided:
        [found] = decided.findings
        assert (found.file, found.line) == ("ana.csv", 3)
        assert "there is no decision with the id in the column new_value" in found.message
        assert len(decided.of("G0020")) == 1


def test_file_that_is_not_a_file_of_decisions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n" * 1_000)
    with pytest.raises(DecisionError, match=r"data\.csv, line 101: no line above it has the column names") as caught:
        list(read_decisions(tmp_path))
    assert caught.value.hint.startswith("Restore the file")
    with pytest.raises(DecisionError):
        Decisions(tmp_path)  # leaves no database open, which Python 3.13 would report
    (tmp_path / "data.csv").unlink()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DecisionError, match=r"folder\.csv cannot be read"):
        list(read_decisions(tmp_path))


def test_empty_file_is_no_problem_and_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "ana.csv"
    path.write_text("")
    assert list(read_decisions(tmp_path)) == []
    for left in (0, 1, 20):
        [added] = append_decisions(tmp_path, [ONE])
        assert list(read_decisions(tmp_path)) == [added]
        path.write_bytes(path.read_bytes()[:left])


@pytest.mark.slow
def test_file_of_50_megabytes_is_read(tmp_path: Path) -> None:
    one = replace(ONE, sentence="It pays. " * 1_000)
    added = append_decisions(tmp_path, [replace(one, value=str(number)) for number in range(5_600)])
    assert (tmp_path / "ana.csv").stat().st_size > 50_000_000
    assert ids(tmp_path) == [one.id for one in added]


@pytest.mark.slow
def test_long_text_is_read_back_or_refused(tmp_path: Path) -> None:
    csv.field_size_limit(1_000)  # as other code may
    [added] = append_decisions(tmp_path, [replace(ONE, new_value="\\" * 1_000_000)])
    assert list(read_decisions(tmp_path)) == [added]
    with pytest.raises(DecisionError, match="A decision on G0020 contains a text of more than 1,000,000 characters"):
        append_decisions(tmp_path, [ONE, replace(ONE, why="x" * 1_000_001)])
    assert ids(tmp_path) == [added.id], "all decisions or none are added"


def mentions_jane(text: str) -> bool:
    return "jane roe" in text.casefold()


def test_person_is_forgotten_but_the_decisions_still_apply(tmp_path: Path) -> None:
    by_her = replace(ONE, who="Jane Roe", why="I, Jane Roe, know it", sentence="Jane Roe pays.")
    value = Decision(record="G0020", field="title", value="Course of Jane Roe", verdict=Verdict.NO, who="Ana")
    link = replace(ONE, value="jane-roe", verdict=Verdict.NO, suggested_by="Jane Roe")
    append_decisions(tmp_path, [by_her, value, link, ONE])
    with (tmp_path / "ana.csv").open("a") as file:
        file.write("torn, Jane Roe\n")
    before = {one.id: one for one in read_decisions(tmp_path) if isinstance(one, Decision)}
    assert forget_person(tmp_path, mentions_jane) == (
        3,
        [f"{tmp_path / 'ana.csv'}, line 3", f"{tmp_path / 'ana.csv'}, line 5"],
    )
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["a-curator.csv", "ana.csv"]
    after = {one.id: one for one in read_decisions(tmp_path) if isinstance(one, Decision)}
    assert after == {
        name: replace(
            one,
            who="Ana" if one.who == "Ana" else "A curator",
            value="" if one.field == "title" else one.value,
            why=one.why if one.who == "Ana" else "",
            sentence=one.sentence if one.who == "Ana" else "",
            suggested_by="",
            sha256=checksum("Course of Jane Roe") if one.field == "title" else one.sha256,
        )
        for name, one in before.items()
    }
    again = tmp_path.joinpath("ana.csv").read_bytes()
    assert forget_person(tmp_path, mentions_jane)[0] == 0
    assert tmp_path.joinpath("ana.csv").read_bytes() == again


FORGETTER = """
import sys
from pathlib import Path
from cybilgraph.identity.decisions import forget_person
for number in range(20):
    forget_person(Path(sys.argv[1]), lambda text: f"number {number % 7} " in text)
"""


@pytest.mark.slow
def test_no_decision_is_lost_while_a_person_is_forgotten(tmp_path: Path) -> None:
    append_decisions(tmp_path, [ONE])
    forgetter = subprocess.Popen([sys.executable, "-c", FORGETTER, str(tmp_path)])
    added = []
    number = 0
    while forgetter.poll() is None:
        added += append_decisions(tmp_path, [replace(ONE, why=f"number {number} of many")])
        number += 1
    assert forgetter.returncode == 0
    assert ids(tmp_path)[1:] == [one.id for one in added]
    assert problems(tmp_path) == []
