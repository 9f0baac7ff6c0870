"""Rebuild country-shapes.csv and country-details.csv from Natural Earth, in the npm package world-atlas (TopoJSON).

A shape is an SVG path on a map of 2000 by 1000 units in the Equal Earth projection (Šavrič, Patterson
and Jenny 2018), which shows areas in their true proportion. Countries that are too small to see or to
click have no path and are drawn as dots. x and y are the centre of a country's largest piece, or a point in it.
A row without alpha2 is land that belongs to no country in countries.csv.

country-details.csv has the same countries for maps that show a part of the world: in tenths of a unit, with small
islands. Its borders come from arcs that neighbours share, simplified once each, so that no gaps open between them.

Run: download version 2.0.2 with npm pack, unpack it, and run python update_shapes.py package/
"""

import csv
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from math import asin, cos, hypot, radians, sin, sqrt
from pathlib import Path
from typing import Any

from shapely import MultiPolygon, Polygon, make_valid, set_precision, union_all
from shapely import Point as Shape

HERE = Path(__file__).parent
CSV_FILE, DETAILS_FILE = HERE / "country-shapes.csv", HERE / "country-details.csv"
WIDTH = 2000
#: The map ends at these latitudes, since Antarctica has no projects.
NORTH, SOUTH = 84, -57
#: In square units: a smaller country is a dot, and a smaller piece of a country is omitted.
SMALL_COUNTRY, SMALL_PIECE = 60, 6
#: In the details: how far a simplified line may be from the original, in degrees, and the smallest piece.
MAX_ERROR, SMALL_DETAIL = 0.04, 0.06
_A = (1.340264, -0.081106, 0.000893, 0.003796)
#: Countries without an ISO 3166-1 number in Natural Earth.
NAMED = {"Kosovo": "XK"}
#: Countries that Natural Earth does not have, or has as parts of others: longitude and latitude of their centre.
ELSEWHERE = {
    "BQ": (-68.3, 12.2),
    "BV": (3.4, -54.4),
    "CC": (96.9, -12.2),
    "CX": (105.6, -10.5),
    "GF": (-53.1, 4.0),
    "GP": (-61.5, 16.2),
    "MQ": (-61.0, 14.7),
    "RE": (55.5, -21.1),
    "SJ": (16.0, 78.0),
    "TK": (-171.9, -9.2),
    "YT": (45.2, -12.8),
}

Point = tuple[float, float]


def equal_earth(longitude: float, latitude: float) -> Point:
    """Project a point; the result is in radii of the earth."""
    theta = asin(sqrt(3) / 2 * sin(radians(latitude)))
    slope = 9 * _A[3] * theta**8 + 7 * _A[2] * theta**6 + 3 * _A[1] * theta**2 + _A[0]
    x = 2 * sqrt(3) * radians(longitude) * cos(theta) / (3 * slope)
    return x, _A[3] * theta**9 + _A[2] * theta**7 + _A[1] * theta**3 + _A[0] * theta


SCALE = WIDTH / 2 / equal_earth(180, 0)[0]
TOP = equal_earth(0, NORTH)[1]


def on_map(point: Point) -> Point:
    """Project a point to units from the left and the top of the map."""
    x, y = equal_earth(point[0], min(NORTH, max(SOUTH, point[1])))
    return WIDTH / 2 + x * SCALE, (TOP - y) * SCALE


def shapes(file: Path, max_error: float = 0) -> dict[tuple[str, str], list[list[Point]]]:
    """Return the outer rings of each country by its number and name, simplified within an error in degrees."""
    topology = json.loads(file.read_text(encoding="utf-8"))
    (kx, ky), (x0, y0) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * kx + x0, y * ky + y0))
        arcs.append(simplify(points, max_error) if max_error else points)

    def ring(numbers: list[int]) -> list[list[Point]]:
        points: list[Point] = []
        for number in numbers:
            piece = arcs[number] if number >= 0 else arcs[~number][::-1]
            points += piece[1:] if points else piece
        return [[on_map(point) for point in piece] for piece in cut(points)]

    found: dict[tuple[str, str], list[list[Point]]] = {}
    for country in topology["objects"]["countries"]["geometries"]:
        pieces: Any = country.get("arcs", [])
        pieces = [pieces] if country["type"] == "Polygon" else pieces
        name = (str(country.get("id", "")), country["properties"]["name"])
        found.setdefault(name, []).extend(part for piece in pieces for part in ring(piece[0]))
    return found


def simplify(points: list[Point], max_error: float) -> list[Point]:
    """Return a line without the points that are closer to it than the error (Douglas and Peucker 1973)."""
    (x1, y1), (x2, y2) = points[0], points[-1]
    length = hypot(x2 - x1, y2 - y1)

    def distance(point: Point) -> float:
        x, y = point[0] - x1, point[1] - y1
        return abs(x * (y2 - y1) - y * (x2 - x1)) / length if length else hypot(x, y)

    farthest = max(range(1, len(points) - 1), key=lambda place: distance(points[place]), default=0)
    if not farthest or (distance(points[farthest]) <= max_error and (length or len(points) < 4)):
        return [points[0], points[-1]]
    return simplify(points[: farthest + 1], max_error)[:-1] + simplify(points[farthest:], max_error)


