"""RDF is read back into the record that it was written from; handwritten RDF; arbitrary bytes."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.model.fields import FIELDS
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format
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
from cybilgraph.model.vocabulary import CYB, PREFIXES
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers import READERS, Input, find_inputs, read_input
from cybilgraph.readers.rdf import read_rdf
from cybilgraph.readers.rdf.document import SYNTAXES
from tests.conftest import RECORDS, SAMPLES

TEXTS = [*find_inputs([RECORDS]), *(found for found in find_inputs([SAMPLES / "labelled"]) if found.suffix == ".txt")]
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


def triples_of(record: Record) -> frozenset[str]:
    """Return the triples of a record without its source."""
    return frozenset(line for line in describe(record) if "/source" not in line)


def without_lines(triples_of: frozenset[str]) -> frozenset[str]:
    """Remove the page's line numbers from triples."""
    return frozenset(line for line in triples_of if f"<{CYB.line}>" not in line)


class Page(NamedTuple):
    """A record with the stated values of its page, and also with the derived ones (``complete``), and the
    triples of both.
    """

    record: Record
    complete: bool
    derived: Record
    triples_of: frozenset[str]
    derived_said: frozenset[str]


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
    rights=Text("CC BY 4.0"),
)


@pytest.mark.parametrize("fmt", GRAPH_FORMATS, ids=lambda fmt: fmt.name)
def test_record_with_every_field_round_trips(fmt: Format) -> None:
    [back] = read(write(describe(FULL), fmt.name), f"x.{fmt.suffix}")
    assert back == FULL
    assert triples_of(back) == triples_of(FULL)
    assert not back.findings
    assert (back.address, back.updated, back.rights) == (FULL.address, FULL.updated, FULL.rights)
    assert [link.evidence for link in back.participations] == [link.evidence for link in FULL.participations]


def test_record_without_code_and_title_keeps_its_key() -> None:
    record = Record(source=Source("page.txt", "ab" * 32), summary=(Text("It helps."),))
    [back] = read(write(describe(record), "turtle"))
    assert back == record
    assert back.key == record.key
    assert triples_of(back) == triples_of(record)


def test_earlier_captures_come_first_by_number(tmp_path: Path) -> None:
    titles = [f"Capture {number}" for number in range(12)]
    captures = []
    with Identities() as identities, Assembly(identities) as assembly:
        for number, title in enumerate(titles):
            more = (
                "Status: Ongoing\nContext\nWhy." if number % 2 else "Aims\nMuch."
            )  # fields that do not come from the other capture
            text = f"{title}\nCybil code: G0001\n{more}\nFunders\nThe X Fund\nSummary\nText.".encode()
            [record] = read_input(Input("x.txt", data=text))
            captures.append(record)
            assembly.add(record, describe(record))
        other = Record(source=Source("y", "1" * 64), title=Text("Other"), slug=Text("other"))
        assembly.add(other, describe(other))
        quads = list(assembly.quads())
    for name in ("nquads", "trig", "jsonld"):
        records = read(write(quads, name), f"x.{BY_NAME[name].suffix}")
        present = replace(captures[-1], aim=captures[-2].aim)  # the newest capture, completed from the one before
        assert records == [*captures[:-1], present, other]
        assert {link.actor.printed.text for record in records for link in record.participations} == {"The X Fund"}
        assert not any(link.actor.known for record in records for link in record.participations)
    (tmp_path / "all.nq").write_bytes(write(quads, "nquads"))
    with (tmp_path / "again.nq").open("wb") as output:
        pipeline.convert([tmp_path / "all.nq"], BY_NAME["nquads"], output)
    again = (tmp_path / "again.nq").read_text(encoding="utf-8").splitlines()
    assert {line for line in again if "/source" not in line} == {line for line in quads if "/source" not in line}


