"""Write the countries, with the number of projects in each, as GeoJSON (RFC 7946), for maps.

The outlines are those of the site's map (country-shapes.csv), whose Equal Earth projection is inverted (Šavrič,
Patterson and Jenny 2018). They are coarse, about a fifth of a degree; small countries are points.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from functools import cache
from itertools import accumulate, pairwise
from math import asin, cos, degrees, pi, radians, sin, sqrt
from pathlib import Path
from typing import Any

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.resources import read_reference
from cybilgraph.model.vocabulary import thing_iri

#: The coefficients of the projection, the width of the map in its units, and the northernmost latitude on it.
_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796
_WIDTH, _NORTH = 2000, 84
_STEPS_OF_NEWTON = 12
_NUMBER = re.compile(r"-?[0-9]+")

Position = tuple[float, float]


def write_countries(projects: Path, output: Path) -> None:
    """Write all countries; ``projects`` is that table as CSV, with its lists separated by U+001F. Raises OSError."""
    with projects.open(encoding="utf-8", newline="") as file:
        counts = Counter(code for row in csv.DictReader(file) for code in row["country_codes"].split("\x1f"))
    shapes = _geometries()
    with output.open("w", encoding="utf-8", newline="\n") as file:
        separator = '{"type": "FeatureCollection", "features": [\n'
        for code, entry in sorted(load_gazetteer().entries["country"].items()):
            properties = {"code": code, "name": entry.name, "projects": counts[code]}
            iri = thing_iri("country", code)
            feature = {"type": "Feature", "id": iri, "properties": properties, "geometry": shapes.get(code)}
            file.write(separator + json.dumps(feature, ensure_ascii=False))
            separator = ",\n"
        file.write("\n]}\n")


@cache
def _geometries() -> dict[str, Any]:
    """Return the GeoJSON geometry of each country that the map shows."""
    return {row["alpha2"]: _geometry(row) for row in read_reference("country-shapes.csv") if row["alpha2"]}


def _geometry(row: dict[str, str]) -> dict[str, Any]:
    rings = [[ring] for ring in map(_ring, filter(None, row["path"].split("M"))) if ring]
    if rings:
        return {"type": "MultiPolygon", "coordinates": rings}
    return {"type": "Point", "coordinates": _position(float(row["x"]), float(row["y"]))}


def _ring(piece: str) -> list[Position]:
    """Return a closed ring, counterclockwise (section 3.1.6), from a piece of an SVG path: a start and steps."""
    numbers = [int(number) for number in _NUMBER.findall(piece)]
    xs, ys = (list(accumulate(numbers[first::2])) for first in (0, 1))
    points = [_position(x, y) for x, y in zip(xs, ys, strict=True)]
    points.append(points[0])
    area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(points))
    return points[::-1] if area < 0 else points


def _position(x: float, y: float) -> Position:
    """Return the longitude and latitude of a point on the map, rounded to the precision of its units."""
    degrees_per_unit, latitude = _parallel(y)
    return round(max(-180.0, min(180.0, (x - _WIDTH / 2) * degrees_per_unit)), 2), latitude


@cache
def _parallel(y: float) -> tuple[float, float]:
    """Return the degrees of longitude per unit of the map at a height of the map, and its latitude, rounded."""
    scale = _WIDTH / 2 / (pi * _factor(0))
    theta, up = 0.0, _height(asin(sqrt(3) / 2 * sin(radians(_NORTH)))) - y / scale
    for _ in range(_STEPS_OF_NEWTON):
        theta -= (_height(theta) - up) / _slope(theta)
    latitude = asin(max(-1.0, min(1.0, 2 / sqrt(3) * sin(theta))))
    return degrees(1 / scale / _factor(theta)), round(degrees(latitude), 2)


def _height(theta: float) -> float:
    return _A4 * theta**9 + _A3 * theta**7 + _A2 * theta**3 + _A1 * theta


def _slope(theta: float) -> float:
    return 9 * _A4 * theta**8 + 7 * _A3 * theta**6 + 3 * _A2 * theta**2 + _A1


def _factor(theta: float) -> float:
    """Return the horizontal distance of a radian of longitude."""
    return 2 * sqrt(3) * cos(theta) / (3 * _slope(theta))
