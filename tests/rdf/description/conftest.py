"""The first sample record as a graph."""

from __future__ import annotations

import pytest
import rdflib

from cybilgraph import read, to_graph
from tests.conftest import SEED


@pytest.fixture(scope="module")
def graph() -> rdflib.Graph:
    return to_graph(next(read(SEED)))
