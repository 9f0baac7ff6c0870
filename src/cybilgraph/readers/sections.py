"""Labelled sections → Record: what every format that prints labels and values has in common.

A reader cuts its input into sections, each a field of the table of fields with the label as
printed and the lines below it; ``Sections`` reads each by the kind of its field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cybilgraph.findings import Finding, Severity
from cybilgraph.readers.dates import read_date, read_range
from cybilgraph.readers.inputs import Input
from cybilgraph.record import (
    BY_NAME,
    Basis,
    Contact,
    Date,
    Field,
    Kind,
    LeftBlank,
    Named,
    Participation,
    Place,
    Record,
    Scope,
    Text,
    WebLink,
)
from cybilgraph.reference import Entry, reference, slug
from cybilgraph.vocab import rule

BULLET = re.compile(r"(?:[•◦▪●‣·*]|[–-](?=\s)|\d{1,2}[.)](?=\s))\s*")
# Each part has a most: no line, however long and strange, may take long to look through.
_EMAIL = re.compile(r"(?<![^\s<>(:])[^\s@<>():]{1,64}@[^\s@<>()]{1,255}")
_HIDDEN_EMAIL = re.compile(r"\[email.protected\]")
_PERSON = re.compile(r"(?:[^\W\d_][\w.'’-]*\s){1,4}[^\W\d_][\w.'’-]*")
_URL = re.compile(r"https?://[^\s<>\"“”]+[^\s<>\"“”.,;:)]")
_BRACKETS = re.compile(r" ?\([^()]{0,200}\)")
_PRIORITY = re.compile(r" ?\((?:priority|priority country)\)$", re.IGNORECASE)
#: "In Africa:" sorts the list below it and is no value of it.
SORTING = re.compile(r"in (?:the )?[^:]{2,40}:", re.IGNORECASE)
#: A sub-heading is short.
_SUBHEADING_MOST = 60


@dataclass(slots=True)
class Section:
    """A label as printed, and the lines below it. ``label`` is empty for the head of a page."""

    row: Field
    label: str
    place: Place
    lines: list[Text] = field(default_factory=list)


class Sections:
    """Collects the values of one record, section by section."""

    def __init__(self, given: Input, findings: list[Finding]) -> None:
        self._given = given
        self._findings = findings
        self._values: dict[str, Any] = {}
        self._labels: dict[str, tuple[str, Place]] = {}
        self._blank: list[LeftBlank] = []

    def take(self, section: Section) -> None:
        """Read one section by the kind of its field."""
        row = section.row
        if row.kind is Kind.LAYOUT:
            return
        if section.label:
            self._labels.setdefault(row.name, (section.label, section.place))
        if section.lines:
            (Sections._head if not section.label else _TAKE[row.kind])(self, section)
        elif section.label and row.name != "description":
            # "Details" stands above "Aim" by layout: nothing was left blank there.
            self._blank.append(LeftBlank(row.name, section.label, section.place))

    def record(self, rights: Text | None) -> Record:
        """The finished record."""
        values = self._values
        if (title := values.get("title")) and "slug" not in values:
            values["slug"] = Text(slug(title.text), title.place)
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        record = Record(
            source=self._given.source, rights=rights, labels=self._labels, findings=tuple(self._findings), **given
        )
        # A heading that stands blank in one place and filled in another is not blank.
        blank = tuple(entry for entry in self._blank if not record.values(entry.name))
        return replace(record, left_blank=blank)

    def _extend(self, name: str, values: list[Any]) -> None:
        self._values.setdefault(name, []).extend(values)

    def _head(self, section: Section) -> None:
        """Title first; then whatever an older page prints without a heading."""
        title, *rest = section.lines
        self._values.setdefault("title", title)
        body: list[Text] = []
        for line in rest:
            if dates := read_range(line):
                self._set_dates(dates)
            elif not body and self._is_contact(line):
                self._contacts(Section(BY_NAME["contacts"], "", section.place, [line]))
            else:
                body.append(line)
        if body:
            self._values["description"] = body + self._values.get("description", [])

    def _set_dates(self, dates: tuple[Date, Date]) -> None:
        for name, date in zip(("start", "end"), dates, strict=True):
            self._values.setdefault(name, date)

    def _is_contact(self, line: Text) -> bool:
        """True for an address alone, and for a name where an older page prints its contact:
        below the code, before the text.
        """
        if (email := _EMAIL.search(line.text)) and email[0] == line.text:
            return True
        return "contacts" not in self._values and "code" in self._labels and bool(_PERSON.fullmatch(line.text))

    def _value(self, section: Section) -> None:
        value, *rest = section.lines
        self._values.setdefault(section.row.name, value)
        self._extend("description", rest)

    def _choice(self, section: Section) -> None:
        printed, *rest = section.lines
        self._values.setdefault(section.row.name, self._resolve(section.row.name, printed))
        self._extend("description", rest)

    def _date(self, section: Section) -> None:
        printed, *rest = section.lines
        if date := read_date(printed):
            self._values.setdefault(section.row.name, date)
        else:
            self._find(
                Severity.VIOLATION,
                "date-form",
                printed,
                "This is no date that can be read.",
                "Write month and year, for example Apr 2018.",
                section.label,
            )
        self._extend("description", rest)

    def _prose(self, section: Section) -> None:
        self._extend(section.row.name, section.lines)
        if section.label.casefold().startswith("duration") and (dates := read_range(section.lines[0])):
            self._set_dates(dates)

    def _items(self, section: Section) -> None:
        """A paragraph or list item each; a short line that ends in a colon and has a list below
        it is the sub-heading of that list.
        """
        lines, under = section.lines, ""
        for line, following in zip(lines, [*lines[1:], Text("")], strict=True):
            bulleted = BULLET.match(line.text)
            short = line.text.endswith(":") and len(line.text) <= _SUBHEADING_MOST
            if short and not bulleted and BULLET.match(following.text):
                under = line.text.rstrip(": ")
                continue
            if not bulleted:
                under = ""
            item = _without_bullet(line)
            self._extend(section.row.name, [Text(item.text, item.place, under)])

    def _actors(self, section: Section) -> None:
        for item in _listed(section.lines, ("actor",)):
            actor = self._resolve("actor", item)
            self._extend("participations", [Participation(actor, section.row.name, Basis.STATED)])

    def _scopes(self, section: Section) -> None:
        for item in _listed(section.lines, _kinds(section.row.name)):
            self._extend("scopes", [Scope(self._resolve_scope(section.row.name, item), Basis.STATED)])

    def _contacts(self, section: Section) -> None:
        """A name, an address, or both; the address belongs to the name above it."""
        contacts: list[Contact] = self._values.setdefault("contacts", [])
        for line in section.lines:
            email = _EMAIL.search(line.text)
            bare = _HIDDEN_EMAIL.sub("", line.text.replace(email[0], "") if email else line.text)
            name = bare.strip(" ,;:<>()")
            if name:
                contacts.append(Contact(name, email[0] if email else "", line.place))
            elif email and contacts and not contacts[-1].email:
                contacts[-1] = Contact(contacts[-1].name, email[0], contacts[-1].place)
            elif email:
                contacts.append(Contact("", email[0], line.place))

    def _links(self, section: Section) -> None:
        for line in section.lines:
            item = _without_bullet(line)
            address = _URL.search(item.text)
            self._extend("links", [WebLink(item.text, address[0] if address else "", item.place)])

    def _resolve_scope(self, kind: str, printed: Text) -> Named:
        """A value under "Countries" may be a region or a group ("ASEAN"), and so on."""
        for other in _kinds(kind):
            if entry := reference().find(other, printed.text):
                return Named(other, entry.key, printed)
        return self._resolve(kind, printed)

    def _resolve(self, kind: str, printed: Text) -> Named:
        """The reference thing of this name; if there is none, a thing of its own."""
        names = reference()
        entry = _find(kind, printed.text)
        if entry is None and (entry := names.near(kind, printed.text)):
            self._find(
                Severity.INFO,
                "near-name",
                printed,
                f"This was taken for {entry.name}.",
                f"Write {entry.name}, or add this spelling to the aliases in data/reference.",
            )
        if entry is None:
            return Named(kind, slug(printed.text) or "unnamed", printed, known=False)
        return Named(kind, entry.key, printed, names.get(kind, entry.key) is not None)

    def _find(
        self, severity: Severity, name: str, printed: Text, message: str, suggestion: str, label: str = ""
    ) -> None:
        place = printed.place or Place(0, 0)
        self._findings.append(
            Finding(
                severity=severity,
                rule=rule(name),
                message=message,
                file=self._given.name,
                label=label,
                line=place.line,
                column=place.column,
                text=printed.text,
                suggestion=suggestion,
            )
        )


_TAKE: dict[Kind, Callable[[Sections, Section], None]] = {
    Kind.VALUE: Sections._value,
    Kind.CHOICE: Sections._choice,
    Kind.DATE: Sections._date,
    Kind.PROSE: Sections._prose,
    Kind.ITEMS: Sections._items,
    Kind.ACTORS: Sections._actors,
    Kind.SCOPES: Sections._scopes,
    Kind.CONTACTS: Sections._contacts,
    Kind.LINKS: Sections._links,
}


def _kinds(kind: str) -> tuple[str, ...]:
    """The kinds of thing that a value under this heading may be, the likeliest first."""
    return (kind,) if kind == "theme" else tuple(dict.fromkeys((kind, "country", "region", "group")))


def _listed(lines: list[Text], kinds: tuple[str, ...]) -> Iterator[Text]:
    """The values of a list: no bullets, no lines that only sort it, no remark of priority.

    Several values on one line are told apart where each of them is a known name, so that
    "Foreign, Commonwealth and Development Office" stays whole.
    """
    for line in lines:
        if SORTING.fullmatch(line.text):
            continue
        item = _without_bullet(line)
        item = Text(_PRIORITY.sub("", item.text), item.place)
        if _known(item.text, kinds):
            yield item
            continue
        for part in _parts(item, r" ?; ?| / "):
            names = list(_parts(part, r" ?, (?:and )?| and | & "))
            several = len(names) > 1 and all(_known(name.text, kinds) for name in names)
            yield from names if several and not _known(part.text, kinds) else [part]


def _known(name: str, kinds: tuple[str, ...]) -> bool:
    return any(_find(kind, name) for kind in kinds)


def _find(kind: str, name: str) -> Entry | None:
    """The thing of this name; of an actor also with its country before it ("the UK's FCDO") or
    an abbreviation behind it, and the government of a country that stands for it.
    """
    names = reference()
    bare = _BRACKETS.sub("", name)
    if entry := names.find(kind, name) or names.find(kind, bare):
        return entry
    if kind == "actor":
        owner, _, owned = bare.replace("’", "'").partition("'s ")
        if owned and names.find("country", owner) and (entry := names.find(kind, owned)):
            return entry
        if country := names.find("country", bare):
            return names.government(country)
    return None


def _parts(text: Text, separator: str) -> Iterator[Text]:
    start = 0
    for match in (*re.finditer(separator, text.text), None):
        end = match.start() if match else len(text.text)
        if part := text.text[start:end].strip(" ."):
            place = text.place and Place(text.place.line, text.place.column + start)
            yield Text(part, place)
        start = match.end() if match else end


def _without_bullet(line: Text) -> Text:
    match = BULLET.match(line.text)
    if not match:
        return Text(line.text.rstrip(" ;"), line.place)
    place = line.place and Place(line.place.line, line.place.column + match.end())
    return Text(line.text[match.end() :].rstrip(" ;"), place)
