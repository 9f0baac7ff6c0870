"""One project record as plain values, and the one table of its fields.

Every reader makes a ``Record``; everything after it only reads one. What a record *says*
takes part in equality; where it was printed (``Place``, ``Source``, printed forms) does not:
the same project read from two formats gives equal records.

A field has one of three states, never confused: stated (a value), left blank (its label is
printed with nothing under it: ``left_blank``), absent (neither). A link found in prose is
*derived*, and carries the quote that it was found in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cybilgraph.findings import Finding
from cybilgraph.vocab import CYB, DCTERMS

#: What can stand in a project's IRI as its code.
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")


class Kind(StrEnum):
    """How a field's values are held in ``Record``, read and described."""

    VALUE = "value"  # one Text
    DATE = "date"  # one Date
    CHOICE = "choice"  # one Named, from a concept scheme
    PROSE = "prose"  # paragraphs, one literal together
    ITEMS = "items"  # a node for each paragraph or list item
    ACTORS = "actors"  # in Record.participations, the role being the field's name
    SCOPES = "scopes"  # in Record.scopes, the kind being the field's name
    CONTACTS = "contacts"
    LINKS = "links"
    LAYOUT = "layout"  # a heading of the page with no field of its own


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the table of fields.

    ``labels`` are the headings or labels that a page prints for it, in lower case, without
    colon; ``term`` is the property that links a project to the value.
    """

    name: str
    kind: Kind
    term: str = ""
    labels: tuple[str, ...] = ()


#: To add a field: a row here, an attribute in Record, a term in the ontology, a shape.
FIELDS = (
    Field("title", Kind.VALUE, DCTERMS.title, ("title", "project title", "project name")),
    Field("code", Kind.VALUE, DCTERMS.identifier, ("cybil code", "gfce code")),
    Field("slug", Kind.VALUE, CYB.slug, ("slug",)),
    Field("status", Kind.CHOICE, CYB.status, ("status", "project status")),
    Field("start", Kind.DATE, CYB.start, ("from", "start date")),
    Field("end", Kind.DATE, CYB.end, ("to", "end date")),
    Field("funder", Kind.ACTORS, CYB.funder, ("funders", "funder", "donors", "donor", "funded by", "financed by")),
    Field(
        "implementer",
        Kind.ACTORS,
        CYB.implementer,
        (
            "implementors",
            "implementor",
            "implementers",
            "implementer",
            "implementing partners",
            "implementing partner",
            "implemented by",
            "delivered by",
        ),
    ),
    Field("partner", Kind.ACTORS, CYB.partner, ("partners", "partner")),
    Field("beneficiary", Kind.ACTORS, CYB.beneficiary, ("beneficiaries", "beneficiary")),
    Field(
        "theme",
        Kind.SCOPES,
        CYB.theme,
        ("themes & topics", "themes and topics", "themes", "theme", "topics", "thematic focus"),
    ),
    Field(
        "country",
        Kind.SCOPES,
        CYB.country,
        ("countries", "country", "priority countries", "beneficiary countries"),
    ),
    Field("region", Kind.SCOPES, CYB.region, ("regions", "region")),
    Field("group", Kind.SCOPES, CYB.group),
    Field("contacts", Kind.CONTACTS, CYB.contact, ("contact", "contacts")),
    Field("summary", Kind.PROSE, DCTERMS.abstract, ("summary", "short introduction on the project")),
    Field(
        "description",
        Kind.PROSE,
        DCTERMS.description,
        ("details", "general information", "target groups", "duration of the project"),
    ),
    Field(
        "aim",
        Kind.PROSE,
        CYB.aim,
        ("aim", "aims", "aims / objectives", "objectives", "project objective", "overall objective"),
    ),
    Field("context", Kind.PROSE, CYB.context, ("context", "background")),
    Field("outcomes", Kind.ITEMS, CYB.outcome, ("outcomes", "outcome")),
    Field("outputs", Kind.ITEMS, CYB.output, ("outputs", "output")),
    Field("activities", Kind.ITEMS, CYB.activity, ("activities", "activity", "examples of activities")),
    Field("links", Kind.LINKS, CYB.link, ("other website links", "other relevant links", "links")),
    Field("page", Kind.LAYOUT, labels=("project", "about", "suggest a page edit")),
)
BY_NAME = {row.name: row for row in FIELDS}
#: The sections that tell of the project in sentences, in the order of a page.
NARRATIVE = tuple(row.name for row in FIELDS if row.kind in (Kind.PROSE, Kind.ITEMS))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is printed: line and column count from 1, in characters."""

    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text: a value, a paragraph, a list item. Spaces are normalised.

    ``under`` is the sub-heading that a list item stands under ("In FY21/22").
    """

    text: str
    place: Place | None = field(default=None, compare=False)
    under: str = ""


@dataclass(frozen=True, slots=True)
class Date:
    """A date as precise as it was printed.

    ``value`` is ``2018``, ``2018-04`` or ``2018-04-30``; empty where the printed form names
    no point in time that a reader may state (``30th May``, with no year).
    """

    value: str
    printed: Text = field(compare=False)


@dataclass(frozen=True, slots=True)
class Named:
    """A name, and the reference thing of that name: ``kind`` and ``key``; the key of a name
    that the reference data do not know is made from the name itself, and ``known`` is false.
    """

    kind: str
    key: str
    printed: Text = field(compare=False)
    known: bool = True


class Basis(StrEnum):
    """How we know a link."""

    STATED = "stated"  # a value under its heading
    DERIVED = "derived"  # found in prose


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that a derived link was found in: an exact part of one paragraph."""

    section: str
    quote: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Participation:
    """An actor takes part in the project, in a role of the scheme of roles."""

    actor: Named
    role: str
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """The project is about a country, region, group or theme."""

    concept: Named
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """A published contact: kept in a node of its own, so that one switch leaves it out."""

    name: str
    email: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class WebLink:
    """A link of the page. Saving a page as text loses addresses: then ``url`` is empty."""

    text: str
    url: str = ""
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LeftBlank:
    """A label printed with nothing under it."""

    name: str
    label: str = field(compare=False)
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Source:
    """What a record was read from: a name that is no path of a machine, and a checksum."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything that one source says of one project."""

    source: Source = field(compare=False)
    title: Text | None = None
    code: Text | None = None
    slug: Text | None = None
    status: Named | None = None
    start: Date | None = None
    end: Date | None = None
    participations: tuple[Participation, ...] = ()
    scopes: tuple[Scope, ...] = ()
    contacts: tuple[Contact, ...] = ()
    summary: tuple[Text, ...] = ()
    description: tuple[Text, ...] = ()
    aim: tuple[Text, ...] = ()
    context: tuple[Text, ...] = ()
    outcomes: tuple[Text, ...] = ()
    outputs: tuple[Text, ...] = ()
    activities: tuple[Text, ...] = ()
    links: tuple[WebLink, ...] = ()
    left_blank: tuple[LeftBlank, ...] = ()
    language: str = "en"
    rights: Text | None = field(default=None, compare=False)
    labels: dict[str, tuple[str, Place]] = field(default_factory=dict, compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    @property
    def key(self) -> str:
        """What the project's IRI ends in: its code, else its slug, else a stand-in made from
        the source's checksum, so that a page without either still has an identity. A code that
        has other characters than a code can have does not name the project.
        """
        if self.code and _KEY.fullmatch(self.code.text):
            return self.code.text
        if self.slug:
            return self.slug.text
        return f"untitled-{self.source.sha256[:12]}"

    def narrative(self) -> Iterator[tuple[str, Text]]:
        """Section name and paragraph, for each paragraph that tells of the project."""
        for name in NARRATIVE:
            for paragraph in getattr(self, name):
                yield name, paragraph

    def blank(self, name: str) -> LeftBlank | None:
        """The blank heading of this field, if one was printed."""
        return next((blank for blank in self.left_blank if blank.name == name), None)

    def values(self, name: str) -> tuple[Any, ...]:
        """All values of a field of the table, whatever its kind."""
        match BY_NAME[name].kind:
            case Kind.ACTORS:
                return tuple(link for link in self.participations if link.role == name)
            case Kind.SCOPES:
                return tuple(link for link in self.scopes if link.concept.kind == name)
            case Kind.LAYOUT:
                return ()
            case _:
                value = getattr(self, name)
                return value if isinstance(value, tuple) else () if value is None else (value,)
