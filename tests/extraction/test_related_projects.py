"""Other projects that the prose names by code or title."""

from __future__ import annotations

import pytest

from tests.support.prose import about


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("It follows the project “A Course for Judges”.", "follows"),
        ("It is a continuation of the earlier project “A Course for Judges”.", "follows"),
        ("It is part of the programme “A Course for Judges”.", "part_of"),
        ("It is part of the “A Course for Judges”.", "part_of"),
        ("See also the project “A Course for Judges”.", "related"),
        ("See also “A Course for Judges”.", "related"),
        ("It builds upon “A Course for Judges”.", "follows"),
        ("It is the successor to “A Course for Judges”.", "follows"),
    ],
)
def test_finds_related_projects_by_title(text: str, kind: str) -> None:
    record = about("A project", text)
    assert [(link.kind, link.project.key) for link in record.relations] == [(kind, "a-course-for-judges")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It has no connection with G0555, and is related to G0556.", [("related", "G0556")]),
        ("It is the second phase of G0411, not of G0414.", [("follows", "G0411")]),
        ("It should not be confused with the project “A Course for Judges”.", []),
        ("It builds not only on G0411.", [("related", "G0411")]),
        ("It was followed by G0411.", [("related", "G0411")]),
        ("See also “A Guide for Judges”.", []),
    ],
)
def test_distinguishes_relations_from_other_mentions(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(link.kind, link.project.key) for link in about("A project", text).relations] == expected


@pytest.mark.parametrize(
    "text", ["This project is part of GLACY+ (GI-07).", "It is part of the “GLACY+” programme (GI-07)."]
)
def test_code_after_project_name(text: str) -> None:
    assert [(link.kind, link.project.key) for link in about("A project", text).relations] == [("part_of", "GI-07")]
