"""Caches take a bounded number of bytes."""

from __future__ import annotations

from cybilgraph.model.gazetteer import fold
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.runtime.bounded_cache import cache_short


def test_only_results_for_short_texts_are_kept() -> None:
    made: list[str] = []

    @cache_short(entries=2, longest=3)
    def shout(text: str, *, mark: str = "!") -> str:
        made.append(text)
        return text.upper() + mark

    for _ in range(2):
        assert [shout("abc"), shout("abcd"), shout("abc", mark="????")] == ["ABC!", "ABCD!", "ABC????"]
    assert made == ["abc", "abcd", "abc", "abcd", "abc"]
    assert shout("x") + shout("y") + shout("abc") == "X!Y!ABC!"
    assert made[5:] == ["x", "y", "abc"], "no more entries than it may have"


def test_functions_of_names_are_cached() -> None:
    assert thing_iri("country", "BZ") is thing_iri("country", "BZ")
    assert thing_iri("country", "x" * 1_000) is not thing_iri("country", "x" * 1_000)
    assert fold("The  Ministry of Trade.") is fold("The  Ministry of Trade.")
