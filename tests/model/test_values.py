"""Values are compared and hashed by what they say, as frozen dataclasses are."""

from __future__ import annotations

import pickle

import pytest

from cybilgraph.model.record import Basis, Named, Participation, Place, Text

ONE = Participation(Named("actor", "fcdo", Text("FCDO", Place(3))), "funder", Basis.STATED)


def test_values_that_say_the_same_are_one() -> None:
    same = Participation(Named("actor", "fcdo", Text("the FCDO", Place(9))), "funder", Basis.STATED)
    other = Participation(ONE.actor, "partner", Basis.STATED)
    assert {ONE, same, other} == {ONE, other}
    assert pickle.loads(pickle.dumps(ONE)) == ONE


def test_a_value_has_its_fields_and_no_more() -> None:
    with pytest.raises(AttributeError):
        ONE.rolle = "funder"  # type: ignore[attr-defined]
