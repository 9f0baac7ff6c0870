"""Actors are added to a deployment's own table, and merged there."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.gazetteer import OVERLAID_FILES, Gazetteer
from cybilgraph.model.overlay import read_overlay
from cybilgraph.model.own_actors import NewActor, add_actor, merge_actors
from cybilgraph.model.resources import REFERENCE

TRUST = NewActor("Bula Trust", "Civil society", "Fiji", aliases=("Bula",))


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "actors.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def names_of(folder: Path) -> Gazetteer:
    return Gazetteer(REFERENCE, read_overlay(folder, OVERLAID_FILES))


def test_added_actor_keeps_the_key_of_its_name(tmp_path: Path) -> None:
    assert add_actor(tmp_path / "own", TRUST).key == "bula-trust"
    assert add_actor(tmp_path / "own", NewActor("Nauru Police Force", "government", "NR")).key == "police-force-nauru"
    row = rows(tmp_path / "own")["bula-trust"]
    assert (row["type"], row["country"], row["aliases"]) == ("civil-society", "FJ", "Bula")


@pytest.mark.parametrize(
    ("actor", "problem"),
    [
        (NewActor("bula", "government"), "already listed, as bula-trust"),
        (NewActor("GFCE", "government"), "already listed, as gfce"),
        (NewActor("Second Trust", "goverment"), "no actor-type"),
        (NewActor("Second Trust", "government", "Atlantis"), "no country"),
        (NewActor("Second Trust", "government", aliases=("GFCE",)), "names both"),
    ],
)
def test_wrong_actor_changes_nothing(tmp_path: Path, actor: NewActor, problem: str) -> None:
    add_actor(tmp_path, TRUST)
    before = (tmp_path / "actors.csv").read_bytes()
    with pytest.raises(ReferenceDataError, match=problem) as raised:
        add_actor(tmp_path, actor)
    assert "line" not in raised.value.what, "the file has no such row"
    assert (tmp_path / "actors.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".csv"] == ["actors.csv"]


def test_concurrent_additions_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: add_actor(tmp_path, NewActor(f"Trust {n}", "government")), range(8)))
    assert len(rows(tmp_path)) == 8


def test_merged_actor_gives_its_names_and_keys(tmp_path: Path) -> None:
    add_actor(tmp_path, TRUST)
    assert merge_actors(tmp_path, "Bula", "gfce").key == "gfce"
    assert list(rows(tmp_path)) == ["gfce"]
    names = names_of(tmp_path)
    for name in ("Bula Trust", "Bula", "GFCE", "Global Forum on Cyber Expertise"):
        found = names.find("actor", name)
        assert found
        assert found.key == "gfce"
    # And on: what was merged before follows.
    assert merge_actors(tmp_path, "gfce", "Access Now").key == "access-now"
    names = names_of(tmp_path)
    assert names.get("actor", "gfce") is None
    assert {names.former[key].key for key in ("bula-trust", "gfce")} == {"access-now"}
    found = names.find("actor", "Bula")
    assert found
    assert found.key == "access-now"


def test_unlisted_actor_is_merged_by_its_name(tmp_path: Path) -> None:
    merge_actors(tmp_path, "Institute that No List Knows", "gfce", unlisted=True)
    found = names_of(tmp_path).find("actor", "the institute that no list knows")
    assert found
    assert found.key == names_of(tmp_path).former["institute-that-no-list-knows"].key == "gfce"


def test_parent_merged_into_its_part_leaves_no_loop(tmp_path: Path) -> None:
    add_actor(tmp_path, TRUST)
    add_actor(tmp_path, NewActor("Bula Office", "government", parent="Bula Trust"))
    assert merge_actors(tmp_path, "bula-trust", "bula-office").row["parent"] == ""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gfce", "Nobody", "not a listed actor"),
        ("gfce", "Global Forum on Cyber Expertise", "already the same actor"),
        ("Global Forum on Cyber Expertize", "access-now", r"Did you mean gfce \(Global Forum on Cyber Expertise\)"),
        ("Institute that No List Knows", "gfce", "no actor 'Institute that No List Knows'\n.*add --unlisted"),
        ("gfce", "Acess Now", r"Did you mean access-now \(Access Now\)\? To add it: cybilgraph actors add"),
    ],
)
def test_wrong_merge_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    with pytest.raises(ReferenceDataError, match=problem):
        merge_actors(tmp_path, old, new)
    assert not list(tmp_path.glob("*.csv"))
