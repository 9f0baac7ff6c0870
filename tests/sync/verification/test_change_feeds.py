"""Wrong descriptions of changes are found."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cybilgraph.sync.verification import Outcome
from tests.support.publisher import FaultyProxy, Publisher
from tests.support.verification import problems_of, proven

pytestmark = pytest.mark.slow

#: Problems in the descriptions of changes, each with the path and the change that cause it.
_WORDS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    r"/changes.json?since=2&until=3 lacks 1 records and has 1 extra records compared with the N-Quads: "
    r'it has ["https://w3id.org/cybilgraph/record/G0020", "status: Finished → Cancelled."': (
        "/changes.json",
        lambda body: body.replace("→ Ongoing".encode(), "→ Cancelled".encode()),
    ),
    'it lacks ["https://w3id.org/cybilgraph/record/G0020", "status: Finished → Ongoing.", {': (
        "/changes.json",
        lambda body: body.replace(b'"new": ["Ongoing"]', b'"new": ["Planned"]'),
    ),
    'it lacks ["the header", {"counts": {"added": 0,': (
        "/changes.json",
        lambda body: body.replace(b'"added": 0', b'"added": 1'),
    ),
    "/changes.atom?since=2&until=3 lacks 1 records and has 1 extra records compared with the N-Quads: "
    'it has ["https://w3id.org/cybilgraph/record/G0020", "Support to Belize National Cyber Security Strategy", "': (
        "/changes.atom",
        lambda body: body.replace("→ Ongoing".encode(), "→ Cancelled".encode()),
    ),
    '"changed", "/id/project/G0020"]: clear the caches': (
        "/changes.atom",
        lambda body: body.replace(b"/id/project/G0020", b"/id/project/G0021"),
    ),
    'lacks 1 records compared with the N-Quads: it lacks ["https://w3id.org/cybilgraph/record/G0020", "Support': (
        "/changes.atom",
        lambda body: re.sub(rb"(?s)<entry>.*</entry>", b"", body),
    ),
}


@pytest.mark.parametrize("problem", _WORDS)
def test_wrong_description_of_changes_is_found(publisher: Publisher, tmp_path: Path, problem: str) -> None:
    path, harm = _WORDS[problem]
    with FaultyProxy(publisher.url) as way:
        way.harmed[path] = harm
        problems = problems_of(way, tmp_path, "endpoint", "dumps", "graph", "words of changes")
    assert problem in "; ".join(problems)


def test_all_checks_pass_with_several_releases(publisher: Publisher) -> None:
    with FaultyProxy(publisher.url) as way:
        found = proven(way, quick=False)
    assert [check for check in found.checks if check.outcome is not Outcome.HOLDS] == []
    [words] = [check.says for check in found.checks if check.name == "words of changes"]
    assert words == "the changes of 1 records since release 2 match both graphs"
