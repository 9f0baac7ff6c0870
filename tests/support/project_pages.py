"""Compares the HTML page of a project with the endpoint."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, OA, SCHEMA, SKOS, VCARD, shorten
from tests.support.markup import Element, collapse_spaces, parse_page

_ROLES = {"funder": ("Funder",), "member": ("Implementer", "Partner")}
_PLACES = ("Country", "Region", "Group")
#: The heading on a page for actors without a role.
_UNSPECIFIED_ROLE = {"": "Role not specified", "Unspecified": "Role not specified"}


def _heading(field: str) -> str:
    return field.replace("_", " ").capitalize()


#: Properties with sections of their own, by the heading.
_PROSE = {_heading(row.name): row.term for row in FIELDS if row.kind is FieldKind.PROSE}
_ITEMS = {_heading(row.name): row.term for row in FIELDS if row.kind is FieldKind.ITEMS}
_TEXTS = _PROSE | _ITEMS
_RELATION_PROPERTIES = (DCTERMS.isPartOf, CYB.follows, DCTERMS.relation)
_SINGLE = (DCTERMS.title, DCTERMS.identifier, CYB.start, CYB.end, CYB.startAsPrinted, CYB.endAsPrinted)
#: Maximum length of an example in a message.
_MAX_EXAMPLE_CHARS = 100


def values_query(project: str) -> str:
    """Return the query for the data of a project.

    Its columns are ``what``, a property; ``value``; the ``name`` of a linked resource; and ``more``, an additional
    value that depends on the property, such as a role.
    """
    counted = f"<{CYB.basis}> ?basis FILTER(?basis != <{BASE}id/basis/possible>)"
    parts = (
        f"VALUES ?what {{ {' '.join(f'<{term}>' for term in (*_SINGLE, *_PROSE.values(), *_RELATION_PROPERTIES))} }} "
        f"<{project}> ?what ?value",
        f"<{project}> <{CYB.status}>/<{SKOS.prefLabel}> ?value BIND(<{CYB.status}> AS ?what)",
        *(
            f"<{project}> <{term}> ?node . ?node <{DCTERMS.description}> ?value "
            f"OPTIONAL {{ ?node <{CYB.subheading}> ?more }} BIND(<{term}> AS ?what)"
            for term in _ITEMS.values()
        ),
        f"<{project}> <{CYB.participation}> ?node . ?node <{CYB.actor}> ?value ; {counted} "
        f"OPTIONAL {{ ?value <{SKOS.prefLabel}> ?name }} OPTIONAL {{ ?node <{CYB.role}>/<{SKOS.prefLabel}> ?more "
        f'FILTER(LANG(?more) IN ("", "en")) }} BIND(<{CYB.actor}> AS ?what)',
        f"<{project}> <{CYB.scope}> ?node . ?node <{CYB.concept}> ?value ; {counted} OPTIONAL {{ ?value <{SKOS.prefLabel}> ?name }} "
        f"BIND(<{CYB.concept}> AS ?what)",
        f"<{project}> <{CYB.participation}>|<{CYB.scope}> ?node . ?node <{CYB.basis}> <{BASE}id/basis/derived> ; "
        f"<{CYB.actor}>|<{CYB.concept}> ?more ; <{CYB.evidence}>/<{OA.exact}> ?value BIND(<{OA.exact}> AS ?what)",
        *(
            f"<{project}> <{CYB.contact}>/<{term}> ?value BIND(<{term}> AS ?what)"
            for term in (VCARD.fn, VCARD.hasEmail)
        ),
        f"<{project}> <{CYB.link}> ?node OPTIONAL {{ ?node <{DCTERMS.title}> ?value }} "
        f"OPTIONAL {{ ?node <{SCHEMA.url}> ?more }} BIND(<{CYB.link}> AS ?what)",
    )
    return f"SELECT ?what ?value ?name ?more {{ {{ {' } UNION { '.join(parts)} }} }}"


class _ExpectedValues:
    """The endpoint's data about a project, in the form that a page prints."""

    def __init__(self, project: str, rows: Iterable[dict[str, str]]) -> None:
        #: Values by property.
        self.values: dict[str, set[str]] = defaultdict(set)
        #: Names of the linked resources.
        self.names: dict[str, set[str]] = defaultdict(set)
        self.links: set[tuple[str, str]] = set()
        self.texts: dict[str, set[str]] = defaultdict(set)
        self.quotes: set[str] = set()
        self.web: set[str] = set()
        for row in rows:
            what, value, more = row["what"], row["value"], row["more"]
            if what in (CYB.actor, CYB.concept):
                self.links.add((value, _UNSPECIFIED_ROLE.get(more, more) if what == CYB.actor else kind_of(value)))
                self.names[value].add(collapse_spaces(row["name"] or shorten(value)))
            elif what in _ITEMS.values():
                self.texts[what].add(collapse_spaces(f"{more}: {value}" if more else value))
            elif what in _PROSE.values():
                self.texts[what] |= {collapse_spaces(part) for part in value.split("\n\n")} - {""}
                self.values[what].add(value)
            elif what == OA.exact:
                self.quotes.add(f"{more}: {collapse_spaces(value)}")
            elif what == CYB.link:
                address = more if more.startswith(("https://", "http://", "mailto:")) else ""
                self.web.add(f"{collapse_spaces(value or address)} <{address}>")
            else:
                self.values[what].add(value)
        self.title = self.values[DCTERMS.title] or {shorten(project)}  # a page without a title shows the short IRI

    def of(self, words: Iterable[str]) -> set[str]:
        """Return the resources that the project links to with one of these roles or types."""
        return {thing for thing, word in self.links if word in words}

    def dates(self) -> set[str]:
        """Return the possible forms of its start and end on a page, or none if it has neither."""
        starts, ends = (
            self.values[loose] or self.values[exact]
            for loose, exact in ((CYB.startAsPrinted, CYB.start), (CYB.endAsPrinted, CYB.end))
        )
        either = starts or ends
        return {
            collapse_spaces(f"{start} – {end}")
            for start in starts or {"?"}
            for end in ends or {"?", "ongoing"}
            if either
        }


