"""Fixtures for tests of hints."""

from __future__ import annotations

import pyoxigraph as ox
import pytest

from cybilgraph.release import Release
from cybilgraph.sparql.hints.facts import Facts


@pytest.fixture(scope="module")
def facts(release: Release) -> Facts:
    return Facts(ox.Store.read_only(str(release.store)))
