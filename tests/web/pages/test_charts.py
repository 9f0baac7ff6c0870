"""The layout of charts."""

from __future__ import annotations

import re
from datetime import date

import pytest

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.web.pages import charts
from cybilgraph.web.pages.charts import Bar, ShadeScale, TimeSpan


@pytest.mark.parametrize("values", [[], [0, 3], [1, 1, 2], [0, *range(1, 40)], [1] * 90 + [500, 3_000]])
def test_each_shade_of_the_legend_is_used_and_grows_with_the_number(values: list[int]) -> None:
    scale = ShadeScale(values)
    shades = [scale.shade(value) for value in sorted(values)]
    assert shades == sorted(shades)
    assert set(shades) | {0} == {tick["shade"] for tick in scale.ticks()}
    assert all((shade == 0) == (value == 0) for value, shade in zip(sorted(values), shades, strict=True))
    for tick in scale.ticks():
        assert scale.shade(int(str(tick["from"]))) == tick["shade"]


def test_many_values_use_all_shades() -> None:
    scale = ShadeScale(range(1, 200))
    assert [scale.shade(value) for value in (1, 50, 100, 150, 199)] == [1, 2, 3, 4, 5]


def test_map_shows_every_country_once_within_its_bounds() -> None:
    picture = charts.world_map({"BZ": 2, "TV": 1}, {})
    codes = [mark["code"] for mark in picture.marks if mark["code"]]
    assert len(codes) == len(set(codes))
    known = load_gazetteer().entries["country"]
    assert set(codes) <= set(known)
    # territories without a shape of their own, or uninhabited
    parts = {"AQ", "BQ", "BV", "CC", "CX", "GF", "GP", "MQ", "RE", "SJ", "YT", "TK", "UM", "GI"}
    assert set(known) - set(codes) <= parts
    for mark in picture.marks:
        for x, y in re.findall(r"M(-?\d+),(-?\d+)", str(mark["path"])):
            assert 0 <= int(x) <= picture.width
            assert -5 <= int(y) <= picture.height - 30
        if not mark["path"]:
            assert float(str(mark["y"])) <= picture.height - 30
    assert next(mark for mark in picture.marks if mark["code"] == "BZ")["shade"] == 5


def test_map_shapes_do_not_wrap_around() -> None:
    for mark in charts.world_map({}, {}).marks:
        for piece in str(mark["path"]).split("M")[1:]:
            for dx, _ in re.findall(r"(-?\d+),(-?\d+)", piece)[1:]:
                assert abs(int(dx)) < 300, mark["code"]


def test_timeline_respects_date_precision_and_open_ends() -> None:
    picture = charts.timeline([
        TimeSpan("a", "", "2018", "2018"),
        TimeSpan("b", "", "2018-01", "2018-12"),
        TimeSpan("c", "", "2019-07-01", "", "Ongoing"),
        TimeSpan("d", "", "2019", "", "Finished"),
    ], date(2019, 7, 1))  # fmt: skip
    whole_year, by_month, is_open, unknown = picture.marks
    assert (whole_year["x"], whole_year["width"]) == (by_month["x"], by_month["width"])
    assert is_open["open"]
    assert not is_open["unknown"]
    assert unknown["unknown"]
    assert picture.fluid
    assert max(float(str(mark["x"])) + float(str(mark["width"])) for mark in picture.marks) <= 100
    assert [tick["label"] for tick in picture.ticks] == ["2018", "2019", "2020", ""]
    assert picture.ticks[-1]["x"] == is_open["x"]  # today
    assert all(float(str(mark["x"])) >= 38 for mark in picture.marks)  # after the labels


def test_timeline_accepts_an_end_before_its_start() -> None:
    picture = charts.timeline([TimeSpan("a", "", "2021-06", "2020-03", "Finished")], date(2026, 1, 1))
    assert [tick["label"] for tick in picture.ticks] == ["2021"]
    assert [mark["when"] for mark in picture.marks] == ["2021-06 – 2020-03"]


def test_columns_of_nothing_have_no_height() -> None:
    assert charts.columns([]).marks == []
    assert charts.columns([Bar("x", "", 0)]).marks[0]["height"] == 0


def test_matrix_has_a_cell_for_every_pair() -> None:
    rows = [{"countryName": "Belize", "country": "BZ", "theme": "t1", "projects": "3"}]
    rows += [{"countryName": "Chad", "country": "TD", "theme": "", "projects": "1"}]
    picture = charts.matrix(rows, [("t1", "One"), ("t2", "Two"), ("", "No theme given")])
    cells = [[(cell["value"], cell["shade"]) for cell in mark["cells"]] for mark in picture.marks]  # type: ignore[attr-defined]
    assert cells == [[(3, 5), (0, 0), (0, 0)], [(0, 0), (0, 0), (1, 3)]]


def test_network_limits_the_nodes_of_a_column() -> None:
    rows = [
        {"fromRole": "funder", "from": f"f{n}", "fromName": f"F{n}", "toRole": "implementer", "to": "i", "toName": "I",
         "projects": str(n)}
        for n in range(1, 60)
    ]  # fmt: skip
    picture = charts.network(rows)
    assert len(picture.marks) == 23
    assert len(picture.lines) == 22
    assert charts.network([]).marks == []


def test_network_leaves_out_unconnected_nodes() -> None:
    rows = [
        {"fromRole": "funder", "from": f"f{n}", "fromName": f"F{n}", "toRole": "country", "to": f"c{n}",
         "toName": f"C{n:02}", "projects": "2" if n else "1"}
        for n in range(24)
    ]  # fmt: skip
    picture = charts.network(rows)
    ends = {(line["x1"], line["y1"]) for line in picture.lines} | {(line["x2"], line["y2"]) for line in picture.lines}
    assert len(ends) == len(picture.marks) == 2 * len(picture.lines) > 0


@pytest.mark.parametrize(
    "words", ["W" * 60, "i" * 200, "GLACY+ (Global Action on Cybercrime Extended)", "網路安全" * 20, ""]
)
def test_text_is_truncated_to_its_width(words: str) -> None:
    cut = charts.truncate_to_width(words, 10, 200)
    assert charts.text_width(cut) * 10 <= 200
    assert cut == words or (cut.endswith("…") and charts.text_width(cut) * 10 > 170)
