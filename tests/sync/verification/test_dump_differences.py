"""Dumps with other content than the N-Quads are found."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cybilgraph.release import Release
from tests.conftest import graph_of
from tests.support.publisher import FaultyProxy
from tests.support.verification import problems_of

pytestmark = pytest.mark.slow

_TITLE, _LIE = b"Support to Belize National", b"Support of Belize National"

_DUMPS = [f"cybilgraph.{suffix}.gz" for suffix in ("nt", "ttl", "jsonld", "rdf")]


def _replace_file(way: FaultyProxy, release: Release, name: str, harmed: Callable[[bytes], bytes]) -> None:
    """Replace a file of the site, and adapt the checksums to it."""
    body = release.served_files()[name].read_bytes()
    lie = harmed(body)
    sums = {hashlib.sha256(content).hexdigest().encode() for content in (body, lie)}
    old, new = hashlib.sha256(body).hexdigest().encode(), hashlib.sha256(lie).hexdigest().encode()
    assert len(sums) == 2
    way.harmed[f"/{name}"] = lambda _: lie
    before = way.harmed.get("SHA256SUMS", lambda body: body)
    way.harmed["SHA256SUMS"] = lambda body: before(body).replace(old, new)


def test_dump_with_other_statements_is_found(way: FaultyProxy, release: Release, tmp_path: Path) -> None:
    for name in _DUMPS:
        _replace_file(way, release, name, lambda body: gzip.compress(gzip.decompress(body).replace(_TITLE, _LIE)))
    lines = [line for line in graph_of(release.folder).splitlines() if _TITLE in line]
    present = sum(b" <https://w3id.org/cybilgraph/graph/" not in line for line in lines)
    assert 0 < present < len(lines)
    problems = dict(line.split(" ", 1) for line in problems_of(way, tmp_path, "endpoint", "dumps", "graph", "contents"))
    assert sorted(problems) == sorted(_DUMPS)
    for name, how in problems.items():
        count = len(lines) if name.split(".")[1] == "jsonld" else present
        assert how.startswith(f"lacks {count} statements and has {count} extra statements compared with")
        assert re.search(r": it (lacks|has) <https://\S+> <\S+> \"Support (to|of) Belize National", how)


@pytest.mark.parametrize("name", ["cybilgraph.ttl.gz", "cybilgraph.jsonld.gz", "cybilgraph.nq.gz"])
def test_only_the_wrong_dump_is_reported(way: FaultyProxy, release: Release, tmp_path: Path, name: str) -> None:
    _replace_file(way, release, name, lambda body: gzip.compress(gzip.decompress(body)[:-1000]))
    [problems] = problems_of(way, tmp_path, "endpoint", "dumps", "graph", "contents")
    assert problems.startswith((f"{name} lacks ", f"{name} cannot be read as "))
