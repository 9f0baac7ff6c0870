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
    """A way to the server; what it does not tell of its releases yet is told by the way, rightly."""
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


def test_everything_holds_of_a_good_site(way: FaultyProxy) -> None:
    found = proven(way, quick=False)
    assert [check for check in found.checks if check.outcome is not Outcome.HOLDS] == []
    assert len(found.checks) == 25


#: What is done to the contents of a path, and which checks must find it.
HARMS: dict[str, tuple[Callable[[bytes], bytes], set[str]]] = {
    ".nq.zst": (lambda body: body[::-1], {"dumps", "graph", "statements", "sitemap"}),
    "/release/1.json": (lambda body: re.sub(rb'("quads": )', rb"\g<1>1", body), {"manifest", "releases"}),
    "/.well-known/void": (lambda body: re.sub(rb'(entities> ")', rb"\g<1>1", body), {"VoID"}),
    "/catalog": (lambda body: re.sub(rb'(byteSize> ")', rb"\g<1>1", body), {"DCAT"}),
    "/id/project/G0020": (lambda body: re.sub(rb".*#status>.*\n", b"", body), {"pages", "negotiation"}),
    "/changes.atom": (lambda body: body + b"<entry>", {"changes"}),
    "/api/queries": (lambda body: body.replace(b"/api/queries/", b"/api/nothing/"), {"example queries"}),
}


def test_what_does_not_hold_is_found(way: FaultyProxy) -> None:
    way.harmed = {path: harm for path, (harm, _) in HARMS.items()}
    found = proven(way)
    fails = {check.name for check in found.checks if check.outcome is Outcome.FAILS}
    assert fails == set().union(*(names for _, names in HARMS.values()))


def test_answers_that_are_not_what_the_dump_gives_are_found(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed = {
        "/api/queries/example-who-funds-whom": lambda body: b"".join(body.splitlines(keepends=True)[:-1]),
        "/sparql": lambda body: body.replace(b"@en ", b"@fr ") if body.startswith(b"<") else body,
    }
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=True).checks())
        for name in ("endpoint", "dumps", "graph"):
            checks[name]()
        with pytest.raises(SiteCheckFailed, match=r": example-who-funds-whom \(1 rows missing, 0 too many\)$"):
            checks["example queries"]()
        with pytest.raises(SiteCheckFailed, match="has other statements about <https"):
            checks["statements"]()


def test_what_was_not_compared_is_told(way: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.sync.verification.site_checks._MAX_QUICK_QUADS", 0)
    way.harmed = {"/api/queries": lambda body: json.dumps({"queries": json.loads(body)["queries"][:1]}).encode()}
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=True).checks())
        checks["endpoint"]()
        assert "NOT compared with the dump (it could not be had)" in checks["example queries"]()
        (tmp_path / "graph.nq").touch()
        assert "quads: do it without --quick)" in checks["example queries"]()


