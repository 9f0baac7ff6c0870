"""The words that a match of a pattern begins with and must contain."""

from __future__ import annotations

import pytest

from cybilgraph.extraction.prefilter import first_words, parse, required_words


@pytest.mark.parametrize(
    ("pattern", "first", "needs"),
    [
        ("(?>fraud|theft) ◆", {"fraud", "theft"}, [{"fraud", "theft"}, {"◆"}]),
        ("costs? (?:of|from) ◆", {"cost"}, [{"cost"}, {"◆"}]),
        ("(?:co-?)?(?:funded|paid for) by [◆◈]", {"co", "funded", "paid for"}, [{"funded", "paid for"}, {"◆", "◈"}]),
        (r"(?:train|coach)\w*\b(?! (?:never|course)) ◇", {"train", "coach"}, [{"train", "coach"}, {"◇"}]),
        (r"(?:grants?|\w+ly) of {named}(?=, again)", {"grant", ""}, [{"◎"}]),
        ("us\\$ (?:[0-9]{1,3} ){0,2}million|€ given", {"us$ ", "€ given"}, [{"million", "€ given"}]),
        ("(?:in favour|(?:on|in) behalf) of", {"in favour", "on", "in"}, [{"in favour", " behalf"}]),
    ],
)
def test_prefilter_finds_first_and_required_words(pattern: str, first: set[str], needs: list[set[str]]) -> None:
    group = parse(pattern, {"named": [["◎"]]})
    assert first_words(group) == first
    assert required_words(group) == needs
