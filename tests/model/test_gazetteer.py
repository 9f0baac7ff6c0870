"""The reference data are complete, agree with the libraries that they come from, and resolve names."""

from __future__ import annotations

import csv
import importlib.util
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

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
    GazetteerEntry,
    fold,
    load_gazetteer,
    slug,
)
from cybilgraph.model.overlay import OVERLAID_KINDS, OverlayRow, check_row
from cybilgraph.model.resources import REFERENCE
from tests.conftest import ROOT

NAMES = load_gazetteer()
COUNTRY_NAMES = [name for entry in NAMES.entries["country"].values() for name in (*entry.names, entry.key)]


@pytest.fixture(scope="module")
def update_countries() -> Any:
    spec = importlib.util.spec_from_file_location("update_countries", REFERENCE / "update_countries.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_columns_from_libraries_are_current(update_countries: Any) -> None:
    """If this fails after an update of pycountry or Babel, run data/reference/update_countries.py."""
    rows = [dict(entry.row) for entry in NAMES.entries["country"].values()]
    assert update_countries.updated(rows) == rows


@pytest.mark.parametrize("kind", OVERLAID_KINDS)
def test_cells_of_our_tables_are_valid(kind: str) -> None:
    """The error names the line and the column, and says how to correct the cell."""
    file, key_column = REFERENCE_FILES[kind]
    with (REFERENCE / file).open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        for cells in rows:
            check_row(kind, OverlayRow(REFERENCE / file, rows.line_num, cells), key_column, NAMES.entries)


@pytest.mark.timeout(60)
def test_run_of_combining_marks_takes_linear_time() -> None:
    marks = "\u0301\u0323" * 500_000
    assert fold(f"  The É{marks}.") == f"é{marks}"


def test_wikidata_items_are_read_from_natural_earth(update_countries: Any) -> None:
    fields = (("ISO_A2_EH", 3), ("NAME", 12), ("WIKIDATAID", 8))
    rows = (("FR", "Cité", "Q142"), ("FR", "Clipperton", "Q161258"), ("PS", "Palestine", "Q23792"), ("XK", "", ""))
    head = b"".join(
        name.encode().ljust(11, b"\0") + b"C".ljust(5, b"\0") + bytes([size] + [0] * 15) for name, size in fields
    )
    header_size, row_size = 32 + len(head) + 1, 1 + sum(size for _, size in fields)
    start = b"\x03\0\0\0" + struct.pack("<LHH", len(rows), header_size, row_size) + bytes(20)
    cells = [
        b" " + b"".join(cell.encode().ljust(size) for cell, (_, size) in zip(row, fields, strict=True)) for row in rows
    ]
    assert update_countries.wikidata_items(start + head + b"\r" + b"".join(cells)) == {"FR": "Q142"}


def test_wikidata_items_are_distinct() -> None:
    places = (*NAMES.entries["country"].values(), *NAMES.entries["region"].values())
    items = [item for entry in places if (item := entry.row["wikidata"])]
    assert len(items) == len(set(items)) == 264
    assert all(re.fullmatch(r"Q[1-9]\d*", item) for item in items)


@pytest.mark.parametrize("group", NAMES.entries["group"].values(), ids=lambda group: group.key)
def test_groups_have_dated_members_with_a_source_or_say_why_not(group: GazetteerEntry) -> None:
    members, row = group.cell("members"), group.row
    assert list(members) == sorted(set(members))
    if members:
        assert re.fullmatch(r"\d{4}(-\d\d){0,2}", row["as_of"])
        assert row["source"].startswith("https://")
    else:
        assert row["note"]
        assert not row["as_of"] + row["source"]


@pytest.mark.parametrize(
    ("group", "number", "member", "former"),
    [
        ("acp", 79, "MV", "ZA"),
        ("african-union", 55, "MA", ""),
        ("asean", 11, "TL", ""),
        ("caricom", 15, "MS", "DO"),
        ("commonwealth", 56, "GA", "ZW"),
        ("eac", 8, "SO", ""),
        ("ecowas", 12, "GH", "ML"),
        ("eu-member-states", 27, "HR", "GB"),
        ("francophonie", 50, "GH", "NE"),
        ("ldc", 44, "BD", "ST"),
        ("oas-member-states", 34, "DM", "NI"),
        ("oda-recipients", 141, "MS", "AG"),
        ("sadc", 16, "KM", ""),
    ],
)
def test_groups_have_their_current_members(group: str, number: int, member: str, former: str) -> None:
    entry = NAMES.get("group", group)
    assert entry
    members = entry.cell("members")
    assert (len(members), member in members, former in members) == (number, True, False)


def test_territories_belong_to_states() -> None:
    countries = NAMES.entries["country"]
    territories = {code: entry.row["territory_of"] for code, entry in countries.items() if entry.row["territory_of"]}
    assert len(territories) == 49
    assert {"PR", "GP", "HK", "TK"} < set(territories)
    assert set(territories.values()) <= set(countries) - set(territories)


def test_reference_data_have_expected_sizes() -> None:
    assert len(NAMES.entries["country"]) == 250  # ISO 3166-1 and Kosovo
    assert len(NAMES.entries["actor"]) >= 120
    assert len([theme for theme in NAMES.entries["theme"].values() if not theme.row["parent"]]) == 5


def test_references_between_files_resolve() -> None:
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


def test_parents_of_actors_have_no_cycle() -> None:
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
        ("actor", "Government of Scotland", "scottish-government"),
        ("group", "ASEAN Region", "asean"),
        ("theme", "Cyber Security Culture & Skills", "culture-and-skills"),
        ("status", "Closed", "finished"),
    ],
)
def test_finds_entries_by_name_alias_and_code(kind: str, name: str, key: str) -> None:
    found = NAMES.find(kind, name)
    assert found
    assert found.key == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Trinadad and Tobago", "TT"),
        ("Kyrgystan", "KG"),
        ("Democratc Republic of the Congo", "CD"),
        ("Republik of Austria", "AT"),
        ("Republic of Australia", None),
        ("Nigera", None),
        ("Australasia", None),
    ],
)
def test_finds_near_names(name: str, key: str | None) -> None:
    assert NAMES.find("country", name) is None
    near = NAMES.find_near("country", name)
    assert (near.key if near else None) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Ministry of Foreign Affairs of Estonnia", "estonia-mfa"),
        ("Estonia Ministry of Foreign Affairs", "estonia-mfa"),
        ("Ministry of Foreign Affairs of Slovenia", None),
        ("Ministry of Foreign Affairs of Poland", None),
        ("Computer Emergency Response Team of Mauritania", None),
        ("National Information Technology Authority", None),
    ],
)
def test_body_of_another_state_is_not_a_near_name(name: str, key: str | None) -> None:
    near = NAMES.find_near("actor", name)
    assert (near.key if near else None) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Attorney-General's Department (Austrlia)", "australian-agd"),
        ("Attorney-General's Department (Austria)", None),
    ],
)
def test_body_of_another_state_is_not_misspelt(name: str, key: str | None) -> None:
    found = NAMES.find_misspelt("actor", name)
    assert (found.key if found else None) == key


