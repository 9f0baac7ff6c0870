"""What the server guarantees when files of a release are damaged: see the table in docs/guides/operators.md."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cybilgraph.errors import EngineUnavailable, FileDamaged
from cybilgraph.model.formats import RESULT_FORMATS
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql.embedded_engine import QueryLimits
from cybilgraph.web.server.answer_cache import AnswerCache, CacheKey
from cybilgraph.web.server.live_releases import FileIntegrity, LiveReleases
from cybilgraph.web.server.open_release import ReleaseOpener
from tests.support.operations import until
from tests.support.pools import child_processes, parent_process

pytestmark = pytest.mark.slow

ALL = CacheKey.of("SELECT * { ?s ?p ?o }", RESULT_FORMATS)
ONE = CacheKey.of("SELECT * { ?s a cyb:Project } LIMIT 1", RESULT_FORMATS)


@pytest.fixture
def folder(release: Release, tmp_path: Path) -> Path:
    """Return a folder with two equal releases, the second of which is current."""
    for number in ("0001", "0002"):
        shutil.copytree(release.folder, tmp_path / number)
    (tmp_path / "current").write_text("2\n")
    return tmp_path


@contextmanager
def serving(folder: Path, events: list[str], store: int = 0) -> Iterator[LiveReleases]:
    """Serve the releases of a folder, with the store on disk or in memory of at most ``store`` bytes."""
    limits = QueryLimits(timeout=10, workers=1, long_workers=1, store=store)
    live = LiveReleases(Releases(folder), ReleaseOpener(limits, 10_000_000, events.append))
    try:
        live.current.warm_up.stop()
        until(lambda: answers(live))
        yield live
    finally:
        live.close()


def answers(live: LiveReleases, key: CacheKey = ONE) -> bool:
    try:
        return bool(live.current.answers.find(key))
    except EngineUnavailable:  # the worker is starting
        return False


def flip_byte(path: Path) -> bytes:
    """Change one byte of a file in place, and return its content before."""
    good = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(len(good) // 2)
        file.write(bytes([good[len(good) // 2] ^ 4]))
    return good


def damage_store(store: Path) -> None:
    """Flip bits of the tables that have the texts: there may be two of them before a compaction."""
    for table in [table for table in store.glob("*.sst") if table.read_bytes().count(b"Project") > 1]:
        data = bytearray(table.read_bytes())
        for place in range(len(data) // 10, len(data) // 2, 3_000):
            data[place] ^= 4
        with table.open("r+b") as file:  # the workers have this file open
            file.write(data)


def end_fork_server(live: LiveReleases) -> None:
    """Kill the process that has the store in memory."""
    workers: list[int] = []
    until(lambda: workers.extend(live.current.engine.processes) or workers)  # none while one is being replaced
    os.kill(parent_process(workers[0]), signal.SIGKILL)


def test_release_with_any_damaged_file_is_never_opened(folder: Path) -> None:
    names = [*Releases(folder).get(2).manifest["files"], "manifest.json", "SHA256SUMS"]
    files = [path for path in (folder / "0002" / name for name in names) if path.stat().st_size]
    unlisted = {path.name for path in (folder / "0002").rglob("*") if path.is_file() and path.stat().st_size}
    assert unlisted - {path.name for path in files} <= {"LOG"}, "only the engine's log is not verified"
    for path in files:
        events: list[str] = []
        good = flip_byte(path)
        assert Releases(folder).select_intact(events.append).number == 1, path
        assert "Release 0002 is refused: " in events[0]
        assert path.name in events[0]
        assert "Build it again" in events[0] or "Available releases: " in events[0], "it says what to do"
        path.write_bytes(good)
    assert Releases(folder).select_intact(events.append).number == 2


def test_file_changed_while_serving_is_never_sent(folder: Path) -> None:
    release = Releases(folder).get(2)
    release.verify()
    events: list[str] = []
    known = FileIntegrity(events.append)
    for name, path in release.served_files().items():
        status = path.stat()
        good = flip_byte(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        for _ in range(2):
            with pytest.raises(FileDamaged, match=f"{name} of release 2 is damaged") as failed:
                known.open(release, name)
        assert str(folder) not in str(failed.value)
        assert "Build it again, or serve another release" in events[-1]
        path.write_bytes(good)
        known.open(release, name).close()
    assert len(events) == 2 * len(release.served_files()), "each is logged once, and again when it is repaired"
    assert not len(known)


def test_changed_store_is_not_queried_and_last_good_release_is_served(folder: Path) -> None:
    events: list[str] = []
    with serving(folder, events) as live:
        damaged = live.current
        assert damaged.answers.etag(ONE)
        damage_store(folder / "0002" / "store")
        until(lambda: live.current.release.number == 1)
        until(lambda: answers(live, ALL))
        with pytest.raises(EngineUnavailable, match="are being verified"):
            damaged.answers.find(ONE)
        assert not damaged.answers.get(ONE), "it may come from the damaged data"
        assert not damaged.answers.etag(ONE)
        until(lambda: any("0001 is now being served" in text for text in events))
        (folder / "current").write_text("1\n")
        (folder / "current").write_text("2\n")
        until(lambda: sum("Release 0002 is refused" in text for text in events) > 1)
        assert live.current.release.number == 1


def test_store_that_was_only_touched_is_queried_again(folder: Path) -> None:
    events: list[str] = []
    with serving(folder, events) as live:
        before = live.current
        os.utime(next((folder / "0002" / "store").glob("*.sst")))
        until(lambda: live.current is not before)
        until(lambda: answers(live, ALL))
        assert live.current.release.number == 2
    assert not [text for text in events if "damaged" in text]


def test_only_release_answers_again_once_its_store_is_repaired(folder: Path) -> None:
    shutil.rmtree(folder / "0001")
    events: list[str] = []
    with serving(folder, events) as live:
        good = {path: path.read_bytes() for path in (folder / "0002" / "store").glob("*.sst")}
        damage_store(folder / "0002" / "store")
        until(lambda: live.current.engine.refusal_reason), "nobody has asked anything"
        until(lambda: any("has a wrong checksum" in text for text in events))
        assert not answers(live)
        for table, content in good.items():
            table.with_suffix(".good").write_bytes(content)
            table.with_suffix(".good").replace(table)  # a new file, while workers have the damaged one open
        until(lambda: answers(live))
        assert not live.current.engine.refusal_reason


def test_storage_error_is_reported_and_last_good_release_is_served(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cybilgraph.runtime.files._file_identity", lambda _: (0,))  # hide that the file has changed
    events: list[str] = []
    with serving(folder, events) as live:
        damaged = live.current
        until(lambda: damaged.engine.processes)  # on a busy machine, a replacement may still be starting
        damage_store(folder / "0002" / "store")
        for worker in damaged.engine.processes:  # it caches what it has read
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(EngineUnavailable, match="could not read the store of the release") as failed:
            damaged.answers.find(ALL)
        assert str(folder) not in str(failed.value)
        assert failed.value.hint
        until(lambda: live.current.release.number == 1)
        until(lambda: answers(live, ALL))
    assert any("The store of release 2 could not be read (Corruption: " in text for text in events)
    assert any("store/" in text and "has a wrong checksum. Build it again" in text for text in events)


def test_store_in_memory_stays_in_use_until_it_is_lost(folder: Path) -> None:
    events: list[str] = []
    with serving(folder, events, store=10**9) as live:
        right = live.current.answers.find(ALL)
        flip_byte(folder / "0002" / GRAPH)
        live.current.answers.clear()
        assert live.current.answers.find(ALL).answer.content == right.answer.content  # type: ignore[union-attr]
        assert live.current.release.number == 2
        end_fork_server(live)
        until(lambda: live.current.release.number == 1)
        until(lambda: answers(live, ALL))
        assert live.current.answers.find(ALL).answer.content == right.answer.content  # type: ignore[union-attr]


def test_lost_store_of_the_only_release_is_loaded_once_its_file_is_repaired(folder: Path) -> None:
    shutil.rmtree(folder / "0001")
    others = child_processes()
    with serving(folder, [], store=10**9) as live:
        engine, graph = live.current.engine, folder / "0002" / GRAPH
        good = flip_byte(graph)
        end_fork_server(live)
        until(lambda: "its file on the server is damaged" in engine.trouble)
        with pytest.raises(EngineUnavailable):
            engine.answer("SELECT * { ?s ?p ?o } LIMIT 2", RESULT_FORMATS)
        engine.maintain()
        assert child_processes() == others, "the fork server is not restarted repeatedly"
        graph.write_bytes(good)
        until(lambda: live.current.engine is not engine and not live.current.engine.trouble)
        until(lambda: answers(live, ALL))


def test_damaged_earlier_release_is_reported_with_alternatives(folder: Path) -> None:
    events: list[str] = []
    with serving(folder, events) as live:
        with live.opened(1) as earlier:
            until(lambda: _finds(earlier.answers))
        damage_store(folder / "0001" / "store")
        until(lambda: any("The files of the store of release 1 have changed" in text for text in events))
        with pytest.raises(FileDamaged, match="Release 1 is damaged") as failed, live.opened(1):
            pass
        assert failed.value.hint == "Available releases: 2."
        assert answers(live, ALL)


def _finds(cache: AnswerCache) -> bool:
    try:
        return bool(cache.find(ONE))
    except EngineUnavailable:
        return False


def test_large_release_answers_from_its_disk_until_it_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.web.server.open_release._SMALL_GRAPH_BYTES", 0)
    events: list[str] = []
    with serving(folder, events, store=10**9) as live:
        assert any("answers from the disk until it is loaded" in text for text in events)
        until(lambda: live.is_warm)
        assert not live.current.engine.reads_disk
        assert live.current.release.number == 2
        assert answers(live, ALL)
