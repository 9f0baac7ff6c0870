"""Each statement of a text has the position of its object, in every syntax."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import BNode, Dataset, Graph, Literal, URIRef
from rdflib.collection import Collection

from cybilgraph.model.record import Place, Record, Source, Text
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input
from cybilgraph.readers.rdf import read_rdf
from cybilgraph.readers.rdf.positions import UNKNOWN, Places, Spot, parse
from tests.support.positions import BASE, RDF, XSD, located

SYNTAXES = {
    "turtle": ox.RdfFormat.TURTLE,
    "longturtle": ox.RdfFormat.TURTLE,
    "trig": ox.RdfFormat.TRIG,
    "nt": ox.RdfFormat.N_TRIPLES,
    "nquads": ox.RdfFormat.N_QUADS,
    "xml": ox.RdfFormat.RDF_XML,
    "pretty-xml": ox.RdfFormat.RDF_XML,
    "json-ld": ox.RdfFormat.JSON_LD,
}
_texts = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"]) | st.sampled_from("\n\t\"\\.;,[](){}<>#@^~ 'é𝄞"), max_size=30
).filter(lambda text: "\ufffe" not in text and "\uffff" not in text)
_iris = st.sampled_from(
    [f"{BASE}{name}" for name in ("a", "b.c", "c#d", "e/f", "g-1")] + ["urn:x:one", "mailto:a@example.org"]
)
_predicates = st.sampled_from([f"{BASE}v#p", f"{BASE}v#q", f"{BASE}v#r", f"{RDF}type"])
_literals = st.one_of(
    _texts.map(Literal),
    st.tuples(_texts, st.sampled_from(["en", "en-gb", "fr"])).map(lambda pair: Literal(pair[0], lang=pair[1])),
    st.sampled_from(
        [
            *(("1", "integer"), ("-5", "integer"), ("2.5", "decimal"), ("1.0e6", "double"), ("true", "boolean")),
            *(("2018-04-01", "date"), ("007", "integer"), ("x y", "token")),
        ]
    ).map(lambda pair: Literal(pair[0], datatype=URIRef(XSD + pair[1]), normalize=False)),
)
_statement = st.tuples(_iris, _predicates, _literals | _iris | st.integers(0, 3) | st.lists(_literals, max_size=3))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Random statements: literals of every kind, nested blank nodes, lists."""
    graph = Graph()
    nodes = [BNode(f"n{number}") for number in range(4)]
    for subject, predicate, value in draw(st.lists(_statement, max_size=12)):
        from_node = draw(st.integers(-6, 3))
        node = nodes[from_node] if from_node >= 0 else URIRef(subject)
        if isinstance(value, list):
            head = BNode()
            Collection(graph, head, value)
            value = head if value else URIRef(f"{RDF}nil")
        elif isinstance(value, int):
            value = nodes[value]
        elif not isinstance(value, Literal):
            value = URIRef(value)
        if predicate != f"{RDF}type" or isinstance(value, URIRef):  # not every syntax can represent others
            graph.add((node, URIRef(predicate), value))
    return graph


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Assertions on")  # rdflib reports statements about lists that it omits
@pytest.mark.parametrize("name", SYNTAXES)
@given(graph=graphs())
@settings(max_examples=40)
def test_every_statement_has_position_of_its_object(name: str, graph: Graph) -> None:
    if "xml" in name:
        graph = _for_xml(graph)
    if name == "pretty-xml":  # rdflib writes the items of a list as nodes
        graph.remove((None, URIRef(f"{RDF}first"), None))
    dataset = Dataset()
    for triple in graph:
        dataset.default_graph.add(triple)
    _holds((dataset if name == "nquads" else graph).serialize(format=name), SYNTAXES[name])


@pytest.mark.slow
@pytest.mark.parametrize("syntax", set(SYNTAXES.values()), ids=lambda syntax: syntax.name)
@given(graph=graphs())
@settings(max_examples=25)
def test_statements_written_by_pyoxigraph_have_positions(syntax: ox.RdfFormat, graph: Graph) -> None:
    if syntax == ox.RdfFormat.RDF_XML:
        graph = _for_xml(graph)
    lines = graph.serialize(format="nt").encode()
    quads = ox.parse(lines, format=ox.RdfFormat.N_TRIPLES)
    written = ox.serialize((quad.triple for quad in quads), format=syntax, prefixes={"v": f"{BASE}v#", "": BASE})
    _holds(written.decode(), syntax)


