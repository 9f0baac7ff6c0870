"""The fast path answers lookups like a worker, and no other queries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cybilgraph.model.formats import BY_NAME, FORMATS, Format
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.sparql import Dataset, guard, lexer
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.sparql.fast_path import FastPath, parse_shape
from tests.support.operations import until

G0020 = "<https://w3id.org/cybilgraph/id/project/G0020>"
PLAIN = f"SELECT ?p ?o {{ {G0020} ?p ?o }}"
TAKEN = [
    PLAIN,
    f"{PLAIN} # 17",
    f"# of one\r\nselect * where{{{G0020} ?p ?o.}}",
    f"SELECT $o\nWHERE {{ {G0020} <http://purl.org/dc/terms/title> ?o . }}",
    "SELECT ?o { project:G0020 dcterms:title ?o }",
    "SELECT ?o { project:G0020 dcterms:title ?o ; }",
    "SELECT ?o ?p\t{ project:G0020 ?p ?o # SERVICE <http://x/> { }\n}",
    "PREFIX x: <https://w3id.org/cybilgraph/id/project/> prefix : <http://purl.org/dc/terms/> SELECT * { x:G0020 :title ?t }",
    "SELECT ?p { project:G0020 ?p cyb:Project }",
    "ASK { project:G0020 a cyb:Project }",
    "ASK WHERE { project:G0020 ?p ?o }",
    "DESCRIBE project:G0020",
    f"DESCRIBE {G0020} # all of it",
    "SELECT*{ project:G0020 ?p ?o }",
    "SELECT ?p { project:G0020 ?p ?o } LIMIT 10",
    "SELECT ?p { project:G0020 ?p ?o } limit 3 offset 2",
    "SELECT DISTINCT ?p { project:G0020 ?p ?o }",
    "SELECT ?title ?c { project:G0020 dcterms:title ?title ; cyb:country ?c . }",
    "SELECT * { project:G0020 dcterms:title ?title . project:G0020 a cyb:Project ; cyb:country ?c , ?d }",
    "SELECT ?name { project:G0020 cyb:country/skos:prefLabel ?name }",
    "SELECT ?c ?name { ?c skos:prefLabel ?name . project:G0020 cyb:country ?c }",
    "PREFIX e: <https://w3id.org/cybilgraph/ontology#> SELECT ?t { project:G0020 e:participation ?x . ?x a ?t }",
    "ASK { project:G0020 cyb:country/a ?type ; dcterms:title ?title }",
]
#: Nearly lookups, but for a worker: they may be slow, are unusual or have another meaning.
LEFT = [
    "SELECT ?p ?o { unknown:none ?p ?o }",  # whose mistake must be reported
    "SELECT ?x { ?x dcterms:title ?o . project:G0020 cyb:country ?c }",
    "SELECT ?x { project:G0020 cyb:country ?c . ?x cyb:country ?c }",
    "SELECT ?x { ?x dcterms:title ?y . ?y dcterms:title ?x }",
    "SELECT ?c { project:G0020 cyb:country ?c . ?c a cyb:Country }",
    "SELECT ?c { project:G0020 cyb:country ?c ; cyb:country ?c }",
    "SELECT ?c { project:G0020 ?p ?c . ?p rdfs:label ?l }",
    "SELECT ?o { project:G0020 dcterms:title+ ?o }",
    "SELECT ?o { project:G0020 dcterms:title|dcterms:title ?o }",
    "SELECT ?o { project:G0020 ?p/dcterms:title ?o }",
    "SELECT ?o { project:G0020 dcterms:title ?o } LIMIT -1",
    "SELECT ?o { project:G0020 dcterms:title ?o } LIMIT 1.5",
    "SELECT ?a { project:G0020 " + " ; ".join(f"dcterms:title ?{name}" for name in "abcdefghi") + " }",
    "SELECT ?s ?p ?o { ?s ?p ?o }",
    "SELECT ?s { ?s dcterms:title ?o }",
    "SELECT ?s { ?s a cyb:Project }",
    "SELECT ?x { project:G0020 ?x ?x }",
    "SELECT ?p { project:G0020 ?p ?o , ?r }",
    "SELECT ?p { project:G0020 ?p ?o } ORDER BY ?o",
    "SELECT ?p { project:G0020 ?p ?o } GROUP BY ?p",
    "SELECT ?p { project:G0020 ?p ?o } VALUES ?p { dcterms:title }",
    "ASKWHERE { project:G0020 ?p ?o }",
    "SELECT REDUCED ?p { project:G0020 ?p ?o }",
    "SELECT (COUNT(*) AS ?n) { project:G0020 ?p ?o }",
    "SELECT ?p ?p { project:G0020 ?p ?o }",
    "SELECT ?x { project:G0020 ?p ?o }",
    "SELECT ?p ?o ?x { project:G0020 ?p ?o }",
    "SELECT * { project:G0020 a cyb:Project }",
    "SELECT ?o { project:G0020 dcterms:title* ?o }",
    "SELECT ?o { project:G0020 ^dcterms:title ?o }",
    "SELECT ?o { project:G0020 !dcterms:title ?o }",
    "SELECT ?o { project:G0020 dcterms:title ?o FILTER(REGEX(?o, '(a*)*b')) }",
    "SELECT ?o { { project:G0020 dcterms:title ?o } }",
    "SELECT ?o { OPTIONAL { project:G0020 dcterms:title ?o } }",
    "SELECT ?o { GRAPH ?g { project:G0020 dcterms:title ?o } }",
    "SELECT ?o FROM <http://x/g> { project:G0020 dcterms:title ?o }",
    "SELECT ?o { SERVICE <http://127.0.0.1/> { project:G0020 dcterms:title ?o } }",
    "SELECT ?o { project:G0020 dcterms:title ?o BIND(NOW() AS ?n) }",
    'SELECT ?p { project:G0020 ?p "a" }',
    "SELECT ?p { project:G0020 ?p 1 }",
    "SELECT ?p { _:b ?p ?o }",
    "SELECT ?p { [] ?p ?o }",
    "SELECT ?o { << project:G0020 a cyb:Project >> dcterms:title ?o }",
    "SELECT ?o { <\\u0068ttp://x/a> ?p ?o }",
    "SELECT ?o { <a> ?p ?o }",
    "SELECT ?o { <http://x/é> ?p ?o }",
    "SELECT ?o { <http://x/a> <http://x/1 <2)SERVICE#> ?o }",
    "SELECT ?o { project:G0020\xa0dcterms:title ?o }",
    "SELECT ?o { project:G0020 dcterms:title ?o } # \\u000aSERVICE \x0b",
    "SELECT ?o { project:G0020 dcterms:title ?o # \r SERVICE <http://x/> {}\n }",
    "BASE <http://x/> SELECT ?o { <a> ?p ?o }",
    "DESCRIBE ?o { project:G0020 dcterms:title ?o }",
    "DESCRIBE project:G0020 project:G0021",
    "DESCRIBE *",
    "CONSTRUCT WHERE { project:G0020 ?p ?o }",
    "INSERT DATA { project:G0020 a cyb:Project }",
    "ASK {}",
    "",
    f"{PLAIN} #{'x' * 2_000}",
    "PREFIX x: <http://x/> " * 21 + PLAIN,
    f"SELECT ?p ?o {{ {G0020} ?p ?o }}" + "}" * 1_000,
    "{" * 1_900,
    "#" * 1_900,
]
FAST_WORDS = {"SELECT", "DISTINCT", "WHERE", "ASK", "DESCRIBE", "PREFIX", "LIMIT", "OFFSET", "A"}
#: Parts of other queries, in addition to the parts of lookups.
PIECES = [
    *("SELECT", "ASK", "DESCRIBE", "WHERE", "PREFIX", "*", "?p", "?o", "$p", "?x", "{", "}", ".", ";", ",", "a", " ", "\n"),
    *("#", "# x\n", "\r", "\t", "dcterms:title", "project:G0020", G0020, "x:", "<http://x/>", "<", ">", "(", ")", "'", '"'),
    *("SERVICE", "FILTER", "UNION", "LIMIT 1", "DISTINCT", "OPTIONAL", "FROM", "\\u0041", "_:b", "[]", "é", "\x00", "|", "^"),
]  # fmt: skip


@pytest.fixture(scope="module")
def in_memory(release: Release) -> Iterator[EmbeddedEngine]:
    """An engine with its store in memory."""
    engine = EmbeddedEngine(release.store, QueryLimits(store=10**9), graph=release.folder / GRAPH)
    until(lambda: engine.answer_fast(PLAIN, FORMATS))  # once it is loaded
    yield engine
    engine.close()


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
def test_lookup_is_answered_like_a_worker(in_memory: EmbeddedEngine, fmt: Format) -> None:
    for query in TAKEN:
        at_once = in_memory.answer_fast(query, (fmt,))
        assert (at_once is not None) == (fmt.carries_graph == query.startswith("DESCRIBE")), query
        if at_once:
            guard.guard(query)
            answer = in_memory.answer(query, (fmt,))
            assert (at_once.content, at_once.format, at_once.rows) == (answer.content, answer.format, answer.rows)
            assert at_once.hints == answer.hints == ()


@pytest.mark.parametrize("query", LEFT)
def test_near_lookups_go_to_a_worker(query: str) -> None:
    assert not parse_shape(query)[0]


def split(query: str) -> list[str]:
    """Return the tokens of a query, and the gaps between them."""
    tokens = list(lexer.tokens(query))
    cuts = {0, len(query), *(token.start for token in tokens), *(token.start + len(token.text) for token in tokens)}
    return [query[begin:end] for begin, end in pairwise(sorted(cuts))]


@pytest.mark.slow
@given(st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_accepted_lookup_is_one(in_memory: EmbeddedEngine, data: st.DataObject) -> None:
    """Mutates lookups by inserting, deleting and replacing parts."""
    pieces = split(data.draw(st.sampled_from(TAKEN)))
    for _ in range(data.draw(st.integers(0, 3))):
        begin = data.draw(st.integers(0, len(pieces)))
        pieces[begin : begin + data.draw(st.integers(0, 2))] = data.draw(st.lists(st.sampled_from(PIECES), max_size=2))
    query = "".join(pieces)
    if not parse_shape(query)[0]:
        return
    guard.guard(query)
    words = {token.text for token in lexer.tokens(query) if token.kind == "word"}
    assert {word.upper() for word in words} <= FAST_WORDS
    kinds = {token.kind for token in lexer.tokens(query)}
    assert kinds <= {"word", "iri", "name", "variable", "number", "open", "close", "other"}
    if at_once := in_memory.answer_fast(query, FORMATS):
        answer = in_memory.answer(query, FORMATS)
        assert (at_once.content, at_once.rows, answer.hints) == (answer.content, answer.rows, ())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?p ?o { project:none ?p ?o }",  # may need a hint
        "ASK { project:none ?p ?o }",
        "DESCRIBE project:none",
        "SELECT ?p ?o { <http://[> ?p ?o }",
    ],
)
def test_empty_and_wrong_answers_go_to_a_worker(in_memory: EmbeddedEngine, query: str) -> None:
    assert parse_shape(query)[0]
    assert in_memory.answer_fast(query, FORMATS) is None


@pytest.fixture
def large_graph(tmp_path: Path) -> Path:
    """A graph with a resource that has many statements, and one that has few."""
    graph = tmp_path / "graph.nq"
    graph.write_text(
        "".join(f"<http://x/large> <http://x/p> <http://x/{number:050}> .\n" for number in range(1_000))
        + "<http://x/small> <http://x/p> <http://x/o> .\n"
    )
    return graph


LARGE, SMALL = (f"SELECT ?o {{ <http://x/{name}> ?p ?o }}" for name in ("large", "small"))
LARGE_ASK = "ASK { <http://x/large> ?p ?o }"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT DISTINCT ?p { <http://x/large> ?p ?o }",
        "SELECT ?p { <http://x/large> ?p ?o } OFFSET 999",
        "SELECT ?p { <http://x/medium> ?p ?o ; ?q ?r }",  # 100 x 100 rows
        "ASK { <http://x/root> <http://x/p> ?x . ?x <http://x/p> ?y }",
        "SELECT ?y { <http://x/root> <http://x/p>/<http://x/p> ?y }",
    ],
)
def test_costly_queries_go_to_a_worker(large_graph: Path, query: str) -> None:
    with large_graph.open("a") as file:
        file.writelines(f"<http://x/medium> <http://x/p> <http://x/{number}> .\n" for number in range(100))
        file.write("<http://x/root> <http://x/p> <http://x/large> .\n")
    path = FastPath(large_graph)
    path.loading.join()
    assert parse_shape(query)[0]
    assert path.answer(query, FORMATS) is None
    assert path.answer(
        query.replace("/large", "/small").replace("/medium", "/small").replace("/root", "/small"), FORMATS
    ) or ("OFFSET" in query or "?y" in query)


def test_large_answers_go_to_a_worker(large_graph: Path) -> None:
    lookups = FastPath(large_graph)
    lookups.loading.join()
    assert lookups.answer(LARGE, FORMATS) is None
    assert lookups.answer(LARGE_ASK, FORMATS)
    assert lookups.answer(SMALL, FORMATS)
    lookups.close()
    assert lookups.answer(SMALL, FORMATS) is None


def test_slow_queries_go_to_a_worker(large_graph: Path) -> None:
    path = FastPath(large_graph, slow_seconds=0)
    path.loading.join()
    small_format, large_format = (BY_NAME["csv"],), (BY_NAME["xml"],)
    assert path.answer(LARGE, small_format)
    assert path.answer(LARGE, large_format) is None
    assert path.answer(LARGE, small_format) is None
    assert path.answer(f"{LARGE} # again", small_format) is None
    assert path.answer(SMALL, small_format)


def test_other_graphs_and_stores_on_disk_go_to_a_worker(in_memory: EmbeddedEngine, engine: EmbeddedEngine) -> None:
    assert in_memory.answer_fast(PLAIN, FORMATS)
    assert in_memory.answer_fast(PLAIN, FORMATS, graphs=Dataset(default=("http://x/g",))) is None
    assert engine.location == "on disk"
    assert engine.answer_fast(PLAIN, FORMATS) is None


def test_unreadable_graph_is_left_to_the_workers(tmp_path: Path) -> None:
    lookups = FastPath(tmp_path / "none.nq")
    lookups.loading.join()
    assert lookups.answer(PLAIN, FORMATS) is None
