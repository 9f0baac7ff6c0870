"""RDF is read back into the record that it was written from; handwritten RDF; arbitrary bytes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.fields import FIELDS
from cybilgraph.model.formats import GRAPH_FORMATS, Format
from cybilgraph.model.record import Record, Source, Text
from cybilgraph.model.vocabulary import CYB
from cybilgraph.rdf.description import describe
from cybilgraph.readers import READERS, find_inputs, read_input
from cybilgraph.readers.rdf import read_rdf
from cybilgraph.readers.rdf.document import SYNTAXES
from tests.conftest import PAGES, SAMPLES, run
from tests.support.rdf_files import FULL, HEAD, read, write

TEXTS = [*find_inputs(PAGES), *(found for found in find_inputs([SAMPLES / "labelled"]) if found.suffix == ".txt")]


def triples_of(record: Record) -> frozenset[str]:
    """Return the triples of a record without its source."""
    return frozenset(line for line in describe(record) if "/source" not in line)


class Page(NamedTuple):
    """A record with the stated values of its page, and also with the derived ones (``complete``), and the
    triples of both.
    """

    record: Record
    complete: bool
    derived: Record
    triples_of: frozenset[str]
    derived_said: frozenset[str]


def without_lines(triples_of: frozenset[str]) -> frozenset[str]:
    """Remove the page's line numbers from triples."""
    return frozenset(line for line in triples_of if f"<{CYB.line}>" not in line)


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    assert len(TEXTS) >= 95
    plain = [next(read_input(text)) for text in TEXTS]
    complete = [derive(record) for record in plain]
    whole = [(record, True, derive(record)) for record in complete]
    every = [*zip(plain, [False] * len(plain), complete, strict=True), *whole]
    return [
        Page(record, is_whole, derived, triples_of(record), triples_of(derived)) for record, is_whole, derived in every
    ]


@pytest.mark.slow
@pytest.mark.parametrize("fmt", GRAPH_FORMATS, ids=lambda fmt: fmt.name)
def test_every_record_round_trips(fmt: Format, pages: list[Page]) -> None:
    for record, complete, derived, own, derived_own in pages:
        [back] = read(write(describe(record), fmt.name), f"x.{fmt.suffix}")
        name = record.source.name
        assert back == record, name
        assert not back.findings, name
        assert triples_of(back) == own, name
        if fmt.name != "turtle":  # equal records give equal derived values
            continue
        again = derive(back)
        assert again == derived, name
        assert without_lines(triples_of(again)) == without_lines(derived_own), name
        if complete:
            assert triples_of(again) == derived_own, name


@pytest.mark.parametrize("fmt", GRAPH_FORMATS, ids=lambda fmt: fmt.name)
def test_record_with_every_field_round_trips(fmt: Format) -> None:
    [back] = read(write(describe(FULL), fmt.name), f"x.{fmt.suffix}")
    assert back == FULL
    assert triples_of(back) == triples_of(FULL)
    assert not back.findings
    assert (back.address, back.rights) == (FULL.address, FULL.rights)
    assert (back.updated, back.retrieved) == (FULL.updated, FULL.retrieved)
    assert [link.evidence for link in back.participations] == [link.evidence for link in FULL.participations]


def test_record_without_code_and_title_keeps_its_key() -> None:
    record = Record(source=Source("page.txt", "ab" * 32), summary=(Text("It helps."),))
    [back] = read(write(describe(record), "turtle"))
    assert back == record
    assert back.key == record.key
    assert triples_of(back) == triples_of(record)


@pytest.mark.parametrize("suffix", SYNTAXES)
@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\xff", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"PK\x03\x04\x00\x00", b"x"]
)
def test_file_without_project_gives_clear_error(suffix: str, content: bytes) -> None:
    assert READERS[suffix] is read_rdf
    with pytest.raises(SourceError, match=r"file\.") as error:
        read(content, f"file{suffix}")
    assert error.value.hint


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_repetition_takes_bounded_time() -> None:
    with pytest.raises(SourceError, match="no project"):
        read(b"# a comment\n" * 1_000_000, "x.nt")
    a = "<https://w3id.org/cybilgraph/id/project/a>"
    [record] = read(
        f'{a} <{CYB.aim}> "Much." .\n' + "".join(f"{a} <urn:p> <urn:{i}> .\n" for i in range(250_000)), "x.nt"
    )
    assert len(record.findings) == 1
    [record] = read("".join(f'{a} <{CYB.funder}> "Some unknown body {i}" .\n' for i in range(25_000)), "x.nt")
    assert len(record.participations) == 1_000
    assert "25,000" in record.findings[-1].message
    [record] = read("".join(f"{a} <urn:p{i}> 1 .\n" for i in range(25_000)), "x.ttl")
    assert len(record.findings) == 101


