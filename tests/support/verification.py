"""Runs checks of a site, and returns the problems they report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification import SiteCheckFailed, SiteChecks, Verification, verify
from tests.support.publisher import FaultyProxy

VOID, DCAT, SPDX = "http://rdfs.org/ns/void#", "http://www.w3.org/ns/dcat#", "http://spdx.org/rdf/terms#"


def verify_site(way: FaultyProxy, quick: bool = True) -> Verification:
    with Site(way.url, attempts=2, pause=0.001) as site:
        return verify(site, quick)


def problems_of(way: FaultyProxy, folder: Path, *names: str) -> list[str]:
    """Run checks, and return the problems that the last one reports."""
    with Site(way.url, attempts=2, pause=0.001) as site:
        checks = dict(SiteChecks(site, folder, quick=False).checks())
        for name in names[:-1]:
            checks[name]()
        with pytest.raises(SiteCheckFailed) as failure:
            checks[names[-1]]()
    return re.split(r"; (?=[a-z]+\.[a-z.]+ )", str(failure.value))
