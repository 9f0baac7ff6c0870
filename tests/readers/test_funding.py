"""Sums of money in tables, documents and pages, with their details."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cybilgraph.model.record import Basis, Record, Text
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.funding import funding_text, read_funding

FULL = (
    "EUR 3,350,000 (commitment, 2019–2021, value date 2019-01-31, 4 transactions, from European Union, "
    "to Ministry of Trade, Industry and Commerce)"
)
LINES = (
    FULL,
    "USD 5,000 (budget)",
    "USD -5,000.25 (disbursement, 2020, 1 transaction)",
    "GBP 250,000 (budget, 2019-04-01 to 2020-03-31)",
    "GBP 7 (planned disbursement, since 2019-04-01)",
    "GBP 8 (budget, until 2019-04-01)",
    "GBP 9 (budget, 2019-04-01, from Smith; Sons (London), to European Union)",
)


def read(name: str, content: str) -> list[Record]:
    return list(read_input(Input(name, data=content.encode())))


def sums(record: Record) -> list[str]:
    return [funding_text(one) for one in record.funding]


def rules(record: Record) -> list[tuple[str, str]]:
    return [(found.rule.rpartition("#")[2], found.text) for found in record.findings]


def test_details_are_read() -> None:
    read = read_funding(Text(FULL))
    assert read
    assert read.provider
    assert read.receiver
    assert (read.kind, read.start, read.end, read.value_date, read.transactions) == (
        *("commitment", "2019-01-01", "2021-12-31", "2019-01-31", 4),
    )
    assert (read.provider.text, read.receiver.text) == ("European Union", "Ministry of Trade, Industry and Commerce")
    assert read.unread is None


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("EUR 5 (2019; from Norway; to DFAT)", "EUR 5 (budget, 2019, from Norway, to DFAT)"),
        ("About EUR 3 million (grant, Apr 2018 to Mar 2020)", "EUR 3,000,000 (commitment, 2018-04-01 to 2020-03-31)"),
        ("EUR 5 (by Norway, 2019)", "EUR 5 (budget, 2019, from Norway)"),
    ],
)
def test_other_forms_of_details_are_read(printed: str, shown: str) -> None:
    [record] = read("a.json", json.dumps({"title": "A", "budget": [printed]}))
    assert sums(record) == [shown]
    assert not record.findings


@pytest.mark.parametrize("form", ["csv", "xlsx", "json", "yaml", "nt"])
def test_sums_survive_every_form(form: str) -> None:
    [record] = read("a.json", json.dumps({"title": "A", "code": "G1", "countries": ["Fiji"], "budget": list(LINES)}))
    assert not record.findings
    assert set(sums(record)) == set(LINES)
    data = WRITERS[form]([record]) if form in WRITERS else "".join(f"{line}\n" for line in describe(record)).encode()
    [back] = read_input(Input(f"b.{form}", data=data))
    assert not back.findings
    assert back.funding == record.funding
    assert sums(back) == sums(record)

    def statements(of: Record) -> set[str]:
        return {line for line in describe(of) if "/source" not in line}

    assert statements(back) == statements(record)


def test_columns_give_kind_and_currency() -> None:
    table = 'title,budget,commitment,Currency\nA,"3.5 million; USD 7",200000,AUD\nB,3,,\n'
    first, second = read("a.csv", table)
    assert sums(first) == ["AUD 3,500,000 (budget)", "USD 7 (budget)", "AUD 200,000 (commitment)"]
    assert not second.funding
    assert rules(second) == [("amount-form", "3")]


@pytest.mark.parametrize("order", [1, -1])
def test_labels_of_pages_give_kind_and_payer(order: int) -> None:
    lines = ["EU contribution: EUR 3,500,000", "Total cost: 4 000 000", "Currency: euro"][::order]
    [record] = read("a.txt", "\n".join(["Cyber Training", "Status: Finished", *lines, "Summary", "A text."]))
    assert sums(record) == ["EUR 4,000,000 (budget)", "EUR 3,500,000 (commitment, from European Union)"]
    assert [text.text for text in record.summary] == ["A text."]
    assert not record.findings


@pytest.mark.parametrize(
    ("printed", "reported", "shown"),
    [
        ("$3 million", "$3 million", []),
        ("EUR 5 million over 3 years", "over 3 years", ["EUR 5,000,000 (budget)"]),
        ("EUR 5 (comitment)", "comitment", ["EUR 5 (budget)"]),
    ],
)
def test_what_cannot_be_read_is_reported_and_kept(printed: str, reported: str, shown: list[str]) -> None:
    [record] = read("a.json", json.dumps({"title": "A", "budget": [printed]}))
    assert (rules(record), sums(record)) == ([("amount-form", reported)], shown)
    assert [text.text for text in record.description] == [f"budget: {printed}"]


def test_text_below_a_sum_is_not_reported() -> None:
    text = "The project is large. It trains judges."
    [record] = read("a.txt", f"Cyber Training\n\nStatus: Finished\n\nBudget\n\nEUR 5\n\n{text}\n\n$5\n\n$6\n")
    assert sums(record) == ["EUR 5 (budget)"]
    assert [paragraph.text for paragraph in record.description] == [text, "$5", "$6"]
    assert rules(record) == [("amount-form", "$5")]


def test_missing_value_is_no_problem() -> None:
    [record] = read("a.json", '{"title": "A", "budget": "to be confirmed"}')
    assert not record.findings
    assert not record.funding


def test_same_sum_of_two_payers_is_two_sums(tmp_path: Path) -> None:
    lines = [f"CAD 3,000,000 (commitment, 2024, from {name})" for name in ("Canada", "Denmark")]
    [record] = read("a.json", json.dumps({"title": "A", "budget": [*lines, lines[0]]}))
    assert len(record.funding) == 2
    assert len({one.key for one in record.funding}) == 2


def test_partners_rdf_may_be_simpler() -> None:
    [record] = read(
        "a.ttl",
        """@prefix cyb: <https://w3id.org/cybilgraph/ontology#> . @prefix schema: <https://schema.org/> .
        @prefix project: <https://w3id.org/cybilgraph/id/project/> . @prefix dcterms: <http://purl.org/dc/terms/> .
        project:G0009 a cyb:Project ; dcterms:title "X"@en ; cyb:funding [
            schema:amount [ schema:value 700 ; schema:currency "AUD" ] ; cyb:provider [ schema:name "n" ; <http://www.w3.org/2004/02/skos/core#prefLabel> "A Fund" ]
        ] ; schema:amount [ schema:value 5.5 ; schema:currency "EUR" ], "USD 3 million" .""",
    )
    assert sums(record) == ["AUD 700 (budget, from A Fund)", "EUR 5.5 (budget)", "USD 3,000,000 (budget)"]
    assert {one.basis for one in record.funding} == {Basis.STATED}


@pytest.mark.parametrize(
    ("field", "printed", "name", "total"),
    [
        ("Funder", "USAID, US$ 10.0 million", "usaid", "USD 10,000,000 (commitment, from USAID)"),
        (
            "Funder",
            "Crnogorski Telekom 75 000 €",
            "crnogorski-telekom",
            "EUR 75,000 (commitment, from Crnogorski Telekom)",
        ),
        ("Funder", "GIZ (EUR 300,000)", "giz", "EUR 300,000 (commitment, from GIZ)"),
        ("Implementer", "Deloitte, LLP – GBP 5.5 m", "deloitte", "GBP 5,500,000 (commitment, to Deloitte, LLP)"),
        ("Funder", "FHI 360", "fhi-360", ""),
        ("Funder", "3M", "3m", ""),
        ("Funder", "H2020", "h2020", ""),
    ],
)
def test_sum_after_name_is_not_part_of_it(field: str, printed: str, name: str, total: str) -> None:
    for file, content in (
        ("a.txt", f"Title: A project\n{field}: {printed}\n"),
        ("a.csv", f'title,{field}\nA project,"{printed}"\n'),
    ):
        [record] = read(file, content)
        assert [link.actor.key for link in record.participations] == [name]
        assert sums(record) == ([total] if total else [])


def test_sum_without_currency_after_name_is_reported_and_kept() -> None:
    [record] = read("a.txt", "Title: A project\nFunder: FHI 360 ($300,000)\n")
    assert [link.actor.key for link in record.participations] == ["fhi-360"]
    assert not record.funding
    assert "amount-form" in [rule for rule, _ in rules(record)]
    assert any("$300,000" in text.text for text in record.description)


@pytest.mark.parametrize("number", ["Cooperative Agreement 72062423CA00006", "SFOP0010977", "Grant D7090"])
def test_number_of_an_agreement_is_not_an_organisation(number: str) -> None:
    [record] = read("a.txt", f"Title: A project\nFunder: {number}\n")
    assert not record.participations
    assert number in [text.text for text in record.description]
    assert "not-a-name" in [rule for rule, _ in rules(record)]
