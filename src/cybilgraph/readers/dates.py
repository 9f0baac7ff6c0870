"""Dates as people print them → the most precise value that they state, never more."""

from __future__ import annotations

import re
from calendar import monthrange

from cybilgraph.record import Date, Place, Text

_MONTHS = {
    name[:3]: number
    for number, name in enumerate(
        [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        start=1,
    )
}
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_DAY = r"(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_DAY} {_MONTH},? {_YEAR}",  # 30 April 2018, 1st May 2018
        rf"{_MONTH} {_DAY},? {_YEAR}",  # April 30, 2018
        rf"{_MONTH},? {_YEAR}",  # Apr 2018
        rf"{_YEAR}-(?P<month>[01][0-9])-(?P<day>[0-3][0-9])",  # 2018-04-30
        rf"{_YEAR}-(?P<month>[01][0-9])",
        _YEAR,
    )
)
#: A day and a month with no year: a date for the eye, but no point in time.
_YEARLESS = re.compile(rf"{_DAY} {_MONTH}", re.IGNORECASE)
_RANGE = re.compile(r" ?[–—-] ?| (?:to|until) ", re.IGNORECASE)


def read_date(printed: Text) -> Date | None:
    """The date that this text is, or None where it is no date.

    ``Apr 2018`` gives ``2018-04``; a day without a year gives a Date with an empty value.
    """
    text = printed.text.strip(" .;")
    for form in _FORMS:
        if match := form.fullmatch(text):
            value = _iso(match)
            return Date(value, printed) if value else None
    return Date("", printed) if _YEARLESS.fullmatch(text) else None


def read_range(printed: Text) -> tuple[Date, Date] | None:
    """The two dates of ``1 January 2014 – 31 December 2020``; None where the text is no range."""
    parts = _RANGE.split(printed.text.strip(" .;"))
    if len(parts) != 2:
        return None
    offset = printed.text.find(parts[1], len(parts[0]))
    start = read_date(Text(parts[0], printed.place))
    end = read_date(Text(parts[1], shifted(printed.place, offset)))
    return (start, end) if start and end else None


def shifted(place: Place | None, offset: int) -> Place | None:
    """The place so many characters further on the same line."""
    return place and Place(place.line, place.column + offset)


def _iso(match: re.Match[str]) -> str:
    parts = match.groupdict()
    value: str = parts["year"]
    if month := parts.get("month"):
        number = int(month) if month.isdigit() else _MONTHS[month[:3].lower()]
        if not 1 <= number <= 12:
            return ""
        value += f"-{number:02d}"
        if day := parts.get("day"):
            if not 1 <= int(day) <= monthrange(int(value[:4]), number)[1]:
                return ""
            value += f"-{int(day):02d}"
    return value
