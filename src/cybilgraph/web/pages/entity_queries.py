"""Queries and values for the pages of countries, organisations, regions, groups and themes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cybilgraph.model.gazetteer import PLACES, GazetteerEntry, load_gazetteer
from cybilgraph.model.record import DEFAULT_LEVEL, Basis, EvidenceLevel
from cybilgraph.model.vocabulary import CYB, ORG, SKOS, thing_iri
from cybilgraph.release.search import FACETS, Summary
from cybilgraph.sparql import queries
from cybilgraph.web.pages.chart_layout import Bar, Chart, TimeSpan, columns, small_map, timeline
from cybilgraph.web.pages.resource_view import project_title, shorten_title

#: The most projects in the table and in the timeline of a page, at most those of page-first, and the most related
#: entities.
_MAX_PROJECTS, _MAX_RELATED = 10, 100


class EntityKind(NamedTuple):
    """A kind of entity: its class, the title of its list, and the heading of the parent column in that list.

    ``itself`` and ``within`` say which projects are linked to an entity itself, and which only to what is within it;
    they are empty if there is nothing within.
    """

    name: str
    iri: str
    title: str
    parent_heading: str
    itself: str = ""
    within: str = ""


ENTITY_KINDS = {
    kind.name: kind
    for kind in (
        EntityKind("country", CYB.Country, "Countries", "Region"),
        EntityKind("actor", CYB.Actor, "Organisations", "Type", "of the organisation itself", "of its bodies only"),
        EntityKind("region", CYB.Region, "Regions", "Part of", "for the region itself", "in its countries only"),
        EntityKind("group", CYB.Group, "Groups of countries", "", "for the group itself", "in its countries only"),
        EntityKind("theme", CYB.Theme, "Themes and topics", "Theme", "on the theme itself", "on its topics only"),
    )
}
#: The facet of the countries outside the region or group of a page.
_ELSEWHERE = "country elsewhere"
#: Headings of the other entities in the same projects, in display order, by search facet or by property.
_RELATED_HEADINGS = {
    "funder": "Funders",
    CYB.extending: "Fund managers",
    CYB.accountable: "Accountable organisations",
    "implementer": "Implementers",
    CYB.partner: "Partners",
    CYB.beneficiary: "Beneficiaries",
    "theme": "Themes",
    "country": "Countries",
    _ELSEWHERE: "Other countries in these projects",
    "region": "Regions",
    "group": "Groups",
}
#: The names of our roles by key, in display order. Those that a site adds are named by their keys, and come last.
_ROLE_NAMES = {
    "funder": "Funder",
    "extending": "Fund manager",
    "accountable": "Accountable organisation",
    "implementer": "Implementer",
    "partner": "Partner",
    "beneficiary": "Beneficiary",
    "unspecified": "Unspecified",
}
_ROLE_RANKS = {name: rank for rank, name in enumerate(_ROLE_NAMES.values())}
#: Headings of the entities that link to the page's entity, by property.
_PART_HEADINGS = {
    SKOS.broader: "Countries and subregions",
    f"{SKOS.broader} theme": "Topics",
    SKOS.member: "Member of",
    ORG.subOrganizationOf: "Constituent bodies",
    CYB.seat: "Organisations based here",
}


class EntityRow(NamedTuple):
    """A project linked to an entity: the entity's roles in it, and the most certain basis of these links."""

    iri: str
    title: str
    status: str
    start: str
    end: str
    roles: list[str]
    basis: Basis


def _surest(bases: str) -> Basis:
    """Return the most certain of some bases, given as IRIs separated by spaces."""
    return next(basis for basis in Basis if thing_iri("basis", basis) in bases.split())


def _role_name(iri: str) -> str:
    key = iri.rpartition("/")[2]
    return _ROLE_NAMES.get(key, key.capitalize())


def _in_order(roles: Iterable[str]) -> list[str]:
    """Return the names of roles in display order."""
    return sorted(roles, key=lambda name: (_ROLE_RANKS.get(name, len(_ROLE_RANKS)), name))


def list_query(kind: EntityKind, level: EvidenceLevel = DEFAULT_LEVEL) -> str:
    """Return the query for all entities of a kind."""
    return queries.load_query("page-list").bind({"kind": [kind.iri], "evidence": [level]})


def entity_query(name: str, kind: str, key: str, level: EvidenceLevel) -> str:
    """Return a query for the projects of an entity: page-linked, page-first or page-related."""
    return queries.load_query(name).bind({"resource": [thing_iri(kind, key)], "evidence": [level]})


