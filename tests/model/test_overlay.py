"""A deployment's own tables add rows to ours or replace them, and wrong rows are reported with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.gazetteer import OVERLAID_FILES, Gazetteer, load_gazetteer
from cybilgraph.model.overlay import read_overlay
from cybilgraph.model.resources import REFERENCE
from cybilgraph.rdf.description import describe_reference

ACTORS = "id,name,type,parent,country,homepage,aliases,same_as,replaced_by,former"
TRUST = "bula-trust,Bula Trust,civil-society,,FJ,https://example.org,Bula,,,"


def overlaid(folder: Path, *rows: str, file: str = "actors.csv", header: str = ACTORS) -> Gazetteer:
    (folder / file).write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return Gazetteer(REFERENCE, read_overlay(folder, OVERLAID_FILES))


def test_rows_are_added_to_ours(tmp_path: Path) -> None:
    names = overlaid(tmp_path, TRUST)
    found = names.find("actor", "Bula")
    assert found
    assert (found.key, found.row["country"]) == ("bula-trust", "FJ")
    assert len(names.entries["actor"]) == len(load_gazetteer().entries["actor"]) + 1
    assert [mention.entries[0].key for mention in names.find_mentions("funded by the Bula Trust")] == ["bula-trust"]


@pytest.mark.parametrize(
    ("file", "header", "row", "kind", "old", "new"),
    [
        ("actors.csv", ACTORS, "gfce,Global Forum,civil-society,,NL,,,,,", "actor", "GFCE Secretariat", "Global Forum"),
        ("themes.csv", "id,parent,name,aliases,close_match", "awareness,,Being aware,,", "theme", "Cyber hygiene", "being aware"),
        (
            *("groups.csv", "id,name,aliases,members,as_of,source,note,homepage"),
            *("andean-community,Andes,,BO;PE,,,,", "group", "Andean Community of Nations", "Andes"),
        ),
    ],
)  # fmt: skip
def test_row_replaces_ours(tmp_path: Path, file: str, header: str, row: str, kind: str, old: str, new: str) -> None:
    names = overlaid(tmp_path, row, file=file, header=header)
    assert names.find(kind, old) is None
    found = names.find(kind, new)
    assert found
    assert found.key == row.partition(",")[0]
    assert len(names.entries[kind]) == len(load_gazetteer().entries[kind])


@pytest.mark.parametrize(
    ("row", "place", "problem", "hint"),
    [
        ("Bula Trust,Bula Trust,civil-society,,,,,,,", "column id", "not a valid key", "national-cyber-centre"),
        ("bula,,civil-society,,,,,,,", "column name", "is empty", "needs id and name"),
        ("bula,Bula,civil-socety,,,,,,,", "column type", "no actor-type", "Did you mean civil-society?"),
        ("bula,Bula,,,,,,,,", "column type", "is empty", "Fill it in"),
        ("bula,Bula,civil-society,,Fiji,,,,,", "column country", "no country with the key 'Fiji'", "Correct it"),
        ("bula,Bula,civil-society,gfc,,,,,,", "column parent", "no actor with the key 'gfc'", "Did you mean"),
        ("bula,Bula,civil-society,,,example.org,,,,", "column homepage", "not a URL", "https://"),
        ("bula,Bula,civil-society,,,,,,gfce,", "column replaced_by", "not a key and a year", "fcdo:2020"),
        ("bula,Bula,civil-society,,,,,,nobody:2020,", "column replaced_by", "no actor", "Correct it"),
        ("bula,Bula Two,civil-society,,,,GFCE;B,,,", "column aliases", "'GFCE' names both", "one of them only"),
        ("bula,GFCE,civil-society,,,,,,,", "column name", "'GFCE' names both", "actors merge"),
        ("bula-trust,Bula,civil-society,,,,,,,", "column id", "occurs twice", "Keep one"),
        ("bula,Bula,civil-society,,,,,,,bula-trust", "column former", "key of another row", "Remove that row"),
        ("bula,Bula,civil-society", "", "does not have 10 cells", "double quotes"),
        ("bula,Bula,civil-society,,,,,,,,,", "", "does not have 10 cells", "commas"),
        ('bula,"Bula" Trust,civil-society,,,,,,,', "", "not valid CSV", "quotes"),
    ],
)
def test_wrong_row_is_reported_with_its_place(tmp_path: Path, row: str, place: str, problem: str, hint: str) -> None:
    with pytest.raises(ReferenceDataError) as raised:
        overlaid(tmp_path, TRUST, row)
    assert f"{tmp_path / 'actors.csv'}, line 3" in raised.value.what
    assert place in raised.value.what
    assert problem in raised.value.what
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("file", "content", "problem", "hint"),
    [
        ("actor.csv", b"", "not a table that can be replaced", "Did you mean actors.csv?"),
        ("phrases.csv", b"", "not a table that can be replaced", "Tables: actors.csv"),
        ("actors.csv", b"id,name\n", "line 1: the column", f"Make this the first line: {ACTORS}"),
        ("actors.csv", f"{ACTORS},note\n".encode(), "the column 'note' is unknown", ACTORS),
        ("actors.csv", b"\xff\xfe", "not encoded in UTF-8", "CSV UTF-8"),
    ],
)
def test_wrong_table_is_reported(tmp_path: Path, file: str, content: bytes, problem: str, hint: str) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(ReferenceDataError) as raised:
        Gazetteer(REFERENCE, read_overlay(tmp_path, OVERLAID_FILES))
    assert problem in raised.value.what
    assert hint in raised.value.hint


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ReferenceDataError, match="cannot be read"):
        read_overlay(tmp_path / "none", OVERLAID_FILES)


def test_table_of_a_spreadsheet_program_is_read(tmp_path: Path) -> None:
    (tmp_path / "actors.csv").write_bytes(f"\ufeff{ACTORS}\r\n{TRUST}\r\n".encode())
    (tmp_path / "README.md").write_text("Our own names")
    assert Gazetteer(REFERENCE, read_overlay(tmp_path, OVERLAID_FILES)).get("actor", "bula-trust")


def test_merged_actor_is_replaced_wherever_it_was_named(tmp_path: Path) -> None:
    """Also as a parent and as a successor."""
    fcdo = load_gazetteer().entries["actor"]["fcdo"]
    old = next(entry for entry in load_gazetteer().entries["actor"].values() if "fcdo:" in entry.row["replaced_by"])
    row = ",".join([f"{TRUST}fcdo"])
    names = overlaid(tmp_path, row)
    assert names.get("actor", "fcdo") is None
    assert names.find("actor", fcdo.name) is None  # merging adds the names; this row does not have them
    assert names.entries["actor"][old.key].row["replaced_by"] == old.row["replaced_by"].replace("fcdo", "bula-trust")
    assert {entry.row["parent"] for entry in names.entries["actor"].values()}.isdisjoint({"fcdo"})
    found = names.find_by_key("actor", "fcdo")
    assert found
    assert found.key == "bula-trust"
    lines = describe_reference(names)
    former, present = (f"<https://w3id.org/cybilgraph/id/actor/{key}>" for key in ("fcdo", "bula-trust"))
    about = {line.removeprefix(f"{former} ") for line in lines if line.startswith(former)}
    assert about == {
        f"<http://purl.org/dc/terms/isReplacedBy> {present} .",
        f"<http://www.w3.org/2000/01/rdf-schema#seeAlso> {present} .",
        '<http://www.w3.org/2002/07/owl#deprecated> "true"^^<http://www.w3.org/2001/XMLSchema#boolean> .',
    }
    assert not [line for line in lines if f" {former} ." in line]
