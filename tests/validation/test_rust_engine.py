"""The Rust engine returns results with the labels of the data and the names of the shapes."""

from __future__ import annotations

import pytest

from cybilgraph.errors import ShapesError
from cybilgraph.validation.rust_engine import validate
from cybilgraph.validation.shapes import read_shapes

SHAPES = """@prefix sh: <http://www.w3.org/ns/shacl#> .
<urn:s> a sh:NodeShape ; sh:targetSubjectsOf <urn:p> ; sh:property <urn:s-q>, [ sh:path <urn:r> ; sh:maxCount 0 ] .
<urn:s-q> sh:path <urn:q> ; sh:nodeKind sh:IRI ; sh:message "an IRI"@en, "un IRI"@es .
"""
DATA = """_:first <urn:p> <urn:a> .
_:first <urn:q> _:other .
<urn:a> <urn:p> _:first .
<urn:a> <urn:q> "x" .
"""


def test_blank_nodes_keep_their_labels() -> None:
    found = {(result.focus, result.value) for result in validate(DATA, read_shapes(SHAPES))}
    assert found == {("_:first", "_:other"), ("<urn:a>", '"x"')}


def test_results_name_the_property_shape_and_have_every_message() -> None:
    for result in validate(DATA, read_shapes(SHAPES)):
        assert (result.rule, result.path) == ("urn:s-q", "<urn:q>")
        assert set(result.messages) == {"an IRI", "un IRI"}


def test_invalid_data_raises_an_error_with_a_hint() -> None:
    with pytest.raises(ShapesError) as error:
        validate("<urn:a> <urn:p> .\n", read_shapes(SHAPES))
    assert error.value.hint
