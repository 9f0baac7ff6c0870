"""The layout of charts: compute the position of each mark, which templates/chart-macros.svg draws.

Lengths are in SVG user units. The layout is independent of colours and screens; text widths are upper bounds for
common fonts.
"""

from __future__ import annotations

import csv
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from typing import NamedTuple
from urllib.parse import quote

from cybilgraph.model.dates import date_bounds
from cybilgraph.model.resources import REFERENCE

#: The darkest shade of maps and matrices; shade 0 means none.
_MAX_SHADE = 5
_WIDTH = 960
#: The width of the column of labels of a timeline.
_LABEL_PERCENT = 38
#: The most nodes in a column of the network.
_MAX_COLUMN_NODES = 22
_ONGOING = "Ongoing"
#: The columns of the network: title and horizontal centre, by role.
_COLUMNS = {"funder": ("Funders", 130), "implementer": ("Implementers", 480), "country": ("Countries", 830)}


class Bar(NamedTuple):
    """A labelled number, with the IRI that its label links to."""

    label: str
    iri: str
    value: int


class TimeSpan(NamedTuple):
    """A project with its start and end as in the graph (2018, 2018-04 or 2018-04-01); the end may be empty."""

    label: str
    iri: str
    start: str
    end: str
    status: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the project is ongoing with no end date."""
        return not self.end and self.status == _ONGOING


@dataclass(slots=True)
class Chart:
    """A chart: its kind, which selects the macro that draws it, its size and its marks.

    A fluid chart fills the available width: its horizontal positions are percentages and its text keeps its size.
    """

    kind: str
    width: int
    height: int
    fluid: bool = False
    marks: list[dict[str, object]] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)
    ticks: list[dict[str, object]] = field(default_factory=list)


class ShadeScale:
    """Assigns shades to numbers of projects, so that each shade in use has about as many values (quantiles)."""

    def __init__(self, values: Iterable[int]) -> None:
        """Derive the classes from the values; each class contains at least one of them."""
        counts = sorted(value for value in values if value)
        steps = (counts[len(counts) * step // _MAX_SHADE] for step in range(_MAX_SHADE) if counts)
        #: The lowest value of each class.
        self._bounds = sorted(set(steps))

    def shade(self, value: int) -> int:
        """Return the shade of a value. Fewer classes than shades use the darker ones, which are easier to see."""
        return self._shade_of(bisect_right(self._bounds, value))

    def ticks(self) -> list[dict[str, object]]:
        """Return the entries of a legend: each shade with its lowest and highest value; the last has no highest (0)."""
        lows = (0, *self._bounds)
        highs = (*(low - 1 for low in self._bounds), 0)
        return [
            {"shade": self._shade_of(place), "from": low, "to": high}
            for place, (low, high) in enumerate(zip(lows, highs, strict=True))
        ]

    def _shade_of(self, place: int) -> int:
        return -(-place * _MAX_SHADE // max(len(self._bounds), 1))


def world_map(counts: Mapping[str, int], names: Mapping[str, str]) -> Chart:
    """Lay out a world map; ``counts`` are projects by country code, ``names`` the names of the codes."""
    chart = Chart("map", 2000, 900)
    scale = ShadeScale(counts.values())
    for shape in _shapes():
        code = shape["alpha2"]
        count, name = counts.get(code, 0), names.get(code, "")
        chart.marks.append({**shape, "count": count, "shade": scale.shade(count), "name": name, "code": code})
    chart.marks.sort(key=lambda mark: not mark["path"])  # draw dots over land
    chart.ticks = scale.ticks()
    return chart


def timeline(spans: Sequence[TimeSpan], today: date) -> Chart:
    """Lay out a label and a bar per span, under a scale of years with a line for today.

    Open-ended bars extend to the right edge.
    """
    if not spans:
        return Chart("timeline", _WIDTH, 0, fluid=True)
    top, row = 26, 24
    periods = [(_year_fraction(span.start), _year_fraction(span.end or span.start, at_end=True)) for span in spans]
    first = int(min(start for start, _ in periods))
    last = int(max(map(max, periods))) + 1  # some records have an end before their start
    scale = (100 - _LABEL_PERCENT) / (last - first)
    chart = Chart("timeline", _WIDTH, top + row * len(spans) + 4, fluid=True)
    step = _label_step(last - first)

    def x_of(year: float) -> float:
        return _LABEL_PERCENT + (year - first) * scale

    chart.ticks = [{"x": _round(x_of(year)), "label": str(year)} for year in range(first, last - step + 1, step)]
    now = _year_fraction(today.isoformat())
    if first <= now <= last:
        chart.ticks.append({"x": _round(x_of(now)), "label": "", "is_today": True})
    for number, (span, (start, end)) in enumerate(zip(spans, periods, strict=True)):
        chart.marks.append(
            {
                "label": span.label,
                "iri": span.iri,
                "x": _round(x_of(start)),
                "y": top + row * number,
                "width": max(_round((100 if span.is_open else x_of(end)) - x_of(start)), 0.5),
                "open": span.is_open,
                "unknown": not span.end and not span.is_open,
                "when": f"{span.start} – {span.end or ('ongoing' if span.is_open else '?')}",
            }
        )
    return chart


def columns(bars: Sequence[Bar], height: int = 240) -> Chart:
    """Lay out a column chart with the labels below."""
    top, bottom = 24, 26
    most = max((bar.value for bar in bars), default=1) or 1
    width = 100 / max(len(bars), 1)
    chart = Chart("bar-chart", _WIDTH, height + bottom, fluid=True)
    step = _label_step(len(bars))
    for number, bar in enumerate(bars):
        tall = bar.value / most * (height - top)
        chart.marks.append(
            {
                "label": bar.label,
                "value": bar.value,
                "x": _round(number * width + width * 0.12),
                "y": _round(height - tall),
                "width": _round(width * 0.76),
                "height": _round(tall),
                "middle": _round((number + 0.5) * width),
                "named": number % step == 0,
            }
        )
    return chart


def matrix(rows: Sequence[Mapping[str, str]], themes: Sequence[tuple[str, str]]) -> Chart:
    """Lay out a matrix of countries by themes, with a cell for every pair.

    The rows have countryName, country, theme and projects, sorted by country; themes are pairs of IRI and name, with
    an empty IRI for projects with no theme.
    """
    left = min(max((text_width(row["countryName"]) * 14 for row in rows), default=0), 248) + 12
    row = 24
    wide = (_WIDTH - left - 10) / max(len(themes), 1)
    heads = [_lines(name, 13, wide - 10) for _, name in themes]
    top = 16 * max(map(len, heads), default=0) + 12
    scale = ShadeScale(int(row["projects"]) for row in rows)
    countries = [list(group) for _, group in groupby(rows, key=lambda row: (row["country"], row["countryName"]))]
    chart = Chart("matrix", _WIDTH, top + row * len(countries) + 10)
    chart.ticks = [
        {"x": _round(left + number * wide + wide / 2), "y": top - 12, "words": text, "iri": iri}
        for number, ((iri, _), text) in enumerate(zip(themes, heads, strict=True))
    ]
    for line, group in enumerate(countries):
        counts = {found["theme"]: int(found["projects"]) for found in group}
        name, country = group[0]["countryName"], group[0]["country"]
        cells = [
            {
                "x": _round(left + number * wide),
                "width": _round(wide - 3),
                "value": counts.get(iri, 0),
                "shade": scale.shade(counts.get(iri, 0)),
                "key": quote(iri.rpartition("/")[2]),
                "theme": theme,
            }
            for number, (iri, theme) in enumerate(themes)
        ]
        shown = truncate_to_width(name, 14, left - 12)
        chart.marks.append({"label": name, "shown": shown, "iri": country, "y": top + row * line, "cells": cells})
    return chart


def network(rows: Iterable[Mapping[str, str]]) -> Chart:
    """Lay out the funders, implementers and countries with the most projects in three columns.

    Each pair is joined by a line whose width grows with the number of projects. Nodes without a line to another
    shown node are left out.
    """
    rows = list(rows)
    weights: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str], str] = {}
    pairs = [((row["fromRole"], row["from"]), (row["toRole"], row["to"])) for row in rows]
    for found, pair in zip(rows, pairs, strict=True):
        for node, name in zip(pair, (found["fromName"], found["toName"]), strict=True):
            weights[node] += int(found["projects"])
            names[node] = name
    chart = Chart("network", _WIDTH, 0)
    order = sorted(weights, key=lambda node: (-weights[node], names[node]))
    by_role = {role: [node for node in order if node[0] == role] for role in _COLUMNS}
    most = {node for nodes in by_role.values() for node in nodes[:_MAX_COLUMN_NODES]}
    connected = {node for pair in pairs if most.issuperset(pair) for node in pair}
    positions: dict[tuple[str, str], tuple[int, int]] = {}
    top, row, wide = 44, 26, 256
    for role, (title, x) in _COLUMNS.items():
        chart.ticks.append({"x": x, "label": title})
        for line, node in enumerate(node for node in by_role[role] if node in connected):
            y = top + row * line
            positions[node] = (x, y)
            shown = truncate_to_width(names[node], 13, wide - 12)
            chart.marks.append({"label": names[node], "shown": shown, "iri": node[1], "x": x, "y": y, "role": role})
    for found, (start, end) in zip(rows, pairs, strict=True):
        if start in positions and end in positions:
            (x1, y1), (x2, y2) = positions[start], positions[end]
            value = int(found["projects"])
            chart.lines.append(
                {
                    "x1": x1 + 128, "y1": y1, "x2": x2 - 128, "y2": y2, "bend": (x2 - x1 - 256) // 2,
                    "width": min(1 + value / 2, 9),
                    "title": f"{names[start]} – {names[end]}: {value}",
                }
            )  # fmt: skip
    chart.height = max((y for _, y in positions.values()), default=top) + 24
    return chart


@cache
def _shapes() -> tuple[dict[str, str], ...]:
    with (REFERENCE / "country-shapes.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _year_fraction(value: str, *, at_end: bool = False) -> float:
    """Convert a date to a fractional year: the beginning of its first day, or the end of its last day."""
    day = date.fromisoformat(date_bounds(value)[at_end]) + timedelta(days=at_end)
    return day.year + (day.timetuple().tm_yday - 1) / 366


def _label_step(years: int) -> int:
    """Return the interval between labels at which they do not touch on a narrow screen."""
    return -(-years // 9)


def text_width(text: str) -> float:
    """Return an upper bound of the width of a text in ems, as in DejaVu Sans, the widest common system font."""
    return sum(
        1 if unicodedata.east_asian_width(letter) in "WF" or letter in "mW%@…" else
        0.87 if letter in "wM" else
        0.33 if letter in " iIjl.,:;'|!" else
        0.42 if letter in "ftr()[]-/" else
        0.76 if letter.isupper() else 0.64
        for letter in text
    )  # fmt: skip


def truncate_to_width(text: str, size: float, width: float) -> str:
    """Shorten a text to a width at a font size, ending in an ellipsis."""
    if text_width(text) * size <= width:
        return text
    kept = text
    while kept and text_width(f"{kept}…") * size > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def _lines(text: str, size: float, width: float) -> list[str]:
    """Wrap a text into lines of a width; longer words are shortened."""
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
