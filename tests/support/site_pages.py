"""The pages of the site: one path of each kind, and a parser of their links."""

from __future__ import annotations

from html.parser import HTMLParser

#: One page of each kind.
KINDS = (
    "/",
    "/search?q=cyber&theme=cybercrime",
    *(f"/search?region=019&view={name}" for name in ("table", "map", "timeline")),
    "/pictures",
    "/data",
    "/contribute",
    *(f"/pictures/{name}" for name in ("map", "coverage", "timeline", "network", "flows", "years", "money")),
    "/pictures/network?start=coe",
    *(
        "/pictures/map?region=029",
        "/pictures/coverage?among=sids&all=1",
        "/compare?a=European+Union&b=Council+of+Europe",
    ),
    "/id/project/G0020",
    *(f"/id/{path}" for path in ("country/BZ", "actor/coe", "region/019", "group/asean", "theme/cybercrime")),
    *("/id/country", "/id/actor", "/id/status/finished", "/graph/G0020/1", "/outcomes", "/id/project/NOPE"),
    *("/queries", "/queries/example-projects-in-country", "/rules/has-funder", "/releases", "/release/1"),
    *("/ontology", "/docs", "/docs/tutorial", "/docs/reference/api", "/about", "/rules", "/check"),
)


class Page(HTMLParser):
    """The links, element ids, tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.names: set[str] = set()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        self.names.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