class ProjectPage:
    """The content of a project page: title, status, facts, texts, contacts and links, and its JSON-LD (schema.org)."""

    def __init__(self, html: str) -> None:
        """Parse a page. Raises ValueError if its JSON-LD is not JSON."""
        page = parse_page(html)
        self._page = page
        self._data: Any = json_ld_of(page)
        self._facts = {
            row.all("dt")[0].text: row
            for facts in page.all("dl", "facts")
            for row in facts.all("div")
            if row.all("dt") and row.all("dd")
        }
        self._sections: dict[str, list[Element]] = defaultdict(list)
        for section in page.all("section"):
            for heading in section.all("h2")[:1]:
                self._sections[heading.text].append(section)

    def differences(self, project: str, rows: Iterable[dict[str, str]]) -> Iterator[str]:
        """Yield the differences between the page and the rows of ``values_query``."""
        expected = _ExpectedValues(project, rows)
        title, status = (" ".join(one.text for one in self._page.all(*of)) for of in (("h1",), ("span", "status")))
        titles = {collapse_spaces(text) for text in expected.title}
        if not any(text == title or _shortens(title, text) for text in titles):
            yield _value_difference("the title", title, titles)
        if status not in (expected.values[CYB.status] or {""}):
            yield _value_difference("the status", status, expected.values[CYB.status])
        dates = self._facts["Dates"].all("dd")[0].text if "Dates" in self._facts else ""
        if dates not in (expected.dates() or {""}):
            yield _value_difference("the period", dates, expected.dates())
        yield from self._wrong_links(expected)
        for heading, term in _TEXTS.items():
            yield from set_differences(f"the {heading.lower()}", set(self._texts(heading)), expected.texts[term])
        yield from set_differences(
            "contacts", set(self._texts("Contact")), set(map(collapse_spaces, expected.values[VCARD.fn]))
        )
        addresses = {link.own("href") for link in self._page.all("a")}
        mails = {address for address in addresses if address.startswith("mailto:")}
        web = {f"{item.text} <{item.href}>" for part in self._sections["Links"] for item in part.all("bdi")}
        of_links = {address.rpartition("<")[2][:-1] for address in expected.web}
        yield from set_differences(
            "addresses of contacts", mails - of_links, expected.values[VCARD.hasEmail] - of_links
        )
        yield from set_differences("links to other sites", web, expected.web)
        yield from self._wrong_data(expected)

    def _wrong_links(self, expected: _ExpectedValues) -> Iterator[str]:
        """Yield the differences in linked resources and in their evidence."""
        shown = {
            (_thing(one), word): one.all("bdi")[0].text
            for word, row in self._facts.items()
            for one in row.all("span", "one")
            if one.all("bdi")
        }
        yield from set_differences(
            "links", {f"{thing} as {word}" for thing, word in shown}, {f"{t} as {w}" for t, w in expected.links}
        )
        for (thing, _), name in shown.items():
            if thing in expected.names and name not in expected.names[thing]:
                yield _value_difference(f"the name of {thing}", name, expected.names[thing])
        projects = {_iri(link.own("href")) for row in self._facts.values() for link in row.all("a")}
        related = {thing for term in _RELATION_PROPERTIES for thing in expected.values[term]}
        yield from set_differences(
            "other projects", set(filter(_is_project, projects)), set(filter(_is_project, related))
        )
        found = {
            f"{_iri(row.href)}: {' '.join(quote.text for quote in row.all('q'))}"
            for section in self._sections["Evidence in the text"]
            for row in section.all("tr")
            if row.all("q")
        }
        yield from set_differences("evidence in the text", found, expected.quotes)

    def _wrong_data(self, expected: _ExpectedValues) -> Iterator[str]:
        """Yield the differences in the JSON-LD."""
        for name, term in (
            ("name", DCTERMS.title),
            ("identifier", DCTERMS.identifier),
            ("description", DCTERMS.abstract),
            ("foundingDate", CYB.start),
            ("dissolutionDate", CYB.end),
        ):
            value, ours = str(self._data.get(name, "")), expected.values[term]
            is_cut = name in ("name", "description") and value and any(text.startswith(value) for text in ours)
            if value not in (ours or ({""} if name != "name" else expected.title)) and not is_cut:
                yield _value_difference(f"{name} in its JSON-LD", value, ours)
        for name, words in (*_ROLES.items(), ("areaServed", _PLACES)):
            shown = {thing["@id"] for thing in self._data.get(name, ())}
            yield from set_differences(f"{name} in its JSON-LD", shown, expected.of(words))
        themes = expected.of(("Theme",))
        known = {collapse_spaces(name): thing for thing in themes for name in expected.names[thing]}
        shown = {known.get(collapse_spaces(name), name) for name in self._data.get("knowsAbout", ())}
        yield from set_differences("knowsAbout in its JSON-LD", shown, themes)

    def _texts(self, heading: str) -> list[str]:
        """Return the non-empty texts below a heading."""
        return [text for part in self._sections[heading] for one in part.all("bdi") if (text := one.text)]