@pytest.mark.parametrize("there", [True, False])
def test_an_example_about_what_is_not_in_the_data_answers_nothing(
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
            with pytest.raises(SiteCheckFailed, match=r"full-description \([0-9]+ rows missing, 0 too many"):
                examples()
        else:
            assert examples().startswith("all 1 answer")


def test_a_site_that_is_none_is_told(tmp_path: Path) -> None:
    with Site("http://127.0.0.1:1", attempts=1) as site, pytest.raises(FetchError, match="no connection"):
        verify(site)


def test_a_login_in_the_place_of_a_site_is_told(way: FaultyProxy) -> None:
    way.harmed["/sparql"] = lambda _: b"<html><form>Log in</form></html>"
    with (
        Site(way.url, attempts=2, pause=0.001) as site,
        pytest.raises(FetchError, match=r"a web page.* perhaps a login"),
    ):
        verify(site)


def test_the_command_line_reports_and_has_an_exit_code(way: FaultyProxy) -> None:
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


# ---- a site that lies in one thing -------------------------------------------------------------

_TITLE, _LIE = b"Support to Belize National", b"Support of Belize National"
_DUMPS = [
    f"cybilgraph.{suffix}.{packing}" for suffix in ("nt", "ttl", "trig", "jsonld", "rdf") for packing in ("gz", "zst")
]


def _unpacked(body: bytes, name: str) -> bytes:
    return (
        gzip.decompress(body) if name.endswith(".gz") else zstandard.ZstdDecompressor().decompressobj().decompress(body)
    )


def _packed(content: bytes, name: str) -> bytes:
    return gzip.compress(content) if name.endswith(".gz") else zstandard.compress(content)


def _with(way: FaultyProxy, release: Release, name: str, harmed: Callable[[bytes], bytes]) -> None:
    """Let a file be another one, and let the checksums of the site say that it is right."""
    body = release.served_files()[name].read_bytes()
    lie = harmed(body)
    sums = {hashlib.sha256(content).hexdigest().encode() for content in (body, lie)}
    old, new = hashlib.sha256(body).hexdigest().encode(), hashlib.sha256(lie).hexdigest().encode()
    assert len(sums) == 2
    way.harmed[f"/{name}"] = lambda _: lie
    before = way.harmed.get("SHA256SUMS", lambda body: body)
    way.harmed["SHA256SUMS"] = lambda told: before(told).replace(old, new)


def _made(way: FaultyProxy, folder: Path, *names: str) -> list[str]:
    """What checks say, the last of them of what is wrong."""
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, folder, quick=False).checks())
        for name in names[:-1]:
            checks[name]()
        with pytest.raises(SiteCheckFailed) as wrong:
            checks[names[-1]]()
    return re.split(r"; (?=[a-z]+\.[a-z.]+ )", str(wrong.value))


def test_a_dump_with_other_statements_is_found(way: FaultyProxy, release: Release, tmp_path: Path) -> None:
    for name in _DUMPS:
        _with(way, release, name, lambda body, name=name: _packed(_unpacked(body, name).replace(_TITLE, _LIE), name))
    lines = [line for line in graph_of(release.folder).splitlines() if _TITLE in line]
    present = sum(b" <https://w3id.org/cybilgraph/graph/" not in line for line in lines)
    assert 0 < present < len(lines)
    told = dict(line.split(" ", 1) for line in _made(way, tmp_path, "endpoint", "dumps", "graph", "contents"))
    assert sorted(told) == sorted(_DUMPS)
    for name, how in told.items():
        count = len(lines) if name.split(".")[1] in ("trig", "jsonld") else present
        assert how.startswith(f"lacks {count} statements and has {count} statements that are not there, compared with")
        assert re.search(r": it (lacks|has) <https://\S+> <\S+> \"Support (to|of) Belize National", how)


@pytest.mark.parametrize("name", ["cybilgraph.ttl.zst", "cybilgraph.jsonld.gz", "cybilgraph.nq.gz"])
def test_only_the_dump_that_lies_is_told(way: FaultyProxy, release: Release, tmp_path: Path, name: str) -> None:
    _with(way, release, name, lambda body: _packed(_unpacked(body, name)[:-1000], name))
    [told] = _made(way, tmp_path, "endpoint", "dumps", "graph", "contents")
    assert told.startswith((f"{name} lacks ", f"{name} cannot be read as "))


def test_a_table_with_other_rows_is_found(way: FaultyProxy, release: Release, tmp_path: Path) -> None:
    def rows(body: bytes) -> list[bytes]:
        return gzip.decompress(body).splitlines(keepends=True)

    _with(way, release, "projects.csv.gz", lambda body: gzip.compress(gzip.decompress(body).replace(_TITLE, _LIE)))
    _with(way, release, "outcomes.csv.gz", lambda body: gzip.compress(b"".join([*rows(body), rows(body)[-1]])))
    _with(way, release, "participations.csv.gz", lambda body: gzip.compress(b"".join(rows(body)[:-1])))
    _with(way, release, "outcomes.parquet", lambda body: body[:-4])
    other = release.served_files()["outcomes.parquet"].read_bytes()
    _with(way, release, "projects.parquet", lambda _: other)
    told = dict(line.split(" ", 1) for line in _made(way, tmp_path, "endpoint", "dumps", "graph", "tables"))
    assert told.keys() == {
        *("projects.csv.gz", "outcomes.csv.gz", "participations.csv.gz", "outcomes.parquet", "projects.parquet")
    }
    assert told["projects.csv.gz"].startswith("lacks 1 rows and has 1 rows that are not there")
    assert "some are there twice" in told["outcomes.csv.gz"]
    assert told["participations.csv.gz"].startswith('lacks 1 rows, compared with the N-Quads: it lacks ["https://')
    assert told["outcomes.parquet"].startswith("cannot be read: this is no Parquet")
    assert told["projects.parquet"].startswith("lacks the columns title, ")


