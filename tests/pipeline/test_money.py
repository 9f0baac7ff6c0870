"""Sums of money in a release: the queries, the table, the pages, the search and the dumps agree."""

from __future__ import annotations

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from rdflib import Graph, URIRef

from cybilgraph import pipeline
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.record import DEFAULT_LEVEL
from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.dumps import STATED_DUMP
from cybilgraph.release import Release
from cybilgraph.release.search import SearchIndex, SearchQuery
from cybilgraph.sparql import queries
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.web.pages.resource_view import QuoteReader, Resource, project_values

TABLE = """title,code,countries,budget,summary
Large,G0001,Fiji,"EUR 3,350,000 (commitment, 2019–2021, from European Union)
EUR 1,000.10 (commitment, 2022, from Norway)
EUR 0.20 (commitment, 2022, from Norway)
USD 5 (commitment)",
Small,G0002,Fiji; Tonga,EUR 7; EUR 8 (disbursement),
Cost in prose,G0003,Fiji,,The project has a budget of EUR 9 million.
Other money in prose,G0004,Fiji,,Norway contributed NOK 9 million.
Silent,G0005,Fiji,,It trains judges.
"""
IATI = """<iati-activities version="2.03"><iati-activity default-currency="AUD"><iati-identifier>X-1</iati-identifier>
<title><narrative>Teams for Fiji</narrative></title><recipient-country code="FJ"/>
<transaction><transaction-type code="3"/><transaction-date iso-date="2020-03-01"/><value value-date="2020-03-01">0.1</value></transaction>
<transaction><transaction-type code="3"/><transaction-date iso-date="2020-04-01"/><value value-date="2020-04-01">0.2</value></transaction>
</iati-activity></iati-activities>"""
#: Total of each project, kind and currency.
Totals = dict[tuple[str, str, str], Decimal]
EXPECTED: Totals = {
    ("G0001", "Commitment", "EUR"): Decimal("3351000.3"),
    ("G0001", "Commitment", "USD"): Decimal(5),
    ("G0002", "Budget", "EUR"): Decimal(7),
    ("G0002", "Disbursement", "EUR"): Decimal(8),
    ("x-1", "Disbursement", "AUD"): Decimal("0.3"),
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("money")
    (folder / "a.csv").write_text(TABLE, encoding="utf-8")
    (folder / "b.xml").write_text(IATI, encoding="utf-8")
    built, _ = pipeline.build([folder / "a.csv", folder / "b.xml"], folder / "releases")
    return built


@pytest.fixture(scope="module")
def engine(release: Release) -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=60))
    yield engine
    engine.close()


def rows(engine: EmbeddedEngine, name: str, **values: list[str]) -> list[dict[str, str]]:
    text = engine.answer(queries.load_query(name).bind(values), (BY_NAME["csv"],)).content.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def table(release: Release) -> list[dict[str, str]]:
    text = gzip.decompress((release.folder / "public" / "funding.csv.gz").read_bytes()).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def key(project: str) -> str:
    return project.removeprefix(f"{BASE}id/project/")


def test_query_of_largest_projects_adds_by_kind_and_currency(engine: EmbeddedEngine) -> None:
    found = rows(engine, "example-largest-projects-in-country", country=[f"{BASE}id/country/FJ"])
    assert {(key(row["project"]), row["kind"], row["currency"]): Decimal(row["total"]) for row in found} == EXPECTED
    [large] = [row for row in found if row["currency"] == "EUR" and row["title"] == "Large"]
    assert (large["sums"], large["countries"]) == ("3", "1")
    budgets = [row["title"] for row in found if row["kind"] == "Budget"]
    assert budgets == ["Small"]


def test_query_by_funder_adds_by_currency_and_year(engine: EmbeddedEngine) -> None:
    found = rows(engine, "example-money-by-funder")
    columns = ("funderName", "kind", "currency", "years", "amount", "projects")
    assert [tuple(row[column] for column in columns) for row in found] == [
        ("", "Budget", "EUR", "", "7", "1"),
        ("", "Commitment", "USD", "", "5", "1"),
        ("", "Disbursement", "AUD", "2020", "0.3", "1"),
        ("", "Disbursement", "EUR", "", "8", "1"),
        ("European Union", "Commitment", "EUR", "2019–2021", "3350000", "1"),
        ("Government of Norway", "Commitment", "EUR", "2022", "1000.3", "1"),
    ]


def test_table_has_every_sum_and_agrees(release: Release) -> None:
    totals: Totals = defaultdict(Decimal)
    for row in table(release):
        if row["basis"] != "Possible":
            totals[key(row["project"]), row["funding_kind"], row["currency"]] += Decimal(row["amount"])
    assert totals == EXPECTED
    [norway] = [row for row in table(release) if row["currency"] == "NOK"]
    assert (norway["amount"], norway["basis"]) == ("9000000", "Possible")
    assert norway["quote"] == "Norway contributed NOK 9 million."
    [sum_] = [row for row in table(release) if row["currency"] == "AUD"]
    assert (sum_["transactions"], sum_["period_start"], sum_["value_date"]) == ("2", "2020-01-01", "2020-04-01")


def test_pages_agree(engine: EmbeddedEngine) -> None:
    totals: Totals = {}
    for name in ("G0001", "G0002", "G0003", "G0004", "G0005", "x-1"):
        iri = f"{BASE}id/project/{name}"
        text = engine.answer(
            queries.load_query("page-resource").bind({"resource": [iri]}), (BY_NAME["ntriples"],)
        ).content
        view = Resource(Graph().parse(data=text, format="nt"), URIRef(iri))
        shown = project_values(view, QuoteReader(view, ()), DEFAULT_LEVEL)
        for one in (*shown["sums"], *shown["totals"]):  # totals come last
            totals[name, one.kind, one.currency] = one.value
        assert len(shown["sums_left_out"]) == (name in ("G0003", "G0004"))
        if name == "G0001":
            assert [one.amount for one in shown["totals"]] == ["EUR 3,351,000.3"]
            assert shown["sums"][1].provider == ("European Union", f"{BASE}id/actor/eu")
    assert totals == EXPECTED


def test_search_filters_by_kind_of_sum(release: Release) -> None:
    with closing(SearchIndex(release.search)) as index:
        hits = index.all(SearchQuery(chosen=(("money", (f"{BASE}id/funding-kind/budget",)),)))
        assert {hit.code for hit in hits} == {"G0002"}


def test_stated_dump_has_no_sum_of_prose(release: Release) -> None:
    text = gzip.decompress((release.folder / "public" / STATED_DUMP).read_bytes()).decode()
    assert "project/G0001/funding/" in text
    assert "project/G0003/funding/" not in text
    assert "project/G0004/funding/" not in text


def test_release_converts_back_to_equal_sums(release: Release, tmp_path: Path) -> None:
    (tmp_path / "a.nt").write_bytes(gzip.decompress((release.folder / "public" / "cybilgraph.nt.gz").read_bytes()))
    again, _ = pipeline.build([tmp_path / "a.nt"], tmp_path / "releases")
    assert table(again) == table(release)
