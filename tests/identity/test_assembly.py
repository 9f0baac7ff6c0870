"""Described records become one graph: ordered, without duplicates, and with the history in named graphs."""

from __future__ import annotations

import random
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Protocol

import pytest

from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
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
)
from cybilgraph.model.state_bodies import parse_actor_name
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, OWL, PROV, RDFS, SKOS, thing_iri
from cybilgraph.rdf.description import describe
from tests.support.identities import quads

ACTOR = Named("actor", "eu", Text("EU"))
A, B = (thing_iri("project", key) for key in "AB")


def line(subject: str, text: str) -> str:
    return f'<{subject}> <urn:p> "{text}" .'


def record(key: str, **fields: object) -> Record:
    return Record(source=Source(f"{key}.txt", "0"), code=Text(key), **fields)  # type: ignore[arg-type]


class Assembled(Protocol):
    """Assembles records into quads, and returns their identities."""

    def __call__(self, *records: Record, earlier: Iterable[tuple[str, str]] = ()) -> tuple[list[str], Identities]: ...


@pytest.fixture
def assembled() -> Iterator[Assembled]:
    with ExitStack() as stack:

        def make(*records: Record, earlier: Iterable[tuple[str, str]] = ()) -> tuple[list[str], Identities]:
            identities = stack.enter_context(Identities(earlier))
            assembly = stack.enter_context(Assembly(identities))
            for each in records:
                assembly.add(each, describe(each))
            return quads(assembly), identities

        yield make


def projects(identities: Identities) -> dict[str, list[int]]:
    """Return the numbers of each project's records by key, oldest first."""
    return {key: [number for number, _ in records] for key, records in identities.projects()}


def test_order_of_records_does_not_matter() -> None:
    records = [(f"G{number:04d}", [line(thing_iri("project", f"G{number:04d}"), "x")]) for number in range(50)]
    results = []
    for _ in range(3):
        random.shuffle(records)
        with Identities() as identities, Assembly(identities) as assembly:
            for key, lines in records:
                assembly.add(record(key), lines)
            results.append(quads(assembly, [line("urn:other", "y")]))
    assert results[0] == results[1] == results[2]
    assert len(results[0]) == 51


def test_newest_capture_wins_field_by_field_and_earlier_ones_remain_complete(assembled: Assembled) -> None:
    old = record(
        "A",
        title=Text("Old"),
        aim=(Text("Only the old one tells it."),),
        participations=(Participation(ACTOR, "funder", Basis.STATED),),
        contacts=(Contact("Who was there then"),),
    )
    new = record("A", title=Text("New"), summary=(Text("Only the new one tells it."),))
    quads, identities = assembled(old, new)
    assert list(projects(identities)) == ["A"]
    present = [quad for quad in quads if "/graph/" not in quad]
    assert f'<{A}> <{DCTERMS.title}> "New"@en .' in present
    assert f'<{A}> <{CYB.aim}> "Only the old one tells it."@en .' in present
    assert f'<{A}> <{DCTERMS.abstract}> "Only the new one tells it."@en .' in present
    assert f"<{A}> <{CYB.funder}> <{thing_iri('actor', 'eu')}> ." in present
    assert not any("Who was there then" in quad or '"Old"' in quad for quad in present)
    graph = f"<{BASE}graph/A/1>"
    history = [quad for quad in quads if quad.endswith(f"{graph} .") and "#wasRevisionOf" not in quad]
    source = re.compile(rf"(<{BASE}record/A/source)(?=[/>])")
    assert [f"{quad.removesuffix(f'{graph} .')}." for quad in history] == [
        source.sub(r"\1/1", line) for line in describe(old)
    ]
    assert f"<{BASE}record/A> <{CYB.currentSource}> <{BASE}record/A/source> ." in present
    assert f"{graph} <{DCTERMS.isVersionOf}> <{BASE}record/A> ." in quads
    assert f"{graph} <{PROV.wasDerivedFrom}> <{BASE}record/A/source/1> ." in quads
    assert f"<{BASE}record/A> <{PROV.wasRevisionOf}> {graph} ." in quads
    sources = {quad.split(" ")[2] for quad in present if f"<{PROV.wasDerivedFrom}>" in quad}
    assert sources == {f"<{BASE}record/A/source>", f"<{BASE}record/A/source/1>"}


