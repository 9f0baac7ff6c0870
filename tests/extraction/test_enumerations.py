"""An introduction gives a role to each item of its list."""

from __future__ import annotations

import pytest

from tests.support.prose import about, roles


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (("It is funded by the following donors:", "the Netherlands", "World Bank"), "funder"),
        (("The project’s partners are:", "the Netherlands", "World Bank"), "partner"),
        (("Its partners include: the Netherlands and the World Bank.",), "partner"),
    ],
)
def test_introduction_gives_role_to_each_item(paragraphs: tuple[str, ...], expected: str) -> None:
    record = about("Training", *paragraphs, "It taught Fiji.")
    assert roles(record) == {("government-of-the-netherlands", expected), ("world-bank", expected)}
    assert {link.evidence[0].quote for link in record.participations} <= set(paragraphs)
