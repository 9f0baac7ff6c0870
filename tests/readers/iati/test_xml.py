"""XML elements are read one at a time, also from damaged and hostile files."""

from __future__ import annotations

import gc
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph.errors import SourceError
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Record
from cybilgraph.readers import Input, find_inputs
from cybilgraph.readers.iati import read_iati
from cybilgraph.readers.iati import xml as xml_reader
from tests.support.iati_files import activity, read, salvaged, wrapped

BOMB = "".join(f'<!ENTITY e{number} "{"ha" if number == 0 else f"&e{number - 1};" * 10}">' for number in range(10))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"  \n ", "invalid XML"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "invalid XML"),
        ("Strategy for Belize\nSummary\nText.", "invalid XML"),
        ("<!DOCTYPE html><html><body><p>Text<br></body></html>", "root element is html"),
        ('<rss version="2.0"><channel/></rss>', "root element is rss"),
        ('<iati-organisations version="2.03"/>', "root element is iati-organisations"),
        ("<: a='1'>", "root element is :"),
        ('<iati-activities xmlns="urn:x"/>', "root element is iati-activities"),
        ('<iati-activities version="2.03"/>', "no activity"),
        ('<iati-activities version="2.03">', "damaged"),
        (f"<!DOCTYPE x [{BOMB}]><iati-activities><iati-activity>&e9;</iati-activity></iati-activities>", "DOCTYPE"),
        (f'<!DOCTYPE x [{BOMB}]><iati-activities version="&e9;"/>', "invalid XML"),
        (
            f'<!DOCTYPE x [<!ENTITY a "{"a" * 200_000}">]><iati-activities>{"&a;" * 200_000}</iati-activities>',
            "DOCTYPE",
        ),
        ("<!DOCTYPE x [<!ENTITY % a \"<!ENTITY b SYSTEM 'file:///etc/passwd'>\">%a;]><iati-activities/>", "DOCTYPE"),
        ('<!DOCTYPE iati-activities SYSTEM "file:///etc/passwd"><iati-activities/>', "DOCTYPE"),
        (wrapped("<iati-activity>" + "<a>" * 300_000), "damaged"),
        ("<a>" * 300_000, "root element is a"),
        (f"<!--{'-a' * 1_000_000}--><iati-activities/>", "invalid XML"),
        ('<?xml version="1.0" encoding="UTF-16"?><iati-activities/>', "invalid XML"),
        ('<?xml version="1.0" encoding="klingon"?><iati-activities/>', "invalid XML"),
        ("<iati-activities " + "".join(f" a{n}='1'" for n in range(200_000)) + "/>", "no"),
    ],
    ids=lambda value: repr(value[:40]),
)
def test_other_files_give_clear_error(content: str | bytes, says: str) -> None:
    records, error = salvaged(content)
    assert not records
    assert error
    assert says in error.what
    assert len(error.what) < 400


def test_files_named_in_input_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret words", encoding="utf-8")
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="{secret.as_uri()}"/>'
    text = "<title><narrative>A &e; </narrative></title>"
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    records, error = salvaged(f"{entity}<iati-activities><iati-activity>{text}</iati-activity></iati-activities>")
    assert not records
    assert error
    assert "secret words" not in str(error)
    records, error = salvaged(wrapped(activity(f"<description><narrative>B {include}</narrative></description>")))
    assert error is None
    assert "secret words" not in repr(records)


def test_undeclared_entity_ends_the_file() -> None:
    records, error = salvaged(wrapped(activity("", 1), activity("<description>&nbsp;</description>", 2)))
    assert len(records) == 1
    assert error
    assert "iati.xml:10:" in error.what
    assert "1 × iati-activity before it" in error.what


def test_truncated_file_gives_activities_before_the_cut() -> None:
    whole = wrapped(*(activity("<description>Text.</description>", number) for number in range(50))).encode()
    ends = [at for at in range(len(whole)) if whole.startswith(b"</iati-activity>", at)]
    for cut in range(1, len(whole) - 2, len(whole) // 20):
        records, error = salvaged(whole[:cut])
        assert error
        assert len(records) == sum(end + len(b"</iati-activity>") <= cut for end in ends)
    assert len(read(whole)) == 50


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_declared_encoding_is_used(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = wrapped(activity("<description>Côte d'Ivoire</description>")).replace("UTF-8", declared)
    [record] = read(text.encode(encoding))
    assert record.summary[0].text == "Côte d'Ivoire"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["x", "€ ", "&amp;", "é&#233;", "<![CDATA[x]]>", "a\"b'c-d]?"])
@pytest.mark.parametrize("size", [5_000_000, 12_000_000])
def test_activity_with_giant_text_is_left_out(text: str, size: int) -> None:
    if text.startswith("<!"):
        text, begin, end = "x & y", "<![CDATA[", "]]>"
    else:
        begin = end = ""
    giant = f"<description><narrative>{begin}{text * (size // len(text.encode()) + 1)}{end}</narrative></description>"
    records, error = salvaged(wrapped(activity("", 1), activity(giant, 2), activity("", 3), activity(giant, 4)))
    assert [record.iati.text[-1] for record in records if record.iati] == ["1", "3"]
    assert error
    assert re.search(r":\d+: iati-activity with a text over 5,000,000 bytes, and 1 more$", error.what)


def test_activity_with_giant_comment_is_left_out() -> None:
    comment = f"<!-- {'y' * 12_000_000} -->"
    records, error = salvaged(wrapped(activity("", 1), activity(comment, 2), activity("", 3)))
    assert [record.iati.text[-1] for record in records if record.iati] == ["1", "3"]
    assert error
    assert re.search(r":7: iati-activity with a text over 5,000,000 bytes$", error.what)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ["x", "€ ", "\U0001f600", "&amp;"])
