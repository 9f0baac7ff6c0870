"""Dates of a project found in prose."""

from __future__ import annotations

import pytest

from tests.support.prose import about


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("August 2019-January 2020. It ran well.", "2019-08", "2020-01"),
        ("The project ran from 2013-14 until FY21/22.", "2013", "2022"),
        ("It ran from Sept. 2019 until Sept 2021.", "2019-09", "2021-09"),
        ("INTERPOL taught police officers in Kenya (FY21/22).", "2021", "2022"),
        ("In 2018 UNODC reviewed the law of Kenya.", "2018", "2018"),
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