@pytest.mark.parametrize("name", ["Niger", "Dominica", "Guinea", "Austria", "Iran", "Mali"])
def test_listed_names_are_never_near_each_other(name: str) -> None:
    """Niger and Nigeria, Iran and Iraq: a correct name must not be taken for a similar one."""
    found = NAMES.find("country", name)
    assert found
    assert found.name == name


def test_mentions_are_longest_whole_words() -> None:
    text = "The Democratic Republic of the Congo and Guinea-Bissau, not nigerian or Omani; the UK Home Office."
    found = [(text[m.start : m.end], [entry.key for entry in m.entries]) for m in NAMES.find_mentions(text)]
    assert ("Democratic Republic of the Congo", ["CD"]) in found
    assert ("Guinea-Bissau", ["GW"]) in found
    assert ("UK Home Office", ["uk-home-office"]) in found
    assert not [name for name, _ in found if name in ("Niger", "niger", "Oman", "UK", "Guinea", "Congo")]


def test_abbreviation_matches_only_in_its_capitals() -> None:
    assert [entry.key for m in NAMES.find_mentions("RIA and ria") for entry in m.entries] == ["ria"]
    assert not [
        m for m in NAMES.find_mentions("they first saw us in march") if any(e.kind != "theme" for e in m.entries)
    ]


