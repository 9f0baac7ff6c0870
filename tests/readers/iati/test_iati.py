"""IATI activity files: the sample field by field, equality with page text, codes, damage, hostile input."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.extraction import derive
from cybilgraph.model.findings import Severity
from cybilgraph.model.record import LeftBlank, Place, Record
from cybilgraph.model.resources import REFERENCE
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, find_inputs, read_input
from tests.conftest import SAMPLES
from tests.support.iati_files import activity, keys, one, read, salvaged, wrapped

SAMPLE = SAMPLES / "formats" / "iati.xml"


@pytest.fixture(scope="module")
def sample() -> list[Record]:
    return list(read_input(next(find_inputs([SAMPLE]))))


def roles(record: Record) -> list[tuple[str, str]]:
    return [(link.role, link.actor.key) for link in record.participations]


def test_activity_field_by_field(sample: list[Record]) -> None:
    record = sample[0]
    assert record.title
    assert (record.title.text, record.title.place) == ("Cyber Resilience in the Caribbean", Place(11))
    assert record.code
    assert record.key == record.code.text == "G0991"
    assert record.iati
    assert record.iati.text == "GB-GOV-99-400100"
    assert record.status
    assert record.status.key == "finished"
    assert record.start
    assert record.end
    assert (record.start.value, record.end.value) == ("2019-04-01", "2022-03-31")
    assert roles(record) == [
        ("funder", "fcdo"),
        ("implementer", "oas"),
        ("implementer", "xm-invented-1"),
        ("accountable", "uk-home-office"),
    ]
    assert keys(record) == [("theme", "cybercrime"), ("country", "BZ"), ("country", "JM"), ("region", "029")]
    [contact] = record.contacts
    assert (contact.name, contact.email) == ("A. Example", "a.example@example.org")
    assert contact.note == "Adviser, +44 20 0000 0000"
    assert [part.text for part in record.summary] == [
        "The project helps national teams in the Caribbean to answer incidents, and to learn from each other.",
        "It began with a study of needs & means.",
    ]
    assert record.summary[0].at(record.summary[0].text.index("to learn")) == Place(15, 9)
    assert record.summary[1].place == Place(17, 9)
    assert [part.text for part in record.aim] == ["To shorten the time between an incident and its answer."]
    assert [part.text for part in record.description] == ["National incident response teams and their ministries."]
    assert [item.text for item in record.outputs] == [
        "Twelve analysts trained: In two courses, in Kingston and Belmopan."
    ]
    assert [(item.text, item.subheading) for item in record.outcomes] == [
        ("Teams answer incidents within a day.", ""),
        ("Less harm by cybercrime", "Impact"),
    ]
    assert [(link.text, link.url) for link in record.links] == [
        ("https://example.org/cyber", "https://example.org/cyber"),
        ("Annual review", "https://example.org/review.pdf"),
        ("https://example.org/project", "https://example.org/project"),
    ]
    assert [(link.kind, link.project.printed.text) for link in record.relations] == [
        ("part_of", "GB-GOV-99-400000"),
        ("related", "GB-GOV-99-400101"),
    ]
    assert record.updated
    assert (record.updated.text, record.language.text) == ("2023-05-31", "en")
    assert record.source.sha256 == hashlib.sha256(SAMPLE.read_bytes()).hexdigest()


def test_places_come_from_transactions_if_activity_has_none(sample: list[Record]) -> None:
    record = sample[1]
    assert record.language.text == "fr"
    assert keys(record) == [("country", "SN"), ("region", "011"), ("region", "states-ex-yugoslavia-unspecified")]
    assert roles(record) == [("unspecified", "organisation-inventee")]
    assert record.scopes[0].concept.printed.place == Place(104)
    assert record.start
    assert record.start.value == "2022-01-15"


def test_unusual_values_are_kept_and_reported_with_line() -> None:
    report = pipeline.check(SAMPLE)
    assert report.unread == 0
    findings = {(finding.rule.partition("#")[2], finding.line): finding for finding in report.findings}
    for name, line in (
        ("region-type", 99),
        ("role", 119),
        ("status-list", 120),
        ("date-form", 121),
        ("country-type", 122),
        ("no-theme", 63),
    ):
        assert (name, line) in findings
    assert findings["status-list", 120].label == "activity-status"
    assert findings["country-type", 122].text == "Ruritania"


def test_empty_participant_is_blank_funder(sample: list[Record]) -> None:
    assert sample[2].left_blank == (LeftBlank("funder", "participating-org"),)
    assert roles(sample[2]) == [("unspecified", "somebody-else")]


def test_project_is_equal_from_page_text_and_iati() -> None:
    page = """Strategy for Belize
