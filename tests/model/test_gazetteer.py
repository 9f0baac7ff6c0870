"""The reference data are whole, agree with the libraries they come from, and resolve names."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz
from slugify import slugify

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.gazetteer import (
    MENTIONED_KINDS,
    MIN_MATCH_SCORE,
    MIN_SUGGESTION_SCORE,
    REFERENCE_FILES,
    Gazetteer,
    fold,
    load_gazetteer,
    slug,
)
from cybilgraph.model.resources import REFERENCE
from tests.conftest import ROOT

NAMES = load_gazetteer()
COUNTRY_NAMES = [name for entry in NAMES.entries["country"].values() for name in (*entry.names, entry.key)]


def test_the_columns_from_libraries_are_fresh() -> None:
    """If this fails after an update of pycountry or Babel, run data/reference/update_countries.py."""
    spec = importlib.util.spec_from_file_location("update_countries", REFERENCE / "update_countries.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = [dict(entry.row) for entry in NAMES.entries["country"].values()]
    assert module.updated(rows) == rows


def test_sizes() -> None:
    assert len(NAMES.entries["country"]) == 250  # ISO 3166-1 and Kosovo
    assert len(NAMES.entries["actor"]) >= 120
    assert len([theme for theme in NAMES.entries["theme"].values() if not theme.row["parent"]]) == 5


def test_links_inside_the_data_lead_somewhere() -> None:
    for country in NAMES.entries["country"].values():
        assert NAMES.get("region", country.row["region"]), country
    for region in NAMES.entries["region"].values():
        assert region.key == "001" or NAMES.get("region", region.row["parent"]), region
    for group in NAMES.entries["group"].values():
        assert all(NAMES.get("country", member) for member in group.cell("members")), group
    for theme in NAMES.entries["theme"].values():
        assert not theme.row["parent"] or NAMES.get("theme", theme.row["parent"]), theme
    for actor in NAMES.entries["actor"].values():
        assert NAMES.get("actor-type", actor.row["type"]), actor
        assert not actor.row["parent"] or NAMES.get("actor", actor.row["parent"]), actor
        assert not actor.row["country"] or NAMES.get("country", actor.row["country"]), actor
        assert re.fullmatch(r"(https://\S+)?", actor.row["homepage"]), actor


def test_no_actor_is_above_itself() -> None:
    for actor in NAMES.entries["actor"].values():
        seen = [actor.key]
        while parent := NAMES.entries["actor"][seen[-1]].row["parent"]:
            assert parent not in seen, seen
            seen.append(parent)


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        ("country", "Belize", "BZ"),
        ("country", "BZ", "BZ"),
        ("country", "The Philippines", "PH"),
        ("country", "Antigua & Barbuda", "AG"),
        ("country", "Congo-Brazzaville", "CG"),
        ("country", "Lao PDR", "LA"),
        ("country", "Kosovo*", "XK"),
        ("country", "the Cook Islands", "CK"),
        ("actor", "OAS/CICTE", "oas-cicte"),
        ("actor", "Global Partners Digital", "gpd"),
        ("group", "ASEAN Region", "asean"),
        ("theme", "Cyber Security Culture & Skills", "culture-and-skills"),
        ("status", "Closed", "finished"),
    ],
)
def test_finds(kind: str, name: str, key: str) -> None:
    found = NAMES.find(kind, name)
    assert found
    assert found.key == key


@pytest.mark.parametrize(
    ("name", "key"),
    [("Trinadad and Tobago", "TT"), ("Kyrgystan", "KG"), ("Nigera", None), ("Australasia", None)],
)
def test_near_names(name: str, key: str | None) -> None:
    assert NAMES.find("country", name) is None
    near = NAMES.find_near("country", name)
    assert (near.key if near else None) == key


@pytest.mark.parametrize("name", ["Niger", "Dominica", "Guinea", "Austria", "Iran", "Mali"])
def test_a_name_is_never_near_another(name: str) -> None:
    """Niger and Nigeria, Iran and Iraq: a right name must not be taken for its neighbour."""
    found = NAMES.find("country", name)
    assert found
    assert found.name == name


def test_mentions_take_the_longest_name_and_whole_words_only() -> None:
    text = "The Democratic Republic of the Congo and Guinea-Bissau, not nigerian or Omani; the UK Home Office."
    found = [(text[m.start : m.end], [entry.key for entry in m.entries]) for m in NAMES.find_mentions(text)]
    assert ("Democratic Republic of the Congo", ["CD"]) in found
    assert ("Guinea-Bissau", ["GW"]) in found
    assert ("UK Home Office", ["uk-home-office"]) in found
    assert not [name for name, _ in found if name in ("Niger", "niger", "Oman", "UK", "Guinea", "Congo")]


def test_an_abbreviation_counts_in_its_own_capitals_only() -> None:
    assert [entry.key for m in NAMES.find_mentions("RIA and ria") for entry in m.entries] == ["ria"]
    assert not [
        m for m in NAMES.find_mentions("they first saw us in march") if any(e.kind != "theme" for e in m.entries)
    ]


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    for file, _ in REFERENCE_FILES.values():
        (tmp_path / file).write_bytes((REFERENCE / file).read_bytes())
    actors = tmp_path / "actors.csv"
    actors.write_text(
        actors.read_text(encoding="utf-8") + "zz,Second Council,government,,,,Council of Europe,\n", encoding="utf-8"
    )
    with pytest.raises(ReferenceDataError, match="names both"):
        Gazetteer(tmp_path)
    actors.write_text("id,name\n,nobody\n", encoding="utf-8")
    with pytest.raises(ReferenceDataError, match=r"actors\.csv, line 2"):
        Gazetteer(tmp_path)


@given(st.text("aZé09 -'", max_size=210))
def test_the_key_of_a_plain_name_is_that_of_any_name(name: str) -> None:
    assert slug(name) == slugify(name, max_length=200, word_boundary=True)


def test_no_name_that_is_as_near_is_left_out_for_its_length() -> None:
    for name in ("Trinidad and Tobago", "Papua New Guinea", "Niger", "Democratic Republic of the Congo"):
        for cut in range(len(name)):
            nearest = max(fuzz.ratio(fold(name[cut:]), known) for known in map(fold, COUNTRY_NAMES))
            if 4 <= len(fold(name[cut:])) <= 120:
                assert (NAMES.suggest("country", name[cut:]) is not None) == (nearest >= MIN_SUGGESTION_SCORE)
                assert nearest >= MIN_MATCH_SCORE or NAMES.find_near("country", name[cut:]) is None


def test_a_key_needs_no_file() -> None:
    """A check worker can open none; and whatever else is installed, keys are the same."""
    code = (
        "import importlib, sys; from cybilgraph.model.gazetteer import slug; slug('É'); importlib.invalidate_caches()\n"
        "sys.addaudithook(lambda event, _: event in ('import', 'open', 'os.listdir') and sys.exit(event))\n"
        "print(slug('Über Ítaca'))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("uber-itaca\n", "")


def test_slugs() -> None:
    assert slug("CMM Review – Côte d’Ivoire (*GFCE Initiative)") == "cmm-review-cote-divoire-gfce-initiative"


def test_every_mentioned_kind_has_a_file() -> None:
    assert set(MENTIONED_KINDS) <= REFERENCE_FILES.keys()
    assert all((ROOT / "data" / "reference" / file).is_file() for file, _ in REFERENCE_FILES.values())
