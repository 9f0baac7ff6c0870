"""Estimates of resources follow from the measurements of the benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cybilgraph.model.resources import REFERENCE
from cybilgraph.release.capacity import FittedLine, describe_needs, load_capacity_model
from tests.conftest import run

FIGURES = json.loads((REFERENCE / "sizing.json").read_text(encoding="utf-8"))


def test_estimates_reproduce_the_measurements() -> None:
    figures = load_capacity_model()
    for point in FIGURES["points"][-2:]:
        need = figures.need(point["records"], 2)
        assert need["statements"] == pytest.approx(point["statements"])
        assert need["sources"] == pytest.approx(point["sources"])
        assert need["release"] == pytest.approx(point["release"])
        assert need["disk to build"] == pytest.approx(point["release"] + point["temporary"])
        assert need["time to build"] == pytest.approx(point["main_seconds"] + point["worker_seconds"] / 2)
    assert figures.need(FIGURES["points"][-1]["records"], 2)["extrapolation"] == 1


def test_more_processors_shorten_only_parallel_work() -> None:
    two, many = (load_capacity_model().need(10**6, processors) for processors in (2, 1000))
    own = load_capacity_model().lines["main_seconds"].value_at(10**6)
    assert own < many["time to build"] < two["time to build"]
    assert many["memory to build"] > two["memory to build"]


def test_noise_never_gives_a_negative_slope(tmp_path: Path) -> None:
    points = [{"records": 10, "store": 100.0}, {"records": 20, "store": 90.0}]
    (tmp_path / "few.json").write_text(json.dumps(FIGURES | {"points": points}))
    assert load_capacity_model(tmp_path / "few.json").lines["store"] == FittedLine(20, 100.0, 0.0)
    assert FittedLine(20, 90.0, 10.0).value_at(1) == 0.0


def test_table_shows_the_extrapolation() -> None:
    largest = FIGURES["points"][-1]["records"]
    text = "\n".join(describe_needs(load_capacity_model(), (largest, 50 * largest), 4))
    measured, beyond = text.splitlines()[1:3]
    assert measured.endswith("  none")
    assert beyond.endswith("  50 times")
    assert FIGURES["day"] in text
    assert b"Invalid value for '--records'" in run("sizing", "--records", 0).stderr
