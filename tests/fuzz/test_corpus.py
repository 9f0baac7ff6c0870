"""The seeds of fuzzing, and the inputs on which it once failed (tests/fuzz/corpus), pass. ``make fuzz`` tries new ones."""

from __future__ import annotations

import random
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import MAX_BYTES, MAX_SECONDS, TARGETS

pytestmark = pytest.mark.slow

CORPUS = sorted(path for path in (Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_past_failure_is_fixed(path: Path) -> None:
    start = time.process_time()  # which other processes do not affect
    TARGETS[path.parent.name].run(path.read_bytes())
    assert time.process_time() - start < MAX_SECONDS


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_pass(name: str) -> None:
    for seed in TARGETS[name].seeds():
        TARGETS[name].run(seed)


@cache
def _seeds(name: str) -> list[bytes]:
    return [seed for seed in TARGETS[name].seeds() if seed]


def _damage(name: str, chosen: random.Random) -> bytes:
    """Return a seed in which parts are deleted, repeated, replaced by parts of other seeds, or single bytes changed."""
    content = bytearray(chosen.choice(_seeds(name)))
    for _ in range(chosen.choice((1, 1, 2, 4, 8))):
        other = chosen.choice(_seeds(name))
        start, from_ = chosen.randrange(len(content) + 1), chosen.randrange(len(other))
        length = chosen.choice((0, 1, 1, 4, 20, 200))
        new = other[from_ : from_ + chosen.choice((0, 1, 4, 20, 200))]
        content[start : start + length] = new * chosen.choice((1, 1, 1, 2, 500))
    return bytes(content[:MAX_BYTES])


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=20)
@given(number=st.integers(0, 2**64))
def test_damaged_seeds_pass(name: str, number: int) -> None:
    """A sample of what the fuzzer tries, on machines without it."""
    TARGETS[name].run(_damage(name, random.Random(number)))
