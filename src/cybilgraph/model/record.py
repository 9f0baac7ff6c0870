"""A project record as plain values.

Every reader creates a ``Record``, and later stages only read it. Equality compares what a record *says*, not
where it is printed (``Place``, ``Source``, printed forms): the same project read from two formats gives
equal records.

A field has one of three states: stated (a value), left blank (a label with nothing under it: ``left_blank``)
or absent (neither). A link found in prose is *derived* and carries the sentence as its evidence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import field, replace
from enum import StrEnum
from typing import Any

from cybilgraph.model.fields import BY_NAME, FIELDS, NARRATIVE, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.values import value

#: A code that is valid in a project's IRI.
KEY_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")


_NOT_IN_KEY = re.compile(r"[^A-Za-z0-9-]+")


#: The order of links: by field; roles without a field come last.
_FIELD_ORDER = {row.name: number for number, row in enumerate(FIELDS)}


@value(frozen=True, slots=True)
class Place:
    """A position in a source: line and column, from 1, in characters.

    If ``is_cell`` is true, the column is the number of a cell.
    """

    line: int
    column: int = 1
    is_cell: bool = False

    def after(self, offset: int) -> Place:
        """Return the place ``offset`` characters further along the line."""
        return self if self.is_cell else Place(self.line, self.column + offset)


@value(frozen=True, slots=True)
class Text:
    """A value, paragraph or list item with normalised spaces.

    ``subheading`` is the subheading above a list item ("In FY21/22"). If the source prints the text on several
    lines, ``breaks`` holds the offset and place of each further line.
    """

    text: str
    place: Place | None = field(default=None, compare=False)
    subheading: str = ""
    breaks: tuple[tuple[int, Place], ...] = field(default=(), compare=False)

    def at(self, offset: int) -> Place | None:
        """Return the place of the character at this offset."""
        for start, place in reversed(self.breaks) if self.breaks else ():
            if start <= offset:
                return place.after(offset - start)
        return self.place and self.place.after(offset)

    def part(self, start: int, stop: int | None = None) -> Text:
        """Return a slice without surrounding spaces, with its own place."""
        piece = self.text[start:stop]
        start += len(piece) - len(piece.lstrip())
        piece = piece.strip()
        breaks = self.breaks and tuple(
            (at - start, place) for at, place in self.breaks if start < at < start + len(piece)
        )
        return Text(piece, self.at(start), self.subheading, breaks)


@value(frozen=True, slots=True)
class Named:
    """A name with the kind and key of its reference entry.

    If the name is not in the reference data, the key is derived from the name and ``known`` is false. ``home`` is the
    country of a body of a state if the printed name does not contain it but the key does.
    """

    kind: str
    key: str
    printed: Text = field(compare=False)
    known: bool = True
    home: str = field(default="", compare=False)


class Basis(StrEnum):
    """How a link is known, the most certain first. The graph contains the link itself only if it counts."""

    STATED = "stated"  # a value under its heading
    CONFIRMED = "confirmed"  # found in prose, and a curator agreed
    DERIVED = "derived"  # found in prose, and almost certain
    POSSIBLE = "possible"  # found in prose, and less certain than that

    @property
    def counts(self) -> bool:
        """Whether the link is certain enough to be counted, unless a reader chooses another level of evidence."""
        return self in DEFAULT_LEVEL.bases


class EvidenceLevel(StrEnum):
    """Which links count for a reader, the strictest level first. Each level includes those before it."""

    STATED = "stated"
    SURE = "sure"
    POSSIBLE = "possible"

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The bases of the links that count at this level."""
        return _BASES[self]

    @classmethod
    def first_with(cls, basis: Basis) -> EvidenceLevel:
        """Return the strictest level at which links with a basis count."""
        return next(level for level in cls if basis in level.bases)


_BASES = {
    EvidenceLevel.STATED: (Basis.STATED, Basis.CONFIRMED),
    EvidenceLevel.SURE: (Basis.STATED, Basis.CONFIRMED, Basis.DERIVED),
    EvidenceLevel.POSSIBLE: tuple(Basis),
}
#: The level of pages, queries and direct links of the graph if no other is chosen.
DEFAULT_LEVEL = EvidenceLevel.SURE


