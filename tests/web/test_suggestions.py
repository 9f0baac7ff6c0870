"""Suggestions: complete or absent, bounded, of the same project and format, and written only into the records."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import SuggestionError, SuggestionQuota, SuggestionsFull
from cybilgraph.identity.decisions import Decision, Verdict, append_decisions
from cybilgraph.model.record import Basis
from cybilgraph.release.graph_file import GRAPH, open_lines
from cybilgraph.web.suggestions import SuggestionQueue, propose_decisions, unified_diff
from tests.conftest import SEED, run
from tests.support.suggestions import EDITED, TEXT, suggestion, tree


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder of records."""
    folder = tmp_path / "records"
    (folder / "below").mkdir(parents=True)
    for path in (folder / SEED.name, folder / "below" / SEED.name, folder / ".hidden.txt"):
        path.write_bytes(SEED.read_bytes())
    return folder


@pytest.fixture
def decisions(tmp_path: Path) -> Path:
    """A folder for decisions."""
    return tmp_path / "decisions"


@pytest.fixture
def queue(tmp_path: Path) -> SuggestionQueue:
    return SuggestionQueue(tmp_path / "queue", max_pending=3)


def test_sent_suggestion_is_pending(queue: SuggestionQueue) -> None:
    taken = queue.send(suggestion(comment="Why", sender="A", email="a@example.org"))
    assert list(queue.pending()) == [taken] == [queue.get(taken.id)]
    assert list(tree(queue.folder)) == [f"{taken.id}.json"]
    assert json.loads((queue.folder / f"{taken.id}.json").read_text(encoding="utf-8"))["base"]["file"] == SEED.name


def said(made: list[Decision]) -> list[tuple[str, str, Verdict, str]]:
    return [(one.field, one.value, one.verdict, one.new_value) for one in made]


def test_accepting_decides_each_changed_field_and_writes_nothing_else(
    queue: SuggestionQueue, records: Path, decisions: Path
) -> None:
    before = tree(records)
    text = EDITED.replace("Finished", "Ongoing").replace("Belize\n", "Belize and its neighbours\n", 1)
    taken = queue.send(suggestion(sender="A Visitor", email="a@example.org", comment="It goes on", text=text))
    made = queue.accept(taken.id, records, decisions, "Ana")
    assert ("end", "Mar 2020", Verdict.INSTEAD, "Apr 2020") in said(made)
    assert ("status", "Finished", Verdict.INSTEAD, "Ongoing") in said(made)
    assert {(one.record, one.who, one.suggested_by, one.why) for one in made} == {
        ("G0020", "Ana", "A Visitor", "It goes on")
    }
    assert tree(records) == before
    [(name, content)] = tree(queue.folder).items()
    assert name == f"accepted/{taken.id}.json"
    assert b"a@example.org" not in content
    assert list(queue.pending()) == []
    with pytest.raises(SuggestionError, match="No suggestion"):
        queue.accept(taken.id, records, decisions, "Ana")


