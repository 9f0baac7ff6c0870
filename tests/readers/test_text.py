"""Bytes in any encoding become clean lines."""

from __future__ import annotations

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.model.record import Place, Text
from cybilgraph.readers import Input, read_input
from tests.support.pages import read


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-32"])
def test_wide_encodings_with_byte_order_mark_are_read(encoding: str) -> None:
    [record] = read_input(Input("page.txt", data="Course in Fiji\n\nSummary\n\nIt teaches.\n".encode(encoding)))
    assert record.title is not None
    assert record.title.text == "Course in Fiji"


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"])
def test_wide_encoding_without_byte_order_mark_is_named_in_error(encoding: str) -> None:
    for name, text in (("page.txt", "A project\nSummary\nIl aide à former.\n"), ("page.csv", "title,code\nA,G0020\n")):
        with pytest.raises(SourceError, match=f"looks like {encoding}") as raised:
            read(text.encode(encoding), name)
        assert f"iconv -f {encoding}" in raised.value.hint


def test_tolerates_noise() -> None:
    record = read("\ufeffA\u00a0project &amp; more  \r\nSummary\u00a0\r\n\u00a0\r\n  “Never closed \r\n")
    assert record.title
    assert record.title.text == "A project & more"
    assert [part.text for part in record.summary] == ["“Never closed"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_reads_encodings(encoding: str) -> None:
    record = read("Côte d’Ivoire – a project\n\nSummary\n\nText.\n".encode(encoding))
    assert record.title
    assert record.title.text == "Côte d’Ivoire – a project"
    assert bool(record.findings) == (encoding == "cp1252")


def test_unterminated_entity_is_text() -> None:
    record = read("A project &#" + "9" * 5000 + "; &amp &lt;b&gt;")
    assert record.title
    assert record.title.text.endswith("&amp <b>")


def test_line_separators_do_not_count_as_line_ends() -> None:
    text = "Training\u2028Summary\x85  It\x1c trains  officers.\fAim\v\tTo help.\r\nOutcomes\rThey know."
    record = read(text)
    assert record.summary == (Text("It trains officers."),)
    assert record.summary[0].place == Place(1, 20)
    assert (record.aim, record.outcomes) == ((Text("To help."),), (Text("They know."),))
