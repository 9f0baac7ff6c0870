"""The home page: key figures, a map, highlights, and a search that suggests names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from flask import Blueprint, render_template, url_for

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.release.search import Summary
from cybilgraph.sparql import queries
from cybilgraph.web.api.current_request import named_query_rows, query_rows
from cybilgraph.web.api.evidence import evidence_level
from cybilgraph.web.pages import entity_queries
from cybilgraph.web.pages.evidence_switch import all_links, evidence_switch
from cybilgraph.web.pages.explore import CHARTS, summarise_release
from cybilgraph.web.server.open_release import key_figures_query

blueprint = Blueprint("home", __name__)

#: Suggested names per facet, and the longest of them.
_MAX_NAMES, _MAX_NAME_CHARS = 60, 60
_NAMED_FACETS = ("country", "region", "group", "theme", "funder", "implementer")

#: The example questions on the page; another page lists all.
_EXAMPLES = (
    "example-projects-in-country",
    "example-funder-country-pairs",
    "example-actor-portfolio",
    "example-countries-without-projects-in-theme",
    "example-active-projects-per-year",
    "example-funding-in-region",
)


class Highlight(NamedTuple):
    """A sentence about the data: what it is about, with its IRI; the rest; and a link to what supports it."""

    name: str
    iri: str
    text: str
    action: str
    url: str


@blueprint.get("/")
def page() -> str:
    """Show key figures, a map and links to everything else."""
    level = evidence_level()
    [numbers] = query_rows(key_figures_query(level))
    definition = CHARTS["map"]
    summary = summarise_release()
    return render_template(
        "home.html", numbers=numbers, definition=definition, examples=queries.example_queries(), favourites=_EXAMPLES,
        chart=definition.draw(named_query_rows(definition.query, evidence=level)), summary=summary,
        names=_suggest_names(summary), highlights=list(_highlights(summary)),
        evidence=evidence_switch(all_links(), "link"),
    )  # fmt: skip


def _highlights(summary: Summary) -> Iterator[Highlight]:
    """Yield what stands out in a release: its largest funder, its most frequent theme, and its gaps."""
    if not summary.projects:
        return
    facets = summary.facets
    themes = {thing_iri("theme", theme.key) for theme in entity_queries.themes()}
    for kind, values, text in (
        ("funder", facets["funder"], "funds {:,} of the {:,} projects whose funder is known."),
        (
            "theme",
            [one for one in facets["theme"] if one.value in themes],
            "is a theme of {:,} of the {:,} projects with a theme.",
        ),
    ):
        for most in values[:1]:
            chosen: dict[str, Any] = {kind: most.value.rpartition("/")[2]}
            url = url_for("search.page", **chosen)
            yield Highlight(
                most.label, most.value, text.format(most.results, summary.having[kind]), "See these projects", url
            )
    known = {thing_iri("country", code) for code in load_gazetteer().entries["country"]}
    missing = known.difference(value.value for value in facets["country"])
    name = f"{len(missing):,} of {len(known):,} countries and territories"
    gaps = url_for("explore.chart", name="coverage", all=1)
    yield Highlight(name, "", "are not named by any project.", "See the gaps", gaps)


def _suggest_names(summary: Summary) -> list[str]:
    """Return the names of the places, themes and organisations with the most projects."""
    names = (value.label for kind in _NAMED_FACETS for value in summary.facets.get(kind, [])[:_MAX_NAMES])
    return sorted({name for name in names if len(name) <= _MAX_NAME_CHARS}, key=str.casefold)