def test_handwritten_direct_links_are_stated() -> None:
    record = turtle("""
        project:G0099 a cyb:Project ; dcterms:title "By hand" ; cyb:funder actor:eu, "Council of Europe", country:AU ;
            cyb:implementer [ skos:prefLabel "UNODC" ], [ foaf:name "A new body" ], <https://example.org/x> ;
            cyb:partner <https://example.org/y>, <https://www.wikidata.org/wiki/Q7809> ;
            cyb:country country:BZ, "Kenya", country:AA ; cyb:region "Caribbean" ; cyb:theme theme:cybercrime ;
            cyb:status "Ongoing" ; cyb:start "2018-04" ; cyb:end "April 2020" ; cyb:duration "24 months" ;
            cyb:outcome "A law.", [ dcterms:description "A team." ; cyb:subheading "Later" ] ;
            cyb:contact "Ann <ann@example.org>", <mailto:ben@example.org> ; cyb:link <https://example.org/page> ;
            dcterms:abstract '''It helps
                them.

                And more.''' ; cyb:follows project:G0001, "An older project" ; dcterms:rights "CC0" .
        <https://example.org/y> rdfs:label "World Bank"@en .
    """)
    assert record.code == Text("G0099")
    assert record.slug == Text("by-hand")
    links = {(link.role, link.actor.key, link.actor.known) for link in record.participations}
    assert links >= {
        ("funder", "eu", True),
        ("funder", "coe", True),
        ("implementer", "unodc", True),
        ("implementer", "a-new-body", False),
        ("implementer", "https-example-org-x", False),
        ("partner", "world-bank", True),
    }
    assert any(role == "funder" and "australia" in key for role, key, _ in links)
    assert all(link.basis is Basis.STATED for link in (*record.participations, *record.scopes, *record.relations))
    assert [(link.concept.kind, link.concept.key, link.concept.known) for link in record.scopes] == [
        ("theme", "cybercrime", True),
        ("country", "AA", False),
        ("country", "BZ", True),
        ("country", "KE", True),
        ("region", "029", True),
    ]
    assert record.status
    assert record.status.key == "ongoing"
    assert [date and date.value for date in (record.start, record.end, record.duration)] == [
        "2018-04",
        "2020-04",
        "P2Y",
    ]
    assert record.outcomes == (Text("A law."), Text("A team.", subheading="Later"))
    assert record.contacts == (Contact("Ann", "ann@example.org"), Contact("", "ben@example.org"))
    assert record.links == (WebLink("https://example.org/page", "https://example.org/page"),)
    assert record.summary == (Text("It helps them."), Text("And more."))
    assert {link.project.key for link in record.relations} == {"G0001", "an-older-project"}
    assert record.rights == Text("CC0")
    assert describe(derive(record))


def test_unread_statements_are_reported() -> None:
    record = turtle("""
        project:a a cyb:Project ; dcterms:title "A project"@en, "Un projet"@fr, "A second title"@en ;
            <urn:budget> 5, 6 ; cyb:funder [ foaf:name "EU" ; foaf:homepage <https://example.org> ] ;
            cyb:participation [ cyb:role role:funder ], "x" ; dcterms:abstract <urn:x> ; cyb:start "2018", "2019" .
    """)
    assert record.title == Text("A project")
    findings = {finding.label: finding.text for finding in record.findings}
    assert findings.keys() == {
        *("dcterms:title", "urn:budget", "foaf:homepage", "cyb:actor", "cyb:participation", "dcterms:abstract"),
        "cyb:start",
    }
    assert findings["urn:budget"] == "5"


def test_project_with_foreign_iri() -> None:
    first, second = read(
        HEAD
        + """
        <https://example.org/projects/a-page> a cyb:Project ; dcterms:title "A project" ; cyb:follows <urn:b> .
        <urn:b> a cyb:Project ; dcterms:identifier "G0007" ; dcterms:relation <https://example.org/projects/a-page> .
        project:only-a-name a cyb:Project .
    """
    )
    assert (first.key, first.address) == ("a-project", Text("https://example.org/projects/a-page"))
    assert [link.project.key for link in first.relations] == ["G0007"]
    assert (second.key, second.address) == ("G0007", Text("urn:b"))
    assert [link.project.key for link in second.relations] == ["a-project"]


@pytest.mark.parametrize(
    ("text", "key", "findings"),
    [
        ('project:a-name a cyb:Project ; cyb:aim "Much." .', "a-name", []),
        ('project:a-name a cyb:Project ; dcterms:title "Another name" .', "a-name", []),
        ('project:a-name a cyb:Project ; dcterms:identifier "G0001" .', "G0001", ["other-key"]),
        ("project:G0001 cyb:country country:BZ .", "G0001", []),
        ('project:a%2Fb a cyb:Project ; cyb:aim "Much." .', "a/b", []),
        ('<id/project/relative> a cyb:Project ; cyb:aim "Much." .', "relative", []),
        ('<urn:only:this> a cyb:Project ; cyb:aim "Much." .', "urn-only-this", []),
        ('[] a cyb:Project ; rdfs:label "Called so" .', "called-so", []),
    ],
)
def test_key_of_project(text: str, key: str, findings: list[str]) -> None:
    record = turtle(text)
    assert record.key == key
    assert [finding.rule.rpartition("#")[2] for finding in record.findings] == findings


