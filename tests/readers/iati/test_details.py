"""Results with indicators, percentages, classifications, documents and relations of IATI, and what is not imported."""

from __future__ import annotations

import io

import pytest
from lxml import etree

from cybilgraph.errors import SourceError
from cybilgraph.model.classifications import Classification, read_classification
from cybilgraph.model.indicators import Indicator, Measurement, indicator_text, read_indicator
from cybilgraph.model.links import link_text, split_details
from cybilgraph.model.record import Record
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.rdf.iati_activities import write_activities
from cybilgraph.readers import Input, read_input
from cybilgraph.readers.iati.elements import BECOMES
from tests.conftest import ROOT, SAMPLES
from tests.support.iati_files import activity, one, wrapped

SAMPLE = (SAMPLES / "formats" / "iati-results.xml").read_bytes()
PUBLISHERS = SAMPLES / "publishers"
SCHEMA = ROOT / "build" / "suites" / "iati" / "iati-activities-schema.xsd"
DETAILS = ("indicators", "classifications", "outcomes", "outputs", "links")


def read_with_notes(content: bytes | str, name: str = "iati.xml") -> tuple[list[Record], list[str]]:
    source = Input(name, data=content if isinstance(content, bytes) else content.encode())
    records = list(read_input(source))
    return records, [note.message for note in source.notes if note.rule.endswith("#not-imported")]


def rules(record: Record) -> list[str]:
    return [found.rule.rpartition("#")[2] for found in record.findings]


def texts(record: Record, name: str) -> list[str]:
    return [value.text for value in record.values(name)]


def export(records: list[Record]) -> bytes:
    output = io.BytesIO()
    write_activities(records, output)
    return output.getvalue()


@pytest.fixture(scope="module")
def sample() -> Record:
    [record], _ = read_with_notes(SAMPLE)
    return record


def test_details_field_by_field(sample: Record) -> None:
    year = "from 2019-01-01 to 2019-12-31"
    assert texts(sample, "indicators") == [
        "Incidents answered within a day [percentage] (result: Teams answer incidents sooner): baseline 20 on 2018-06-30; "
        f"target 50 {year}; actual 45 {year}; target 80 from 2020-01-01 to 2020-12-31",
        "A law is in force [qualitative] (result: Teams answer incidents sooner): baseline No law; a draft only in 2018; "
        "target Adopted from 2019-01-01 to 2020-12-31",
        f"Analysts trained: target 12 {year}; actual 14 {year}",
    ]
    assert texts(sample, "classifications") == [
        "Activity scope 2",
        "DAC sector 22040: Information and communication technology (70%)",
        "DAC sector 15210 (30%)",
        "SDG (tag) 16: Peace and justice",
        "tag of vocabulary 99 x1: Own theme",
        "Humanitarian emergency (GLIDE) TC-2018-000004-TON: Cyclone Gita",
        "DAC policy marker 1: Gender equality, significance 1",
        "Collaboration type 1",
        "Flow type 10",
        "Finance type 110",
        "Aid type C01",
        "Tied status 5",
    ]
    assert [(scope.concept.key, scope.share) for scope in sample.scopes] == [
        ("national-incident-response", ""),
        ("TO", "40"),
        ("WS", "35.5"),
        ("057", "24.5"),
    ]
    [document] = sample.links
    assert (document.text, document.details) == ("Mid-term report", ("application/pdf", "en", "A01"))
    assert [(link.kind, link.project.key) for link in sample.relations] == [
        ("part_of", "xm-example-200"),
        ("includes", "xm-example-301"),
        ("related", "xm-example-302"),
    ]


def test_elements_that_are_not_imported_are_counted_once_per_file() -> None:
    twice = SAMPLE.replace(b"</iati-activities>", SAMPLE[SAMPLE.index(b"  <iati-activity ") :])
    _, [note] = read_with_notes(twice)
    for words in ("2 × location,", "2 × transaction,", "2 × result/indicator/reference,", "2 × result/reference"):
        assert words in note
    assert "location/" not in note  # what is below is part of it
    assert "4 ×" not in note
    assert not read_with_notes(wrapped(activity('<recipient-country code="BZ"/>')))[1]


def test_texts_in_another_language_are_counted() -> None:
    texts = '<narrative>Training</narrative><narrative xml:lang="fr">Formation</narrative>'
    content = wrapped(activity(f'<description type="1">{texts}</description>'))
    records, [note] = read_with_notes(content)
    assert [text.text for text in records[0].summary] == ["Training"]
    assert "1 × description/narrative" in note


