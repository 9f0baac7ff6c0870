"""Batches are validated in order, with limited lookahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cybilgraph.model.findings import ShaclResult
from cybilgraph.validation.batches import map_in_order


def test_batches_keep_their_order_with_limited_lookahead() -> None:
    gate = threading.Event()
    made: list[int] = []

    def batches() -> Iterator[tuple[int, str]]:
        for number in range(10):
            made.append(number)
            yield number, str(number)

    def run(text: str) -> list[ShaclResult]:
        if text == "0":
            gate.wait(10)
        return [ShaclResult(text, "", "", "", "", "", ())]

    running = map_in_order(batches(), run, workers=2)
    threading.Timer(0.2, gate.set).start()
    assert next(running)[0] == 0
    assert made == [0, 1, 2]
    assert [(number, results[0].focus) for number, results in running] == [(n, str(n)) for n in range(1, 10)]


def test_engine_failure_is_raised() -> None:
    def run(_: str) -> list[ShaclResult]:
        raise ValueError("no N-Triples")

    with pytest.raises(ValueError, match="no N-Triples"):
        list(map_in_order([(1, "")], run))
