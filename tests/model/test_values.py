"""Values are compared and hashed by their fields, like frozen dataclasses."""

from __future__ import annotations

import pickle

import pytest

from cybilgraph.model.record import Basis, Named, Participation, Place, Text

ONE = Participation(Named("actor", "fcdo", Text("FCDO", Place(3))), "funder", Basis.STATED)


def test_equal_values_are_equal_and_hash_equally() -> None:
    same = Participation(Named("actor", "fcdo", Text("the FCDO", Place(9))), "funder", Basis.STATED)
    other = Participation(ONE.actor, "partner", Basis.STATED)
    assert {ONE, same, other} == {ONE, other}
    assert pickle.loads(pickle.dumps(ONE)) == ONE


def test_value_has_no_attributes_besides_its_fields() -> None:
    with pytest.raises(AttributeError):
        ONE.rolle = "funder"  # type: ignore[attr-defined]
