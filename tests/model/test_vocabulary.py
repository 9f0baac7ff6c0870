"""IRIs are built from kinds and keys, and shortened for display."""

from __future__ import annotations

import pytest

from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, rule, shorten, thing_iri, version_graph


def test_keys_are_percent_encoded() -> None:
    assert thing_iri("country", "BZ") == f"{BASE}id/country/BZ"
    assert thing_iri("project", "EU/a b") == f"{BASE}id/project/EU%2Fa%20b"
    assert version_graph("EU/1", 2) == f"{BASE}graph/EU%2F1/2"


@pytest.mark.parametrize(
    ("iri", "short"),
    [
        (CYB.aim, "cyb:aim"),
        (DCTERMS.title, "dcterms:title"),
        (CYB.iri, CYB.iri),
        ("https://example.org/a", "https://example.org/a"),
    ],
)
def test_iris_are_shortened_with_their_prefix(iri: str, short: str) -> None:
    assert shorten(iri) == short


def test_unknown_term_is_an_error() -> None:
    with pytest.raises(AttributeError, match=f"'aime' in {CYB.iri}"):
        _ = CYB.aime


def test_rules_have_iris_in_their_own_namespace() -> None:
    assert rule("unreadable") == f"{BASE}shapes#unreadable"