def test_captures_keep_their_numbers_when_older_ones_are_added(assembled: Assembled) -> None:
    def capture(year: int, key: str = "G0001") -> Record:
        source = Source(f"{year}.txt", f"{year:x}")
        return replace(record(key, title=Text(f"In {year}")), source=source, updated=Text(f"{year}-01-01"))

    def titles(quads: Iterable[str]) -> dict[str, str]:
        of_graphs = (re.search(r'title> "In (\d+)"@en <.*/graph/(\w+/\d+)>', quad) for quad in quads)
        return {found[2]: found[1] for found in of_graphs if found}

    first, identities = assembled(capture(2015), capture(2018), capture(2020))
    assert titles(first) == {"G0001/1": "2015", "G0001/2": "2018"}
    second, identities = assembled(*map(capture, (2012, 2018, 2020, 2015, 2021)), earlier=list(identities.rows()))
    assert titles(second) == {"G0001/1": "2015", "G0001/2": "2018", "G0001/3": "2012", "G0001/4": "2020"}
    sources = {quad.split("> ")[-2] for quad in second if f"graph/G0001/3> <{PROV.wasDerivedFrom}>" in quad}
    assert sources == {f"<{BASE}record/G0001/source/3"}

    # What is gone leaves no checksum behind, and its number is not used again; other numbers survive that.
    third, identities = assembled(capture(2018), capture(2021), earlier=list(identities.rows()))
    assert titles(third) == {"G0001/2": "2018"}
    kept = [name for _, name in identities.rows() if name.startswith("version:")]
    assert kept == ["version:1:", f"version:2:{2018:x}", "version:3:", "version:4:"]
    alone, identities = assembled(capture(2018, "G0002"), capture(2018), earlier=list(identities.rows()))
    assert titles(alone) == {}
    last, _ = assembled(capture(2018), capture(2013), capture(2022), earlier=list(identities.rows()))
    assert titles(last) == {"G0001/2": "2018", "G0001/5": "2013"}


def test_merged_and_missing_projects_do_not_give_their_numbers_to_other_captures(assembled: Assembled) -> None:
    def capture(key: str, title: str, checksum: str, year: int) -> Record:
        source = Source(f"{checksum}.txt", checksum)
        fields = {"code": Text(key)} if key else {"slug": Text("alpha-work")}
        return Record(source=source, title=Text(title), updated=Text(f"{year}-01-01"), **fields)

    def sources(quads: Iterable[str]) -> dict[str, str]:
        found = (re.search(r'title> "([\w ]+)"@en <.*/graph/([\w-]+/\d+)>', quad) for quad in quads)
        return {match[2]: match[1] for match in found if match}

    alpha = [capture("", "Alpha work", "a", 2019), capture("", "Alpha work", "b", 2020)]
    beta = [capture("x0901", "Beta", "c", 2018), capture("x0901", "Beta work", "d", 2021)]
    before, identities = assembled(*alpha, *beta)
    assert sources(before) == {"alpha-work/1": "Alpha work", "x0901/1": "Beta"}
    both = capture("x0901", "Alpha work", "e", 2022)
    merged, identities = assembled(*alpha, *beta, both, earlier=list(identities.rows()))
    assert sources(merged)["x0901/1"] == "Beta"

    _, identities = assembled(record("G0777", title=Text("Other")), earlier=list(identities.rows()))
    _, identities = assembled(record("G0777", title=Text("Other")), earlier=list(identities.rows()))
    again, _ = assembled(*beta, earlier=list(identities.rows()))
    assert set(sources(again)) == {"x0901/5"}


def test_derived_claims_of_an_earlier_capture_stay_if_new_ones_are_possible(assembled: Assembled) -> None:
    quote = (Evidence("summary", "It was funded.", Place(1)),)
    itu = Named("actor", "itu", Text("ITU"))
    old = record("A", title=Text("Old"), participations=(Participation(ACTOR, "funder", Basis.DERIVED, quote),))
    possible = tuple(Participation(actor, "funder", Basis.POSSIBLE, quote) for actor in (ACTOR, itu))
    quads, _ = assembled(old, record("A", title=Text("New"), participations=possible))
    bases = [quad for quad in quads if f"<{CYB.basis}>" in quad and "/graph/" not in quad]
    assert sorted(re.findall(r"participation/(.*)/funder> .*/basis/(.*)>", "\n".join(bases))) == [
        ("eu", "derived"),
        ("itu", "possible"),
    ]


