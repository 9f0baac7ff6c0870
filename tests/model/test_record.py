"""Records know their key, their values by field, and the place of each part of a text."""

from __future__ import annotations

import pytest

from cybilgraph.model.record import Basis, LeftBlank, Named, Participation, Place, Record, Scope, Source, Text

SOURCE = Source("a.csv", "ab" * 32, 7)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"code": "G0020", "iati": "XM-1", "slug": "a-law"}, "G0020"),
        ({"code": "not a key", "iati": "XM/DAC 1", "slug": "a-law"}, "xm-dac-1"),
        ({"iati": "///", "slug": "a-law"}, "a-law"),
        ({}, "untitled-abababababab-7"),
    ],
)
def test_key_is_taken_from_code_identifier_slug_or_checksum(values: dict[str, str], key: str) -> None:
    assert Record(source=SOURCE, **{name: Text(value) for name, value in values.items()}).key == key


def test_records_are_equal_if_they_differ_only_in_places_and_sources() -> None:
    one = Record(source=SOURCE, title=Text("A law", Place(1)))
    assert one == Record(source=Source("b.txt", "cd" * 32), title=Text("A law", Place(3, 5)))
    assert one != Record(source=SOURCE, title=Text("A team", Place(1)))


def test_repeated_links_are_kept_once_in_order_of_fields() -> None:
    def participation(role: str, key: str, printed: str) -> Participation:
        return Participation(Named("actor", key, Text(printed)), role, Basis.STATED)

    first, other = participation("funder", "eu", "The EU"), participation("implementer", "coe", "CoE")
    record = Record(source=SOURCE, participations=(other, first, participation("funder", "eu", "European Union")))
    assert [link.actor.printed.text for link in record.participations] == ["The EU", "CoE"]


def test_values_of_a_field_do_not_depend_on_its_kind() -> None:
    funder = Participation(Named("actor", "eu", Text("EU")), "funder", Basis.STATED)
    country = Scope(Named("country", "BZ", Text("Belize")), Basis.STATED)
    record = Record(
        source=SOURCE,
        title=Text("A law"),
        participations=(funder,),
        scopes=(country,),
        aim=(Text("To help."),),
        left_blank=(LeftBlank("theme", "Themes"),),
    )
    assert record.values("title") == (Text("A law"),)
    assert record.values("funder") == (funder,)
    assert record.values("country") == (country,)
    assert record.values("aim") == (Text("To help."),)
    assert record.values("theme") == record.values("code") == ()
    assert record.blank("theme") == LeftBlank("theme", "Themes")
    assert record.blank("funder") is None
    assert list(record.narrative()) == [("aim", Text("To help."))]


def test_part_of_a_text_on_several_lines_has_its_own_place() -> None:
    text = Text("One two  three four", Place(1, 5), breaks=((9, Place(2, 3)),))
    assert text.at(4) == Place(1, 9)
    assert text.at(15) == Place(2, 9)
    part = text.part(7, 14)
    assert (part.text, part.place) == ("three", Place(2, 3))
    assert text.part(3).at(6) == Place(2, 4)
    assert Text("One two").part(4).place is None


def test_number_of_a_cell_is_not_a_column_of_characters() -> None:
    assert Place(2, 3, is_cell=True).after(10) == Place(2, 3, is_cell=True)
    assert Place(2, 3).after(10) == Place(2, 13)
