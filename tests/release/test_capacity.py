"""What records need: reckoned from the figures that the bench has written, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cybilgraph.model.resources import REFERENCE
from cybilgraph.release.capacity import FittedLine, describe_needs, load_capacity_model
from tests.conftest import run

FIGURES = json.loads((REFERENCE / "sizing.json").read_text(encoding="utf-8"))


def test_what_was_measured_comes_out_again() -> None:
    figures = load_capacity_model()
    for point in FIGURES["points"][-2:]:
        need = figures.need(point["records"], 2)
        assert need.statements == pytest.approx(point["statements"])
        assert need.sources == pytest.approx(point["sources"])
        assert need.release == pytest.approx(point["release"])
        assert need.building == pytest.approx(point["release"] + point["prepared"] + point["temporary"])
        assert need.seconds == pytest.approx(point["main_seconds"] + point["worker_seconds"] / 2)
    assert figures.need(FIGURES["points"][-1]["records"], 2).extrapolation == 1


def test_more_processors_share_only_what_is_shared() -> None:
    two, many = (load_capacity_model().need(10**6, processors) for processors in (2, 1000))
    own = load_capacity_model().lines["main_seconds"].value_at(10**6)
    assert own < many.seconds < two.seconds
    assert many.memory > two.memory


def test_chance_in_a_measurement_makes_nothing_shrink(tmp_path: Path) -> None:
    points = [{"records": 10, "store": 100.0}, {"records": 20, "store": 90.0}]
    (tmp_path / "few.json").write_text(json.dumps(FIGURES | {"points": points}))
    assert load_capacity_model(tmp_path / "few.json").lines["store"] == FittedLine(20, 100.0, 0.0)
    assert FittedLine(20, 90.0, 10.0).value_at(1) == 0.0


def test_the_table_tells_how_far_it_goes() -> None:
    largest = FIGURES["points"][-1]["records"]
    text = "\n".join(describe_needs(load_capacity_model(), (largest, 50 * largest), 4))
    measured, beyond = text.splitlines()[1:3]
    assert measured.endswith("  no")
    assert beyond.endswith("  50 times")
    assert FIGURES["day"] in text
    assert b"Invalid value for '--records'" in run("sizing", "--records", 0).stderr