_FUNDER = b'<div><dt>Funder</dt><dd><span class="one"><bdi>%s</bdi></span></dd></div>'
#: What is done to the page of a project, and what is told of it.
_PAGES: dict[str, Callable[[bytes], bytes]] = {
    "the title is 'Support of Belize": lambda page: page.replace(b"<h1><bdi>Support to", b"<h1><bdi>Support of"),
    "the status is 'Ongoing', and the endpoint says 'Finished'": lambda page: page.replace(b">Finished<", b">Ongoing<"),
    "the period is 'May 2018 – Mar 2020', and the endpoint says 'Apr 2018 – Mar 2020'": lambda page: page.replace(
        b"<dd>Apr 2018", b"<dd>May 2018"
    ),
    "the period is 'not there', and": lambda page: page.replace(b"<dt>Dates</dt>", b"<dt>Place</dt>"),
    "foundingDate in its JSON-LD is '2018-05'": lambda page: page.replace(b'"2018-04"', b'"2018-05"'),
    "links: 1 that the endpoint says are missing (https://w3id.org/cybilgraph/id/country/BZ as Country)": lambda page: (
        page.replace(b'<a href="/id/country/BZ">', b"<a>")
    ),
    "links: 1 that the endpoint does not say (https://w3id.org/cybilgraph/id/actor/dfat as Funder)": lambda page: (
        page.replace(b"<div><dt>Beneficiary", _FUNDER % b'<a href="/id/actor/dfat">DFAT</a>' + b"<div><dt>Beneficiary")
    ),
    "links: 1 that the endpoint does not say (The Lottery as Funder)": lambda page: page.replace(
        b"<div><dt>Beneficiary", _FUNDER % b"The Lottery" + b"<div><dt>Beneficiary"
    ),
    "links: 2 that the endpoint says are missing (https://w3id.org/cybilgraph/id/actor/gpd as Implementer)": (
        lambda page: page.replace(b"<dt>Implementer<", b"<dt>Funder<")
    ),
    "the name of https://w3id.org/cybilgraph/id/actor/gpd is 'Global Digital Partners', and": lambda page: page.replace(
        b'"/id/actor/gpd">Global Partners Digital', b'"/id/actor/gpd">Global Digital Partners', 1
    ),
    "other projects: 1 that the endpoint does not say (https://w3id.org/cybilgraph/id/project/GI-07)": lambda page: (
        page.replace(
            b"<div><dt>Beneficiary",
            b'<div><dt>Part of</dt><dd><a href="/id/project/GI-07">GLACY+</a></dd></div><div><dt>Beneficiary',
        )
    ),
    "evidence in the text: 1 that the endpoint says are missing (https://w3id.org/cybilgraph/id/actor/gpd: GPD": (
        lambda page: page.replace(b'data-label="Quote"><q><bdi>GPD supported', b'data-label="Quote"><q><bdi>GPD led')
    ),
    "the summary: 1 that the endpoint says are missing (Belize developed its first": lambda page: page.replace(
        b"<p><bdi>Belize developed its first", b"<p><bdi>Belize developed its second"
    ),
    "the context: 1 that the endpoint says are missing": lambda page: page.replace(
        b"<h2>Context</h2>", b"<h2>Why</h2>"
    ),
    "the outcomes: 1 that the endpoint does not say (Nothing has changed.)": lambda page: re.sub(
        rb"(<h2>Outcomes</h2>\s*<ul>)", rb"\1<li><bdi>Nothing has changed.</bdi></li>", page
    ),
    "contacts: 1 that the endpoint does not say (Jane Doe)": lambda page: page.replace(
        b"<h2>Contact</h2><ul>", b"<h2>Contact</h2><ul><li><bdi>Jane Doe</bdi></li>"
    ),
    "addresses of contacts: 1 that the endpoint says are missing (mailto:daniela": lambda page: page.replace(
        b"mailto:daniela@", b"mailto:jane@"
    ),
    "links to other sites: 1 that the endpoint does not say (Prize <https://evil.example/>)": lambda page: page.replace(
        b"<h2>Links</h2><ul>", b'<h2>Links</h2><ul><li><bdi><a href="https://evil.example/">Prize</a></bdi></li>'
    ),
    "description in its JSON-LD is 'Belize bought its first": lambda page: page.replace(
        b'"description": "Belize developed', b'"description": "Belize bought'
    ),
    "knowsAbout in its JSON-LD: 1 that the endpoint says are missing": lambda page: page.replace(
        b'"knowsAbout": [', b'"keywords": ['
    ),
    "member in its JSON-LD: 1 that the endpoint does not say": lambda page: page.replace(
        b'"member": [', b'"member": [{"@id": "https://w3id.org/cybilgraph/id/actor/dfat"}, '
    ),
}


