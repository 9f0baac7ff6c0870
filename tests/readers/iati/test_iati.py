"""IATI activity files: the sample field by field, equality with page text, codes, damage, hostile input."""

from __future__ import annotations

import csv
import gc
import hashlib
import re
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import SourceError
from cybilgraph.extraction import derive
from cybilgraph.model.findings import Severity
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import LeftBlank, Place, Record
from cybilgraph.model.resources import REFERENCE
from cybilgraph.rdf.description import describe
from cybilgraph.readers import Input, find_inputs, read_input
from cybilgraph.readers.iati import read_iati
from cybilgraph.readers.iati import xml as xml_reader
from tests.conftest import SAMPLES

SAMPLE = SAMPLES / "formats" / "iati.xml"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def wrapped(*activities: str, attributes: str = 'version="2.03"') -> str:
    return f"{HEAD}<iati-activities {attributes}>\n{''.join(activities)}</iati-activities>\n"


def activity(content: str, number: int = 0) -> str:
    return (
        f'<iati-activity xml:lang="en">\n<iati-identifier>XM-{number}</iati-identifier>\n'
        f"<title><narrative>Project {number}</narrative></title>\n{content}</iati-activity>\n"
    )


def read(content: str | bytes) -> list[Record]:
    return list(read_iati(Input("iati.xml", data=content if isinstance(content, bytes) else content.encode())))


def one(content: str) -> Record:
    [record] = read(wrapped(activity(content)))
    return record


def salvaged(content: str | bytes) -> tuple[list[Record], SourceError | None]:
    """Return the records of a damaged file and the error at its end."""
    records: list[Record] = []
    error = None
    try:
        for record in read_iati(Input("iati.xml", data=content if isinstance(content, bytes) else content.encode())):
            records.append(record)  # noqa: PERF402
    except SourceError as caught:
        error = caught
        assert re.match(r"iati\.xml(:\d+(:\d+)?)?: ", caught.what)
        assert caught.hint
    return records, error


@pytest.fixture(scope="module")
def sample() -> list[Record]:
    return list(read_input(next(find_inputs([SAMPLE]))))


def keys(record: Record) -> list[tuple[str, str]]:
    return [(link.concept.kind, link.concept.key) for link in record.scopes]


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


@pytest.mark.parametrize(
    ("code", "key"),
    [("1", "planned"), ("2", "ongoing"), ("3", "finished"), ("4", "finished"), ("5", "cancelled"), ("6", "suspended")],
)
def test_reads_every_status_code(code: str, key: str) -> None:
    record = one(f'<activity-status code="{code}"/>')
    assert record.status
    assert (record.status.key, record.status.known) == (key, True)


@pytest.mark.parametrize(("dates", "start"), [("12", "2020"), ("21", "2020"), ("1", "2019"), ("", None)])
def test_actual_date_wins_over_planned(dates: str, start: str | None) -> None:
    years = {"1": "2019", "2": "2020"}
    record = one("".join(f'<activity-date type="{kind}" iso-date="{years[kind]}-01-01"/>' for kind in dates))
    assert (record.start and record.start.value[:4]) == start


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


def test_other_version_is_reported_once() -> None:
    records = read(wrapped(activity("", 1), activity("", 2), attributes='version="1.05"'))
    assert [[finding.line for finding in record.findings] for record in records] == [[2], []]
    assert records[0].findings[0].severity is Severity.WARNING


def test_address_that_is_not_a_web_page_is_not_a_link() -> None:
    [link] = one(
        '<document-link url="javascript:alert(1)"><title><narrative>A</narrative></title></document-link>'
    ).links
    assert (link.text, link.url) == ("A <javascript:alert(1)>", "")


def test_other_result_types_and_foreign_elements_lose_nothing() -> None:
    record = one('<result type="9"><title><narrative>A</narrative></title></result><x:y xmlns:x="urn:x">z</x:y>')
    assert [item.text for item in record.outcomes] == ["A"]


def test_pipeline_reads_and_describes_activities(sample: list[Record]) -> None:
    for record in sample:
        assert any("iatiIdentifier" in line for line in describe(derive(record)))
    with_accountable = describe(sample[0])
    assert any("participation/uk-home-office/accountable" in line for line in with_accountable)


# Damaged and hostile input.

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


def test_records_before_damage_stay_in_report(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_text(wrapped(activity("", 1), activity("", 2))[:-60], encoding="utf-8")
    report = pipeline.check(tmp_path)
    assert (report.records, report.unread) == (1, 1)
    [finding] = [finding for finding in report.findings if finding.rule.endswith("#unreadable")]
    assert "damaged: " in finding.message
    assert finding.line
    assert finding.column


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_declared_encoding_is_used(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    text = wrapped(activity("<description>Côte d'Ivoire</description>")).replace("UTF-8", declared)
    [record] = read(text.encode(encoding))
    assert record.summary[0].text == "Côte d'Ivoire"


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


def test_nested_activities_are_ignored() -> None:
    records, error = salvaged(wrapped(activity(activity("<description>Inner</description>", 2), 1), activity("", 3)))
    assert error is None
    assert [record.iati and record.iati.text for record in records] == ["XM-1", "XM-3"]


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
