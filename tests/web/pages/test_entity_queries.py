"""Pages of entities merge the rows of their queries into projects, related entities and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cybilgraph.model.record import Basis, EvidenceLevel
from cybilgraph.model.vocabulary import BASE, CYB, SKOS, thing_iri
from cybilgraph.release.search import FacetValue, Summary
from cybilgraph.web.pages.entity_queries import page_values

PROJECT = f"{BASE}id/project/G0020"
NOTHING = Summary(0, {}, {})
Rows = Sequence[Mapping[str, str]]


def row(roles: str = "", *, bases: str = "stated", **changes: str) -> dict[str, str]:
    return {
        "project": PROJECT, "title": "A project", "status": "Finished", "start": "2018-04", "end": "2020-03",
        "roles": " ".join(f"{BASE}id/role/{role}" for role in roles.split()),
        "bases": " ".join(f"{BASE}id/basis/{basis}" for basis in bases.split()), "projects": "", "itself": "",
    } | changes  # fmt: skip


def tally(role: str, projects: int, itself: int) -> dict[str, str]:
    numbers = {"projects": str(projects), "itself": str(itself)}
    return dict.fromkeys(row(), "") | {"roles": f"{BASE}id/role/{role}" if role else ""} | numbers


def values_of(first: Rows, related: Rows = (), summary: Summary = NOTHING) -> dict[str, Any]:
    totals = dict.fromkeys(EvidenceLevel, summary.projects) | {EvidenceLevel.STATED: 2} if summary.projects else {}
    return page_values(thing_iri("country", "BZ"), "country", first, related, summary, summary, totals)


def test_roles_and_evidence_of_projects_have_names() -> None:
    projects = values_of([row("partner funder", bases="possible confirmed"), row(bases="derived")])["projects"]
    assert [(one.iri, one.roles, one.basis) for one in projects] == [
        (PROJECT, ["Funder", "Partner"], Basis.CONFIRMED), (PROJECT, [], Basis.DERIVED),
    ]  # fmt: skip
    [project] = values_of([row("host partner extending")])["projects"]
    assert project.roles == ["Fund manager", "Partner", "Host"], "roles that a site adds come last"


def test_numbers_are_those_of_the_tally_for_all_projects_not_only_the_first() -> None:
    values = values_of([row(), tally("", 90, 30), tally("partner", 60, 20), tally("funder", 40, 10)])
    assert (values["total"], values["itself"], values["in_text"]) == (90, 30, 0)
    assert list(values["roles"].items()) == [("Funder", 40), ("Partner", 60)]


def test_total_is_that_of_the_search_if_there_is_an_index() -> None:
    rows = [row(), tally("", 2, 2)]
    searched = values_of(rows, summary=Summary(3, {}, {}))
    assert (searched["total"], searched["in_text"]) == (3, 1)
    assert values_of(rows)["total"] == 2
    assert values_of([])["total"] == 0


def test_page_groups_related_entities_without_the_entity_itself() -> None:
    own, other = thing_iri("country", "BZ"), thing_iri("country", "KE")
    countries = [FacetValue(iri, label, 2, False) for iri, label in ((own, "Belize"), (other, "Kenya"))]
    group = FacetValue(thing_iri("group", "acp"), "ACP", 2, False)
    summary = Summary(2, {}, {"country": countries, "group": [group]})
    partner = {"property": CYB.partner, "thing": thing_iri("actor", "gpd"), "label": "GPD", "projects": "1"}
    member = {"property": SKOS.member, "thing": group.value, "label": group.label, "projects": ""}
    values = values_of([row()], [partner, member], summary)
    assert [(heading, [bar.iri for bar in bars]) for heading, bars, _ in values["related"]] == [
        ("Partners", [partner["thing"]]),
        ("Countries", [other]),
    ]
    assert [(heading, [bar.value for bar in bars]) for heading, bars in values["parts"]] == [("Member of", [2])]


def test_page_of_a_region_separates_other_countries_and_has_a_map() -> None:
    own, other = thing_iri("country", "JM"), thing_iri("country", "KE")
    countries = [FacetValue(iri, label, 2, False) for iri, label in ((other, "Kenya"), (own, "Jamaica"))]
    summary = Summary(2, {}, {"country": countries})
    values = page_values(thing_iri("region", "029"), "region", [row()], [], summary, summary, {})
    assert [(heading, [bar.iri for bar in bars]) for heading, bars, _ in values["related"]] == [
        ("Countries", [own]),
        ("Other countries in these projects", [other]),
    ]
    assert values["facets"]["Other countries in these projects"] == values["facets"]["Countries"] == "country"
    assert "Partners" not in values["facets"], "the search has no filter for them"
    marks = {mark["code"]: (mark["shade"] > 0, mark["is_around"]) for mark in values["map"].marks}
    assert marks["JM"] == (True, True)
    assert marks["CU"] == (False, True), "a shade would mean projects"
    assert "KE" not in marks


def test_years_are_those_of_the_search_with_the_gaps_between_them() -> None:
    years = [FacetValue("2021", "2021", 1, False), FacetValue("2018", "2018", 2, False)]
    values = values_of([row()], summary=Summary(3, {"year": 3}, {"year": years}))
    assert {mark["label"]: mark["value"] for mark in values["years"].marks} == {
        "2018": 2, "2019": 0, "2020": 0, "2021": 1,
    }  # fmt: skip


def test_page_without_dates_has_no_charts() -> None:
    values = values_of([row(start="", end="")])
    assert (values["timeline"], values["years"]) == (None, None)
