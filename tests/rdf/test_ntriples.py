"""Literals and IRIs in N-Triples."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.rdf.ntriples import is_iri, literal


def test_noncharacters_are_replaced() -> None:
    assert literal("a\uffffb\ud800c\ufffe") == '"a\ufffdb\ufffdc\ufffd"'


@pytest.mark.slow
@given(st.text(), st.sampled_from(["", "en", "pt-BR"]))
def test_arbitrary_text_round_trips_as_literal(text: str, language: str) -> None:
    line = f"<urn:a> <urn:b> {literal(text, language)} ."
    text = text.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd")
    [quad] = ox.parse(line, format=ox.RdfFormat.N_TRIPLES)
    assert isinstance(quad.object, ox.Literal)
    assert quad.object.value == text
    assert (quad.object.language or "") == language.lower()
    [graph_line] = ox.serialize([quad], format=ox.RdfFormat.N_QUADS).decode().split("\n")[:-1]
    assert graph_line == line


_PIECES = st.text(
    "ab:/?#[]@!$&'()*+,;=%20é\ue000\ufdd0\U000e0001-._~1\u200e\u202e\xa0 <>\"{}|^`\\", max_size=12
) | st.text(max_size=12)


@given(st.sampled_from(["http://", "https://a.b", "mailto:", "a:", ""]), _PIECES)
def test_valid_iris_can_be_parsed(start: str, rest: str) -> None:
    """An invalid IRI would make the whole graph unreadable."""
    if is_iri(start + rest):
        list(ox.parse(f"<urn:a> <urn:b> <{start}{rest}> .", format=ox.RdfFormat.N_TRIPLES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://gfce.org/a?b=c&d=%20#e", True),
        ("mailto:jane.doe@example.org", True),
        ("https://пример.рф/путь", True),
        ("https://user@example.org:8080/", True),
        ("no scheme", False),
        ("https://a b", False),
        ("https://a/[b]", False),
        ("https://a/%zz", False),
        ("javascript:alert(1)", True),  # an IRI, although not a web link, which the shapes report
    ],
)
def test_recognises_iris(text: str, expected: bool) -> None:
    assert is_iri(text) is expected
