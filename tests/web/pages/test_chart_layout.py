"""The layout of charts."""

from __future__ import annotations

import re
from datetime import date
from itertools import pairwise

import pytest

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.web.pages import chart_layout
from cybilgraph.web.pages.chart_layout import Bar, ShadeScale, TimeSpan


@pytest.mark.parametrize("values", [[], [0, 3], [1, 1, 2], [0, *range(1, 40)], [1] * 90 + [500, 3_000]])
def test_each_shade_of_the_legend_is_used_and_grows_with_the_number(values: list[int]) -> None:
    scale = ShadeScale(values)
    shades = [scale.shade(value) for value in sorted(values)]
    assert shades == sorted(shades)
    assert set(shades) | {0} == {tick["shade"] for tick in scale.ticks()}
    assert all((shade == 0) == (value == 0) for value, shade in zip(sorted(values), shades, strict=True))
    for tick in scale.ticks():
        assert scale.shade(int(str(tick["from"]))) == tick["shade"]


def test_only_zero_has_no_shade() -> None:
    scale = ShadeScale([0, 35, 60, 70, 80, 90])
    assert [(tick["from"], tick["to"]) for tick in scale.ticks()][:2] == [(0, 0), (1, 59)]
    assert [scale.shade(value) for value in (0, 1, 34, 59, 60)] == [0, 1, 1, 1, 2]


def test_many_values_use_all_shades() -> None:
    scale = ShadeScale(range(1, 200))
    assert [scale.shade(value) for value in (1, 50, 100, 150, 199)] == [1, 2, 3, 4, 5]


def test_map_shows_every_country_once_within_its_bounds() -> None:
    picture = chart_layout.world_map({"BZ": 2, "TV": 1}, {})
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
    for mark in chart_layout.world_map({}, {}).marks:
        for piece in str(mark["path"]).split("M")[1:]:
            for dx, _ in re.findall(r"(-?\d+),(-?\d+)", piece)[1:]:
                assert abs(int(dx)) < 300, mark["code"]