@pytest.mark.parametrize("says", _PAGES)
def test_a_page_that_prints_something_else_is_found(way: FaultyProxy, tmp_path: Path, says: str) -> None:
    way.harmed["/id/project/G0020"] = _PAGES[says]
    with Site(way.url, attempts=2, pause=0.001) as site:
        printed = dict(SiteChecks(site, tmp_path, quick=True).checks())["page values"]
        with pytest.raises(SiteCheckFailed, match=f"^/id/project/G0020: {re.escape(says)}"):
            printed()


#: What is done to the page of an actor or a theme, and what is told of it.
_LINKED = {
    "/id/actor/gpd: 7 projects, and the endpoint counts 1": lambda page: page.replace(
        b'<p class="lead">1 project', b'<p class="lead">7 projects'
    ),
    "/id/actor/gpd: projects: 1 that the endpoint does not say "
    "(https://w3id.org/cybilgraph/id/project/G0020 as Funder)": lambda page: page.replace(
        b'data-label="Role">Implementer', b'data-label="Role">Implementer, Funder'
    ),
    "/id/theme/policy-and-strategy: projects: 1 that the endpoint says are missing "
    "(https://w3id.org/cybilgraph/id/project/G0020)": lambda page: page.replace(
        b"/id/project/G0020", b"/id/project/GI-07"
    ),
}


