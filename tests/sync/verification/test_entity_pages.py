"""A page of an actor or theme with other projects than the endpoint is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.publisher import FaultyProxy
from tests.support.verification import problems_of

pytestmark = pytest.mark.slow

#: Problems reported for the page of an actor or a theme, and the changes that cause them.
_LINKED = {
    "/id/actor/gpd: 7 projects, but the endpoint counts 1": lambda page: page.replace(
        b'<p class="lead">1 project', b'<p class="lead">7 projects'
    ),
    "/id/actor/gpd: projects: 1 not in the endpoint "
    "(https://w3id.org/cybilgraph/id/project/G0020 as Funder)": lambda page: page.replace(
        b'data-label="Role">Implementer', b'data-label="Role">Implementer, Funder'
    ),
    "/id/theme/policy-and-strategy: projects: 1 missing (https://w3id.org/cybilgraph/id/project/G0020)": lambda page: (
        page.replace(b"/id/project/G0020", b"/id/project/GI-07")
    ),
}


@pytest.mark.parametrize("problem", _LINKED)
def test_wrong_list_of_projects_is_found(
    way: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    monkeypatch.setattr("cybilgraph.sync.verification.entity_pages._PAGES_PER_KIND", 1000)
    way.harmed[problem.partition(":")[0]] = _LINKED[problem]
    assert "; ".join(problems_of(way, tmp_path, "pages of lists")).startswith(problem)
