"""Fixtures for tests of hints."""

from __future__ import annotations

import pyoxigraph as ox
import pytest

from cybilgraph import pipeline
from cybilgraph.release import Release
from cybilgraph.sparql.hints.facts import Facts
from tests.conftest import PAGES, SAMPLES


@pytest.fixture(scope="module")
def facts(release: Release) -> Facts:
    return Facts(ox.Store.read_only(str(release.store)))


@pytest.fixture(scope="module")
def facts_of_everything(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """Facts of a release with everything that records may have, such as sums of money."""
    others = (SAMPLES / "one-project" / "project.csv", SAMPLES / "publishers", SAMPLES / "formats" / "iati-results.xml")
    release, _ = pipeline.build([*PAGES, *others], tmp_path_factory.mktemp("everything"))
    return Facts(ox.Store.read_only(str(release.store)))