def test_elements_before_damage_are_counted() -> None:
    source = Input("iati.xml", data=SAMPLE[: SAMPLE.index(b"</iati-activities>")] + b"<iati-activity>")
    with pytest.raises(SourceError):
        list(read_input(source))
    assert "1 × location" in source.notes[0].message


def test_count_is_bounded() -> None:
    names = "".join(f"<x{number}><y/></x{number}>" for number in range(3_000))
    deep = "<result>" * 150 + "</result>" * 150
    content = wrapped(activity(names + deep))
    _, [note] = read_with_notes(content)
    assert "2,000 × others" in note or "2,001 × others" in note
    assert len(note) < 3_000


@pytest.mark.parametrize("form", ["csv", "json", "yaml", "xlsx", "iati", "nt"])
def test_details_survive_every_format(sample: Record, form: str) -> None:
    if form == "iati":
        content, name = export([sample]), "again.xml"
    elif form == "nt":
        content, name = "".join(f"{line}\n" for line in describe(sample)).encode(), "again.nt"
    else:
        content, name = WRITERS[form]([sample]), f"again.{form}"
    [again], notes = read_with_notes(content, name)
    for field in DETAILS:
        assert again.values(field) == sample.values(field), field
    assert [(scope.concept.key, scope.share) for scope in again.scopes] == [
        (scope.concept.key, scope.share) for scope in sample.scopes
    ]
    assert [(link.kind, link.project.key) for link in again.relations] == [
        (link.kind, link.project.key) for link in sample.relations
    ]
    assert not notes
    assert form != "nt" or not again.findings


def test_graph_has_values_of_indicators_and_shares(sample: Record) -> None:
    lines = "\n".join(describe(sample))
    project, terms = "https://w3id.org/cybilgraph/id/project/xm-example-300", "https://w3id.org/cybilgraph/ontology#"
    for line in (
        f"<{project}/indicator/1> <{terms}baseline> <{project}/indicator/1/value/1> .",
        f"<{project}/indicator/1> <{terms}actual> <{project}/indicator/1/value/3> .",
        f'<{project}/indicator/1/value/3> <https://schema.org/value> "45" .',
        f'<{project}/indicator/1/value/3> <{terms}periodEnd> "2019-12-31"^^<http://www.w3.org/2001/XMLSchema#date> .',
        f'<{project}/indicator/2/value/1> <{terms}periodStart> "2018-01-01"^^<http://www.w3.org/2001/XMLSchema#date> .',
        f'<{project}/scope/country/WS> <{terms}share> "35.5"^^<http://www.w3.org/2001/XMLSchema#decimal> .',
        f'<{project}/classification/2> <http://www.w3.org/2004/02/skos/core#notation> "22040" .',
        f'<{project}/classification/2> <{terms}share> "70"^^<http://www.w3.org/2001/XMLSchema#decimal> .',
        f'<{project}/link/1> <http://purl.org/dc/terms/language> "en" .',
    ):
        assert line in lines, line


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs build/suites/iati (make suites)")
def test_export_is_valid(sample: Record) -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMA))
    schema.assertValid(etree.fromstring(export([sample])))
    schema.assertValid(etree.fromstring(SAMPLE))


@pytest.mark.skipif(not SCHEMA.exists(), reason="needs build/suites/iati (make suites)")
def test_table_names_elements_of_the_standard() -> None:
    """Only these elements of an activity become nothing, and the table has no name that the standard lacks."""
    space = {"x": "http://www.w3.org/2001/XMLSchema"}
    trees = [etree.parse(SCHEMA.with_name(name)) for name in ("iati-activities-schema.xsd", "iati-common.xsd")]
    names = {found.get("name") for tree in trees for found in tree.iterfind(".//x:element", space)}
    assert {name for path in BECOMES for name in path.split("/")} - names == {"activity-website"}  # version 1
    [element] = trees[0].xpath("x:element[@name='iati-activity']", namespaces=space)
    children = {child.get("ref") or child.get("name") for child in element.iterfind("x:complexType/*/x:element", space)}
    assert children - BECOMES.keys() == {
        *("location", "country-budget-items", "capital-spend", "conditions", "legacy-data", "crs-add", "fss"),
    }