Cybil code: G0992
Status: Ongoing
From: 2018-04-01
To: 2020-03-31
Funders
European Union
An Unheard-of Fund
Implementors
Organization of American States
Countries
Belize
Jamaica
Contact
A. Example
a.example@example.org
Project manager
+44 20 0000 0000
Summary
Belize writes a strategy.

It is the first.
Aim
To have one.
Outcomes
The strategy was passed.
Outputs
  • A draft
Other website links
The strategy <https://example.org/strategy>
"""
    iati = """<title><narrative>Strategy for Belize</narrative></title>
<description type="1"><narrative>Belize writes a strategy.

It is the first.</narrative></description>
<description type="2"><narrative>To have one.</narrative></description>
<participating-org role="4"><narrative>Organization of American States</narrative></participating-org>
<participating-org role="1"><narrative>An Unheard-of Fund</narrative></participating-org>
<participating-org role="1"><narrative>European Union</narrative></participating-org>
<other-identifier ref="G0992" type="A9"/><activity-status code="2"/>
<activity-date type="4" iso-date="2020-03-31"/><activity-date type="2" iso-date="2018-04-01"/>
<contact-info><person-name><narrative>A. Example</narrative></person-name>
<job-title><narrative>Project manager</narrative></job-title><telephone>+44 20 0000 0000</telephone>
<email>a.example@example.org</email></contact-info>
<recipient-country code="JM"/><recipient-country code="BZ"/>
<document-link url="https://example.org/strategy"><title><narrative>The strategy</narrative></title></document-link>
<result type="1"><title><narrative>A draft</narrative></title></result>
<result type="2"><title><narrative>The strategy was passed.</narrative></title></result>"""
    [from_page] = read_input(Input("page.txt", data=page.encode()))
    [from_iati] = read(wrapped(f'<iati-activity xml:lang="en">{iati}</iati-activity>'))
    assert from_iati == from_page
    assert derive(from_iati) == derive(from_page)
    assert not from_iati.findings


@pytest.mark.parametrize(("dates", "start"), [("12", "2020"), ("21", "2020"), ("1", "2019"), ("", None)])
def test_actual_date_wins_over_planned(dates: str, start: str | None) -> None:
    years = {"1": "2019", "2": "2020"}
    record = one("".join(f'<activity-date type="{kind}" iso-date="{years[kind]}-01-01"/>' for kind in dates))
    assert (record.start and record.start.value[:4]) == start


def test_other_version_is_reported_once() -> None:
    records = read(wrapped(activity("", 1), activity("", 2), attributes='version="1.05"'))
    assert [[finding.line for finding in record.findings] for record in records] == [[2], []]
    assert records[0].findings[0].severity is Severity.WARNING


def test_address_that_is_not_a_web_page_is_not_a_link() -> None:
    [link] = one(
        '<document-link url="javascript:alert(1)"><title><narrative>A</narrative></title></document-link>'
    ).links
    assert (link.text, link.url) == ("A <javascript:alert(1)>", "")


def test_other_result_types_and_elements_of_other_namespaces_lose_nothing() -> None:
    record = one('<result type="9"><title><narrative>A</narrative></title></result><x:y xmlns:x="urn:x">z</x:y>')
    assert [item.text for item in record.outcomes] == ["A"]


def test_pipeline_reads_and_describes_activities(sample: list[Record]) -> None:
    for record in sample:
        assert any("iatiIdentifier" in line for line in describe(derive(record)))
    with_accountable = describe(sample[0])
    assert any("participation/uk-home-office/accountable" in line for line in with_accountable)


def test_records_before_damage_stay_in_report(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_text(wrapped(activity("", 1), activity("", 2))[:-60], encoding="utf-8")
    report = pipeline.check(tmp_path)
    assert (report.records, report.unread) == (1, 1)
    [finding] = [finding for finding in report.findings if finding.rule.endswith("#unreadable")]
    assert "damaged: " in finding.message
    assert finding.line
    assert finding.column


@pytest.mark.slow
@pytest.mark.parametrize(
    "content",
    [
        "<description><narrative>" + "a b " * 200_000 + "</narrative></description>",
        "<description><narrative>" + "a\n" * 400_000 + "</narrative></description>",
        '<participating-org role="1"><narrative>Abcdef</narrative></participating-org>' * 50_000,
        "".join(f"<contact-info><email>a{number}</email></contact-info>" for number in range(100_000)),
        '<sector vocabulary="99" code="a"/>' * 100_000,
    ],
    ids=lambda value: repr(value[:40]),
)
def test_oversized_activity_is_cut_and_others_are_not(content: str) -> None:
    records, error = salvaged(wrapped(activity(content, 1), activity("", 2)))
    assert error is None
    assert len(records) == 2
    [finding] = [finding for finding in records[0].findings if finding.rule.endswith("#too-much")]
    assert finding.severity is Severity.VIOLATION
    assert finding.line >= 3
    assert records[0].title
    assert not records[1].findings


def test_activities_without_name_stay_separate() -> None:
    nameless = "<iati-activity><description><narrative>It helps.</narrative></description></iati-activity>\n"
    first, second = read(wrapped(nameless * 2))
    assert first.key != second.key


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ('<narrative>A</narrative><narrative xml:lang="en">B</narrative>', "A"),
        ('<narrative xml:lang="fr">A</narrative><narrative xml:lang="EN">B</narrative>', "B"),
        ('<narrative xml:lang="fr">A</narrative><narrative xml:lang="en-GB">B</narrative>', "B"),
        ('<narrative xml:lang="fr">A</narrative><narrative xml:lang="es">B</narrative>', "A"),
        ("<narrative> </narrative><narrative>B</narrative>", "B"),
        ("<narrative><![CDATA[A & <b>]]></narrative>", "A & <b>"),
        ("<narrative>A<!-- not --> B&#160;C\n  D</narrative>", "A B C D"),
        ("A", "A"),
    ],
)
def test_uses_narrative_in_language_of_activity(title: str, text: str) -> None:
    [record] = read(wrapped(f'<iati-activity xml:lang="en"><title>{title}</title></iati-activity>'))
    assert record.title
    assert record.title.text == text


def test_paragraphs_and_items_stay_separate_and_wrapped_lines_are_joined() -> None:
    long = "This line is as long as the width of an editor would allow it to"
    record = one(
        f"<description><narrative>Background\n{long}\nBelize be.\n\nIt has:\n- one,\n- two.</narrative></description>"
    )
    assert [part.text for part in record.summary] == [
        "Background",
        f"{long} Belize be.",
        "It has:",
        "one,",
        "two.",
    ]


@pytest.mark.parametrize(
    ("code", "key"),
    [("1", "planned"), ("2", "ongoing"), ("3", "finished"), ("4", "finished"), ("5", "cancelled"), ("6", "suspended")],
)
def test_reads_every_status_code(code: str, key: str) -> None:
    record = one(f'<activity-status code="{code}"/>')
    assert record.status
    assert (record.status.key, record.status.known) == (key, True)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('vocabulary="1" code="298"', [("region", "002")]),
        ('code="298"', [("region", "002")]),
        ('vocabulary="2" code="2"', [("region", "002")]),
        ('code="689"', [("region", "034"), ("region", "143")]),
        ('code="589"', [("group", "middle-east")]),
        ('code="998"', [("region", "001")]),
        ('code="089"', [("region", "150")]),
        ('vocabulary="99" code="x"', [("region", "x")]),
    ],
)
def test_reads_region_codes(attributes: str, expected: list[tuple[str, str]]) -> None:
    assert keys(one(f"<recipient-region {attributes}/>")) == expected


def test_every_dac_region_is_mapped_or_explicitly_unmapped() -> None:
    with (REFERENCE / "dac-regions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 26
    for code in (row["code"] for row in rows):
        found = one(f'<recipient-region code="{code}"/>').scopes
        assert found
        assert code == "88" or all(link.concept.known for link in found)


def test_unknown_codes_are_reported_at_their_line_in_iati_terms() -> None:
    text = wrapped(
        activity(
            '<participating-org role="9"><narrative>Nobody</narrative></participating-org>\n'
            '<activity-status code="99"/>\n<activity-date type="2" iso-date="2017-02-30"/>\n'
        )
    )
    report = pipeline.check_inputs([Input("a.xml", data=text.encode())])
    findings = {found.rule.rpartition("#")[2]: found for found in report.findings}
    assert (findings["known-actor"].line, findings["known-actor"].text) == (6, "Nobody")
    assert findings["known-actor"].label == "participating-org"
    assert findings["status-list"].suggestion.startswith("Give 1 (pipeline), 2 (implementation)")
    assert findings["date-form"].suggestion.endswith("2018-04-30.")


@pytest.mark.parametrize(("ref", "name"), [("XM-DAC-41114", "United Nations Development Programme"), ("XX-1", "XX-1")])
def test_organisation_without_a_name_has_the_name_of_its_identifier(ref: str, name: str) -> None:
    text = (
        "<iati-activities><iati-activity><title><narrative>Courses</narrative></title>"
        f'<participating-org role="1" ref="{ref}"/></iati-activity></iati-activities>'
    )
    [record] = read_input(Input("a.xml", data=text.encode()))
    assert [link.actor.printed.text for link in record.participations] == [name]
