"""Sorted lines, their differences and patches."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.errors import PatchError
from cybilgraph.sync.patches import (
    ADDED,
    END,
    REMOVED,
    HashedLines,
    Header,
    apply_patch,
    diff_lines,
    read_patch,
    sort_lines,
)

LINES = st.sets(st.integers(0, 30)).map(lambda numbers: sorted(b"<x:%02d> <x:p> <x:o> .\n" % n for n in numbers))


@given(LINES, LINES)
def test_patch_turns_one_graph_into_the_other(old: list[bytes], new: list[bytes]) -> None:
    rows = [kind + b" " + line for kind, line in diff_lines(old, new)]
    assert len(rows) == len(set(old) ^ set(new))
    header = Header(1, 2, "00")
    found, changes = read_patch([*bytes(header).splitlines(keepends=True), *rows, END])
    assert found == header
    assert list(apply_patch(old, changes)) == new


@pytest.mark.parametrize("at_once", [1, 100, 10_000_000])
def test_lines_are_sorted_with_any_memory_limit(tmp_path: Path, at_once: int) -> None:
    file = tmp_path / "lines"
    lines = [b"%03d\n" % (number * 7 % 100) for number in range(150)]
    file.write_bytes(b"".join(lines).rstrip(b"\n"))
    digested = HashedLines(sort_lines(file, at_once))
    assert list(digested) == sorted(set(lines))
    assert digested.sha256 == hashlib.sha256(b"".join(sorted(set(lines)))).hexdigest()


A, B = b"<x:a> <x:p> <x:o> .\n", b"<x:b> <x:p> <x:o> .\n"
HEAD = bytes(Header(1, 2, "00")).splitlines(keepends=True)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*HEAD, b"A " + B], "truncated"),
        ([*HEAD, b"A " + B[:-5]], "unsupported row"),
        ([*HEAD, b"X " + B, END], "unsupported row"),
        ([*HEAD, b"A " + A, END], "does not match this graph"),
        ([*HEAD, b"D " + B, END], "does not match this graph"),
        ([*HEAD, b"A " + B, b"D " + A, END], "not sorted"),
        ([HEAD[0], *HEAD[2:], END], "does not name its releases"),
        ([b"<html>\n"], "unsupported row"),
        ([], "does not name"),
    ],
)
def test_damaged_or_mismatched_patch_is_refused(rows: list[bytes], message: str) -> None:
    with pytest.raises(PatchError, match=message):
        list(apply_patch([A], read_patch(rows)[1]))


def test_diff_yields_removed_and_added_lines() -> None:
    assert list(diff_lines([A], [B])) == [(REMOVED, A), (ADDED, B)]
