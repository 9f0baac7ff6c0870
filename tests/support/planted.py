"""Records with known faults: good ones, of which each breaks a rule by that rule's own update.

The updates are those of tests/samples/rules, so that a rule that is added there is planted here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from functools import cache
from typing import NamedTuple

import pyoxigraph as ox

from cybilgraph.model.findings import ShaclResult
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import (
    Basis,
    Contact,
    Date,
    Evidence,
    Named,
    Participation,
    Place,
    Record,
    Scope,
    Source,
    Text,
    WebLink,
)
from cybilgraph.model.vocabulary import PREFIXES
from cybilgraph.model.vocabulary import RULES as RULE
from cybilgraph.rdf.description import describe, describe_used_reference
from cybilgraph.validation import validate
from cybilgraph.validation.shapes import all_shapes_text
from tests.conftest import SAMPLES

FOLDER = SAMPLES / "rules"
RULES = sorted(path.stem for path in FOLDER.glob("*.ru"))
#: Records of one batch: each has ten codes of its own.
MOST = 1_000
#: What only one project may have, as the samples write it → as the record of a number has it.
UNIQUE = re.compile(
    r"\bG000(?P<code>[0-9])\b|\b(?:a-good-project|XM-EXAMPLE-[0-9]+)\b|(?P<title>\bA good [Pp]roject|Another project\b)"
)


class Planted(NamedTuple):
    """The lines of a record, the rule that it should violate (empty for a valid one), and all rules that it violates."""

    rule: str
    lines: tuple[str, ...]
    broken: tuple[ShaclResult, ...]


def constructed() -> list[str]:
    """Return the statements of a valid record with every field, as ``describe`` writes them."""

    def named(kind: str, key: str) -> Named:
        entry = load_gazetteer().get(kind, key)
        return Named(kind, key, Text(entry.name if entry else key))

    quote = (Evidence("summary", "It is delivered by the Council of Europe.", Place(9), 0.9),)
    roles = (("funder", "eu"), ("partner", "interpol"), ("beneficiary", "osce"))
    scopes = (("country", "BZ"), ("region", "019"), ("group", "caricom"), ("theme", "cybercrime"))
    record = Record(
        source=Source("page.txt", "0" * 64),
        title=Text("A good project"),
        code=Text("G0001"),
        slug=Text("a-good-project"),
        status=named("status", "finished"),
        start=Date("2018", Text("2018")),
        end=Date("2018-04-30", Text("30 April 2018")),
        participations=(
            *(Participation(named("actor", key), role, Basis.STATED) for role, key in roles),
            Participation(named("actor", "coe"), "implementer", Basis.DERIVED, quote),
        ),
        scopes=tuple(Scope(named(kind, key), Basis.STATED) for kind, key in scopes),
        contacts=(Contact("Secretariat", "office@example.org"),),
        summary=(Text("It is delivered by the Council of Europe."),),
        outcomes=(Text("A law."),),
        outputs=(Text("A draft."),),
        activities=(Text("A workshop."),),
        links=(WebLink("The law", "https://example.org/law"),),
        rights=Text("Free to use."),
    )
    return describe(record)


def with_context(lines: Iterable[str]) -> str:
    """Return the lines with what rules read besides: the reference data that they use, and the day of the check."""
    lines = list(lines)
    day = [line for line in written() if "/id/check>" in line]
    return "\n".join([*lines, *describe_used_reference(load_gazetteer(), lines), *day])


def written() -> list[str]:
    """Return the statements of the valid sample record."""
    quads = ox.parse(path=FOLDER / "good.ttl", format=ox.RdfFormat.TURTLE)
    return [f"{quad.triple} ." for quad in quads]


def broken(rule: str, good: list[str]) -> list[str]:
    """Return the lines of a record after the update of a rule."""
    store = ox.Store()
    store.load("\n".join(good).encode(), format=ox.RdfFormat.N_TRIPLES)
    store.update((FOLDER / f"{rule}.ru").read_text(encoding="utf-8"), prefixes=PREFIXES)
    return [f"{quad.triple} ." for quad in store]


@cache
def shapes() -> str:
    """Return all our shapes: those for single records, and those across records."""
    return all_shapes_text()


@cache
def sorts() -> tuple[Planted, ...]:
    """The good records, and one of each that breaks each rule. An update is written for the first
    record; where it does not break its rule in the second, it is not planted there.
    """
    found = []
    for good in (written(), constructed()):
        for rule in ("", *RULES):
            lines = broken(rule, good) if rule else good
            results = validate(with_context(lines), shapes())
            breaks = f"{RULE}{rule}" in {result.rule for result in results}
            if not rule or breaks or good == written():
                found.append(Planted(rule, tuple(lines), tuple(results)))
    return tuple(found)


def records(number: int, seed: int = 1) -> Iterator[list[Planted]]:
    """Yield ``number`` records in batches: half are valid, each other one has a fault that is unique in its batch."""
    chance = random.Random(seed)
    by_rule: dict[str, list[Planted]] = {}
    for sort in sorts():
        by_rule.setdefault(sort.rule, []).append(sort)
    good = by_rule.pop("")
    while number > 0:
        size = min(number, 2 * len(by_rule), MOST)
        faulty = [chance.choice(by_rule[rule]) for rule in chance.sample(RULES, size // 2)]
        chosen = faulty + chance.choices(good, k=size - size // 2)
        chance.shuffle(chosen)
        yield [renamed(sort, at) for at, sort in enumerate(chosen)]
        number -= size


def renamed(sort: Planted, number: int) -> Planted:
    """Return the record with its own IRIs."""

    def name(match: re.Match[str]) -> str:
        if code := match["code"]:
            return f"G{code}{number:03d}"
        return f"{match[0]} {number}" if match["title"] else f"{match[0]}-{number}"

    lines = tuple(UNIQUE.sub(name, line) for line in sort.lines)
    results = (
        ShaclResult(*(UNIQUE.sub(name, text) for text in astuple(result)[:-1]), result.messages)
        for result in sort.broken
    )
    return Planted(sort.rule, lines, tuple(results))
