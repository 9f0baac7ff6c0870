"""A cursor reads terms as the grammar of SPARQL defines them."""

from __future__ import annotations

import pytest

from cybilgraph.model.vocabulary import PREFIXES, XSD
from cybilgraph.sparql.hints.cursor import Cursor, Unreadable


@pytest.mark.parametrize(
    ("text", "kind", "value", "language", "datatype"),
    [
        ("?name", "variable", "name", "", ""),
        ("<http://e.org/x>", "iri", "http://e.org/x", "", ""),
        ("cyb:country", "iri", f"{PREFIXES['cyb']}country", "", ""),
        ('"caf\\u00e9\\n"@fr', "literal", "café\n", "fr", ""),
        ('"""a "quote" in it"""', "literal", 'a "quote" in it', "", ""),
        ('"2018-04"^^xsd:gYearMonth', "literal", "2018-04", "", XSD.gYearMonth),
        ("-2", "literal", "-2", "", XSD.integer),
        ("true", "literal", "true", "", f"{XSD.iri}boolean"),
        ("optional", "word", "OPTIONAL", "", ""),
    ],
)
def test_term_is_read_with_its_value(text: str, kind: str, value: str, language: str, datatype: str) -> None:
    term = Cursor(text).piece()
    assert (term.kind, term.value, term.language, term.datatype) == (kind, value, language, datatype)
    assert term.text == text


def test_relative_iri_is_resolved_against_the_base() -> None:
    cursor = Cursor("<x>")
    cursor.base = "http://e.org/a/b"
    assert cursor.piece().value == "http://e.org/a/x"


@pytest.mark.parametrize(("text", "start"), [("  foo:x", 2), (" <x>", 1), ("", 0)])
def test_syntax_error_has_its_offset(text: str, start: int) -> None:
    with pytest.raises(Unreadable) as error:
        Cursor(text).piece()
    assert error.value.start == start
