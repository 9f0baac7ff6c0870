"""An intact site passes every check, and each fault fails its check."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cybilgraph.errors import FetchError, QueryError
from cybilgraph.model.vocabulary import BASE, CYB, RDF
from cybilgraph.rdf.dumps import MAY_REACH, STATED_DUMP
from cybilgraph.release import Release
from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification import (
    Dump,
    SiteCheckFailed,
    SiteChecks,
    by_subject,
    first_differences,
    rows_of,
    verify,
)
from tests.conftest import graph_of, run
from tests.support.publisher import FaultyProxy, Publisher
from tests.support.verification import VOID, problems_of, verify_site


@pytest.mark.slow
def test_all_checks_pass_for_an_intact_site(way: FaultyProxy) -> None:
    found = verify_site(way, quick=False)
    assert [check for check in found.checks if not check.passes] == []
    assert len(found.checks) == 13


@pytest.mark.slow
def test_missing_site_is_reported(tmp_path: Path) -> None:
    with Site("http://127.0.0.1:1", attempts=1) as site, pytest.raises(FetchError, match="no connection"):
        verify(site)


@pytest.mark.slow
def test_login_page_instead_of_a_site_is_reported(way: FaultyProxy) -> None:
    way.harmed["/sparql"] = lambda _: b"<html><form>Log in</form></html>"
    with (
        Site(way.url, attempts=2, pause=0.001) as site,
        pytest.raises(FetchError, match=r"a web page.* perhaps a login"),
    ):
        verify(site)


@pytest.mark.slow
def test_command_reports_failures_with_its_exit_code(way: FaultyProxy) -> None:
    lines = (
        f'<x:part> <{VOID}class> <{CYB.Project}> .\n<x:part> <{VOID}entities> "70" .\n<x:data> <{VOID}triples> "7" .\n'
    )
    way.harmed["/.well-known/void"] = lambda _: lines.encode()
    problems = run("verify", way.url, "--quick", "-f", "json")
    report = json.loads(problems.stdout)
    assert (problems.returncode, report["holds"], report["release"]) == (1, False, 1)
    [problem] = [check["says"] for check in report["checks"] if check["outcome"] == "fails"]
    assert re.fullmatch(
        r"void:entities of cyb:Project is 70, but the endpoint counts [0-9]+; "
        r"void:triples of the dataset is 7, but the endpoint counts [0-9,]+, or [0-9,]+ with named graphs",
        problem,
    )
    assert run("verify", "http://127.0.0.1:1").returncode == 2


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


@pytest.mark.slow
def test_each_fault_fails_its_check(way: FaultyProxy) -> None:
    way.harmed = {path: harm for path, (harm, _) in HARMS.items()}
    found = verify_site(way)
    fails = {check.name for check in found.checks if not check.passes}
    assert fails == set().union(*(names for _, names in HARMS.values()))


@pytest.mark.slow
def test_false_counts_of_links_and_dumps_are_found(way: FaultyProxy, tmp_path: Path) -> None:
    wrong = re.compile(rf"(#(?:links-1|may-reach|stated)> <{VOID}triples> \")".encode())
    way.harmed["/.well-known/void"] = lambda body: wrong.sub(rb"\g<1>1", body)
    [problems] = problems_of(way, tmp_path, "endpoint", "manifest", "dumps", "VoID")
    for words in (
        r"void:triples of [a-z]+:\w+ to https?://[a-z.]+/ is 1[0-9]+, but the endpoint counts [0-9]+",
        r"void:triples of may-reach\.nt\.gz is 1[0-9]+, but it has [0-9,]+",
        r"void:triples of cybilgraph-stated\.nt\.gz is 1[0-9]+, but it has [0-9,]+",
    ):
        assert re.search(words, problems)


@pytest.mark.slow
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
        with pytest.raises(SiteCheckFailed, match="have different statements about <http"):
            checks["statements"]()


@pytest.mark.slow
def test_skipped_comparison_is_reported(way: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.sync.verification._MAX_QUICK_QUADS", 0)
    way.harmed = {"/api/queries": lambda body: json.dumps({"queries": json.loads(body)["queries"][:1]}).encode()}
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=True).checks())
        checks["endpoint"]()
        assert "NOT compared with the dump (it is not available)" in checks["example queries"]()
        (tmp_path / "graph.nq").touch()
        assert "quads; run without --quick)" in checks["example queries"]()


@pytest.mark.slow
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


@pytest.mark.slow
def test_wrong_manifest_is_reported_with_a_hint(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed["/release/1.json"] = lambda body: re.sub(rb'("projects": )', rb"\g<1>9", body)
    [problems] = problems_of(way, tmp_path, "endpoint", "manifest")
    assert re.match(r"/release/1\.json gives 9[0-9]+ projects \(counts\.projects\), but the endpoint has", problems)
    assert problems.endswith("activate an intact release (cybilgraph releases), or build it again")
    way.harmed["/release/1.json"] = lambda body: b"<html>Log in</html>"
    [problems] = problems_of(way, tmp_path, "endpoint", "manifest")
    assert problems.startswith("/release/1.json is not valid JSON (application/json")


@pytest.mark.slow
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


@pytest.fixture
def client(server: str, tmp_path: Path) -> Iterator[SiteChecks]:
    with Site(server, attempts=1) as site:
        yield SiteChecks(site, tmp_path, quick=True)


@pytest.mark.slow
def test_rows_and_statements_are_read(client: SiteChecks) -> None:
    assert client.rows('SELECT ("x,\\ny" AS ?a) (1 AS ?b) {}') == [{"a": "x,\ny", "b": "1"}]
    lines = client.statements("/id/project/G0020")
    assert len(lines) > 10
    assert all(line.endswith(" .") for line in lines)


@pytest.mark.slow
def test_missing_path_fails_the_check(client: SiteChecks, tmp_path: Path) -> None:
    with pytest.raises(SiteCheckFailed, match=r"^/no-such-page returns status 404$"):
        client.ok("/no-such-page")
    with pytest.raises(SiteCheckFailed, match=r"^/no-such-page returns status 404$"):
        client.file("/no-such-page", tmp_path / "file")


@pytest.mark.slow
def test_response_of_another_type_fails_the_check(client: SiteChecks) -> None:
    with pytest.raises(SiteCheckFailed, match=r"^/release/1/SHA256SUMS is not valid JSON"):
        client.json("/release/1/SHA256SUMS")


@pytest.mark.slow
def test_only_the_first_differences_are_listed() -> None:
    assert first_differences(["a", "b"]) == "a; b"
    listed = first_differences([f"difference {number}" for number in range(1_200)])
    assert listed.startswith("difference 0; difference 1; ")
    assert listed.endswith(" more")
    assert len(listed) < 200


_TITLE, _LIE = b"Support to Belize National", b"Support of Belize National"
_DUMPS = [*(f"cybilgraph.{suffix}.gz" for suffix in ("nt", "ttl", "jsonld", "rdf")), STATED_DUMP]
PROJECT = f"{BASE}id/project/G1"
TYPE = f"<{PROJECT}> <{RDF.type}> <{CYB.Project}> ."
TITLE = f'<{PROJECT}> <urn:title> "New"@en .'
EARLIER = f'<{PROJECT}> <urn:title> "Old"@en <{BASE}graph/G1/1> .'


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    lines = (TYPE, TITLE, EARLIER, '<urn:other> <urn:title> "Other" .')
    (tmp_path / "given.nq").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    dump = Dump(tmp_path)
    assert dump.load(tmp_path / "given.nq")[0] == len(lines)
    return dump


def test_earlier_captures_are_not_current(dump: Dump) -> None:
    assert dump.subjects() == [f"<{PROJECT}>", "<urn:other>"]
    assert dump.about([f"<{PROJECT}>"]) == {f"<{PROJECT}>": {TYPE, TITLE}}


def test_queries_are_answered_but_not_updates(dump: Dump) -> None:
    assert dump.rows("SELECT ?t { ?s <urn:title> ?t }") == {("t",): 1, ("New",): 1, ("Other",): 1}
    with pytest.raises(QueryError):
        dump.rows("DELETE WHERE { ?s ?p ?o }")


def test_rows_are_compared_without_their_order() -> None:
    assert rows_of(b'a,b\r\n"x\r\ny",2\r\n1,2\r\n') == rows_of(b'a,b\r\n1,2\r\n"x\r\ny",2\r\n')
    assert by_subject([TYPE, TITLE]) == {f"<{PROJECT}>": {TYPE, TITLE}}


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


@pytest.mark.slow
def test_dump_with_other_statements_is_found(way: FaultyProxy, release: Release, tmp_path: Path) -> None:
    for name in _DUMPS:
        _replace_file(way, release, name, lambda body: gzip.compress(gzip.decompress(body).replace(_TITLE, _LIE)))
    lines = [line for line in graph_of(release.folder).splitlines() if _TITLE in line]
    present = sum(b" <https://w3id.org/cybilgraph/graph/" not in line for line in lines)
    assert 0 < present < len(lines)
    problems = dict(line.split(" ", 1) for line in problems_of(way, tmp_path, "endpoint", "dumps", "graph", "contents"))
    assert sorted(problems) == sorted(_DUMPS)
    for name, how in problems.items():
        count = present
        if name == STATED_DUMP:  # without the quotes that contain the title
            count = gzip.decompress(release.served_files()[name].read_bytes()).count(_TITLE)
            assert 0 < count < present
        assert how.startswith(f"lacks {count} statements and has {count} extra statements compared with")
        assert re.search(r": it (lacks|has) <https://\S+> <\S+> \"Support (to|of) Belize National", how)


@pytest.mark.slow
def test_wrongly_derived_statements_are_reported(way: FaultyProxy, release: Release, tmp_path: Path) -> None:
    _replace_file(way, release, MAY_REACH, lambda body: gzip.compress(gzip.decompress(body).partition(b"\n")[2]))
    [problem] = problems_of(way, tmp_path, "endpoint", "dumps", "graph", "contents")
    assert problem.startswith(f"{MAY_REACH} lacks 1 statements compared with the N-Quads: it lacks <")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cybilgraph.ttl.gz", "cybilgraph.jsonld.gz", "cybilgraph.nq.gz", STATED_DUMP])
def test_only_the_wrong_dump_is_reported(way: FaultyProxy, release: Release, tmp_path: Path, name: str) -> None:
    _replace_file(way, release, name, lambda body: gzip.compress(gzip.decompress(body)[:-1000]))
    [problems] = problems_of(way, tmp_path, "endpoint", "dumps", "graph", "contents")
    assert problems.startswith((f"{name} lacks ", f"{name} cannot be read as "))
