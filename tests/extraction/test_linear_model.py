"""Linear models add weights, and grade what they find."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from cybilgraph.errors import ReferenceDataError
from cybilgraph.extraction import linear_model
from cybilgraph.extraction.linear_model import LinearModel, load_model
from cybilgraph.model.record import Basis
from cybilgraph.model.resources import REFERENCE

MODELS = ("country", "role")
MAX_WEIGHTS_BYTES = 300_000


def test_weights_add_up_to_probabilities() -> None:
    model = LinearModel(("funder", "partner"), {"always": (-100, 0), "left by": (400, -400)}, 0.9, 0.2)
    assert model.probabilities(["always", "left by", "never seen"]) == {
        "funder": pytest.approx(0.953, abs=0.001),
        "partner": pytest.approx(0.018, abs=0.001),
    }
    assert model.probabilities(["never seen"]) == {}


@pytest.mark.parametrize(
    ("probability", "basis"),
    [(0.95, Basis.DERIVED), (0.9, Basis.DERIVED), (0.89, Basis.POSSIBLE), (0.2, Basis.POSSIBLE), (0.19, None)],
)
def test_probability_decides_the_grade(probability: float, basis: Basis | None) -> None:
    assert LinearModel(("funder",), {}, 0.9, 0.2).grade(probability) is basis


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_readable_and_sorted(name: str) -> None:
    path = REFERENCE / f"{name}-weights.csv"
    assert path.stat().st_size <= MAX_WEIGHTS_BYTES
    with path.open(encoding="utf-8", newline="") as file:
        features = [row["feature"] for row in csv.DictReader(file)]
    assert features == sorted(set(features))
    assert "always" in features
    model = load_model(name)
    assert 0 < model.possible < 0.5 < model.derived < 1


@pytest.mark.parametrize(
    ("weights", "thresholds"),
    [
        ("feature,country\nalways,many\n", "country,0.8,0.1"),
        ("", "country,0.8,0.1"),
        ("feature,country\n", "role,0.9,0.1"),
    ],
)
def test_damaged_weights_are_reported(
    weights: str, thresholds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "country-weights.csv").write_text(weights, encoding="utf-8")
    (tmp_path / "thresholds.csv").write_text(f"model,derived,possible\n{thresholds}\n", encoding="utf-8")
    monkeypatch.setattr(linear_model, "REFERENCE", tmp_path)
    with pytest.raises(ReferenceDataError, match="update_weights"):
        load_model.__wrapped__("country")


@pytest.mark.slow
def test_weights_are_those_of_the_labelled_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal texts give equal files. Versions of scikit-learn may differ in the last digit."""
    monkeypatch.syspath_prepend(str(REFERENCE))
    import update_weights

    read, classes = update_weights.MODELS["country"]
    examples = [one for text in update_weights.texts() if not text.is_reserved for one in read(text) if one.features]
    update_weights.use_phrases(REFERENCE / "phrases.csv")
    monkeypatch.setattr(update_weights, "REFERENCE", tmp_path)
    for name in ("country", "again"):
        update_weights.write(name, examples, classes)
    assert (tmp_path / "country-weights.csv").read_bytes() == (tmp_path / "again-weights.csv").read_bytes()
    ours, theirs = (
        {
            row["feature"]: float(row["country"] or 0)
            for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
        }
        for path in (tmp_path / "country-weights.csv", REFERENCE / "country-weights.csv")
    )
    assert max(abs(ours.get(name, 0) - theirs.get(name, 0)) for name in ours | theirs) < 2 * update_weights.MIN_WEIGHT
    assert len(ours.keys() ^ theirs.keys()) < len(theirs) / 100
    assert "sklearn" in sys.modules
