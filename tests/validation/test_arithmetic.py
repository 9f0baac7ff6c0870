"""Arithmetic in the queries of shapes gives the same result in both engines."""

from __future__ import annotations

import pytest
from rdflib import SH

from cybilgraph.errors import ShapesError
from cybilgraph.validation import BOTH_ENGINES, validate


@pytest.mark.parametrize(
    ("expression", "value"),
    [("10 - 2 - 3", 5), ("10 - 2 + 3", 11), ("10 - 2 * 3 - 1", 3), ("ABS(3 - 2 - 9) - 1 - 1", 6), ("?n - -2 - 3", 0)],
)
def test_arithmetic_is_left_associative(expression: str, value: int) -> None:
    query = f"SELECT $this WHERE {{ $this <http://x/n> ?n FILTER ({expression} = {value}) }}"
    shapes = (
        f'<http://x/s> a <{SH}NodeShape> ; <{SH}targetNode> <http://x/a> ; <{SH}sparql> [ <{SH}select> "{query}" ] .'
    )
    number = '<http://x/a> <http://x/n> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
    assert len(validate(number, shapes, BOTH_ENGINES)) == 1


@pytest.mark.parametrize(
    "expression", ["?n / 4 / 2", "8 / ?n * 2", "STRLEN(?n) / ABS(?n) / 2", "(?n + 1) / (?n) / (?n)"]
)
def test_chained_division_is_refused(expression: str) -> None:
    query = f"SELECT $this WHERE {{ $this <http://x/n> ?n FILTER ({expression} > 1) }}"
    with pytest.raises(ShapesError, match="divides"):
        validate("", f'<http://x/s> a <{SH}NodeShape> ; <{SH}sparql> [ <{SH}select> "{query}" ] .')


@pytest.mark.parametrize("path", ["<p:a>/<p:b>/<p:c>", "<p:a>*/<p:b>+/^<p:c>", "(<p:a>|<p:b>)/(<p:b>|<p:c>)/<p:c>"])
def test_property_path_is_not_a_division(path: str) -> None:
    query = f"SELECT $this WHERE {{ $this {path} ?n FILTER (?n / 2 > 1) }}"
    assert validate("", f'<http://x/s> a <{SH}NodeShape> ; <{SH}sparql> [ <{SH}select> "{query}" ] .') == []
