"""The page of a project in HTML → what it prints, to be held against what the endpoint says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any

from cybilgraph.vocab import BASE, CYB, DCTERMS, SKOS, short

#: Elements that have no end (HTML, section 13.1.2).
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_ROLES = {"funder": ("funder",), "member": ("implementer", "partner")}
_PLACES = ("country", "region", "group")


def values_of(project: str) -> str:
    """The query for what the endpoint says of a project: ``what``, a property or a role, and ``value``."""
    terms = (DCTERMS.title, DCTERMS.identifier, CYB.start, CYB.end, CYB.startAsPrinted, CYB.endAsPrinted)
    return (
        f"SELECT ?what ?value {{ {{ VALUES ?what {{ {' '.join(f'<{term}>' for term in terms)} }} "
        f"<{project}> ?what ?value }} UNION {{ <{project}> <{CYB.status}>/<{SKOS.prefLabel}> ?value "
        f"BIND(<{CYB.status}> AS ?what) }} UNION {{ <{project}> <{CYB.participation}> ?node . "
        f"?node <{CYB.actor}> ?value OPTIONAL {{ ?node <{CYB.role}> ?role }} BIND(COALESCE(?role, <x:>) AS ?what) }} "
        f"UNION {{ <{project}> <{CYB.scope}>/<{CYB.concept}> ?value BIND(<{CYB.scope}> AS ?what) }} }}"
    )


class Printed(HTMLParser):
    """What the page of a project prints: its title, its status, the text and the links of its facts, and the
    same for programs (schema.org, in JSON-LD).
    """

    def __init__(self, page: str) -> None:
        """Raises ValueError where what is there for programs is no JSON."""
        super().__init__()
        self._open: list[tuple[str, str]] = []
        self._texts: dict[str, list[str]] = {"title": [], "status": [], "facts": [], "data": []}
        self._links: set[str] = set()
        self.feed(page)
        self.close()
        self._data: Any = json.loads("".join(self._texts["data"]) or "{}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        own = dict(attrs)
        if tag not in _VOID:
            self._open.append((tag, self._part(tag, own)))
        if tag in ("dt", "dd"):
            self.handle_data(" ")
        address = own.get("href") or ""
        if tag == "a" and "facts" in self._within() and address.startswith("/id/"):
            self._links.add(BASE + address.removeprefix("/"))

    def handle_endtag(self, tag: str) -> None:
        """An element ends, and those in it that had no end."""
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Text."""
        for part in self._within():
            self._texts[part].append(data)

    def _within(self) -> set[str]:
        return {part for _, part in self._open if part}

    @staticmethod
    def _part(tag: str, own: dict[str, str | None]) -> str:
        if tag == "h1":
            return "title"
        if tag == "script" and own.get("type") == "application/ld+json":
            return "data"
        return {"status": "status", "facts": "facts"}.get(own.get("class") or "", "")

    def wrong(self, project: str, rows: Iterable[dict[str, str]]) -> Iterator[str]:
        """What it prints of a project otherwise than the endpoint says, whose answer to ``values_of`` is given."""
        said: dict[str, set[str]] = {}
        for row in rows:
            said.setdefault(row["what"], set()).add(row["value"])
        said.setdefault(DCTERMS.title, {short(project)})  # what has no title is called so
        title, facts = self._text("title"), self._text("facts")
        titles = {_spaced(text) for text in said[DCTERMS.title]}
        if not any(text == title or _shortens(title, text) for text in titles):
            yield _other("the title", title, titles)
        if self._text("status") not in said.get(CYB.status, {""}):
            yield _other("the status", self._text("status"), said.get(CYB.status, set()))
        for name, exact, loose in (
            ("the start", CYB.start, CYB.startAsPrinted),
            ("the end", CYB.end, CYB.endAsPrinted),
        ):
            dates = said.get(loose) or said.get(exact) or set()
            if dates and not any(_spaced(date) in facts for date in dates):
                yield _other(name, facts[:60], dates)
        things = {thing for what, some in said.items() for thing in some if _is_linked(what)}
        links = {link for link in self._links if not link.startswith(f"{BASE}id/project/")}
        yield from _others("links", links, things)
        yield from self._wrong_data(said)

    def _wrong_data(self, said: dict[str, set[str]]) -> Iterator[str]:
        """The same of what is there for programs."""
        for name, term in (
            ("name", DCTERMS.title),
            ("identifier", DCTERMS.identifier),
            ("foundingDate", CYB.start),
            ("dissolutionDate", CYB.end),
        ):
            told, ours = str(self._data.get(name, "")), said.get(term, set())
            if told not in (ours or {""}) and not (name == "name" and told and any(o.startswith(told) for o in ours)):
                yield _other(f"{name} in its JSON-LD", told, ours)
        for name, roles in _ROLES.items():
            ours = {thing for role in roles for thing in said.get(f"{BASE}id/role/{role}", ())}
            yield from _others(f"{name} in its JSON-LD", self._things(name), ours)
        places = {thing for thing in said.get(CYB.scope, ()) if _kind(thing) in _PLACES}
        yield from _others("areaServed in its JSON-LD", self._things("areaServed"), places)

    def _things(self, name: str) -> set[str]:
        return {thing["@id"] for thing in self._data.get(name, ())}

    def _text(self, part: str) -> str:
        return _spaced("".join(self._texts[part]))


def _is_linked(what: str) -> bool:
    """Whether what the endpoint says of it is a thing that the facts link to."""
    return what in (CYB.scope, "x:") or what.startswith(f"{BASE}id/role/")


def _kind(thing: str) -> str:
    return thing.removeprefix(f"{BASE}id/").partition("/")[0]


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _shortens(shown: str, text: str) -> bool:
    return shown.endswith("…") and len(shown) > 1 and text.startswith(shown[:-1].rstrip())


def _other(what: str, shown: str, said: set[str]) -> str:
    return f"{what} is {shown or 'not there'!r}, and the endpoint says {' or '.join(sorted(said)) or 'nothing'!r}"


def _others(what: str, shown: set[str], said: set[str]) -> Iterator[str]:
    """What is missing of things, and what is too much, with an example of each."""
    if missing := sorted(said - shown):
        yield f"{what}: {len(missing)} that the endpoint says are missing ({missing[0]})"
    if more := sorted(shown - said):
        yield f"{what}: {len(more)} that the endpoint does not say ({more[0]})"
