"""Sums of money found in prose, which are possible until somebody confirms them."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.readers.funding import funding_text
from tests.support.prose import about, page


def found(*text: str) -> list[tuple[str, str, float]]:
    return [
        (funding_text(one), one.basis.value, one.evidence[0].confidence)
        for one in about("Courses for Belize", *text).funding
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The project has a total budget of EUR 3.35 million.", "EUR 3,350,000 (budget)"),
        ("The project was worth EUR 3.35 million over 36 months.", "EUR 3,350,000 (budget)"),
        ("GLACY, a joint project, is worth EUR 3.35 million over 36 months.", "EUR 3,350,000 (budget)"),
        ("The budget of the measure is EUR 4 million.", "EUR 4,000,000 (budget)"),
        ("Of its budget of EUR 5 550 000, the European Union contributes 90%.", "EUR 5,550,000 (budget)"),
        ("The £310,000 project trains judges.", "GBP 310,000 (budget)"),
    ],
)
def test_cost_of_the_project_is_probable(text: str, shown: str) -> None:
    assert found(text) == [(shown, "possible", 0.85)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The Bank approved a grant of US$2 million for courses.", "USD 2,000,000 (commitment)"),
        ("Norway contributed NOK 9 million.", "NOK 9,000,000 (commitment)"),
        ("It is part of a EUR 3 million programme.", "EUR 3,000,000 (budget)"),
    ],
)
def test_other_money_is_less_probable(text: str, shown: str) -> None:
    assert found(text) == [(shown, "possible", 0.7)]


@pytest.mark.parametrize(
    "text",
    [
        "Fraud costs the banks EUR 34 million a year.",
        "The project trained 5,000 people.",
        "The project has a budget of $3 million.",
        "Thieves took USD 81 million from the bank.",
        "The project has a budget of ₹3.1 crore.",
        "The project has a budget of EUR 2–3 million.",
    ],
)
def test_other_numbers_are_no_sums(text: str) -> None:
    assert not found(text)


def test_two_costs_contradict_each_other() -> None:
    assert not found("The project has a budget of EUR 3 million.", "The total budget is EUR 4 million.")


def test_evidence_is_the_sentence() -> None:
    text = "The project has a budget of EUR 3 million."
    [one] = about("Courses for Belize", f"It trains judges. {text}").funding
    assert [quote.quote for quote in one.evidence] == [text]
    assert one.printed.place
    assert one.printed.place.line == 5


def test_stated_sum_is_not_sought_in_prose() -> None:
    record = page("Courses for Belize", "The project has a budget of EUR 3 million.", "Budget: EUR 4 million")
    assert [one.basis.value for one in derive(record).funding] == ["stated"]
