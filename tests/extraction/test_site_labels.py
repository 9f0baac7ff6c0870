"""The labels of the texts in tests/samples/sites."""

from __future__ import annotations

import csv
import json
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "samples" / "sites"
ROLES = {"funder", "implementer", "partner", "beneficiary", "unspecified"}


def test_labels_name_what_the_texts_print() -> None:
    lines = (FOLDER / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    texts = {path.stem for path in FOLDER.glob("*.txt")}
    assert len(lines) == len(texts) == 300
    for labels in map(json.loads, lines):
        text = " ".join((FOLDER / f"{labels['text']}.txt").read_text(encoding="utf-8").split())
        texts.remove(labels["text"])
        assert {role for _, role in labels["actors"]} <= ROLES
        assert {key for key, _ in labels["actors"]} <= labels["names"].keys()
        for names in labels["names"].values():
            assert all(name in text for name in names), labels["text"]
        assert all(name.casefold() in text.casefold() for name in labels["not_organisations"]), labels["text"]
        assert not set(labels["countries"]) & set(labels["other_countries"]), labels["text"]


def test_half_of_the_sites_are_reserved() -> None:
    with (FOLDER / "sites.csv").open(encoding="utf-8", newline="") as file:
        sites = {(row["site"], row["reserved"]) for row in csv.DictReader(file)}
    reserved = {site for site, is_reserved in sites if is_reserved == "yes"}
    assert reserved.isdisjoint({site for site, is_reserved in sites if is_reserved == "no"})