def themes() -> list[GazetteerEntry]:
    """Return the themes, without their topics."""
    return [entry for entry in load_gazetteer().entries["theme"].values() if not entry.row["parent"]]


def members_of(iri: str, kind: str) -> frozenset[str]:
    """Return the IRIs of the countries of a region or group; none for other entities."""
    names = load_gazetteer()
    place = names.get(kind, iri.rpartition("/")[2]) if kind in ("region", "group") else None
    return frozenset(thing_iri("country", code) for code in (names.countries_in(place) if place else ()))


def _map_of(iri: str, kind: str, countries: Iterable[str], projects: int) -> Chart | None:
    """Return a small map of a country, of the countries with projects in a region or group, or of all countries."""
    members: Collection[str] = {iri} if kind == "country" else members_of(iri, kind)
    own = [iri] if kind == "country" and projects else []
    shown = {one for one in (*own, *countries) if one in members or not members}
    codes, around = ({one.rpartition("/")[2] for one in each} for each in (shown, members))
    return small_map(codes, around)


def page_values(
    iri: str,
    kind: str,
    first: Sequence[Mapping[str, str]],
    related: Iterable[Mapping[str, str]],
    summary: Summary,
    everything: Summary,
    totals_by_level: Mapping[EvidenceLevel, int],
) -> dict[str, Any]:
    """Return the values of an entity page: from the rows of page-first and page-related, and the search index.

    ``summary`` counts the projects of the entity, ``everything`` all projects, ``totals_by_level`` those of the entity
    at each level of evidence.
    """
    totals = {one.value: one.results for facet in ENTITY_KINDS for one in everything.facets.get(facet, ())}
    projects = [
        EntityRow(
            row["project"], row["title"], row["status"], row["start"], row["end"],
            _in_order(map(_role_name, row["roles"].split())), _surest(row["bases"]),
        )
        for row in first
        if row["project"]
    ]  # fmt: skip
    groups: dict[str, list[Bar]] = {
        facet: [Bar(shorten_title(one.label), one.value, one.results) for one in values if one.value != iri]
        for facet, values in summary.facets.items()
        if not (kind in PLACES and facet in ("region", "group"))
    }
    if members := members_of(iri, kind):
        groups["country"], groups[_ELSEWHERE] = (
            [bar for bar in groups.get("country", []) if (bar.iri in members) == is_within]
            for is_within in (True, False)
        )
    for row in related:
        if row["thing"] == iri:
            continue
        bar = Bar(shorten_title(row["label"]), row["thing"], int(row["projects"] or totals.get(row["thing"], 0)))
        groups.setdefault(row["property"], []).append(bar)
    tally = {
        _role_name(row["roles"]): [int(row[name]) for name in ("projects", "itself")]
        for row in first
        if not row["project"]
    }
    counted, itself = tally.pop("", [0, 0])
    total = summary.projects or counted  # without a search index, that of the query
    spans = [
        TimeSpan(project_title(row.title), row.iri, row.start, row.end, row.status) for row in projects if row.start
    ]
    return {
        "projects": projects[:_MAX_PROJECTS],
        "total": total,
        "itself": itself,
        "in_text": total - totals_by_level.get(EvidenceLevel.STATED, total),
        "roles": {role: tally[role][0] for role in _in_order(tally)},
        "related": [
            (words, groups[term][:_MAX_RELATED], len(groups[term]))
            for term, words in _RELATED_HEADINGS.items()
            if groups.get(term)
        ],
        "facets": {
            words: term.removesuffix(" elsewhere")
            for term, words in _RELATED_HEADINGS.items()
            if (term in FACETS or term == _ELSEWHERE) and term != kind
        },
        "parts": [
            (_PART_HEADINGS.get(f"{term} {kind}", words), groups[term])
            for term, words in _PART_HEADINGS.items()
            if term in groups
        ],
        "map": _map_of(iri, kind, (bar.iri for bar in groups.get("country", [])), total),
        "timeline": timeline(spans[:_MAX_PROJECTS], datetime.now(UTC).date()) if spans else None,
        "years": _years_active(summary) if summary.having.get("year", 0) > 1 else None,
        "covered": {bar.iri for bar in groups.get("theme", [])},
    }


def _years_active(summary: Summary) -> Chart:
    """Lay out a column chart of the active projects per year."""
    counts = {int(year.value): year.results for year in summary.facets["year"]}
    years = range(min(counts), max(counts) + 1)
    return columns(
        [Bar(str(year), "", counts.get(year, 0)) for year in years], height=130, present=datetime.now(UTC).year
    )