@pytest.mark.parametrize("says", _LINKED)
def test_a_list_of_other_projects_is_found(
    way: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    monkeypatch.setattr("cybilgraph.sync.verification.entity_pages._PAGES_PER_KIND", 1000)
    way.harmed[says.partition(":")[0]] = _LINKED[says]
    assert "; ".join(_made(way, tmp_path, "pages of lists")).startswith(says)


#: What is done to which path, by what is told of it; and the check that finds it.
_LISTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "/ prints 15 projects, and the endpoint counts 14: empty the caches": (
        "/",
        lambda page: page.replace(b"<strong>14</strong> projects", b"<strong>15</strong> projects"),
        "start page",
    ),
    "/ prints no number of organisations, and the endpoint counts": (
        "/",
        lambda page: page.replace(b"</strong> organisations involved", b"</strong> players involved"),
        "start page",
    ),
    "/ prints 2 / ": ("/", lambda page: page.replace(b"<p>Release 1 of", b"<p>Release 2 of"), "start page"),
    "/ tells search engines version 7, and it is 1": (
        "/",
        lambda page: page.replace(b'"version": "1"', b'"version": "7"'),
        "start page",
    ),
    "/ tells search engines contentUrl /release/1/other.nq.gz, which is no file of release 1; "
    "/ tells search engines no contentUrl of 1 files (cybilgraph.nq.gz)": (
        "/",
        lambda page: page.replace(b"/release/1/cybilgraph.nq.gz", b"/release/1/other.nq.gz"),
        "start page",
    ),
    "contentUrl names http://elsewhere/release/1/": (
        "/",
        lambda page: re.sub(rb'"contentUrl": "http://[^/]+/', b'"contentUrl": "http://elsewhere/', page),
        "start page",
    ),
    "/ tells search engines contentSize of cybilgraph.jsonld.gz as 7 B, and it is": (
        "/",
        lambda page: re.sub(rb'"contentSize": "[0-9]+ B"', b'"contentSize": "7 B"', page),
        "start page",
    ),
    "of /sitemap.xml: it lacks 1 projects (/id/project/G0020): empty": (
        "/sitemap-1.xml",
        lambda told: re.sub(rb"<url><loc>[^<]*/G0020</loc>.*", b"", told),
        "sitemap",
    ),
    "of /sitemap.xml: it has 1 projects that are not there, or are there twice (/id/project/none)": (
        "/sitemap-1.xml",
        lambda told: re.sub(rb"(<url><loc>[^<]*/)G0020(</loc>.*)", rb"\g<0>\1none\2", told),
        "sitemap",
    ),
    "of /sitemap.xml: it names /no-such-page, which is answered with 404": (
        "/sitemap-1.xml",
        lambda told: told.replace(b"/about<", b"/no-such-page<"),
        "sitemap",
    ),
    "/sitemap-1.xml names http://elsewhere/": (
        "/sitemap-1.xml",
        lambda told: re.sub(rb"http://127[^/]+/", b"http://elsewhere/", told),
        "sitemap",
    ),
    "/sitemap.xml cannot be read: it is no XML": ("/sitemap.xml", lambda told: told[:-20], "sitemap"),
    "of /releases.json: projects of release 1 is 15, and /release/1.json says 14: empty": (
        "/releases.json",
        lambda told: told.replace(b'"projects":14', b'"projects":15'),
        "releases",
    ),
    "of /releases.json: as the current one it tells [], and release 1 is served": (
        "/releases.json",
        lambda told: told.replace(b'"current":true', b'"current":false'),
        "releases",
    ),
}


@pytest.mark.parametrize("says", _LISTS)
def test_what_is_listed_otherwise_than_it_is_is_found(way: FaultyProxy, tmp_path: Path, says: str) -> None:
    path, harm, name = _LISTS[says]
    way.harmed[path] = harm
    told = _made(way, tmp_path, "endpoint", "dumps", "graph", name)
    assert "; ".join(told).startswith(says)


@pytest.mark.parametrize(
    ("header", "value", "says"),
    [
        ("Content-Type", "text/plain", "is sent as text/plain, and is application/gzip"),
        ("Content-Encoding", "gzip", "is packed once more on its way (gzip)"),
        ("Content-Disposition", "inline", "is to be saved under its name, and is told to be inline"),
    ],
)
def test_a_file_that_is_sent_as_another_is_found(
    way: FaultyProxy, tmp_path: Path, header: str, value: str, says: str
) -> None:
    name = "projects.csv.gz"
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=True).checks())
        checks["dumps"]()
        way.retold[f"/{name}"] = {header: value}
        with pytest.raises(SiteCheckFailed) as wrong:
            checks["file types"]()
    assert str(wrong.value).startswith(f"/release/1/{name} {says}")


