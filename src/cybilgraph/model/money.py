"""Parse printed sums of money: an exact decimal and a currency of ISO 4217. Nothing is converted or rounded.

A dollar sign alone names no currency, since two dozen currencies have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache

from cybilgraph.model.resources import read_reference
from cybilgraph.model.values import value

#: Amounts that every engine stores exactly, in canonical form (XSD 1.1 part 2, 3.3.3).
_EXACT = re.compile(r"[+-]?[0-9]{1,14}(?:\.[0-9]{1,6})?")
#: Digits in groups of three, or without separators. Some currencies have three decimals: "1,234.567".
_NUMBER = (
    r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}\.[0-9]{3,6}(?![0-9])"
    r"|[0-9]{1,3}(?P<by>[ .,'’])[0-9]{3}(?:(?P=by)[0-9]{3}){0,4}(?![0-9])(?:[.,][0-9]{1,2}(?![0-9]))?"
    r"|[0-9]{1,14}(?:[.,][0-9]{1,6})?)"
)
#: The number of digits in a group.
_GROUP = 3
_SCALES = {"thousand": 3, "k": 3, **dict.fromkeys(("million", "millón", "millon", "mln", "mio", "mn", "m"), 6)} | {
    "billion": 9,
    "bn": 9,
}
_SCALE = r"(?:[ -]?(?P<scale>thousand|millions?|mill[oó]n(?:es)?|mln|mio\.?|mn|billions?|bn|[kKmM])(?!\w))"
#: "EUR 2–3 million" is not a sum.
_NO_RANGE = r"(?! ?(?:[–—-]|to) ?(?:[A-Z]{3} |[A-Z]{0,2}[$€£])?[0-9])"
#: Words that change a number in ways that we do not interpret.
_OTHER_SCALE = r"[ -]?(?:crores?|lakhs?|trillions?|tn|milliards?|mil(?:lards?)?|hundred|per ?cent)\b|[ -]?%"
_PLURAL = re.compile(r"(?<=ion)s$|(?<=n)es$|\.$")
DEFAULT_KIND = "budget"
#: Words of labels for each kind; the first kind with such a word decides.
_KINDS = tuple(
    (kind, re.compile(rf"\b(?:{words})", re.IGNORECASE))
    for kind, words in (
        ("planned-disbursement", "planned[ -](?:disbursement|payment)"),
        ("disbursement", r"disburs|spent\b|spending|expen[ds]|paid\b|payment"),
        ("commitment", r"commit|contribut|grants?\b|award|contract|pledge|funding\b"),
        (DEFAULT_KIND, r"budget|costs?\b|value\b|amount"),
    )
)


@value(frozen=True, slots=True)
class Amount:
    """A sum of money in a text, ``text[start:stop]``. The currency is empty if the text names none."""

    start: int
    stop: int
    amount: str
    currency: str


def find_kind(words: str) -> str:
    """Return the kind of sum that a label or other words name; empty if they name none."""
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), "")


def currency_codes() -> list[str]:
    """Return the codes of all currencies, sorted."""
    return sorted(set(_currencies()[0].values()))


def find_currency(name: str) -> str:
    """Return the code of the currency with this code, name or sign; empty if there is none."""
    codes = _currencies()[0]
    return codes.get(name) or codes.get(name.casefold(), "")


def read_exact(text: str) -> str:
    """Return a number as canonical xsd:decimal; empty if it is not one, or has too many digits to stay exact."""
    return format_amount(Decimal(text)) if _EXACT.fullmatch(text) else ""


def format_amount(amount: Decimal) -> str:
    """Format an amount as canonical xsd:decimal: 3350000, 12.5."""
    text = f"{amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.removeprefix("+") if text not in ("-0", "") else "0"


def group_digits(amount: str) -> str:
    """Return an amount with commas between groups of digits, as people read it: 3,350,000.

    Three decimals get a fourth, because 12.567 could also be twelve thousand.
    """
    text = f"{Decimal(amount):,f}"
    return f"{text}0" if "," not in text and len(text.partition(".")[2]) == _GROUP else text


def find_amounts(text: str) -> Iterator[Amount]:
    """Yield the sums of money in a text that can be read with certainty."""
    for match in _currencies()[1].finditer(text):
        if found := _read(match):
            yield found


def read_amount(text: str) -> Amount | None:
    """Parse a text that begins with a sum of money; None if it does not, or can be read in two ways."""
    match = _currencies()[1].match(text)
    return _read(match) if match else None


def _read(match: re.Match[str]) -> Amount | None:
    before, after = (find_currency(match[side] or "") for side in ("before", "after"))
    if match["before"] not in (None, "$") and not before:
        return None
    if before and after and before != after:  # "EUR 5 million US dollars"
        return None
    scale = _PLURAL.sub("", (match["scale"] or "").casefold())
    number = _plain_number(match["number"], match["by"] or "", bool(scale))
    amount = number and read_exact(format_amount(Decimal(number).scaleb(_SCALES[scale] if scale else 0)))
    stop = match.end() if after else max(match.end("number"), match.end("scale"))
    return Amount(match.start(), stop, amount, before or after) if amount else None


def _plain_number(number: str, by: str, is_scaled: bool) -> str:
    """Return a printed number with a full stop before its decimals; empty if it can be read in two ways.

    A single group of three digits may also be decimals: "3.350", "1,250 million".
    """
    if by and by in ".," and number.count(by) == 1 and "," not in number.replace(by, ""):
        if by == "." and is_scaled and number.count(".") == 1:
            return number
        if by == "." or is_scaled:
            return ""
    if not by and "," in number and "." in number:
        return number.replace(",", "")
    return number.replace(by, "").replace(",", ".") if by else number.replace(",", ".")


@cache
def _currencies() -> tuple[Mapping[str, str], re.Pattern[str]]:
    """Return the codes by code, name and sign, and the pattern of a sum with any of them."""
    rows = read_reference("currencies.csv")
    codes = {row["code"]: row["code"] for row in rows}
    signs = {name: row["code"] for row in rows for name in row["aliases"].split(";") if name}
    # Names may be words of other meanings before a number ("won 5 prizes"), but hardly after one.
    names = {row["name"]: row["code"] for row in rows} | signs
    found = codes | names | {name.casefold(): code for name, code in names.items()}
    before, after = ("|".join(map(_word, sorted(words, key=len, reverse=True))) for words in (signs, names))
    pattern = (
        rf"(?<![\w.,$€£¥-])(?:(?P<before>{before}|[A-Z]{{3}}|\$)[ -]?)?"
        rf"(?P<number>-?{_NUMBER})(?![0-9]|[.,][0-9]|{_OTHER_SCALE})(?>{_SCALE}?)"
        rf"(?>(?:[ -]?(?:of |d['’]|de )?(?P<after>{after}|[A-Z]{{3}})(?![\w$]))?){_NO_RANGE}"
    )
    return found, re.compile(pattern)


def _word(name: str) -> str:
    """Return the pattern of a name, in any case if it has no sign or abbreviation."""
    return rf"(?i:{re.escape(name)})" if name.replace(" ", "").isalpha() and not name[:2].isupper() else re.escape(name)
