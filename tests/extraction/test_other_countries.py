"""Texts about other countries are reported."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.readers import Input, read_input


@pytest.mark.parametrize("country", ["Samoa", "the Government of Samoa", "Moldova", "the Government of Maldova"])
def test_aim_with_another_country_is_reported(country: str) -> None:
    text = f"Cybercrime training in Belize\nAim\nTo support {country} in writing a law."
    [record] = read_input(Input("page.txt", data=text.encode()))
    assert "aim-of-another-country" in {found.rule.rpartition("#")[2] for found in derive(record).findings}
