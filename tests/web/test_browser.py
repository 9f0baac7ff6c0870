"""Pages in a real browser: they are styled, load nothing from other hosts, and report no errors."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.browsers import CHROMIUM, QUIET

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)"),
]


@pytest.mark.parametrize(
    "path", ["/", "/id/project/G0020", "/id/country/BZ", "/queries/example-who-funds-whom", "/sparql?query=ASK%7B%7D"]
)
def test_page_renders_without_errors(server: str, path: str, tmp_path: Path) -> None:
    assert CHROMIUM
    picture = tmp_path / "page.png"
    command = [
        *(CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,800"),
        *("--enable-logging=stderr", "--log-level=0", f"--screenshot={picture}", f"{server}{path}"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert picture.stat().st_size > 10_000, "an unstyled or empty page is smaller"
    assert "CONSOLE" not in result.stderr, result.stderr
