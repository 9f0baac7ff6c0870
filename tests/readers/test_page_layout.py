"""Pages are divided into sections by their labels: the complete sample, layouts, lost headings, arbitrary bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.fields import BY_NAME, FIELDS
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, find_inputs, read_input
from cybilgraph.readers.page_layout import RIGHTS
from tests.conftest import PAGES, SEED
from tests.support.pages import findings_of, read


def test_older_page_with_contact_and_text_below_code() -> None:
    record = read(
        "A project\n\nGFCE Code: GI-07\n\nStatus: Ongoing\n\nFrom: Mar 2016\n\nJane Doe\n\nIt helps many countries.\n"
    )
    assert record.code
    assert record.code.text == "GI-07"
    assert [contact.name for contact in record.contacts] == ["Jane Doe"]
    assert [part.text for part in record.description] == ["It helps many countries."]
    assert record.end is None
    assert not record.left_blank


@pytest.mark.parametrize(
    "lines",
    [
        "From: Apr 2018 To: Mar 2020\nStatus: Finished Code: ABC-1",
        "From: Apr 2018 | To: Mar 2020, Status: Finished; Cybil Code: ABC-1",
        "Project status: Finished From: Apr 2018 To: Mar 2020 Project Code: ABC-1",
        "STATUS – finished\nFROM - Apr 2018\nTo — Mar 2020\nCode – ABC-1",
    ],
)
def test_several_labels_on_a_line_and_labels_with_dashes(lines: str) -> None:
    record = read(f"A project\n{lines}")
    assert record.status
    assert record.start
    assert record.end
    assert record.code
    assert (record.status.key, record.start.value, record.end.value) == ("finished", "2018-04", "2020-03")
    assert record.code.text == "ABC-1"
    assert not record.description


def test_title_with_dash_is_not_a_label() -> None:
    record = read("Partners – a project\nSummary\nTo: all who care From: us.")
    assert record.title
    assert record.title.text == "Partners – a project"


def test_paragraph_is_not_a_title() -> None:
    paragraph = "This project teaches officials " + "and officials " * 25
    [record] = read_input(Input("page.txt", data=f"{paragraph}\n\nSummary\n\nIt teaches.\n".encode()))
    assert record.title is None
    assert [text.text for text in record.description] == [paragraph.strip()]


def test_unknown_label_ends_list_of_names() -> None:
    record = read("A project\nCountries:\nIn Africa:\nMali\nWho came along:\nA friend of ours\nSummary\nText.")
    assert [link.concept.key for link in record.scopes] == ["ML", "002"]
    assert [part.text for part in record.description] == ["A friend of ours"]


def test_inline_value_does_not_end_enclosing_section() -> None:
    record = read("A project\nSummary\nIt helps.\nDonor: European Union\nIt goes on.\nStatus: Ongoing\nAnd on.")
    assert [part.text for part in record.summary] == ["It helps.", "It goes on.", "And on."]
    assert [link.actor.key for link in record.participations] == ["eu"]
    assert record.status


def test_section_after_rights_statement_is_read() -> None:
    record = read(f"A project\nAims\n{RIGHTS}, and so on.\nSecond sentence.\nOutcomes\nA law.")
    assert record.rights
    assert record.rights.text.endswith("Second sentence.")
    assert [item.text for item in record.outcomes] == ["A law."]


_LINES = st.sampled_from([label.title() for row in FIELDS for label in row.labels]) | st.text(max_size=30)


@given(st.lists(_LINES, min_size=1, max_size=12))
def test_any_order_of_labels_gives_record(lines: list[str]) -> None:
    try:
        [record] = read_input(Input("page.txt", data="\n".join(lines).encode(errors="replace")))
    except SourceError:
        return
    for name in BY_NAME:
        assert not (record.blank(name) and record.values(name)), name
    assert describe(derive(record))


def test_text_after_labelled_title_is_kept() -> None:
    record = read("Title: A page\n\nFunded by the World Bank.\n\nIt helps Niger.\n")
    assert record.title
    assert record.title.text == "A page"
    assert [part.text for part in record.description] == ["Funded by the World Bank.", "It helps Niger."]


def test_reads_labels_on_one_line() -> None:
    record = read("A page\n\nFunded by: World Bank. Implemented by: ITU.\n")
    found = {(link.actor.key, link.role) for link in record.participations}
    assert found == {("itu", "implementer"), ("world-bank", "funder")}


@pytest.mark.parametrize("label", ["Who implements the project?", "6. Implemented by:", "Implementing agency:"])
def test_questions_and_numbered_labels_are_labels(label: str) -> None:
    record = read(f"A page\n\nStatus: Finished\n\n{label}\n\nITU\n")
    assert [(link.actor.key, link.role) for link in record.participations] == [("itu", "implementer")]


def test_link_is_not_a_label() -> None:
    record = read("A page\n\nOther website links\n\nRead more https://example.org/a\n")
    assert [link.url for link in record.links] == ["https://example.org/a"]


def test_partial_sentence_is_not_a_title() -> None:
    record = read(
        "ed by the European Union and delivered by ITU in Kenya. It is implemented by ITU.\n\nOutcomes\n\nA law.\n"
    )
    assert record.title is None
    assert derive(record).participations


def test_text_below_heading_without_value_is_not_its_value() -> None:
    page = read(
        "Drills for the Islands\n\nCybil code: G9901\n\nThemes & Topics\n\n\n\n\n"
        "The project trains teams, in three waves, on all islands of the region.\n"
    )
    assert [blank.label for blank in page.left_blank] == ["Themes & Topics"]
    assert [line.text for line in page.description] == [
        "The project trains teams, in three waves, on all islands of the region."
    ]


def test_long_title_is_accepted_if_labelled() -> None:
    title = " ".join(["Assessment of the readiness of the teams"] * 8)
    assert (kept := read(f"Project\n\n{title}\n\nSuggest a page edit\n\nSummary\n\nIt helps.\n").title)
    assert kept.text == title
    assert read(f"{title}\n\nSummary\n\nIt helps.\n").title is None


@pytest.mark.parametrize("bullet", ["  • ", "- ", ""])
def test_list_of_names_ends_at_first_prose(bullet: str) -> None:
    items = ["Training judges", "Drafting laws in Kenya", "Strengthening CSIRTs community building;"]
    prose = "The project trains judges in Kenya."
    page = read(
        "\n".join(["Project Alpha", "", "Funded by", "European Union", "", prose, "", *map(bullet.__add__, items)])
    )
    assert [link.actor.key for link in page.participations] == ["eu"]
    assert [line.text for line in page.description] == [prose, *items]
    assert [found.line for found in page.findings] == [6]


_FORM = {
    "Country": "Kenya",
    "Start date": "2020-01-01",
    "Donor": "World Bank",
    "Status": "ongoing",
    "Budget": "3000 EUR",
}


@pytest.mark.parametrize("between", ["\n", "\n\n"])
@pytest.mark.parametrize("space", [" ", "\t"])
def test_form_copied_from_table_needs_no_colons(between: str, space: str) -> None:
    rows = [f"{label}{space}{value}" for label, value in _FORM.items()]
    record = read(f"Training of judges{between}{between.join(rows)}\n\nAim\n\nCountry programmes go on.\n")
    assert record.start
    assert record.status
    assert record.title == Text("Training of judges")
    assert (record.start.value, record.status.key) == ("2020-01-01", "ongoing")
    assert [link.actor.key for link in record.participations] == ["world-bank"]
    [country] = record.scopes
    assert (country.concept.key, country.concept.printed.place) == ("KE", Place(1 + len(between), len("Country ") + 1))
    assert record.aim == (Text("Country programmes go on."),)


@pytest.mark.parametrize(
    "text",
    [
        "Country programmes are run by Kenya\nStatus meetings were held in 2020\nFunding Kenya is a part of it",
        "Funders\n\nWorld Bank\nPartners In Health\nCountry Office Kenya\nFunding Circle\nStart Network",
        "Country Kenya\nThe project trains judges.\nDonor World Bank\nIt goes on.\nStart 2020\nIt is new.",
    ],
)
def test_prose_and_names_that_begin_like_labels_are_not_a_form(text: str) -> None:
    record = read(f"Training of judges\n\n{text}\n")
    assert not [link for link in record.scopes if link.concept.kind == "country"]
    assert record.start is None
    assert all(link.role == "funder" for link in record.participations)


def test_headings_may_begin_with_project_or_use_american_spelling() -> None:
    text = b"A course\n\nGFCE Code G0411\n\nProject Summary\n\nIt trains.\n\nImplementing organization: INTERPOL\n"
    [record] = read_input(Input("page.txt", data=text))
    assert record.summary
    assert not record.contacts
    assert [link.role for link in record.participations] == ["implementer"]


def test_site_and_duration_labels_are_not_countries() -> None:
    [record] = read_input(
        Input(
            "page.txt",
            data=b"A course\n\nCountry\n\nViet Nam\n\nProject Site\n\nHanoi\n\n"
            b"Term of Cooperation\n\nFrom June 26, 2019 to November 25, 2021\n",
        )
    )
    assert [(link.concept.kind, link.concept.key) for link in record.scopes] == [("country", "VN")]
    assert record.start
    assert record.end
    assert (record.start.value, record.end.value) == ("2019-06-26", "2021-11-25")


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


def test_reads_every_saved_page() -> None:
    inputs = list(find_inputs(PAGES))
    assert len(inputs) == 15
    assert [found.name for found in inputs] == sorted(found.name for found in inputs)
    assert all(len(list(read_input(found))) == 1 for found in inputs)


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE html>\n<html><p>x</p></html>", '<?xml version="1.0"?><iati-activities/>', "%PDF-1.7 x", "@prefix a: <b> ."]
)  # fmt: skip
def test_other_formats_are_reported(text: str) -> None:
    with pytest.raises(SourceError, match="not the text of a page"):
        read(text)


def test_restores_headings_that_left_one_blank_line_each() -> None:
    """The side panel above the summary was lost, and "Details" and "Aim" below it."""
    page = read(
        "Drills for the Islands\n\nSuggest a page edit\n\n\nCybil code: G9901\n\nStatus: Ongoing\n\n\n\n\n\n\n"
        "Ana Lopez, Head of Training at the Drill Centre\n\n\n"
        "The project trains response teams.\n\n\n\n"
        "To make the teams quicker.\n\n\n"
        "The islands had no drill before.\n\n\n"
        "  • Forty people trained.\n"
    )
    assert page.title
    assert page.title.text == "Drills for the Islands"
    assert [contact.name for contact in page.contacts] == ["Ana Lopez, Head of Training at the Drill Centre"]
    assert [line.text for line in page.summary] == ["The project trains response teams."]
    assert [line.text for line in page.aim] == ["To make the teams quicker."]
    assert [line.text for line in page.context] == ["The islands had no drill before."]
    assert [line.text for line in page.outcomes] == ["Forty people trained."]


def test_restores_headings_of_capture_that_begins_with_summary() -> None:
    page = read(
        "This project goes on with the drills for the islands of the region until next year.\n\n\n\n"
        "To make the teams quicker.\n\n\nThe islands had no drill before.\n"
    )
    assert page.title is None
    assert next(line.text for line in page.summary).startswith("This project goes on")
    assert [line.text for line in page.aim] == ["To make the teams quicker."]
    assert [line.text for line in page.context] == ["The islands had no drill before."]


def test_name_in_capitals_below_other_heading_is_not_a_heading() -> None:
    page = read("A page\n\nImplementors\n\nIMPACT\n\nITU\n\nSummary\n\nIt helps.\n")
    assert {link.actor.key for link in page.participations} == {"impact", "itu"}
    page = read("A page\n\nIMPLEMENTORS\n\nITU\n\nIMPACT\n\nFewer attacks.\n")
    assert {link.actor.key for link in page.participations} == {"itu"}
