"""Estimates are printed for each number of records."""

from __future__ import annotations

from tests.conftest import run


def test_each_number_of_records_has_an_estimate() -> None:
    shown = run("sizing", "--records", 50_000, "--records", 7_000_000, "--processors", 4).stdout.decode()
    assert "50,000" in shown
    assert "7,000,000" in shown


def test_no_records_are_refused() -> None:
    refused = run("sizing", "--records", 0)
    assert refused.returncode == 2
    assert b"--records" in refused.stderr
