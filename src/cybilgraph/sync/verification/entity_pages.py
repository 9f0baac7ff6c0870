"""Compares the pages of actors, places and themes with the projects that the endpoint returns for them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from cybilgraph.model.vocabulary import BASE, CYB, SKOS
from cybilgraph.sync.verification.markup import parse_page
from cybilgraph.sync.verification.project_page import kind_of, set_differences
from cybilgraph.sync.verification.site_client import (
    BROWSER,
    STALE_CACHE_HINT,
    SiteClient,
    first_differences,
    require_that,
)

#: Classes with such pages; unknown themes and regions have none.
_KINDS = (CYB.Actor, CYB.Country, CYB.Region, CYB.Group, CYB.Theme)
_ENTITIES_QUERY = (
    f"SELECT DISTINCT ?thing {{ {{ ?project <{CYB.participation}>/<{CYB.actor}> ?thing }} "
    f"UNION {{ ?project <{CYB.scope}>/<{CYB.concept}> ?thing }} "
    f"UNION {{ ?project <{CYB.scope}>/<{CYB.concept}>/<{SKOS.broader}> ?thing }} }}"
)
#: Random sample size per class.
_PAGES_PER_KIND = 3
_TOTAL = re.compile(r"([0-9][0-9,]*) projects?\b")


def check_entity_pages(client: SiteClient) -> str:
    """Check that a sample of these pages lists and counts the same projects as the endpoint."""
    used = {row["thing"] for row in client.rows(_ENTITIES_QUERY)}
    sample = []
    for kind in _KINDS:
        things = sorted(used & {row["thing"] for row in client.rows(f"SELECT ?thing {{ ?thing a <{kind}> }}")})
        sample += random.sample(things, min(_PAGES_PER_KIND, len(things)))
    wrong = [f"/{thing.removeprefix(BASE)}: {how}" for thing in sample for how in _page_errors(client, thing)]
    require_that(not wrong, f"{first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"{len(sample)} pages of organisations, places and themes list the same projects as the endpoint"


def _page_errors(client: SiteClient, thing: str) -> Iterator[str]:
    page = parse_page(client.ok(f"/{thing.removeprefix(BASE)}", {"Accept": BROWSER}).body.decode())
    rows = client.rows(_projects(thing))
    expected = {_as(row["project"], row["role"].rpartition("/")[2].capitalize()) for row in rows}
    count = len({row["project"] for row in rows})
    lead = " ".join(part.text for part in page.all("p", "lead"))
    printed_total = total[1] if (total := _TOTAL.match(lead)) else "no number of"
    if printed_total != f"{count:,}":
        yield f"{printed_total} projects, but the endpoint counts {count:,}"
    shown, listed = set(), 0
    for row in page.all("tr"):
        cells = {cell.own("data-label"): cell for cell in row.all("td")}
        if title := cells.get("Title"):
            listed += 1
            roles = cells["Role"].text.split(", ") if "Role" in cells else [""]
            shown |= {_as(BASE + title.href.removeprefix("/"), role) for role in roles}
    is_cut = any(f"Showing the first {listed} of {count}." in part.text for part in page.all("p", "actions"))
    yield from set_differences("projects", shown, expected & shown if is_cut else expected)


def _projects(thing: str) -> str:
    """Return the query for the projects of a resource and its roles in them; for a theme, with those of its topics."""
    parts = [
        f"?node <{CYB.actor}> <{thing}> . ?project <{CYB.participation}> ?node OPTIONAL {{ ?node <{CYB.role}> ?role }}",
        f"?node <{CYB.concept}> <{thing}> . ?project <{CYB.scope}> ?node",
    ]
    if kind_of(thing) == "Theme":
        parts.append(f"?topic <{SKOS.broader}> <{thing}> . ?node <{CYB.concept}> ?topic . ?project <{CYB.scope}> ?node")
    return f"SELECT DISTINCT ?project ?role {{ {{ {' } UNION { '.join(parts)} }} }}"


def _as(project: str, role: str) -> str:
    return f"{project} as {role}" if role else project
