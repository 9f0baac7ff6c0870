"""Release files over HTTP: listing, names, conditional requests, ranges, and damage."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cybilgraph import pipeline
from cybilgraph.release import Releases
from cybilgraph.release.graph_file import GRAPH
from tests.conftest import RECORDS, SEED, running_server
from tests.support.http_client import BROWSER, HTML, PROBLEM, Reply, send

DUMP = "cybilgraph.nq.gz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build four releases: the first removed, the second with a damaged dump, the last current."""
    folder = tmp_path_factory.mktemp("shelf")
    for sources in ([SEED], [SEED], [SEED, RECORDS / "cmm-review-samoa.txt"], [SEED]):
        pipeline.build(sources, folder)
    shutil.rmtree(folder / "0001")
    dump = folder / "0002" / "public" / DUMP
    content = bytearray(dump.read_bytes())
    content[1000] ^= 1
    dump.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def shelf(folder: Path) -> Iterator[str]:
    with running_server(folder) as url:
        yield url


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start a server with one release that accepts suggestions; yield its URL and the release folder."""
    into = tmp_path_factory.mktemp("own")
    pipeline.build([SEED], into)
    with running_server(into, "--suggestions", tmp_path_factory.mktemp("suggestions")) as url:
        yield url, into / "0001"


def get(shelf: str, target: str, method: str = "GET", **headers: str) -> Reply:
    return send(shelf, method, target, **headers)


def test_release_files_are_served_unchanged(shelf: str, folder: Path) -> None:
    for number in (3, 4):
        release = Releases(folder).get(number)
        sums = dict(
            line.split()[::-1] for line in get(shelf, f"/release/{number}/SHA256SUMS").body.decode().splitlines()
        )
        assert sums.keys() == release.served_files().keys() - {"SHA256SUMS"}
        for name, path in release.served_files().items():
            reply = get(shelf, f"/release/{number}/{name}")
            content = path.read_bytes()
            if name == "SHA256SUMS":
                content = content.replace(b"  public/", b"  ")
            assert (reply.status, reply.body) == (200, content), name
            assert reply.headers["cybilgraph-release"] == str(number)
            assert "content-encoding" not in reply.headers
            assert f'filename="{name}"' in reply.headers["content-disposition"]
            digest = hashlib.sha256(reply.body).hexdigest()
            assert reply.headers["etag"] == f'"{digest}"'
            assert sums.get(name, digest) == digest
            head = get(shelf, f"/release/{number}/{name}", "HEAD")
            assert (head.status, head.body) == (200, b"")
            assert int(head.headers["content-length"]) == len(reply.body)
            assert {k: v for k, v in head.headers.items() if k != "date"} == {
                k: v for k, v in reply.headers.items() if k != "date"
            }


@pytest.mark.parametrize(
    ("name", "content_type", "shown"),
    [
        (DUMP, "application/gzip", "attachment"),
        ("cybilgraph.ttl.zst", "application/zstd", "attachment"),
        ("projects.csv.gz", "application/gzip", "attachment"),
        ("projects.parquet", "application/vnd.apache.parquet", "attachment"),
        ("manifest.json", "application/json", "inline"),
        ("SHA256SUMS", "text/plain; charset=utf-8", "inline"),
    ],
)
def test_files_have_media_type_and_file_name(shelf: str, name: str, content_type: str, shown: str) -> None:
    reply = get(shelf, f"/latest/{name}")
    assert reply.type == content_type
    assert reply.headers["content-disposition"] == f'{shown}; filename="{name}"'
    assert reply.headers["link"] == f'</release/4/{name}>; rel="canonical"'
    assert reply.headers["cybilgraph-release"] == "4"
    assert reply.headers["access-control-allow-origin"] == "*"


def test_matching_condition_gets_304(shelf: str, folder: Path) -> None:
    target = f"/latest/{DUMP}"
    first = get(shelf, target)
    created = json.loads((folder / "0004" / "manifest.json").read_text())["created"]
    assert parsedate_to_datetime(first.headers["last-modified"]).isoformat() == created
    tag, date = first.headers["etag"], first.headers["last-modified"]
    for headers in ({"If_None_Match": tag}, {"If_None_Match": f'"x", W/{tag}'}, {"If_Modified_Since": date}):
        for method in ("GET", "HEAD"):
            reply = get(shelf, target, method, **headers)
            assert (reply.status, reply.body) == (304, b"")
            assert reply.headers["etag"] == tag
            assert "content-length" not in reply.headers or reply.headers["content-length"] == "0"
    assert get(shelf, target, If_None_Match='"other"', If_Modified_Since=date).status == 200
    assert get(shelf, target, If_Modified_Since="Sat, 01 Jan 2000 00:00:00 GMT").status == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=5-99999999", 5, None)],
)
def test_range_returns_a_part(shelf: str, asked: str, start: int, stop: int | None) -> None:
    whole = get(shelf, f"/release/3/{DUMP}")
    size = len(whole.body)
    assert whole.headers["accept-ranges"] == "bytes"
    part = get(shelf, f"/release/3/{DUMP}", Range=asked)
    assert (part.status, part.body) == (206, whole.body[start:stop])
    first = start if start >= 0 else size + start
    assert part.headers["content-range"] == f"bytes {first}-{first + len(part.body) - 1}/{size}"
    assert part.headers["etag"] == whole.headers["etag"]


def test_if_range_returns_a_part_only_of_the_same_file(shelf: str) -> None:
    whole = get(shelf, f"/latest/{DUMP}")
    tag, date = whole.headers["etag"], whole.headers["last-modified"]
    assert get(shelf, f"/latest/{DUMP}", Range="bytes=7-", If_Range=tag).body == whole.body[7:]
    assert get(shelf, f"/latest/{DUMP}", Range="bytes=7-", If_Range=date).status == 206
    for other in ('"other"', f"W/{tag}", "Sat, 01 Jan 2000 00:00:00 GMT"):
        reply = get(shelf, f"/latest/{DUMP}", Range="bytes=7-", If_Range=other)
        assert (reply.status, reply.body) == (200, whole.body), other
    beyond = get(shelf, f"/latest/{DUMP}", Range=f"bytes={len(whole.body)}-")
    assert (beyond.status, beyond.type) == (416, PROBLEM)
    assert beyond.headers["content-range"] == f"bytes */{len(whole.body)}"
    for passed_over in ("bytes=0-1,5-6", "lines=1-2", "bytes=x"):
        reply = get(shelf, f"/latest/{DUMP}", Range=passed_over)
        assert (reply.status, reply.body) == (200, whole.body), passed_over
    assert get(shelf, f"/latest/{DUMP}", "HEAD", Range="bytes=0-9").status == 200


def test_failed_precondition_gets_412(shelf: str) -> None:
    path = f"/latest/{DUMP}"
    whole = get(shelf, path)
    tag, date = whole.headers["etag"], whole.headers["last-modified"]
    earlier, later = "Thu, 01 Jan 2015 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for given, status in (
        ({"If_Match": tag}, 200),
        ({"If_Match": f'"other", {tag}'}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"other"'}, 412),
        ({"If_Match": f"W/{tag}"}, 412),
        ({"If_Unmodified_Since": date}, 200),
        ({"If_Unmodified_Since": later}, 200),
        ({"If_Unmodified_Since": "nonsense"}, 200),
        ({"If_Unmodified_Since": earlier}, 412),
        ({"If_Match": tag, "If_Unmodified_Since": earlier}, 200),
        ({"If_Match": '"other"', "If_Unmodified_Since": later}, 412),
        ({"If_Match": '"other"', "If_None_Match": tag}, 412),
        ({"If_Match": tag, "If_None_Match": tag}, 304),
    ):
        for method, part in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-9"})):
            reply = get(shelf, path, method, **given, **part)
            assert reply.status == (206 if part and status == 200 else status), (given, part)
            if status == 412:
                assert reply.headers["content-type"].startswith("application/problem+json")
                assert len(reply.body) < 1_000
    assert get(shelf, path, If_Match=tag, Range="bytes=0-9").body == whole.body[:10]


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        (f"/release/1/{DUMP}", 410, "no longer available"),
        (f"/release/2/{DUMP}", 503, "is damaged"),
        (f"/release/9/{DUMP}", 404, "There is no release 9"),
        ("/release/1.json", 410, "no longer available"),
        ("/release/2", 503, "is damaged"),
        ("/release/4/passwd", 404, "has no file 'passwd'"),
        ("/latest/..%2f0003%2fgraph.nq.zst", 404, ""),
        ("/latest/graph.nq.zst", 404, "has no file"),
    ],
)
def test_missing_or_damaged_file_is_reported(shelf: str, folder: Path, target: str, status: int, says: str) -> None:
    reply = get(shelf, target)
    assert (reply.status, reply.type) == (status, PROBLEM)
    assert says in reply.problem["detail"]
    assert str(folder) not in reply.body.decode()
    page = get(shelf, target, Accept=BROWSER)
    assert (page.status, page.type) == (status, HTML)


def test_file_damaged_at_runtime_is_not_sent(shelf: str, folder: Path) -> None:
    for number, name in ((3, DUMP), (4, DUMP), (4, "manifest.json"), (4, "dcat.ttl")):
        target = f"/latest/{name}" if number == 4 else f"/release/{number}/{name}"
        good = get(shelf, target)
        file = Releases(folder).get(number).served_files()[name]
        written = file.stat().st_mtime_ns
        file.write_bytes(bytes([*good.body[:-9], good.body[-9] ^ 1, *good.body[-8:]]))
        os.utime(file, ns=(written, written))
        for method, headers in (("GET", {}), ("HEAD", {}), ("GET", {"Range": "bytes=0-9"})):
            assert get(shelf, target, method, **headers).status == 503
        problem = get(shelf, target).problem
        assert f"{name} of release {number} is damaged" in problem["detail"]
        assert "/releases" in problem["hint"]
        assert get(shelf, "/latest/projects.csv.gz").status == 200
        assert b"\ncybilgraph_damaged_files 1.0" in get(shelf, "/metrics").body
        if name == "dcat.ttl":
            assert get(shelf, "/catalog", Accept="text/turtle").status == 503
        file.write_bytes(good.body)
        again = get(shelf, target)
        assert (again.status, again.body, again.headers["etag"]) == (200, good.body, good.headers["etag"])
    assert b"\ncybilgraph_damaged_files 0.0" in get(shelf, "/metrics").body


def test_graph_damaged_at_runtime_gives_no_changes(shelf: str, folder: Path) -> None:
    graph = folder / "0003" / GRAPH
    good = graph.read_bytes()
    graph.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
    for target in ("/changes.rdfp?since=3&until=4", "/changes?until=3&since=2", "/feed/4"):
        reply = get(shelf, target)
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")
        assert "graph.nq.zst of release 3 is damaged" in reply.problem["detail"]
    assert b"\ncybilgraph_damaged_files 1.0" in get(shelf, "/metrics").body
    graph.write_bytes(good)
    assert get(shelf, "/changes.rdfp?since=3&until=4").status == 200
    assert b"\ncybilgraph_damaged_files 0.0" in get(shelf, "/metrics").body


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("search.sqlite", "/search?q=Belize"),
        ("search.sqlite", "/search.csv?q=Belize"),
        ("identities.csv", "/sitemap-1.xml"),
        ("sources.sqlite", "/suggest/G0020"),
    ],
)
def test_index_damaged_at_runtime_is_not_used(own: tuple[str, Path], name: str, target: str) -> None:
    url, release = own
    page = get(url, "/id/project/G0020", Accept=BROWSER).body
    assert get(url, target).status == 200
    file, aside = release / name, release / "aside"
    good = file.read_bytes()
    place = good.index(b"Belize") if b"Belize" in good else len(good) // 2
    for damage in (
        lambda: file.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]),
        lambda: file.rename(aside),
    ):
        damage()
        reply = get(url, target)
        assert (reply.status, reply.headers["retry-after"]) == (503, "5")
        assert f"{name} of release 1 is damaged" in reply.problem["detail"]
        assert b"\ncybilgraph_damaged_files 1.0" in get(url, "/metrics").body
        other = get(url, "/id/project/G0020", Accept=BROWSER)
        assert other.status == 200
        assert (b"The results of the check are not available" in other.body) is (name == "search.sqlite")
        aside.unlink(missing_ok=True)
        file.write_bytes(good)
        assert get(url, target).status == 200
        assert get(url, "/id/project/G0020", Accept=BROWSER).body == page
    assert b"\ncybilgraph_damaged_files 0.0" in get(url, "/metrics").body


def test_changes_survive_removal_of_temporary_files(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running_server(folder) as url:
        right = get(url, "/changes.rdfp?since=3&until=4")
        assert right.status == 200
        for taken in ("cybilgraph.changes.*", "cybilgraph.changes.*/*", "cybilgraph.changes.*/*/quads"):
            [there] = temporary.glob(taken)
            shutil.rmtree(there) if there.is_dir() else there.unlink()
            again = get(url, "/changes.rdfp?since=3&until=4")
            assert (again.status, again.body) == (200, right.body)


def test_only_reading_methods_are_allowed(shelf: str) -> None:
    assert get(shelf, f"/latest/{DUMP}", "DELETE").status == 405
    options = get(shelf, f"/latest/{DUMP}", "OPTIONS")
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_releases_are_listed_and_have_pages(shelf: str) -> None:
    rows = json.loads(get(shelf, "/releases.json").body)
    assert [(row["release"], row["current"], row["projects"]) for row in rows] == [
        (4, True, 1),
        (3, False, 2),
        (2, False, 1),
    ]
    page = get(shelf, "/releases", Accept=BROWSER).body.decode()
    assert 'href="/release/3"' in page
    page = get(shelf, "/release/3", Accept=BROWSER).body.decode()
    for words in ("2 projects", f'href="/release/3/{DUMP}"', "as N-Quads (gzip)", "as Parquet"):
        assert words in page, words
    assert "This is the current release" in get(shelf, "/release/4", Accept=BROWSER).body.decode()
    assert json.loads(get(shelf, "/release/3.json").body)["release"] == 3


def test_slow_readers_do_not_delay_others(shelf: str) -> None:
    place = urlsplit(shelf)
    with contextlib.ExitStack() as stack:
        for _ in range(60):  # more than the number of threads
            slow = stack.enter_context(socket.create_connection((place.hostname, place.port)))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            slow.sendall(f"GET /latest/{DUMP} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert get(shelf, "/sparql?query=ASK%20{}", Accept="text/csv, application/sparql-results+json").status == 200
        assert gzip.decompress(get(shelf, f"/latest/{DUMP}").body)
        assert get(shelf, "/releases", Accept=BROWSER).status == 200


def test_release_of_an_older_version_has_pages(tmp_path: Path) -> None:
    """A release without downloads, checksums, descriptions and search index."""
    release, _ = pipeline.build([SEED], tmp_path, dumps=False)
    shutil.rmtree(release.folder / "public")
    for name in ("SHA256SUMS", "search.sqlite"):
        (release.folder / name).unlink()
    files = {name: sum_ for name, sum_ in release.manifest["files"].items() if "public" not in name}
    del files["search.sqlite"]
    manifest = {name: value for name, value in release.manifest.items() if name != "public"} | {"files": files}
    (release.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with running_server(tmp_path) as url:
        for target in ("/", "/releases", "/release/1", "/search?q=belize", "/id/project/G0020", "/sitemap.xml"):
            assert send(url, "GET", target, Accept=BROWSER).status == 200, target
        assert (
            b"The results of the check are not available" in send(url, "GET", "/id/project/G0020", Accept=BROWSER).body
        )
        for target in ("/catalog", "/.well-known/void", "/latest/SHA256SUMS"):
            assert send(url, "GET", target).status == 404, target
        assert send(url, "GET", "/latest/report.json").status == 200
