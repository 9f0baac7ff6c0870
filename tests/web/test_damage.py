"""Damage that only the disk knows of is found at leisure, and told of once."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from cybilgraph.errors import FileDamaged
from cybilgraph.files import Looked
from cybilgraph.release import Release, Releases
from cybilgraph.web import damage
from cybilgraph.web.damage import Damage


@pytest.fixture
def copied(release: Release, tmp_path: Path) -> Release:
    shutil.copytree(release.folder, tmp_path / "0001")
    found = Releases(tmp_path).get(1)
    found.verify()
    return found


def test_what_the_disk_alone_has_changed_is_found(copied: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.files._stamp", lambda file: (0,))  # nothing tells that anybody wrote
    copied.verify()
    told: list[str] = []
    known = Damage(told.append)
    table = next((copied.folder / "store").glob("*.sst"))
    table.write_bytes(table.read_bytes()[::-1])
    for name in ("report.json", "void.ttl"):
        file = copied.served()[name]
        good = file.read_bytes()
        file.write_bytes(good[::-1])
        with known.open(copied, name) as whole:
            assert whole.read() != good
    blocks: list[None] = []
    for _ in range(2):
        known.look(copied, lambda: blocks.append(None))
    assert len(blocks) >= 2 * len(copied.manifest["files"])
    assert sorted(text.split(" is damaged: ")[1].split(" is not")[0] for text in told) == [
        "public/void.ttl",
        "report.json",
        f"store/{table.name}",
    ]
    assert "Build it again" in told[0]
    with pytest.raises(FileDamaged, match=r"report\.json of release 1 is damaged"):
        known.open(copied, "report.json")
    file.write_bytes(good)
    known.look(copied, lambda: None)
    assert told[-1] == "void.ttl of release 0001 is what was built again"
    assert (len(told), len(known)) == (4, 2)


def test_the_look_is_slow_and_ends_with_the_server(copied: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0)
            return len(waited) > 3

    Damage(lambda _: None).watch(lambda: [copied], Stop())
    assert waited == [damage._PAUSE, *[Looked.BLOCK / damage._RATE] * 3]