def test_links_to_other_sites_are_counted(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed["/.well-known/void"] = lambda body: re.sub(rb'(#links-1> <\S+#triples> ")', rb"\g<1>1", body)
    told = _made(way, tmp_path, "endpoint", "VoID")
    assert len(told) == 1
    assert re.match(r"void:triples of links by \S+ to http\S+ is 1[0-9]+, and the endpoint counts [0-9]+$", told[0])


def test_a_manifest_is_told_with_its_place_and_what_to_do(way: FaultyProxy, tmp_path: Path) -> None:
    way.harmed["/release/1.json"] = lambda body: re.sub(rb'("projects": )', rb"\g<1>9", body)
    [told] = _made(way, tmp_path, "endpoint", "manifest")
    assert re.match(r"/release/1\.json tells of 9[0-9]+ projects \(counts\.projects\), and the endpoint has", told)
    assert told.endswith("activate a release that is whole (cybilgraph releases), or build it again")
    way.harmed["/release/1.json"] = lambda body: b"<html>Log in</html>"
    [told] = _made(way, tmp_path, "endpoint", "manifest")
    assert told.startswith("/release/1.json is no JSON, but application/json")


@pytest.fixture(scope="module")
def publisher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    with published(tmp_path_factory.mktemp("site")) as publisher:
        yield publisher


def test_changes_that_do_not_lead_to_the_release_are_found(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way, Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, tmp_path, quick=False).checks())
        for name in ("endpoint", "dumps", "graph"):
            checks[name]()
        assert checks["patch"]() == "release 2 with what has changed since is release 3"
        way.harmed["/changes.rdfp"] = lambda body: re.sub(rb"\nA [^\n]*\n", b"\n", body, count=1)
        with pytest.raises(
            SiteCheckFailed, match=r"^release 2 with /changes\S+ is not release 3: it lacks 1 statements"
        ):
            checks["patch"]()
        way.harmed["/changes.rdfp"] = lambda body: body.replace(b"\nD <", b"\nD <x:none> <x:none> <", 1)
        with pytest.raises(SiteCheckFailed, match="cannot be applied to the dump of release 2: The"):
            checks["patch"]()


#: What is done to what is told of changes, and what is told of that.
_WORDS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    r"/changes.json?since=2&until=3 lacks 1 records and has 1 records that are not there, compared with the N-Quads: "
    r'it has ["https://w3id.org/cybilgraph/record/G0020", "status: Finished → Cancelled."': (
        "/changes.json",
        lambda body: body.replace("→ Ongoing".encode(), "→ Cancelled".encode()),
    ),
    'it lacks ["https://w3id.org/cybilgraph/record/G0020", "status: Finished → Ongoing.", {': (
        "/changes.json",
        lambda body: body.replace(b'"new": ["Ongoing"]', b'"new": ["Planned"]'),
    ),
    'it lacks ["the head", {"counts": {"added": 0,': (
        "/changes.json",
        lambda body: body.replace(b'"added": 0', b'"added": 1'),
    ),
    "/changes.atom?since=2&until=3 lacks 1 records and has 1 records that are not there, compared with the N-Quads: "
    'it has ["https://w3id.org/cybilgraph/record/G0020", "Support to Belize National Cyber Security Strategy", "': (
        "/changes.atom",
        lambda body: body.replace("→ Ongoing".encode(), "→ Cancelled".encode()),
    ),
    '"changed", "/id/project/G0020"]: empty the caches': (
        "/changes.atom",
        lambda body: body.replace(b"/id/project/G0020", b"/id/project/G0021"),
    ),
    'lacks 1 records, compared with the N-Quads: it lacks ["https://w3id.org/cybilgraph/record/G0020", "Support': (
        "/changes.atom",
        lambda body: re.sub(rb"(?s)<entry>.*</entry>", b"", body),
    ),
}


@pytest.mark.parametrize("says", _WORDS)
def test_words_of_changes_that_are_others_are_found(publisher: Publisher, tmp_path: Path, says: str) -> None:
    path, harm = _WORDS[says]
    with FaultyProxy(publisher.url) as way:
        way.harmed[path] = harm
        told = _made(way, tmp_path, "endpoint", "dumps", "graph", "words of changes")
    assert says in "; ".join(told)


def test_a_site_of_several_releases_holds(publisher: Publisher) -> None:
    with FaultyProxy(publisher.url) as way:
        found = proven(way, quick=False)
    assert [check for check in found.checks if check.outcome is not Outcome.HOLDS] == []
    [words] = [check.says for check in found.checks if check.name == "words of changes"]
    assert words == "1 records are told since release 2 as both graphs give them"


def test_a_release_that_is_not_listed_is_found(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.harmed["/releases.json"] = lambda body: json.dumps(
            [row for row in json.loads(body) if row["release"] != 2]
        ).encode()
        [told] = _made(way, tmp_path, "endpoint", "releases")
    assert told.startswith("of /releases.json: it does not name release 2, which is there: empty the caches")
