"""Shared by the tests of RDF files: a record with every field, and short ways to write and read it."""

from __future__ import annotations

import io

from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.record import (
    Basis,
    Contact,
    Date,
    Evidence,
    LeftBlank,
    Named,
    Participation,
    Place,
    Record,
    Relation,
    Scope,
    Source,
    Text,
    WebLink,
)
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers import Input
from cybilgraph.readers.rdf import read_rdf

HEAD = "".join(f"@prefix {prefix}: <{iri}> .\n" for prefix, iri in PREFIXES.items())


def write(lines: list[str], name: str) -> bytes:
    output = io.BytesIO()
    serialise([f"{line}\n".encode() for line in lines], BY_NAME[name], output)
    return output.getvalue()


def read(content: str | bytes, name: str = "file.ttl") -> list[Record]:
    return list(read_rdf(Input(name, data=content.encode() if isinstance(content, str) else content)))


def turtle(text: str) -> Record:
    [record] = read(HEAD + text)
    return record


def named(kind: str, key: str, printed: str, known: bool = True) -> Named:
    return Named(kind, key, Text(printed), known)


QUOTE = (Evidence("aim", "It is paid by them.", Place(7), 0.83),)


#: Fields that the pages do not have, and both ways of knowing a link.
FULL = Record(
    source=Source("page.txt", "0" * 64),
    title=Text("Un projet"),
    code=Text("G0042"),
    iati=Text("XM-DAC-1-2"),
    slug=Text("un-projet"),
    status=named("status", "on-its-way", "on its way", known=False),
    start=Date("2018-04", Text("in April 2018"), QUOTE),
    end=Date("", Text("soon")),
    duration=Date("P1Y6M", Text("18 months")),
    participations=(
        Participation(named("actor", "eu", "The EU"), "funder", Basis.STATED),
        Participation(named("actor", "eu", "European Union"), "implementer", Basis.DERIVED, QUOTE * 2),
        Participation(named("actor", "a-b", "A / B; C", known=False), "beneficiary", Basis.STATED),
        Participation(named("actor", "coe", "Council of Europe"), "unspecified", Basis.DERIVED, QUOTE),
    ),
    scopes=(
        Scope(named("country", "atlantis", "Atlantis", known=False), Basis.STATED),
        Scope(named("region", "019", "Americas"), Basis.DERIVED, QUOTE),
        Scope(named("theme", "cybercrime", "Cyber crime"), Basis.STATED),
    ),
    relations=(
        Relation("follows", named("project", "G0001", "GFCE code G0001"), Basis.STATED),
        Relation("part_of", named("project", "a-programme", "A programme"), Basis.DERIVED, QUOTE),
    ),
    contacts=(Contact("Ann", "ann@example.org", "Head"), Contact("", "b@example.org"), Contact("Ben")),
    summary=(Text("One."), Text("Two.")),
    outcomes=tuple(Text(f"{number}. • Item;", subheading="In FY21/22" if number > 6 else "") for number in range(12)),
    links=(WebLink("Page", "https://example.org/a"), WebLink("No address")),
    left_blank=(LeftBlank("funder", "Funders"), LeftBlank("context", "Context")),
    language=Text("fr-be"),
    address=Text("https://example.org/projects/un-projet"),
    updated=Text("2024-05-31"),
    retrieved=Text("2024-06-30"),
    rights=Text("CC BY 4.0"),
)
