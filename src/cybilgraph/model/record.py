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
from dataclasses import field
from enum import StrEnum
from typing import Any

from cybilgraph.model.fields import BY_NAME, FIELDS, NARRATIVE, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.values import value

#: What can stand in a project's IRI as its code.
KEY_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")


_NOT_IN_KEY = re.compile(r"[^A-Za-z0-9-]+")


#: The order of links: by field, the roles without a field of their own last.
_FIELD_ORDER = {row.name: number for number, row in enumerate(FIELDS)}


@value(frozen=True, slots=True)
class Place:
    """Where something is printed: line and column count from 1, in characters; ``in_table``, the
    column is the number of a cell.
    """

    line: int
    column: int = 1
    is_cell: bool = False

    def after(self, offset: int) -> Place:
        """The place so many characters further on the line."""
        return self if self.is_cell else Place(self.line, self.column + offset)


@value(frozen=True, slots=True)
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
        for start, place in reversed(self.breaks) if self.breaks else ():
            if start <= offset:
                return place.after(offset - start)
        return self.place and self.place.after(offset)

    def part(self, start: int, stop: int | None = None) -> Text:
        """A part of the text, without the spaces at its ends, with its own place."""
        piece = self.text[start:stop]
        start += len(piece) - len(piece.lstrip())
        piece = piece.strip()
        breaks = self.breaks and tuple(
            (at - start, place) for at, place in self.breaks if start < at < start + len(piece)
        )
        return Text(piece, self.at(start), self.under, breaks)


@value(frozen=True, slots=True)
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


@value(frozen=True, slots=True)
class Evidence:
    """The words that a derived link was found in: an exact part of one paragraph.

    ``confidence`` is the share of links found by such words that a careful reader confirms,
    as measured on labelled texts (data/reference/phrases.csv and role-weights.csv, tests/bench/mentions.py).
    """

    section: str
    quote: str
    place: Place | None = None
    confidence: float = 1.0


@value(frozen=True, slots=True)
class Date:
    """A date as precise as it was printed.

    ``value`` is ``2018``, ``2018-04`` or ``2018-04-30``, of a duration ``P1Y6M`` (XSD 1.1 part 2,
    3.3.6); empty where the printed form names no time that a reader may state (``30th May``,
    with no year). ``evidence`` is the sentence that a derived date was found in.
    """

    value: str
    printed: Text = field(compare=False)
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@value(frozen=True, slots=True)
class Participation:
    """An actor takes part in the project, in a role of the scheme of roles."""

    actor: Named
    role: str
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@value(frozen=True, slots=True)
class Scope:
    """The project is about a country, region, group or theme."""

    concept: Named
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@value(frozen=True, slots=True)
class Relation:
    """Another project that this one is part of, follows or is related to: ``kind`` is the name
    of the field. The project's key is its code, or is made from its title.
    """

    kind: str
    project: Named
    basis: Basis
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)


@value(frozen=True, slots=True)
class Contact:
    """A published contact: kept in a node of its own, so that one switch leaves it out.

    ``note`` is what else the page prints of it: a post, a telephone number.
    """

    name: str
    email: str = ""
    note: str = ""
    place: Place | None = field(default=None, compare=False)


@value(frozen=True, slots=True)
class WebLink:
    """A link of the page. Saving a page as text loses addresses: then ``url`` is empty."""

    text: str
    url: str = ""
    place: Place | None = field(default=None, compare=False)


@value(frozen=True, slots=True)
class LeftBlank:
    """A label printed with nothing under it."""

    name: str
    label: str = field(compare=False)
    place: Place | None = field(default=None, compare=False)


@value(frozen=True, slots=True)
class Source:
    """What a record was read from: a name that is no path of a machine, and a checksum.

    ``line`` is where the record begins in a file that holds several, else 0.
    """

    name: str
    sha256: str
    line: int = 0


@value(frozen=True, slots=True, kw_only=True)
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
            if len(given := getattr(self, name)) > 1:
                links = {order(link): link for link in reversed(given)}  # the first printed stays
                object.__setattr__(self, name, tuple(links[key] for key in sorted(links)))

    @property
    def key(self) -> str:
        """What the project's IRI ends in: its code, else what its IATI identifier gives, else its
        slug, else a stand-in made from the source's checksum, so that a page without any still
        has an identity. A code that has other characters than a code can have does not name the
        project.
        """
        if self.code and KEY_PATTERN.fullmatch(self.code.text):
            return self.code.text
        if self.iati and (key := _NOT_IN_KEY.sub("-", self.iati.text).strip("-").lower()[:200]):
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
            case FieldKind.ACTORS:
                return tuple(link for link in self.participations if link.role == name)
            case FieldKind.SCOPES:
                return tuple(link for link in self.scopes if link.concept.kind == name)
            case FieldKind.PROJECTS:
                return tuple(link for link in self.relations if link.kind == name)
            case FieldKind.LAYOUT:
                return ()
            case _:
                value = getattr(self, name)
                return value if isinstance(value, tuple) else () if value is None else (value,)


_LINK_ORDER: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "participations": lambda link: (_FIELD_ORDER.get(link.role, len(_FIELD_ORDER)), link.role, link.actor.key),
    "scopes": lambda link: (_FIELD_ORDER[link.concept.kind], link.concept.key),
    "relations": lambda link: (_FIELD_ORDER[link.kind], link.project.key),
    "left_blank": lambda blank: (_FIELD_ORDER[blank.name],),
}
