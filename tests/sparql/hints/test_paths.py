"""A property path has its IRIs, and those without which it matches nothing."""

from __future__ import annotations

import pytest

from cybilgraph.model.vocabulary import PREFIXES, RDF
from cybilgraph.sparql.hints.cursor import Unreadable
from cybilgraph.sparql.hints.paths import Paths


@pytest.mark.parametrize(
    ("text", "iris", "certain", "endless", "simple"),
    [
        ("cyb:a", "a", "a", False, True),
        ("cyb:a/cyb:b", "ab", "ab", False, False),
        ("cyb:a|cyb:b", "ab", "", False, False),
        ("^cyb:a", "a", "a", False, False),
        ("cyb:a*/cyb:b+", "ab", "b", True, False),
        ("cyb:a?/cyb:b", "ab", "b", False, False),
        ("(cyb:a|cyb:b)/cyb:c", "abc", "c", False, False),
        ("!(cyb:a|^cyb:b)", "", "", False, False),
    ],
)
def test_path_is_parsed(text: str, iris: str, certain: str, endless: bool, simple: bool) -> None:
    path = Paths(text).path()
    assert [iri.value for iri in path.iris] == [f"{PREFIXES['cyb']}{name}" for name in iris]
    assert path.certain == {f"{PREFIXES['cyb']}{name}" for name in certain}
    assert (path.endless, path.simple) == (endless, simple)


def test_a_is_the_type() -> None:
    [iri] = Paths("a").path().iris
    assert iri.value == RDF.type


@pytest.mark.parametrize("text", ["'x'", "cyb:a/", "(cyb:a"])
def test_other_text_is_no_path(text: str) -> None:
    with pytest.raises(Unreadable):
        Paths(text).path()
