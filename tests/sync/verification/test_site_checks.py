"""Each check finds the answers that differ from the dump."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cybilgraph.release import Release
from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification import Outcome
from cybilgraph.sync.verification.site_checks import SiteChecks
from cybilgraph.sync.verification.site_client import SiteCheckFailed
from tests.conftest import graph_of
from tests.support.publisher import FaultyProxy, Publisher
from tests.support.verification import problems_of, proven

pytestmark = pytest.mark.slow

#: Changes to responses by path, and the checks that must fail.
HARMS: dict[str, tuple[Callable[[bytes], bytes], set[str]]] = {
    ".nq.zst": (lambda body: body[::-1], {"dumps", "graph", "statements"}),
    "/release/1.json": (lambda body: re.sub(rb'("quads": )', rb"\g<1>1", body), {"manifest"}),
    "/.well-known/void": (lambda body: re.sub(rb'(entities> ")', rb"\g<1>1", body), {"VoID"}),
    "/catalog": (lambda body: re.sub(rb'(byteSize> ")', rb"\g<1>1", body), {"DCAT"}),
    "/id/project/G0020": (lambda body: re.sub(rb".*#status>.*\n", b"", body), {"descriptions", "negotiation"}),
    "/changes.rdfp": (lambda body: body.replace(b"H sha256", b"H sha1"), {"graph"}),
    "/api/queries": (lambda body: body.replace(b"/api/queries/", b"/api/nothing/"), {"example queries"}),
}


def test_each_fault_fails_its_check(way: FaultyProxy) -> None:
    way.harmed = {path: harm for path, (harm, _) in HARMS.items()}
    found = proven(way)
    fails = {check.name for check in found.checks if check.outcome is Outcome.FAILS}
    assert fails == set().union(*(names for _, names in HARMS.values()))


def test_answers_that_differ_from_the_dump_are_found(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed = {
        "/api/queries/example-who-funds-whom": lambda body: b"".join(body.splitlines(keepends=True)[:-1]),
        "/sparql": lambda body: body.replace(b"@en ", b"@fr ") if body.startswith(b"<") else body,
    }
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=True).checks())
        for name in ("endpoint", "dumps", "graph"):
            checks[name]()
        with pytest.raises(SiteCheckFailed, match=r": example-who-funds-whom \(1 rows missing, 0 extra\)$"):
            checks["example queries"]()
        with pytest.raises(SiteCheckFailed, match="have different statements about <https"):
            checks["statements"]()


def test_skipped_comparison_is_reported(way: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.sync.verification.site_checks._MAX_QUICK_QUADS", 0)
    way.harmed = {"/api/queries": lambda body: json.dumps({"queries": json.loads(body)["queries"][:1]}).encode()}
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=True).checks())
        checks["endpoint"]()
        assert "NOT compared with the dump (it is not available)" in checks["example queries"]()
        (tmp_path / "graph.nq").touch()
        assert "quads; run without --quick)" in checks["example queries"]()


@pytest.mark.parametrize("there", [True, False])
def test_empty_answer_is_accepted_only_without_matching_data(
    way: FaultyProxy, release: Release, tmp_path: Path, there: bool
) -> None:
    name = "example-project-full-description"
    way.harmed = {
        "/api/queries": lambda body: json.dumps(
            {"queries": [query for query in json.loads(body)["queries"] if query["name"] == name]}
        ).encode(),
        f"/api/queries/{name}": lambda _: b"",
    }
    lines = graph_of(release.folder).splitlines(keepends=True)
    (tmp_path / "graph.nq").write_bytes(b"".join(line for line in lines if there or b"/G0020" not in line))
    with Site(way.url, attempts=2, pause=0.001) as site:
        examples = dict(SiteChecks(site, tmp_path, quick=True).checks())["example queries"]
        if there:
            with pytest.raises(SiteCheckFailed, match=r"full-description \([0-9]+ rows missing, 0 extra"):
                examples()
        else:
            assert examples().startswith("all 1 queries")


def test_wrong_manifest_is_reported_with_a_hint(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed["/release/1.json"] = lambda body: re.sub(rb'("projects": )', rb"\g<1>9", body)
    [problems] = problems_of(way, tmp_path, "endpoint", "manifest")
    assert re.match(r"/release/1\.json gives 9[0-9]+ projects \(counts\.projects\), but the endpoint has", problems)
    assert problems.endswith("activate an intact release (cybilgraph releases), or build it again")
    way.harmed["/release/1.json"] = lambda body: b"<html>Log in</html>"
    [problems] = problems_of(way, tmp_path, "endpoint", "manifest")
    assert problems.startswith("/release/1.json is not valid JSON (application/json")


def test_wrong_patch_is_found(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way, Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=False).checks())
        for name in ("endpoint", "dumps", "graph"):
            checks[name]()
        assert checks["patch"]() == "release 2 plus its changes equals release 3"
        way.harmed["/changes.rdfp"] = lambda body: re.sub(rb"\nA [^\n]*\n", b"\n", body, count=1)
        with pytest.raises(
            SiteCheckFailed, match=r"^release 2 plus /changes\S+ differs from release 3: it lacks 1 statements"
        ):
            checks["patch"]()
        way.harmed["/changes.rdfp"] = lambda body: body.replace(b"\nD <", b"\nD <x:none> <x:none> <", 1)
        with pytest.raises(SiteCheckFailed, match="cannot be applied to the dump of release 2: The"):
            checks["patch"]()