def _for_xml(graph: Graph) -> Graph:
    """Remove what XML cannot represent or changes: line ends, spaces."""
    kept = Graph()
    for subject, predicate, value in graph:
        if not isinstance(value, Literal) or str(value).isprintable():
            kept.add((subject, predicate, value))
    return kept


def _holds(text: str, syntax: ox.RdfFormat) -> None:
    content = text.encode()
    places = Places(content)
    found = list(parse(content, syntax, BASE))
    plain = list(ox.parse(content, format=syntax, base_iri=BASE))
    assert len(found) == len(plain)
    assert [quad.predicate for quad, _ in found] == [quad.predicate for quad in plain]
    for quad, spot in found:
        value, rest = quad.object, content[spot.object :].decode()
        assert spot.object != UNKNOWN or syntax == ox.RdfFormat.JSON_LD
        if spot.object == UNKNOWN:
            continue
        place = places.place(spot.object)
        assert place
        lines = text.split("\n")
        assert "\n".join([lines[place.line - 1][place.column - 1 :], *lines[place.line :]]) == rest
        if isinstance(value, ox.Literal):
            _is_literal(value, rest, syntax, spot)
        elif isinstance(value, ox.NamedNode) and syntax in (ox.RdfFormat.N_TRIPLES, ox.RdfFormat.N_QUADS):
            assert rest.startswith(f"<{value.value}>")
        elif isinstance(value, ox.NamedNode) and quad.predicate.value != f"{RDF}rest":
            assert rest[0] not in "\"'[" or syntax == ox.RdfFormat.JSON_LD


def _is_literal(value: ox.Literal, rest: str, syntax: ox.RdfFormat, spot: Spot) -> None:
    if syntax == ox.RdfFormat.RDF_XML:
        assert rest.startswith(("<", _xml(value.value)[:5])) or "&" in rest[:60]
    elif syntax == ox.RdfFormat.JSON_LD:
        if spot.object != spot.subject:
            assert rest.startswith('"')
            [read] = re.match(r'("(?:[^"\\]|\\.)*")', rest, re.DOTALL).groups()
            assert json.loads(read) == value.value
    else:
        # The token at the position, parsed as the object of a statement.
        [token] = re.match(r'("""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\]|\\.)*"|[^\s;,\])]+)', rest, re.DOTALL).groups()
        again = re.match(r"\^\^(?:<[^>]*>|[\w:]+)|@[\w-]+", rest[len(token) :])
        if token.startswith('"'):
            [quad] = ox.parse(f"<urn:a> <urn:b> {token} .".encode(), format=ox.RdfFormat.TURTLE)
            assert quad.object.value == value.value
        else:
            assert token.rstrip(".").startswith(value.value[:1].lower()) or token[0] in "+-.0123456789tf"
            assert again is None


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_columns_count_characters() -> None:
    text = '<urn:é> <urn:p> "ß", "x" .\r\n<urn:é> <urn:q> "y" .'
    places = Places(text.encode())
    found = [places.place(spot.object) for _, spot in located(text, ox.RdfFormat.TURTLE)]
    assert found == [Place(1, 17), Place(1, 22), Place(2, 17)]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_columns_on_long_line_count_characters_in_linear_time() -> None:
    text = "é\n" + "ßx€" * 30_000
    places = Places(text.encode())
    long = text.partition("\n")[2]
    offsets = {len(long[:at].encode()) + 3: at for at in range(0, len(long), 7)}
    assert all(places.place(offset) == Place(2, at + 1) for offset, at in offsets.items())


def test_number_of_calls_grows_linearly() -> None:
    def calls(number: int) -> int:
        text = "".join(f'<urn:{n}> <urn:p> "{n}" ; <urn:q> [ <urn:r> ( {n} "x" ) ] .\n' for n in range(number)).encode()
        events: Counter[str] = Counter()
        before = sys.getprofile()
        sys.setprofile(lambda _, event, __: events.update((event,)))
        try:
            statements = list(parse(text, ox.RdfFormat.TURTLE, BASE))
        finally:
            sys.setprofile(before)
        assert len(statements) == 7 * number
        return events.total()

    assert calls(800) < 9 * calls(100)  # eight times as many; quadratic growth would be 64 times


def written(record: Record, syntax: ox.RdfFormat) -> bytes:
    quads = ox.parse("\n".join(describe(record)).encode(), format=ox.RdfFormat.N_TRIPLES)
    return ox.serialize((quad.triple for quad in quads), format=syntax)


@pytest.mark.parametrize(
    ("suffix", "syntax"),
    [
        ("ttl", ox.RdfFormat.TURTLE),
        ("nt", ox.RdfFormat.N_TRIPLES),
        ("rdf", ox.RdfFormat.RDF_XML),
        ("jsonld", ox.RdfFormat.JSON_LD),
    ],
)
def test_values_of_record_have_places(suffix: str, syntax: ox.RdfFormat) -> None:
    record = Record(
        source=Source("x", "0" * 64),
        title=Text("A title"),
        code=Text("G0042"),
        slug=Text("a-title"),
        summary=(Text("What it is."),),
        outcomes=(Text("A law."), Text("A team.")),
    )
    content = written(record, syntax)
    [back] = read_rdf(Input(f"x.{suffix}", data=content))
    assert back == record
    lines = content.decode().split("\n")
    for text in (back.title, back.code, *back.summary, *back.outcomes):
        assert text
        assert text.place
        assert lines[text.place.line - 1][text.place.column - 1 :].startswith(text.text)


def test_paragraphs_and_names_have_lines(tmp_path: Path) -> None:
    text = '''@prefix cyb: <https://w3id.org/cybilgraph/ontology#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
<https://w3id.org/cybilgraph/id/project/G0042> a cyb:Project ;
  dcterms:title "A title" ;
  dcterms:abstract """First
     paragraph.

  Second one.""" ;
  cyb:funder "Council of Europe" ;
  cyb:start "soon" ;
  cyb:unknown 5 .'''
    [record] = read_rdf(Input("x.ttl", data=text.encode()))
    assert [part.place for part in record.summary] == [Place(5, 23), Place(8, 3)]
    assert record.participations[0].actor.printed.place == Place(9, 15)
    assert record.start
    assert record.start.printed.place == Place(10, 14)
    assert {finding.line for finding in record.findings} == {10, 11}
    assert record.labels["funder"] == ("cyb:funder", Place(9, 14))
    assert replace(record, labels={}) == record  # equality ignores places


def test_locates_json_ld_with_context() -> None:
    text = """{
      "@context": {"ex": "http://e/", "name": "ex:name", "T": "ex:T", "lang": "@language",
                   "knows": {"@id": "ex:knows", "@type": "@id"}, "day": {"@id": "ex:day", "@type": "ex:date"}},
      "@id": "http://e/a",
      "@type": ["T", "ex:U"],
      "name": ["A law.", {"@value": "loi", "lang": "fr"}],
      "knows": ["b",
                {"@id": "_:z", "name": "Zed \\"z\\""}],
      "day": "2018", "ex:count": 5,
      "ex:list": {"@list": ["one",
                            "two"]}
    }"""
    places = Places(text.encode())
    found = {str(quad.object): places.place(spot.object) for quad, spot in located(text, ox.RdfFormat.JSON_LD)}
    assert found['"A law."'] == Place(6, 16)
    assert found['"loi"@fr'].line == 6
    assert (found[f"<{BASE}b>"].line, found["_:z"].line) == (7, 8)
    assert found['"Zed \\"z\\""'].line == 8
    assert found['"2018"^^<http://e/date>'].line == 9
    assert (found['"one"'].line, found['"two"'].line) == (10, 11)
    assert found["<http://e/U>"].line == 5
    assert found[f'"5"^^<{XSD}integer>'].line == 4  # a number cannot carry a marker: it has the line of its subject


def shown(text: str, syntax: ox.RdfFormat = ox.RdfFormat.TURTLE) -> list[tuple[str, str, str]]:
    """Return the text at the positions of subject, predicate and object, up to a space."""
    content = text.encode()

    def word(offset: int) -> str:
        return re.match(r"\S+", content[offset:].decode())[0] if offset != UNKNOWN else "?"

    return [tuple(map(word, spot[:3])) for _, spot in located(text, syntax)]


