"""The layout of charts: compute the position of each mark, which templates/chart-macros.svg draws.

Lengths are in SVG user units. The layout is independent of colours and screens; text widths are upper bounds for
common fonts.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from itertools import chain, groupby, pairwise, product
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

from cybilgraph.model.dates import date_bounds
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.resources import REFERENCE
from cybilgraph.model.vocabulary import thing_iri

#: The darkest shade of maps and matrices; shade 0 means none.
_MAX_SHADE = 5
_WIDTH = 960
#: The template draws the map below an empty margin.
_MAP_TOP = 16
#: The map: its size, the width of the smallest part, and the factor for the margin around a part.
_MAP_WIDTH, _MAP_HEIGHT, _MIN_MAP_WIDTH, _MAP_MARGIN = 2000, 900, 160, 1.2
#: The number of countries for each one that may lie outside a part, if this makes the part shorter by this share.
_COUNTRIES_PER_REMOTE_ONE, _MIN_REMOTE_SHARE = 25, 0.2
#: A map enlarged by this factor has detailed coasts, also of small countries that then have at least this size.
_MIN_DETAILED_ZOOM, _MIN_ISLAND_SIZE = 2.5, 40
#: The width of the part shown by a small map, at least: of countries with an outline, and of dots in an ocean.
_MIN_SMALL_MAP_WIDTH, _MIN_OCEAN_MAP_WIDTH = 400, 1000
#: The width of the column of labels of a timeline.
_LABEL_PERCENT = 38
#: The most nodes in a column of the network of all projects.
_MAX_COLUMN_NODES = 10
#: The most years with an amount above each bar.
_MAX_LABELLED_YEARS = 20
_ONGOING = "Ongoing"
#: The node for all that a flow chart does not show separately, and the longest name that is not replaced by an acronym.
OTHER, _LONG_NAME_CHARS = "Other", 24
#: The columns of a flow chart: title, left edge and kind of the nodes, by column of the query.
FLOW_COLUMNS = {
    "funders": ("Funders", 225, "actor"),
    "implementers": ("Implementers", 470, "actor"),
    "countries": ("Countries", 735, "country"),
}
#: The columns of the network: title and horizontal centre, by role.
_COLUMNS = {"funder": ("Funders", 112), "implementer": ("Implementers", 480), "country": ("Countries", 848)}


#: A node of a network: its role and IRI.
NetworkNode = tuple[str, str]
#: A node of a flow chart: the place of its column, and its IRI or "Other".
FlowNode = tuple[int, str]
#: The left, top, right and bottom edge of a shape on the map.
Edges = tuple[float, float, float, float]


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
    ``box`` is the part that is shown, unless all of it is: left, top, width and height.
    """

    kind: str
    width: int
    height: int
    fluid: bool = False
    marks: list[dict[str, object]] = field(default_factory=list)
    lines: list[dict[str, object]] = field(default_factory=list)
    ticks: list[dict[str, object]] = field(default_factory=list)
    legend: list[dict[str, object]] = field(default_factory=list)
    box: tuple[int, int, int, int] | None = None

    @property
    def zoom(self) -> float:
        """How much larger than the whole chart its shown part appears."""
        return self.width / self.box[2] if self.box else 1


