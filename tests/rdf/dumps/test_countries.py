"""The GeoJSON of countries has what SPARQL counts, and valid outlines where the countries are."""

from __future__ import annotations

import json
from itertools import chain, pairwise
from typing import Any

import pyoxigraph as ox
import pytest
from shapely.geometry import shape

from cybilgraph.model.vocabulary import BASE
from cybilgraph.release import Release

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def features(release: Release) -> dict[str, dict[str, Any]]:
    found = json.loads((release.folder / "public" / "countries.geojson").read_text(encoding="utf-8"))
    assert found["type"] == "FeatureCollection"
    return {feature["properties"]["code"]: feature for feature in found["features"]}


def test_counts_are_those_of_the_graph(features: dict[str, dict[str, Any]], release: Release) -> None:
    query = f"""PREFIX cyb: <{BASE}ontology#> SELECT ?country (COUNT(DISTINCT ?project) AS ?n) {{
        ?country a cyb:Country OPTIONAL {{ ?project cyb:country ?country }} }} GROUP BY ?country"""
    rows = ox.Store.read_only(str(release.store)).query(query)
    counts = {row["country"].value: int(row["n"].value) for row in rows}
    assert {feature["id"]: feature["properties"]["projects"] for feature in features.values()} == counts
    assert features["BZ"]["properties"]["name"] == "Belize"


def test_all_countries_but_antarctica_have_a_valid_geometry(features: dict[str, dict[str, Any]]) -> None:
    assert [code for code, one in features.items() if one["geometry"] is None] == ["AQ"], "the map does not show it"
    assert [code for code, one in features.items() if one["geometry"] and not shape(one["geometry"]).is_valid] == []
    assert features["GP"]["geometry"]["coordinates"] == pytest.approx([-61.5, 16.2], abs=0.2)


def test_outlines_are_closed_counterclockwise_and_on_the_globe(features: dict[str, dict[str, Any]]) -> None:
    polygons = [one["geometry"] for one in features.values() if one["geometry"] and one["geometry"]["type"] != "Point"]
    assert len(polygons) > 100
    for [ring] in chain.from_iterable(one["coordinates"] for one in polygons):
        assert ring[0] == ring[-1]
        assert len(ring) >= 4
        assert all(-180 <= x <= 180 and -90 <= y <= 90 for x, y in ring)
        assert sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring)) > 0


@pytest.mark.parametrize(
    ("code", "west", "south", "east", "north"),
    [
        ("BZ", -89.2, 15.9, -87.8, 18.5),
        ("AU", 113, -43.7, 153.7, -10.7),
        ("KE", 33.9, -4.7, 41.9, 5.5),
        ("IS", -24.5, 63.4, -13.5, 66.6),
        ("FR", -4.8, 41.4, 9.6, 51.1),
        ("GF", -54.6, 2.1, -51.6, 5.8),
    ],
)
def test_countries_are_where_they_are(
    code: str, west: float, south: float, east: float, north: float, features: dict[str, dict[str, Any]]
) -> None:
    points = list(chain.from_iterable(ring for [ring] in features[code]["geometry"]["coordinates"]))
    box = (min(x for x, _ in points), min(y for _, y in points), max(x for x, _ in points), max(y for _, y in points))
    assert box == pytest.approx((west, south, east, north), abs=0.7)
