"""Pages of entities merge the rows of their queries into projects, related entities and charts."""

from __future__ import annotations

from cybilgraph.model.vocabulary import BASE, CYB, thing_iri
from cybilgraph.web.pages.entity_queries import page_values, projects_of, themes, with_topics

PROJECT = f"{BASE}id/project/G0020"


def row(role: str, basis: str, **changes: str) -> dict[str, str]:
    return {
        "project": PROJECT, "title": "A project", "status": "Finished", "start": "2018-04", "end": "2020-03",
        "role": f"{BASE}id/role/{role}" if role else "", "basis": f"{BASE}id/basis/{basis}",
    } | changes  # fmt: skip


def test_rows_of_a_project_are_merged() -> None:
    [project] = projects_of([row("funder", "derived"), row("partner", "stated"), row("funder", "derived")])
    assert (project.iri, project.roles, project.derived) == (PROJECT, ["Funder", "Partner"], False)


def test_project_is_derived_if_all_its_links_are() -> None:
    [project] = projects_of([row("funder", "derived"), row("", "derived")])
    assert (project.roles, project.derived) == (["Funder"], True)


def test_theme_includes_its_topics() -> None:
    found = {entry.key: with_topics("theme", entry.key) for entry in themes()}
    assert all(iris[0] == thing_iri("theme", key) for key, iris in found.items())
    assert any(len(iris) > 1 for iris in found.values())
    assert with_topics("country", "BZ") == [thing_iri("country", "BZ")]


def test_page_groups_related_entities_without_the_entity_itself() -> None:
    own, other = thing_iri("country", "BZ"), thing_iri("country", "KE")
    related = [
        {"property": CYB.country, "thing": iri, "label": label, "projects": "2"}
        for iri, label in ((own, "Belize"), (other, "Kenya"))
    ]
    values = page_values(own, [row("", "stated"), row("", "derived", project=f"{PROJECT}1")], related)
    [(heading, bars, number)] = values["related"]
    assert (heading, [bar.iri for bar in bars], number) == ("Countries", [other], 1)
    assert (values["total"], values["derived"], values["dated"]) == (2, 1, 2)


def test_page_without_dates_has_no_charts() -> None:
    values = page_values(thing_iri("country", "BZ"), [row("", "stated", start="", end="")], [])
    assert (values["timeline"], values["years"], values["dated"]) == (None, None, 0)
