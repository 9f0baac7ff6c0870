"""A site is proven, and what is wrong with it is found."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from cybilgraph.errors import FetchError
from cybilgraph.model.vocabulary import CYB, RDF
from cybilgraph.release import Release
from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification import Outcome, Verification, verify
from cybilgraph.sync.verification.site_checks import SiteChecks
from cybilgraph.sync.verification.site_client import SiteCheckFailed
from tests.conftest import graph_of, run
from tests.support.publisher import FaultyProxy, Publisher, published

_VOID, _DCAT, _SPDX = "http://rdfs.org/ns/void#", "http://www.w3.org/ns/dcat#", "http://spdx.org/rdf/terms#"


@pytest.fixture
def way(server: str, release: Release) -> Iterator[FaultyProxy]:
    """A way to the server; what it does not tell of its releases yet is problems by the way, rightly."""
    lines = graph_of(release.folder).splitlines(keepends=True)
    present = [
        line for line in lines if b" <https://w3id.org/cybilgraph/graph/" not in line[-120:] or b"wasRevisionOf" in line
    ]
    projects = sum(line.split(b" ", 1)[1] == f"<{RDF.type}> <{CYB.Project}> .\n".encode() for line in present)
    void = (
        f'<x:data> <{_VOID}triples> "{len(lines)}" .\n'
        f"<x:part> <{_VOID}class> <{CYB.Project}> .\n"
        f'<x:part> <{_VOID}entities> "{projects}" .\n'
    )
    dump = release.served_files()["cybilgraph.nq.zst"].read_bytes()
    dcat = (
        f"<x:file> <{_DCAT}downloadURL> <{server}/release/1/cybilgraph.nq.zst> .\n"
        f'<x:file> <{_DCAT}byteSize> "{len(dump)}" .\n'
        f"<x:file> <{_SPDX}checksum> <x:sum> .\n"
        f'<x:sum> <{_SPDX}checksumValue> "{hashlib.sha256(dump).hexdigest()}" .\n'
    )
    with FaultyProxy(server) as way:
        way.more = {
            "/.well-known/void": ("application/n-triples", void.encode()),
            "/catalog": ("application/n-triples", dcat.encode()),
        }
        yield way


def proven(way: FaultyProxy, quick: bool = True) -> Verification:
    with Site(way.url, attempts=2, pause=0.001) as site:
        return verify(site, quick)


def test_all_checks_pass_for_an_intact_site(way: FaultyProxy) -> None:
    found = proven(way, quick=False)
    assert [check for check in found.checks if check.outcome is not Outcome.HOLDS] == []
    assert len(found.checks) == 25


#: Changes to responses by path, and the checks that must fail.
HARMS: dict[str, tuple[Callable[[bytes], bytes], set[str]]] = {
    ".nq.zst": (lambda body: body[::-1], {"dumps", "graph", "statements", "sitemap"}),
    "/release/1.json": (lambda body: re.sub(rb'("quads": )', rb"\g<1>1", body), {"manifest", "releases"}),
    "/.well-known/void": (lambda body: re.sub(rb'(entities> ")', rb"\g<1>1", body), {"VoID"}),
    "/catalog": (lambda body: re.sub(rb'(byteSize> ")', rb"\g<1>1", body), {"DCAT"}),
    "/id/project/G0020": (lambda body: re.sub(rb".*#status>.*\n", b"", body), {"pages", "negotiation"}),
    "/changes.atom": (lambda body: body + b"<entry>", {"changes"}),
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


def test_missing_site_is_reported(tmp_path: Path) -> None:
    with Site("http://127.0.0.1:1", attempts=1) as site, pytest.raises(FetchError, match="no connection"):
        verify(site)


def test_login_page_instead_of_a_site_is_reported(way: FaultyProxy) -> None:
    way.harmed["/sparql"] = lambda _: b"<html><form>Log in</form></html>"
    with (
        Site(way.url, attempts=2, pause=0.001) as site,
        pytest.raises(FetchError, match=r"a web page.* perhaps a login"),
    ):
        verify(site)


def test_command_reports_failures_with_its_exit_code(way: FaultyProxy) -> None:
    lines = (
        f"<x:part> <{_VOID}class> <{CYB.Project}> .\n"
        f'<x:part> <{_VOID}entities> "70" .\n'
        f'<x:data> <{_VOID}triples> "7" .\n'
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


# ---- a site with one wrong answer ---------------------------------------------------------------

_TITLE, _LIE = b"Support to Belize National", b"Support of Belize National"
_DUMPS = [
    f"cybilgraph.{suffix}.{packing}" for suffix in ("nt", "ttl", "trig", "jsonld", "rdf") for packing in ("gz", "zst")
]


def _decompress(body: bytes, name: str) -> bytes:
    return (
        gzip.decompress(body) if name.endswith(".gz") else zstandard.ZstdDecompressor().decompressobj().decompress(body)
    )


def _compress(content: bytes, name: str) -> bytes:
    return gzip.compress(content) if name.endswith(".gz") else zstandard.compress(content)


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


def _problems(way: FaultyProxy, folder: Path, *names: str) -> list[str]:
    """Run checks, and return the problems that the last one reports."""
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, folder, quick=False).checks())
        for name in names[:-1]:
            checks[name]()
        with pytest.raises(SiteCheckFailed) as wrong:
            checks[names[-1]]()
    return re.split(r"; (?=[a-z]+\.[a-z.]+ )", str(wrong.value))


def test_dump_with_other_statements_is_found(way: FaultyProxy, release: Release, tmp_path: Path) -> None:
    for name in _DUMPS:
        _replace_file(
            way, release, name, lambda body, name=name: _compress(_decompress(body, name).replace(_TITLE, _LIE), name)
        )
    lines = [line for line in graph_of(release.folder).splitlines() if _TITLE in line]
    present = sum(b" <https://w3id.org/cybilgraph/graph/" not in line for line in lines)
    assert 0 < present < len(lines)
    problems = dict(line.split(" ", 1) for line in _problems(way, tmp_path, "endpoint", "dumps", "graph", "contents"))
    assert sorted(problems) == sorted(_DUMPS)
    for name, how in problems.items():
        count = len(lines) if name.split(".")[1] in ("trig", "jsonld") else present
        assert how.startswith(f"lacks {count} statements and has {count} extra statements compared with")
        assert re.search(r": it (lacks|has) <https://\S+> <\S+> \"Support (to|of) Belize National", how)


@pytest.mark.parametrize("name", ["cybilgraph.ttl.zst", "cybilgraph.jsonld.gz", "cybilgraph.nq.gz"])
def test_only_the_wrong_dump_is_reported(way: FaultyProxy, release: Release, tmp_path: Path, name: str) -> None:
    _replace_file(way, release, name, lambda body: _compress(_decompress(body, name)[:-1000], name))
    [problems] = _problems(way, tmp_path, "endpoint", "dumps", "graph", "contents")
    assert problems.startswith((f"{name} lacks ", f"{name} cannot be read as "))


def test_table_with_other_rows_is_found(way: FaultyProxy, release: Release, tmp_path: Path) -> None:
    def rows(body: bytes) -> list[bytes]:
        return gzip.decompress(body).splitlines(keepends=True)

    _replace_file(
        way, release, "projects.csv.gz", lambda body: gzip.compress(gzip.decompress(body).replace(_TITLE, _LIE))
    )
    _replace_file(way, release, "outcomes.csv.gz", lambda body: gzip.compress(b"".join([*rows(body), rows(body)[-1]])))
    _replace_file(way, release, "participations.csv.gz", lambda body: gzip.compress(b"".join(rows(body)[:-1])))
    _replace_file(way, release, "outcomes.parquet", lambda body: body[:-4])
    other = release.served_files()["outcomes.parquet"].read_bytes()
    _replace_file(way, release, "projects.parquet", lambda _: other)
    problems = dict(line.split(" ", 1) for line in _problems(way, tmp_path, "endpoint", "dumps", "graph", "tables"))
    assert problems.keys() == {
        *("projects.csv.gz", "outcomes.csv.gz", "participations.csv.gz", "outcomes.parquet", "projects.parquet")
    }
    assert problems["projects.csv.gz"].startswith("lacks 1 rows and has 1 extra rows")
    assert "some are duplicates" in problems["outcomes.csv.gz"]
    assert problems["participations.csv.gz"].startswith('lacks 1 rows compared with the N-Quads: it lacks ["https://')
    assert problems["outcomes.parquet"].startswith("cannot be read: not a valid Parquet file")
    assert problems["projects.parquet"].startswith("lacks the columns title, ")


_FUNDER = b'<div><dt>Funder</dt><dd><span class="one"><bdi>%s</bdi></span></dd></div>'
#: Problems reported for a project page, and the changes to the page that cause them.
_PAGES: dict[str, Callable[[bytes], bytes]] = {
    "the title is 'Support of Belize": lambda page: page.replace(b"<h1><bdi>Support to", b"<h1><bdi>Support of"),
    "the status is 'Ongoing', but 'Finished' in the endpoint": lambda page: page.replace(b">Finished<", b">Ongoing<"),
    "the period is 'May 2018 – Mar 2020', but 'Apr 2018 – Mar 2020' in the endpoint": lambda page: page.replace(
        b"<dd>Apr 2018", b"<dd>May 2018"
    ),
    "the period is 'missing', but": lambda page: page.replace(b"<dt>Dates</dt>", b"<dt>Place</dt>"),
    "foundingDate in its JSON-LD is '2018-05'": lambda page: page.replace(b'"2018-04"', b'"2018-05"'),
    "links: 1 missing (https://w3id.org/cybilgraph/id/country/BZ as Country)": lambda page: page.replace(
        b'<a href="/id/country/BZ">', b"<a>"
    ),
    "links: 1 not in the endpoint (https://w3id.org/cybilgraph/id/actor/dfat as Funder)": lambda page: page.replace(
        b"<div><dt>Beneficiary", _FUNDER % b'<a href="/id/actor/dfat">DFAT</a>' + b"<div><dt>Beneficiary"
    ),
    "links: 1 not in the endpoint (The Lottery as Funder)": lambda page: page.replace(
        b"<div><dt>Beneficiary", _FUNDER % b"The Lottery" + b"<div><dt>Beneficiary"
    ),
    "links: 2 missing (https://w3id.org/cybilgraph/id/actor/gpd as Implementer)": (
        lambda page: page.replace(b"<dt>Implementer<", b"<dt>Funder<")
    ),
    "the name of https://w3id.org/cybilgraph/id/actor/gpd is 'Global Digital Partners', but": lambda page: page.replace(
        b'"/id/actor/gpd">Global Partners Digital', b'"/id/actor/gpd">Global Digital Partners', 1
    ),
    "other projects: 1 not in the endpoint (https://w3id.org/cybilgraph/id/project/GI-07)": lambda page: page.replace(
        b"<div><dt>Beneficiary",
        b'<div><dt>Part of</dt><dd><a href="/id/project/GI-07">GLACY+</a></dd></div><div><dt>Beneficiary',
    ),
    "evidence in the text: 1 missing (https://w3id.org/cybilgraph/id/actor/gpd: GPD": (
        lambda page: page.replace(b'data-label="Quote"><q><bdi>GPD supported', b'data-label="Quote"><q><bdi>GPD led')
    ),
    "the summary: 1 missing (Belize developed its first": lambda page: page.replace(
        b"<p><bdi>Belize developed its first", b"<p><bdi>Belize developed its second"
    ),
    "the context: 1 missing": lambda page: page.replace(b"<h2>Context</h2>", b"<h2>Why</h2>"),
    "the outcomes: 1 not in the endpoint (Nothing has changed.)": lambda page: re.sub(
        rb"(<h2>Outcomes</h2>\s*<ul>)", rb"\1<li><bdi>Nothing has changed.</bdi></li>", page
    ),
    "contacts: 1 not in the endpoint (Jane Doe)": lambda page: page.replace(
        b"<h2>Contact</h2><ul>", b"<h2>Contact</h2><ul><li><bdi>Jane Doe</bdi></li>"
    ),
    "addresses of contacts: 1 missing (mailto:daniela": lambda page: page.replace(b"mailto:daniela@", b"mailto:jane@"),
    "links to other sites: 1 not in the endpoint (Prize <https://evil.example/>)": lambda page: page.replace(
        b"<h2>Links</h2><ul>", b'<h2>Links</h2><ul><li><bdi><a href="https://evil.example/">Prize</a></bdi></li>'
    ),
    "description in its JSON-LD is 'Belize bought its first": lambda page: page.replace(
        b'"description": "Belize developed', b'"description": "Belize bought'
    ),
    "knowsAbout in its JSON-LD: 1 missing": lambda page: page.replace(b'"knowsAbout": [', b'"keywords": ['),
    "member in its JSON-LD: 1 not in the endpoint": lambda page: page.replace(
        b'"member": [', b'"member": [{"@id": "https://w3id.org/cybilgraph/id/actor/dfat"}, '
    ),
}


@pytest.mark.parametrize("problem", _PAGES)
def test_wrong_project_page_is_found(way: FaultyProxy, tmp_path: Path, problem: str) -> None:
    way.harmed["/id/project/G0020"] = _PAGES[problem]
    with Site(way.url, attempts=2, pause=0.001) as site:
        printed = dict(SiteChecks(site, tmp_path, quick=True).checks())["page values"]
        with pytest.raises(SiteCheckFailed, match=f"^/id/project/G0020: {re.escape(problem)}"):
            printed()


#: Problems reported for the page of an actor or a theme, and the changes that cause them.
_LINKED = {
    "/id/actor/gpd: 7 projects, but the endpoint counts 1": lambda page: page.replace(
        b'<p class="lead">1 project', b'<p class="lead">7 projects'
    ),
    "/id/actor/gpd: projects: 1 not in the endpoint "
    "(https://w3id.org/cybilgraph/id/project/G0020 as Funder)": lambda page: page.replace(
        b'data-label="Role">Implementer', b'data-label="Role">Implementer, Funder'
    ),
    "/id/theme/policy-and-strategy: projects: 1 missing (https://w3id.org/cybilgraph/id/project/G0020)": lambda page: (
        page.replace(b"/id/project/G0020", b"/id/project/GI-07")
    ),
}


@pytest.mark.parametrize("problem", _LINKED)
def test_wrong_list_of_projects_is_found(
    way: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setattr("cybilgraph.sync.verification.entity_pages._PAGES_PER_KIND", 1000)
    way.harmed[problem.partition(":")[0]] = _LINKED[problem]
    assert "; ".join(_problems(way, tmp_path, "pages of lists")).startswith(problem)


#: Problems, each with the path and the change that cause it, and the check that reports it.
_LISTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "/ shows 15 projects, but the endpoint counts 14: clear the caches": (
        "/",
        lambda page: page.replace(b"<strong>14</strong> projects", b"<strong>15</strong> projects"),
        "start page",
    ),
    "/ shows no number of organisations, but the endpoint counts": (
        "/",
        lambda page: page.replace(b"</strong> organisations involved", b"</strong> players involved"),
        "start page",
    ),
    "/ shows 2 / ": ("/", lambda page: page.replace(b"<p>Release 1 of", b"<p>Release 2 of"), "start page"),
    "/ gives search engines version 7 instead of 1": (
        "/",
        lambda page: page.replace(b'"version": "1"', b'"version": "7"'),
        "start page",
    ),
    "/ gives search engines contentUrl /release/1/other.nq.gz, which is not a file of release 1; "
    "/ gives search engines no contentUrl for 1 files (cybilgraph.nq.gz)": (
        "/",
        lambda page: page.replace(b"/release/1/cybilgraph.nq.gz", b"/release/1/other.nq.gz"),
        "start page",
    ),
    "contentUrl contains http://elsewhere/release/1/": (
        "/",
        lambda page: re.sub(rb'"contentUrl": "http://[^/]+/', b'"contentUrl": "http://elsewhere/', page),
        "start page",
    ),
    "/ gives search engines contentSize 7 B of cybilgraph.jsonld.gz instead of": (
        "/",
        lambda page: re.sub(rb'"contentSize": "[0-9]+ B"', b'"contentSize": "7 B"', page),
        "start page",
    ),
    "/sitemap.xml: it lacks 1 projects (/id/project/G0020): clear": (
        "/sitemap-1.xml",
        lambda body: re.sub(rb"<url><loc>[^<]*/G0020</loc>.*", b"", body),
        "sitemap",
    ),
    "/sitemap.xml: it lists 1 projects that do not exist or are listed twice (/id/project/none)": (
        "/sitemap-1.xml",
        lambda body: re.sub(rb"(<url><loc>[^<]*/)G0020(</loc>.*)", rb"\g<0>\1none\2", body),
        "sitemap",
    ),
    "/sitemap.xml: it lists /no-such-page, which returns status 404": (
        "/sitemap-1.xml",
        lambda body: body.replace(b"/about<", b"/no-such-page<"),
        "sitemap",
    ),
    "/sitemap-1.xml contains http://elsewhere/": (
        "/sitemap-1.xml",
        lambda body: re.sub(rb"http://127[^/]+/", b"http://elsewhere/", body),
        "sitemap",
    ),
    "/sitemap.xml cannot be read: invalid XML": ("/sitemap.xml", lambda body: body[:-20], "sitemap"),
    "/releases.json: projects of release 1 is 15, but 14 in /release/1.json: clear": (
        "/releases.json",
        lambda body: body.replace(b'"projects":14', b'"projects":15'),
        "releases",
    ),
    "/releases.json: the current release is [], but release 1 is served": (
        "/releases.json",
        lambda body: body.replace(b'"current":true', b'"current":false'),
        "releases",
    ),
}


@pytest.mark.parametrize("problem", _LISTS)
def test_wrong_listing_is_found(way: FaultyProxy, tmp_path: Path, problem: str) -> None:
    path, harm, name = _LISTS[problem]
    way.harmed[path] = harm
    problems = _problems(way, tmp_path, "endpoint", "dumps", "graph", name)
    assert "; ".join(problems).startswith(problem)


@pytest.mark.parametrize(
    ("header", "value", "problem"),
    [
        ("Content-Type", "text/plain", "is sent as text/plain instead of application/gzip"),
        ("Content-Encoding", "gzip", "is compressed again in transit (gzip)"),
        ("Content-Disposition", "inline", "should be saved under its name, but has Content-Disposition inline"),
    ],
)
def test_wrong_file_headers_are_found(way: FaultyProxy, tmp_path: Path, header: str, value: str, problem: str) -> None:
    name = "projects.csv.gz"
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=True).checks())
        checks["dumps"]()
        way.retold[f"/{name}"] = {header: value}
        with pytest.raises(SiteCheckFailed) as wrong:
            checks["file types"]()
    assert str(wrong.value).startswith(f"/release/1/{name} {problem}")


def test_wrong_count_of_links_is_found(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed["/.well-known/void"] = lambda body: re.sub(rb'(#links-1> <\S+#triples> ")', rb"\g<1>1", body)
    problems = _problems(way, tmp_path, "endpoint", "VoID")
    assert len(problems) == 1
    assert re.match(r"void:triples of \S+ links to http\S+ is 1[0-9]+, but the endpoint counts [0-9]+$", problems[0])


def test_wrong_manifest_is_reported_with_a_hint(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed["/release/1.json"] = lambda body: re.sub(rb'("projects": )', rb"\g<1>9", body)
    [problems] = _problems(way, tmp_path, "endpoint", "manifest")
    assert re.match(r"/release/1\.json gives 9[0-9]+ projects \(counts\.projects\), but the endpoint has", problems)
    assert problems.endswith("activate an intact release (cybilgraph releases), or build it again")
    way.harmed["/release/1.json"] = lambda body: b"<html>Log in</html>"
    [problems] = _problems(way, tmp_path, "endpoint", "manifest")
    assert problems.startswith("/release/1.json is not valid JSON (application/json")


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with published(tmp_path_factory.mktemp("site")) as publisher:
        yield publisher


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
        problems = _problems(way, tmp_path, "endpoint", "dumps", "graph", "words of changes")
    assert problem in "; ".join(problems)


def test_all_checks_pass_with_several_releases(publisher: Publisher) -> None:
    with FaultyProxy(publisher.url) as way:
        found = proven(way, quick=False)
    assert [check for check in found.checks if check.outcome is not Outcome.HOLDS] == []
    [words] = [check.says for check in found.checks if check.name == "words of changes"]
    assert words == "the changes of 1 records since release 2 match both graphs"


def test_unlisted_release_is_found(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.harmed["/releases.json"] = lambda body: json.dumps(
            [row for row in json.loads(body) if row["release"] != 2]
        ).encode()
        [problems] = _problems(way, tmp_path, "endpoint", "releases")
    assert problems.startswith("/releases.json: release 2 exists but is not listed: clear the caches")
