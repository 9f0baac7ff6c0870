"""Sums of money of IATI activities, and their way back."""

from __future__ import annotations

import io

import pytest

from cybilgraph.model.record import Record
from cybilgraph.rdf.iati_activities import write_activities
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.funding import funding_text


def value(amount: str, day: str = "2019-01-01", currency: str = "") -> str:
    return f'<value value-date="{day}"{currency and f" currency={currency!r}"}>{amount}</value>'


def budget(kind: str, amount: str, start: str = "2019-01-01", end: str = "2019-12-31") -> str:
    period = f'<period-start iso-date="{start}"/><period-end iso-date="{end}"/>'
    return f'<budget type="{kind}">{period}{value(amount)}</budget>'


def transaction(kind: str, amount: str, day: str, more: str = "", currency: str = "") -> str:
    head = f'<transaction-type code="{kind}"/><transaction-date iso-date="{day}"/>'
    return f"<transaction>{head}{value(amount, day, currency)}{more}</transaction>"


def org(tag: str, name: str) -> str:
    return f"<{tag}-org><narrative>{name}</narrative></{tag}-org>"


def read(*elements: str) -> Record:
    activity = f'<iati-activity default-currency="USD"><iati-identifier>X-1</iati-identifier><title><narrative>A</narrative></title>{"".join(elements)}'
    document = f'<iati-activities version="2.03">{activity}</iati-activity></iati-activities>'
    [record] = read_input(Input("a.xml", data=document.encode()))
    return record


def sums(record: Record) -> list[str]:
    return [funding_text(one) for one in record.funding]


def test_revised_budget_replaces_the_original_of_its_period() -> None:
    later = budget("1", "7", "2020-04-01", "2021-03-31Z")
    assert sums(read(budget("1", "100"), budget("2", "120.50"), later)) == [
        "USD 120.5 (budget, 2019, value date 2019-01-01)",
        "USD 7 (budget, 2020-04-01 to 2021-03-31, value date 2019-01-01)",
    ]


def test_transactions_are_added_by_kind_year_currency_and_payer() -> None:
    dfat = org("provider", "DFAT")
    record = read(
        transaction("3", "0.1", "2019-03-01", dfat + org("receiver", "APNIC")),
        transaction("4", "0.2", "2019-06-01", dfat + org("receiver", "APNIC")),
        transaction("3", "5", "2020-06-01", dfat + org("receiver", "APNIC")),
        transaction("3", "-2", "2020-07-01", dfat + org("receiver", "ITU")),
        transaction("3", "8", "2020-06-01", dfat, "EUR"),
        transaction("3", "9", "2020-06-01"),
        transaction("2", "10", "2020-06-01"),
    )
    assert sums(record) == [
        "USD 10 (commitment, 2020, value date 2020-06-01, 1 transaction)",
        "USD 0.3 (disbursement, 2019, value date 2019-06-01, 2 transactions, from DFAT, to APNIC)",
        "EUR 8 (disbursement, 2020, value date 2020-06-01, 1 transaction, from DFAT)",
        "USD 3 (disbursement, 2020, value date 2020-07-01, 2 transactions, from DFAT)",
        "USD 9 (disbursement, 2020, value date 2020-06-01, 1 transaction)",
    ]
    assert not record.findings


def test_money_that_the_activity_receives_is_not_read() -> None:
    record = read(*(transaction(kind, "5", "2020-01-01") for kind in ("1", "5", "6", "7", "11", "12", "13", "")))
    assert not record.funding
    assert not record.findings


@pytest.mark.parametrize("amount", ["", "1,000", "much", "1" * 20])
def test_unreadable_amount_is_reported(amount: str) -> None:
    record = read(budget("1", amount), transaction("3", "5", "2020-01-01", currency="XXY"))
    assert not record.funding
    assert [found.rule.rpartition("#")[2] for found in record.findings] == ["amount-form"] * 2


def test_planned_disbursement_keeps_its_payer_and_open_period() -> None:
    start = '<period-start iso-date="2019-01-01"/>'
    record = read(
        f"<planned-disbursement>{start}{value('20')}{org('provider', 'European Union')}</planned-disbursement>"
    )
    assert sums(record) == [
        "USD 20 (planned disbursement, since 2019-01-01, value date 2019-01-01, from European Union)"
    ]


def test_sums_round_trip_through_iati() -> None:
    first = read(
        budget("1", "100"),
        f"<planned-disbursement><period-start iso-date='2019-01-01'/>{value('20')}</planned-disbursement>",
        transaction("3", "0.1", "2019-03-01", org("provider", "DFAT")),
        transaction("3", "0.2", "2019-03-02", org("provider", "DFAT")),
        transaction("2", "7", "2019-03-02", org("receiver", "DFAT")),
    )
    [stated] = read_input(
        Input(
            "a.csv", data=b'title,budget\nA,"EUR 5; EUR 6 (commitment, 2019-2021, value date 2019-01-01, from Norway)"'
        )
    )
    output = io.BytesIO()
    write_activities([first, stated], output)
    back = list(read_input(Input("b.xml", data=output.getvalue())))
    assert [one.funding for one in back] == [first.funding, stated.funding]
    assert [sums(one) for one in back] == [sums(first), sums(stated)]
    for element in (b"<budget>", b"<transaction>", b'<cyb:stated field="funding">'):
        assert element in output.getvalue()
    again = io.BytesIO()
    write_activities(back, again)
    assert again.getvalue() == output.getvalue()
