"""Damage that only the disk knows of is found at leisure, and told of once."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cybilgraph.errors import EngineUnavailable, FileDamaged, QueryTimeout
from cybilgraph.model.formats import RESULT_FORMATS
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.compression import compress
from cybilgraph.runtime.files import ChecksumCache
from cybilgraph.sparql.embedded import QueryLimits
from cybilgraph.web.server import integrity
from cybilgraph.web.server.answer_cache import CacheKey
from cybilgraph.web.server.integrity import FileIntegrity
from cybilgraph.web.server.live_releases import LiveReleases
from tests.conftest import graph_of


@pytest.fixture
def copied(release: Release, tmp_path: Path) -> Release:
    shutil.copytree(release.folder, tmp_path / "0001")
    found = Releases(tmp_path).get(1)
    found.verify()
    return found


def test_what_the_disk_alone_has_changed_is_found(copied: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.runtime.files._file_identity", lambda _: (0,))  # nothing tells that anybody wrote
    copied.verify()
    told: list[str] = []
    known = FileIntegrity(told.append)
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
    assert sorted(text.split(" is damaged: ")[1].split(" has a wrong")[0] for text in told) == [
        "public/void.ttl",
        "report.json",
        f"store/{table.name}",
    ]
    assert "Build it again" in told[0]
    with pytest.raises(FileDamaged, match=r"report\.json of release 1 is damaged"):
        known.open(copied, "report.json")
    file.write_bytes(good)
    known.check(copied, lambda: None)
    assert told[-1] == "void.ttl of release 0001 is what was built again"
    assert (len(told), len(known)) == (4, 2)


def test_the_look_is_slow_and_ends_with_the_server(copied: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0)
            return len(waited) > 3

    FileIntegrity(lambda _: None).watch(lambda: [copied], Stop())
    assert waited == [600.0, *[ChecksumCache.BLOCK / integrity._SCAN_BYTES_PER_SECOND] * 3]


ALL = CacheKey.of("SELECT * { ?s ?p ?o }", RESULT_FORMATS)
ONE = CacheKey.of("SELECT * { ?s a cyb:Project } LIMIT 1", RESULT_FORMATS)


@contextmanager
def lived(folder: Path, told: list[str], store: int = 0) -> Iterator[LiveReleases]:
    """What is served of a folder, from the disk, or from so many bytes of memory."""
    live = LiveReleases(
        Releases(folder), QueryLimits(timeout=10, workers=1, long_workers=1, store=store), 10_000_000, told.append
    )
    try:
        live.current.warm_up.stop()
        assert live.warmed_up.wait(60)
        yield live
    finally:
        live.close()


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def answers(live: LiveReleases) -> bool:
    try:
        return bool(live.current.answers.find(ALL))
    except EngineUnavailable:  # it begins anew
        return False


def hurt(store: Path) -> Path:
    """Flip bits of the texts of a store, which are in a table of their own."""
    table = max(store.glob("*.sst"), key=lambda table: table.read_bytes().count(b"Project"))
    data = bytearray(table.read_bytes())
    for place in range(len(data) // 10, len(data) // 2, 3_000):
        data[place] ^= 4
    with table.open("r+b") as file:  # the workers have it open
        file.write(data)
    return table


def test_nothing_is_answered_from_a_store_that_a_worker_cannot_read(
    copied: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cybilgraph.runtime.files._file_identity", lambda _: (0,))
    told: list[str] = []
    with lived(copied.folder.parent, told) as live:
        answers = live.current.answers
        assert answers.find(ONE)
        assert answers.get(ONE)
        assert answers.etag(ONE)
        hurt(copied.store)
        for worker in live.current.engine.processes:  # which has in memory what it has read
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(EngineUnavailable, match="could not read the store of the release") as failed:
            answers.find(ALL)
        assert str(copied.folder) not in str(failed.value)
        assert not answers.get(ONE), "it may have been made of what is damaged"
        assert not answers.etag(ONE)
        with pytest.raises(EngineUnavailable, match=r"checking its files|is damaged"):
            answers.find(ONE)
        until(lambda: "is damaged on the disk" in live.current.engine.trouble)
        with pytest.raises(EngineUnavailable, match="nothing is answered from it"):
            answers.find(ONE)
        until(lambda: any("no query is answered until" in text for text in told))
    assert any("store/" in text and "has a wrong checksum" in text for text in told)


def test_another_release_is_served_instead(copied: Release) -> None:
    folder = copied.folder.parent
    shutil.copytree(copied.folder, folder / "0002")
    (folder / "current").write_text("0002\n")
    told: list[str] = []
    with lived(folder, told) as live:
        assert live.current.release.number == 2
        with live.opened(1) as earlier:
            assert earlier.answers.find(ONE)
        hurt(folder / "0002" / "store")
        until(lambda: live.current.release.number == 1)
        until(lambda: answers(live))
        until(lambda: any("release 0001 is served instead" in text for text in told))
        live.refresh()
        assert live.current.release.number == 1, "the one that is named is refused"


def test_what_is_mended_is_answered_from_again(copied: Release) -> None:
    told: list[str] = []
    (copied.folder.parent / "current").write_text("0001\n")
    with lived(copied.folder.parent, told) as live:
        good = {path: path.read_bytes() for path in copied.store.glob("*.sst")}
        table = hurt(copied.store)
        until(lambda: live.current.engine.refusal_reason), "nobody has asked anything"
        table.with_suffix(".good").write_bytes(good[table])
        table.with_suffix(".good").replace(table)  # another file: workers have the damaged one open
        until(lambda: answers(live))
        assert not live.current.engine.refusal_reason


def test_a_store_that_was_found_whole_is_trusted_for_a_while(copied: Release) -> None:
    told: list[str] = []
    with lived(copied.folder.parent, told) as live:
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
        with pytest.raises(QueryTimeout):  # which a damaged index would explain
            live.current.engine.answer(heavy, RESULT_FORMATS, 0.2)
        assert live.current.engine.is_suspect
        time.sleep(2.5)
        assert not looks, "heavy queries must not have it read all the time"
        live.current.engine.mark_verified(0)
        until(lambda: looks)
        assert not live.current.engine.refusal_reason
    assert not [text for text in told if "damaged" in text]


def lost(live: LiveReleases) -> None:
    """End the process that has the data of the workers in memory."""
    fork_server = live.current.engine._pool._fork_server._process.pid
    os.kill(fork_server, signal.SIGKILL)


@pytest.mark.parametrize("is_rdf", [True, False])
def test_what_is_lost_from_memory_is_never_loaded_again_from_a_damaged_file(copied: Release, *, is_rdf: bool) -> None:
    folder = copied.folder.parent
    shutil.copytree(copied.folder, folder / "0002")
    (folder / "current").write_text("0002\n")
    told: list[str] = []
    with lived(folder, told, store=10**9) as live:
        right = live.current.answers.find(ALL)
        graph = folder / "0002" / GRAPH
        good = graph.read_bytes()
        graph.write_bytes(
            compress(graph_of(graph.parent).replace(b"cyber", b"cyder")) if is_rdf else b"\xff\xfe<<" + good[4:]
        )
        live.integrity.check(live.current.release)
        assert "answered from on" in told[-1], "what is in memory is as good as before"
        assert live.current.release.number == 2
        live.current.answers.clear()
        assert live.current.answers.find(ALL).answer.content == right.answer.content  # type: ignore[union-attr]
        lost(live)
        until(lambda: live.current.release.number == 1)
        until(lambda: answers(live))
        assert live.current.answers.find(ALL).answer.content == right.answer.content  # type: ignore[union-attr]
    assert [text for text in told if "nothing is answered" in text] == [
        "The data of release 2 is damaged on the disk of the server, and nothing is answered from it: "
        "release 0001 is served instead"
    ]


def test_where_no_other_is_whole_nothing_is_answered_until_the_graph_is_mended(copied: Release) -> None:
    folder = copied.folder.parent
    (folder / "current").write_text("0001\n")
    told: list[str] = []
    with lived(folder, told, store=10**9) as live:
        engine, graph = live.current.engine, copied.folder / GRAPH
        good = graph.read_bytes()
        graph.write_bytes(b"\xff\xfe<<" + good[4:])
        lost(live)
        until(lambda: engine.refusal_reason)
        with pytest.raises(EngineUnavailable, match="is damaged on the disk of the server, and nothing is answered"):
            live.current.answers.find(ONE)
        assert not live.current.answers.find_fast(ONE)
        assert engine._pool._fork_server._process.poll() is not None, "it is not begun again and again"
        engine.maintain()
        assert not engine.processes
        graph.write_bytes(good)
        until(lambda: answers(live))
        assert not live.current.engine.trouble


def test_who_asks_a_damaged_earlier_release_is_told_so_and_of_the_others(copied: Release) -> None:
    folder = copied.folder.parent
    shutil.copytree(copied.folder, folder / "0002")
    (folder / "current").write_text("0002\n")
    told: list[str] = []
    with lived(folder, told) as live:
        hurt(copied.store)
        with pytest.raises(FileDamaged, match="Release 1 is damaged") as failed, live.opened(1):
            pass
        assert failed.value.hint == "Available releases: 2."
