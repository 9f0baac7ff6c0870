"""Caches of functions have a bounded size in bytes."""

from __future__ import annotations

from cybilgraph.model.gazetteer import fold
from cybilgraph.model.vocabulary import thing_iri
from cybilgraph.runtime.bounded_cache import cache_short


def test_only_results_for_short_texts_are_cached() -> None:
    calls: list[str] = []

    @cache_short(entries=2, longest=3)
    def shout(text: str, *, mark: str = "!") -> str:
        calls.append(text)
        return text.upper() + mark

    for _ in range(2):
        assert [shout("abc"), shout("abcd"), shout("abc", mark="????")] == ["ABC!", "ABCD!", "ABC????"]
    assert calls == ["abc", "abcd", "abc", "abcd", "abc"]
    assert shout("x") + shout("y") + shout("abc") == "X!Y!ABC!"
    assert calls[5:] == ["x", "y", "abc"], "the cache holds at most two entries"


def test_functions_of_names_are_cached() -> None:
    assert thing_iri("country", "BZ") is thing_iri("country", "BZ")
    assert thing_iri("country", "x" * 1_000) is not thing_iri("country", "x" * 1_000)
    assert fold("The  Ministry of Trade.") is fold("The  Ministry of Trade.")
