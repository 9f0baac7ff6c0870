"""A checker, whose workers open no file."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from cybilgraph.web.checker import Checker, CheckLimits


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    checker = Checker(CheckLimits(workers=1, seconds=60))
    yield checker
    checker.close()


@pytest.fixture(autouse=True)
def nothing_was_denied(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """No check opens a file that its process did not load before it was sandboxed."""
    yield
    if "fails" not in request.node.name:
        assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []
