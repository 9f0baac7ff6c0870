"""Other parsers can read what is written, and a format that cannot hold an answer is an error."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from rdflib.query import Result
from rdflib.util import from_n3

from cybilgraph.errors import FormatMismatch
from cybilgraph.model.formats import BY_NAME
from cybilgraph.rdf.serialisation import RDF_FORMATS
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.query_worker import PART_BYTES, evaluate
from cybilgraph.sparql.store import RESULT_FORMATS

PARSERS = dict(zip(RDF_FORMATS, ["turtle", "nt", "nquads", "trig", "json-ld", "xml"], strict=True))
NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
NASTY = "\x00\x01\x08\t\n\x0b\x0c\r\x1f\x7f\x85\u2028\ufffe\uffff\ufffd\"'\\,;<>&]? \u202e\xa0é😀{}@^#"
TEXTS = st.text(NASTY, max_size=6) | st.text(max_size=6)
#: Property names that RDF/XML can and cannot express.
EXPRESSIBLE = [
    "http://x/p",
    "http://x/é",
    "http://x/a-b.c",
    "urn:x:p",
    "http://x/?q=&p",
    "http://x/1a",
    "http://x/it's/p",
]
INEXPRESSIBLE = [
    "http://x/1",
    "http://x/",
    "http://x/a%20",
    "urn:x:",
    "http://x/?a&1",
    "http://purl.org/dc/terms/",
    "http://x/𐐷",
]
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
IRIS = st.sampled_from(["http://x/é", "http://x/?a=1&b=%20'#c", "urn:x"]).map(ox.NamedNode)
TERMS = IRIS | st.builds(ox.Literal, TEXTS, language=st.sampled_from([None, "en", "pt-br"])) | TEXTS.map(
    lambda text: ox.Literal(text, datatype=ox.NamedNode("http://x/?t&u"))
)  # fmt: skip


def written(found: Any, name: str, *, part: int = 0) -> tuple[dict[str, Any], bytes]:
    """Return the head and the bytes of an answer."""
    parts: list[bytes] = []
    request = {"query": "SELECT * {}", "formats": [name]}
    head, last = evaluate(None, request, parts.append, 100 * PART_BYTES, find=lambda _: found)
    assert len(parts) >= part
    return head, b"".join([*parts, last])


@pytest.mark.slow
@given(st.lists(st.tuples(IRIS, st.sampled_from(EXPRESSIBLE + INEXPRESSIBLE), TERMS), min_size=1, max_size=3))
def test_other_parsers_read_the_same_graph(triples: list[tuple[Any, str, Any]]) -> None:
    graph = [ox.Triple(subject, ox.NamedNode(predicate), value) for subject, predicate, value in triples]
    expected = {(subject.value, predicate, value.value) for subject, predicate, value in triples}
    is_mismatch = any(name in INEXPRESSIBLE or NO_XML.search(value.value) for _, name, value in triples)
    for name, parser in PARSERS.items():
        head, content = written(iter(graph), name)
        assert head.get("error") == ("FormatMismatch" if name == "rdfxml" and is_mismatch else None), head
        if "error" not in head:
            found = rdflib.Dataset()
            found.parse(data=content, format=parser)
            assert {tuple(str(term) for term in quad[:3]) for quad in found.quads()} == expected


def read_back(content: bytes, name: str) -> list[str]:
    """Return the values of a table's only row."""
    text = content.decode()
    if name == "csv":
        return list(csv.reader(io.StringIO(text, newline="")))[1] or [""]
    if name == "tsv":  # rdflib's reader treats a form feed as the end of a line
        return [str(from_n3(term)) for term in text.split("\n")[1].split("\t")]
    found = Result.parse(io.BytesIO(content), format=name)
    return [str(found.bindings[0][column]) for column in found.vars or ()]


@pytest.mark.slow
@given(st.lists(TERMS, min_size=1, max_size=3))
def test_other_parsers_read_the_same_table(terms: list[Any]) -> None:
    values = [term.value for term in terms]
    is_mismatch = bool(NO_XML.search("".join(values)))
    row = " ".join(f"({term} AS ?v{number})" for number, term in enumerate(terms))
    for name in RESULT_FORMATS:
        head, content = written(ox.Store().query(f"SELECT {row} {{}}"), name)
        assert head.get("error") == ("FormatMismatch" if name == "xml" and is_mismatch else None), head
        assert "error" in head or read_back(content, name) == values


@pytest.mark.parametrize("name", ["li", "Description", "aboutEach", "aboutEachPrefix", "bagID"])
def test_reserved_rdf_xml_names_are_rejected_as_properties(name: str) -> None:
    triple = ox.Triple(ox.NamedNode("urn:a"), ox.NamedNode(f"{RDF}{name}"), ox.Literal("x"))
    assert written(iter([triple]), "rdfxml")[0]["error"] == "FormatMismatch"
    assert b"x" in written(iter([triple]), "turtle")[1]


@pytest.mark.slow
def test_answer_sent_in_parts_is_read_as_one() -> None:
    """A three-byte character is split at each possible position."""
    text = ox.Literal("€" * PART_BYTES)
    for character, error in (("", None), ("\r", None), ("\ufffe", "FormatMismatch")):
        for shift in range(3):
            bindings = ox.Store().query(f"SELECT ({ox.Literal('x' * shift + text.value + character)} AS ?x) {{}}")
            head, content = written(bindings, "xml", part=0 if error else 1)
            assert head.get("error") == error
            assert error or etree.fromstring(content).findtext(".//{*}literal") == "x" * shift + text.value + character


@pytest.mark.parametrize(("query", "name", "says", "others"), [
    (r'SELECT ("a\u0001" AS ?x) {}', "xml", r"written as XML: it contains the character U\+0001", "json, csv, tsv"),
    ("CONSTRUCT { <a:a> <http://x/&1> 1 } {}", "rdfxml", "property <http://x/&1> does not end", "turtle, ntriples, jsonld, nquads, trig"),
    ("CONSTRUCT { <a:a> <a:b> <<( <a:a> <a:b> 1 )>> } {}", "jsonld", "JSON-LD does not", "turtle, ntriples, rdfxml, nquads, trig"),
])  # fmt: skip
def test_format_mismatch_lists_suitable_formats(
    engine: EmbeddedEngine, query: str, name: str, says: str, others: str
) -> None:
    with pytest.raises(FormatMismatch, match=says) as error:
        engine.answer(query, (BY_NAME[name],))
    assert error.value.hint == f"Ask for one of: {others}"
