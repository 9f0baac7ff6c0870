"""Roles are decided from phrases and probabilities."""

from __future__ import annotations

import pytest

from cybilgraph.extraction.role_model import decide_roles, role_probabilities
from tests.support.prose import about, phrase_roles_of, roles


@pytest.mark.parametrize(
    ("phrase_roles", "role_probabilities", "roles"),
    [
        ({}, {"funder": 0.4, "partner": 0.45}, set()),
        ({}, {"funder": 0.6, "partner": 0.7}, {"partner"}),
        ({}, {"funder": 0.7, "implementer": 0.8}, {"funder", "implementer"}),
        ({}, {"funder": 0.6, "implementer": 0.8}, {"implementer"}),
        ({"funder": 0.95}, {"funder": 0.6, "implementer": 0.9}, {"funder"}),
        ({"partner": 0.75}, {"funder": 0.1, "partner": 0.45}, set()),
        ({"partner": 0.85}, {"funder": 0.1, "partner": 0.05}, {"partner"}),
        ({"implementer": 0.9}, {"implementer": 0.3}, {"implementer"}),
        ({"implementer": 0.9}, {"implementer": 0.2}, set()),
        ({"partner": 0.85}, {"funder": 0.9, "partner": 0.2}, {"funder"}),
        ({"partner": 0.95}, {"funder": 0.9, "partner": 0.2}, {"partner"}),
    ],
)
def test_decides_roles_from_phrases_and_probabilities(
    phrase_roles: dict[str, float], role_probabilities: dict[str, float], roles: set[str]
) -> None:
    assert decide_roles(phrase_roles, role_probabilities).keys() == roles


def test_confidence_of_roles_without_phrase_is_their_probability() -> None:
    record = about("Courses in Kenya", "The trainers of the courses come out of Torchlight.")
    assert roles(record) == {("torchlight", "implementer")}
    [link] = record.participations
    assert not phrase_roles_of("Courses in Kenya", "The trainers of the courses come out of Torchlight.")
    assert link.evidence[0].quote == "The trainers of the courses come out of Torchlight."
    assert 0.5 <= link.evidence[0].confidence <= 0.95
    assert max(role_probabilities([]).values()) <= 0.5, "nothing seen speaks for nothing"
