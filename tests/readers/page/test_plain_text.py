"""Page text: the complete sample, layouts, noise, and arbitrary bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.fields import FIELDS
from cybilgraph.model.record import Place, Record
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, find_inputs, read_input
from tests.conftest import RECORDS, SEED
from tests.support.pages import findings_of, read


@pytest.fixture(scope="module")
def seed() -> Record:
    [record] = read_input(next(find_inputs([SEED])))
    return record


def test_seed_record_field_by_field(seed: Record) -> None:
    assert seed.title
    assert seed.title.text == "Support to Belize National Cyber Security Strategy"
    assert seed.title.place == Place(3, 1)
    assert seed.code
    assert (seed.code.text, seed.code.place) == ("G0020", Place(9, 13))
    assert seed.slug
    assert seed.slug.text == "support-to-belize-national-cyber-security-strategy"
    assert seed.status
    assert (seed.status.key, seed.status.printed.text) == ("finished", "Finished")
    assert seed.start
    assert (seed.start.value, seed.start.printed.text, seed.start.printed.place) == (
        "2018-04",
        "Apr 2018",
        Place(13, 7),
    )
    assert seed.end
    assert seed.end.value == "2020-03"
    assert [(blank.name, blank.label, blank.place) for blank in seed.left_blank] == [
        ("funder", "Funders", Place(17, 1)),
        ("country", "Countries", Place(19, 1)),
    ]
    [contact] = seed.contacts
    assert (contact.name, contact.email.partition("@")[2]) == ("Daniela Schnidrig", "gp-digital.org")
    for name, count in {
        "summary": 1,
        "aim": 1,
        "context": 1,
        "outcomes": 1,
        "outputs": 1,
        "activities": 4,
        "links": 1,
    }.items():
        assert len(seed.values(name)) == count, name
    assert seed.activities[0].text.startswith("The establishment of a multi-stakeholder NCS task force")
    assert seed.activities[0].place == Place(51, 5)
    assert seed.rights
    assert seed.rights.text.startswith("The Cybil project repository")
    assert seed.rights.text.endswith("in these pages.")
    assert not seed.findings


def test_rights_statement_is_in_no_section(seed: Record) -> None:
    for row in FIELDS:
        for value in seed.values(row.name):
            assert row.name == "rights" or "continuously updated" not in repr(value), row.name


def test_no_word_of_seed_record_is_lost(seed: Record) -> None:
    """Every word of the page is in the record or in one of its labels."""
    printed = SEED.read_text(encoding="utf-8").replace("•", " ").split()
    labels = {word.casefold() for row in FIELDS for label in row.labels for word in label.split()}
    kept = set(repr(seed).replace("\\xa0", " ").replace("'", " ").replace('"', " ").split())
    kept_text = " ".join(kept)
    for word in printed:
        bare = word.strip(":'\"")
        assert bare in kept_text or bare.casefold() in labels, word


def test_page_without_line_ends_is_reported() -> None:
    page = "A project. " * 60
    assert [rule for rule, *_ in findings_of(page)] == ["one-line"]
    assert not findings_of(f"{page}\nSummary\nIt helps.")


def test_capture_that_begins_in_the_middle() -> None:
    record = read("Summary\n\nIt helps Belize.\n")
    assert record.title is None
    assert record.key.startswith("untitled-")
    assert [part.text for part in record.summary] == ["It helps Belize."]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n\n",
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01",
        b"PK\x03\x04\x00\x00",
        b"MZ\x90\x00\x03",
        b"\xff\xfe\x00",
    ],
)
def test_file_without_record_gives_clear_error(content: bytes) -> None:
    with pytest.raises(SourceError, match=r"page\.txt: "):
        read(content)


@given(st.one_of(st.binary(max_size=500), st.text(max_size=500).map(lambda text: text.encode(errors="surrogatepass"))))
def test_arbitrary_bytes_give_record_or_clear_error(content: bytes) -> None:
    try:
        [record] = read_input(Input("page.txt", data=content))
    except SourceError as error:
        assert error.hint
    else:
        assert describe(derive(record))


_FILLERS = [
    *(
        "a",
        ".",
        ":",
        "(",
        "@",
        "-",
        "/",
        "~",
        '"',
        "&",
        "\u1680",
        "\u205f",
        "\u0301",
        "http://",
        "a@",
        "(a",
        "1 ",
        "◆ ",
        "◇, ",
    ),
    *("Chad and ", "UNODC, ", "&amp;", "&#99999;", "in Kenya ", "\n", "a\n", "Funders\n", "• x\n", "From: x\n"),
]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("filler", _FILLERS)
@pytest.mark.parametrize("label", ["", "Contact", "Funders", "Summary"])
def test_long_text_takes_bounded_time(filler: str, label: str) -> None:
    text = f"A page\n{label}\n" + filler * (100_000 // len(filler.encode()))
    describe(derive(read(text)))


def test_reads_every_record_of_the_data() -> None:
    inputs = list(find_inputs([RECORDS]))
    assert len(inputs) == 15
    assert [found.name for found in inputs] == sorted(found.name for found in inputs)
    assert all(len(list(read_input(found))) == 1 for found in inputs)


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE html>\n<html><p>x</p></html>", '<?xml version="1.0"?><iati-activities/>', "%PDF-1.7 x", "@prefix a: <b> ."]
)  # fmt: skip
def test_other_formats_are_reported(text: str) -> None:
    with pytest.raises(SourceError, match="not the text of a page"):
        read(text)
