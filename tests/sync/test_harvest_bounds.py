"""A hostile publisher can neither fill disk or memory nor block a harvest; the previous copy stays."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from cybilgraph.errors import HarvestError
from cybilgraph.sync import harvester as harvesting
from cybilgraph.sync.fetch import Limits
from tests.conftest import run
from tests.support.hostile_publisher import GOOD, NAME, Held, left, take


def bomb(suffix: str, size: int) -> bytes:
    """Lines that compress as well as can be."""
    content = GOOD * (size // len(GOOD))
    return gzip.compress(content) if suffix == "gz" else zstandard.compress(content)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_decompression_bomb_is_refused(held: Held, suffix: str) -> None:
    content = bomb(suffix, 100_000_000)
    assert len(content) < 400_000
    held.site.serve(f"cybilgraph.nq.{suffix}", content)
    with pytest.raises(HarvestError, match=rf"nq\.{suffix} decompresses to more than .* for a file of its size"):
        take(held.site, held.into)
    assert left(held.into) < 1_000


def test_graph_over_the_limit_is_not_decompressed(held: Held) -> None:
    held.site.serve(NAME, gzip.compress(b"".join(b"<http://x/%d> <a:b> <a:b> .\n" % n for n in range(50_000))))
    with pytest.raises(HarvestError, match=r"decompresses to more than 500,000 bytes"):
        take(held.site, held.into, Limits(bytes=500_000))
    assert left(held.into) < 1_000


def test_endless_line_is_not_read_into_memory(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harvesting, "_MAX_LINE_BYTES", 3_000_000)
    held.site.serve(NAME, gzip.compress(GOOD + b"<http://x/" + b"a" * 4_000_000 + b"> <a:b> <a:b> .\n", 1))
    with pytest.raises(HarvestError, match=r"has a line of more than 3,000,000 bytes"):
        take(held.site, held.into)
    held.site.patch = b"H " + b"x" * 4_000_000 + b"\n"
    with pytest.raises(HarvestError, match=r"has a line of more than 3,000,000 bytes"):
        take(held.site, held.into)


@pytest.mark.parametrize(
    "sums",
    ["".join(f"{n:064x}  file-{n}\n" for n in range(2_000)), f"{0:064x}  {'a' * 300}\n"],
    ids=["many files", "a long name"],
)
def test_checksum_list_with_too_many_files_or_long_names_is_refused(held: Held, sums: str) -> None:
    held.site.sums += sums
    with pytest.raises(HarvestError, match=r"lists .* files, the longest name has .* the limits are 1,000 and 200"):
        take(held.site, held.into)


@pytest.mark.parametrize("release", ["²", "9" * 5_000, "-1", "1/../../x", ""])
def test_release_must_be_a_number(held: Held, release: str) -> None:
    held.site.release = release
    with pytest.raises(HarvestError, match="lists no supported dump"):
        take(held.site, held.into)


@pytest.mark.slow
def test_size_limit_is_an_option(held: Held) -> None:
    held.site.send = lambda handler: (handler.begin(**{"Content-Length": "5000000"}), handler.endless(b"x" * 9_999))[0]
    done = run("harvest", held.site.url, "--into", held.into, "--attempts", 1, "--max-gigabytes", 0.004)
    assert done.returncode == 2
    assert b"over the limit of 4,000,000" in done.stderr
