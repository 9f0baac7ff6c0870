"""Builds record the time now, or SOURCE_DATE_EPOCH."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cybilgraph.errors import CybilgraphError
from cybilgraph.runtime.clock import build_time


def test_source_date_epoch_is_the_time_of_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build_time() == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, ""])
def test_otherwise_it_is_now(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if value is not None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    before = datetime.now(UTC)
    assert before <= build_time() <= datetime.now(UTC)


@pytest.mark.parametrize("value", ["yesterday", "1e9", "9" * 30])
def test_other_text_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    with pytest.raises(CybilgraphError, match="SOURCE_DATE_EPOCH") as error:
        build_time()
    assert "Unset it" in error.value.hint
