"""Parse and format sums of money with their details on one line, as in tables and pages.

``EUR 3,350,000 (commitment, 2019–2021, value date 2019-01-31, 4 transactions, from European Union, to Council of
Europe)``: the details are optional, in any order except that a name extends to the next detail or the end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cybilgraph.model.dates import date_bounds, format_period, read_date, read_range
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.money import find_amounts, find_kind, group_digits, read_amount
from cybilgraph.model.record import Funding, Text

#: Words before a sum, which are dropped.
_ABOUT = re.compile(r"(?:total|about|approximately|approx\.?|around|circa|ca?\.|some|~)[: ] ?", re.IGNORECASE)
_DETAILS = re.compile(r" ?\((?P<details>.*)\)\.?", re.DOTALL)
#: A line with longer details is treated as text.
_MAX_DETAILS_CHARACTERS = 500
_PARTS = re.compile(r"[^,;]+")
_VALUE_DATE = re.compile(r"value date:? ", re.IGNORECASE)
_TRANSACTIONS = re.compile(r"([0-9]{1,9}) transactions?", re.IGNORECASE)
#: The words before an open period, and before the organisations.
_SINCE, _UNTIL = re.compile(r"since ", re.IGNORECASE), re.compile(r"until ", re.IGNORECASE)
_ACTORS = {
    "provider": re.compile(r" ?(?:from|by) (?=\D)", re.IGNORECASE),
    "receiver": re.compile(r" ?to (?=\D)", re.IGNORECASE),
}


@dataclass(slots=True)
class PrintedFunding:
    """A parsed line: the values of a ``Funding``, its organisations as printed, and the first unread detail."""

    amount: str
    currency: str
    kind: str = ""
    start: str = ""
    end: str = ""
    value_date: str = ""
    transactions: int = 0
    provider: Text | None = None
    receiver: Text | None = None
    unread: Text | None = None


def read_funding(printed: Text) -> PrintedFunding | None:
    """Parse a line, or return None if it does not begin with a sum of money that can be read with certainty."""
    begin = found.end() if (found := _ABOUT.match(printed.text)) else 0
    if not (sum_ := read_amount(printed.text[begin:])):
        return None
    read, rest = PrintedFunding(sum_.amount, sum_.currency), printed.part(begin + sum_.stop)
    details = _DETAILS.fullmatch(rest.text) if len(rest.text) <= _MAX_DETAILS_CHARACTERS else None
    if details:
        _read_details(read, rest.part(*details.span("details")))
    elif rest.text.strip(" ."):
        read.unread = rest
    return read


def split_funding(item: Text) -> tuple[Text, str] | None:
    """Split "USAID, US$ 10.0 million" or "GIZ (EUR 300,000)" into the name and the sum; None if it does not end so."""
    for found in find_amounts(item.text):
        name, amount = item.text[: found.start].rstrip(" ,:(–—-"), item.text[found.start : found.stop]
        is_sum = found.currency or "$" in amount
        if name and is_sum and not item.text[found.stop :].strip(" ).") and name.count("(") == name.count(")"):
            return item.part(0, len(name)), amount
    return None


def _read_details(read: PrintedFunding, details: Text) -> None:
    open_name, begin = "", 0
    for match in _PARTS.finditer(details.text):
        part = details.part(*match.span())
        if not part.text:
            continue
        if _read_detail(read, part):
            open_name = ""
            continue
        for name, words in _ACTORS.items():
            if found := words.match(match[0]):
                open_name, begin = name, match.start() + found.end()
        if open_name:  # a name may have commas
            setattr(read, open_name, details.part(begin, match.end()))
        else:
            read.unread = read.unread or part


def _read_detail(read: PrintedFunding, part: Text) -> bool:
    """Read a kind, a period, a date or a number of transactions; return whether the part is one."""
    text = part.text
    if (value := _VALUE_DATE.match(text)) and (days := _days(part.part(value.end()))) and days[0] == days[1]:
        read.value_date = days[0]
    elif number := _TRANSACTIONS.fullmatch(text):
        read.transactions = int(number[1])
    elif (since := _SINCE.match(text)) and (days := _days(part.part(since.end()))):
        read.start = days[0]
    elif (until := _UNTIL.match(text)) and (days := _days(part.part(until.end()))):
        read.end = days[1]
    elif days := _days(part):
        read.start, read.end = days
    elif (kind := load_gazetteer().find("funding-kind", text)) or (
        " " not in text and (kind := load_gazetteer().get("funding-kind", find_kind(text)))
    ):
        read.kind = kind.key
    else:
        return False
    return True


def _days(part: Text) -> tuple[str, str] | None:
    """Return the first and last day of a date or period."""
    dates = read_range(part) or ((date, date) if (date := read_date(part)) else None)
    if not dates or not all(date.value for date in dates):
        return None
    return date_bounds(dates[0].value)[0], date_bounds(dates[1].value)[1]


def funding_text(funding: Funding) -> str:
    """Return the line that ``read_funding`` reads back."""
    details = [kind.name.lower() if (kind := load_gazetteer().get("funding-kind", funding.kind)) else funding.kind]
    details += filter(None, [format_period(funding.start, funding.end)])
    if funding.value_date:
        details.append(f"value date {funding.value_date}")
    if funding.transactions:
        details.append(f"{funding.transactions} transaction{'s' if funding.transactions > 1 else ''}")
    for word, named in (("from", funding.provider), ("to", funding.receiver)):
        details += [f"{word} {named.printed.text}"] if named else []
    return f"{funding.currency} {group_digits(funding.amount)} ({', '.join(details)})"
