"""Convert indicators of results to one line of text each, which every format can hold, and back.

"Analysts trained (result: Teams answer incidents): baseline 0 in 2018; target 12 from 2019-01-01 to 2019-12-31". Texts
in square brackets are measures other than a number: "Trust in the team [ordinal]".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Code list IndicatorMeasure of IATI; a number has no name here.
MEASURES = {"2": "percentage", "3": "nominal", "4": "ordinal", "5": "qualitative"}
_RESULT, _RESULT_END = " (result: ", ")"
_DAY = r"\d{4}-\d\d-\d\d"
_VALUES = re.compile(r": (?=(?:baseline|target|actual) )")
_NEXT_VALUE = re.compile(r"; (?=(?:baseline|target|actual) )")
_VALUE = re.compile(rf"(?s)(baseline|target|actual) (.*?)(?: in (\d{{4}})| on ({_DAY})| from ({_DAY}) to ({_DAY}))?")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A value of an indicator: a baseline, a target or an actual value. A baseline has a year or a day at most."""

    kind: str
    value: str
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Indicator:
    """How a result is measured; ``measure`` is empty for a number."""

    title: str
    result: str = ""
    measure: str = ""
    values: tuple[Measurement, ...] = ()


def indicator_text(one: Indicator) -> str:
    """Return an indicator as one line, which ``read_indicator`` reads back."""
    measure = f" [{one.measure}]" if one.measure else ""
    result = f"{_RESULT}{one.result}{_RESULT_END}" if one.result else ""
    values = "; ".join(f"{value.kind} {value.value}{_when(value)}" for value in one.values)
    return f"{one.title}{measure}{result}{': ' if values else ''}{values}"


def _when(value: Measurement) -> str:
    if value.start and value.end != value.start:
        return f" from {value.start} to {value.end}"
    return f" {'in' if len(value.start) == len('2018') else 'on'} {value.start}" if value.start else ""


def read_indicator(text: str) -> Indicator:
    """Read an indicator; any text is at least a title. Takes time linear in the length of the text."""
    begin = _VALUES.search(text)
    title, values = (text[: begin.start()], text[begin.end() :]) if begin else (text, "")
    result = measure = ""
    if title.endswith(_RESULT_END) and _RESULT in title:
        title, _, result = title.removesuffix(_RESULT_END).partition(_RESULT)
    for name in MEASURES.values():
        if title.endswith(f" [{name}]"):
            title, measure = title.removesuffix(f" [{name}]"), name
    found = map(_VALUE.fullmatch, _NEXT_VALUE.split(values)) if values else ()
    return Indicator(title, result, measure, tuple(_measurement(match) for match in found if match))


def _measurement(match: re.Match[str]) -> Measurement:
    kind, value, year, day, start, end = match.groups(default="")
    return Measurement(kind, value, year or day or start, year or day or end)
