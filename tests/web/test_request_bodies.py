"""Request bodies: size limits per route, decoding in workers only, responses of limited size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from tests.bench.served.client import Address, Monitor, exchange
from tests.bench.served.scans import BODIES, body
from tests.conftest import ROOT, run, running_server
from tests.support.check_requests import Controls, form, part, post, submit
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow

URL_ENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xyz"
#: The server itself decodes nothing longer, except queries.
LONGEST = 350_000


def table(rows: int) -> bytes:
    """Records with several findings each."""
    return b"title,status,from,to\n" + b"".join(b"Project %d,Finishd,Apr 2018,Mar 2017\n" % n for n in range(rows))


@pytest.mark.parametrize(
    ("path", "size", "limit"),
    [
        ("/api/check", 2_100_000, "2,000,000"),
        ("/check", 2_100_000, "2,000,000"),
        ("/suggest/G0020", 1_900_000, "1,000,000"),
        ("/sparql", 3_390_000, "3,030,000"),
        ("/sparql/use", 4_900_000, "3,030,000"),
        ("/", 1_900_000, "10,000"),
        ("/api/queries/example-actors-by-type", 390_000, "10,000"),
    ],
)
def test_body_over_route_limit_is_refused(portal: str, path: str, size: int, limit: str) -> None:
    reply = post(portal, b"query=" + b"%" * size, URL_ENCODED, BROWSER, path)
    assert reply.status == 413
    assert f"{limit} bytes" in reply.body.decode()
    assert len(reply.body) < 10_000


@pytest.mark.parametrize("unit", [b"%", b"%41", b"a"])
@pytest.mark.parametrize("path", ["/sparql", "/sparql/use"])
def test_query_over_limit_is_refused_and_not_repeated(portal: str, path: str, unit: bytes) -> None:
    sent = b"format=html&query=" + unit * 1_009_900
    reply = post(portal, sent, URL_ENCODED, BROWSER, path)
    assert reply.status == 400
    assert "longer than 1,000,000 bytes" in reply.body.decode()
    assert len(reply.body) < 10_000


@pytest.mark.parametrize(
    ("names", "row"),
    [
        ("?project", "<https://example.org/a-project-with-a-rather-long-identifier/{0}>"),
        ("(?project ?country)", "(<https://example.org/a-project-with-a-rather-long-identifier/{0}> country:C{0})"),
    ],
)
def test_values_of_5000_iris_are_accepted(portal: str, names: str, row: str) -> None:
    rows = " ".join(map(row.format, range(5_000)))
    query = f"SELECT (COUNT(*) AS ?n) {{ VALUES {names} {{ {rows} }} }}"
    assert len(query) > 300_000
    for sent, content_type in (
        (query.encode(), "application/sparql-query"),
        (urlencode({"query": query}).encode(), URL_ENCODED),
    ):
        reply = post(portal, sent, content_type, "text/csv", "/sparql")
        assert (reply.status, reply.body) == (200, b"n\r\n5000\r\n")


def test_body_of_very_many_chunks_is_refused(releases: Path) -> None:
    head = b"POST /sparql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/sparql-query\r\n"
    head += b"transfer-encoding: chunked\r\n\r\n"
    with running_server(releases, "--body-seconds", 200) as url:  # chunks take processor time
        address = Address(urlsplit(url).port or 0, "/sparql")
        few = exchange(address, head + b"1\r\nA\r\n1\r\nS\r\n1\r\nK\r\n3\r\n { \r\n1\r\n}\r\n0\r\n\r\n", wait=60)
        many = exchange(address, head + b"1\r\n \r\n" * 10_001 + b"0\r\n\r\n", wait=200)
    assert few.status == 200
    assert many.status == 413
    assert b"more than 10,000 chunks" in many.body


def test_refused_query_within_limit_stays_in_form(portal: str) -> None:
    query = "SELECT * { " + "# comment\n" * 2_000
    reply = post(portal, query.encode(), "application/sparql-query", BROWSER, "/sparql")
    assert reply.status == 400
    assert Controls(reply.body).fields["query"] == query


#: Loaded by each Python process of the server at start: logs every call that decodes a long text.
_OBSERVER = """
import json
import sys
import urllib.parse
from werkzeug.formparser import FormDataParser

def observed(name, decode, size):
    def wrapper(*given, **named):
        if size(given) > LONGEST and not any("check_worker" in word for word in sys.orig_argv):
            print(f"DECODED {size(given)} by {name}", file=sys.stderr, flush=True)
        return decode(*given, **named)
    return wrapper

json.loads = observed("json.loads", json.loads, lambda given: len(given[0]))
for name in ("parse_qsl", "unquote", "unquote_to_bytes", "unquote_plus"):
    setattr(urllib.parse, name, observed(name, getattr(urllib.parse, name), lambda given: len(given[0])))
