"""Labels divide a page into sections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.fields import BY_NAME, FIELDS
from cybilgraph.model.record import Place, Text
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.page.layout import RIGHTS
from tests.support.pages import read


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
