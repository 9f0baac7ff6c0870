"""Measure how reliable the grades of claims are on texts that the weights have not seen.

Each set of labelled texts is predicted with weights learnt from the other sets, but from no reserved site. Print, by
kind of text, precision / recall of counted links and of all links that are kept, and the calibration error of the
latter.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from cybilgraph.extraction.linear_model import load_model

sys.path.insert(0, str(Path(__file__).parents[2] / "data" / "reference"))
import update_weights


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


if __name__ == "__main__":
    main()