@pytest.mark.parametrize(
    ("content", "total"),
    [
        (
            '<recipient-country code="BZ" percentage="60"/><recipient-region code="029" vocabulary="2" percentage="30"/>',
            "90",
        ),
        ('<sector code="15210" percentage="60"/><sector vocabulary="1" code="22040" percentage="60"/>', "120"),
        ('<sector vocabulary="2" code="152" percentage="50"/><sector code="15210" percentage="100"/>', "50"),
        ('<recipient-country code="BZ" percentage="33.3"/><recipient-country code="JM" percentage="66.6"/>', ""),
        ('<recipient-country code="BZ"/><recipient-country code="JM"/>', ""),
        ('<recipient-country code="BZ" percentage="1e999"/><recipient-country code="JM" percentage="NaN"/>', ""),
    ],
)
def test_percentages_are_added_by_vocabulary(content: str, total: str) -> None:
    found = [finding.message for finding in one(content).findings if finding.rule.endswith("#percentages")]
    assert len(found) == bool(total)
    assert all(f" {total}," in message for message in found)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("version-1.xml", ["Officers trained", "DAC sector 15130: Legal and judicial development"]),
        (
            "french.xml",
            ["Magistrats formés (result: Enquêtes plus rapides): baseline 10 in 2019", "DAC sector 15130 (100%)"],
        ),
        ("agency.xml", ["sector of vocabulary 12 C1: Cyber (55%)", "DAC policy marker 9, significance 2"]),
        ("foundation.xml", ["Readers of the guide: target 1,000; actual about 900"]),
        ("portal.xml", ["Humanitarian plan HGTM21", "Aid type D02"]),
    ],
)
def test_files_in_the_style_of_publishers(file: str, expected: list[str]) -> None:
    content = (PUBLISHERS / file).read_bytes()
    records, _ = read_with_notes(content)
    found = [text for record in records for name in ("indicators", "classifications") for text in texts(record, name)]
    assert [text for text in expected if text not in found and text not in texts(records[0], "outputs")] == [], found
    again, notes = read_with_notes(export(records))
    assert not notes
    for before, after in zip(records, again, strict=True):
        assert [before.values(name) for name in DETAILS] == [after.values(name) for name in DETAILS]
        assert [(one.concept.key, one.share) for one in before.scopes if one.concept.known] == [
            (one.concept.key, one.share) for one in after.scopes
        ]


def test_words_of_version_1_are_codes() -> None:
    [record], _ = read_with_notes((PUBLISHERS / "version-1.xml").read_bytes())
    assert record.start
    assert record.end
    assert (record.start.value, record.end.value) == ("2012-05-01", "2014-04-30")
    assert [(link.role, link.actor.key) for link in record.participations] == [
        ("funder", "department-of-examples"),
        ("implementer", "example-police-academy"),
    ]
    assert "DAC policy marker 2: Environment, significance 1" in texts(record, "classifications")
    assert "role" not in rules(record)


@pytest.mark.parametrize(
    "indicator",
    [
        Indicator("Teams"),
        Indicator("Trust: high; or low (in brackets)", "A result (of many)", "ordinal"),
        Indicator("Teams", values=(Measurement("baseline", "0", "2018", "2018"), Measurement("target", "a; b (c)"))),
        Indicator("T", "R", "percentage", (Measurement("actual", "12.5", "2018-01-01", "2018-12-31"),)),
        Indicator("T", values=(Measurement("baseline", "1", "2018-05-01", "2018-05-01"),)),
    ],
)
def test_indicator_is_read_back_from_its_text(indicator: Indicator) -> None:
    assert read_indicator(indicator_text(indicator)) == indicator


@pytest.mark.parametrize(
    "classification",
    [
        Classification("sector", "1", "15210", "Security: reform (all of it)", "33.3"),
        Classification("policy-marker", "1", "1", "Gender equality", "", "2"),
        Classification("sector", "12", "C 1", "", "100"),
        Classification("tag", "99", "a:b"),
        Classification("collaboration-type", "", "1"),
    ],
)
def test_classification_is_read_back_from_its_text(classification: Classification) -> None:
    assert read_classification(classification.text) == classification


def test_other_texts_are_no_classification() -> None:
    assert not any(
        map(read_classification, ("", "Cybercrime", "DAC sector", "sector of vocabulary 1", "DAC sector : x"))
    )


def test_details_of_links_are_only_valid_ones() -> None:
    assert link_text("A", ["en", "application/pdf", "x y", "A01", "en"]) == "A [application/pdf, en, A01]"
    assert split_details("A [application/pdf, en, A01]") == ("A", ("application/pdf", "en", "A01"))
    assert split_details("A [see page 3]") == ("A [see page 3]", ())
    assert split_details("[en]") == ("[en]", ())


@pytest.mark.parametrize(
    "text", [": target " * 50_000, " (result: " * 50_000 + ")", "; target x" * 50_000, "[" * 500_000 + "]"]
)
def test_texts_take_linear_time(text: str) -> None:
    """Anything else would take minutes."""
    text = f"x{text}"
    assert read_indicator(text).title
    assert read_classification(text) is None
    assert split_details(text) == (text, ())
