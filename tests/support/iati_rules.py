"""The official schema and standard ruleset of IATI 2.03, which ``make suites`` fetches."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from tests.conftest import ROOT

SCHEMA = ROOT / "build" / "suites" / "iati" / "iati-activities-schema.xsd"
RULESET = SCHEMA.with_name("standard_ruleset.json")
needs_schema = pytest.mark.skipif(not SCHEMA.exists(), reason="make suites fetches the schema and rules of IATI")


def assert_valid(root: Any, today: date) -> None:
    """Assert that a file matches the schema and, on that day, the ruleset."""
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(root)
    assert not list(violations(root, today))


def violations(root: Any, today: date) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Yield context, rule, case and identifier of each violation of the ruleset. Raises KeyError for unknown rules."""
    for context, rules in json.loads(RULESET.read_text()).items():
        for name, rule in rules.items():
            for case in rule["cases"]:
                for element in root.xpath(context):
                    if not _RULES[name](element, case, today):
                        yield context, name, case, root.getroottree().getpath(element)


def _values(element: Any, paths: list[str]) -> list[Any]:
    return [value for path in paths for value in element.xpath(path)]


def _in_order(element: Any, case: dict[str, str], today: date) -> bool:
    first, second = (
        [today.isoformat()] if case[key] == "NOW" else element.xpath(case[key])[:1] for key in ("less", "more")
    )
    return not (first and second) or date.fromisoformat(first[0]) <= date.fromisoformat(second[0])


def _add_up(element: Any, case: dict[str, Any], _: date) -> bool:
    shares = [Decimal(share) for share in _values(element, case["paths"])]
    return not shares or sum(shares) == case["sum"]


def _match(element: Any, case: dict[str, Any], _: date) -> bool:
    found = (getattr(value, "text", value) for value in _values(element, case["paths"]))
    return all(re.fullmatch(case["regex"], text) for text in found)


_RULES: dict[str, Callable[[Any, Any, date], bool]] = {
    "atleast_one": lambda element, case, _: bool(_values(element, case["paths"])),
    "no_more_than_one": lambda element, case, _: len(_values(element, case["paths"])) <= 1,
    "date_order": _in_order,
    "regex_matches": _match,
    "sum": _add_up,
}