_TERMS = st.sampled_from(
    [
        *(f"<{row.term}>" for row in FIELDS if row.term),
        *(
            "project:a",
            "actor:eu",
            "country:BZ",
            "cyb:Project",
            "a",
            "[",
            "]",
            "(",
            ")",
            ".",
            ";",
            ",",
            "{",
            "}",
            "<<",
            ">>",
        ),
        *(
            '"2018"',
            '"Apr 2018"@en',
            '"x"^^xsd:gYear',
            "5",
            "true",
            "_:b",
            "cyb:participation",
            "cyb:scope",
            "cyb:role",
        ),
        *(
            "cyb:relation",
            "cyb:dating",
            "cyb:evidence",
            "cyb:actor",
            "<urn:x>",
            "<mailto:a@example.org>",
            '"""',
            "oa:exact",
        ),
        *("cyb:line", "cyb:confidence", "cyb:startAsPrinted", "cyb:leftBlank", "cyb:section", "<#%zz>", '"\\uD800"'),
    ]
)


@given(st.lists(_TERMS, max_size=20).map(" ".join), st.sampled_from([".ttl", ".trig", ".n3"]))
def test_arbitrary_turtle_gives_records_or_clear_error(text: str, suffix: str) -> None:
    _ends_well(f'{HEAD}project:a a cyb:Project ; cyb:aim "Much." .\n{text}'.encode(), suffix)


_OBJECTS = st.sampled_from(
    ["project:a", "actor:eu", "_:b", "cyb:start", "country:BZ", '"2018"', '"x"@fr', "5", "role:x"]
)
_PREDICATES = st.sampled_from(
    [
        f"<{iri}>"
        for iri in sorted({f"{CYB.iri}{term}" for term in CYB.terms} | {row.term for row in FIELDS if row.term})
    ]
)


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(["project:a", "_:b", "actor:eu"]), _PREDICATES, _OBJECTS), max_size=15))
def test_arbitrary_statements_give_a_record(statements: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{subject} {predicate} {value} .\n" for subject, predicate, value in statements)
    [record] = [found for found in read(f'{HEAD}project:a a cyb:Project ; cyb:aim "Much." .\n{text}') if found.aim][:1]
    assert describe(derive(record))
    again = read(write(describe(record), "turtle"))
    assert record in again


@given(
    st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from(list(SYNTAXES)),
)
def test_arbitrary_bytes_give_records_or_clear_error(content: bytes, suffix: str) -> None:
    _ends_well(content, suffix)


@pytest.mark.slow
@given(st.sampled_from(GRAPH_FORMATS), st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 8))
def test_arbitrary_damage_gives_records_or_clear_error(fmt: Format, at: int, with_bytes: bytes, lost: int) -> None:
    content = write(describe(FULL), fmt.name)
    at %= len(content)
    _ends_well(content[:at] + with_bytes + content[at + lost :], f".{fmt.suffix}")


def _ends_well(content: bytes, suffix: str) -> None:
    try:
        records = read(content, f"file{suffix}")
    except SourceError as error:
        assert error.hint
    else:
        assert all(describe(derive(record)) for record in records)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".ttl", ".xml"])
def test_bodies_of_two_states_stay_two_actors(suffix: str, tmp_path: Path) -> None:
    """Even if they are named in prose only, or have the one key that both had formerly."""
    (tmp_path / "a.csv").write_text(
        "title,code,summary,countries\nA,G0001,The Ministry of Justice (Spain) delivered training.,Peru; Chile\n",
        encoding="utf-8",
    )
    (tmp_path / "b.ttl").write_text(
        f"""{HEAD}
project:G0002 a cyb:Project ; dcterms:title "B"@en ; cyb:implementer actor:ministry-of-justice .
actor:ministry-of-justice a cyb:Actor ; skos:prefLabel "Ministry of Justice (Kosovo)"@en .
""",
        encoding="utf-8",
    )
    written = tmp_path / f"written{suffix}"
    options = ["-f", "iati"] if suffix == ".xml" else []
    assert run("convert", tmp_path / "a.csv", tmp_path / "b.ttl", *options, "-o", written).returncode == 0
    [file] = find_inputs([written])
    keys = {link.actor.key for record in read_input(file) for link in record.participations}
    assert keys == {"ministry-of-justice-spain", "ministry-of-justice-kosovo"}
