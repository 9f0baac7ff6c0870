"""A client of a site returns each response in the needed form, or says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification.site_client import SiteCheckFailed, SiteClient, first_differences

pytestmark = pytest.mark.slow


@pytest.fixture
def client(server: str) -> Iterator[SiteClient]:
    with Site(server, attempts=1) as site:
        yield SiteClient(site, 1)


def test_rows_and_statements_are_read(client: SiteClient) -> None:
    assert client.rows('SELECT ("x,\\ny" AS ?a) (1 AS ?b) {}') == [{"a": "x,\ny", "b": "1"}]
    lines = client.statements("/id/project/G0020")
    assert len(lines) > 10
    assert all(line.endswith(" .") for line in lines)


def test_missing_path_fails_the_check(client: SiteClient, tmp_path: Path) -> None:
    with pytest.raises(SiteCheckFailed, match=r"^/no-such-page returns status 404$"):
        client.ok("/no-such-page")
    with pytest.raises(SiteCheckFailed, match=r"^/no-such-page returns status 404$"):
        client.file("/no-such-page", tmp_path / "file")


def test_response_of_another_type_fails_the_check(client: SiteClient) -> None:
    with pytest.raises(SiteCheckFailed, match=r"^/release/1/SHA256SUMS is not valid JSON"):
        client.json("/release/1/SHA256SUMS")


def test_only_the_first_differences_are_listed() -> None:
    assert first_differences(["a", "b"]) == "a; b"
    listed = first_differences([f"difference {number}" for number in range(1_200)])
    assert listed.startswith("difference 0; difference 1; ")
    assert listed.endswith(" more")
    assert len(listed) < 200