def test_repetitions_in_one_file_count_as_one_capture(assembled: Assembled) -> None:
    """The last repetition is kept; an equal capture in another file is a further source."""

    def capture(name: str, line: int, title: str) -> Record:
        quote = Evidence("summary", "In Belize.", Place(line))
        scope = Scope(Named("country", "BZ", Text("Belize")), Basis.DERIVED, (quote,))
        return replace(record("A", title=Text(title), scopes=(scope,)), source=Source(name, "0", line))

    captures = [capture("a.csv", number, "Old" if number == 50 else "New") for number in range(2, 100)]
    quads, _ = assembled(*captures)
    assert {f"<{BASE}{graph}>" for quad in quads for graph in re.findall(r"graph/A/\d+", quad)} == {
        f"<{BASE}graph/A/1>"
    }
    assert [quad for quad in quads if '"Old"' in quad and "/graph/" not in quad] == []
    assert [quad for quad in quads if f"<{CYB.line}>" in quad and '"99"' in quad]
    quads, _ = assembled(*captures, capture("b.csv", 2, "New"))
    assert all(any(f'"{name}"' in quad for quad in quads) for name in ("a.csv", "b.csv"))


def test_merging_many_captures_takes_constant_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.runtime.spill._MAX_SPOOL_BYTES", 10_000)

    def peak(count: int) -> int:
        tracemalloc.reset_peak()
        with Identities() as identities, Assembly(identities) as assembly:
            for number in range(count):
                assembly.add(record("A"), [line(A, f"{number}{'x' * 10_000}")])
            assert sum(1 for _ in assembly.blocks(history=False)) == 1
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        few, many = peak(100), peak(500)
    finally:
        tracemalloc.stop()
    assert many - few < 1_000_000


def test_old_label_and_date_of_change_determine_age(assembled: Assembled) -> None:
    labels = {"code": ("GFCE Code", None)}
    older, newer = record("A", title=Text("Old"), labels=labels), record("A", title=Text("New"))
    assert f'<{A}> <{DCTERMS.title}> "New"@en .' in assembled(newer, older)[0]
    newer = record("A", title=Text("New"), updated=Text("2024-05-01"))
    older = record("A", title=Text("Old"), updated=Text("2020-05-01"))
    assert f'<{A}> <{DCTERMS.title}> "New"@en .' in assembled(newer, older)[0]
    newer = record("A", title=Text("New"), updated=Text("2020-05-01"), retrieved=Text("2024-05-02"))
    older = record("A", title=Text("Old"), updated=Text("2024-05-01"))
    assert f'<{A}> <{DCTERMS.title}> "New"@en .' in assembled(newer, older)[0]


def test_stated_values_win_over_newer_derived_ones(assembled: Assembled) -> None:
    stated = record("A", start=Date("2018", Text("2018")))
    derived = record("A", start=Date("2019", Text("2019"), (Evidence("summary", "In 2019 it began."),)))
    quads, _ = assembled(stated, derived)
    assert any('#start> "2018"' in quad for quad in quads if "/graph/" not in quad)
    assert not any('#start> "2019"' in quad for quad in quads if "/graph/" not in quad)


@pytest.mark.parametrize(("evidence", "is_blank"), [((), False), ((Evidence("summary", "In 2018 it began."),), True)])
def test_field_stays_blank_if_prose_alone_fills_it(
    assembled: Assembled, evidence: tuple[Evidence, ...], is_blank: bool
) -> None:
    earlier = record("A", start=Date("2018", Text("2018"), evidence))
    quads, _ = assembled(earlier, record("A", left_blank=(LeftBlank("start", "From"),)))
    assert any(f"<{CYB.leftBlank}> <{CYB.start}>" in quad for quad in quads if "/graph/" not in quad) is is_blank


def test_former_keys_become_aliases(assembled: Assembled) -> None:
    bare = Record(source=Source("a.txt", "0"), title=Text("A law"), slug=Text("a-law"))
    quads, first = assembled(bare)
    assert list(projects(first)) == ["a-law"]
    coded = record("G0001", title=Text("A law"), slug=Text("a-law"))
    quads, second = assembled(coded, earlier=list(first.rows()))
    assert dict(second.aliases()) == {"a-law": "G0001"}
    assert f"<{thing_iri('project', 'a-law')}> <{DCTERMS.isReplacedBy}> <{thing_iri('project', 'G0001')}> ." in quads
    quads, third = assembled(coded, earlier=list(second.rows()))
    assert dict(third.aliases()) == {"a-law": "G0001"}, "the third release still knows it"
    quads, fourth = assembled(record("G0002", title=Text("A law"), slug=Text("other")), earlier=list(third.rows()))
    assert fourth.key_of("a-law") == "G0002"