def test_locates_all_features_of_turtle() -> None:
    text = """
    PREFIX e: <http://e/> # a comment . with "all" ; sorts [ of ( things
    @base <http://e/x/> .
    @prefix : <#> .
    e:a.b a e:C ; e:p.q 'one' , "two"@en-GB , '''three
    'lines' "of" it'''^^e:t;; e:n 1, -2.5 , .5e3, true .
    <#f>:p e:b\\,c ; e:q\\~r _:n.1 .
    [ e:p [ e:q "in" ] ; e:r ( 1 [ e:s "deep" ] ( "x" ) ) ] e:t [] .
    [] e:p () .
    ( 1 2 ) e:p "list" .
    e:a e:p e:b ~ e:r {| e:since 2020 |} , e:c {| e:w [ e:x "y" ] |} .
    << e:a e:p e:b >> e:q <<( e:s e:p "quoted" )>> .
    """
    rows = shown(text)
    values = [value for *_, value in rows]
    for value in (
        "e:C",
        "'one'",
        '"two"@en-GB',
        "'''three",
        "1,",
        "-2.5",
        ".5e3,",
        "true",
        "e:b\\,c",
        "_:n.1",
        '"in"',
        '"deep"',
    ):
        assert value in values, value
    for value in ('"x"', '"list"', "2020", '"y"', "<<(", "[]", "()"):
        assert value in values, value
    assert ("e:a.b", "e:p.q", "'one'") in rows
    assert ("<#f>:p", ":p", "e:b\\,c") in rows
    assert "?" not in {word for row in rows for word in row}


def test_locates_all_features_of_trig() -> None:
    text = """@prefix e: <http://e/> .
    e:g { e:a e:p "1" . e:b e:p "2" } GRAPH e:h { [ e:p "3" ] e:q "4" . } { e:c e:p "5" } [] { e:d e:p "6" } e:e e:p "7" .
    """
    rows = shown(text, ox.RdfFormat.TRIG)
    assert [value for *_, value in rows] == [f'"{number}"' for number in range(1, 8)]
    assert ("[", "e:q", '"4"') in rows


def test_locates_all_features_of_rdf_xml() -> None:
    text = f"""<?xml version="1.0"?><!-- <e:no/> -->
    <rdf:RDF xmlns:rdf="{RDF}" xmlns:e="http://e/">
      <e:T rdf:about="a" e:x="1" e:y="2">
        <e:p rdf:resource="b"/>
        <e:q e:z="3"/>
        <e:r rdf:parseType="Resource"><e:s>five &amp; six</e:s></e:r>
        <e:l rdf:parseType="Collection"><rdf:Description rdf:about="m"/><e:T><e:v>nine</e:v></e:T></e:l>
        <rdf:li>first</rdf:li><rdf:li>second</rdf:li>
        <e:n><e:T rdf:nodeID="k"><e:u>one</e:u></e:T></e:n>
        <e:lit rdf:parseType="Literal"><b>bold</b></e:lit>
        <e:o rdf:ID="st">reified</e:o>
        <e:em/>
      </e:T>
    </rdf:RDF>"""
    content, places = text.encode(), Places(text.encode())
    lines = {}
    for quad, spot in located(text, ox.RdfFormat.RDF_XML):
        lines[str(quad.object)] = places.place(spot.object).line
        assert spot.subject != UNKNOWN
        if isinstance(quad.object, ox.Literal) and quad.object.value.isalpha():
            assert content[spot.object :].decode().startswith((quad.object.value, "<"))
    assert lines['"1"'] == lines['"2"'] == 3
    assert lines['"3"'] == 5
    assert lines['"five & six"'] == 6
    assert lines['"nine"'] == 7
    assert (lines['"first"'], lines['"one"'], lines['"reified"'], lines['""']) == (8, 9, 11, 12)


def test_locates_statements_between_comments_and_blank_lines() -> None:
    text = (
        "# <urn:no> <urn:no> <urn:no> .\n\n"
        '<urn:a> <urn:p> "a <urn:b> # text" . # a comment\r\n'
        "\t_:b <urn:q>\t_:c <urn:g> .\n"
        '<urn:é><urn:r>"1"^^<urn:t><urn:g>.\n'
    )
    places = Places(text.encode())
    found = [
        (quad.predicate.value, places.place(spot.subject), places.place(spot.object))
        for quad, spot in located(text, ox.RdfFormat.N_QUADS)
    ]
    assert found == [
        ("urn:p", Place(3, 1), Place(3, 17)),
        ("urn:q", Place(4, 2), Place(4, 14)),
        ("urn:r", Place(5, 1), Place(5, 15)),
    ]


def test_locates_statements_of_n_triples() -> None:
    text = '<urn:a> <urn:p> <urn:b> .\n<urn:a> <urn:p> "c"@en .\n'
    places = Places(text.encode())
    assert [places.place(spot.object) for _, spot in located(text, ox.RdfFormat.N_TRIPLES)] == [
        Place(1, 17),
        Place(2, 17),
    ]