def test_activity_with_giant_text_is_left_out_in_other_encodings(text: str, encoding: str) -> None:
    giant = activity(f"<description><narrative>{text * (12_000_000 // len(text))}</narrative></description>", 2)
    whole = wrapped(activity("", 1), giant, activity("<description>Côte</description>", 3))
    records, error = salvaged(whole.replace("UTF-8", "UTF-16").encode(encoding))
    assert [record.iati.text[-1] for record in records if record.iati] == ["1", "3"]
    assert records[1].summary[0].text == "Côte"
    assert error
    assert re.search(r":7: iati-activity with a text over 5,000,000 bytes$", error.what)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "harm"),
    [("utf-16-le", b"\x00\xd8"), ("utf-16-be", b"\xdc\x00"), ("utf-32-le", b"\xff\xff\xff\xff"), ("utf-16-le", b"x")],
)
def test_partial_character_is_damage_after_records_read(encoding: str, harm: bytes) -> None:
    whole = wrapped(*(activity("<description>A text</description>" * 200, number) for number in range(1, 40)))
    content = whole.encode(encoding)
    at = content.rindex("A text".encode(encoding))
    records, error = salvaged(content[:at] + harm + content[at:])
    assert 1 <= len(records) < 39
    assert error
    assert "damaged" in error.what


def test_unknown_encoding_is_reported_with_hint() -> None:
    with pytest.raises(SourceError, match="its declared encoding is unknown") as error:
        list(read_iati(Input("a.xml", data=b'<?xml version="1.0" encoding="klingon"?><iati-activities/>')))
    assert error.value.hint.startswith("Save it as UTF-8")


def test_giant_activity_is_discarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_reader, "MAX_ELEMENT_BYTES", 500_000)
    large = "<a><budget><b/></budget></a>" * 100_000
    content = wrapped(activity("", 1), activity(large, 2), activity("", 3), activity(large, 4), activity("", 5))
    records, error = salvaged(content)
    assert [record.iati.text[-1] for record in records if record.iati] == ["1", "3", "5"]
    assert error
    assert re.search(r":7: iati-activity larger than 500,000 bytes, and 1 more$", error.what)
    records, error = salvaged(wrapped(activity("", 1), large))
    assert len(records) == 1
    assert error
    assert "an element larger than" in error.what


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('<?xml version="1.0" encoding="klingon"?><iati-activities/>', "its declared encoding is unknown"),
        (wrapped("<a></b>"), "iati.xml:3:"),
        (wrapped("<a></b>"), "an end tag does not match"),
        (wrapped("<a>R & D</a>"), "write it as &amp;"),
        (wrapped("<a b=c/>"), "not in quotes"),
        (wrapped("<a b='c' b='d'/>"), "occurs twice"),
        (wrapped("<a><!-- -- --></a>"), "hyphens"),
        (wrapped("<x:a/>")[:-3], "prefix"),
    ],
)
def test_damage_is_described_in_plain_words(content: str, says: str) -> None:
    _, error = salvaged(content)
    assert error
    assert says in error.what


def test_nested_activities_are_ignored() -> None:
    records, error = salvaged(wrapped(activity(activity("<description>Inner</description>", 2), 1), activity("", 3)))
    assert error is None
    assert [record.iati and record.iati.text for record in records] == ["XM-1", "XM-3"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_activities(tmp_path: Path) -> None:
    load_gazetteer()

    def peak(number: int) -> int:
        path = tmp_path / f"{number}.xml"
        with path.open("w", encoding="utf-8") as file:
            file.write(wrapped()[: -len("</iati-activities>\n")])
            file.writelines(activity("<description>Text.</description>", at) for at in range(number))
            file.write("</iati-activities>")
        gc.collect()
        tracemalloc.start()
        assert sum(1 for _ in records(path)) == number
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    def records(path: Path) -> Iterator[Record]:
        return read_iati(next(find_inputs([path])))

    peak(3000)  # fills the caches of names
    assert peak(3000) < peak(300) + 100_000
