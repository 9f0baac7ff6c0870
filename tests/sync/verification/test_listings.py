"""Wrong entries of the start page, the sitemap, the releases and the files are found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification.site_checks import SiteChecks
from cybilgraph.sync.verification.site_client import SiteCheckFailed
from tests.support.publisher import FaultyProxy, Publisher
from tests.support.verification import problems_of

pytestmark = pytest.mark.slow

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
    problems = problems_of(way, tmp_path, "endpoint", "dumps", "graph", name)
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
        way.replaced_headers[f"/{name}"] = {header: value}
        with pytest.raises(SiteCheckFailed) as wrong:
            checks["file types"]()
    assert str(wrong.value).startswith(f"/release/1/{name} {problem}")


def test_unlisted_release_is_found(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.harmed["/releases.json"] = lambda body: json.dumps(
            [row for row in json.loads(body) if row["release"] != 2]
        ).encode()
        [problems] = problems_of(way, tmp_path, "endpoint", "releases")
    assert problems.startswith("/releases.json: release 2 exists but is not listed: clear the caches")
