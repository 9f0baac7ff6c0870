"""Parse printed dates into the most precise value that they state, and never a more precise one."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date as calendar_date

from cybilgraph.model.record import Date, Place, Text
from cybilgraph.model.values import value

_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)  # noqa: SIM905
}
#: The same in Spanish and French, also without accents.
_TRANSLATED_MONTHS = {
    name: at % 12 + 1
    for at, name in enumerate(
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"  # noqa: SIM905
        " janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
        " janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre".split()
    )
}
_NUMBERS = {
    name: number
    for number, name in enumerate(
        "one two three four five six seven eight nine ten eleven twelve".split(),  # noqa: SIM905
        start=1,
    )
}
_UNITS = {"year": "Y", "month": "M", "week": "W", "day": "D"}
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    rf"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|{'|'.join(_TRANSLATED_MONTHS)})\.?"
)
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
#: A year as spreadsheets print it: 18 is 2018. As in POSIX (strptime, %y), 69 to 99 belong to the 20th century.
_SHORT = rf"(?:{_YEAR}|(?P<short>[0-9]{{2}}))"
_DAY = r"(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?"
_NUMERIC = rf"(?P<day>[0-3]?[0-9])(?P<by>[/.-])(?P<month>[01]?[0-9])(?P=by){_YEAR}"
_DAY_OR_MONTH = re.compile(_NUMERIC)
#: A quarter or half of a year.
_QUARTER = r"(?:Q[1-4]|H[12]|(?:the )?(?:first|second|third|fourth|1st|2nd|3rd|4th) (?:half|quarter)(?: of)?)"
_OF_QUARTER = re.compile(rf"{_QUARTER}[ -]|{_YEAR}[ /-]?[QH][1-4]", re.IGNORECASE)
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?:[a-z]+day,? )?{_DAY} (?:of |de )?{_MONTH},?(?: de)? {_YEAR}",  # 30 April 2018, 1 de mayo de 2018
        rf"(?:[a-z]+day,? )?{_MONTH} {_DAY},? {_YEAR}",  # April 30, 2018
        rf"{_MONTH},?(?: de)? {_YEAR}",  # Apr 2018, abril de 2018
        rf"{_DAY}-{_MONTH}-{_SHORT}",  # 30-Apr-18
        rf"{_MONTH}-{_SHORT}",  # Apr-18
        rf"{_YEAR}(?P<month>[01][0-9])(?P<day>[0-3][0-9])",  # 20180430
        rf"{_YEAR}[-/.](?P<month>[01][0-9])[-/.](?P<day>[0-3][0-9])(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?",  # 2018-04-30
        rf"{_YEAR}-(?P<month>[01][0-9])",
        rf"(?P<month>[01]?[0-9])[/.]{_YEAR}",  # 04/2018
        _NUMERIC,  # 30/04/2018
        rf"(?P<month>[01]?[0-9])/(?P<day>[0-3]?[0-9])/{_YEAR}",
        rf"{_YEAR}[ /-]?(?:Q[1-4]|H[12])",
        # A qualifier that is not a month leaves only the year: "early 2018", "spring of 2018", "Q2 2018".
        rf"(?:(?:early|mid|late|(?:the )?(?:beginning|middle|end) of|(?:the )?(?:spring|summer|autumn|winter)(?: of)?"
        rf"|since|c\.|ca\.?|circa|about|around|approx\.|approximately"
        rf"|{_QUARTER})[ -])?{_YEAR}",
    )
)
#: "2017 (expected)"
_REMARK = re.compile(
    r" \((?:expected|planned|estimated|anticipated|projected|tb[acd]|to be confirmed)\)?$", re.IGNORECASE
)
#: A day and a month without a year, or a month alone: readable, but not a point in time.
_YEARLESS = re.compile(rf"(?:{_DAY} (?:of )?)?{_MONTH}(?: [0-3]?[0-9](?:st|nd|rd|th))?", re.IGNORECASE)
#: "May 30 to June 2, 2018". On its own, "May 30" could mean May 2030.
_MONTH_DAY = re.compile(rf"{_MONTH} {_DAY}", re.IGNORECASE)
#: An ongoing project has no end date yet.
_OPEN = re.compile(
    r"present|today|now|ongoing|on-going|tbc|tbd|to be (?:confirmed|determined)|open(?:-ended)?", re.IGNORECASE
)
_SEPARATOR = re.compile(r"(?: ?[–—-] ?| (?:to|until|till|and|through) (?:the )?)", re.IGNORECASE)
_LEAD = re.compile(r"(?:from|between|since|during|in) (?:the )?", re.IGNORECASE)
#: A period that begins in one year and ends in the next: FY21/22, FY 2021-22, FYs19/20 and 20/21, 2013-14,
#: 2013/14, 2013/2014.
_PAIR = r"(?:(?:19|20)?[0-9]{2})[/–-](?:(?:19|20)?[0-9]{2})"
_FISCAL = re.compile(
    rf"(?:FYs?|(?:fiscal|financial|school|academic) years?) ?(?P<first>{_PAIR}|(?:19|20)?[0-9]{{2}}(?![0-9/]))"
    rf"(?:(?:, (?:and )?| and | to | through | ?[–-] ?|, )(?:FY ?(?P<single>(?:19|20)?[0-9]{{2}}(?![0-9/–-]))"
    rf"|(?:FY ?)?(?P<last>{_PAIR})))*"
    rf"|(?P<bare>(?:19|20)[0-9]{{2}}(?:[/–-][0-9]{{2}}|/(?:19|20)[0-9]{{2}}))(?![0-9-])",
    re.IGNORECASE,
)
_DURATION = re.compile(
    rf"(?:(?:approximately|about|around|ca\.?) )?(?P<number>[0-9]{{1,3}}|an?|{'|'.join(_NUMBERS)})"
    rf"(?: \([0-9]{{1,3}}\))?[ -](?P<unit>{'|'.join(_UNITS)})s?(?: project)?"
    r"|(?P<iso>P(?=[0-9])(?:[0-9]{1,3}[YMD])+)",
    re.IGNORECASE,
)
_DATED = (
    rf"(?:{_DAY} (?:of )?{_MONTH},? {_YEAR}|{_MONTH} {_DAY},? {_YEAR}|{_MONTH},? {_YEAR}"
    rf"|{_YEAR}-[01][0-9]-[0-3][0-9]|(?P<month>[01]?[0-9])/{_YEAR}|(?:{_QUARTER}[ -])?{_YEAR})"
)
_PARTLY = rf"(?:{_DATED}|{_DAY} {_MONTH}|{_MONTH}(?: {_DAY}(?![0-9]))?|{_DAY})"
_IN_PROSE = re.compile(
    re.sub(
        r"[?]P<[a-z]+>",  # a group name may occur only once in a pattern
        "?:",
        rf"(?<![\w/])(?:{_FISCAL.pattern}"
        rf"|{_PARTLY}(?: ?[–—-] ?| (?:to|until|till|and|through) (?:the )?){_PARTLY}(?![\w/])"
        rf"|{_DATED}(?![\w/]))",
    ),
    re.IGNORECASE,
)


@value(frozen=True, slots=True)
class Period:
    """A period named in a sentence, printed as ``text[at:stop]``. A single date has no end."""

    at: int
    stop: int
    start: Date
    end: Date | None = None


def read_date(printed: Text) -> Date | None:
    """Parse a date, or return None if the text is not a date.

    ``Apr 2018`` gives ``2018-04``. A day without a year gives a Date with an empty value. ``03/04/2018`` is
    ambiguous and gives only the year.
    """
    text = _REMARK.sub("", printed.text.strip(" .;"))
    for form in _FORMS:
        if match := form.fullmatch(text):
            if (value := _iso_value(match)) or not _is_ambiguous(match):
                return Date(value, printed) if value else None
            return Date(_year(match), printed)
    return Date("", printed) if _YEARLESS.fullmatch(text) or _OPEN.fullmatch(text) else None


def date_bounds(value: str) -> tuple[str, str]:
    """Return the first and the last day of a date: of "2018-04", 2018-04-01 and 2018-04-30."""
    year, month, day = (*value.split("-"), "", "")[:3]
    last_month = int(month or 12)
    last_day = int(day or monthrange(int(year), last_month)[1])
    return f"{year}-{month or '01'}-{day or '01'}", f"{year}-{last_month:02d}-{last_day:02d}"


def format_period(start: str, end: str) -> str:
    """Return the period between two days, either of which may be unknown: "2019–2021" for whole years."""
    if not (start and end):
        return f"since {start}" if start else f"until {end}" if end else ""
    if start.endswith("-01-01") and end.endswith("-12-31"):
        return "–".join(dict.fromkeys((start[:4], end[:4])))
    return " to ".join(dict.fromkeys((start, end)))


def active_years(start: str, end: str, open_until: int = 0) -> range:
    """Return the years that a project touches, from the first day of its start to the last day of its end.

    Without an end, these are the years up to ``open_until``, the year until which an ongoing project counts, or else
    the year of its start.
    """
    first, latest_start = (calendar_date.fromisoformat(day).year for day in date_bounds(start))
    last = calendar_date.fromisoformat(date_bounds(end)[1]).year if end else max(open_until, latest_start)
    return range(first, last + 1)


def possible_days(date: Date) -> tuple[str, str] | None:
    """Return both readings of an ambiguous date such as ``03/04/2018`` as ISO dates, or None if it is not
    ambiguous.
    """
    if len(date.value) != 4 or (match := _DAY_OR_MONTH.fullmatch(date.printed.text.strip(" .;"))) is None:
        return None
    if match["day"] == match["month"] or not _is_ambiguous(match):
        return None
    day, month = int(match["day"]), int(match["month"])
    return f"{date.value}-{month:02d}-{day:02d}", f"{date.value}-{day:02d}-{month:02d}"


def is_quarter(date: Date) -> bool:
    """Return whether a date is printed as a quarter or half of a year, of which only the year was read."""
    return len(date.value) == 4 and _OF_QUARTER.match(date.printed.text.strip()) is not None


def read_range(printed: Text) -> tuple[Date, Date] | None:
    """Parse a range such as ``1 January 2014 – 31 December 2020``, ``March–June 2020`` or ``FY21/22`` into its
    two dates, or return None if the text is not a range.
    """
    text = printed.text.strip(" .;()")
    offset = printed.text.find(text)
    if lead := _LEAD.match(text):
        text, offset = text[lead.end() :], offset + lead.end()
    if match := _FISCAL.fullmatch(text):
        return _read_fiscal_years(match, printed)
    for separator in _SEPARATOR.finditer(text):
        left, right = text[: separator.start()], text[separator.end() :]
        end = read_date(Text(right, shift(printed.place, offset + separator.end())))
        start = end and _read_range_start(Text(left, shift(printed.place, offset)), end)
        if start and end:
            return start, end
    return None


def read_duration(printed: Text) -> Date | None:
    """Parse a duration (``66 months`` gives ``P5Y6M``), or return None if the text is not a duration."""
    match = _DURATION.fullmatch(printed.text.strip(" .;"))
    if match is None:
        return None
    if match["iso"]:
        iso = re.fullmatch(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?", match["iso"].upper())
        years, months, days = (int(part or 0) for part in iso.groups()) if iso else (0, 0, 0)
        return Date(_duration(12 * years + months, days), printed) if years or months or days else None
    word = match["number"].lower()
    number = int(word) if word.isdigit() else _NUMBERS.get(word, 1)
    unit = _UNITS[match["unit"].lower()]
    months = {"Y": 12, "M": 1}.get(unit, 0) * number
    return Date(_duration(months, {"W": 7, "D": 1}.get(unit, 0) * number), printed) if number else None


def _duration(months: int, days: int) -> str:
    """Return a duration in canonical form (XSD 1.1 part 2, E.2): 66 months are P5Y6M."""
    parts = ((months // 12, "Y"), (months % 12, "M"), (days, "D"))
    return "P" + "".join(f"{number}{unit}" for number, unit in parts if number)


def find_periods(sentence: Text) -> Iterator[Period]:
    """Yield the dates and date ranges in a sentence."""
    for match in _IN_PROSE.finditer(sentence.text):
        words = Text(match[0], shift(sentence.place, match.start()))
        if both := read_range(words):
            if any(date.value for date in both):
                yield Period(*match.span(), *both)
        elif (date := read_date(words)) and date.value:
            yield Period(*match.span(), date)


def shift(place: Place | None, offset: int) -> Place | None:
    """Return the place ``offset`` characters further along the line."""
    return place and place.after(offset)


def _read_range_start(printed: Text, end: Date) -> Date | None:
    """Parse the first date of a range, taking a missing month or year from the last date: ``1–5 March 2020``,
    ``May 30 – June 2, 2020``.
    """
    if (date := read_date(printed)) and date.value:
        return date
    words = printed.text.strip()
    year = end.value[:4]
    day = re.fullmatch(_DAY, words)
    if year and (date or day or _MONTH_DAY.fullmatch(words)):
        month = "" if not day else re.sub(rf"^{_DAY} ?|[ ,]+{year}$", "", end.printed.text.strip(" .;"))
        full = read_date(Text(" ".join(part for part in (words, month, year) if part)))
        if full and full.value and full.value <= end.value:
            return Date(full.value, printed)
    return date


def _read_fiscal_years(match: re.Match[str], printed: Text) -> tuple[Date, Date] | None:
    pairs = [part for part in (match["first"] or match["bare"], match["last"] or match["single"]) if part]
    first, last = re.split(r"[/–-]", pairs[0]), re.split(r"[/–-]", pairs[-1])
    start = int(first[0]) if len(first[0]) == 4 else 2000 + int(first[0])
    end = int(last[-1]) if len(last[-1]) == 4 else start // 100 * 100 + int(last[-1])
    if not start <= end <= start + 30:
        return None
    return Date(str(start), printed), Date(str(end), printed)


def _is_ambiguous(match: re.Match[str]) -> bool:
    """Return whether day and month could be swapped: ``03/04/2018`` is 3 April or 4 March."""
    parts = match.groupdict()
    return bool(parts.get("by")) and 1 <= int(parts["day"]) <= 12 and 1 <= int(parts["month"]) <= 12


def _year(match: re.Match[str]) -> str:
    parts = match.groupdict()
    short = parts.get("short")
    return f"{19 if short >= '69' else 20}{short}" if short else parts["year"]


def _iso_value(match: re.Match[str]) -> str:
    parts = match.groupdict()
    value = _year(match)
    if _is_ambiguous(match) and parts["day"] != parts["month"]:
        return ""
    if month := parts.get("month"):
        word = month.lower()
        number = int(month) if month.isdigit() else _TRANSLATED_MONTHS.get(word) or _MONTHS[word[:3]]
        if not 1 <= number <= 12:
            return ""
        value += f"-{number:02d}"
        if day := parts.get("day"):
            if not 1 <= int(day) <= monthrange(int(value[:4]), number)[1]:
                return ""
            value += f"-{int(day):02d}"
    return value