def cut(points: list[Point]) -> list[list[Point]]:
    """Cut a ring of longitudes and latitudes where it crosses the 180th meridian."""
    turned = [points[0]]
    for x, y in points[1:]:
        last = turned[-1][0]
        turned.append((x + 360 * round((last - x) / 360), y))
    parts = []
    for shift in (-360, 0, 360):
        part = [(x + shift, y) for x, y in turned]
        for side in (-1, 1):
            part = clip(part, side)
        if part:
            parts.append(part)
    return parts


def clip(points: list[Point], side: int) -> list[Point]:
    """Clip a ring to the west (1) or east (-1) of the 180th meridian (Sutherland and Hodgman 1974)."""
    kept = []
    for (x1, y1), (x2, y2) in pairwise([*points, points[0]] if points else []):
        if side * x1 <= 180:
            kept.append((x1, y1))
        if (side * x1 <= 180) != (side * x2 <= 180):
            kept.append((180 * side, y1 + (y2 - y1) * (180 * side - x1) / (x2 - x1)))
    return kept


def area(ring: list[Point]) -> float:
    """Return the area of a ring in square units."""
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*ring, ring[0]]))) / 2


def middle(ring: list[Point]) -> Point:
    """Return the centre of the bounding box of a ring, or a point inside if that lies outside."""
    xs, ys = zip(*ring, strict=True)
    centre = Shape((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    polygon = make_valid(Polygon(ring))
    inside = centre if len(ring) < 4 or polygon.contains(centre) else polygon.representative_point()
    return inside.x, inside.y


def path(rings: list[list[Point]], parts_per_unit: int = 1) -> str:
    """Return an SVG path with relative steps in whole units, or in tenths."""
    parts = []
    for ring in rings:
        points = list(dict.fromkeys((round(x * parts_per_unit), round(y * parts_per_unit)) for x, y in ring))
        if len(points) > 2:
            pairs = [points[0], *((b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points))]
            first, *steps = (f"{x / parts_per_unit:g},{y / parts_per_unit:g}" for x, y in pairs)
            parts.append(f"M{first}l{' '.join(steps)}z")
    return "".join(parts)


def on_grid(rings: list[list[Point]]) -> list[list[Point]]:
    """Return rings in whole units that cross neither themselves nor one another."""
    rounded = [list(dict.fromkeys((float(round(x)), float(round(y))) for x, y in ring)) for ring in rings]
    polygons = [Polygon(ring) for ring in rounded if len(ring) > 2]
    if MultiPolygon(polygons).is_valid:
        return rounded
    merged = set_precision(union_all([make_valid(polygon) for polygon in polygons]), 1)
    parts = [part for part in getattr(merged, "geoms", [merged]) if part.geom_type == "Polygon"]
    return [list(part.exterior.coords)[:-1] for part in sorted(parts, key=lambda part: -part.area)]


def by_code(
    countries: dict[tuple[str, str], list[list[Point]]], codes: dict[str, str]
) -> Iterator[tuple[str, list[list[Point]]]]:
    """Yield the codes and rings of countries, and of the places ELSEWHERE that are parts of them.

    A ring belongs to a place that is in it, or at most one unit (20 km) away.
    """
    for (number, name), rings in countries.items():
        code = NAMED.get(name) or codes.get(number, "")
        parts = dict[str, list[list[Point]]]()
        for ring in rings:
            land = make_valid(Polygon(ring if len(ring) > 3 else ()))
            owner = next((part for part, place in ELSEWHERE.items() if land.distance(Shape(on_map(place))) < 1), code)
            parts.setdefault(owner, []).append(ring)
        yield from parts.items()


def main(folder: Path) -> None:
    """Write the files."""
    with (HERE / "countries.csv").open(encoding="utf-8", newline="") as source:
        codes = {row["numeric"]: row["alpha2"] for row in csv.DictReader(source) if row["numeric"]}
    coarse, fine, finest = (shapes(folder / f"countries-{scale}.json") for scale in ("110m", "50m", "10m"))
    rows: dict[str, tuple[float, list[object]]] = {}
    for code, rings in by_code(finest | fine | coarse, codes):
        largest = max(rings, key=area)
        if code == "AQ" or (not code and area(largest) < SMALL_COUNTRY):
            continue
        size = area(largest)
        small = size < SMALL_COUNTRY
        kept = [] if small else [ring for ring in rings if area(ring) >= SMALL_PIECE]
        x, y = middle(largest)
        if size > rows.get(code, (0, []))[0]:  # a remote island may be listed separately from its country
            rows[code] = (size, [code, round(x), round(y), path(on_grid(kept))])
    for code, place in ELSEWHERE.items():
        x, y = on_map(place)
        rows.setdefault(code, (0, [code, round(x), round(y), ""]))
    with CSV_FILE.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(("alpha2", "x", "y", "path"))
        writer.writerows(rows[code][1] for code in sorted(rows))
    details: dict[str, list[list[Point]]] = {}
    for code, rings in by_code(shapes(folder / "countries-10m.json", MAX_ERROR), codes):
        if code in rows:
            details.setdefault(code, []).extend(ring for ring in rings if area(ring) >= SMALL_DETAIL)
    with DETAILS_FILE.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(("alpha2", "path"))
        writer.writerows((code, path(details[code], 10)) for code in sorted(details) if details[code])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
