"""A site that cannot be verified is reported with exit code 2."""

from __future__ import annotations

import pytest

from tests.conftest import run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["text", "json"])
def test_missing_site_is_reported(name: str) -> None:
    refused = run("verify", "http://127.0.0.1:1", "--quick", "-f", name)
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"no connection" in refused.stderr
