"""A partner's copy: whole first, then by what has changed; equal to the publisher's, or a clear error."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyoxigraph as ox
import pytest
from filelock import FileLock

from cybilgraph.errors import FetchError, HarvestError
from cybilgraph.sync.fetch import Site
from cybilgraph.sync.harvester import Harvest, harvest
from tests.conftest import SEED, run
from tests.support.publisher import FaultyProxy, Publisher, held, journey

pytestmark = pytest.mark.slow


def take(way: FaultyProxy, into: Path, *formats: str, attempts: int = 4) -> Harvest:
    with Site(way.url, timeout=20, attempts=attempts, pause=0.001) as site:
        return harvest(site, into, formats)


def test_full_dump_then_changes_then_nothing(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.serve(1)
        first = take(way, tmp_path)
        assert (first.how, first.state.release, first.reason) == ("full", 1, "")
        assert held(tmp_path) == publisher.lines(1)
        way.serve(3)
        way.asked.clear()
        second = take(way, tmp_path)
        assert (second.how, second.state.release) == ("changes", 3)
        assert held(tmp_path) == publisher.lines(3)
        assert [path for path, _ in way.asked] == ["/changes.rdfp?since=1"]
        assert all(headers["User-Agent"].startswith("cybilgraph/") for _, headers in way.asked)
        assert take(way, tmp_path).how == "unchanged"
        way.asked.clear()
        assert take(way, tmp_path).how == "unchanged"
        [(_, headers)] = way.asked
        assert headers["If-None-Match"].startswith('"'), "it asks only whether something is new"
        way.serve(2)
        assert take(way, tmp_path).state.release == 2, "a site may go back"
        assert held(tmp_path) == publisher.lines(2)
    assert {path.name for path in tmp_path.iterdir()} == {"graph.nq", "state.json", ".lock"}


def test_interrupted_download_is_resumed(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url, seed=1) as way:
        way.serve(1)
        way.next = ["", "cut"]
        take(way, tmp_path)
        assert "Range" in way.asked[-1][1]
        assert held(tmp_path) == publisher.lines(1)
        other = tmp_path / "other"
        way.next = ["", "cut"]
        with pytest.raises(FetchError, match="interrupted"):
            take(way, other, attempts=1)
        assert not (other / "graph.nq").exists()
        take(way, other)
        assert "Range" in way.asked[-1][1], "the next run also resumes"
        assert held(other) == publisher.lines(1)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda into: (into / "graph.nq").write_bytes(held(into)[:-200]), "had been changed"),
        (lambda into: state(into, release=77), "does not know the release"),
        (lambda into: state(into, release=2), "did not match the site's checksum"),
    ],
)
def test_full_dump_replaces_a_copy_that_cannot_be_patched(
    publisher: Publisher, tmp_path: Path, harm: object, reason: str
) -> None:
    with FaultyProxy(publisher.url) as way:
        way.serve(1)
        take(way, tmp_path)
        way.serve(3)
        assert callable(harm)
        harm(tmp_path)
        done = take(way, tmp_path)
    assert done.how == "full"
    assert reason in done.reason
    assert held(tmp_path) == publisher.lines(3)


def test_full_dump_replaces_changes_that_are_always_interrupted(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.serve(1)
        take(way, tmp_path)
        way.serve(3)
        way.next = ["cut", "cut"]
        done = take(way, tmp_path, attempts=2)
        assert (done.how, held(tmp_path)) == ("full", publisher.lines(3))
        assert "/changes.rdfp?since=1 is not available: the connection was interrupted" in done.reason


def test_corrupt_dump_is_reported(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.serve(1)
        way.harmed = {".nq.zst": lambda body: body[::-1]}
        assert take(way, tmp_path / "other").how == "full", "the other dump is intact"
        way.harmed[".nq.gz"] = way.harmed[".nq.zst"]
        with pytest.raises(HarvestError, match=r"nq\.zst was downloaded completely but is corrupt: its SHA-256 is"):
            take(way, tmp_path)
        way.next = ["", "", "", "cut"]
        with pytest.raises(
            HarvestError, match=r"is corrupt: .*; then .*gz is not available: the connection was interrupted"
        ):
            take(way, tmp_path, attempts=1)


@pytest.mark.parametrize("where", ["/latest/SHA256SUMS", ".nq.zst", ".rdfp"])
def test_login_page_instead_of_data_is_reported(publisher: Publisher, tmp_path: Path, where: str) -> None:
    with FaultyProxy(publisher.url) as way, Site(way.url, attempts=2, pause=0.001) as site:
        way.serve(2)
        harvest(site, tmp_path)
        before = held(tmp_path)
        way.serve(3)
        way.harmed = {path: lambda _: b"\n<!DOCTYPE html><title>Log in</title>" for path in (where, ".rdfp")}
        if where == ".rdfp":
            assert harvest(site, tmp_path).reason == "the request for changes returned a web page, perhaps a login page"
            return
        with pytest.raises(FetchError, match=re.escape(where) + " returned a web page.* perhaps a login") as error:
            harvest(site, tmp_path)
        assert "ask the publisher for an open address" in error.value.hint
        assert held(tmp_path) == before


def test_error_includes_the_explanation_of_the_site(publisher: Publisher, tmp_path: Path) -> None:
    dump = publisher.folder / "0003" / "public" / "cybilgraph.nq.zst"
    good = dump.read_bytes()
    dump.write_bytes(good[::-1])
    with (
        Site(publisher.url, attempts=1) as site,
        pytest.raises(
            FetchError, match=r"status 503 \(cybilgraph\.nq\.zst of release 3 is damaged on the server's disk"
        ),
    ):
        harvest(site, tmp_path)
    dump.write_bytes(good)


def state(into: Path, **changed: object) -> None:
    file = into / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def test_copy_of_another_site_is_kept(publisher: Publisher, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with FaultyProxy(publisher.url) as way, FaultyProxy(publisher.url) as other:
        way.serve(1)
        other.serve(3)
        take(way, copy)
        before = {path.name: path.read_bytes() for path in copy.iterdir()}
        refused = run("harvest", other.url, "--into", copy)
        assert refused.returncode == 2
        message = refused.stderr.decode()
        assert f"{copy} contains a copy of {way.url}, not of {other.url}" in message
        assert f"Give another folder (--into). If the site has moved, delete {copy}/state.json." in message
        assert not other.asked
        assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
        assert run("harvest", f"{way.url}/", "--into", copy).returncode == 0, "the same site"
        with_no_address = json.loads((copy / "state.json").read_text())
        del with_no_address["url"]
        (copy / "state.json").write_text(json.dumps(with_no_address))
        assert take(other, copy).how == "full", "the copy of an unknown site"


def test_copies_and_releases_are_in_different_folders(publisher: Publisher, tmp_path: Path) -> None:
    copy, releases = tmp_path / "copy", tmp_path / "releases"
    for command, other, message in (
        (("harvest", publisher.url, "--into"), ("build", SEED, "--no-dumps", "--into"), "is a folder of releases"),
        (("build", SEED, "--no-dumps", "--into"), ("harvest", publisher.url, "--into"), "contains a copy of another"),
    ):
        folder = releases if command[0] == "harvest" else copy
        assert run(*other, folder).returncode == 0
        before = sorted(folder.rglob("*"))
        refused = run(*command, folder)
        assert refused.returncode == 2
        assert f"{folder} {message}" in refused.stderr.decode()
        assert sorted(folder.rglob("*")) == before


def test_further_formats_have_the_same_content(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.serve(2)
        take(way, tmp_path, "turtle", "trig")
    quads = set(ox.parse(held(tmp_path), format=ox.RdfFormat.N_QUADS))
    assert set(ox.parse(path=tmp_path / "graph.trig", format=ox.RdfFormat.TRIG)) == quads
    present = {quad for quad in quads if quad.graph_name == ox.DefaultGraph()}
    assert set(ox.parse(path=tmp_path / "graph.ttl", format=ox.RdfFormat.TURTLE)) == present


def test_concurrent_harvest_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    with (
        FaultyProxy(publisher.url) as way,
        FileLock(tmp_path / ".lock"),
        pytest.raises(HarvestError, match="Another harvest"),
    ):
        take(way, tmp_path)


def test_missing_site_is_reported(tmp_path: Path, publisher: Publisher) -> None:
    for url, says in (("http://127.0.0.1:1", "no connection"), ("no address", "is not a URL")):
        with Site(url, attempts=2, pause=0.001) as site, pytest.raises(FetchError, match=says):
            harvest(site, tmp_path)
    with FaultyProxy(publisher.url) as way:
        way.next = ["busy"] * 4
        with pytest.raises(FetchError, match="status 503"):
            take(way, tmp_path)


def test_command_prints_one_line(publisher: Publisher, tmp_path: Path) -> None:
    with FaultyProxy(publisher.url) as way:
        way.serve(1)
        first = run("harvest", way.url, "--into", tmp_path / "copy")
        again = run("harvest", way.url, "--into", tmp_path / "copy", "--quiet")
        way.serve(3)
        third = run("harvest", f"{way.url}/", "--into", tmp_path / "copy")
        wrong = run("harvest", "http://127.0.0.1:1", "--into", tmp_path / "other", "--attempts", 1)
    assert first.stdout.decode().startswith(f"Release 1 of {way.url}: downloaded completely, ")
    assert (again.returncode, again.stdout) == (0, b"")
    assert third.stdout.decode().startswith(f"Release 3 of {way.url}: ")
    assert third.stdout.decode().count("\n") == 1
    assert wrong.returncode == 2
    assert b"no connection" in wrong.stderr


@pytest.mark.parametrize("seed", range(15))
def test_bad_connection_gives_an_equal_graph_or_an_error(publisher: Publisher, tmp_path: Path, seed: int) -> None:
    journey(publisher, tmp_path, seed)
