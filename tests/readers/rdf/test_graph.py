"""The current graph and each earlier capture are read separately, also from damaged files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.identity import Identities
from cybilgraph.identity.assembly import Assembly
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format
from cybilgraph.model.record import Record, Source, Text
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, read_input
from tests.support.identities import quads
from tests.support.rdf_files import FULL, read, write


def test_earlier_captures_come_first_by_number(tmp_path: Path) -> None:
    titles = [f"Capture {number}" for number in range(12)]
    captures = []
    with Identities() as identities, Assembly(identities) as assembly:
        for number, title in enumerate(titles):
            more = (
                "Status: Ongoing\nContext\nWhy." if number % 2 else "Aims\nMuch."
            )  # fields that do not come from the other capture
            text = f"{title}\nCybil code: G0001\n{more}\nFunders\nThe X Fund\nSummary\nText.".encode()
            [record] = read_input(Input("x.txt", data=text))
            captures.append(record)
            assembly.add(record, describe(record))
        other = Record(source=Source("y", "1" * 64), title=Text("Other"), slug=Text("other"))
        assembly.add(other, describe(other))
        lines = quads(assembly)
    for name in ("nquads", "trig", "jsonld"):
        records = read(write(lines, name), f"x.{BY_NAME[name].suffix}")
        present = replace(captures[-1], aim=captures[-2].aim)  # the newest capture, completed from the one before
        assert records == [*captures[:-1], present, other]
        assert {link.actor.printed.text for record in records for link in record.participations} == {"The X Fund"}
        assert not any(link.actor.known for record in records for link in record.participations)
    (tmp_path / "all.nq").write_bytes(write(lines, "nquads"))
    with (tmp_path / "again.nq").open("wb") as output:
        pipeline.convert([tmp_path / "all.nq"], BY_NAME["nquads"], output)
    again = (tmp_path / "again.nq").read_text(encoding="utf-8").splitlines()
    assert {line for line in again if "/source" not in line} == {line for line in lines if "/source" not in line}


@pytest.mark.parametrize("fmt", GRAPH_FORMATS, ids=lambda fmt: fmt.name)
def test_truncated_file_gives_projects_before_the_cut(fmt: Format) -> None:
    content = write(describe(FULL), fmt.name)
    for share in (0.2, 0.5, 0.9):
        cut = content[: int(len(content) * share)].rstrip(b"\n .") + b"<"
        with pytest.raises(SourceError, match=r"^x\.rdf: " if fmt.name == "rdfxml" else r"^x\.\w+:\d+:\d+: "):
            read(cut, f"x.{fmt.suffix}")
