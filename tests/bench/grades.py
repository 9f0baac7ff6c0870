"""Measure how reliable the grades of claims are on texts that the weights have not seen.

Each set of labelled texts is predicted with weights learnt from the other sets, but from no reserved site. Print, by
kind of text, precision / recall of counted links and of all links that are kept, and the calibration error of the
latter. Dates have rules and no model: print how many of them are right, and how many there are.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path

from cybilgraph.extraction import derive
from cybilgraph.extraction.linear_model import load_model

sys.path.insert(0, str(Path(__file__).parents[2] / "data" / "reference"))
import update_weights


def groups_of(text: update_weights.LabelledText) -> tuple[str, ...]:
    """Return the kinds of text whose figures a text counts towards."""
    site = () if text.genre == "page" else ("sites", f"{'reserved' if text.is_reserved else 'other'} sites")
    return ("all", text.genre, *site)


def print_dates() -> None:
    """Print the figures of starts and ends found in sentences, by kind of text."""
    found, right, due = Counter[str](), Counter[str](), Counter[str]()
    for text in update_weights.texts():
        derived = derive(text.record)
        for name, true in text.dates.items():
            if getattr(text.record, name) is None:
                date = getattr(derived, name)
                for group in groups_of(text):
                    due[group] += bool(true)
                    found[group] += bool(date and date.value)
                    right[group] += bool(date and date.value and date.value == true)
    print("date")
    for group in sorted(found):
        print(f"{group:16} {right[group]} of {found[group]} right, {due[group]} labelled")


def main() -> None:
    """Predict all labelled texts, and print the figures."""
    for name, (read, classes) in update_weights.MODELS.items():
        examples = [example for text in update_weights.texts() for example in read(text)]
        groups = defaultdict(list)
        for one in update_weights.predict(examples, classes):
            for group in groups_of(one.example.text):
                groups[group].append(one)
        model = load_model(name)
        print(f"{name}: counted from {model.derived}, kept from {model.possible}")
        for group, predicted in sorted(groups.items()):
            print(f"{group:16} {update_weights.summary(predicted, model.derived, model.possible)}")
    print_dates()


if __name__ == "__main__":
    main()
