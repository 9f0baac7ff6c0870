"""Requests that are pinned to a release by its number."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import psutil
import pytest

from cybilgraph import pipeline
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.web.api.protocol import PINNED
from tests.conftest import RECORDS, SEED, running_server
from tests.support.http_client import BROWSER, PROBLEM, SLOW, Reply, q, send

pytestmark = pytest.mark.slow

COUNT = "SELECT (COUNT(?p) AS ?n) { ?p a cyb:Project }"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a server with four releases: the first removed, the second damaged, the third with one more project."""
    folder = tmp_path_factory.mktemp("shelf")
    another = RECORDS / "cmm-review-samoa.txt"
    for sources in ([SEED], [SEED], [SEED, another], [SEED]):
        pipeline.build(sources, folder)
    shutil.rmtree(folder / "0001")
    with (folder / "0002" / GRAPH).open("a") as file:
        file.write("<http://x/a> <http://x/b> <http://x/c> .\n")
    with running_server(folder) as url:
        yield url


def ask(shelf: str, release: str = "", **headers: str) -> Reply:
    pairs = q(COUNT, format="csv") + ([("release", release)] if release else [])
    return send(shelf, "GET", f"/sparql?{urlencode(pairs)}", **headers)


def test_every_release_answers_under_its_number(shelf: str) -> None:
    now, earlier, pinned = ask(shelf), ask(shelf, "3"), ask(shelf, "4")
    assert (now.body, earlier.body, pinned.body) == (b"n\r\n1\r\n", b"n\r\n2\r\n", b"n\r\n1\r\n")
    assert [reply.headers["cybilgraph-release"] for reply in (now, earlier, pinned)] == ["4", "3", "4"]
    assert "max-age=60" in now.headers["cache-control"]
    assert earlier.headers["cache-control"] == PINNED
    assert pinned.headers["cache-control"] == PINNED
    assert now.headers["etag"] == pinned.headers["etag"] != earlier.headers["etag"]
    assert now.headers["link"] == pinned.headers["link"]
    assert "release=3>" in earlier.headers["link"]
    assert ask(shelf, "3", If_None_Match=earlier.headers["etag"]).status == 304
    assert ask(shelf, "3", If_None_Match=now.headers["etag"]).body == earlier.body
    assert ask(shelf).body == now.body, "without a number, the current release answers"


@pytest.mark.parametrize(
    ("release", "status", "says"),
    [
        ("1", 410, "no longer available"),
        ("2", 503, "is damaged"),
        ("5", 404, "There is no release 5"),
        ("0001", 410, "no longer available"),
    ],
)
def test_missing_or_damaged_release_is_reported(shelf: str, release: str, status: int, says: str) -> None:
    for target in (
        f"/sparql?{urlencode(q(COUNT, release=release))}",
        f"/api/queries/example-who-funds-whom?release={release}",
    ):
        reply = send(shelf, "GET", target)
        assert (reply.status, reply.type) == (status, PROBLEM)
        assert says in reply.problem["detail"]
        assert reply.problem["hint"] == (
            "Available releases: 3, 4." if release == "2" else "Available releases: 2, 3, 4."
        )
        assert "/" not in reply.problem["detail"], "no path on the server"
        page = send(shelf, "GET", target, Accept=BROWSER)
        assert (page.status, page.type) == (status, "text/html; charset=utf-8")
        assert says in page.body.decode()


def test_page_of_an_earlier_release_cites_it(shelf: str) -> None:
    target = "/api/queries/example-projects-in-country?country=BZ&release=3"
    reply = send(shelf, "GET", target, Accept=BROWSER)
    assert reply.headers["cybilgraph-release"] == "3"
    assert "cybilgraph, release 3 (" in reply.body.decode()
    assert f"{shelf}{target}".replace("&", "&amp;") in reply.body.decode()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_server]:
    """Start a server with seven releases."""
    folder = tmp_path_factory.mktemp("many")
    pipeline.build([SEED], folder)
    for number in range(2, 8):
        shutil.copytree(folder / "0001", folder / f"{number:04d}")
    (folder / "current").write_text("0007\n")
    server = running_server(folder, "--timeout", 8, "--at-once", 20)
    with server:
        yield server


def processes(server: running_server) -> int:
    return len(psutil.Process(server.process.pid).children(recursive=True))


def test_number_of_open_earlier_releases_is_limited(many: running_server) -> None:
    before, most = processes(many), 0
    for number in range(20):
        target = f"/sparql?{urlencode(q(f'{COUNT} # {number}', format='csv', release=f'{number % 6 + 1}'))}"
        headers = {"Accept": BROWSER} if number % 3 == 0 else {}
        while (reply := send(many.url, "GET", target, **headers)).status == 503:
            time.sleep(0.1)  # on a busy machine, a release may not be open in time
        assert (reply.status, reply.headers["cybilgraph-release"]) == (200, f"{number % 6 + 1}")
        most = max(most, processes(many))
    assert before < most <= before + 3 * 3, "each has a fork server, a worker, and one for long queries"


def test_query_on_an_earlier_release_is_answered_or_gets_503(many: running_server) -> None:
    """Query six releases at once, of which three may be open; running queries are not stopped for others."""

    def ask(number: int) -> Reply:
        return send(many.url, "GET", f"/sparql?{urlencode(q(f'{SLOW} # {number}', release=f'{number}'))}")

    with ThreadPoolExecutor(6) as threads:
        replies = list(threads.map(ask, range(1, 7)))
    assert {503} <= {reply.status for reply in replies} <= {503, 504}
    assert all("retry-after" in reply.headers for reply in replies if reply.status == 503)
    for number in range(1, 7):
        while (reply := send(many.url, "GET", f"/sparql?{urlencode(q(COUNT, release=f'{number}'))}")).status != 200:
            assert (reply.status, reply.headers["retry-after"]) == (503, "5")
