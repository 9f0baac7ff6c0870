"""Persons are distinguished from the organisations that they act for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cybilgraph.extraction import derive
from cybilgraph.model.record import Contact
from tests.support.prose import page, roles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The project was led by Tom Baker of the ITU.", {("itu", "implementer")}),
        ("Tom Baker, from the OAS, trained judges.", {("oas", "implementer")}),
        ("Maria Garcia (ITU) led the training.", {("itu", "implementer")}),
        ("The training was delivered by Prof. Baker of Oxford University.", {("university-of-oxford", "implementer")}),
        ("It was funded by Tom Baker and the ITU.", {("itu", "funder")}),
        ("Tom Baker leads the project.", set()),
        ("Dr. Baker delivered the training.", set()),
        ("Associate Professor Callum Baker delivered the training.", set()),
        ("H.E. Baker delivered the training.", set()),
        ("Anna-Lena Baker delivered the training.", set()),
        ("Tevita Losa delivered the training.", set()),  # the contact
        ("It is funded by Craig Newmark Philanthropies.", {("craig-newmark-philanthropies", "funder")}),
        ("It is delivered by the firm Baker Tilly.", {("baker-tilly", "implementer")}),
        ("It is delivered by the Anna Lindh Foundation.", {("anna-lindh-foundation", "implementer")}),
    ],
)
def test_persons_are_not_actors(text: str, expected: set[tuple[str, str]]) -> None:
    record = replace(page("A project", text), contacts=(Contact("Tevita Losa"),))
    assert roles(derive(record)) == expected