def json_ld_of(page: Element) -> Any:
    """Return the JSON-LD of a page, or {} if there is none. Raises ValueError if it is not JSON."""
    scripts = (script for script in page.all("script") if script.own("type") == "application/ld+json")
    return next((json.loads(script.content) for script in scripts), {})


def _thing(one: Element) -> str:
    """Return the IRI that a fact links to, or its text."""
    return _iri(one.all("bdi")[0].href) or one.all("bdi")[0].text


def _iri(href: str) -> str:
    """Return the IRI that a link refers to; the pages of our resources have the paths of their IRIs."""
    return BASE + href.removeprefix("/") if href.startswith("/") else href


def _is_project(thing: str) -> bool:
    return thing.startswith(f"{BASE}id/project/")


def kind_of(thing: str) -> str:
    """Return the type of a resource from its IRI, as pages print it: Country, Theme."""
    return thing.removeprefix(f"{BASE}id/").partition("/")[0].capitalize()


def _shortens(shown: str, text: str) -> bool:
    return shown.endswith("…") and len(shown) > 1 and text.startswith(shown[:-1].rstrip())


def _value_difference(name: str, shown: str, expected: set[str]) -> str:
    ours = _brief(" or ".join(sorted(expected)))
    return f"{name} is {_brief(shown) or 'missing'!r}, but {ours or 'nothing'!r} in the endpoint"


def set_differences(name: str, shown: set[str], expected: set[str]) -> Iterator[str]:
    """Yield the number of missing and of unexpected items, compared with the endpoint, with an example of each."""
    if missing := sorted(expected - shown):
        yield f"{name}: {len(missing)} missing ({_brief(missing[0])})"
    if unexpected := sorted(shown - expected):
        yield f"{name}: {len(unexpected)} not in the endpoint ({_brief(unexpected[0])})"


def _brief(text: str) -> str:
    return text if len(text) <= _MAX_EXAMPLE_CHARS else f"{text[:_MAX_EXAMPLE_CHARS]}…"
