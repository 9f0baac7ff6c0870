"""Rows → pictures: where each mark of a picture stands. The marks are drawn by templates/charts.svg.

Lengths are units of the picture's own box. Nothing here knows of colours or the screen, and of fonts only how much
room the widest of the usual ones needs.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from urllib.parse import quote

from cybilgraph.model.resources import REFERENCE

#: A map's shades begin at these numbers of projects; none has shade 0.
SHADES = (1, 2, 4, 8, 16, 32)
_WIDTH = 960
_YEAR = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?")
#: Nodes of a column of the network.
_COLUMN = 22
_ONGOING = "Ongoing"


@dataclass(frozen=True, slots=True)
class Bar:
    """A named number, and where its name leads."""

    label: str
    iri: str
    value: int


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Something that lasts: start and end as the graph has them (2018, 2018-04, 2018-04-01), the end maybe empty."""

    label: str
    iri: str
    start: str
    end: str
    status: str = ""


@dataclass(slots=True)
class Chart:
    """Marks in a box: which template draws them, the size of the box, and the marks by what they are. One that is
    fluid is as wide as there is room: what lies from left to right is in per cent, and its letters keep their size.
    """

    kind: str
    width: int
    height: int
    fluid: bool = False
    marks: list[dict[str, object]] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)
    ticks: list[dict[str, object]] = field(default_factory=list)


def shade(value: int) -> int:
    """The shade of a number of projects, from 0."""
    return bisect_right(SHADES, value)


def world_map(counts: Mapping[str, int], names: Mapping[str, str]) -> Chart:
    """A map of the world; ``counts`` are projects by country code, ``names`` what each code is called."""
    picture = Chart("map", 2000, 900)
    for shape in _shapes():
        code = shape["alpha2"]
        count = counts.get(code, 0)
        picture.marks.append(
            {**shape, "count": count, "shade": shade(count), "name": names.get(code, ""), "code": code}
        )
    picture.marks.sort(key=lambda mark: not mark["path"])  # dots over land
    picture.ticks = [
        {"shade": number, "from": low, "to": high - 1 if high else 0}
        for number, (low, high) in enumerate(zip((0, *SHADES), (*SHADES, 0), strict=True))
    ]
    return picture


def timeline(spans: Sequence[TimeSpan]) -> Chart:
    """A line for each span, under a scale of years; an open end reaches the right side."""
    if not spans:
        return Chart("timeline", _WIDTH, 0, fluid=True)
    top, row = 30, 38
    first = min(int(_year_fraction(span.start)) for span in spans)
    # An end may stand before its start.
    last = (
        max(int(max(_year_fraction(span.start), _year_fraction(span.end or span.start, end=True))) for span in spans)
        + 1
    )
    scale = 100 / max(last - first, 1)
    picture = Chart("timeline", _WIDTH, top + row * len(spans) + 4, fluid=True)
    step = _label_step(last - first)
    picture.ticks = [
        {"x": _round((year - first) * scale), "label": str(year)} for year in range(first, last - step + 1, step)
    ]
    for number, span in enumerate(spans):
        x = (_year_fraction(span.start) - first) * scale
        is_open = not span.end and span.status == _ONGOING
        end = 100 if is_open else (_year_fraction(span.end or span.start, end=True) - first) * scale
        picture.marks.append(
            {
                "label": span.label,
                "iri": span.iri,
                "x": _round(x),
                "y": top + row * number,
                "width": max(_round(end - x), 0.5),
                "open": is_open,
                "unknown": not span.end and not is_open,
                "when": f"{span.start} – {span.end or ('open' if is_open else '?')}",
            }
        )
    return picture


def columns(bars: Sequence[Bar], height: int = 240) -> Chart:
    """A column for each bar, its name below."""
    top, bottom = 24, 26
    most = max((bar.value for bar in bars), default=1) or 1
    width = 100 / max(len(bars), 1)
    picture = Chart("bar-chart", _WIDTH, height + bottom, fluid=True)
    step = _label_step(len(bars))
    for number, bar in enumerate(bars):
        tall = bar.value / most * (height - top)
        picture.marks.append(
            {
                "label": bar.label,
                "iri": bar.iri,
                "value": bar.value,
                "x": _round(number * width + width * 0.12),
                "y": _round(height - tall),
                "width": _round(width * 0.76),
                "height": _round(tall),
                "middle": _round((number + 0.5) * width),
                "named": number % step == 0,
            }
        )
    return picture


def years_active(spans: Iterable[TimeSpan]) -> Chart:
    """How many spans touch each year; one without an end counts in the year of its start only."""
    counts: Counter[int] = Counter()
    for span in spans:
        start = int(span.start[:4])
        counts.update(range(start, max(int((span.end or span.start)[:4]), start) + 1))
    years = range(min(counts), max(counts) + 1)
    return columns([Bar(str(year), "", counts[year]) for year in years], height=130)


