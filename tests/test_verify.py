"""A site is proven, and what is wrong with it is found."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cybilgraph.errors import FetchError
from cybilgraph.fetch import Site
from cybilgraph.release import Release
from cybilgraph.verify import Outcome, Verification, verify
from cybilgraph.verify.checks import Checks, Wrong
from cybilgraph.vocab import CYB, RDF
from tests.conftest import run
from tests.publisher import Way

_VOID, _DCAT, _SPDX = "http://rdfs.org/ns/void#", "http://www.w3.org/ns/dcat#", "http://spdx.org/rdf/terms#"


@pytest.fixture
def way(server: str, release: Release) -> Iterator[Way]:
    """A way to the server; what it does not tell of its releases yet is told by the way, rightly."""
    lines = (release.folder / "graph.nq").read_bytes().splitlines(keepends=True)
    present = [
        line for line in lines if b" <https://w3id.org/cybilgraph/graph/" not in line[-120:] or b"wasRevisionOf" in line
    ]
    projects = sum(line.split(b" ", 1)[1] == f"<{RDF.type}> <{CYB.Project}> .\n".encode() for line in present)
    void = (
        f'<x:data> <{_VOID}triples> "{len(lines)}" .\n'
        f"<x:part> <{_VOID}class> <{CYB.Project}> .\n"
        f'<x:part> <{_VOID}entities> "{projects}" .\n'
    )
    dump = release.served()["cybilgraph.nq.zst"].read_bytes()
    dcat = (
        f"<x:file> <{_DCAT}downloadURL> <{server}/release/1/cybilgraph.nq.zst> .\n"
        f'<x:file> <{_DCAT}byteSize> "{len(dump)}" .\n'
        f"<x:file> <{_SPDX}checksum> <x:sum> .\n"
        f'<x:sum> <{_SPDX}checksumValue> "{hashlib.sha256(dump).hexdigest()}" .\n'
    )
    with Way(server) as way:
        way.more = {
            "/.well-known/void": ("application/n-triples", void.encode()),
            "/catalog": ("application/n-triples", dcat.encode()),
        }
        yield way


def proven(way: Way, quick: bool = True) -> Verification:
    with Site(way.url, attempts=2, pause=0.001) as site:
        return verify(site, quick)


def test_everything_holds_of_a_good_site(way: Way) -> None:
    found = proven(way, quick=False)
    assert [check for check in found.checks if check.outcome is not Outcome.HOLDS] == []
    assert len(found.checks) == 15


#: What is done to the contents of a path, and which checks must find it.
HARMS: dict[str, tuple[Callable[[bytes], bytes], set[str]]] = {
    ".nq.zst": (lambda body: body[::-1], {"dumps", "graph", "statements"}),
    "/release/1.json": (lambda body: re.sub(rb'("quads": )', rb"\g<1>1", body), {"manifest"}),
    "/.well-known/void": (lambda body: re.sub(rb'(entities> ")', rb"\g<1>1", body), {"VoID"}),
    "/catalog": (lambda body: re.sub(rb'(byteSize> ")', rb"\g<1>1", body), {"DCAT"}),
    "/id/project/G0020": (lambda body: re.sub(rb".*#status>.*\n", b"", body), {"pages", "negotiation"}),
    "/changes.atom": (lambda body: body + b"<entry>", {"changes"}),
    "/api/queries": (lambda body: body.replace(b"/api/queries/", b"/api/nothing/"), {"example queries"}),
}


def test_what_does_not_hold_is_found(way: Way) -> None:
    way.harmed = {path: harm for path, (harm, _) in HARMS.items()}
    found = proven(way)
    fails = {check.name for check in found.checks if check.outcome is Outcome.FAILS}
    assert fails == set().union(*(names for _, names in HARMS.values()))


def test_answers_that_are_not_what_the_dump_gives_are_found(way: Way, tmp_path: Path) -> None:
    way.harmed = {
        "/api/queries/example-who-funds-whom": lambda body: b"".join(body.splitlines(keepends=True)[:-1]),
        "/sparql": lambda body: body.replace(b"@en ", b"@fr ") if body.startswith(b"<") else body,
    }
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(Checks(site, tmp_path, quick=True).checks())
        for name in ("endpoint", "dumps", "graph"):
            checks[name]()
        with pytest.raises(Wrong, match=r": example-who-funds-whom \(1 rows missing, 0 too many\)$"):
            checks["example queries"]()
        with pytest.raises(Wrong, match="has other statements about <https"):
            checks["statements"]()


def test_what_was_not_compared_is_told(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.verify.checks._LITTLE", 0)
    way.harmed = {"/api/queries": lambda body: json.dumps({"queries": json.loads(body)["queries"][:1]}).encode()}
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(Checks(site, tmp_path, quick=True).checks())
        checks["endpoint"]()
        assert "NOT compared with the dump (it could not be had)" in checks["example queries"]()
        (tmp_path / "graph.nq").touch()
        assert "quads: do it without --quick)" in checks["example queries"]()


@pytest.mark.parametrize("there", [True, False])
def test_an_example_about_what_is_not_in_the_data_answers_nothing(
    way: Way, release: Release, tmp_path: Path, there: bool
) -> None:
    name = "example-project-full-description"
    way.harmed = {
        "/api/queries": lambda body: json.dumps(
            {"queries": [query for query in json.loads(body)["queries"] if query["name"] == name]}
        ).encode(),
        f"/api/queries/{name}": lambda _: b"",
    }
    lines = (release.folder / "graph.nq").read_bytes().splitlines(keepends=True)
    (tmp_path / "graph.nq").write_bytes(b"".join(line for line in lines if there or b"/G0020" not in line))
    with Site(way.url, attempts=2, pause=0.001) as site:
        examples = dict(Checks(site, tmp_path, quick=True).checks())["example queries"]
        if there:
            with pytest.raises(Wrong, match=r"full-description \([0-9]+ rows missing, 0 too many"):
                examples()
        else:
            assert examples().startswith("all 1 answer")


def test_a_site_that_is_none_is_told(tmp_path: Path) -> None:
    with Site("http://127.0.0.1:1", attempts=1) as site, pytest.raises(FetchError, match="no connection"):
        verify(site)


def test_the_command_line_reports_and_has_an_exit_code(way: Way) -> None:
    lines = (
        f"<x:part> <{_VOID}class> <{CYB.Project}> .\n"
        f'<x:part> <{_VOID}entities> "70" .\n'
        f'<x:data> <{_VOID}triples> "7" .\n'
    )
    way.harmed["/.well-known/void"] = lambda _: lines.encode()
    told = run("verify", way.url, "--quick", "-f", "json")
    report = json.loads(told.stdout)
    assert (told.returncode, report["holds"], report["release"]) == (1, False, 1)
    [says] = [check["says"] for check in report["checks"] if check["outcome"] == "fails"]
    assert re.fullmatch(
        r"void:entities of cyb:Project is 70, and the endpoint counts [0-9]+; "
        r"void:triples of the whole is 7, and the endpoint counts [0-9,]+, and [0-9,]+ with named graphs",
        says,
    )
    assert run("verify", "http://127.0.0.1:1").returncode == 2
