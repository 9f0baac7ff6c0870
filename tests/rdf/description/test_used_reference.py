"""The reference data that a record uses: complete, and nothing else."""

from __future__ import annotations

import re

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.description import describe_reference, describe_used_reference

ALL = describe_reference(load_gazetteer())


def used(*lines: str) -> list[str]:
    return describe_used_reference(load_gazetteer(), lines)


def test_nothing_is_used_by_a_record_that_names_no_entry() -> None:
    assert used(f'<{BASE}id/project/1> <http://purl.org/dc/terms/title> "A project" .') == []


def test_entries_come_complete_with_those_they_name() -> None:
    lines = used(f"<{BASE}id/project/1> <{BASE}ns#country> <{BASE}id/country/BZ> .")
    assert set(lines) < set(ALL)
    subjects = {line.split(" ", 1)[0] for line in lines}
    assert f"<{BASE}id/country/BZ>" in subjects
    assert f"<{BASE}id/country/PE>" not in subjects
    assert lines
    assert {line for line in ALL if line.split(" ", 1)[0] in subjects} == set(lines)
    described = {line.split(" ", 1)[0] for line in ALL}
    assert {f"<{iri}>" for line in lines for iri in re.findall(r"<([^<>\s]*)>", line)} & described == subjects


def test_every_entry_named_anywhere_gives_the_whole() -> None:
    assert sorted(used(*ALL)) == ALL
