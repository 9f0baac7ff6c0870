"""Lines of N-Quads and their graphs."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph as ox
import pytest

from cybilgraph.rdf.serialisation import is_in_earlier_graph
from tests.support.dumps import VERSION


@pytest.mark.parametrize(
    ("line", "version"),
    [
        (f"<x:s> <x:p> <x:o> <{VERSION}> .", True),
        (f'<x:s> <x:p> "a b"@en <{VERSION}> .', True),
        (f"<x:s> <x:p> <{VERSION}> .", False),
        (f"<x:s> <x:p> <{VERSION}> <{VERSION}> .", True),
        (f'<x:s> <x:p> "of <{VERSION}> ." .', False),
        (f'<x:s> <x:p> "of <{VERSION}>"^^<x:d> .', False),
        (f'<x:s> <x:p> "of <{VERSION}"^^<x:d> .', False),
        ("<x:s> <x:p> <x:o> .", False),
    ],
)
def test_recognises_lines_of_earlier_captures(line: str, version: bool, tmp_path: Path) -> None:
    assert is_in_earlier_graph(f"{line}\n".encode()) is version
    [quad] = ox.parse(line, format=ox.RdfFormat.N_QUADS)
    assert (quad.graph_name != ox.DefaultGraph()) is version
