"""Pages of entities merge the rows of their queries into projects, related entities and charts."""

from __future__ import annotations

from cybilgraph.model.vocabulary import BASE, CYB, SKOS, thing_iri
from cybilgraph.release.search import FacetValue, Summary
from cybilgraph.web.pages.entity_queries import page_values, projects_of

PROJECT = f"{BASE}id/project/G0020"
NOTHING = Summary(0, {}, {})


def row(role: str, basis: str, **changes: str) -> dict[str, str]:
    return {
        "project": PROJECT, "title": "A project", "status": "Finished", "start": "2018-04", "end": "2020-03",
        "role": f"{BASE}id/role/{role}" if role else "", "basis": f"{BASE}id/basis/{basis}",
        "resource": thing_iri("country", "BZ"), "part": thing_iri("country", "BZ"),
    } | changes  # fmt: skip


def test_rows_of_a_project_are_merged() -> None:
    [project] = projects_of([row("funder", "derived"), row("partner", "stated"), row("funder", "derived")])
    assert (project.iri, project.roles, project.derived) == (PROJECT, ["Funder", "Partner"], False)


def test_project_is_derived_if_all_its_links_are() -> None:
    [project] = projects_of([row("funder", "derived"), row("", "derived")])
    assert (project.roles, project.derived) == (["Funder"], True)


def test_project_linked_to_the_entity_and_to_a_part_is_counted_once() -> None:
    region, country = thing_iri("region", "029"), thing_iri("country", "BZ")
    rows = [row("", "stated", resource=region, part=part) for part in (country, region)]
    rows.append(row("", "stated", project=f"{PROJECT}1", resource=region, part=country))
    values = page_values(region, "region", rows, [], NOTHING, NOTHING)
    assert (values["total"], values["itself"]) == (2, 1)


def test_page_groups_related_entities_without_the_entity_itself() -> None:
    own, other = thing_iri("country", "BZ"), thing_iri("country", "KE")
    countries = [FacetValue(iri, label, 2, False) for iri, label in ((own, "Belize"), (other, "Kenya"))]
    group = FacetValue(thing_iri("group", "acp"), "ACP", 2, False)
    summary = Summary(2, {}, {"country": countries, "group": [group]})
    partner = {"property": CYB.partner, "thing": thing_iri("actor", "gpd"), "label": "GPD", "projects": "1"}
    member = {"property": SKOS.member, "thing": group.value, "label": group.label, "projects": ""}
    values = page_values(
        own,
        "country",
        [row("", "stated"), row("", "derived", project=f"{PROJECT}1")],
        [partner, member],
        summary,
        summary,
    )
    assert [(heading, [bar.iri for bar in bars]) for heading, bars, _ in values["related"]] == [
        ("Partners", [partner["thing"]]),
        ("Countries", [other]),
    ]
    assert [(heading, [bar.value for bar in bars]) for heading, bars in values["parts"]] == [("Member of", [2])]
    assert (values["total"], values["derived"], values["dated"]) == (2, 1, 2)


def test_page_without_dates_has_no_charts() -> None:
    rows = [row("", "stated", start="", end="")]
    values = page_values(thing_iri("country", "BZ"), "country", rows, [], NOTHING, NOTHING)
    assert (values["timeline"], values["years"], values["dated"]) == (None, None, 0)