class ShadeScale:
    """Assigns shades to numbers of projects, so that each shade in use has about as many values (quantiles)."""

    def __init__(self, values: Iterable[int]) -> None:
        """Derive the classes from the values; each class contains at least one of them, and the lowest begins at 1."""
        counts = sorted(value for value in values if value)
        steps = (counts[len(counts) * step // _MAX_SHADE] for step in range(_MAX_SHADE) if counts)
        #: The lowest value of each class.
        self._bounds = [1, *sorted(set(steps))[1:]] if counts else []

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


def world_map(
    counts: Mapping[str, int],
    names: Mapping[str, str],
    within: Collection[str] = (),
    *,
    is_small: bool = False,
) -> Chart:
    """Lay out a world map; ``counts`` are projects by country code, ``names`` the names of the codes.

    With codes in ``within``, the map shows the part that contains these countries, but may cut off the remotest ones,
    or the whole world if they are spread over it. Pacific countries east of the date line are then on the right. A
    small map shows more around them, and has no details.
    """
    chart = Chart("map", _MAP_WIDTH, _MAP_HEIGHT)
    scale = ShadeScale(counts.values())
    edges = {code: edge for code, edge in _edges().items() if code in within}
    west = frozenset(code for code, (left, *_) in edges.items() if left < _MAP_WIDTH / 4)
    are_dots = all(left == right for left, _, right, _ in edges.values())
    is_pacific = any(left > 3 * _MAP_WIDTH / 4 for left, *_ in edges.values()) or (is_small and are_dots)
    moved = west if is_pacific else frozenset[str]()
    least = (_MIN_OCEAN_MAP_WIDTH if are_dots else _MIN_SMALL_MAP_WIDTH) if is_small else _MIN_MAP_WIDTH
    chart.box = _map_box([_moved(edge, code in moved) for code, edge in edges.items()], least)
    for shape in _shapes():
        code = shape["alpha2"]
        count, name = counts.get(code, 0), names.get(code, "")
        path = shape["path"]
        if (
            chart.zoom >= _MIN_DETAILED_ZOOM
            and not is_small
            and (code in within or _overlaps(code, code in moved, chart))
        ):
            left, top, right, bottom = _edges(detailed=True).get(code, (0, 0, 0, 0))
            if path or max(right - left, bottom - top) * chart.zoom >= _MIN_ISLAND_SIZE:
                path = _details().get(code, path)
        chart.marks.append(
            {
                **shape,
                "path": path,
                "count": count,
                "shade": scale.shade(count),
                "name": name,
                "code": code,
                "shift": _MAP_WIDTH * (code in moved),
                "is_shown": not chart.box or code in within,
            }
        )
    chart.marks.sort(key=lambda mark: not mark["path"])  # draw dots over land
    chart.legend = scale.ticks()
    return chart


def small_map(countries: Collection[str], around: Collection[str] = (), shade_around: int = 0) -> Chart | None:
    """Lay out a map of some countries, which are dark, and of others around them, which are hatched by default.

    It shows the part with these countries, or without any, the part with the others; and only the shapes in it.
    Returns None if it would show nothing but a pale world.
    """
    entries = load_gazetteer().entries["country"]
    countries, around = ([code for code in codes if code in entries] for codes in (countries, around))
    within = frozenset(countries or around)
    names = {code: entries[code].name for code in (*countries, *around)}
    chart = world_map({}, names, within, is_small=True)
    if not within or not (countries or chart.box):
        return None
    chart.kind, chart.legend = "small-map", []
    chart.marks = [
        {
            **mark,
            "shade": _MAX_SHADE if mark["code"] in countries else shade_around if mark["code"] in around else 0,
            "is_around": mark["code"] in around,
        }
        for mark in chart.marks
        if mark["code"] in within or (mark["path"] and _overlaps(str(mark["code"]), bool(mark["shift"]), chart))
    ]
    return chart


def _moved(edges: Edges, is_moved: bool) -> Edges:
    """Return edges, moved by the width of the map for a country that is shown on the right of the others."""
    left, top, right, bottom = edges
    return (left + _MAP_WIDTH, top, right + _MAP_WIDTH, bottom) if is_moved else edges


def _overlaps(code: str, is_moved: bool, chart: Chart) -> bool:
    """Return whether a piece of a country may be visible on a map."""
    if not chart.box:
        return True
    x, y, width, height = chart.box
    return any(
        left < x + width and right > x and top + _MAP_TOP < y + height and bottom + _MAP_TOP > y
        for left, top, right, bottom in (_moved(edges, is_moved) for edges in _pieces()[code])
    )


def _map_box(edges: Sequence[Edges], min_width: int) -> tuple[int, int, int, int] | None:
    """Return the part of the map within these edges, in the map's proportions; None for most of the world."""
    if not edges:
        return None
    lefts, tops, rights, bottoms = map(sorted, zip(*edges, strict=True))
    left, right = _without_remote(lefts, rights)
    top, bottom = _without_remote(tops, bottoms)
    wide = max((right - left) * _MAP_MARGIN, (bottom - top) * _MAP_MARGIN * _MAP_WIDTH / _MAP_HEIGHT, min_width)
    tall = wide * _MAP_HEIGHT / _MAP_WIDTH
    if wide > _MAP_WIDTH * 0.8:
        return None
    middle = (top + bottom) / 2 + _MAP_TOP
    return round((left + right - wide) / 2), round(middle - tall / 2), round(wide), round(tall)


def _without_remote(lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    """Return the lowest and the highest of sorted edges, without those of the few countries far from all others."""
    outside = len(lows) // _COUNTRIES_PER_REMOTE_ONE
    least = (highs[-1] - lows[0]) * _MIN_REMOTE_SHARE
    return (
        lows[outside] if lows[outside] - lows[0] > least else lows[0],
        highs[~outside] if highs[-1] - highs[~outside] > least else highs[-1],
    )


def timeline(spans: Sequence[TimeSpan], today: date, period: tuple[int, int] | None = None) -> Chart:
    """Lay out a label and a bar per span, under a scale of years with a line for today.

    Without labels, the bars have the whole width. Open-ended bars extend to the right edge. The scale covers the
    ``period`` of a first and a last year, or all spans.
    """
    if not spans:
        return Chart("timeline", _WIDTH, 0, fluid=True)
    top, row = 40, 24
    periods = [(_year_fraction(span.start), _year_fraction(span.end or span.start, at_end=True)) for span in spans]
    first = period[0] if period else int(min(start for start, _ in periods))
    # some records have an end before their start
    last = period[1] + 1 if period else int(max(map(max, periods))) + 1
    left = _LABEL_PERCENT if any(span.label for span in spans) else 0
    scale = (100 - left) / (last - first)
    chart = Chart("timeline", _WIDTH, top + row * len(spans) + 4, fluid=True)
    step = _label_step(last - first, 6)

    def x_of(year: float) -> float:
        return left + (min(max(year, first), last) - first) * scale

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


def columns(bars: Sequence[Bar], height: int = 240, present: int = 9999) -> Chart:
    """Lay out a column chart with the labels below; bars of years after ``present`` are paler."""
    top, bottom = 24, 26
    most = max((bar.value for bar in bars), default=1) or 1
    width = 100 / max(len(bars), 1)
    chart = Chart("bar-chart", _WIDTH, height + bottom, fluid=True)
    step = _label_step(len(bars))
    chart.lines = [
        {"value": value, "y": _round(height - value / most * (height - top))} for value in _scale_values(most)
    ]
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
                "later": bar.label.isdigit() and int(bar.label) > present,
            }
        )
    return chart


def _scale_values(most: int) -> list[int]:
    """Return two to five round numbers up to ``most`` for a scale; fewer if it is 1 or 0."""
    unit = 10 ** (len(str(most)) - 1)
    steps = (step for step in (unit // 5, unit // 2, unit, 2 * unit) if step and most // step <= 5)
    step = next(steps)
    return list(range(step, most + 1, step))


def matrix(rows: Sequence[Mapping[str, str]], themes: Sequence[tuple[str, str]], by: str = "") -> Chart:
    """Lay out a matrix of countries by themes, with a cell for every pair.

    The rows have countryName, country, theme and projects, sorted by country; themes are pairs of IRI and name, with
    an empty IRI for projects with no theme, whose cells have no shade (None): their number says nothing about gaps.
    ``by`` is the name of the theme to sort by: the countries with the most projects on it come first.
    """
    left = min(max((text_width(row["countryName"]) * 14 for row in rows), default=0), 248) + 12
    row = 24
    wide = (_WIDTH - left - 10) / max(len(themes), 1)
    heads = [_lines(name, 13, wide - 10) for _, name in themes]
    top = 16 * max(map(len, heads), default=0) + 12
    scale = ShadeScale(int(row["projects"]) for row in rows if row["theme"])
    countries = [list(group) for _, group in groupby(rows, key=lambda row: (row["country"], row["countryName"]))]
    if (iri := {name: iri for iri, name in themes}.get(by)) is not None:
        countries.sort(key=lambda group: -sum(int(row["projects"]) for row in group if row["theme"] == iri))
    chart = Chart("matrix", _WIDTH, top + row * len(countries) + 10, legend=scale.ticks())
    chart.ticks = [
        {"x": _round(left + number * wide + wide / 2), "y": top - 12, "words": text, "iri": iri, "label": name}
        for number, ((iri, name), text) in enumerate(zip(themes, heads, strict=True))
    ]
    for line, group in enumerate(countries):
        counts = {found["theme"]: int(found["projects"]) for found in group}
        name, country = group[0]["countryName"], group[0]["country"]
        cells = [
            {
                "x": _round(left + number * wide),
                "width": _round(wide - 3),
                "value": counts.get(iri, 0),
                "shade": scale.shade(counts.get(iri, 0)) if iri else None,
                "key": quote(iri.rpartition("/")[2]),
                "theme": theme,
            }
            for number, (iri, theme) in enumerate(themes)
        ]
        shown = truncate_to_width(name, 14, left - 12)
        chart.marks.append({"label": name, "shown": shown, "iri": country, "y": top + row * line, "cells": cells})
    return chart


def sankey(rows: Sequence[Mapping[str, str]], names: Mapping[str, str], most: int, *, others: bool = True) -> Chart:
    """Lay out flows from funders to implementers and on to countries, as ribbons between the nodes of three columns.

    Nodes are as high as their number of projects. A project can be in several ribbons of a node: where these would be
    higher than the node, they are scaled down to it.

    Each row has the keys of the funders, implementers and countries of some projects, and their number. A column has
    at most ``most`` nodes, those with the most projects, and with ``others`` one for the projects with none of them;
    ``names`` are labels by IRI. The path of a flow says how many of its projects each node has.
    """
    top = [_largest(rows, name, kind, names, most) for name, (*_, kind) in FLOW_COLUMNS.items()]
    starts = [thing_iri(kind, "") for *_, kind in FLOW_COLUMNS.values()]

    @cache
    def nodes_of(place: int, keys: str) -> tuple[FlowNode, ...]:
        found = tuple((place, f"{starts[place]}{key}") for key in keys.split() if key in top[place])
        return found or ((place, OTHER),) * (others and bool(keys.strip()))

    groups: Counter[tuple[tuple[FlowNode, ...], ...]] = Counter()
    for row in rows:
        groups[tuple(nodes_of(place, row[name]) for place, name in enumerate(FLOW_COLUMNS))] += int(row["projects"])
    counts: Counter[FlowNode] = Counter()
    flows: Counter[tuple[FlowNode, FlowNode]] = Counter()
    through: Counter[tuple[FlowNode, ...]] = Counter()
    for nodes, number in groups.items():
        counts.update(dict.fromkeys(chain(*nodes), number))
        flows.update(dict.fromkeys((*product(nodes[0], nodes[1]), *product(nodes[1], nodes[2])), number))
        through.update(dict.fromkeys(product(*nodes), number))
    # The sums of the ribbons on the left (0) and the right (1) of each node.
    totals: Counter[tuple[FlowNode, int]] = Counter()
    for (start, end), number in flows.items():
        totals[start, 1] += number
        totals[end, 0] += number

    def label(node: FlowNode) -> str:
        return names.get(node[1], node[1].rpartition("/")[2])

    order = sorted(
        dict.fromkeys(node for node, _ in totals),
        key=lambda node: (node[0], node[1] == OTHER, -counts[node], label(node)),
    )
    columns = [[node for node in order if node[0] == place] for place in range(3)]
    chart = Chart("sankey", _WIDTH, 0)
    tall, gap = 480, 22
    scale = min((tall / sum(counts[node] for node in column) for column in columns if column), default=0)
    ids = {node: f"n{number}" for number, node in enumerate(order)}
    offsets: dict[tuple[FlowNode, int], float] = {}
    for (title, x, _), column in zip(FLOW_COLUMNS.values(), columns, strict=True):
        chart.ticks.append({"x": x, "label": title})
        y = 44.0
        for node in column:
            offsets |= {(node, side): y for side in (0, 1)}
            room = 205 - 8 * len(f"{counts[node]:,}")
            chart.marks.append(
                {
                    "label": label(node), "iri": node[1], "count": counts[node], "id": ids[node], "column": node[0],
                    "shown": truncate_to_width(short_name(label(node), node[1]), 14, room),
                    "x": x, "y": _round(y), "height": max(_round(counts[node] * scale), 2),
                }
            )  # fmt: skip
            y += counts[node] * scale + gap
        chart.height = max(chart.height, round(y - gap) + 12)
    for ends in sorted(flows, key=lambda ends: [order.index(node) for node in ends]):
        x1, x2 = (int(str(chart.ticks[place]["x"])) for place, _ in ends)
        edges = []
        for node, side in zip(ends, (1, 0), strict=True):
            thick = scale * min(1, counts[node] / totals[node, side]) * flows[ends]
            middle = offsets[node, side] + thick / 2
            edges += [_round(middle - max(thick, 1) / 2), _round(middle + max(thick, 1) / 2)]
            offsets[node, side] += thick
        path = Counter(dict.fromkeys(ends, flows[ends]))
        path.update(
            {(set(nodes) - set(ends)).pop(): count for nodes, count in through.items() if set(ends) < set(nodes)}
        )
        chart.lines.append(
            {
                "x1": x1 + 10, "x2": x2, "middle": (x1 + 10 + x2) // 2, "edges": edges,
                "count": flows[ends], "column": ends[0][0],
                "ends": " ".join(map(ids.__getitem__, ends)),
                "path": " ".join(f"{ids[node]}:{path[node]}" for node in order if node in path),
                "title": " → ".join(map(label, ends)),
            }
        )  # fmt: skip
    return chart


def _largest(rows: Sequence[Mapping[str, str]], name: str, kind: str, names: Mapping[str, str], most: int) -> set[str]:
    """Return the keys in a column that have the most projects; an organisation within another is left to that one."""
    counts: Counter[str] = Counter()
    for row in rows:
        number = int(row["projects"])
        for key in row[name].split():
            counts[key] += number
    whole = _outermost(counts.keys())
    return set(sorted(whole, key=lambda key: (-counts[key], names.get(thing_iri(kind, key), key)))[:most])


def _outermost(keys: Collection[str]) -> set[str]:
    """Return the keys without those of organisations within another one of them."""
    actors = load_gazetteer().entries["actor"]
    return {key for key in keys if key not in actors or actors[key].row["parent"] not in keys}


def _key(iri: str) -> str:
    return iri.rpartition("/")[2]


def short_name(name: str, iri: str) -> str:
    """Return a short form of a name: that of the country of a government, or an acronym of a long name."""
    name = re.sub("^Government of (the )?", "", name)
    entry = load_gazetteer().entries["actor"].get(iri.rpartition("/")[2])
    acronyms = [alias for alias in (entry.aliases if entry else ()) if re.fullmatch("[A-Z][A-Za-z]*[A-Z]", alias)]
    return acronyms[0] if acronyms and len(name) > _LONG_NAME_CHARS else name


def money(rows: Sequence[Mapping[str, str]]) -> Chart:
    """Lay out a small column chart per currency and kind of sum, under a common scale of years.

    The rows have currency, kind, year, amount, sums and projects; rows without a year are left out. The heights of
    different charts cannot be compared.
    """
    dated = [row for row in rows if row["year"]]
    panels: dict[tuple[str, str], dict[int, Mapping[str, str]]] = {}
    for row in dated:
        panels.setdefault((row["currency"], row["kind"]), {})[int(row["year"])] = row
    most = Counter((row["currency"], row["kind"]) for row in dated for _ in range(int(row["projects"])))
    chart = Chart("money", _WIDTH, 0, fluid=True)
    if not dated:
        return chart
    first, last = (pick(int(row["year"]) for row in dated) for pick in (min, max))
    width, step = 100 / (last - first + 1), _label_step(last - first + 1)
    has_room = last - first < _MAX_LABELLED_YEARS
    tall, row_height = 64, 124
    for panel, (currency, kind) in enumerate(sorted(panels, key=lambda key: (-most[key], key))):
        years = panels[currency, kind]
        top = panel * row_height
        highest = max(float(row["amount"]) for row in years.values())
        chart.ticks.append({"label": f"{currency} · {kind}", "y": top + 18, "base": top + 32 + tall})
        chart.lines += [
            {"value": short_amount(value), "y": _round(top + 32 + tall - value / highest * tall)}
            for value in _scale_values(max(int(highest), 1))[-1:]
            if value <= highest
        ]
        for year in range(first, last + 1):
            row = years.get(year, {"amount": "0", "projects": "0"})
            value = float(row["amount"])
            high = max(value / (highest or 1) * tall, 1.5 if value else 0)
            chart.marks.append(
                {
                    "x": _round((year - first) * width + width * 0.12), "width": _round(width * 0.76),
                    "middle": _round((year - first + 0.5) * width), "y": _round(top + 32 + tall - high),
                    "height": _round(high), "base": top + 32 + tall + 16,
                    "year": year if (year - first) % step == 0 else "",
                    "value": short_amount(value) if value and (value == highest or has_room) else "",
                    "is_highest": value == highest,
                    "title": f"{currency} {value:,.0f} ({kind}, {year}): {row['projects']} project"
                    f"{'s' if row['projects'] != '1' else ''}" if value else "",
                }
            )  # fmt: skip
        chart.height = top + row_height - 4
    return chart


def short_amount(value: float) -> str:
    """Return an amount with three significant digits: 12.3M."""
    for unit, letters in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{letters}"
    return f"{value:.3g}"


def network(
    rows: Iterable[Mapping[str, str]],
    most: int = _MAX_COLUMN_NODES,
    totals: Mapping[NetworkNode, tuple[str, int]] = MappingProxyType({}),
) -> Chart:
    """Lay out the funders, implementers and countries with the most projects in three columns of at most ``most``.

    ``totals`` are the name and the number of projects of each node; an organisation within another is left to that
    one. Without totals, the nodes with the most links are shown, unless they have none to another shown node.
    Each pair is joined by a line whose width grows with the number of projects.
    """
    rows = list(rows)
    links: Counter[NetworkNode] = Counter()
    names = {node: name for node, (name, _) in totals.items()}
    counts = {node: number for node, (_, number) in totals.items()}
    pairs = [((row["fromRole"], row["from"]), (row["toRole"], row["to"])) for row in rows]
    for found, pair in zip(rows, pairs, strict=True):
        for node, name in zip(pair, (found["fromName"], found["toName"]), strict=True):
            links[node] += int(found["projects"])
            names.setdefault(node, name)
    weights = counts or links
    chart = Chart("network", _WIDTH, 0)
    order = sorted(weights, key=lambda node: (-weights[node], names[node]))
    by_role = {role: [node for node in order if node[0] == role] for role in _COLUMNS}
    if counts:
        for role, nodes in by_role.items():
            whole = _outermost({_key(iri) for _, iri in nodes})
            by_role[role] = [node for node in nodes if _key(node[1]) in whole]
    largest = {node for nodes in by_role.values() for node in nodes[:most]}
    drawn = largest if counts else {node for pair in pairs if largest.issuperset(pair) for node in pair}
    positions: dict[NetworkNode, tuple[int, int]] = {}
    ids: dict[NetworkNode, str] = {}
    top, row, half = 44, 36, 110
    for role, (title, x) in _COLUMNS.items():
        chart.ticks.append({"x": x, "label": title})
        for line, node in enumerate(node for node in by_role[role] if node in drawn):
            positions[node] = (x, top + row * line)
            ids[node] = f"n{len(ids)}"
            count = counts.get(node)
            room = 2 * half - 12 - 16 * len(f"{count:,}" if count else "")
            chart.marks.append(
                {
                    "label": names[node], "shown": truncate_to_width(short_name(names[node], node[1]), 13, room),
                    "count": count, "iri": node[1], "id": ids[node], "role": role,
                    "x": x - half, "middle": x, "y": positions[node][1], "width": 2 * half,
                }
            )  # fmt: skip
    for found, ends in zip(rows, pairs, strict=True):
        if not positions.keys() >= set(ends):
            continue
        (x1, y1), (x2, y2) = (positions[node] for node in ends)
        stops = [(x1 + half, y1), (x2 - half, y2)]
        if [role for role, _ in ends] == ["funder", "country"]:
            # between two rows of the implementers, not behind one
            middle = _COLUMNS["implementer"][1]
            between = top + row * ((y1 + y2 - 2 * top) // (2 * row)) + row // 2
            stops[1:1] = [(middle - half, between), (middle + half, between)]
        value = int(found["projects"])
        chart.lines.append(
            {
                "outline": _curve(stops),
                "width": min(1 + value / 2, 9),
                "count": value,
                "ends": " ".join(ids[node] for node in ends),
                "title": f"{names[ends[0]]} – {names[ends[1]]}: {value}",
            }
        )
    chart.height = max((y for _, y in positions.values()), default=top) + 24
    return chart


def _curve(stops: Sequence[tuple[int, int]]) -> str:
    """Return a path through stops, which is horizontal at each of them."""
    path = "M{},{}".format(*stops[0])
    for (x1, y1), (x2, y2) in pairwise(stops):
        path += f"C{(x1 + x2) // 2},{y1} {(x1 + x2) // 2},{y2} {x2},{y2}"
    return path


@cache
def _edges(*, detailed: bool = False) -> dict[str, Edges]:
    """Return the edges of the largest piece of each country."""
    dots = {shape["alpha2"]: (float(shape["x"]), float(shape["y"])) for shape in _shapes()}
    return {
        code: max(pieces, key=lambda edges: (edges[2] - edges[0]) * (edges[3] - edges[1]), default=dots[code] * 2)
        for code, pieces in _pieces(detailed=detailed).items()
    }


@cache
def _pieces(*, detailed: bool = False) -> dict[str, list[Edges]]:
    """Return the edges of the pieces of each country; of none if it is a dot."""
    return {
        shape["alpha2"]: list(_edges_of(_details().get(shape["alpha2"], "") if detailed else shape["path"]))
        for shape in _shapes()
    }


def _edges_of(path: str) -> Iterator[Edges]:
    for piece in path.split("M")[1:]:
        x = y = 0.0
        points = []
        for step in piece.rstrip("z").replace("l", " ").split():
            dx, dy = map(float, step.split(","))
            x, y = x + dx, y + dy
            points.append((x, y))
        xs, ys = zip(*points, strict=True)
        yield min(xs), min(ys), max(xs), max(ys)


@cache
def _shapes() -> tuple[dict[str, str], ...]:
    with (REFERENCE / "country-shapes.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def _details() -> dict[str, str]:
    """Return the detailed paths of the countries that have one."""
    with (REFERENCE / "country-details.csv").open(encoding="utf-8", newline="") as file:
        return {row["alpha2"]: row["path"] for row in csv.DictReader(file)}


def _year_fraction(value: str, *, at_end: bool = False) -> float:
    """Convert a date to a fractional year: the beginning of its first day, or the end of its last day."""
    day = date.fromisoformat(date_bounds(value)[at_end]) + timedelta(days=at_end)
    return day.year + (day.timetuple().tm_yday - 1) / 366


def _label_step(years: int, most: int = 9) -> int:
    """Return the interval between labels, so that at most ``most`` are drawn and do not touch on a narrow screen."""
    return -(-years // most)


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
