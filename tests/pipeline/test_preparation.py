"""The build cache saves time and does not change a byte of a release."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import CybilgraphError
from cybilgraph.pipeline import preparation
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.release import Releases
from cybilgraph.runtime.cache import BuildCache
from tests.conftest import RECORDS, SEED
from tests.support.builds import DAY, added, changed, content, removed


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the records that were processed, in order."""
    keys: list[str] = []
    work = preparation._prepare_batch

    def record_batch(records: list[Any], *choices: Any) -> Any:
        keys.extend(record.key for record in records)
        return work(records, *choices)

    monkeypatch.setattr(preparation, "_prepare_batch", record_batch)
    return keys


def build(pages: Path, into: Path, dumps: bool = False, **options: Any) -> Path:
    return pipeline.build([pages], into, as_of=DAY, dumps=dumps, **options)[0].folder


def test_two_simultaneous_builds_are_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Excepts the files of the store, and manifest.json and SHA256SUMS, which have their checksums."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made = [pipeline.build([SEED], tmp_path / name)[0] for name in ("one", "other")]
    one, other = (
        {name: path.read_bytes() for name, path in release.served_files().items() if name != "SHA256SUMS"}
        for release in made
    )
    manifests = [json.loads(files.pop("manifest.json")) for files in (one, other)]
    assert one == other
    assert {"dcat.ttl", "void.ttl", "cybilgraph.nq.gz"} < one.keys()
    for manifest in manifests:
        manifest["files"] = {name: sum_ for name, sum_ in manifest["files"].items() if not name.startswith("store/")}
    assert manifests[0] == manifests[1]
    assert manifests[0]["created"] == "2023-11-14T22:13:20+00:00"
    assert made[0].manifest["created"] in (made[0].folder / "manifest.json").read_text()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(CybilgraphError, match="not a number of seconds since 1970"):
        pipeline.build([SEED], tmp_path / "none")


def renamed(pages: Path) -> None:
    (pages / "belize-G0020.txt").rename(pages / "zz.txt")


def untitled(pages: Path) -> None:
    for name in ("un", "deux"):  # their keys depend on the bytes of the files
        (pages / f"{name}.txt").write_text(f"Summary\n\nText {name}.\n", encoding="utf-8")


@pytest.mark.slow
def test_incremental_build_equals_a_full_build(tmp_path: Path, done: list[str]) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    for into in ("kept", "anew"):
        build(pages, tmp_path / into, dumps=True)
    steps: dict[Callable[[Path], None], list[str]] = {
        lambda _: None: [],
        changed: ["G0020"],
        added: ["a-new-project"],
        removed: [],
        renamed: [],
        untitled: ["untitled", "untitled"],
    }
    for step, expected in steps.items():
        step(pages)
        done.clear()
        kept = content(build(pages, tmp_path / "kept", dumps=True))
        assert "public/cybilgraph.ttl.gz" in kept
        assert [key[: len("untitled")] if "untitled" in key else key for key in done] == expected
        Releases(tmp_path / "anew").build_cache.unlink()
        assert content(build(pages, tmp_path / "anew", dumps=True)) == kept


def test_page_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = shutil.copytree(RECORDS, tmp_path / "pages")
    untitled(pages)
    read: list[str] = []
    reader = preparation.read_input
    monkeypatch.setattr(preparation, "read_input", lambda given: read.append(given.name) or reader(given))
    build(pages, tmp_path / "into")
    assert set(read) >= {"belize-G0020.txt", "un.txt"}
    read.clear()
    changed(pages)
    (pages / "un.txt").rename(pages / "trois.txt")
    kept = content(build(pages, tmp_path / "into"))
    assert read == ["belize-G0020.txt"]
    assert content(build(pages, tmp_path / "anew")) == kept


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "flipped", "no database"])
def test_damaged_cache_entries_are_recomputed(tmp_path: Path, done: list[str], damage: str) -> None:
    whole = content(build(RECORDS, tmp_path))
    file = Releases(tmp_path).build_cache
    data = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        for at in range(len(data) // 4, len(data), 500):
            data[at] ^= 1
        file.write_bytes(data)
    else:
        file.write_bytes(b"This is no database. " * 1_000)
    done.clear()
    for _ in range(2):  # the second rebuilds the file if the damage was found late
        assert content(build(RECORDS, tmp_path)) == whole
    assert done
    done.clear()
    assert content(build(RECORDS, tmp_path)) == whole
    assert not done


def test_cache_key_includes_everything_that_matters(
    tmp_path: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "own.ttl").write_text("# one", encoding="utf-8")
    monkeypatch.setattr(
        preparation, "FINGERPRINT_FILES", (*preparation.FINGERPRINT_FILES, (tmp_path / "shapes", "*.ttl"))
    )
    page = RECORDS / "belize-G0020.txt"
    build(page, tmp_path / "into")
    pipeline.build([page], tmp_path / "into", as_of=date(2026, 2, 1), dumps=False)
    build(page, tmp_path / "into", contacts=False)
    (tmp_path / "shapes" / "own.ttl").write_text("# two", encoding="utf-8")
    build(page, tmp_path / "into", contacts=False)
    assert len(done) == 4
    build(page, tmp_path / "into", contacts=False)
    assert len(done) == 4


def test_only_changed_rows_of_a_table_are_reprocessed(tmp_path: Path, done: list[str]) -> None:
    table = tmp_path / "all.csv"
    table.write_bytes(WRITERS["csv"](list(pipeline.read(RECORDS))))
    build(table, tmp_path / "into")
    many = len(done)
    done.clear()
    row = next(line for line in table.read_text(encoding="utf-8").splitlines() if "G0020" in line)
    table.write_text(table.read_text(encoding="utf-8").replace(row, row.replace("Belize", "Kenya")), encoding="utf-8")
    kept = content(build(table, tmp_path / "into"))
    assert 1 <= len(done) < many / 4
    Releases(tmp_path / "into").build_cache.unlink()
    assert content(build(table, tmp_path / "into")) == kept


@pytest.mark.slow
def test_several_processes_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = content(build(RECORDS, tmp_path / "alone"))
    monkeypatch.setattr(preparation, "BATCH_RECORDS", 3)
    assert content(build(RECORDS, tmp_path / "together")) == alone


def test_erased_person_is_not_in_the_cache(tmp_path: Path) -> None:
    build(RECORDS, tmp_path)
    releases = Releases(tmp_path)
    assert releases.build_cache.exists()
    releases.erase("Nobody at all")
    assert not releases.build_cache.exists()


def test_full_disk_leaves_the_earlier_cache(tmp_path: Path) -> None:
    place = tmp_path / ".prepared"
    with BuildCache(place, (), b"") as remembered:
        remembered.put(b"key", "what was worked out")
    with BuildCache(place, (), b"") as remembered:
        assert remembered.get(b"key")
        remembered._base.execute("PRAGMA max_page_count = 1")  # SQLite then fails as on a full disk
        for number in range(100):
            remembered.put(bytes([number]), os.urandom(1_000))
        assert remembered.get(b"key") is None, "it is done without for the rest of this build"
    with BuildCache(place, (), b"") as remembered:
        assert remembered.load(remembered.get(b"key")) == "what was worked out"


def test_unused_cache_entries_are_deleted(tmp_path: Path) -> None:
    place = tmp_path / ".prepared"
    with BuildCache(place, (), b"") as remembered:
        remembered.put(b"key", "Zelda Quux leads it")
    assert b"Zelda Quux" in place.read_bytes()
    with BuildCache(place, (), b""):
        pass
    assert b"Zelda Quux" not in place.read_bytes()
