"""Release files over HTTP: names, media types, conditional requests, ranges, and damage."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import socket
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cybilgraph.release import Releases
from tests.support.http_client import BROWSER, HTML, PROBLEM
from tests.support.release_files import DUMP, get

pytestmark = pytest.mark.slow


def test_release_files_are_served_unchanged(shelf: str, shelf_folder: Path) -> None:
    for number in (3, 4):
        release = Releases(shelf_folder).get(number)
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
        ("cybilgraph.nq.zst", "application/zstd", "attachment"),
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


def test_matching_condition_gets_304(shelf: str, shelf_folder: Path) -> None:
    target = f"/latest/{DUMP}"
    first = get(shelf, target)
    created = json.loads((shelf_folder / "0004" / "manifest.json").read_text())["created"]
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
        ("/latest/network-nodes.csv", 404, "There is 'network-nodes.csv.gz'"),
        ("/latest/cybilgraph.trig.gz", 410, "no longer published"),
        ("/latest/cybilgraph.ttl.zst", 410, "no longer published"),
    ],
)
def test_missing_or_damaged_file_is_reported(
    shelf: str, shelf_folder: Path, target: str, status: int, says: str
) -> None:
    reply = get(shelf, target)
    assert (reply.status, reply.type) == (status, PROBLEM)
    assert says in reply.problem["detail"]
    assert str(shelf_folder) not in reply.body.decode()
    page = get(shelf, target, Accept=BROWSER)
    assert (page.status, page.type) == (status, HTML)


def test_file_damaged_at_runtime_is_not_sent(shelf: str, shelf_folder: Path) -> None:
    for number, name in ((3, DUMP), (4, DUMP), (4, "manifest.json"), (4, "dcat.ttl")):
        target = f"/latest/{name}" if number == 4 else f"/release/{number}/{name}"
        good = get(shelf, target)
        file = Releases(shelf_folder).get(number).served_files()[name]
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


def test_only_reading_methods_are_allowed(shelf: str) -> None:
    assert get(shelf, f"/latest/{DUMP}", "DELETE").status == 405
    options = get(shelf, f"/latest/{DUMP}", "OPTIONS")
    assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


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
