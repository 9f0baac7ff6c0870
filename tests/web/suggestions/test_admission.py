"""An edit is admitted only if it describes the same project in the same format."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from cybilgraph.errors import SuggestionError
from cybilgraph.web.suggestions import (
    SuggestionQueue,
)
from tests.conftest import SEED
from tests.support.suggestions import EDITED, TEXT, suggestion, tree


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": TEXT}, "The record is unchanged"),
        ({"text": TEXT.replace("\n", "\r\n") + "\n"}, "The record is unchanged"),
        ({"text": "x" * 500_001}, "larger than 500,000 bytes"),
        ({"comment": "x" * 2_001}, "comment is longer"),
        ({"sender": "x" * 201}, "longer than 200"),
        ({"email": "x" * 201}, "longer than 200"),
        ({"text": EDITED.replace("Finished", "Fini\x1b[31mshed")}, r"Line 11 has .* \(U\+001B\)"),
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
    ("name", "before", "after"),
    [
        ("a.yaml", YAML, f"code: G0101\n{YAML}"),  # a code is added: the title still identifies the project
        ("a.yaml", YAML, "title: A project\ncountries:\n- Belize\n"),  # YAML whose first lines look like text
        ("a.txt", "A project\n\nSummary\n\nIt\a helps.\n", "A project\n\nSummary\n\nIt\a helps Belize.\n"),
        ("page.txt", TEXT, EDITED.replace("Support to", "Support for")),  # the code identifies the project
    ],
)
def test_edit_must_keep_the_project(queue: SuggestionQueue, records: Path, name: str, before: str, after: str) -> None:
    given = replace(suggestion(), name=name, text=after)
    (records / SEED.name).write_text(before, encoding="utf-8")
    given = replace(given, base=replace(given.base, text=before, sha256=hashlib.sha256(before.encode()).hexdigest()))
    assert queue.accept(queue.send(given).id, records).read_text(encoding="utf-8") == after


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
def test_accepting_validates_even_with_force(queue: SuggestionQueue, records: Path, text: str, reason: str) -> None:
    """Pending files are untrusted."""
    taken = queue.send(suggestion())
    path = queue.folder / f"{taken.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"text": text}), encoding="utf-8")
    before = tree(records)
    for force in (False, True):
        with pytest.raises(SuggestionError, match=reason):
            queue.accept(taken.id, records, force)
    assert tree(records) == before
    assert len(list(queue.pending())) == 1


def test_text_with_several_projects_is_rejected(queue: SuggestionQueue, records: Path) -> None:
    before = "title,code\nA project,G0101\n"
    given = replace(suggestion(), name="a.csv", text=f"{before}B project,G0102\n")
    taken = queue.send(replace(given, base=replace(given.base, text=before)))
    with pytest.raises(SuggestionError, match="has become 2 records"):
        queue.accept(taken.id, records)
