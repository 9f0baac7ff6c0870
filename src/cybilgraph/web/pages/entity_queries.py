"""What projects have in common, as pages show it: a country, an actor, a region, a group, a theme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cybilgraph.model.gazetteer import GazetteerEntry, load_gazetteer
from cybilgraph.model.vocabulary import CYB, ORG, SKOS, thing_iri
from cybilgraph.sparql import queries
from cybilgraph.web.pages.charts import Bar, TimeSpan, timeline, years_active
from cybilgraph.web.pages.resource import shorten_title

#: So many projects are on the page; the rest is one click away.
MAX_ROWS = 200
_MAX_SPANS, _MAX_RELATED = 40, 100


@dataclass(frozen=True, slots=True)
class EntityKind:
    """A kind of thing that has such a page: its class, what a list of it is called, what its lists are called above."""

    name: str
    iri: str
    title: str
    above: str


KINDS = {
    kind.name: kind
    for kind in (
        EntityKind("country", CYB.Country, "Countries", "Region"),
        EntityKind("actor", CYB.Actor, "Actors", "Type"),
        EntityKind("region", CYB.Region, "Regions", "Part of"),
        EntityKind("group", CYB.Group, "Groups of countries", ""),
        EntityKind("theme", CYB.Theme, "Themes and topics", "Theme"),
    )
}
#: Headings of what stands beside a resource in its projects, in their order.
_RELATED_HEADINGS = {
    CYB.funder: "Who funds",
    CYB.extending: "Who manages funds",
    CYB.accountable: "Who is accountable",
    CYB.implementer: "Who delivers",
    CYB.partner: "Partners",
    CYB.beneficiary: "Who is helped",
    CYB.theme: "Themes",
    CYB.country: "Countries",
    CYB.region: "Regions",
    CYB.group: "Groups",
}
#: Headings of what belongs to it.
_PART_HEADINGS = {
    SKOS.broader: "In it",
    SKOS.member: "It is a member of",
    ORG.subOrganizationOf: "Parts of it",
    CYB.seat: "Actors that have their seat here",
}


@dataclass(slots=True)
class EntityRow:
    """A project of a resource: which roles the resource has in it, and whether all of that is only derived."""

    iri: str
    title: str
    status: str
    start: str
    end: str
    roles: list[str] = field(default_factory=list)
    derived: bool = True


def projects_of(rows: Iterable[Mapping[str, str]]) -> list[EntityRow]:
    """The rows of page-linked, each project once."""
    found: dict[str, EntityRow] = {}
    for row in rows:
        project = found.setdefault(
            row["project"], EntityRow(row["project"], row["title"], row["status"], row["start"], row["end"])
        )
        role = row["role"].rpartition("/")[2].capitalize()
        if role and role not in project.roles:
            project.roles.append(role)
        project.derived = project.derived and row["basis"].endswith("/derived")
    return list(found.values())


def with_topics(kind: str, key: str) -> list[str]:
    """The IRI of a thing; of a theme also those of its topics."""
    topics = load_gazetteer().entries["theme"].values() if kind == "theme" else ()
    return [thing_iri(kind, key), *(thing_iri("theme", topic.key) for topic in topics if topic.row["parent"] == key)]


def list_query(kind: EntityKind) -> str:
    """The query for all things of a kind."""
    return queries.load_query("page-list").bind({"kind": [kind.iri]})


def projects_query(kind: str, key: str) -> str:
    """The query for the projects of a thing."""
    return queries.load_query("page-linked").bind({"resource": with_topics(kind, key)})


def related_query(kind: str, key: str) -> str:
    """The query for what stands beside a thing in its projects."""
    return queries.load_query("page-beside").bind({"resource": with_topics(kind, key)})


def themes() -> list[GazetteerEntry]:
    """The themes, without their topics."""
    return [entry for entry in load_gazetteer().entries["theme"].values() if not entry.row["parent"]]


def page_values(
    kind: str, iri: str, rows: Iterable[Mapping[str, str]], related_query: Iterable[Mapping[str, str]]
) -> dict[str, Any]:
    """What the page of such a thing shows beside its own statements: the rows are of page-linked and page-beside."""
    projects = projects_of(rows)
    groups: dict[str, list[Bar]] = {}
    for row in related_query:
        if row["thing"] != iri:
            groups.setdefault(row["property"], []).append(
                Bar(shorten_title(row["label"]), row["thing"], int(row["projects"]))
            )
    spans = [
        TimeSpan(shorten_title(row.title or row.iri), row.iri, row.start, row.end, row.status)
        for row in projects
        if row.start
    ]
    return {
        "projects": projects[:MAX_ROWS],
        "total": len(projects),
        "derived": sum(row.derived for row in projects),
        "roles": {role: sum(role in row.roles for row in projects) for role in _roles(projects)},
        "beside": [
            (words, groups[term][:_MAX_RELATED], len(groups[term]))
            for term, words in _RELATED_HEADINGS.items()
            if term in groups
        ],
        "parts": [(words, groups[term]) for term, words in _PART_HEADINGS.items() if term in groups],
        "timeline": timeline(spans[:_MAX_SPANS]) if spans else None,
        "dated": len(spans),
        "years": years_active(spans) if len(spans) > 1 else None,
        "covered": {bar.iri for bar in groups.get(CYB.theme, [])} if kind != "theme" else None,
    }


def _roles(projects: Iterable[EntityRow]) -> list[str]:
    return sorted({role for row in projects for role in row.roles})
