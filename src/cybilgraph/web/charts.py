"""Rows → pictures: where each mark of a picture stands. The marks are drawn by templates/charts.svg.

All lengths are units of the picture's own box; nothing here knows of colours, fonts or the screen.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from urllib.parse import quote

from cybilgraph.resources import REFERENCE

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
class Span:
    """Something that lasts: start and end as the graph has them (2018, 2018-04, 2018-04-01), the end maybe empty."""

    label: str
    iri: str
    start: str
    end: str
    status: str = ""


@dataclass(slots=True)
class Picture:
    """Marks in a box: which template draws them, the size of the box, and the marks by what they are."""

    kind: str
    width: int
    height: int
    marks: list[dict[str, object]] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)
    ticks: list[dict[str, object]] = field(default_factory=list)


def shade(value: int) -> int:
    """The shade of a number of projects, from 0."""
    return bisect_right(SHADES, value)


def world_map(counts: Mapping[str, int], names: Mapping[str, str]) -> Picture:
    """A map of the world; ``counts`` are projects by country code, ``names`` what each code is called."""
    picture = Picture("map", 2000, 860)
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


def timeline(spans: Sequence[Span]) -> Picture:
    """A line for each span, under a scale of years; an open end reaches the right side."""
    if not spans:
        return Picture("timeline", _WIDTH, 0)
    left, right, top, row = 350, _WIDTH - 20, 34, 24
    first = min(int(_moment(span.start)) for span in spans)
    last = max(int(_moment(span.end or span.start, end=True)) for span in spans) + 1
    scale = (right - left) / max(last - first, 1)
    picture = Picture("timeline", _WIDTH, top + row * len(spans) + 8)
    step = max(1, (last - first) // 10 + 1) if last - first > 12 else 1
    picture.ticks = [
        {"x": _round(left + (year - first) * scale), "label": str(year)} for year in range(first, last + 1, step)
    ]
    for number, span in enumerate(spans):
        x = left + (_moment(span.start) - first) * scale
        is_open = not span.end and span.status == _ONGOING
        end = right if is_open else left + (_moment(span.end or span.start, end=True) - first) * scale
        picture.marks.append(
            {
                "label": span.label,
                "iri": span.iri,
                "x": _round(x),
                "y": top + row * number,
                "width": max(_round(end - x), 4),
                "open": is_open,
                "unknown": not span.end and not is_open,
                "when": f"{span.start} – {span.end or ('open' if is_open else '?')}",
            }
        )
    return picture


def columns(bars: Sequence[Bar], height: int = 240) -> Picture:
    """A column for each bar, its name below."""
    top, bottom = 24, 30
    most = max((bar.value for bar in bars), default=1) or 1
    room = _WIDTH / max(len(bars), 1)
    picture = Picture("columns", _WIDTH, height + bottom)
    for number, bar in enumerate(bars):
        tall = bar.value / most * (height - top)
        picture.marks.append(
            {
                "label": bar.label,
                "iri": bar.iri,
                "value": bar.value,
                "x": _round(number * room + room * 0.12),
                "y": _round(height - tall),
                "width": _round(room * 0.76),
                "height": _round(tall),
                "middle": _round((number + 0.5) * room),
            }
        )
    return picture


def years_active(spans: Iterable[Span]) -> Picture:
    """How many spans touch each year; one without an end counts in the year of its start only."""
    counts: Counter[int] = Counter()
    for span in spans:
        start = int(span.start[:4])
        counts.update(range(start, max(int((span.end or span.start)[:4]), start) + 1))
    years = range(min(counts), max(counts) + 1)
    return columns([Bar(str(year), "", counts[year]) for year in years], height=130)


def matrix(rows: Sequence[Mapping[str, str]], themes: Sequence[tuple[str, str]]) -> Picture:
    """Countries by themes (IRI and name; projects without one have no IRI): rows of countryName, country, theme,
    projects, in the order of countries; a cell for each pair, those without projects too.
    """
    left, top, row = 260, 96, 24
    wide = (_WIDTH - left - 10) / max(len(themes), 1)
    countries = [
        (key, list(group)) for key, group in groupby(rows, key=lambda row: (row["country"], row["countryName"]))
    ]
    picture = Picture("matrix", _WIDTH, top + row * len(countries) + 10)
    picture.ticks = [
        {"x": _round(left + number * wide + wide / 2), "words": _wrapped(name, 19), "iri": iri}
        for number, (iri, name) in enumerate(themes)
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
        picture.marks.append({"label": name, "iri": country, "y": top + row * line, "cells": cells})
    return picture


def network(rows: Iterable[Mapping[str, str]]) -> Picture:
    """Funders, implementers and countries in three columns, those with most projects; a line for each pair,
    as wide as it has projects.
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
    picture = Picture("network", _WIDTH, 0)
    places: dict[tuple[str, str], tuple[int, int]] = {}
    top, row = 44, 26
    for number, role in enumerate(roles):
        ranked = sorted((node for node in weights if node[0] == role), key=lambda node: (-weights[node], names[node]))
        x = (130, 480, 830)[number]
        picture.ticks.append({"x": x, "label": ("Funders", "Implementers", "Countries")[number]})
        for line, node in enumerate(ranked[:_COLUMN]):
            places[node] = (x, top + row * line)
            picture.marks.append({"label": names[node], "iri": node[1], "x": x, "y": top + row * line, "role": role})
    for found in rows:
        start, end = ((found[f"{side}Role"], found[side]) for side in ("from", "to"))
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


def _moment(printed: str, *, end: bool = False) -> float:
    """A date as a fraction of years; where it is not told in full, its beginning or its end."""
    match = _YEAR.match(printed)
    if not match:
        return 0.0
    year, month, day = match.groups()
    if month is None:
        return int(year) + (1 if end else 0)
    return int(year) + (int(month) - 1 + ((int(day) / 31) if day else (1 if end else 0))) / 12


def _wrapped(words: str, most: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + len(word) >= most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:5]


def _round(value: float) -> float:
    return round(value, 1)
