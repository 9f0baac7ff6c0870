"""Sums of money are read exactly or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cybilgraph.model.money import (
    currency_codes,
    find_amounts,
    find_currency,
    find_kind,
    format_amount,
    group_digits,
    read_amount,
    read_exact,
)


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("EUR 3,350,000", "3350000", "EUR"),
        ("EUR 3.35 million", "3350000", "EUR"),
        ("€3.35m", "3350000", "EUR"),
        ("3.35 M€", "3350000", "EUR"),
        ("3,35 millions d'euros", "3350000", "EUR"),
        ("2,5 millones de euros", "2500000", "EUR"),
        ("3 350 000 EUR", "3350000", "EUR"),
        ("3.350.000,50 €", "3350000.5", "EUR"),
        ("CHF 1'200'000", "1200000", "CHF"),
        ("US$ 35 million", "35000000", "USD"),
        ("1.5 million US dollars", "1500000", "USD"),
        ("S$30 million", "30000000", "SGD"),
        ("C$3.8-million", "3800000", "CAD"),
        ("R$ 380,000", "380000", "BRL"),
        ("KSh 1.1 billion", "1100000000", "KES"),
        ("£150m", "150000000", "GBP"),
        ("EUR -12.50", "-12.5", "EUR"),
        ("3350000", "3350000", ""),
        ("$5 million", "5000000", ""),
        ("25 million dollars", "25000000", ""),
        ("0.1", "0.1", ""),
        ("KWD 1,234.567", "1234.567", "KWD"),
        ("BHD 12,345,678.123", "12345678.123", "BHD"),
    ],
)
def test_reads_amount_and_currency(text: str, amount: str, currency: str) -> None:
    found = read_amount(text)
    assert found
    assert (found.amount, found.currency) == (amount, currency)


@pytest.mark.parametrize(
    "text",
    [
        *("EUR 3.350", "USD 1,140 million", "EUR 2–3 million", "EUR 5 million–EUR 6 million", "EUR 5 to 6 million"),
        *("EUR 5 million US dollars", "ABC 5", "₹3.1 crore", "EUR 90%", "R21 million", "EUR 1.2.3", "won 5", "", "EUR"),
        "EUR 123456789012345678",
    ],
)
def test_does_not_guess(text: str) -> None:
    assert read_amount(text) is None


def test_finds_sums_in_a_sentence() -> None:
    text = "Of its budget of EUR 5 550 000, the EU contributes 90% in 2019, and Norway US$600,000."
    found = [(one.amount, one.currency, text[one.start : one.stop]) for one in find_amounts(text) if one.currency]
    assert found == [("5550000", "EUR", "EUR 5 550 000"), ("600000", "USD", "US$600,000")]


@pytest.mark.parametrize(
    ("number", "text"),
    [("3350000.00", "3350000"), ("-0.0", "0"), ("0.10", "0.1"), ("+5", "5"), ("1e5", ""), ("5.", "")],
)
def test_numbers_are_canonical(number: str, text: str) -> None:
    assert read_exact(number) == text


@pytest.mark.parametrize("amount", ["0.005", "12.567", "999.999", "1234.567", "1234567.5", "1234.5678", "0.123456"])
def test_written_sums_are_read_back(amount: str) -> None:
    found = read_amount(f"KWD {group_digits(amount)}")
    assert found
    assert found.amount == amount


def test_sums_are_exact() -> None:
    assert format_amount(sum((Decimal(part) for part in ["0.1"] * 3), Decimal())) == "0.3"
    assert group_digits("3350000.5") == "3,350,000.5"


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("EU contribution", "commitment"),
        ("Planned disbursements", "planned-disbursement"),
        ("Total expenditure", "disbursement"),
        ("Total cost", "budget"),
        ("Currency", ""),
    ],
)
def test_labels_have_a_kind(label: str, kind: str) -> None:
    assert find_kind(label) == kind


def test_currencies_are_found_by_code_name_and_sign() -> None:
    assert [find_currency(name) for name in ("EUR", "euro", "€", "Swiss francs", "$", "eur", "EURO ", "xyz")] == [
        *("EUR", "EUR", "EUR", "CHF", "", "", "", "")
    ]
    assert len(currency_codes()) > 160