@value(frozen=True, slots=True)
class Evidence:
    """The words that support a derived link: an exact part of one paragraph.

    ``confidence`` is the share of links with such words that a careful reader confirms, measured on labelled
    texts (data/reference/phrases.csv and role-weights.csv, tests/bench/grades.py).
    """

    section: str
    quote: str
    place: Place | None = None
    confidence: float = 1.0


@value(frozen=True, slots=True)
class Date:
    """A date or duration, as precise as printed.

    ``value`` is ``2018``, ``2018-04`` or ``2018-04-30``, or a duration such as ``P1Y6M`` (XSD 1.1 part 2,
    3.3.6). It is empty if the printed form is not a point in time (``30th May`` without a year).
    ``evidence`` is the source sentence of a derived date.
    """

    value: str
    printed: Text = field(compare=False)
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@value(frozen=True, slots=True)
class Participation:
    """An actor that takes part in the project, in a role of the role scheme."""

    actor: Named
    role: str
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@value(frozen=True, slots=True)
class Scope:
    """A country, region, group or theme of the project; ``share`` is its percentage of the project, or empty."""

    concept: Named
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)
    share: str = ""


@value(frozen=True, slots=True)
class Relation:
    """Another project that this one is part of, follows or is related to.

    ``kind`` is the name of the field. The project's key is its code, or is derived from its title.
    """

    kind: str
    project: Named
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@value(frozen=True, slots=True)
class Funding:
    """A sum of money of the project, as stated: neither converted nor added to sums of another kind.

    ``kind`` is a key of the scheme of kinds, ``amount`` a canonical xsd:decimal, ``currency`` a code of ISO 4217.
    ``start`` and ``end`` of the period and ``value_date`` are days, or empty. A sum of IATI transactions has their
    number (``transactions``).
    """

    kind: str
    amount: str
    currency: str
    printed: Text = field(compare=False)
    basis: Basis
    start: str = ""
    end: str = ""
    value_date: str = ""
    transactions: int = 0
    provider: Named | None = None
    receiver: Named | None = None
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)

    @property
    def key(self) -> str:
        """The last part of its IRI: what distinguishes it from other sums of the project.

        Organisations are hashed, since an IRI cannot be corrected if a name turns out to be wrong.
        """
        actors = [named.key if named else "" for named in (self.provider, self.receiver)]
        hashed = hashlib.sha256(" ".join(actors).encode()).hexdigest()[:8] if any(actors) else ""
        parts = (self.kind, self.currency.lower(), self.amount, self.start, self.end, hashed)
        return "-".join(filter(None, parts))


@value(frozen=True, slots=True)
class Contact:
    """A published contact. It has a node of its own, so that all contacts can be left out.

    ``note`` is additional printed text: a post, a telephone number.
    """

    name: str
    email: str = ""
    note: str = ""
    place: Place | None = field(default=None, compare=False)


@value(frozen=True, slots=True)
class WebLink:
    """A link on the page. ``url`` is empty if the page was saved as text, which loses addresses.

    ``details`` are the format, languages and categories of a document (``links.kind_of_detail``).
    """

    text: str
    url: str = ""
    place: Place | None = field(default=None, compare=False)
    details: tuple[str, ...] = ()


@value(frozen=True, slots=True)
class Identifier:
    """An identifier in another register, whose name may be unknown."""

    notation: str
    register: str = ""
    place: Place | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """The identifier after the name of its register: "World Bank: P161086"."""
        return f"{self.register}: {self.notation}" if self.register else self.notation


@value(frozen=True, slots=True)
class LeftBlank:
    """A label with nothing under it."""

    name: str
    label: str = field(compare=False)
    place: Place | None = field(default=None, compare=False)


@value(frozen=True, slots=True)
class Column:
    """A column of a table: the property of its field, its number from 1, and its name as printed."""

    term: str
    number: int
    name: str


@value(frozen=True, slots=True)
class Source:
    """The source of a record: a name, which is not a path of this machine, and a checksum.

    ``line`` is where the record begins in a file that holds several, else 0. For a row of a table, ``columns``
    are those columns of the table that have a field, and ``header_line`` is the line of the column names.
    """

    name: str
    sha256: str
    line: int = 0
    columns: tuple[Column, ...] = ()
    header_line: int = 0


