"""Themes and topics found in titles and prose."""

from __future__ import annotations

import csv

import pytest

from cybilgraph.model.record import Record
from cybilgraph.model.resources import REFERENCE
from tests.support.prose import about

with (REFERENCE / "theme-cues.csv").open(encoding="utf-8", newline="") as _file:
    CUES = list(csv.DictReader(_file))


def themes(record: Record) -> set[str]:
    return {link.concept.key for link in record.scopes if link.concept.kind == "theme"}


@pytest.mark.parametrize("row", CUES, ids=lambda row: row["theme"])
def test_theme_cues_match_their_examples(row: dict[str, str]) -> None:
    assert themes(about(row["example"], "x")) == {row["theme"]}


def test_topic_is_derived_only_if_none_is_named() -> None:
    assert themes(about("Cybercrime Workshops for Judges", "x")) == {"cybercrime-training"}
    assert themes(about("Cyber Diplomacy Courses for Banks", "x")) == {"cbms-norms-and-diplomacy"}
    assert themes(about("Themes\n\nCIIP\n\nCourses for Banks", "x")) != {"education-and-training"}


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/cybercrime-training/",
        "www.cybercrime.example",
        "cybercrime-training.example.org",
        "cybercrime@example.org",
        "cybercrime.example.org.",
    ],
)
def test_address_gives_no_theme(address: str) -> None:
    assert not [link for link in about("A page", f"More is at {address}").scopes if link.concept.kind == "theme"]
    assert [link for link in about("A page", "It is about cybercrime.").scopes if link.concept.kind == "theme"]
