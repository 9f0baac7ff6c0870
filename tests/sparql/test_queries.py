"""SPARQL text: the guard, the parameters, and every example against its expected rows.

The expected rows stand in tests/samples/queries. After a change of records or queries, write
them again with `cybilgraph query NAME --from build/releases -f csv`, and read them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cybilgraph.errors import QueryError, QueryRefused, QuerySyntaxError
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.vocabulary import BASE, PREFIXES
from cybilgraph.sparql import queries
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from tests.conftest import ROOT, SAMPLES
from tests.support.pumps import grows

EXAMPLES = queries.example_queries()
IDS = [query.name for query in EXAMPLES]


@pytest.mark.parametrize("query", EXAMPLES, ids=IDS)
def test_example_returns_the_expected_rows(query: queries.Query, engine: EmbeddedEngine) -> None:
    [expected] = (SAMPLES / "queries").glob(f"{query.name}.*")
    content = engine.answer(query.text, (BY_NAME[expected.suffix[1:]],)).content.decode().replace("\r\n", "\n")
    if expected.suffix == ".ntriples":
        content = "".join(sorted(content.splitlines(keepends=True)))
    assert content == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("query", EXAMPLES, ids=IDS)
def test_example_has_a_description_and_each_parameter_one_block(query: queries.Query) -> None:
    assert query.title != query.name
    assert len(query.description) > 40
    assert not queries.undeclared_prefixes(query.text), "it must run on any endpoint"
    for parameter in query.parameters:
        assert parameter.description
        assert len([block for block in queries._BLOCK.finditer(query.text) if block[2] == parameter.name]) == 1
    queries.guard(query.text)


def test_every_expectation_belongs_to_an_example() -> None:
    assert len(EXAMPLES) >= 15
    assert {path.stem for path in (SAMPLES / "queries").iterdir()} == set(IDS)


def test_every_query_file_follows_its_naming_convention() -> None:
    for path in (ROOT / "queries").iterdir():
        assert path.suffix == ".rq"
        assert path.stem.partition("-")[0] in ("example", "page", "check")
        assert queries.load_query(path.stem).title


def test_phases_of_a_programme_with_links() -> None:
    """No record in data/ has a link to another project, so add one."""
    store = ox.Store()
    store.update(
        'INSERT DATA { project:a a cyb:Project ; dcterms:title "Phase 1"@en ; cyb:start "2018"^^xsd:gYear .'
        ' project:b a cyb:Project ; dcterms:title "Phase 2"@en ; cyb:follows project:a . }',
        prefixes=PREFIXES,
    )
    rows = list(store.query(queries.load_query("example-phases-of-a-programme").text))
    assert len(rows) == 1
    assert "Phase 1" in str(rows[0])
    assert "Phase 2" in str(rows[0])


def test_bind_accepts_codes_names_and_several_values() -> None:
    query = queries.load_query("example-projects-in-country")
    assert f"VALUES ?country {{ <{BASE}id/country/BZ> }}" in query.bind({"country": ["belize"]})
    assert f"{{ <{BASE}id/country/BZ> <{BASE}id/country/GY> }}" in query.bind({"country": ["BZ", "Guyana", "belize"]})


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("example-projects-in-country", {"country": ["Atlantis"]}, "no country is called"),
        ("example-projects-in-country", {"country": ["Belise"]}, "Did you mean Belize"),
        ("example-projects-in-country", {"town": ["x"]}, "no parameter 'town'"),
        ("example-active-projects-per-year", {"from": ["18"]}, "is not a year"),
        ("example-active-projects-per-year", {"from": ["2018", "2019"]}, "More than one from"),
        ("example-nothing", {}, "There is no query"),
        ("../secrets", {}, "There is no query"),
    ],
)
def test_invalid_values_raise_a_clear_error(name: str, values: dict[str, list[str]], says: str) -> None:
    with pytest.raises(QueryError) as error:
        queries.load_query(name).bind(values)
    assert says in str(error.value)


@given(st.text(max_size=40))
def test_value_never_becomes_sparql(value: str) -> None:
    query = queries.parse_named_query("q", '# param words text: words\nSELECT ?words WHERE { VALUES ?words { "x" } }')
    text = query.bind({"words": [value]})
    [row] = ox.Store().query(text)  # type: ignore[misc]
    assert row["words"].value == value  # type: ignore[union-attr, index]


def test_malformed_header_is_an_error() -> None:
    with pytest.raises(QueryError, match="cannot read"):
        queries.parse_named_query("q", "# param country\nSELECT * {}")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { ?s ?p ?o }",
        "# INSERT\nPREFIX x: <http://SERVICE> ASK { ?service x:service 'SERVICE <x>' }",
        'SELECT ?insert { ?insert a "LOAD" ; <SERVICE> """a "SERVICE" b""" }',
        "BASE <http://x/> DESCRIBE <y>",
        "CONSTRUCT WHERE { ?s ex:service ?o }",
        "SELECT (COUNT(*) AS ?n) { ?s ?p ?o FILTER(?a<3&&?b>4) }",
        'SELECT * { BIND("\\u0022 service \\u0022" AS ?x) }',
        "SELECT ?a·service { BIND(1 AS ?a·service) }",
        "SELECT ?a\u0301service { BIND(1 AS ?a\u0301service) }",
        "PREFIX e: <urn:> SELECT * { VALUES ?x { " + "e:a\\( " * 120 + "} }",
        "SELECT * { VALUES ?x { " + "1000 " * 6000 + "} }",
        "PREFIX e: <urn:e#> SELECT * { ?a e:service\\-b ?c ; e:a.b ?d ; e:%20service ?e }",
        "SELECT * { ?s ?p 'x'@en-service }\r\n",
    ],
)
def test_guard_accepts_queries(query: str) -> None:
    queries.guard(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE <http://x> { ?s ?p ?o } }",
        "select*{service<http://x>{}}",
        "SELECT * { SeRvIcE SILENT ?x { } }",
        "SELECT * { \\u0053ERVICE <http://x> {} }",
        "SELECT * { \\U00000053ERVICE <http://x> {} }",
        "SELECT * { #\nSERVICE <http://x> {} }",
        "SELECT * { 'a' \"b\" SERVICE <http://x> {} }",
        "SELECT * { FILTER(?a<?b)SERVICE<http://x>{} }",
        "SELECT * { FILTER(1<2)SERVICE#>\n<http://x>{?s ?p ?o} }",
        "PREFIX ex: <http://e/> SELECT * { OPTIONAL{?a ex:a\\#b ?o} SERVICE <http://x> {?x ?y ?z}\n }",
        "PREFIX ex: <http://e/> SELECT * { OPTIONAL{?a ex:a\\'b ?o} SERVICE <http://x> {} BIND('' AS ?q) }",
        'SELECT * { BIND("\\u0022" AS ?x) SERVICE <http://x> {?s ?p ?o} BIND("" AS ?y) }',
        "PREFIX ex: <http://e/> SELECT * { ?s ?p ex:.SERVICE <http://x> {} }",
        "SELECT * { ?s ?p trueSERVICE <http://x> {} }",
        "SELECT * { ?s ?p 1e5SERVICE <http://x> {} }",
        "INSERT DATA { <a> <b> <c> }",
        "PREFIX x: <y> DELETE WHERE { ?s ?p ?o }",
        "LOAD <http://x>",
        "CLEAR ALL",
        "WITH <g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    ],
)
def test_guard_rejects_updates_and_services(query: str) -> None:
    with pytest.raises(QueryRefused) as error:
        queries.guard(query)
    assert error.value.hint


@pytest.mark.parametrize(
    "query", ["", "  # nothing", "hello", "SELECT " + "(" * 200, "SELECT " + "a " * 30_000, "SELECT " + "x" * 200_000]
)
def test_guard_rejects_text_that_is_not_a_query(query: str) -> None:
    with pytest.raises(QuerySyntaxError):
        queries.guard(query)


def test_prefixes() -> None:
    query = 'PREFIX cyb: <x> SELECT * { ?s cyb:a country:BZ ; dcterms:title "skos:x" ; ex:y _:b }'
    assert queries.undeclared_prefixes(query) == ["country", "dcterms"]
    assert queries.unknown_prefixes(query) == ["ex"]
    assert queries.unknown_prefixes("SELECT * { ?a <http://e/\\u0053> ?b }") == []
    assert queries.unknown_prefixes("PREFIX e: <x:> SELECT * { ?a e:a\\#b ?c . ?c foo:bar ?d }") == ["foo"]


def test_custom_query_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "example-mine.rq").write_text("# title: Mine\nASK {}", encoding="utf-8")
    assert [query.title for query in queries.example_queries(tmp_path)] == ["Mine"]


# A reference implementation of the grammar's tokens, in quadratic time (SPARQL 1.1 Query, section 19.8).
_GRAMMAR = re.compile(
    rf"""(?P<gap>(?:\s|\#[^\n\r]*)+)
      | (?P<iri><(?:[^<>"{{}}|^`\\\x00-\x20]|\\u[0-9A-Fa-f]{{4}}|\\U[0-9A-Fa-f]{{8}})*>)
      | (?P<string>\"\"\"(?:(?:"|"")?(?:[^"\\]|\\.))*\"\"\" | '''(?:(?:'|'')?(?:[^'\\]|\\.))*'''
                 | "(?:[^"\\\n\r]|\\.)*" | '(?:[^'\\\n\r]|\\.)*')
      | (?P<variable>[?$][{queries._U}0-9][{queries._U}0-9\u00b7\u0300-\u036f\u203f-\u2040]*)
      | (?P<language>@[a-zA-Z]+(?:-[a-zA-Z0-9]+)*)
      | (?P<blank>_:[{queries._U}0-9](?:[{queries._C}.]*[{queries._C}])?)
      | (?P<name>(?:[{queries._U}](?:[{queries._C}.]*[{queries._C}])?)?:
                 (?:(?:[{queries._U}:0-9]|{queries._PLX})
                    (?:(?:[{queries._C}:.]|{queries._PLX})*(?:[{queries._C}:]|{queries._PLX}))?)?)
      | (?P<word>[{queries._U}][{queries._U}0-9]*)
      | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<open>[(\[{{]) | (?P<close>[)\]}}])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_PIECES = [
    *(
        '"',
        "'",
        '"""',
        "'''",
        "\\",
        '\\"',
        "\\'",
        "\n",
        "\r",
        "a",
        "b",
        ".",
        ":",
        "-",
        "_",
        "_:",
        "1",
        "e",
        "+",
        "<",
        ">",
    ),
    *(
        "\\u0041",
        "%41",
        "%4",
        "\\.",
        "#",
        " ",
        ")",
        "(",
        "{",
        "?x",
        "@en",
        "SERVICE",
        "·",
        "é",
        "\u0301",
        "\x85",
        "x:y",
    ),
]


@settings(max_examples=1_000)
@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))
def test_tokens_follow_the_grammar(query: str) -> None:
    wanted = [(match.lastgroup, match[0], match.start()) for match in _GRAMMAR.finditer(query)]
    assert [*queries.tokens(query)] == [token for token in wanted if token[0] != "gap"]
    without = "".join(re.sub(r"#[^\n\r]*", "", text) if kind == "gap" else text for kind, text, _ in wanted)
    assert queries.without_comments(query) == without


#: Text that is scanned repeatedly if a failed scan restarts at the next character.
HOSTILE_UNITS = {
    "IRI of closing brackets": ("ASK { <x:", ")", ""),
    "IRI of closing brackets, closed": ("ASK { <x:", ")", ">"),
    "escaped quotes": ('ASK { "', '\\"', ""),
    "escaped apostrophes": ("ASK { '", "\\'", ""),
    "open quotes": ("ASK { ", '"\n', ""),
    "long strings": ('ASK { """', '\\"""', ""),
    "long strings of apostrophes": ("ASK { '''", "\\'''", ""),
    "two kinds of quotes": ("ASK { ", "\\'\\\"", ""),
    "names with dots": ("ASK { ", "a.", ""),
    "names with hyphens": ("ASK { ", "a-", ""),
    "dots behind a name": ("ASK { a:b", ".", ""),
    "dots behind a blank node": ("ASK { _:b", ".", ""),
    "open IRIs": ("ASK { ", "<", ""),
    "open IRIs with text": ("ASK { ", "<a", ""),
    "escapes": ("ASK { ", "\\u", ""),
    "escaped letters": ("ASK { ", "\\u0041", ""),
    "comments": ("ASK { ", "#\n", ""),
    "spaces": ("ASK { ", " ", ""),
    "calls": ("ASK { ", "NOW ", ""),
    "SERVICE": ("ASK { ", "SERVICE <", ""),
    "numbers": ("ASK { ", "1e+", ""),
    "percent": ("ASK { a:", "%41", "%"),
}


def _refused(query: str) -> None:
    with contextlib.suppress(QueryError):
        queries.guard(query, frozenset(["https://example.org/"]))


@pytest.mark.parametrize("name", HOSTILE_UNITS)
@pytest.mark.parametrize(
    "read",
    [
        *(_refused, queries.returns_graph, queries.is_volatile, queries.without_comments, queries.without_services),
        *(queries.keywords, queries.undeclared_names, queries.usable_prefixes),
    ],
    ids=lambda read: read.__name__,
)
def test_hostile_text_is_scanned_in_linear_time(name: str, read: Callable[[str], object]) -> None:
    before, unit, behind = HOSTILE_UNITS[name]
    short, long = (before + unit * (size // len(unit)) + behind for size in (4_000, 16_000))
    assert not grows(read, short, long)


def test_length_is_checked_first() -> None:
    for query in ("a" * (queries.MAX_QUERY_BYTES + 1), "é" * (queries.MAX_QUERY_BYTES // 2 + 1), '"' * 10_000_000):
        with pytest.raises(QuerySyntaxError, match="longer than"):
            queries.guard(query)
    queries.check_length("é" * (queries.MAX_QUERY_BYTES // 2))
