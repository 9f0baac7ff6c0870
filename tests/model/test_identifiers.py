"""Identifiers of organisations have the form of their register, one owner and a source."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from string import ascii_uppercase, digits

import pytest

from cybilgraph.errors import ReferenceDataError
from cybilgraph.model.gazetteer import OVERLAID_FILES, Gazetteer, load_gazetteer
from cybilgraph.model.identifiers import REGISTERS, ActorIdentifier, identifier_label
from cybilgraph.model.overlay import read_overlay
from cybilgraph.model.own_actors import NewActor, add_actor, add_identifiers, merge_actors
from cybilgraph.model.resources import REFERENCE, read_reference

ROWS = read_reference("identifiers.csv")
HEADER = "actor,register,identifier,source\n"
#: Identifiers in the registers that none of our organisations has.
FREE = {"wikidata": "Q42", "ror": "0abcdef23", "lei": "529900T8BM49AURSDO55", "org-id": "GB-COH-01234567"}


def with_table(folder: Path, *rows: str) -> Gazetteer:
    (folder / "identifiers.csv").write_text(HEADER + "\n".join([*rows, ""]), encoding="utf-8")
    return Gazetteer(REFERENCE, read_overlay(folder, OVERLAID_FILES))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['actor']}-{row['register']}")
def test_our_identifiers_are_valid_and_have_a_source(row: dict[str, str]) -> None:
    register = REGISTERS[row["register"]]
    assert register.is_valid(row["identifier"])
    assert row["source"].startswith("https://")
    assert row["actor"] in load_gazetteer().entries["actor"]


def test_our_identifiers_are_distinct_and_sorted() -> None:
    assert not [
        key for key, count in Counter((row["register"], row["identifier"]) for row in ROWS).items() if count > 1
    ]
    keys = [(row["actor"], row["register"]) for row in ROWS]
    assert keys == sorted(set(keys))
    assert {row["register"] for row in ROWS} == REGISTERS.keys()


def test_no_identifier_is_without_a_source() -> None:
    """The column same_as has no sources, so that our table leaves it to those of deployments."""
    assert not [row["id"] for row in read_reference("actors.csv") if row["same_as"]]


@pytest.mark.parametrize(
    ("register", "valid", "invalid"),
    [
        ("wikidata", ("Q1", "Q7159"), ("7159", "Q0", "q7159", "P31", "Q7159 ", "http://www.wikidata.org/entity/Q7159")),
        # The last two digits are check digits (ISO 7064, MOD 97-10).
        ("ror", ("006kxhp52", "052gg0110", "00tvq5277"), ("006kxhp53", "06kxhp052", "106kxhp52", "00IKXHP52", "006kxhp5")),
        ("lei", ("VGRQXHF3J8VDLUA7XE92", "529900T8BM49AURSDO55"), ("VGRQXHF3J8VDLUA7XE93", "VGRQXHF3J8VDLUA7X92", "x" * 20)),
        (
            "org-id",
            ("XM-DAC-41114", "GB-GOV-1", "CA-CRA_ACR-118830884RR0001", "CA_ON-ONT-12", "XI-IATI-EC_FPI"),
            ("41114", "XM-DAC", "XM-DAC-", "xm-dac-41114", "XM-DAC-41 114"),
        ),
    ],
)  # fmt: skip
def test_form_of_identifiers(register: str, valid: tuple[str, ...], invalid: tuple[str, ...]) -> None:
    assert all(REGISTERS[register].is_valid(text) for text in (*valid, REGISTERS[register].example))
    assert not any(REGISTERS[register].is_valid(text) for text in invalid)


def test_check_digits_reveal_a_wrong_digit_or_letter() -> None:
    for name, kinds in (("ror", ("0123456789abcdefghjkmnpqrstvwxyz",)), ("lei", (digits, ascii_uppercase))):
        register = REGISTERS[name]
        for at, right in enumerate(register.example):
            for char in {char for kind in kinds if right in kind for char in kind} - {right}:
                assert not register.is_valid(f"{register.example[:at]}{char}{register.example[at + 1 :]}")


def test_identifiers_of_a_deployment_are_added_to_ours_or_replace_them(tmp_path: Path) -> None:
    names = with_table(
        tmp_path,
        f"gfce,ror,{FREE['ror']},https://example.org/a",
        f"un,ror,{REGISTERS['ror'].example},https://example.org/b",
    )
    assert names.entries["actor"]["gfce"].identifiers == (ActorIdentifier("ror", FREE["ror"], "https://example.org/a"),)
    found = {one.register: one.source for one in names.entries["actor"]["un"].identifiers}
    assert found["ror"] == "https://example.org/b"
    assert found["org-id"].startswith("https://github.com/IATI/")
    entry = names.find_by_identifier("org-id", "XM-DAC-41305")
    assert entry
    assert entry.key == "un"


@pytest.mark.parametrize(
    ("row", "column", "problem", "hint"),
    [
        ("nobody,ror,006kxhp52,https://example.org", "actor", "no actor with the key 'nobody'", "actors add"),
        ("gfc,ror,006kxhp52,https://example.org", "actor", "no actor with the key 'gfc'", "Did you mean gfce?"),
        ("gfce,rorr,006kxhp52,https://example.org", "register", "no register with the key 'rorr'", "Did you mean ror?"),
        ("gfce,isni,0000,https://example.org", "register", "no register with the key 'isni'", "wikidata, ror, lei, org-id"),
        ("gfce,ror,006kxhp53,https://example.org", "identifier", "not a valid identifier of ROR", "006kxhp52"),
        ("gfce,lei,,https://example.org", "identifier", "'' is not a valid identifier of LEI", "VGRQXHF3J8VDLUA7XE92"),
        ("gfce,wikidata,Q42,", "source", "'' is not a URL", "states the identifier"),
        ("gfce,wikidata,Q42,the register", "source", "not a URL", "https://"),
    ],
)  # fmt: skip
def test_wrong_row_names_its_place(tmp_path: Path, row: str, column: str, problem: str, hint: str) -> None:
    with pytest.raises(ReferenceDataError) as raised:
        with_table(tmp_path, row)
    assert raised.value.what.startswith(f"{tmp_path / 'identifiers.csv'}, line 2, column {column}: ")
    assert problem in raised.value.what
    assert hint in raised.value.hint


def test_actor_has_one_identifier_in_a_register_and_shares_it_with_none(tmp_path: Path) -> None:
    with pytest.raises(ReferenceDataError, match="gfce has two rows for wikidata"):
        with_table(tmp_path, "gfce,wikidata,Q42,https://example.org", "gfce,wikidata,Q43,https://example.org")
    with pytest.raises(ReferenceDataError, match=r"(gfce and un|un and gfce) have the same identifier, Q1065"):
        with_table(tmp_path, "gfce,wikidata,Q1065,https://example.org")


def test_merged_actor_passes_on_the_identifiers_that_the_other_lacks(tmp_path: Path) -> None:
    add_actor(tmp_path, NewActor("Bula Trust", "civil-society"))
    source = "https://example.org"
    new = [("bula-trust", ActorIdentifier(name, text, source)) for name, text in FREE.items()]
    assert add_identifiers(tmp_path, [*new, ("gfce", ActorIdentifier("wikidata", "Q43", source))]) == 5
    assert add_identifiers(tmp_path, new) == 0
    merge_actors(tmp_path, "bula-trust", "gfce")
    names = Gazetteer(REFERENCE, read_overlay(tmp_path, OVERLAID_FILES))
    found = {one.register: one.text for one in names.entries["actor"]["gfce"].identifiers}
    assert found == FREE | {"wikidata": "Q43"}


def test_wrong_identifier_changes_nothing(tmp_path: Path) -> None:
    good = [("gfce", ActorIdentifier("wikidata", "Q42", "https://example.org"))]
    add_identifiers(tmp_path, good)
    before = (tmp_path / "identifiers.csv").read_bytes()
    for text, problem in (("Q043", "not a valid identifier"), ("Q43", "gfce has two rows for wikidata")):
        with pytest.raises(ReferenceDataError, match=problem):
            add_identifiers(tmp_path, [("gfce", ActorIdentifier("wikidata", text, "https://example.org"))])
        assert (tmp_path / "identifiers.csv").read_bytes() == before


def test_iris_of_registers_have_readable_labels() -> None:
    assert identifier_label("https://ror.org/006kxhp52") == "ROR 006kxhp52"
    assert identifier_label("http://www.wikidata.org/entity/Q1065") == "Wikidata Q1065"
    assert not identifier_label("https://example.org/Q1065")
