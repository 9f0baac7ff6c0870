"""Names, addresses and telephone numbers of contacts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.forms import read


@pytest.mark.parametrize("key", ["phone", "telephone", "tel", "mobile"])
def test_telephone_number_of_contact_is_its_note(key: str, tmp_path: Path) -> None:
    jane = {"name": "Jane Roe", "email": "jane@example.org", "role": "Adviser", key: "+44 (0)20 7946 0958"}
    joe = {"name": "Joe Doe", key: [254712345678, "0733 345 679"]}
    [record] = read(tmp_path, "project.json", json.dumps({"title": "A project", "contacts": [jane, joe]}))
    assert [(one.name, one.email, one.note) for one in record.contacts] == [
        ("Jane Roe", "jane@example.org", "Adviser, +44 (0)20 7946 0958"),
        ("Joe Doe", "", "254712345678, 0733 345 679"),
    ]
