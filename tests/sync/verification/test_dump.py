"""A dump gives the current statements and rows that a site is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from cybilgraph.errors import QueryError
from cybilgraph.model.vocabulary import BASE, CYB, RDF
from cybilgraph.sync.verification.dump import Dump, TripleIndex, by_subject, rows_of

PROJECT = f"{BASE}id/project/G1"
TYPE = f"<{PROJECT}> <{RDF.type}> <{CYB.Project}> ."
TITLE = f'<{PROJECT}> <urn:title> "New"@en .'
EARLIER = f'<{PROJECT}> <urn:title> "Old"@en <{BASE}graph/G1/1> .'


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    lines = (TYPE, TITLE, EARLIER, '<urn:other> <urn:title> "Other" .')
    (tmp_path / "given.nq").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    dump = Dump(tmp_path)
    assert dump.load(tmp_path / "given.nq")[0] == len(lines)
    return dump


def test_earlier_captures_are_not_current(dump: Dump) -> None:
    assert dump.subjects() == [f"<{PROJECT}>", "<urn:other>"]
    assert dump.about([f"<{PROJECT}>"]) == {f"<{PROJECT}>": {TYPE, TITLE}}


def test_queries_are_answered_but_not_updates(dump: Dump) -> None:
    assert dump.rows("SELECT ?t { ?s <urn:title> ?t }") == {("t",): 1, ("New",): 1, ("Other",): 1}
    with pytest.raises(QueryError):
        dump.rows("DELETE WHERE { ?s ?p ?o }")


def test_missing_dump_is_not_available(tmp_path: Path) -> None:
    assert not Dump(tmp_path).is_available


def test_rows_are_compared_without_their_order() -> None:
    assert rows_of(b'a,b\r\n"x\r\ny",2\r\n1,2\r\n') == rows_of(b'a,b\r\n1,2\r\n"x\r\ny",2\r\n')
    assert by_subject([TYPE, TITLE]) == {f"<{PROJECT}>": {TYPE, TITLE}}


def test_index_returns_text_of_literals_and_terms_of_nodes() -> None:
    index = TripleIndex([TYPE, TITLE])
    assert index.pairs("urn:title") == [(f"<{PROJECT}>", "New")]
    assert index.pairs("urn:nothing") == []
    assert index.of(f"<{PROJECT}>", RDF.type) == [f"<{CYB.Project}>"]