def test_single_fields_are_accepted(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    text = EDITED.replace("Finished", "Ongoing").replace("Apr 2018", "May 2018")
    taken = queue.send(suggestion(text=text))
    (records / SEED.name).write_text(TEXT.replace("Finished", "Unknown"), encoding="utf-8")
    with pytest.raises(SuggestionError, match="does not change title") as raised:
        queue.accept(taken.id, records, decisions, "Ana", columns=["end", "title"])
    assert raised.value.hint.startswith("It changes: ")
    assert not decisions.exists()
    done = run(
        *("suggestions", "accept", queue.folder, taken.id, "--records", records, "--decisions", decisions),
        *("--who", "Ana", "--field", "end", "--field", "start"),
    )
    assert (done.returncode, done.stderr) == (0, b""), "the conflict about the status does not matter"
    assert sorted(done.stdout.decode().splitlines()) == [
        "Decided: G0020 · end Mar 2020 → Apr 2020",
        "Decided: G0020 · start Apr 2018 → May 2018",
    ]
    assert list(queue.pending()) == []


@pytest.mark.slow
def test_accepted_edit_of_a_workbook_holds_when_the_workbook_is_saved_again(
    queue: SuggestionQueue, tmp_path: Path, decisions: Path
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    table = "code,title,funders,end,updated\nG0101,A project,CTO; Council of Europe,2020,2024-01-01\n"
    (folder / "all.csv").write_text(table)
    form = "projects:\n- title: A project\n  code: G0101\n  funders: [CTO, Council of Europe]\n  end: '2020'\n"
    edit = form.replace("[CTO, Council", "[ITU, Council").replace("2020", "2021")
    given = suggestion("all.csv", is_source=False, project="G0101", text=edit)
    given = replace(given, name="record.yaml", base=replace(given.base, text=form))
    made = queue.accept(queue.send(given).id, folder, decisions, "Ana")
    assert said(made) == [
        ("end", "2020", Verdict.INSTEAD, "2021"),
        ("funder", "cto", Verdict.NO, ""),
        ("funder", "itu", Verdict.YES, ""),
    ]
    assert [one.basis for one in made] == ["", Basis.STATED, ""]
    for saved in (table, table.replace("2024-01-01", "2030-01-01")):
        (folder / "all.csv").write_text(saved)
        release, report = pipeline.build([folder], tmp_path / "releases", dumps=False, decisions=decisions)
        with open_lines(release.folder / GRAPH) as lines:
            graph = lines.read().decode()
        assert '/project/G0101> <https://w3id.org/cybilgraph/ontology#end> "2021"' in graph
        assert "participation/itu/funder" in graph
        assert "participation/cto/funder" not in graph
        assert not [found for found in report.findings if "decision" in found.rule]


def test_rejecting_keeps_the_reason_and_deletes_the_sender(queue: SuggestionQueue, records: Path) -> None:
    before = tree(records)
    taken = queue.send(suggestion(sender="A Person", email="a@example.org"))
    queue.reject(taken.id, "Not so")
    [(name, content)] = tree(queue.folder).items()
    found = json.loads(content)
    assert (name, found["reason"], found["sender"], found["email"]) == (f"rejected/{taken.id}.json", "Not so", "", "")
    assert tree(records) == before


def test_edits_of_different_fields_are_merged(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    taken = queue.send(suggestion())
    (records / SEED.name).write_text(TEXT.replace("Finished", "Ongoing"), encoding="utf-8")
    assert said(queue.accept(taken.id, records, decisions, "Ana")) == [("end", "Mar 2020", Verdict.INSTEAD, "Apr 2020")]


def test_edits_of_one_field_need_a_decision_by_force(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    taken = queue.send(suggestion())
    (records / SEED.name).write_text(TEXT.replace("Mar 2020", "May 2020"), encoding="utf-8")
    with pytest.raises(SuggestionError, match="end: changed elsewhere since the edit began") as raised:
        queue.accept(taken.id, records, decisions, "Ana")
    assert "--force" in raised.value.hint
    assert not decisions.exists()
    assert list(queue.pending()) == [taken]
    made = queue.accept(taken.id, records, decisions, "Ana", force=True)
    assert said(made) == [("end", "May 2020", Verdict.INSTEAD, "Apr 2020")]


def test_earlier_decision_on_the_field_is_what_the_visitor_saw(
    queue: SuggestionQueue, records: Path, decisions: Path
) -> None:
    when = "2026-01-31T12:00:00.000+00:00"
    earlier = Decision(record="G0020", field="end", verdict=Verdict.INSTEAD, new_value="Jun 2021", who="Bea", when=when)
    append_decisions(decisions, [earlier])
    shown = TEXT.replace("Mar 2020", "Jun 2021")
    base = replace(suggestion().base, text=shown)
    other = queue.send(replace(suggestion(text=shown.replace("Jun 2021", "May 2023")), base=base))
    made = queue.accept(other.id, records, decisions, "Ana")
    assert said(made) == [("end", "Jun 2021", Verdict.INSTEAD, "May 2023")]
    back = queue.send(replace(suggestion(text=TEXT), base=base))
    assert said(queue.accept(back.id, records, decisions, "Ana", force=True))[0][3] == "Mar 2020"


def test_decision_on_a_corrected_field_is_based_on_the_text_of_the_record(
    queue: SuggestionQueue, records: Path, decisions: Path
) -> None:
    [first] = queue.accept(queue.send(suggestion()).id, records, decisions, "Ana")
    base = replace(suggestion().base, text=EDITED)
    again = queue.send(replace(suggestion(text=EDITED.replace("Apr 2020", "May 2023")), base=base))
    [second] = queue.accept(again.id, records, decisions, "Ana", force=True)
    assert (second.new_value, second.sha256) == ("May 2023", first.sha256)


def test_value_that_cannot_be_read_is_not_accepted(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    for old, new, message in (
        ("Mar 2020", "banana", "end: 'banana' cannot be read"),
        ("Finished", "Bogus", "status: 'Bogus'"),
    ):
        taken = queue.send(suggestion(text=TEXT.replace(old, new)))
        with pytest.raises(SuggestionError, match=message):
            queue.accept(taken.id, records, decisions, "Ana")
        queue.reject(taken.id, "It cannot be read")
    assert not decisions.exists() or not list(decisions.glob("*.csv"))


def test_later_decision_on_the_field_is_a_conflict(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    taken = queue.send(suggestion())
    later = Decision(record="G0020", field="end", verdict=Verdict.INSTEAD, new_value="2022", who="Bea")
    append_decisions(decisions, [later])
    assert propose_decisions(taken, records, decisions, "Ana")[1] == ["end"]
    with pytest.raises(SuggestionError, match="end: changed elsewhere"):
        queue.accept(taken.id, records, decisions, "Ana")


def test_edit_that_the_record_has_already_is_refused(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    taken = queue.send(suggestion())
    (records / SEED.name).write_text(EDITED, encoding="utf-8")
    with pytest.raises(SuggestionError, match="already says everything that the suggestion changes"):
        queue.accept(taken.id, records, decisions, "Ana", force=True)


def test_missing_record_is_reported(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    taken = queue.send(suggestion())
    (records / SEED.name).write_text(TEXT.replace("G0020", "G0404").replace("Support to", "Other"), encoding="utf-8")
    with pytest.raises(SuggestionError, match="no longer describes G0020"):
        queue.accept(taken.id, records, decisions, "Ana")
    (records / SEED.name).unlink()
    with pytest.raises(SuggestionError, match="is not a record file in"):
        queue.accept(taken.id, records, decisions, "Ana")


@pytest.mark.parametrize(
    "name",
    [
        *("../outside.txt", "/etc/passwd", "", ".", "..", ".hidden.txt", "below", "a/../../x", "link.txt"),
        *("linked/x.txt", "..\\x.txt", "a\0b", "nowhere/x.txt", "./.hidden.txt", "below/../.hidden.txt"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_read_outside_the_folder(
    queue: SuggestionQueue, records: Path, tmp_path: Path, decisions: Path, name: str, force: bool
) -> None:
    (tmp_path / "outside.txt").write_bytes(SEED.read_bytes())
    (tmp_path / "elsewhere").mkdir()
    (records / "link.txt").symlink_to(tmp_path / "outside.txt")
    (records / "linked").symlink_to(tmp_path / "elsewhere")
    taken = queue.send(suggestion(name))
    before = tree(tmp_path)
    with pytest.raises(SuggestionError, match="is not a record file in"):
        queue.accept(taken.id, records, decisions, "Ana", force)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["", "x", "../queue", "20270131T120000-1f2e3d4c", "accepted/x", "*", "\0", "a" * 5_000]
)
def test_id_cannot_be_a_path(queue: SuggestionQueue, name: str) -> None:
    queue.send(suggestion())
    with pytest.raises(SuggestionError, match="No suggestion"):
        queue.get(name)


@pytest.mark.parametrize(
    "content",
    [
        *("", "x", "[]", "{}", '{"base": 1}', '{"base": {"file": 1, "sha256": "", "text": ""}}', "[" * 100_000),
        '{"base": {"file": "", "sha256": "", "text": "", "is_source": true}, "text": 1}',
    ],
)
def test_damaged_suggestion_is_reported(queue: SuggestionQueue, content: str) -> None:
    taken = queue.send(suggestion())
    (queue.folder / f"{taken.id}.json").write_text(content, encoding="utf-8")
    with pytest.raises(SuggestionError, match="is damaged"):
        queue.get(taken.id)


def test_queue_is_bounded_under_concurrent_sends(queue: SuggestionQueue) -> None:
    refused: list[Exception] = []

    def send() -> None:
        try:
            queue.send(suggestion())
        except SuggestionsFull as error:
            refused.append(error)

    threads = [threading.Thread(target=send) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(queue.pending())) == 3
    assert len(refused) == 6
    queue.reject(next(queue.pending()).id, "x")
    queue.send(suggestion())


def test_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(SuggestionsFull):
        SuggestionQueue(tmp_path / "file").send(suggestion())


def test_leftovers_of_a_killed_process_are_removed(queue: SuggestionQueue) -> None:
    taken = queue.send(suggestion())
    (queue.folder / ".0123456789abcdef.part").write_text("half", encoding="utf-8")
    assert list(queue.pending()) == [taken]
    queue.send(suggestion())
    assert len(tree(queue.folder)) == 2


def test_unified_diff_shows_changed_lines() -> None:
    assert unified_diff("a\nb\n", "a\nc\n", "x", "y") == ["--- x", "+++ y", "@@ -1,3 +1,3 @@", " a", "-b", "+c", " "]


@pytest.mark.slow
def test_curator_commands_list_show_accept_and_reject(queue: SuggestionQueue, records: Path) -> None:
    first = queue.send(suggestion(comment="It ended later\x1b[31m", sender="A Visitor", email="a@example.org"))
    second = queue.send(suggestion(text=EDITED.replace("Status: Finished", "Status: Finishd")))
    listed = run("suggestions", "list", queue.folder).stdout.decode()
    assert [line[:24] for line in listed.splitlines()] == sorted([first.id, second.id])
    assert "\\x1b" in listed
    before_any = ("--records", records, "--decisions", records / "none yet")
    shown = run("suggestions", "show", queue.folder, first.id, *before_any).stdout.decode()
    for words in (
        "-To: Mar 2020\n+To: Apr 2020",
        "A Visitor <a@example.org>",
        "G0020 · end Mar 2020 → Apr 2020",
        "1 record from 1 source: 0 violations",
    ):
        assert words in shown
    assert "near-name" in run("suggestions", "show", queue.folder, second.id, "--records", records).stdout.decode()
    accept = ("--records", records, "--decisions", records.parent / "decisions", "--who", "Ana")
    accepted = run("suggestions", "accept", queue.folder, first.id, *accept)
    assert (accepted.returncode, accepted.stdout.decode()) == (0, "Decided: G0020 · end Mar 2020 → Apr 2020\n")
    refused = run("suggestions", "accept", queue.folder, second.id, *accept)
    assert refused.returncode == 2
    assert b"end: changed elsewhere since the edit began" in refused.stderr
    assert run("suggestions", "reject", queue.folder, second.id, "--reason", "It has ended").returncode == 0
    listed_none = run("suggestions", "list", queue.folder)
    assert (listed_none.returncode, listed_none.stdout) == (0, b"")
    assert b"No suggestions are pending" in listed_none.stderr
    missing = run("suggestions", "show", queue.folder, second.id, "--records", records)
    assert (missing.returncode, missing.stdout) == (2, b"")


# Permissions and quotas


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*")) if not path.is_symlink()}


def test_only_the_owner_can_read_suggestions(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    mask = os.umask(0)
    try:
        first, second = queue.send(suggestion(), "192.0.2.1"), queue.send(suggestion(), "192.0.2.2")
        queue.accept(first.id, records, decisions, "Ana")
        queue.reject(second.id, "No")
        queue.send(suggestion(), "192.0.2.1")
    finally:
        os.umask(mask)
    assert modes(queue.folder) == {0o700, 0o600}


def test_folder_open_to_others_is_restricted(queue: SuggestionQueue, records: Path, tmp_path: Path) -> None:
    queue.accept(queue.send(suggestion()).id, records, tmp_path / "decisions", "Ana")
    queue.send(suggestion())
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o644)
    (queue.folder / "20270131T120000-1f2e3d4c.json").symlink_to(outside)
    for path in (queue.folder, *queue.folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    queue.secure()
    assert modes(queue.folder) == {0o700, 0o600}
    assert outside.stat().st_mode & 0o777 == 0o644


def test_one_network_cannot_fill_the_queue(tmp_path: Path) -> None:
    queue = SuggestionQueue(tmp_path, max_pending=6, max_of_project=4, max_of_client=2)
    taken = [queue.send(suggestion(project=f"G002{number}"), "192.0.2.1") for number in range(2)]
    with pytest.raises(SuggestionQuota, match="2 suggestions from your network are already waiting"):
        queue.send(suggestion(), "192.0.2.1")
    with pytest.raises(SuggestionQuota):
        SuggestionQueue(tmp_path, max_of_client=2).send(suggestion(), "192.0.2.1")  # after a restart
    queue.send(suggestion(), "192.0.2.2")
    assert "192.0.2.1" not in str(tree(tmp_path))
    queue.reject(taken[0].id, "No")
    queue.send(suggestion(), "192.0.2.1")


def test_one_project_cannot_fill_the_queue(tmp_path: Path) -> None:
    queue = SuggestionQueue(tmp_path, max_pending=3, max_of_project=2)
    for number in range(2):
        queue.send(suggestion(), f"192.0.2.{number}")
    with pytest.raises(SuggestionsFull, match="2 suggestions for this project"):
        queue.send(suggestion(), "192.0.2.9")
    queue.send(suggestion(project="G0021"), "192.0.2.9")
    with pytest.raises(SuggestionsFull, match="Too many"):
        queue.send(suggestion(project="G0022"), "192.0.2.9")


def test_client_hash_is_deleted_after_review(queue: SuggestionQueue) -> None:
    taken = queue.send(suggestion(), "192.0.2.1")
    assert taken.client
    queue.reject(taken.id, "No")
    assert json.loads((queue.folder / "rejected" / f"{taken.id}.json").read_text())["client"] == ""


# Erasure of people


NAME, EMAIL = "Jane Roe", "jane.roe@example.org"


@pytest.mark.slow
def test_erased_person_is_removed_from_suggestions(tmp_path: Path, records: Path) -> None:
    page = f"{TEXT}\nContact\n\n{NAME}\n{EMAIL}\n"
    (tmp_path / "page.txt").write_text(page)
    pipeline.build([tmp_path / "page.txt"], tmp_path / "releases", dumps=False)
    queue = SuggestionQueue(tmp_path / "queue")
    by_her = queue.send(suggestion(sender=NAME, comment="It ended later"))
    about = queue.send(suggestion(text=f"{EDITED}\nContact: {NAME.upper()}\n"))
    base = replace(suggestion().base, text=page, file="page.txt")
    before = queue.send(replace(suggestion(), base=base))
    other = queue.send(suggestion(sender="A Visitor", email="a@example.org"))
    rejected, damaged = queue.send(suggestion(comment="jane.roe (at) example.org")), queue.send(suggestion())
    queue.reject(rejected.id, "No")
    (queue.folder / f"{damaged.id}.json").write_text(f"{{ {EMAIL}")
    (queue.folder / ".0123456789abcdef.part").write_text(NAME)
    done = run("forget", tmp_path / "releases", EMAIL, "--suggestions", queue.folder)
    said = done.stdout.decode().splitlines()
    assert "Release 0001 was rebuilt without the contact." in said
    assert sorted(said[1:]) == sorted([
        f"Suggestion {by_her.id}: sender removed.",
        *(f"Suggestion {gone.id}: removed." for gone in (about, before, rejected, damaged)),
    ])  # fmt: skip
    assert b"Not searched: record files, server logs, backups" in done.stderr
    left = b"".join(tree(queue.folder).values()).lower()
    assert b"roe" not in left
    waiting = {given.id: given for given in queue.pending()}
    assert waiting == {by_her.id: replace(by_her, sender=""), other.id: other}
    assert modes(queue.folder) == {0o700, 0o600}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": TEXT}, "The record is unchanged"),
        ({"text": TEXT.replace("\n", "\r\n") + "\n"}, "The record is unchanged"),
        ({"text": "x" * 500_001}, "larger than 500,000 bytes"),
        ({"comment": "x" * 2_001}, "comment is longer"),
        ({"sender": "x" * 201}, "longer than 200"),
        ({"email": "x" * 201}, "longer than 200"),
        ({"text": EDITED.replace("Finished", "Fini\x1b[31mshed")}, r"Line 11 contains .* \(U\+001B\)"),
        ({"text": EDITED.replace("Finished", "Fini\u202eshed")}, r"U\+202E"),
        (
            {"text": "<!doctype html><title>Support to Belize</title>"},
            "changed from Text of a project page to Saved web",
        ),
        ({"text": "{}"}, "to JSON"),
    ],
)
def test_invalid_suggestion_is_rejected(queue: SuggestionQueue, changes: dict[str, str], reason: str) -> None:
    with pytest.raises(SuggestionError, match=reason):
        queue.send(suggestion(**changes))
    assert not queue.folder.exists() or tree(queue.folder) == {}


YAML = "title: A project\nsummary: It helps.\n"


@pytest.mark.parametrize(
    ("name", "before", "after", "decided"),
    [
        # A code is added: the title still identifies the project.
        ("a.yaml", YAML, f"code: G0101\n{YAML}", [("code", "")]),
        # YAML whose first lines look like text.
        ("a.yaml", YAML, "title: A project\ncountries:\n- Belize\n", [("country", "BZ"), ("summary", "")]),
        (
            "a.txt",
            "A project\n\nSummary\n\nIt\a helps.\n",
            "A project\n\nSummary\n\nIt\a helps Belize.\n",
            [("summary", "")],
        ),
        # The code identifies the project.
        (
            "page.txt",
            TEXT,
            TEXT.replace("Support to", "Support for"),
            [("title", "Support to Belize National Cyber Security Strategy")],
        ),
    ],
)
def test_edit_must_keep_the_project(
    queue: SuggestionQueue, records: Path, decisions: Path, name: str, before: str, after: str, decided: object
) -> None:
    (records / name).write_text(before, encoding="utf-8")
    given = replace(suggestion(name), name=name, text=after)
    given = replace(given, base=replace(given.base, text=before, sha256=hashlib.sha256(before.encode()).hexdigest()))
    made = queue.accept(queue.send(given).id, records, decisions, "Ana")
    assert sorted((one.field, one.value) for one in made) == decided


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (EDITED.replace("G0020", "G0021"), "no longer describes the same project: it was G0020, and would be G0021"),
        ("<<<", "no longer describes the same project"),
        ("%PDF-1.7", "can no longer be read"),
        (EDITED + "\x1b", "an invisible character"),
        ("{}", "to JSON"),
        (TEXT, "The record is unchanged"),
    ],
)
def test_accepting_validates_even_with_force(
    queue: SuggestionQueue, records: Path, decisions: Path, text: str, reason: str
) -> None:
    """Pending files are untrusted."""
    taken = queue.send(suggestion())
    path = queue.folder / f"{taken.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"text": text}), encoding="utf-8")
    before = tree(records)
    for force in (False, True):
        with pytest.raises(SuggestionError, match=reason):
            queue.accept(taken.id, records, decisions, "Ana", force)
    assert tree(records) == before
    assert not decisions.exists()
    assert len(list(queue.pending())) == 1


def test_text_with_several_projects_is_rejected(queue: SuggestionQueue, records: Path, decisions: Path) -> None:
    before = "title,code\nA project,G0101\n"
    given = replace(suggestion(), name="a.csv", text=f"{before}B project,G0102\n")
    taken = queue.send(replace(given, base=replace(given.base, text=before)))
    with pytest.raises(SuggestionError, match="has become 2 records"):
        queue.accept(taken.id, records, decisions, "Ana")