def test_records_with_code_and_with_title_are_merged(assembled: Assembled) -> None:
    coded = record("G0001", title=Text("A law"), slug=Text("a-law"))
    bare = Record(source=Source("b.txt", "0"), title=Text("A Law"), slug=Text("a-law"), aim=(Text("To help."),))
    quads, identities = assembled(bare, coded)
    assert projects(identities) == {"G0001": [0, 1]}
    assert f'<{thing_iri("project", "G0001")}> <{CYB.aim}> "To help."@en .' in quads
    assert any(f"<{BASE}graph/G0001/1>" in quad for quad in quads)


def test_different_codes_separate_projects_with_same_title(assembled: Assembled) -> None:
    one, other = (record(key, title=Text("A law"), slug=Text("a-law")) for key in ("G0001", "G0002"))
    bare = Record(source=Source("b.txt", "0"), title=Text("A law"), slug=Text("a-law"))
    _, identities = assembled(one, other, bare)
    assert set(projects(identities)) == {"G0001", "G0002", "a-law"}
    assert any(finding.rule.endswith("duplicate-suspected") for finding in identities.findings())


def test_relations_use_current_keys(assembled: Assembled) -> None:
    other = record("G0001", title=Text("A law"), slug=Text("a-law"))
    named = Named("project", "a-law", Text("A law"))
    one = record("G0002", title=Text("A team"), relations=(Relation("follows", named, Basis.STATED),))
    quads, _ = assembled(one, other)
    project = thing_iri("project", "G0002")
    assert f"<{project}> <{CYB.follows}> <{thing_iri('project', 'G0001')}> ." in quads
    assert f"<{project}/relation/follows/G0001> <{CYB.project}> <{thing_iri('project', 'G0001')}> ." in quads
    assert not any("a-law>" in quad for quad in quads)


def test_shared_resources_have_one_preferred_name_and_label() -> None:
    actor = thing_iri("actor", "x")
    label, plain = (f"<{actor}> <{term}>" for term in (SKOS.prefLabel, RDFS.label))
    with Identities() as identities, Assembly(identities) as assembly:
        assembly.add(record("A"), [line(A, "a"), *(f'{name} "X Ltd"@en .' for name in (plain, label))])
        names = ('"X Ltd"@en', '"X ltd"@en', '"X"@fr')
        assembly.add(record("B"), [line(B, "b"), *(f"{term} {name} ." for term in (plain, label) for name in names)])
        shared = [found for found in quads(assembly) if actor in found]
    assert shared == [
        *(f'{plain} "X Ltd"@en .', f'{plain} "X"@fr .'),
        f'<{actor}> <{SKOS.altLabel}> "X ltd"@en .',
        *(f'{label} "X Ltd"@en .', f'{label} "X"@fr .'),
    ]


@pytest.mark.slow
def test_shared_lines_take_constant_memory() -> None:
    def peak(count: int) -> int:
        tracemalloc.reset_peak()
        with Identities() as identities, Assembly(identities) as assembly:
            for number in range(count):
                key, actors = f"G{number:05}", (thing_iri("actor", f"x-{number}-{part}") for part in range(5))
                own = [line(thing_iri("project", key), "x")]
                assembly.add(
                    record(key), [*(f'<{actor}> <{SKOS.prefLabel}> "{"X" * 80}"@en .' for actor in actors), *own]
                )
            assert sum(len(block.split(b"\n")) - 1 for block in assembly.blocks()) == 6 * count
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        peak(1_000)  # fills the caches
        few, many = peak(300), peak(2_000)
    finally:
        tracemalloc.stop()
    assert many - few < 2_000_000


def test_former_key_is_deprecated_unless_another_record_uses_it(assembled: Assembled) -> None:
    def with_partner(key: str, name: str) -> Record:
        named = Named("actor", parse_actor_name(name).key, Text(name), known=False)
        return record(key, title=Text(key), participations=(Participation(named, "partner", Basis.STATED),))

    spain, kosovo = (with_partner(key, f"Ministry of Justice ({key})") for key in ("Spain", "Kosovo"))
    former = f"<{thing_iri('actor', 'ministry-of-justice')}>"
    quads, _ = assembled(spain, kosovo)
    successors = {quad.split(" ")[2] for quad in quads if quad.startswith(f"{former} <{RDFS.seeAlso}>")}
    assert successors == {f"<{thing_iri('actor', f'ministry-of-justice-{state}')}>" for state in ("spain", "kosovo")}
    assert any(quad.startswith(f"{former} <{OWL.deprecated}>") for quad in quads)
    quads, _ = assembled(spain, with_partner("Other", "Ministry of Justice"))
    assert not any(quad.startswith((f"{former} <{OWL.deprecated}>", f"{former} <{RDFS.seeAlso}>")) for quad in quads)
