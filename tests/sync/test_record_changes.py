"""Changes are described by record and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.model.vocabulary import DCTERMS, RDFS, own_iri
from cybilgraph.release import Releases
from cybilgraph.sync.changes import ChangeLogCache
from cybilgraph.sync.record_changes import Change, FieldChange, record_key
from tests.conftest import graph_of

pytestmark = pytest.mark.slow


def test_change_is_described_by_field(changes: ChangeLogCache) -> None:
    [change] = changes.between(1, 2).records()
    title = "Support to Belize National Cyber Security Strategy"
    fields = [FieldChange("status", ["Finished"], ["Ongoing"]), FieldChange("start", ["2018-04"], ["2018-05"])]
    assert change == Change("G0020", "changed", title, fields)
    assert change.describe() == "status: Finished → Ongoing; start: 2018-04 → 2018-05."


def test_rereading_a_record_is_not_a_change(changes: ChangeLogCache) -> None:
    log = changes.between(2, 3)
    assert list(log.records()) == []
    assert log.counts["added_quads"], "the patch contains them"
    assert not any(log.counts[kind] for kind in ("added", "changed", "removed", "other_quads"))
    assert not any(changes.between(4, 5).counts.values())


def test_saving_the_same_page_again_is_not_a_change(tmp_path: Path) -> None:
    source, folder = tmp_path / "one.json", tmp_path / "releases"
    for day in ("2024-05-31", "2025-05-31"):
        source.write_text(f'{{"title": "Project", "code": "G0997", "status": "Ongoing", "retrieved": "{day}"}}')
        release, _ = pipeline.build([source], folder)
        assert f'statusAsOf> "{day}"'.encode() in graph_of(release.folder)
    changes = ChangeLogCache(Releases(folder))
    assert list(changes.between(1).records()) == []
    changes.close()


def test_label_of_a_project_is_no_change_of_its_own() -> None:
    project = own_iri("id/project/G0997")
    title, label = (f'<{project}> <{term}> "A project"@en .\n'.encode() for term in (DCTERMS.title, RDFS.label))
    assert (record_key(title), record_key(label)) == (b"G0997", b"")


def test_removed_contacts_are_not_named(tmp_path: Path) -> None:
    source, folder = tmp_path / "one.json", tmp_path / "releases"
    for name in ("Ann Old", "Bea New"):
        source.write_text(f'{{"title": "Project", "code": "G0997", "contacts": ["{name}"]}}', encoding="utf-8")
        pipeline.build([source], folder)
    changes = ChangeLogCache(Releases(folder))
    [change] = changes.between(1).records()
    assert change.fields == [FieldChange("contacts", [], ["Bea New"])]
    changes.close()


def test_changed_sum_of_money_is_named(tmp_path: Path) -> None:
    source, folder = tmp_path / "one.json", tmp_path / "releases"
    for amount in ("EUR 5", "EUR 6 (commitment, 2019)"):
        source.write_text(f'{{"title": "Project", "code": "G0997", "budget": "{amount}"}}', encoding="utf-8")
        pipeline.build([source], folder)
    changes = ChangeLogCache(Releases(folder))
    [change] = changes.between(1).records()
    assert change.fields == [FieldChange("budget", ["budget-eur-5"], ["commitment-eur-6-2019-01-01-2019-12-31"])]
    changes.close()


def test_new_code_replaces_the_old_record(tmp_path: Path) -> None:
    source, folder = tmp_path / "one.json", tmp_path / "releases"
    for code in ("", "G0997"):
        source.write_text(f'{{"title": "A Project of Ours", "code": "{code}"}}', encoding="utf-8")
        pipeline.build([source], folder)
    changes = ChangeLogCache(Releases(folder))
    result = {change.kind: change for change in changes.between(1).records()}
    assert result["removed"].replaced_by == "G0997"
    assert result["added"].key == "G0997"
    changes.close()


def test_decisions_are_distinguished_from_other_changes() -> None:
    both = FieldChange("funders", ["EU"], ["CTO", "ITU"], [("confirmed", "CTO"), ("corrected", "EU")])
    assert both.describe() == "confirmed CTO, corrected EU, + ITU", "each value once"
    kept = FieldChange("funders", [], [], [("confirmed", "Council of Europe")])
    gone = FieldChange("funders", ["CTO"], [], [("rejected", "CTO")])
    new = FieldChange("end", ["2020"], ["2021"], [("corrected", "2020")])
    assert kept.describe() == "confirmed “Council of Europe”"
    assert gone.describe() == "rejected CTO"
    assert new.describe() == "corrected 2020, + 2021"
