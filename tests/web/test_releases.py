"""Answers that are pinned to a release: it is named, asked by its number, and told of when it is gone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from cybilgraph import pipeline
from cybilgraph.graphs import GRAPH
from cybilgraph.web.endpoint import PINNED
from tests.conftest import RECORDS, SEED, running_server
from tests.web.test_protocol import BROWSER, PROBLEM, Reply, q, send

COUNT = "SELECT (COUNT(?p) AS ?n) { ?p a cyb:Project }"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over four releases: the first taken away, the second damaged, the third of one project more."""
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


def test_each_release_answers_under_its_number(shelf: str) -> None:
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
    assert ask(shelf).body == now.body, "who asks without a number has the newest again"


@pytest.mark.parametrize(
    ("release", "status", "says"),
    [
        ("1", 410, "not kept any more"),
        ("2", 503, "is damaged"),
        ("5", 404, "There is no release 5"),
        ("0001", 410, "not kept"),
    ],
)
def test_what_is_not_there_is_told(shelf: str, release: str, status: int, says: str) -> None:
    for target in (
        f"/sparql?{urlencode(q(COUNT, release=release))}",
        f"/api/queries/example-who-funds-whom?release={release}",
    ):
        reply = send(shelf, "GET", target)
        assert (reply.status, reply.type) == (status, PROBLEM)
        assert says in reply.problem["detail"]
        assert reply.problem["hint"] == ("There are: 3, 4." if release == "2" else "There are: 2, 3, 4.")
        assert "/" not in reply.problem["detail"], "no path of the server"
        page = send(shelf, "GET", target, Accept=BROWSER)
        assert (page.status, page.type) == (status, "text/html; charset=utf-8")
        assert says in page.body.decode()


def test_a_page_of_an_earlier_release_cites_that(shelf: str) -> None:
    target = "/api/queries/example-projects-in-country?country=BZ&release=3"
    reply = send(shelf, "GET", target, Accept=BROWSER)
    assert reply.headers["cybilgraph-release"] == "3"
    assert "cybilgraph, release 3 (" in reply.body.decode()
    assert f"{shelf}{target}".replace("&", "&amp;") in reply.body.decode()
