"""A release is loaded only into a SPARQL server that answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import run


@pytest.mark.parametrize(
    ("endpoint", "message"), [("nowhere", b"is not an absolute URL"), ("http://127.0.0.1:1/sparql", b"does not answer")]
)
def test_unusable_endpoint_is_reported(releases: Path, endpoint: str, message: bytes) -> None:
    refused = run("load", releases, "--endpoint", endpoint)
    assert refused.returncode == 2
    assert message in refused.stderr
