"""Pages of actors, places and themes, held against the projects that the endpoint says are theirs."""

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

#: What has such a page; a theme or a region that no list knows has none.
_KINDS = (CYB.Actor, CYB.Country, CYB.Region, CYB.Group, CYB.Theme)
_ENTITIES_QUERY = (
    f"SELECT DISTINCT ?thing {{ {{ ?project <{CYB.participation}>/<{CYB.actor}> ?thing }} "
    f"UNION {{ ?project <{CYB.scope}>/<{CYB.concept}> ?thing }} "
    f"UNION {{ ?project <{CYB.scope}>/<{CYB.concept}>/<{SKOS.broader}> ?thing }} }}"
)
#: Of each kind, so many pages are read, by chance.
_PAGES_PER_KIND = 3
_TOTAL = re.compile(r"([0-9][0-9,]*) projects?\b")


def check_entity_pages(client: SiteClient) -> str:
    """What these pages list, and count, is what the endpoint says."""
    used = {row["thing"] for row in client.rows(_ENTITIES_QUERY)}
    asked = []
    for kind in _KINDS:
        things = sorted(used & {row["thing"] for row in client.rows(f"SELECT ?thing {{ ?thing a <{kind}> }}")})
        asked += random.sample(things, min(_PAGES_PER_KIND, len(things)))
    wrong = [f"/{thing.removeprefix(BASE)}: {how}" for thing in asked for how in _page_errors(client, thing)]
    require_that(not wrong, f"{first_differences(wrong)}: {STALE_CACHE_HINT}")
    return f"{len(asked)} pages of actors, places and themes list the projects that the endpoint says"


def _page_errors(client: SiteClient, thing: str) -> Iterator[str]:
    page = parse_page(client.ok(f"/{thing.removeprefix(BASE)}", {"Accept": BROWSER}).body.decode())
    rows = client.rows(_projects(thing))
    said = {_as(row["project"], row["role"].rpartition("/")[2].capitalize()) for row in rows}
    count = len({row["project"] for row in rows})
    lead = " ".join(part.text for part in page.all("p", "lead"))
    told = total[1] if (total := _TOTAL.match(lead)) else "no number of"
    if told != f"{count:,}":
        yield f"{told} projects, and the endpoint counts {count:,}"
    shown, listed = set(), 0
    for row in page.all("tr"):
        cells = {cell.own("data-label"): cell for cell in row.all("td")}
        if title := cells.get("Title"):
            listed += 1
            roles = cells["Role"].text.split(", ") if "Role" in cells else [""]
            shown |= {_as(BASE + title.href.removeprefix("/"), role) for role in roles}
    is_cut = any(f"Showing the first {listed} of {count}." in part.text for part in page.all("p", "actions"))
    yield from set_differences("projects", shown, said & shown if is_cut else said)


def _projects(thing: str) -> str:
    """The query for the projects of a thing, of a theme with those of its topics, and its roles in them."""
    parts = [
        f"?node <{CYB.actor}> <{thing}> . ?project <{CYB.participation}> ?node OPTIONAL {{ ?node <{CYB.role}> ?role }}",
        f"?node <{CYB.concept}> <{thing}> . ?project <{CYB.scope}> ?node",
    ]
    if kind_of(thing) == "Theme":
        parts.append(f"?topic <{SKOS.broader}> <{thing}> . ?node <{CYB.concept}> ?topic . ?project <{CYB.scope}> ?node")
    return f"SELECT DISTINCT ?project ?role {{ {{ {' } UNION { '.join(parts)} }} }}"


def _as(project: str, role: str) -> str:
    return f"{project} as {role}" if role else project
