"""A site is proven, and what is wrong with it is found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cybilgraph.errors import FetchError
from cybilgraph.model.vocabulary import CYB
from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification import Outcome, verify
from tests.conftest import run
from tests.support.publisher import FaultyProxy
from tests.support.verification import VOID, proven

pytestmark = pytest.mark.slow


def test_all_checks_pass_for_an_intact_site(way: FaultyProxy) -> None:
    found = proven(way, quick=False)
    assert [check for check in found.checks if check.outcome is not Outcome.HOLDS] == []
    assert len(found.checks) == 13


def test_missing_site_is_reported(tmp_path: Path) -> None:
    with Site("http://127.0.0.1:1", attempts=1) as site, pytest.raises(FetchError, match="no connection"):
        verify(site)


def test_login_page_instead_of_a_site_is_reported(way: FaultyProxy) -> None:
    way.harmed["/sparql"] = lambda _: b"<html><form>Log in</form></html>"
    with (
        Site(way.url, attempts=2, pause=0.001) as site,
        pytest.raises(FetchError, match=r"a web page.* perhaps a login"),
    ):
        verify(site)


def test_command_reports_failures_with_its_exit_code(way: FaultyProxy) -> None:
    lines = (
        f'<x:part> <{VOID}class> <{CYB.Project}> .\n<x:part> <{VOID}entities> "70" .\n<x:data> <{VOID}triples> "7" .\n'
    )
    way.harmed["/.well-known/void"] = lambda _: lines.encode()
    problems = run("verify", way.url, "--quick", "-f", "json")
    report = json.loads(problems.stdout)
    assert (problems.returncode, report["holds"], report["release"]) == (1, False, 1)
    [problem] = [check["says"] for check in report["checks"] if check["outcome"] == "fails"]
    assert re.fullmatch(
        r"void:entities of cyb:Project is 70, but the endpoint counts [0-9]+; "
        r"void:triples of the dataset is 7, but the endpoint counts [0-9,]+, or [0-9,]+ with named graphs",
        problem,
    )
    assert run("verify", "http://127.0.0.1:1").returncode == 2
