"""Activities are classified by kind, and results as intended or achieved."""

from __future__ import annotations

import pytest

from cybilgraph.extraction.kinds import activity_kinds, result_status
from cybilgraph.model.gazetteer import load_gazetteer

_GAZETTEER = load_gazetteer()


@pytest.mark.parametrize("entry", _GAZETTEER.entries["activity-kind"].values(), ids=lambda entry: entry.key)
def test_each_kind_is_recognised_in_its_example(entry: object) -> None:
    assert entry.key in activity_kinds(entry.row["example"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("entry", _GAZETTEER.entries["result-status"].values(), ids=lambda entry: entry.key)
def test_each_result_status_is_recognised_in_its_example(entry: object) -> None:
    assert result_status(entry.row["example"]) == entry.key  # type: ignore[attr-defined]


def test_activity_without_cues_has_no_kind() -> None:
    assert activity_kinds("Meeting the minister") == ()


@pytest.mark.parametrize(
    ("text", "heading", "expected"),
    [
        ("Stronger courts", "Expected results", "intended"),
        ("Stronger courts", "What was achieved", "achieved"),
        ("Stronger courts", "Outcomes", ""),
        ("Ten judges have been trained.", "Expected results", "achieved"),
        ("To train ten judges", "Outcomes", "intended"),
    ],
)
def test_wording_comes_before_heading(text: str, heading: str, expected: str) -> None:
    assert result_status(text, heading) == expected
