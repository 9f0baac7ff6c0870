"""Dates are read as precisely as printed, and never more precisely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.model.dates import date_bounds, read_date, read_range
from cybilgraph.model.record import Place, Text


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("Apr 2018", "2018-04"),
        ("April 2018", "2018-04"),
        ("Sept. 2019", "2019-09"),
        ("2018", "2018"),
        ("2018-04", "2018-04"),
        ("2018-04-30", "2018-04-30"),
        ("30 April 2018", "2018-04-30"),
        ("1st May 2018", "2018-05-01"),
        ("April 30, 2018", "2018-04-30"),
        ("30th May", ""),
        ("05-Apr-18", "2018-04-05"),
        ("5-Apr-2018", "2018-04-05"),
        ("05-Apr-98", "1998-04-05"),
        ("Apr-18", "2018-04"),
        ("20180405", "2018-04-05"),
        ("2018.04.05", "2018-04-05"),
        ("2017 (expected)", "2017"),
        ("Apr 2017 (tbc)", "2017-04"),
        ("c. 2015", "2015"),
        ("approximately 2015", "2015"),
        ("since 2019", "2019"),
        ("2021-Q2", "2021"),
        ("Q2 2021", "2021"),
        ("2021 H1", "2021"),
        ("Marzo 2021", "2021-03"),
        ("15 de marzo de 2021", "2021-03-15"),
        ("juillet 2021", "2021-07"),
        ("1 août 2021", "2021-08-01"),
        ("juin 2021", "2021-06"),
    ],
)
def test_parses_printed_dates(printed: str, value: str) -> None:
    date = read_date(Text(printed))
    assert date
    assert date.value == value
    assert date.printed.text == printed


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "soon",
        "31 February 2018",
        "2018-13",
        "FY21/22",
        "66 months",
        "Apr 18",
        "29 February 2019",
        "20١٨",
        "31-Feb-18",
        "20181301",
        "2017 (sic)",
        "05-04-18",
    ],
)
def test_other_text_gives_none(printed: str) -> None:
    assert read_date(Text(printed)) is None


def test_range_keeps_places_of_both_dates() -> None:
    dates = read_range(Text("1 January 2014 – 31 December 2020.", Place(7, 3)))
    assert dates
    assert [date.value for date in dates] == ["2014-01-01", "2020-12-31"]
    assert [date.printed.place for date in dates] == [Place(7, 3), Place(7, 20)]
    assert read_range(Text("30th May – 2nd June"))
    assert read_range(Text("long-term")) is None


@pytest.mark.parametrize(
    ("printed", "values"),
    [
        ("2015 – 2017 (expected)", ["2015", "2017"]),
        ("Apr-18 - Jun-19", ["2018-04", "2019-06"]),
        ("05-Apr-18 – 06-May-19", ["2018-04-05", "2019-05-06"]),
    ],
)
def test_parses_ranges_as_printed_by_spreadsheets(printed: str, values: list[str]) -> None:
    dates = read_range(Text(printed))
    assert dates
    assert [date.value for date in dates] == values


@given(st.text(max_size=60))
def test_arbitrary_text_is_date_or_none(text: str) -> None:
    date = read_date(Text(text))
    assert date is None or len(date.value) in (0, 4, 7, 10)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        ("2018", ("2018-01-01", "2018-12-31")),
        ("2020-02", ("2020-02-01", "2020-02-29")),
        ("2018-04-30", ("2018-04-30", "2018-04-30")),
    ],
)
def test_date_has_a_first_and_a_last_day(value: str, bounds: tuple[str, str]) -> None:
    assert date_bounds(value) == bounds


@pytest.mark.parametrize("printed", ["2021/2022", "2021/22", "2021–2022"])
def test_years_joined_by_a_slash_are_a_range(printed: str) -> None:
    dates = read_range(Text(printed))
    assert dates
    assert [date.value for date in dates] == ["2021", "2022"]