FormDataParser.parse = observed("FormDataParser", FormDataParser.parse, lambda given: (given[3] or 0))
"""


@pytest.fixture(scope="module")
def observed(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_server]:
    """A server that logs when its main process decodes a long body, with a health check in parallel."""
    folder = tmp_path_factory.mktemp("observer")
    (folder / "sitecustomize.py").write_text(f"LONGEST = {LONGEST}\n{_OBSERVER}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        server = running_server(releases, "--suggestions", folder / "queue", "--rate", 100_000, fresh=True)
        with server as url:
            with Monitor(Address(urlsplit(url).port or 0, "/healthz"), 0.01) as alive:
                yield server
            assert alive.seconds
            assert not alive.failures, "health checks must be answered in the meantime"


@pytest.mark.parametrize("path", ["/api/check", "/check", "/suggest/G0020"])
@pytest.mark.parametrize("name", [name for name in BODIES if name != "rows with findings"])
def test_long_bodies_are_decoded_in_workers_only(observed: running_server, path: str, name: str) -> None:
    content_type, sent = body(BODIES[name], 990_000)
    before = len(observed.log)
    reply = post(observed.url, sent, content_type, BROWSER if path != "/api/check" else "*/*", path)
    assert reply.status in (200, 400, 413, 415, 422), reply.body[:500]
    assert "DECODED" not in observed.log[before:]


def test_no_page_decodes_request_body() -> None:
    """Flask decodes the body when one of these attributes is read."""
    decoding = re.compile(r"\brequest\.(form|values|files|json|get_json)\b")
    for path in (ROOT / "src" / "cybilgraph" / "web").rglob("*.*"):
        if path.suffix in (".py", ".html"):
            assert not decoding.search(path.read_text(encoding="utf-8")), path


def test_text_that_is_not_a_string_is_refused(portal: str) -> None:
    sent = b'{"text":[' + b"[]," * 600_000 + b"[]]}"
    reply = post(portal, sent, "application/json")
    assert reply.status == 400
    assert json.loads(reply.body)["detail"] == "'text' must be a string"


def test_report_is_limited_but_totals_match_command_line(portal: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(table(600))
    whole = json.loads(run("check", "a.csv", "-f", "json", cwd=tmp_path).stdout)
    report = json.loads(post(portal, form(part("file", table(600), "a.csv")), MULTIPART).body)
    assert report["counts"] == whole["counts"]
    assert report["records"] == whole["records"] == 600
    assert len(report["findings"]) <= 1_000 < len(whole["findings"])
    assert report["findings"] == whole["findings"][: len(report["findings"])]
    omitted = sum(each["count"] for each in report["omitted"])
    assert len(report["findings"]) + omitted == len(whole["findings"])
    assert f"{omitted:,} more findings are not listed" in report["note"]
    assert "cybilgraph check" in report["note"]
    assert (whole["omitted"], whole["note"]) == ([], "")


@pytest.mark.parametrize("name", ["json", "html", "sarif", "junit", "turtle", "csv", "text", "github"])
def test_every_report_format_is_limited(portal: str, name: str) -> None:
    sizes = [len(post(portal, table(rows), "text/csv", path=f"/api/check?format={name}").body) for rows in (600, 1_200)]
    assert max(sizes) < 2_500_000
    assert sizes[1] - sizes[0] < 100_000


def test_page_of_long_report_is_limited_and_counts_omitted_findings(portal: str) -> None:
    reply = post(portal, form(part("file", table(600), "a.csv"), part("lang", b"en")), MULTIPART, BROWSER, "/check")
    assert reply.status == 200
    assert len(reply.body) < 2_000_000
    assert "more findings are not listed. To list all of them, run: cybilgraph check FILE" in reply.body.decode()


def test_refused_sender_fields_are_truncated(portal: str) -> None:
    fields = Controls(http(f"{portal}/suggest/G0020", Accept=BROWSER).body).fields
    reply = submit(
        portal, "/suggest/G0020", **fields | {"send": "yes", "comment": "x" * 900_000, "sender": "y" * 5_000}
    )
    assert reply.status == 422
    assert len(reply.body) < 100_000
    found = Controls(reply.body).fields
    assert (len(found["comment"]), len(found["sender"])) == (2_000, 200)


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/", "/sparql?query=ASK%7B%7D"])
@pytest.mark.parametrize("other", ["localhost", "example.org", ""])
def test_duplicate_host_header_is_refused(portal: str, path: str, other: str) -> None:
    address = Address(urlsplit(portal).port or 0, path)
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: {other}\r\nConnection: close\r\n\r\n"
    assert exchange(address, head.encode()).status == 400
