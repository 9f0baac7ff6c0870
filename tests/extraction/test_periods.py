"""Dates of a project found in prose."""

from __future__ import annotations

import pytest

from tests.support.prose import about, read_derived


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("August 2019-January 2020. It ran well.", "2019-08", "2020-01"),
        ("The project ran from 2013-14 until FY21/22.", "2013", "2022"),
        ("It ran from Sept. 2019 until Sept 2021.", "2019-09", "2021-09"),
        ("INTERPOL taught police officers in Kenya (FY21/22).", "2021", "2022"),
        ("It began in March 2020.", "2020-03", None),
        ("It started in Q3 2024.", "2024", None),
        ("It ran from April 30 to June 2, 2018.", "2018-04-30", "2018-06-02"),
    ],
)
def test_finds_dates_in_sentences(text: str, start: str, end: str | None) -> None:
    record = about("A project", text)
    assert (record.start and record.start.value, record.end and record.end.value) == (start, end)
    assert record.start
    assert record.start.evidence


@pytest.mark.parametrize(
    "text",
    [
        "In 2018 UNODC reviewed the law of Kenya.",
        "The strategy, valid from 2020 until 2025, was adopted.",
        "Since its launch in July 2016, CERT Tonga has answered calls.",
        "The national CSIRT was launched in May 2018.",
        "The friendship between the two nations began in 1962.",
        "The pandemic began in March 2020 and ended in 2022.",
        "The previous team ran from 2015 to 2018.",
        "A previous programme ran from 2015 to 2018.",
        "The previous project ended in 2016.",
        "The training centre opened in 2019 and closed in June 2021.",
        "The programme's partner started in 2017.",
        "The project team, which started in July 2016, receives calls.",
    ],
)
def test_dates_of_something_else_are_not_those_of_the_project(text: str) -> None:
    record = read_derived(f"A library in Tonga\n\nDescription\n{text}\n")
    assert (record.start, record.end) == (None, None)


def test_period_in_a_page_with_fields_is_that_of_the_project() -> None:
    text = "Judges were trained from 2019 to 2021."
    record = read_derived(f"A library in Tonga\n\nStatus: Finished\n\nDescription\n{text}\n")
    assert record.start
    assert record.end
    assert (record.start.value, record.end.value) == ("2019", "2021")
