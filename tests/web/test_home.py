"""The start page, and the help: each of its commands is run as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html import unescape

import pytest

from tests.web.test_sparql import BROWSER, http

RUNNERS = {"python": [sys.executable, "-c"], "r": ["Rscript", "-e"], "bash": ["bash", "-c"]}
#: What each command must print, in the order of the page.
COOKBOOK = (
    "EU Cyber Resilience for Development",
    "Support to Belize",
    "Supporting the Implementation",
    "cyb:Country",
    "No theme told",
    "id/country/BZ",
    "active",
    '"conforms"',
)


def commands(server: str, path: str) -> list[tuple[str, str]]:
    """The runner and the text of each command of a page."""
    page = http(f"{server}{path}", Accept=BROWSER).body.decode()
    found = re.findall(r'<pre class="run ?(\w*)" tabindex="0">(.*?)</pre>', page, re.DOTALL)
    return [(runner or "bash", unescape(text)) for runner, text in found]


@pytest.mark.parametrize("number", range(len(COOKBOOK)))
def test_a_recipe_runs(server: str, number: int) -> None:
    found = commands(server, "/help/cookbook")
    assert len(found) == len(COOKBOOK)
    runner, text = found[number]
    tool = RUNNERS[runner][0]
    if shutil.which(tool) is None or (runner == "bash" and shutil.which("curl") is None):
        pytest.skip(f"no {tool}, or no curl, on this machine")
    result = subprocess.run([*RUNNERS[runner], text], capture_output=True, text=True, timeout=100, check=True)
    assert COOKBOOK[number] in result.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_tutorial_ends_with_a_finding(server: str) -> None:
    (_, ask), (_, cite) = commands(server, "/help")
    rows = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, timeout=60, check=True).stdout
    assert len(rows.splitlines()) == 6
    assert "country" in rows.splitlines()[0]
    assert "Cybercrime,World,Afghanistan,0,0," in rows
    told = subprocess.run(["bash", "-c", cite], capture_output=True, text=True, timeout=60, check=True).stdout
    assert 'rel="cite-as"' in told


def test_the_start_page_counts(server: str) -> None:
    page = http(f"{server}/", Accept=BROWSER).body.decode()
    assert "<strong>14</strong> projects" in page
    assert 'aria-label="Belize: 2"' in page