def test_duplicate_name_is_rejected(tmp_path: Path) -> None:
    for file in (*(file for file, _ in REFERENCE_FILES.values()), "identifiers.csv", "theme-goals.csv"):
        (tmp_path / file).write_bytes((REFERENCE / file).read_bytes())
    actors = tmp_path / "actors.csv"
    actors.write_text(
        actors.read_text(encoding="utf-8") + "zz,Second Council,government,,,,Council of Europe,,,\n", encoding="utf-8"
    )
    with pytest.raises(ReferenceDataError, match="names both"):
        Gazetteer(tmp_path)
    actors.write_text("id,name\n,nobody\n", encoding="utf-8")
    with pytest.raises(ReferenceDataError, match=r"actors\.csv, line 2"):
        Gazetteer(tmp_path)


@given(st.text("aZé09 -'", max_size=210))
def test_slug_shortcut_for_plain_names_agrees_with_slugify(name: str) -> None:
    assert slug(name) == slugify(name, max_length=200, word_boundary=True)


def test_length_filter_excludes_no_near_name() -> None:
    for name in ("Trinidad and Tobago", "Papua New Guinea", "Niger", "Democratic Republic of the Congo"):
        for cut in range(len(name)):
            nearest = max(fuzz.ratio(fold(name[cut:]), known) for known in map(fold, COUNTRY_NAMES))
            if 4 <= len(fold(name[cut:])) <= 120:
                assert (NAMES.suggest("country", name[cut:]) is not None) == (nearest >= MIN_SUGGESTION_SCORE)
                assert nearest >= MIN_MATCH_SCORE or NAMES.find_near("country", name[cut:]) is None


def test_slug_opens_no_file() -> None:
    """Check workers cannot open files, and keys must not depend on installed packages."""
    code = (
        "import importlib, sys; from cybilgraph.model.gazetteer import slug; slug('É'); importlib.invalidate_caches()\n"
        "sys.addaudithook(lambda event, _: event in ('import', 'open', 'os.listdir') and sys.exit(event))\n"
        "print(slug('Über Ítaca'))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("uber-itaca\n", "")


def test_slugs_are_ascii() -> None:
    assert slug("CMM Review – Côte d’Ivoire (*GFCE Initiative)") == "cmm-review-cote-divoire-gfce-initiative"


def test_every_mentioned_kind_has_a_file() -> None:
    assert set(MENTIONED_KINDS) <= REFERENCE_FILES.keys()
    assert all((ROOT / "data" / "reference" / file).is_file() for file, _ in REFERENCE_FILES.values())


@pytest.mark.parametrize(("name", "country"), [("VU", None), ("TV", None), ("UK", "GB"), ("Vanuatu", "VU")])
def test_code_alone_is_not_the_name_of_a_country(name: str, country: str | None) -> None:
    found = load_gazetteer().find_country(name)
    assert (found and found.key) == country


def test_countries_of_regions_and_groups() -> None:
    names = load_gazetteer()
    caribbean, americas = (names.countries_in(names.entries["region"][key]) for key in ("029", "019"))
    assert {"JM", "HT"} <= caribbean < americas
    assert "BZ" in americas - caribbean
    assert names.countries_in(names.entries["region"]["001"]) == names.entries["country"].keys()
    assert {"BZ", "JM"} < names.countries_in(names.entries["group"]["caricom"])
