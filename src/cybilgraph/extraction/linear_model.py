"""Linear models: the probability of each class of a thing with given features, and the grade of a claim.

The weights are learnt from labelled texts by data/reference/update_weights.py: for each class, a logistic
regression with an L2 penalty. They are kept as text, one feature per row, so that a curator can read why a
sentence counts.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.record import Basis
from cybilgraph.model.resources import REFERENCE, read_reference

_REPAIR = "Run data/reference/update_weights.py to create it again."


@dataclass(frozen=True)
class LinearModel:
    """The weights of features for each class, in hundredths: the sum of integers does not depend on their order.

    Claims with at least the probability ``derived`` are counted, and those below ``possible`` are dropped.
    """

    classes: tuple[str, ...]
    weights: Mapping[str, tuple[int, ...]]
    derived: float
    possible: float

    def scores(self, features: Iterable[str]) -> dict[str, int]:
        """Return the sum of the weights for each class. Unknown features have none."""
        known = [*filter(None, map(self.weights.get, features))]
        return dict(zip(self.classes, map(sum, zip(*known, strict=True)), strict=True)) if known else {}

    def probabilities(self, features: Iterable[str]) -> dict[str, float]:
        """Return the probability of each class, from 0 to 1."""
        return {name: 1 / (1 + math.exp(-score / 100)) for name, score in self.scores(features).items()}

    def grade(self, probability: float) -> Basis | None:
        """Return the basis of a claim with this probability; None if it is too improbable to keep."""
        if probability < self.possible:
            return None
        return Basis.DERIVED if probability >= self.derived else Basis.POSSIBLE


@cache
def load_model(name: str) -> LinearModel:
    """Load the weights NAME-weights.csv and the thresholds of a model. Raises ReferenceDataError."""
    try:
        with (REFERENCE / f"{name}-weights.csv").open(encoding="utf-8", newline="") as file:
            _, *classes = next(rows := csv.reader(file))
            weights = {feature: tuple(round(float(cell or 0) * 100) for cell in cells) for feature, *cells in rows}
        [row] = [row for row in read_reference(REFERENCE / "thresholds.csv") if row["model"] == name]
        return LinearModel(tuple(classes), weights, float(row["derived"]), float(row["possible"]))
    except (KeyError, ValueError, StopIteration) as error:
        raise ReferenceDataError(f"The weights of the model {name!r} cannot be read: {error}", _REPAIR) from error