def test_cycles_terminate() -> None:
    record = turtle("""
        project:a a cyb:Project ; cyb:funder project:a ; cyb:outcome project:a ; cyb:participation project:a ;
            cyb:actor project:a ; cyb:evidence project:a ; cyb:relation project:a ; cyb:project project:a ;
            cyb:scope project:a ; cyb:concept project:a ; cyb:contact project:a ; cyb:link project:a ;
            cyb:dating project:a ; cyb:property cyb:start ; cyb:start "2018" ; dcterms:relation project:a .
    """)
    assert describe(derive(record))


@pytest.mark.parametrize("suffix", SYNTAXES)
@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\xff", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"PK\x03\x04\x00\x00", b"x"]
)
def test_file_without_project_gives_clear_error(suffix: str, content: bytes) -> None:
    assert READERS[suffix] is read_rdf
    with pytest.raises(SourceError, match=r"file\.") as error:
        read(content, f"file{suffix}")
    assert error.value.hint


@pytest.mark.parametrize("fmt", GRAPH_FORMATS, ids=lambda fmt: fmt.name)
def test_truncated_file_gives_projects_before_the_cut(fmt: Format) -> None:
    content = write(describe(FULL), fmt.name)
    for share in (0.2, 0.5, 0.9):
        cut = content[: int(len(content) * share)].rstrip(b"\n .") + b"<"
        with pytest.raises(SourceError, match=r"^x\.rdf: " if fmt.name == "rdfxml" else r"^x\.\w+:\d+:\d+: "):
            read(cut, f"x.{fmt.suffix}")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16le", "utf-16be", "utf-32"])
def test_other_encodings_are_reported(encoding: str) -> None:
    given = '<urn:a> <urn:b> "a text of some length" .'.encode(encoding)
    with pytest.raises(SourceError, match=f"this is {encoding.upper()}") as error:
        read(given)
    assert "iconv -f" in error.value.hint


@pytest.mark.parametrize(
    "text", ["<urn:а> <urn:б> 'только по-русски и больше ничего' .", "<urn:a> <urn:b> '\x01\x02\x03\x04' ."]
)
def test_byte_order_mark_is_trusted(text: str) -> None:
    with pytest.raises(SourceError, match="this is UTF-16LE"):
        read(text.encode("utf-16"))


def test_rdf_xml_in_other_encoding_is_reported() -> None:
    given = '<?xml version="1.0" encoding="klingon"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    with pytest.raises(SourceError, match="an encoding other than UTF-8") as error:
        read(given, "x.rdf")
    assert error.value.hint.startswith("Save it as UTF-8")


def test_syntax_error_has_line_and_column() -> None:
    with pytest.raises(SourceError, match=r"^file.ttl:2:1: invalid Turtle: "):
        read("<urn:a> <urn:b> 1 .\nab ab ab .\n")


@pytest.mark.parametrize("context", ['"http://127.0.0.1:9/c"', '["x.jsonld"]', '{"@import": "http://127.0.0.1:9/c"}'])
def test_remote_context_is_never_fetched(context: str) -> None:
    with pytest.raises(SourceError, match="nothing is fetched") as error:
        read(f'{{"@context": {context}, "@id": "urn:a", "b": 1}}', "x.jsonld")
    assert "into the file" in error.value.hint


R = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:u="urn:"'
N = 200_000
#: Each would crash the parser, or make it use gigabytes or hours.
BOMBS = {
    "blank.ttl": "<urn:a> <urn:b> " + "[ <urn:b> " * N,
    "list.trig": "<urn:a> <urn:b> " + "( " * N + ") " * N + ".",
    "term.ttl": "<urn:a> <urn:b> " + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N + " .",
    "term.nt": "<urn:a> <urn:b> " + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N + " .",
    "term.nq": "<urn:a> <urn:b> " + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N + " .",
    "hidden.nt": '<urn:a> <urn:b> "<<)>>)>>" .\n<urn:a> <urn:b> ' + "<<( <urn:a> <urn:b> " * N + "<urn:c>" + " )>>" * N,
    "object.jsonld": '{"@id":"urn:a","urn:b":' * 10_000 + "1" + "}" * 10_000,
    "array.jsonld": "[" * N + "]" * N,
    "context.jsonld": '{"@context":{' + ",".join(f'"t{i}":"t{i + 1}:a"' for i in range(9_000)) + '},"t0":1}',
    "escaped.jsonld": '{"\\u0040context":{' + ",".join(f'"t{i}":"t{i + 1}:a"' for i in range(9_000)) + '},"t0":1}',
    "scoped.jsonld": '{"@context":{"a":{"@id":"urn:a","@context":{"b":"urn:b"}}}}',
    "contexts.jsonld": "[" + ",".join(['{"@context":{"a":"urn:a"},"a":1}'] * 50_000) + "]",
    "depth.rdf": R + ">" + "<u:a><u:b>" * N,
    "depth.owl": R + ">" + "<u:a><u:b>" * N + "</u:b></u:a>" * N + "</rdf:RDF>",
    "entity.rdf": '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]>'
    + R
    + "><u:a><u:b>&b;</u:b></u:a></rdf:RDF>",
    "file.rdf": '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + R + "><u:a><u:b>&a;</u:b></u:a></rdf:RDF>",
    "names.rdf": R + "".join(f' xmlns:n{i}="urn:n{i}"' for i in range(9_000)) + ">" + "<u:a/>" * N + "</rdf:RDF>",
    "attributes.rdf": R + "><u:a " + "".join(f' u:n{i}="1"' for i in range(N)) + "/></rdf:RDF>",
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", BOMBS)
def test_input_that_would_crash_the_parser_is_rejected(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(BOMBS[name], encoding="utf-8")
    program = (
        "import sys; from cybilgraph.errors import SourceError; from cybilgraph.readers import find_inputs, read_input\n"
        "try: list(read_input(next(find_inputs([sys.argv[1]]))))\n"
        "except SourceError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / name], capture_output=True, text=True, timeout=25)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{name}: not parsed, because " in done.stdout


@pytest.mark.parametrize("suffix", ["ttl", "nt", "jsonld"])
def test_token_beyond_parser_buffer_gives_clear_error(suffix: str) -> None:
    long = b"y" * 16_800_000
    content = b'{"@id": "' + long + b'"}' if suffix == "jsonld" else b"# " + long + b"\n"
    with pytest.raises(SourceError, match="16 MB"):
        list(read_rdf(Input(f"a.{suffix}", data=content)))


def test_brackets_in_strings_iris_and_comments_do_not_count() -> None:
    brackets = "[(<<{" * 200
    record = turtle(
        f'project:a a cyb:Project ; cyb:aim "{brackets}", """{brackets}""" . # {brackets}\n<urn:((> a <urn:x> .'
    )
    assert record.aim
    text = '{"@id":"https://w3id.org/cybilgraph/id/project/a","https://w3id.org/cybilgraph/ontology#aim":"%s"}'
    assert read(text % ("[{" * 200), "x.jsonld")[0].aim
    empty = '<u:x u:y="/>"/>'
    xml = (
        f'{R} xmlns:c="{CYB.iri}"><c:Project rdf:about="id/project/a" c:aim="{">" * 200}"><!--{"<a>" * 200}-->'
        f"<c:context><![CDATA[{'<a>' * 200}]]></c:context></c:Project>{empty * 200}</rdf:RDF>"
    )
    assert read(xml, "x.rdf")[0].context


@pytest.mark.timeout(60)
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


def test_second_value_is_reported() -> None:
    text = """@prefix cyb: <https://w3id.org/cybilgraph/ontology#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
<https://w3id.org/cybilgraph/id/project/G0042> a cyb:Project ;
  dcterms:title "A title" ;
  cyb:end "2018-03" ,
    "2019-03" ;
  cyb:status <https://w3id.org/cybilgraph/id/status/ongoing> ,
    <https://w3id.org/cybilgraph/id/status/finished> ;
  cyb:unknown 5 ."""
    [record] = read_rdf(Input("x.ttl", data=text.encode()))
    assert record.end
    assert record.end.value == "2018-03"
    findings = [(each.rule.rpartition("#")[2], each.line, each.label) for each in record.findings]
    assert findings == [
        ("second-value", 6, "cyb:end"),
        ("second-value", 8, "cyb:status"),
        ("not-read", 9, "cyb:unknown"),
    ]
    assert record.findings[0].message == "“cyb:end” is given a second time, as “2019-03”. “2018-03” was kept."


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.rdf", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), ("a.ttl", "<urn:a> <urn:b> " + "[ <urn:c> " * 200)],
)
def test_hint_fits_every_rejected_syntax(name: str, content: str) -> None:
    with pytest.raises(SourceError, match="not parsed, because") as error:
        list(read_input(Input(name, data=content.encode())))
    assert error.value.hint == "Avoid this, for example by writing N-Triples."