def test_timeline_respects_date_precision_and_open_ends() -> None:
    picture = chart_layout.timeline([
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
    picture = chart_layout.timeline([TimeSpan("a", "", "2021-06", "2020-03", "Finished")], date(2026, 1, 1))
    assert [tick["label"] for tick in picture.ticks] == ["2021"]
    assert [mark["when"] for mark in picture.marks] == ["2021-06 – 2020-03"]


@pytest.mark.parametrize(
    ("most", "values"),
    [(1, [1]), (3, [1, 2, 3]), (7, [2, 4, 6]), (85, [20, 40, 60, 80]), (1000, [200, 400, 600, 800, 1000])],
)
def test_scale_of_columns_has_few_round_numbers(most: int, values: list[int]) -> None:
    picture = chart_layout.columns([Bar("2018", "", most), Bar("2019", "", 0)])
    assert [line["value"] for line in picture.lines] == values
    top, bottom = picture.marks[0]["y"], picture.marks[1]["y"]
    assert all(float(str(top)) <= float(str(line["y"])) < float(str(bottom)) for line in picture.lines)


def test_columns_of_nothing_have_no_height() -> None:
    assert chart_layout.columns([]).marks == []
    assert chart_layout.columns([Bar("x", "", 0)]).marks[0]["height"] == 0


def test_matrix_has_a_cell_for_every_pair() -> None:
    rows = [{"countryName": "Belize", "country": "BZ", "theme": "t1", "projects": "3"}]
    rows += [{"countryName": "Chad", "country": "TD", "theme": "", "projects": "40"}]
    picture = chart_layout.matrix(rows, [("t1", "One"), ("t2", "Two"), ("", "No theme given")])
    cells = [[(cell["value"], cell["shade"]) for cell in mark["cells"]] for mark in picture.marks]  # type: ignore[attr-defined]
    assert cells == [[(3, 5), (0, 0), (0, None)], [(0, 0), (0, 0), (40, None)]]
    assert [tick["from"] for tick in picture.legend] == [0, 1], "the scale is that of the themes"


def test_network_limits_the_nodes_of_a_column() -> None:
    rows = [
        {"fromRole": "funder", "from": f"f{n}", "fromName": f"F{n}", "toRole": "implementer", "to": "i", "toName": "I",
         "projects": str(n)}
        for n in range(1, 60)
    ]  # fmt: skip
    picture = chart_layout.network(rows)
    assert len(picture.marks) == 11
    assert len(picture.lines) == 10
    assert len(chart_layout.network(rows, 30).lines) == 30
    assert chart_layout.network([]).marks == []


def test_network_leaves_out_unconnected_nodes() -> None:
    rows = [
        {"fromRole": "funder", "from": f"f{n}", "fromName": f"F{n}", "toRole": "country", "to": f"c{n}",
         "toName": f"C{n:02}", "projects": "2" if n else "1"}
        for n in range(24)
    ]  # fmt: skip
    picture = chart_layout.network(rows)
    ends = {end for line in picture.lines for end in str(line["ends"]).split()}
    assert len(ends) == len(picture.marks) == 2 * len(picture.lines) > 0


def test_network_shows_the_nodes_with_the_most_projects() -> None:
    """A project with many countries is one project, and a constituent body is left to its organisation."""
    eu, dg, small = (thing_iri("actor", key) for key in ("eu", "european-commission", "small"))
    rows = [
        {"fromRole": "implementer", "from": small, "fromName": "Small", "toRole": "country", "to": f"c{n}",
         "toName": f"C{n}", "projects": "1"}
        for n in range(20)
    ]  # fmt: skip
    names = {eu: ("European Union", 3), dg: ("European Commission", 3), small: ("Small", 1)}
    totals = {("implementer", iri): total for iri, total in names.items()} | {("country", "c7"): ("C7", 1)}
    picture = chart_layout.network(rows, 1, totals)
    assert [(mark["shown"], mark["count"]) for mark in picture.marks] == [("European Union", 3), ("C7", 1)]
    assert not picture.lines, "the shown nodes share no project"


def test_network_has_short_names_and_no_line_behind_a_node() -> None:
    names = {
        "uk-government": "Government of the United Kingdom",
        "fcdo": "Foreign, Commonwealth and Development Office",
    }
    funders = [*names, "f2", "f3", "f4", "f5"]
    ends = [(("funder", key), ("country", f"C{n}")) for n, key in enumerate(funders)]
    ends += [(("funder", key), ("country", "C0")) for key in funders]
    ends += [(("funder", key), ("implementer", f"i{n}")) for n, key in enumerate(funders)]
    rows = [
        {"fromRole": role, "from": thing_iri("actor", key), "fromName": names.get(key, key),
         "toRole": to_role, "to": to, "toName": to, "projects": "1"}
        for (role, key), (to_role, to) in ends
    ]  # fmt: skip
    picture = chart_layout.network(rows)
    assert {"United Kingdom", "FCDO"} < {mark["shown"] for mark in picture.marks}
    middle = [mark for mark in picture.marks if mark["role"] == "implementer"]
    across = [line for line in picture.lines if "– C" in str(line["title"])]
    assert (len(middle), len(across)) == (6, 12)
    left, right = int(middle[0]["x"]), int(middle[0]["x"]) + int(middle[0]["width"])
    for line in across:
        points = [tuple(map(int, point.split(","))) for point in re.findall(r"-?\d+,-?\d+", str(line["outline"]))]
        [height] = {y for x, y in points if left <= x <= right}
        assert min(abs(height - int(mark["y"])) for mark in middle) > 12, line["title"]


@pytest.mark.parametrize(
    "words", ["W" * 60, "i" * 200, "GLACY+ (Global Action on Cybercrime Extended)", "網路安全" * 20, ""]
)
def test_text_is_truncated_to_its_width(words: str) -> None:
    cut = chart_layout.truncate_to_width(words, 10, 200)
    assert chart_layout.text_width(cut) * 10 <= 200
    assert cut == words or (cut.endswith("…") and chart_layout.text_width(cut) * 10 > 170)


def test_map_shows_the_part_with_some_countries_in_its_proportions() -> None:
    caribbean = {"BZ", "JM", "TT"}
    picture = chart_layout.world_map({"BZ": 2, "KE": 1}, {}, caribbean)
    assert picture.box
    left, top, width, height = picture.box
    assert width / height == pytest.approx(picture.width / picture.height, rel=0.02)
    assert 4 < picture.zoom < 16
    marks = {mark["code"]: mark for mark in picture.marks}
    for code in caribbean:
        assert left < float(marks[code]["x"]) < left + width
        assert top < float(marks[code]["y"]) + 16 < top + height, "below the margin"
        assert marks[code]["is_shown"]
    assert not marks["KE"]["is_shown"]
    assert chart_layout.world_map({}, {}, {"BR", "NZ", "NO", "ZA"}).box is None, "they are all over the world"


@pytest.mark.parametrize("region", ["029", "013", "145", "005"])
def test_map_of_a_region_shows_all_its_countries(region: str) -> None:
    codes = load_gazetteer().countries_in(load_gazetteer().entries["region"][region])
    picture = chart_layout.world_map({}, {}, codes)
    assert picture.box
    left, top, width, height = picture.box
    for mark in picture.marks:
        if mark["code"] in codes:
            x = float(mark["x"]) + int(mark["shift"])
            assert left < x < left + width, mark["code"]
            assert top < float(mark["y"]) + 16 < top + height, mark["code"]


def test_map_of_a_continent_leaves_out_what_is_remote() -> None:
    europe = load_gazetteer().countries_in(load_gazetteer().entries["region"]["150"])
    assert chart_layout.world_map({}, {}, europe).zoom > 3, "without Siberia"


def test_map_of_small_islands_has_detailed_coasts() -> None:
    def path(code: str, *within: str) -> str:
        marks = chart_layout.world_map({}, {}, within).marks
        return next((str(mark["path"]) for mark in marks if mark["code"] == code), "")

    caribbean = load_gazetteer().countries_in(load_gazetteer().entries["region"]["029"])
    assert len(path("CU", *caribbean)) > 4 * len(path("CU"))
    assert (path("JM"), path("JM", *caribbean)[:1]) == ("", "M"), "a dot on the map of the world"
    assert path("BB", *caribbean) == "", "still too small"
    assert path("NO", *caribbean) == path("NO"), "not on this map"
    for code in caribbean:
        for piece in path(code, *caribbean).split("M")[1:]:
            for dx, _ in re.findall(r"(-?[\d.]+),(-?[\d.]+)", piece)[1:]:
                assert abs(float(dx)) < 30, code


def test_map_of_a_project_shows_its_places_and_their_surroundings_only() -> None:
    def shown(*places: set[str]) -> dict[str, tuple[object, object]]:
        drawn = chart_layout.small_map(*places)
        assert drawn
        return {str(mark["code"]): (mark["shade"], mark["is_around"]) for mark in drawn.marks}

    kenya = shown({"KE"}, {"KE", "UG", "RW"})
    assert (kenya["KE"], kenya["UG"], kenya["SO"]) == ((5, True), (0, True), (0, False))
    assert not {"BR", "JP"} & set(kenya)
    assert shown(set(), {"UG", "RW"})["UG"] == (0, True), "a shade would mean projects"
    samoa = shown({"WS"})
    assert (samoa["WS"], samoa["NZ"]) == ((5, False), (0, False)), "an island in an ocean"
    assert chart_layout.small_map(set()) is None
    everywhere = set(load_gazetteer().entries["country"])
    assert chart_layout.small_map(set(), everywhere) is None
    assert chart_layout.small_map({"BR", "NZ", "NO", "ZA"})


def test_timeline_without_labels_has_the_whole_width() -> None:
    picture = chart_layout.timeline([TimeSpan("", "", "2018", "2020")], date(2026, 1, 1), (2018, 2027))
    assert (picture.marks[0]["x"], picture.marks[0]["width"]) == (0, 30)


def test_map_of_the_pacific_is_not_cut_at_the_date_line() -> None:
    picture = chart_layout.world_map({}, {}, {"FJ", "TO", "PG", "CK"})
    assert picture.box
    marks = {mark["code"]: mark for mark in picture.marks}
    assert marks["CK"]["shift"] == picture.width
    assert not marks["PG"]["shift"]
    for code in ("FJ", "TO", "PG", "CK"):
        assert picture.box[0] < float(marks[code]["x"]) + int(marks[code]["shift"]) < picture.box[0] + picture.box[2]


def test_timeline_of_a_period_ends_at_its_years() -> None:
    spans = [TimeSpan("a", "", "2010", "2030"), TimeSpan("b", "", "2016", "", "Ongoing")]
    picture = chart_layout.timeline(spans, date(2026, 1, 1), (2015, 2018))
    assert [tick["label"] for tick in picture.ticks] == ["2015", "2016", "2017", "2018"]
    assert [(mark["x"], float(mark["x"]) + float(mark["width"])) for mark in picture.marks] == [(38, 100), (53.5, 100)]


def test_matrix_is_sorted_by_a_theme() -> None:
    rows = [
        {"countryName": name, "country": name, "theme": "t1", "projects": str(number)}
        for name, number in (("A", 1), ("B", 3), ("C", 1))
    ]
    themes = [("t1", "One"), ("", "No theme given")]
    assert [mark["label"] for mark in chart_layout.matrix(rows, themes, "One").marks] == ["B", "A", "C"]
    assert [mark["label"] for mark in chart_layout.matrix(rows, themes, "Unknown").marks] == ["A", "B", "C"]


FLOWS = [
    {"funders": "eu", "implementers": "coe", "countries": "BZ", "projects": "3"},
    {"funders": "eu giz", "implementers": "coe", "countries": "FJ", "projects": "2"},
    {"funders": "giz", "implementers": "itu", "countries": "BZ FJ", "projects": "1"},
    {"funders": "eu", "implementers": "", "countries": "BZ", "projects": "1"},
    {"funders": "", "implementers": "itu", "countries": "", "projects": "4"},
]


def test_flows_count_each_project_once_per_node_and_pair() -> None:
    picture = chart_layout.sankey(
        FLOWS, {f"https://w3id.org/cybilgraph/id/actor/{key}": key for key in ("eu", "giz")}, 8
    )
    assert {mark["label"]: mark["count"] for mark in picture.marks} == {
        "eu": 6, "giz": 3, "itu": 5, "coe": 5, "BZ": 5, "FJ": 3
    }  # fmt: skip
    assert {line["title"]: line["count"] for line in picture.lines} == {
        "eu → coe": 5, "giz → coe": 2, "giz → itu": 1, "coe → BZ": 3, "coe → FJ": 2, "itu → BZ": 1, "itu → FJ": 1
    }  # fmt: skip
    names = {mark["id"]: mark["label"] for mark in picture.marks}
    paths = {
        line["title"]: {
            names[key]: int(count) for key, _, count in (part.partition(":") for part in line["path"].split())
        }
        for line in picture.lines
    }
    assert paths["giz → coe"] == {"giz": 2, "coe": 2, "FJ": 2}, "no project of both is in Belize"
    assert paths["eu → coe"] == {"eu": 5, "coe": 5, "BZ": 3, "FJ": 2}


@pytest.mark.parametrize("others", [True, False])
def test_flows_have_nodes_as_high_as_their_numbers_with_their_ribbons_inside(*, others: bool) -> None:
    rows = [
        {"funders": "eu", "implementers": "coe", "countries": "BZ FJ JM KE GE UA", "projects": "30"},
        {"funders": "us", "implementers": "oas", "countries": "", "projects": "40"},
        {"funders": "us eu", "implementers": "oas itu", "countries": "BZ GH", "projects": "9"},
        {"funders": "giz", "implementers": "itu", "countries": "GH", "projects": "1"},
    ]
    picture = chart_layout.sankey(rows, {}, 2, others=others)
    marks = {str(mark["id"]): mark for mark in picture.marks}
    scales = [float(str(mark["height"])) / int(str(mark["count"])) for mark in marks.values() if mark["height"] != 2]
    assert max(scales) - min(scales) < 0.1
    filled: dict[tuple[str, int], float] = {}
    for line in picture.lines:
        tops, bottoms = line["edges"][::2], line["edges"][1::2]
        for side, (key, top, bottom) in enumerate(zip(str(line["ends"]).split(), tops, bottoms, strict=True)):
            low, high = float(str(marks[key]["y"])), float(str(marks[key]["height"]))
            assert low - 0.5 <= top < bottom <= low + high + 0.5, line["title"]
            assert top >= filled.get((key, side), low) - 1, "ribbons follow each other"
            filled[key, side] = bottom
    coe = next(mark for mark in marks.values() if mark["label"] == "coe")
    assert filled[str(coe["id"]), 0] == pytest.approx(float(str(coe["y"])) + float(str(coe["height"])), abs=0.3)


def test_flows_group_smaller_nodes_as_other() -> None:
    rows = [
        {"funders": f"f{n}", "implementers": "i", "countries": "BZ", "projects": str(20 - n)} for n in range(10)
    ] + [{"funders": "f0 f9", "implementers": "i", "countries": "BZ", "projects": "1"}]
    picture = chart_layout.sankey(rows, {}, 8)
    funders = [(mark["label"], mark["count"]) for mark in picture.marks if mark["column"] == 0]
    assert funders == [("f0", 21), *((f"f{n}", 20 - n) for n in range(1, 8)), ("Other", 23)]
    named = chart_layout.sankey(rows, {}, 8, others=False)
    assert [(mark["label"], mark["count"]) for mark in named.marks if mark["column"] == 0] == funders[:-1]
    assert chart_layout.sankey([], {}, 8).marks == []


def test_flows_have_no_overlapping_labels() -> None:
    rows = [
        {"funders": f"f{n}", "implementers": f"i{n}", "countries": f"c{n}", "projects": str(4**n)} for n in range(8)
    ]
    places = [
        (mark["column"], float(str(mark["y"])) + float(str(mark["height"])) / 2)
        for mark in chart_layout.sankey(rows, {}, 8).marks
    ]
    gaps = [lower - upper for (column, upper), (other, lower) in pairwise(places) if column == other]
    assert min(gaps) >= 18


@pytest.mark.parametrize(
    ("name", "key", "short"),
    [
        ("Government of the United Kingdom", "government-of-the-united-kingdom", "United Kingdom"),
        ("Asian Development Bank", "adb", "Asian Development Bank"),
        ("Spanish Agency for International Development Cooperation", "aecid", "AECID"),
    ],
)
def test_names_are_shortened(name: str, key: str, short: str) -> None:
    assert chart_layout.short_name(name, f"https://w3id.org/cybilgraph/id/actor/{key}") == short


def test_money_is_drawn_per_currency_and_kind() -> None:
    rows = [
        {"currency": currency, "kind": kind, "year": year, "amount": amount, "sums": "1", "projects": "1"}
        for currency, kind, year, amount in (
            ("EUR", "Budget", "2018", "1000000"), ("EUR", "Budget", "2020", "250000"), ("EUR", "Commitment", "2020", "5"),
            ("USD", "Budget", "", "7000000"),
        )
    ]  # fmt: skip
    picture = chart_layout.money(rows)
    assert [tick["label"] for tick in picture.ticks] == ["EUR · Budget", "EUR · Commitment"]
    titles = [mark["title"] for mark in picture.marks if mark["title"]]
    assert titles[0] == "EUR 1,000,000 (Budget, 2018): 1 project"
    assert len(titles) == 3
    heights = [mark["height"] for mark in picture.marks[:3]]
    assert heights == [64, 0, 16]
    assert [mark["value"] for mark in picture.marks[:3]] == ["1M", "", "250k"]
    assert [line["value"] for line in picture.lines] == ["1M", "5"]
    assert picture.lines[0]["y"] == picture.marks[0]["y"], "at the amount itself"
    assert chart_layout.money([]).height == 0


@pytest.mark.parametrize(("amount", "words"), [(950, "950"), (12_345, "12.3k"), (1.5e6, "1.5M"), (2e9, "2bn")])
def test_amounts_are_short(amount: float, words: str) -> None:
    assert chart_layout.short_amount(amount) == words
