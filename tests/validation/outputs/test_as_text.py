"""Text reports are safe for a terminal, and mark the quote of each finding."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from cybilgraph import pipeline
from cybilgraph.model.findings import (
    Excerpt,
)
from cybilgraph.validation.outputs.as_text import fit_excerpt
from tests.conftest import RECORDS, running_terminal
from tests.support.reports import hostile, written


def test_text_is_safe_for_a_terminal() -> None:
    text = written(hostile(), "text")
    assert not re.search("[\u202a-\u202e\x00-\x08\x1b\r]", text)
    assert max(map(len, text.splitlines())) > 1000, "no message is cut in a pipe"
    assert "[bold]x[/bold]" in text
    assert ":tada:" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("To: Mar 2017", "Mar 2017"),
        ("中文中文 Mar 2017", "Mar 2017"),
        ("e\u0301e\u0301e\u0301 Mar 2017", "Mar 2017"),
        ("a\tb\x1b[31m\u202e Mar 2017 more", "Mar 2017"),
        ("👩‍🚀🎉 中", "中"),
        ("x" * 290 + " 中文", "中文"),
        ("中" * 100 + " Mar " + "中" * 100, "Mar"),
        ("y" * 140 + "z" * 150, "z" * 150),
        ("", ""),
    ],
)
@pytest.mark.parametrize("room", [10, 30, 61, 100])
def test_caret_is_under_the_quote(line: str, words: str, room: int) -> None:
    excerpt = Excerpt(line, 0, line.index(words) + 1, max(len(words), 1))
    shown, before, length = fit_excerpt(excerpt, room)
    assert cell_len(shown) <= room
    assert length >= 1
    under = "".join(
        char for at, char in enumerate(shown) if before <= cell_len(shown[:at]) < before + length and cell_len(char)
    )
    assert words.startswith(under)
    assert under or not words


def test_line_is_shown_once_for_all_findings_at_its_position() -> None:
    report = pipeline.check(RECORDS / "octopus-cybercrime.txt", excerpts=True)
    assert written(report, "text").count("│ Cybercrime@Octopus\n") == 1
    assert len([finding for finding in report.findings if finding.line == 1]) > 1


@pytest.mark.slow
def test_terminal_output_is_coloured_and_wrapped() -> None:
    for width in (30, 80):
        shown = running_terminal(width, "check", RECORDS / "octopus-cybercrime.txt", "--lang", "es")
        assert "\x1b[33madvertencia" in shown
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        assert max(cell_len(line) for line in plain.splitlines()) <= width
    assert "\x1b[3" not in running_terminal(80, "check", RECORDS / "octopus-cybercrime.txt", NO_COLOR="1")
