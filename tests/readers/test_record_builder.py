"""Sections become the values of a record, and problems are reported."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.model.record import Date, Text
from cybilgraph.rdf.description import describe
from tests.support.pages import findings_of, read


def test_distinguishes_stated_blank_and_absent_fields() -> None:
    record = read("A project\n\nFunders\n\nCountries\n\nBelize\n\nSummary\n\nText.\n")
    assert record.blank("funder")
    assert record.values("country")
    assert not record.blank("country")
    assert not record.blank("theme")
    assert not record.values("theme")


def test_reads_stated_lists() -> None:
    record = read(
        "A project\n\nFunders\n\nEuropean Union (EU)\n\nA new fund\n\nCountries\n\nIn Africa:\n\n  • Kenya (priority);\n"
        "  • Congo-Brazzaville\n\nASEAN\n\nThemes & Topics\n\nCybercrime\n\nSummary\n\nText.\n"
    )
    assert [(link.actor.key, link.actor.known) for link in record.participations] == [
        ("a-new-fund", False),
        ("eu", True),
    ]
    assert [(link.concept.kind, link.concept.key) for link in record.scopes] == [
        ("theme", "cybercrime"),
        ("country", "CG"),
        ("country", "KE"),
        ("region", "002"),
        ("group", "asean"),
    ]


@pytest.mark.parametrize(
    ("beneficiaries", "audiences", "actors"),
    [
        ("SMEs, NGOs", ["civil-society-organisations", "small-businesses"], []),
        ("Small businesses, citizens and young people", ["citizens", "small-businesses", "young-people"], []),
        ("women diplomats\nsmall businesses\nyouth", ["small-businesses", "women-diplomats", "young-people"], []),
        ("Jóvenes", ["young-people"], []),
        ("Mujeres diplomáticas", ["women-diplomats"], []),
        ("the population of Fiji", ["population-of-fiji"], []),
        ("Judges and\nprosecutors of the Pacific", ["judges-and-prosecutors-of-the-pacific"], []),
        ("Women in Central America", ["women-in-central-america"], []),
        ("Media\nMember States", ["media", "member-states"], []),
        ("Women in International Security", [], ["women-in-international-security"]),
        ("Students for Liberty", [], ["students-for-liberty"]),
        ("Women in Tech Africa", [], ["women-in-tech-africa"]),
        ("Women in Cyber Mexico", [], ["women-in-cyber-mexico"]),
        ("NGOs and ITU", ["civil-society-organisations"], ["itu"]),
        ("Armed Forces of Ukraine", [], ["armed-forces-ukraine"]),
    ],
)
def test_beneficiaries_are_audiences_or_organisations(
    beneficiaries: str, audiences: list[str], actors: list[str]
) -> None:
    record = read(f"A project\n\nBeneficiaries\n\n{beneficiaries}\n\nSummary\n\nText.\n")
    assert [link.concept.key for link in record.scopes] == audiences
    assert [link.actor.key for link in record.participations] == actors


def test_misspelt_country_is_used_and_reported() -> None:
    record = read("A project\n\nCountries\n\nKyrgystan\n\nSummary\n\nText.\n")
    assert record.scopes[0].concept.key == "KG"
    [finding] = record.findings
    assert (finding.line, finding.text) == (5, "Kyrgystan")
    assert "Kyrgyzstan" in finding.message


def test_unreadable_date_is_reported_at_its_line() -> None:
    record = read("A project\nFrom: spring\nSummary\nText.")
    assert record.start
    assert (record.start.value, record.start.printed.text) == ("", "spring")
    [finding] = record.findings
    assert (finding.line, finding.column, finding.label, finding.text) == (2, 7, "From", "spring")


@pytest.mark.parametrize(
    ("second", "text"),
    [
        ("Status: Ongoing", "Ongoing"),
        ("From: 2019", "2019"),
        ("Cybil Code: G0021", "G0021"),
        ("To: Mar 2021", "Mar 2021"),
        ("Duration: March 2017 – Mar 2020", "March 2017"),
        ("To: ongoing", "ongoing"),
    ],
)
def test_second_value_is_reported_and_first_kept(second: str, text: str) -> None:
    page = "A project\nStatus: Finished\nFrom: Apr 2018\nTo: Mar 2020\nCybil Code: G0020\n"
    first, both = read(page), read(page + second)
    assert findings_of(page + second) == [("second-value", 6, text)]
    assert (first.status, first.start, first.end, first.code) == (both.status, both.start, both.end, both.code)
    assert not findings_of(page + "Status: finished\nFrom: April 2018\nTo: 2020\nCode: G0020")


def test_second_title_is_kept_as_text() -> None:
    page = "Project title: A project\nProject name: Un proyecto\nStatus: Finished\n"
    record = read(page)
    assert (record.title, record.description) == (Text("A project"), (Text("Un proyecto"),))
    assert findings_of(page) == [("second-value", 2, "Un proyecto")]


def test_duration_may_include_start_date() -> None:
    record = read("A project\nDuration: 18 months from March 2019")
    assert record.start
    assert record.duration
    assert (record.start.value, record.duration.value) == ("2019-03", "P1Y6M")


@pytest.mark.parametrize("printed", ["n/a", "N/A", "tbc", "TBA", "-", "--", "unknown", "to be announced"])
def test_placeholder_is_neither_date_nor_error(printed: str) -> None:
    page = read(f"A page\n\nStart date: {printed}\n\nSummary\n\nIt helps.\n")
    assert page.start == Date("", Text(printed))
    assert not page.findings


def test_ambiguous_date_is_reported() -> None:
    assert findings_of("A project\nFrom: 03/04/2018\nTo: 30/04/2018") == [("ambiguous-date", 2, "03/04/2018")]
    assert not findings_of("A project\nFrom: 04/04/2018")


@pytest.mark.parametrize("printed", ["Q3 2024", "H2 2024", "second half of 2024"])
def test_part_of_year_is_reported(printed: str) -> None:
    assert findings_of(f"A project\nFrom: {printed}") == [("part-of-year", 2, printed)]
    assert not findings_of("A project\nFrom: 2024")


def test_items_have_their_subheading() -> None:
    record = read("A project\nActivities\nIn FY21/22:\n• One;\n• Two\nThree.\n")
    assert [(item.text, item.subheading) for item in record.activities] == [
        ("One", "In FY21/22"),
        ("Two", "In FY21/22"),
        ("Three.", ""),
    ]


@pytest.mark.parametrize("code", ["EU/2018/01", "..", "X.ttl", "G" * 50_000, "a b"])
def test_invalid_code_is_not_a_key(code: str) -> None:
    record = read(f"A project\nCybil code: {code}\nOutcomes\n" + "x\n" * 100)
    assert record.key == "a-project"
    assert sum(map(len, describe(record))) < 300_000


@pytest.mark.parametrize(
    ("lines", "dates"),
    [
        ("From: FY21/22\nTo: Mar 2024", ("2021", "2024-03")),
        ("From: FY21/22", ("2021", "2022")),
        ("To: 2020-2021\nFrom: 2018", ("2018", "2021")),
        ("Status: ongoing until 31 August 2025", (None, "2025-08-31")),
        ("Start and end date:\nMay 2020 - June 2021", ("2020-05", "2021-06")),
    ],
)
def test_date_label_sets_its_own_field(lines: str, dates: tuple[str | None, str | None]) -> None:
    record = read("A page\n\n" + lines.replace("\n", "\n\n") + "\n\nSummary\n\nIt helps Fiji.\n")
    assert (record.start and record.start.value, record.end and record.end.value) == dates
    assert record.duration is None


def test_sentence_under_heading_of_names_is_reported_whole() -> None:
    page = read(
        "A page\n\nPriority Countries\n\nThe project has three priority countries (Benin, Ghana and Togo), which"
        " are hubs of their region.\n\nFunders\n\nThe Foo Trust, along with others in the region\n"
    )
    assert {link.concept.key for link in derive(page).scopes} == {"BJ", "GH", "TG"}
    assert not page.participations


def test_consecutive_lines_without_names_are_reported_once() -> None:
    page = read("A page\n\nFunders\nVarious\nUnknown\nNo\nEuropean Union\nTo be confirmed\n")
    assert [link.actor.key for link in page.participations] == ["eu"]
    assert [found.line for found in page.findings] == [4, 8]
    assert [line.text for line in page.description] == ["Various", "Unknown", "No", "To be confirmed"]


@pytest.mark.parametrize(
    ("address", "slug"),
    [
        ("https://cybilportal.org/projects/a-b-c/", "a-b-c"),
        ("https://example.org/projects/A_Project_3937989.html", "a-project"),
        ("https://example.org/news/a-b-c", "a-project"),
        (f"https://example.org/project/{'a' * 200}?b", "a" * 200),
        (f"https://example.org/project/{'a' * 201}", "a-project"),
    ],
)
def test_slug_is_that_of_the_address_if_it_has_one(address: str, slug: str) -> None:
    record = read(f"A project\nAddress: {address}\nSummary\nIt helps Kenya.\n")
    assert record.slug == Text(slug, record.slug.place)