@value(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything that one source says about one project.

    Links are sorted and unique, whatever their printed order.
    """

    source: Source = field(compare=False)
    title: Text | None = None
    code: Text | None = None
    iati: Text | None = None
    other_ids: tuple[Identifier, ...] = ()
    slug: Text | None = None
    status: Named | None = None
    start: Date | None = None
    end: Date | None = None
    duration: Date | None = None
    participations: tuple[Participation, ...] = ()
    scopes: tuple[Scope, ...] = ()
    relations: tuple[Relation, ...] = ()
    funding: tuple[Funding, ...] = ()
    contacts: tuple[Contact, ...] = ()
    summary: tuple[Text, ...] = ()
    description: tuple[Text, ...] = ()
    aim: tuple[Text, ...] = ()
    context: tuple[Text, ...] = ()
    outcomes: tuple[Text, ...] = ()
    outputs: tuple[Text, ...] = ()
    activities: tuple[Text, ...] = ()
    indicators: tuple[Text, ...] = ()
    classifications: tuple[Text, ...] = ()
    links: tuple[WebLink, ...] = ()
    left_blank: tuple[LeftBlank, ...] = ()
    language: Text = Text("en")
    address: Text | None = field(default=None, compare=False)
    updated: Text | None = field(default=None, compare=False)
    retrieved: Text | None = field(default=None, compare=False)
    rights: Text | None = field(default=None, compare=False)
    labels: dict[str, tuple[str, Place]] = field(default_factory=dict, compare=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for name, order in _LINK_ORDER.items():
            if len(links := getattr(self, name)) > 1:
                unique = {order(link): link for link in reversed(links)}  # the first printed link wins
                object.__setattr__(self, name, tuple(unique[key] for key in sorted(unique)))

    @property
    def key(self) -> str:
        """The last part of the project's IRI.

        It is the code, or else is derived from the IATI identifier, or else is the slug. A page without any
        of them gets a key from the checksum of its source. A code with invalid characters is not used.
        """
        if self.code and KEY_PATTERN.fullmatch(self.code.text):
            return self.code.text
        if self.iati and (key := _NOT_IN_KEY.sub("-", self.iati.text).strip("-").lower()[:200]):
            return key
        if self.slug:
            return self.slug.text
        line = f"-{self.source.line}" if self.source.line else ""
        return f"untitled-{self.source.sha256[:12]}{line}"

    @property
    def as_of(self) -> str:
        """When the source last said this, as far as known: the time or day of its capture, or the day of its change."""
        return max((day.text for day in (self.retrieved, self.updated) if day), default="")

    def counted(self) -> Record:
        """Return the record without links that are only possible."""
        kept: dict[str, Any] = {
            name: tuple(link for link in getattr(self, name) if link.basis.counts) for name in _CLAIMS
        }
        return replace(self, **kept)

    def narrative(self) -> Iterator[tuple[str, Text]]:
        """Yield each paragraph that describes the project, with the name of its section."""
        for name in NARRATIVE:
            for paragraph in getattr(self, name):
                yield name, paragraph

    def blank(self, name: str) -> LeftBlank | None:
        """Return the blank heading of this field, or None."""
        return next((blank for blank in self.left_blank if blank.name == name), None)

    def values(self, name: str) -> tuple[Any, ...]:
        """Return all values of a field, whatever its kind."""
        match BY_NAME[name].kind:
            case FieldKind.ACTORS:
                return tuple(link for link in self.participations if link.role == name)
            case FieldKind.SCOPES:
                return tuple(link for link in self.scopes if link.concept.kind == name)
            case FieldKind.PROJECTS:
                return tuple(link for link in self.relations if link.kind == name)
            case FieldKind.LAYOUT | FieldKind.CURRENCY:
                return ()
            case _:
                value = getattr(self, name)
                return value if isinstance(value, tuple) else () if value is None else (value,)


#: The fields with claims.
_CLAIMS = ("participations", "scopes", "relations", "funding")
_LINK_ORDER: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "participations": lambda link: (_FIELD_ORDER.get(link.role, len(_FIELD_ORDER)), link.role, link.actor.key),
    "scopes": lambda link: (_FIELD_ORDER[link.concept.kind], link.concept.key),
    "relations": lambda link: (_FIELD_ORDER[link.kind], link.project.key),
    "funding": lambda link: (link.kind, link.start, link.end, link.currency, link.key),
    "left_blank": lambda blank: (_FIELD_ORDER[blank.name],),
}
