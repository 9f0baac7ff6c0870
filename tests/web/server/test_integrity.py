"""The integrity scan finds corruption by the disk, and logs it once."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cybilgraph.errors import EngineUnavailable, FileDamaged, QueryTimeout
from cybilgraph.model.formats import RESULT_FORMATS
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.compression import compress
from cybilgraph.runtime.files import ChecksumCache
from cybilgraph.sparql.embedded_engine import QueryLimits
from cybilgraph.web.server.answer_cache import CacheKey
from cybilgraph.web.server.integrity import SCAN_BYTES_PER_SECOND, FileIntegrity
from cybilgraph.web.server.live_releases import LiveReleases
from tests.conftest import graph_of
from tests.support.operations import until
from tests.support.pools import child_processes, parent_process

pytestmark = pytest.mark.slow


@pytest.fixture
def copied(release: Release, tmp_path: Path) -> Release:
    shutil.copytree(release.folder, tmp_path / "0001")
    found = Releases(tmp_path).get(1)
    found.verify()
    return found


def test_scan_finds_corruption_by_the_disk(copied: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.runtime.files._file_identity", lambda _: (0,))  # hide that the file has changed
    copied.verify()
    events: list[str] = []
    known = FileIntegrity(events.append)
    table = next((copied.folder / "store").glob("*.sst"))
    table.write_bytes(table.read_bytes()[::-1])
    for name in ("report.json", "void.ttl"):
        file = copied.served_files()[name]
        good = file.read_bytes()
        file.write_bytes(good[::-1])
        with known.open(copied, name) as whole:
            assert whole.read() != good
    blocks: list[None] = []
    for _ in range(2):
        known.check(copied, lambda: blocks.append(None))
    filled = [name for name in copied.manifest["files"] if (copied.folder / name).stat().st_size]
    assert len(blocks) >= 2 * len(filled)
    assert sorted(text.split(" is damaged: ")[1].split(" has a wrong")[0] for text in events) == [
        "public/void.ttl",
        "report.json",
        f"store/{table.name}",
    ]
    assert "Build it again" in events[0]
    with pytest.raises(FileDamaged, match=r"report\.json of release 1 is damaged"):
        known.open(copied, "report.json")
    file.write_bytes(good)
    known.check(copied, lambda: None)
    assert events[-1] == "void.ttl of release 0001 is intact again"
    assert (len(events), len(known)) == (4, 2)


def test_scan_is_slow_and_ends_with_the_server(copied: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0)
            return len(waited) > 3

    FileIntegrity(lambda _: None).watch(lambda: [copied], Stop())
    assert waited[0] == 600
    assert {ChecksumCache.BLOCK / seconds for seconds in waited[1:]} == {SCAN_BYTES_PER_SECOND}


ALL = CacheKey.of("SELECT * { ?s ?p ?o }", RESULT_FORMATS)
ONE = CacheKey.of("SELECT * { ?s a cyb:Project } LIMIT 1", RESULT_FORMATS)


@contextmanager
def lived(folder: Path, events: list[str], store: int = 0) -> Iterator[LiveReleases]:
    """Open the releases of a folder, with the store on disk or in memory of at most ``store`` bytes."""
    live = LiveReleases(
        Releases(folder), QueryLimits(timeout=10, workers=1, long_workers=1, store=store), 10_000_000, events.append
    )
    try:
        live.current.warm_up.stop()
        assert live.warmed_up.wait(60)
        yield live
    finally:
        live.close()


def answers(live: LiveReleases) -> bool:
    try:
        return bool(live.current.answers.find(ALL))
    except EngineUnavailable:  # the worker is restarting
        return False


def hurt(store: Path) -> Path:
    """Flip bits of the table in a store that has the texts."""
    table = max(store.glob("*.sst"), key=lambda table: table.read_bytes().count(b"Project"))
    data = bytearray(table.read_bytes())
    for place in range(len(data) // 10, len(data) // 2, 3_000):
        data[place] ^= 4
    with table.open("r+b") as file:  # the workers have this file open
        file.write(data)
    return table


def test_unreadable_store_answers_no_queries(copied: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.runtime.files._file_identity", lambda _: (0,))
    events: list[str] = []
    with lived(copied.folder.parent, events) as live:
        answers = live.current.answers
        assert answers.find(ONE)
        assert answers.get(ONE)
        assert answers.etag(ONE)
        hurt(copied.store)
        for worker in live.current.engine.processes:  # it caches what it has read
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(EngineUnavailable, match="could not read the store of the release") as failed:
            answers.find(ALL)
        assert str(copied.folder) not in str(failed.value)
        assert not answers.get(ONE), "it may come from the damaged data"
        assert not answers.etag(ONE)
        with pytest.raises(EngineUnavailable, match=r"checking its files|is damaged"):
            answers.find(ONE)
        until(lambda: "is damaged on the server's disk" in live.current.engine.trouble)
        with pytest.raises(EngineUnavailable, match="cannot answer queries"):
            answers.find(ONE)
        until(lambda: any("no queries are answered until" in text for text in events))
    assert any("store/" in text and "has a wrong checksum" in text for text in events)


def test_last_good_release_replaces_a_damaged_one(copied: Release) -> None:
    folder = copied.folder.parent
    shutil.copytree(copied.folder, folder / "0002")
    (folder / "current").write_text("0002\n")
    events: list[str] = []
    with lived(folder, events) as live:
        assert live.current.release.number == 2
        with live.opened(1) as earlier:
            assert earlier.answers.find(ONE)
        hurt(folder / "0002" / "store")
        until(lambda: live.current.release.number == 1)
        until(lambda: answers(live))
        until(lambda: any("release 0001 is served instead" in text for text in events))
        live.refresh()
        assert live.current.release.number == 1, "the current release is refused"


def test_repaired_store_answers_queries_again(copied: Release) -> None:
    events: list[str] = []
    (copied.folder.parent / "current").write_text("0001\n")
    with lived(copied.folder.parent, events) as live:
        good = {path: path.read_bytes() for path in copied.store.glob("*.sst")}
        table = hurt(copied.store)
        until(lambda: live.current.engine.refusal_reason), "nobody has asked anything"
        table.with_suffix(".good").write_bytes(good[table])
        table.with_suffix(".good").replace(table)  # a new file, while workers have the damaged one open
        until(lambda: answers(live))
        assert not live.current.engine.refusal_reason


def test_verified_store_is_trusted_for_a_while(copied: Release) -> None:
    events: list[str] = []
    with lived(copied.folder.parent, events) as live:
        looks: list[float] = []
        look = live.integrity.check
        live.integrity.check = lambda *given, **named: (looks.append(time.monotonic()), look(*given, **named))  # type: ignore[method-assign,assignment]
        os.utime(next(copied.store.glob("*.sst")))
        until(lambda: looks)
        assert live.current.answers.find(ONE)
        live.current.engine.mark_verified(60)
        live.current.engine.is_suspect = False
        looks.clear()
        heavy = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
        with pytest.raises(QueryTimeout):  # a damaged index could be the cause
            live.current.engine.answer(heavy, RESULT_FORMATS, 0.2)
        assert live.current.engine.is_suspect
        time.sleep(2.5)
        assert not looks, "expensive queries must not trigger scans all the time"
        live.current.engine.mark_verified(0)
        until(lambda: looks)
        assert not live.current.engine.refusal_reason
    assert not [text for text in events if "damaged" in text]


def lost(live: LiveReleases) -> None:
    """Kill the process that has the store in memory."""
    workers: list[int] = []
    until(lambda: workers.extend(live.current.engine.processes) or workers)  # none while one is being replaced
    os.kill(parent_process(workers[0]), signal.SIGKILL)


@pytest.mark.parametrize("is_rdf", [True, False])
def test_lost_store_is_not_loaded_from_a_damaged_file(copied: Release, *, is_rdf: bool) -> None:
    folder = copied.folder.parent
    shutil.copytree(copied.folder, folder / "0002")
    (folder / "current").write_text("0002\n")
    events: list[str] = []
    with lived(folder, events, store=10**9) as live:
        right = live.current.answers.find(ALL)
        graph = folder / "0002" / GRAPH
        good = graph.read_bytes()
        graph.write_bytes(
            compress(graph_of(graph.parent).replace(b"cyber", b"cyder")) if is_rdf else b"\xff\xfe<<" + good[4:]
        )
        live.integrity.check(live.current.release)
        assert "answered from the copy in memory" in events[-1], "the data in memory are intact"
        assert live.current.release.number == 2
        live.current.answers.clear()
        assert live.current.answers.find(ALL).answer.content == right.answer.content  # type: ignore[union-attr]
        lost(live)
        until(lambda: live.current.release.number == 1)
        until(lambda: answers(live))
        assert live.current.answers.find(ALL).answer.content == right.answer.content  # type: ignore[union-attr]
    assert [text for text in events if "cannot answer queries" in text] == [
        "The data of release 2 is damaged on the server's disk, so it cannot answer queries: "
        "release 0001 is served instead"
    ]


def test_no_queries_are_answered_until_the_only_release_is_repaired(copied: Release) -> None:
    folder = copied.folder.parent
    (folder / "current").write_text("0001\n")
    events: list[str] = []
    others = child_processes()
    with lived(folder, events, store=10**9) as live:
        engine, graph = live.current.engine, copied.folder / GRAPH
        until(lambda: engine.processes)  # the intact graph is loaded
        good = graph.read_bytes()
        graph.write_bytes(b"\xff\xfe<<" + good[4:])
        lost(live)
        until(lambda: engine.refusal_reason)
        with pytest.raises(EngineUnavailable, match="damaged on the server's disk, so it cannot answer queries"):
            live.current.answers.find(ONE)
        assert not live.current.answers.find_fast(ONE)
        engine.maintain()
        assert child_processes() == others, "the fork server is not restarted repeatedly"
        assert not engine.processes
        graph.write_bytes(good)
        until(lambda: answers(live))
        assert not live.current.engine.trouble


def test_damaged_earlier_release_is_reported_with_alternatives(copied: Release) -> None:
    folder = copied.folder.parent
    shutil.copytree(copied.folder, folder / "0002")
    (folder / "current").write_text("0002\n")
    events: list[str] = []
    with lived(folder, events) as live:
        hurt(copied.store)
        with pytest.raises(FileDamaged, match="Release 1 is damaged") as failed, live.opened(1):
            pass
        assert failed.value.hint == "Available releases: 2."
