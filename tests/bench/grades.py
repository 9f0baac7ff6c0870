"""Measure how reliable the grades of claims are on texts that the weights have not seen.

Each set of labelled texts is predicted with weights learnt from the other sets, but from no reserved site. Print, by
kind of text, precision / recall of counted links and of all links that are kept, and the calibration error of the
latter. Dates have rules and no model: print how many of them are right, and how many there are.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

from cybilgraph.extraction import derive
from cybilgraph.extraction.linear_model import load_model

sys.path.insert(0, str(Path(__file__).parents[2] / "data" / "reference"))
import update_weights


def print_dates() -> None:
    """Print the figures of starts and ends found in sentences, by kind of text."""
    samples, found, right, due = update_weights.SAMPLES, Counter[str](), Counter[str](), Counter[str]()
    with (samples / "sites" / "sites.csv").open(encoding="utf-8", newline="") as file:
        reserved = {row["text"] for row in csv.DictReader(file) if row["reserved"] == "yes"}
    pages = [
        ("page", path.with_suffix(".txt"), json.loads(path.read_text(encoding="utf-8")))
        for path in sorted((samples / "labelled").glob("*.json"))
    ]
    lines = (samples / "sites" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    sites = [
        (
            f"{'reserved' if one['text'][:3] in reserved else 'other'} sites",
            samples / "sites" / f"{one['text']}.txt",
            one,
        )
        for one in map(json.loads, lines)
    ]
    for group, path, labels in (*pages, *sites):
        record = update_weights.read_text(path)
        derived = derive(record)
        for name in ("start", "end"):
            if getattr(record, name) is None:
                due[group] += bool(labels[name])
                if (date := getattr(derived, name)) and date.value:
                    found[group] += 1
                    right[group] += date.value == labels[name]
    print("date")
    for group in sorted(due):
        print(f"{group:16} {right[group]} of {found[group]} right, {due[group]} labelled")


def main() -> None:
    """Predict all labelled texts, and print the figures."""
    for name, (read, classes) in update_weights.MODELS.items():
        examples = [example for text in update_weights.texts() for example in read(text)]
        groups = defaultdict(list)
        for one in update_weights.predict(examples, classes):
            text = one.example.text
            site = () if text.genre == "page" else ("sites", f"{'reserved' if text.is_reserved else 'other'} sites")
            for group in ("all", text.genre, *site):
                groups[group].append(one)
        model = load_model(name)
        print(f"{name}: counted from {model.derived}, kept from {model.possible}")
        for group, predicted in sorted(groups.items()):
            print(f"{group:16} {update_weights.summary(predicted, model.derived, model.possible)}")
    print_dates()


if __name__ == "__main__":
    main()
