"""An introduction gives a role to each item of its list."""

from __future__ import annotations

import pytest

from tests.support.prose import about, check_roles


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (("It is funded by the following donors:", "UNODC", "World Bank"), "funder"),
        (("The project’s partners are:", "UNODC", "World Bank"), "partner"),
        (("Its partners include: UNODC and the World Bank.",), "partner"),
    ],
)
def test_introduction_gives_role_to_each_item(paragraphs: tuple[str, ...], expected: str) -> None:
    record = about("Training", *paragraphs, "It taught Fiji.")
    check_roles(record, {("unodc", expected), ("world-bank", expected)})
    assert {link.evidence[0].quote for link in record.participations} <= set(paragraphs)
