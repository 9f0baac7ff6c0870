"""Read the sums of money of an IATI activity: budgets, planned disbursements, and transactions by kind and year.

Transactions that the activity receives are not read: they are the same money before the activity passes it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from cybilgraph.model.dates import date_bounds, read_date
from cybilgraph.model.money import find_currency, format_amount, read_exact
from cybilgraph.model.record import Text
from cybilgraph.readers.funding import PrintedFunding
from cybilgraph.readers.iati.xml import Element

#: The elements of sums, which are named like their kinds; the kind of transactions by their type (code list
#: TransactionType).
ELEMENTS = ("budget", "planned-disbursement")
TRANSACTIONS = {"2": "commitment", "3": "disbursement", "4": "disbursement"}
#: Code list BudgetType: a revised budget replaces the original one of the same period.
_ORIGINAL, _REVISED = "1", "2"
_DAY_CHARS = len("2018-04-30")


def read_sums(
    activity: Element, is_read: Callable[[Element], bool], name: Callable[[Element], list[Text]]
) -> Iterator[tuple[Element, PrintedFunding]]:
    """Yield each sum with its element, the first of several; its amount is empty if it cannot be read.

    ``name`` returns the name of an organisation.
    """
    default = activity.get("default-currency", "").strip()
    children = [child for child in activity.iterchildren(*ELEMENTS, "transaction") if is_read(child)]
    revised = {period_of(child) for child in children if child.tag == "budget" and child.get("type") == _REVISED}
    groups: dict[tuple[str, ...], list[tuple[Element, PrintedFunding]]] = {}
    for child in children:
        if child.tag == "budget" and child.get("type", _ORIGINAL) == _ORIGINAL and period_of(child) in revised:
            continue
        kind = child.tag if child.tag in ELEMENTS else TRANSACTIONS.get(_attribute(child, "transaction-type", "code"))
        if not kind:
            continue
        one = _read(child, kind, default, name)
        if child.tag == "transaction" and one.amount:
            payer = one.provider.text if one.provider else ""
            groups.setdefault((kind, one.start, one.currency, payer), []).append((child, one))
        else:
            yield child, one
    for group in groups.values():
        first, total = group[0]
        others = [one for _, one in group]
        total.amount = read_exact(format_amount(sum((Decimal(one.amount) for one in others), Decimal())))
        total.value_date = max(one.value_date for one in others)
        total.transactions = len(group)
        if len({one.receiver.text if one.receiver else "" for one in others}) > 1:
            total.receiver = None
        yield first, total


def _read(child: Element, kind: str, default: str, name: Callable[[Element], list[Text]]) -> PrintedFunding:
    value = child.find("value")
    text = (value.text or "").strip() if value is not None else ""
    currency = _attribute(child, "value", "currency") or default
    start, end = period_of(child)
    value_date = read_day(_attribute(child, "value", "value-date"))
    if child.tag == "transaction" and (
        day := read_day(_attribute(child, "transaction-date", "iso-date")) or value_date
    ):
        start, end = date_bounds(day[:4])
        value_date = value_date or day
    provider, receiver = (
        next((found for org in child.iterfind(tag) for found in name(org)), None)
        for tag in ("provider-org", "receiver-org")
    )
    amount = read_exact(text) if currency and find_currency(currency) == currency else ""
    return PrintedFunding(amount, currency, kind, start, end, value_date, 0, provider, receiver)


def period_of(child: Element) -> tuple[str, str]:
    """Return the first and last day of an element with a period; each may be empty."""
    return (
        read_day(_attribute(child, "period-start", "iso-date")),
        read_day(_attribute(child, "period-end", "iso-date")),
    )


def _attribute(child: Element, tag: str, name: str) -> str:
    found = child.find(tag)
    return found.get(name, "").strip() if found is not None else ""


def read_day(text: str) -> str:
    """Return a day without its time zone; empty if it is not one."""
    date = read_date(Text(text[:_DAY_CHARS]))
    return date.value if date and len(date.value) == _DAY_CHARS else ""
