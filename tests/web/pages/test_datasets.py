"""Release files over HTTP: listing, names, conditional requests, ranges, and damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.release.graph_file import GRAPH
from tests.conftest import SEED, running_server
from tests.support.http_client import BROWSER, send
from tests.support.release_files import DUMP, get

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Start a server with one release that accepts suggestions; yield its URL and the release folder."""
    into = tmp_path_factory.mktemp("own")
    pipeline.build([SEED], into)
    with running_server(into, "--suggestions", tmp_path_factory.mktemp("suggestions")) as url:
        yield url, into / "0001"


def test_graph_damaged_at_runtime_gives_no_changes(shelf: str, shelf_folder: Path) -> None:
    graph = shelf_folder / "0003" / GRAPH
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
    tmp_path: Path, shelf_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running_server(shelf_folder) as url:
        right = get(url, "/changes.rdfp?since=3&until=4")
        assert right.status == 200
        for taken in ("cybilgraph.changes.*", "cybilgraph.changes.*/*", "cybilgraph.changes.*/*/quads"):
            [there] = temporary.glob(taken)
            shutil.rmtree(there) if there.is_dir() else there.unlink()
            again = get(url, "/changes.rdfp?since=3&until=4")
            assert (again.status, again.body) == (200, right.body)


def test_releases_are_listed_and_have_pages(shelf: str) -> None:
    rows = json.loads(get(shelf, "/releases.json").body)
    assert [(row["release"], row["current"], row["projects"]) for row in rows] == [
        (4, True, 1),
        (3, False, 2),
        (2, False, 1),
    ]
    for row in rows[:2]:  # release 2 is damaged
        manifest = json.loads(get(shelf, f"/release/{row['release']}.json").body)
        described = {"release": manifest["release"], "created": manifest["created"], **manifest["counts"]}
        assert described.items() <= row.items()
    page = get(shelf, "/releases", Accept=BROWSER).body.decode()
    assert 'href="/release/3"' in page
    page = get(shelf, "/release/3", Accept=BROWSER).body.decode()
    for words in (
        "2 projects",
        f'href="/release/3/{DUMP}"',
        "as N-Quads (gzip)",
        "as Parquet",
        "Countries that each project may reach",
    ):
        assert words in page, words
    assert "This is the current release" in get(shelf, "/release/4", Accept=BROWSER).body.decode()
    assert json.loads(get(shelf, "/release/3.json").body)["release"] == 3


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
