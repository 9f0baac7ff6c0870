"""Findings that list what was inferred from prose."""

from __future__ import annotations

from pathlib import Path

from cybilgraph.extraction.inferred import find_inferred
from cybilgraph.pipeline import check
from tests.support.prose import about

TEXT = "It was funded by Norway and began in March 2020."


def test_each_inferred_link_is_listed_with_its_sentence() -> None:
    record = about("Courses for Belize", TEXT)
    links = [*record.participations, *record.scopes]
    found = list(find_inferred(record))
    assert len(found) == len(links) + 1
    assert sum(one.rule.endswith("#inferred-possible") for one in found) == sum(not link.basis.counts for link in links)
    [start] = [one for one in found if one.message.startswith("“start: 2020-03”")]
    assert (start.line, start.text) == (5, TEXT)


def test_check_lists_inferred_links_only_on_request(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text(f"Courses for Belize\n\nSummary\n\n{TEXT}\n", encoding="utf-8")
    rules = {one.rule.rpartition("#")[2] for one in check(page, list_inferred=True).findings}
    assert "inferred" in rules
    assert not any("#inferred" in one.rule for one in check(page).findings)
