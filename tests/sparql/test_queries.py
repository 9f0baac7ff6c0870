"""Named queries: their parameters, and every example against its expected rows.

The expected rows stand in tests/samples/queries. After a change of records or queries, write
them again with `cybilgraph query NAME --from build/releases -f csv`, and read them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDFS, URIRef

from cybilgraph import read
from cybilgraph.errors import QueryError
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.resources import read_ontology
from cybilgraph.model.vocabulary import BASE, CYB, PREFIXES, SCHEMA, shorten
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.description.reference_data import describe_reference
from cybilgraph.sparql import guard, queries, query_analysis
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from tests.conftest import ROOT, SAMPLES

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
    assert not query_analysis.undeclared_names(query.text), "it must run on any endpoint"
    for parameter in query.parameters:
        assert parameter.description
        if parameter.type == "evidence":
            assert query.bind({"evidence": [parameter.default]}) == query.text
            continue
        assert len(re.findall(rf"VALUES\s+\?{parameter.name}\s*\{{", query.text)) == 1
    guard.guard(query.text)


@pytest.mark.parametrize("path", sorted((ROOT / "queries").glob("*.rq")), ids=lambda path: path.stem)
def test_no_query_takes_iris_apart(path: Path) -> None:
    assert not re.search("[\"']/(id|record|graph)/", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["active-on-day", "bodies-by-state", "may-reach", "stated-claims", "status-age"])
def test_everyday_question_takes_at_most_eight_lines(name: str) -> None:
    text = queries.load_query(f"example-{name}").text
    assert len(text[text.index("SELECT") :].splitlines()) <= 8


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "queries").glob("*.rq")))
def test_a_query_reads_direct_links_or_the_claims_of_a_level(name: str) -> None:
    query = queries.load_query(name)
    lists = re.findall(r"IN \((basis:[^)]*)\)", query.text)
    assert set(lists) == ({"basis:stated, basis:confirmed, basis:derived"} if lists else set())
    assert bool(lists) == ("evidence" in [parameter.name for parameter in query.parameters])
    if lists:
        for level, bases in (("stated", "stated confirmed"), ("possible", "stated confirmed derived possible")):
            text = query.bind({"evidence": [level]})
            expected = ", ".join(f"basis:{basis}" for basis in bases.split())
            assert set(re.findall(r"IN \((basis:[^)]*)\)", text)) <= {expected}, "page-search drops unused lines"
            guard.guard(text)
        with pytest.raises(QueryError, match="'certain' is not a level of evidence"):
            query.bind({"evidence": ["certain"]})
        with pytest.raises(QueryError, match="More than one evidence"):
            query.bind({"evidence": ["stated", "sure"]})


def test_every_expectation_belongs_to_an_example() -> None:
    assert len(EXAMPLES) >= 15
    assert {path.stem for path in (SAMPLES / "queries").iterdir()} == set(IDS)


def test_every_query_file_follows_its_naming_convention() -> None:
    for path in (ROOT / "queries").iterdir():
        assert path.suffix == ".rq"
        assert path.stem.partition("-")[0] in ("example", "page", "check")
        assert queries.load_query(path.stem).title


def test_descriptions_include_every_kind_of_claim_with_its_evidence() -> None:
    ontology = rdflib.Graph().parse(data=read_ontology(), format="turtle")
    kinds = {shorten(str(kind)) for kind in ontology.subjects(RDFS.subPropertyOf, URIRef(CYB.claim))}
    assert len(kinds) == 5
    claims = queries.load_query("example-derived-links-to-confirm").text
    assert any(kinds <= set(re.findall(r"cyb:\w+", line)) for line in claims.splitlines())
    for name in ("example-project-full-description", "page-resource"):
        paths = [set(re.findall(r"cyb:\w+", line)) for line in queries.load_query(name).text.splitlines()]
        assert sum(kinds <= path for path in paths) >= 2
        assert any(kinds | {"cyb:evidence"} <= path for path in paths)


def test_possible_sum_is_to_be_confirmed(tmp_path: Path) -> None:
    source = tmp_path / "one.txt"
    source.write_text("Courses in Fiji\n\nSummary\n\nThe project has a budget of USD 2 million.\n")
    [record] = read(source)
    store = ox.Store()
    store.load(read_ontology(), format=ox.RdfFormat.TURTLE)
    store.load("\n".join(describe(record)).encode(), format=ox.RdfFormat.N_TRIPLES)
    rows = store.query(queries.load_query("example-derived-links-to-confirm").text)
    assert ("amount", "USD 2000000") in {(row["kind"].value, row["what"].value) for row in rows}


def test_full_description_includes_the_values_of_indicators() -> None:
    """No record in data/ has any."""
    store = ox.Store()
    store.update(
        'INSERT DATA { project:a a cyb:Project ; cyb:slug "a" ; cyb:indicator <id:1> . <id:1> cyb:baseline <id:2> ;'
        ' cyb:target <id:3> ; cyb:actual <id:4> . <id:2> schema:value "0" . <id:3> schema:value "9" .'
        ' <id:4> schema:value "8" }',
        prefixes=PREFIXES,
    )
    query = queries.load_query("example-project-full-description").bind({"code": ["a"]})
    values = {triple.object.value for triple in store.query(query) if triple.predicate.value == SCHEMA.value}
    assert values == {"0", "9", "8"}


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


def test_audiences_and_local_implementers(tmp_path: Path) -> None:
    """No record in data/records has either of them for sure, so add one."""
    source = tmp_path / "a.csv"
    source.write_text("title,countries,implementers,beneficiaries\nA,Ghana,Ministry of Justice;OAS,judges\n")
    lines = [*describe(next(read(source))), *describe_reference(load_gazetteer())]
    store = ox.Store()
    store.load("\n".join(lines).encode(), format=ox.RdfFormat.N_TRIPLES)

    def rows(name: str) -> list[tuple[str, ...]]:
        found = store.query(queries.load_query(name).text)
        assert isinstance(found, ox.QuerySolutions)
        return [tuple(shorten(term.value) for term in row) for row in found]

    assert rows("example-audiences") == [("Judges", "1", "audience:judges")]
    seated = ("Ministry of Justice (Ghana)", "Ghana", "1", "actor:ministry-of-justice-ghana", "country:GH")
    assert rows("example-local-implementers") == [seated]


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


def test_custom_query_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "example-mine.rq").write_text("# title: Mine\nASK {}", encoding="utf-8")
    assert [query.title for query in queries.example_queries(tmp_path)] == ["Mine"]
