"""Files are written atomically, despite concurrent writers and left-over temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cybilgraph.runtime.files import TemporaryFolder, atomic_write, create_key, read_key


def test_left_over_temporary_file_is_overwritten_but_a_link_is_refused(tmp_path: Path) -> None:
    target = tmp_path / f"{'é' * 125}.txt"  # the maximum length of a name
    names = []
    for content in (b"a longer text", b"short"):
        with atomic_write(target) as file:
            names.append(next(path for path in tmp_path.iterdir() if path != target))
            file.write(content)
        assert target.read_bytes() == content
        assert list(tmp_path.iterdir()) == [target]
        names[-1].write_bytes(b"left by a killed process, and longer than the next content")
    assert names[0] == names[1]
    names[0].unlink()
    names[0].symlink_to(target)
    with pytest.raises(OSError, match="symbolic"), atomic_write(target) as file:
        file.write(b"through the link")
    assert target.read_bytes() == b"short"


def test_failed_block_changes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(b"before")
    parts: list[Any] = [b"half", None]
    with pytest.raises(TypeError), atomic_write(target) as file:
        file.writelines(parts)
    assert [(path, path.read_bytes()) for path in tmp_path.iterdir()] == [(target, b"before")]


def test_concurrent_writers_of_a_file_take_turns(tmp_path: Path) -> None:
    target, contents = tmp_path / "a.txt", [str(number).encode() * 100_000 for number in range(8)]

    def write(content: bytes) -> None:
        for _ in range(20):
            with atomic_write(target) as file:
                file.write(content[:50_000])
                file.write(content[50_000:])

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [target]


#: Creates a folder, prints its path, and waits to be killed.
_HOLDING = """
import time
from cybilgraph.runtime.files import TemporaryFolder
folder = TemporaryFolder("tests")
(folder.path / "file").write_text("x")
print(folder.path, flush=True)
time.sleep(600)
"""


def test_folders_of_killed_processes_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _HOLDING], stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": tmp_path}
        )
        for _ in range(2)
    ]
    try:
        killed, alive = [Path(os.fsdecode(one.stdout.readline().strip())) for one in running if one.stdout]
        running[0].kill()
        running[0].wait()
        (other := tmp_path / "cybilgraph-testsuite").mkdir()
        (link := tmp_path / "cybilgraph-tests-link").symlink_to(other)
        with closing(TemporaryFolder("tests")) as folder, closing(TemporaryFolder("tests")) as second:
            assert not killed.exists()
            assert sorted(tmp_path.iterdir()) == sorted([alive, other, link, folder.path, second.path])
            assert (alive / "file").exists()
        assert sorted(tmp_path.iterdir()) == sorted([alive, other, link])
    finally:
        for one in running:
            one.kill()
            one.communicate()


def test_key_hashes_the_same_after_reading_it_back(tmp_path: Path) -> None:
    key, other = create_key(tmp_path / "key"), create_key(tmp_path / "other")
    assert read_key(tmp_path / "key").hash("x") == key.hash("x") != other.hash("x")
    assert key.name != other.name
    assert repr(key) == repr(other)
