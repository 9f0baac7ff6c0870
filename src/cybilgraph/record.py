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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cybilgraph.findings import Finding
from cybilgraph.vocab import CYB, DCTERMS

#: What can stand in a project's IRI as its code.
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")


_NO_KEY = re.compile(r"[^A-Za-z0-9-]+")


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
    PROJECTS = "projects"  # in Record.relations, the kind being the field's name
    RECORD = "record"  # one Text that tells of the record itself, not of the project
    LAYOUT = "layout"  # a heading of the page with no field of its own


@dataclass(frozen=True, slots=True)
class Field:
    """One row of the table of fields.

    ``term`` is the property that links a project to the value. ``column`` is what the field is
    called in tables and documents (CSV, JSON …), ``about`` tells people what belongs there.
    ``labels`` are other headings or labels that stand for it, in lower case, without colon.
    """

    name: str
    kind: Kind
    term: str = ""
    column: str = ""
    about: str = ""
    labels: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """True where a project may have more than one value."""
        return self.kind not in (Kind.VALUE, Kind.DATE, Kind.CHOICE, Kind.RECORD)


_DATE = "Month and year (Apr 2018), or as much as is known: 2018, 2018-04, 2018-04-30."
#: To add a field: a row here, an attribute in Record, a term in the ontology, a shape.
FIELDS = (
    Field(
        "title",
        Kind.VALUE,
        DCTERMS.title,
        "title",
        "The project's name.",
        ("project title", "project name", "name of the project", "name of project", "title of the project"),
    ),
    Field(
        "code",
        Kind.VALUE,
        DCTERMS.identifier,
        "code",
        "Its Cybil code, such as G0020 or GI-07.",
        ("cybil code", "gfce code", "project code", "cybil project code", "gfce project code"),
    ),
    Field("iati", Kind.VALUE, CYB.iatiIdentifier, "iati_identifier", "Its IATI identifier.", ("iati id",)),
    Field("slug", Kind.VALUE, CYB.slug, "slug", "The last part of its page's address; made from the title if empty."),
    Field(
        "status",
        Kind.CHOICE,
        CYB.status,
        "status",
        "Planned, Ongoing, Finished, Cancelled or Suspended.",
        ("project status", "current status"),
    ),
    Field(
        "start",
        Kind.DATE,
        CYB.start,
        "start",
        f"When it began. {_DATE}",
        ("from", "start date", "started", "starting date", "project start", "begin"),
    ),
    Field(
        "end",
        Kind.DATE,
        CYB.end,
        "end",
        f"When it ended or will end. {_DATE}",
        ("to", "end date", "ended", "until", "project end", "completion date"),
    ),
    Field(
        "duration",
        Kind.DATE,
        CYB.duration,
        "duration",
        "How long it runs, such as 18 months or P18M.",
        (
            "duration of the project",
            "project duration",
            "period",
            "project period",
            "date",
            "dates",
            "when",
            "timeframe",
        ),
    ),
    Field(
        "funder",
        Kind.ACTORS,
        CYB.funder,
        "funders",
        "Who pays.",
        (
            *("funder", "donors", "donor", "funded by", "financed by", "funding", "funding organisation", "sponsor"),
            *(
                "funding organisations",
                "sponsors",
                "paid for by",
                "paid by",
                "who pays",
                "who paid",
                "source of funding",
            ),
        ),
    ),
    Field(
        "implementer",
        Kind.ACTORS,
        CYB.implementer,
        "implementers",
        "Who delivers.",
        (
            *("implementors", "implementor", "implementer", "implementing partners", "implementing partner"),
            *("implementing organisation", "implementing organisations", "implementing agency", "implemented by"),
            *("delivered by", "done by", "carried out by", "run by", "led by", "executed by", "executing agency"),
            *(
                "lead organisation",
                "lead implementer",
                "who delivers",
                "who delivered",
                "who did it",
                "who does it",
                "who implements",
            ),
        ),
    ),
    Field(
        "partner",
        Kind.ACTORS,
        CYB.partner,
        "partners",
        "Who takes part beside them.",
        ("partner", "local partner", "local partners", "partner organisations", "together with", "with"),
    ),
    Field(
        "beneficiary",
        Kind.ACTORS,
        CYB.beneficiary,
        "beneficiaries",
        "Organisations that are helped.",
        ("beneficiary", "beneficiary organisations", "recipient", "recipients", "who benefits"),
    ),
    Field(
        "theme",
        Kind.SCOPES,
        CYB.theme,
        "themes",
        "Themes or topics of the Cybil Portal.",
        (
            *("themes & topics", "themes and topics", "theme", "topics", "topic", "thematic focus", "theme & topic"),
            *("thematic area", "thematic areas", "focus area", "focus areas", "subject"),
        ),
    ),
    Field(
        "country",
        Kind.SCOPES,
        CYB.country,
        "countries",
        "Countries that are helped; names or ISO 3166-1 codes.",
        (
            *("country", "priority countries", "beneficiary countries", "beneficiary country", "country of activity"),
            *("partner countries", "participating countries", "target countries", "target country", "where"),
            *("recipient countries", "recipient country", "countries covered"),
        ),
    ),
    Field("region", Kind.SCOPES, CYB.region, "regions", "Regions of UN M49.", ("region", "geographic scope")),
    Field("group", Kind.SCOPES, CYB.group, "groups", "Groups of countries, such as ASEAN or SADC.", ("group",)),
    Field(
        "contacts",
        Kind.CONTACTS,
        CYB.contact,
        "contacts",
        "Whom to ask: Name <e-mail>. This is published.",
        ("contact", "contact person", "contact persons", "contact details", "contact point", "point of contact"),
    ),
    Field(
        "summary",
        Kind.PROSE,
        DCTERMS.abstract,
        "summary",
        "The project in a few sentences.",
        ("short introduction on the project", "short introduction", "short description", "in short", "abstract"),
    ),
    Field(
        "description",
        Kind.PROSE,
        DCTERMS.description,
        "description",
        "Anything else that is told of it.",
        (
            *("details", "general information", "target groups", "target group", "project description"),
            *("about the project", "further information", "more information"),
        ),
    ),
    Field(
        "aim",
        Kind.PROSE,
        CYB.aim,
        "aim",
        "What it wants to reach.",
        (
            *("aims", "aims / objectives", "aims/objectives", "aims and objectives", "objectives", "objective"),
            *("project objective", "project objectives", "overall objective", "specific objective", "goal", "goals"),
            *("specific objectives", "purpose", "aim / objectives", "main objective"),
        ),
    ),
    Field("context", Kind.PROSE, CYB.context, "context", "Why it is needed.", ("background", "rationale")),
    Field(
        "outcomes",
        Kind.ITEMS,
        CYB.outcome,
        "outcomes",
        "What changed or shall change.",
        ("outcome", "results", "result", "expected outcomes", "expected results", "main results", "impact"),
    ),
    Field(
        "outputs",
        Kind.ITEMS,
        CYB.output,
        "outputs",
        "What was made.",
        ("output", "deliverables", "expected outputs", "main outputs", "products"),
    ),
    Field(
        "activities",
        Kind.ITEMS,
        CYB.activity,
        "activities",
        "What was done.",
        (
            "activity",
            "what was done",
            "what is done",
            "examples of activities",
            "main activities",
            "key activities",
            "project activities",
        ),
    ),
    Field(
        "links",
        Kind.LINKS,
        CYB.link,
        "links",
        "Pages to read more: Text <address>.",
        (
            *("other website links", "other relevant links", "relevant links", "useful links", "link", "website"),
            *("websites", "read more", "related links", "other links"),
        ),
    ),
    Field(
        "part_of",
        Kind.PROJECTS,
        DCTERMS.isPartOf,
        "part_of",
        "Projects that this one is a part of, by code or title.",
        ("part of", "parent project", "programme"),
    ),
    Field(
        "follows",
        Kind.PROJECTS,
        CYB.follows,
        "follows",
        "Projects that this one continues, by code or title.",
        ("previous phase", "follow-up of", "follow-up to"),
    ),
    Field(
        "related",
        Kind.PROJECTS,
        DCTERMS.relation,
        "related",
        "Other projects to know of, by code or title.",
        ("related projects", "related project", "see also"),
    ),
    Field("address", Kind.RECORD, DCTERMS.source, "address", "The address of its page.", ("page address", "url")),
    Field(
        "updated",
        Kind.RECORD,
        DCTERMS.modified,
        "updated",
        "Day on which the record was last changed: 2024-05-31.",
        ("last updated", "last update", "page updated"),
    ),
    Field("rights", Kind.RECORD, DCTERMS.rights, "rights", "Who may use the record, and how."),
    Field("language", Kind.RECORD, DCTERMS.language, "language", "Language of the text, such as en, fr or es."),
    Field("page", Kind.LAYOUT, labels=("project", "about", "suggest a page edit")),
)
BY_NAME = {row.name: row for row in FIELDS}
#: Every heading, label and column name → its field.
BY_LABEL = {
    label: row
    for row in FIELDS
    for label in (*((row.column, row.column.replace("_", " ")) if row.column else ()), *row.labels)
}
#: Words that tell what a label means that no field has: "Funding agency", "Delivery partner". In
#: this order, since a funding partner pays and a delivery partner delivers.
STEMS = tuple(
    (re.compile(rf"\b(?:{stems})"), BY_NAME[name])
    for name, stems in (
        ("country", "countr"),
        ("duration", "financial year|fiscal year"),
        ("funder", "fund|donor|financ|sponsor|paid"),
        ("implementer", "implement|deliver(?!ables?)|project lead|execut|carried out|led by|run by|responsib"),
        ("partner", "partner|collaborat|cooperat|co-operat|supported by|support from"),
        ("beneficiary", "benefici|recipient"),
        ("region", "region"),
        ("theme", "theme|topic|thematic"),
        ("contacts", "contact"),
        ("aim", "aim|objective|goal|purpose"),
        ("outcomes", "outcome|result|impact|achievement"),
        ("outputs", "output|deliverable|product"),
        ("activities", "activit"),
        ("context", "context|background|rationale"),
        ("duration", "duration|period|timeframe|time frame|timeline"),
        ("links", "link|website|read more|further reading"),
        ("status", "status|state of"),
        ("summary", "summary|short description|introduction|abstract"),
    )
)
#: Roles that have a field of their own, the others being told by the participation alone.
_ORDER = {row.name: number for number, row in enumerate(FIELDS)}
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

    ``under`` is the sub-heading that a list item stands under ("In FY21/22"). ``breaks`` tells,
    of a text that its source prints on several lines, at which offset each further line begins
    and where that is.
    """

    text: str
    place: Place | None = field(default=None, compare=False)
    under: str = ""
    breaks: tuple[tuple[int, Place], ...] = field(default=(), compare=False)

    def at(self, offset: int) -> Place | None:
        """Where the character at this offset is printed."""
        for start, place in reversed(self.breaks):
            if start <= offset:
                return Place(place.line, place.column + offset - start)
        return self.place and Place(self.place.line, self.place.column + offset)

    def part(self, start: int, stop: int | None = None) -> Text:
        """A part of the text, without the spaces at its ends, with its own place."""
        piece = self.text[start:stop]
        start += len(piece) - len(piece.lstrip())
        piece = piece.strip()
        breaks = tuple((at - start, place) for at, place in self.breaks if start < at < start + len(piece))
        return Text(piece, self.at(start), self.under, breaks)


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
    """The words that a derived link was found in: an exact part of one paragraph.

    ``confidence`` is the share of links found by such words that a careful reader confirms,
    as measured on labelled texts (data/reference/phrases.csv, tests/bench/mentions.py).
    """

    section: str
    quote: str
    place: Place | None = None
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Date:
    """A date as precise as it was printed.

    ``value`` is ``2018``, ``2018-04`` or ``2018-04-30``, of a duration ``P1Y6M`` (XSD 1.1 part 2,
    3.3.6); empty where the printed form names no time that a reader may state (``30th May``,
    with no year). ``evidence`` is the sentence that a derived date was found in.
    """

    value: str
    printed: Text = field(compare=False)
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


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
class Relation:
    """Another project that this one is part of, follows or is related to: ``kind`` is the name
    of the field. The project's key is its code, or is made from its title.
    """

    kind: str
    project: Named
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """A published contact: kept in a node of its own, so that one switch leaves it out.

    ``note`` is what else the page prints of it: a post, a telephone number.
    """

    name: str
    email: str = ""
    note: str = ""
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
    """What a record was read from: a name that is no path of a machine, and a checksum.

    ``line`` is where the record begins in a file that holds several, else 0.
    """

    name: str
    sha256: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything that one source says of one project.

    Links are held in one order, whatever order they were printed in, each once.
    """

    source: Source = field(compare=False)
    title: Text | None = None
    code: Text | None = None
    iati: Text | None = None
    slug: Text | None = None
    status: Named | None = None
    start: Date | None = None
    end: Date | None = None
    duration: Date | None = None
    participations: tuple[Participation, ...] = ()
    scopes: tuple[Scope, ...] = ()
    relations: tuple[Relation, ...] = ()
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
    language: Text = Text("en")
    address: Text | None = field(default=None, compare=False)
    updated: Text | None = field(default=None, compare=False)
    rights: Text | None = field(default=None, compare=False)
    labels: dict[str, tuple[str, Place]] = field(default_factory=dict, compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for name, order in _LINK_ORDER.items():
            links = {order(link): link for link in reversed(getattr(self, name))}  # the first printed stays
            object.__setattr__(self, name, tuple(links[key] for key in sorted(links)))

    @property
    def key(self) -> str:
        """What the project's IRI ends in: its code, else what its IATI identifier gives, else its
        slug, else a stand-in made from the source's checksum, so that a page without any still
        has an identity. A code that has other characters than a code can have does not name the
        project.
        """
        if self.code and KEY.fullmatch(self.code.text):
            return self.code.text
        if self.iati and (key := _NO_KEY.sub("-", self.iati.text).strip("-").lower()[:200]):
            return key
        if self.slug:
            return self.slug.text
        line = f"-{self.source.line}" if self.source.line else ""
        return f"untitled-{self.source.sha256[:12]}{line}"

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
            case Kind.PROJECTS:
                return tuple(link for link in self.relations if link.kind == name)
            case Kind.LAYOUT:
                return ()
            case _:
                value = getattr(self, name)
                return value if isinstance(value, tuple) else () if value is None else (value,)


_LINK_ORDER: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "participations": lambda link: (_ORDER.get(link.role, len(_ORDER)), link.role, link.actor.key),
    "scopes": lambda link: (_ORDER[link.concept.kind], link.concept.key),
    "relations": lambda link: (_ORDER[link.kind], link.project.key),
    "left_blank": lambda blank: (_ORDER[blank.name],),
}