def matrix(rows: Sequence[Mapping[str, str]], themes: Sequence[tuple[str, str]]) -> Chart:
    """Countries by themes (IRI and name; projects without one have no IRI): rows of countryName, country, theme,
    projects, in the order of countries; a cell for each pair, those without projects too.
    """
    left = min(max((text_width(row["countryName"]) * 14 for row in rows), default=0), 248) + 12
    row = 24
    wide = (_WIDTH - left - 10) / max(len(themes), 1)
    heads = [_lines(name, 13, wide - 10) for _, name in themes]
    top = 16 * max(map(len, heads), default=0) + 12
    countries = [
        (key, list(group)) for key, group in groupby(rows, key=lambda row: (row["country"], row["countryName"]))
    ]
    picture = Chart("matrix", _WIDTH, top + row * len(countries) + 10)
    picture.ticks = [
        {"x": _round(left + number * wide + wide / 2), "y": top - 12, "words": text, "iri": iri}
        for number, ((iri, _), text) in enumerate(zip(themes, heads, strict=True))
    ]
    for line, ((country, name), group) in enumerate(countries):
        counts = {found["theme"]: int(found["projects"]) for found in group}
        cells = [
            {
                "x": _round(left + number * wide),
                "width": _round(wide - 3),
                "value": counts.get(iri, 0),
                "shade": shade(counts.get(iri, 0)),
                "key": quote(iri.rpartition("/")[2]),
                "theme": theme,
            }
            for number, (iri, theme) in enumerate(themes)
        ]
        shown = truncate_to_width(name, 14, left - 12)
        picture.marks.append({"label": name, "shown": shown, "iri": country, "y": top + row * line, "cells": cells})
    return picture


def network(rows: Iterable[Mapping[str, str]]) -> Chart:
    """Funders, implementers and countries in three columns, those with most projects; a line for each pair,
    as wide as it has projects. Who has no line to another that is shown is not shown.
    """
    rows = list(rows)
    roles = ("funder", "implementer", "country")
    weights: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], str] = {}
    for found in rows:
        for side in ("from", "to"):
            node = (found[f"{side}Role"], found[side])
            weights[node] += int(found["projects"])
            names[node] = found[f"{side}Name"]
    picture = Chart("network", _WIDTH, 0)
    order = sorted(weights, key=lambda node: (-weights[node], names[node]))
    most = {node for role in roles for node in [node for node in order if node[0] == role][:_COLUMN]}
    pairs = [((row["fromRole"], row["from"]), (row["toRole"], row["to"])) for row in rows]
    tied = {node for pair in pairs if most.issuperset(pair) for node in pair}
    places: dict[tuple[str, str], tuple[int, int]] = {}
    top, row, wide = 44, 26, 256
    for number, role in enumerate(roles):
        x = (130, 480, 830)[number]
        picture.ticks.append({"x": x, "label": ("Funders", "Implementers", "Countries")[number]})
        for line, node in enumerate(node for node in order if node[0] == role and node in tied):
            places[node] = (x, top + row * line)
            shown = truncate_to_width(names[node], 11.5, wide - 12)
            picture.marks.append({
                "label": names[node], "shown": shown, "iri": node[1], "x": x, "y": top + row * line, "role": role
            })  # fmt: skip
    for found, (start, end) in zip(rows, pairs, strict=True):
        if start in places and end in places:
            (x1, y1), (x2, y2) = places[start], places[end]
            value = int(found["projects"])
            picture.lines.append(
                {
                    "x1": x1 + 128, "y1": y1, "x2": x2 - 128, "y2": y2, "bend": (x2 - x1 - 256) // 2,
                    "width": min(1 + value / 2, 9),
                    "title": f"{names[start]} – {names[end]}: {value}",
                }
            )  # fmt: skip
    picture.height = max((y for _, y in places.values()), default=top) + 24
    return picture


@cache
def _shapes() -> tuple[dict[str, str], ...]:
    """The rows of country-shapes.csv."""
    with (REFERENCE / "country-shapes.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _year_fraction(printed: str, *, end: bool = False) -> float:
    """A date as a fraction of years; where it is not told in full, its beginning or its end."""
    match = _YEAR.match(printed)
    if not match:
        return 0.0
    year, month, day = match.groups()
    if month is None:
        return int(year) + (1 if end else 0)
    return int(year) + (int(month) - 1 + ((int(day) / 31) if day else (1 if end else 0))) / 12


def _label_step(years: int) -> int:
    """Each how many of so many is named, for names not to touch on a narrow screen."""
    return -(-years // 9)


def text_width(text: str) -> float:
    """How wide words are at most, in ems: as in DejaVu Sans, which is wider than other fonts of systems."""
    return sum(
        1 if unicodedata.east_asian_width(letter) in "WF" or letter in "mW%@…" else
        0.87 if letter in "wM" else
        0.33 if letter in " iIjl.,:;'|!" else
        0.42 if letter in "ftr()[]-/" else
        0.76 if letter.isupper() else 0.64
        for letter in text
    )  # fmt: skip


def truncate_to_width(text: str, size: float, width: float) -> str:
    """The words, cut where letters of that size would need more room."""
    if text_width(text) * size <= width:
        return text
    kept = text
    while kept and text_width(f"{kept}…") * size > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def _lines(text: str, size: float, width: float) -> list[str]:
    """The words in lines, each of which has room; a longer word is cut."""
    lines = [""]
    for word in text.split():
        line = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(line) * size > width:
            lines.append("")
            line = word
        lines[-1] = truncate_to_width(line, size, width)
    return lines


def _round(value: float) -> float:
    return round(value, 1)
