"""Published IATI activities conform to the schema and the ruleset, and nothing that was added is read back."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from cybilgraph import pipeline
from cybilgraph.model.site_profile import SiteProfile
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.iati_activities import actor_names
from cybilgraph.rdf.iati_publication import open_activities, publish_activities
from cybilgraph.readers import Input, read_input
from tests.conftest import PAGES, ROOT, SAMPLES, run
from tests.support.iati_rules import assert_valid, needs_schema

HUB = SiteProfile(title="Hub", description="Projects", publisher_name="Hub", publisher_org_id="FJ-ROC-1")
TODAY = date(2024, 6, 30)
COMPLETE = {
    "code": "G0901",
    "title": "Courses",
    "summary": "Courses for prosecutors.",
    "implementers": "Zeta Fund",
    "countries": "Fiji",
    "themes": "Cybercrime",
    "start": "2020-01-01",
    "end": "2021-12-31",
}


@pytest.fixture(autouse=True)
def fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1719748800")


def publish(source: Path, profile: SiteProfile = HUB) -> tuple[Any, Counter[str], bytes]:
    """Return the activities of a file as a tree, the projects by what they lack, and the text."""
    records = sorted(pipeline.read(source), key=lambda record: record.key)
    block = "".join(f"{line}\n" for record in records for line in describe(record)).encode()
    part, lacking = publish_activities(block, actor_names([block]), profile)
    path = source.with_suffix(".published.xml")
    path.unlink(missing_ok=True)
    with open_activities(path) as add:
        add(part, lacking)
    text = path.read_bytes()
    return etree.fromstring(text), lacking, text


def table(folder: Path, **values: str) -> Path:
    row = COMPLETE | values
    path = folder / "one.csv"
    quoted = (f'"{value}"' for value in row.values())
    path.write_text(f"{','.join(row)}\n{','.join(quoted)}\n", encoding="utf-8")
    return path


@needs_schema
def test_published_activities_conform(tmp_path: Path) -> None:
    for number, source in enumerate(
        [*PAGES, SAMPLES / "one-project" / "project.xml", SAMPLES / "formats" / "iati.xml"]
    ):
        copy = tmp_path / str(number) / source.name
        copy.parent.mkdir()
        copy.write_bytes(source.read_bytes())
        root, lacking, _ = publish(copy)
        assert len(root) == lacking[""]
        if len(root):
            assert_valid(root, TODAY)


@needs_schema
def test_table_of_real_projects_conforms(tmp_path: Path) -> None:
    copy = tmp_path / "projects.csv"
    copy.write_bytes((ROOT / "data" / "records" / "projects.csv").read_bytes())
    root, lacking, _ = publish(copy)
    assert len(root) > 100
    assert_valid(root, TODAY)
    assert {"start", "country or region"} <= set(lacking)


@pytest.mark.parametrize(
    ("dates", "status"),
    [
        ({}, "4"),
        ({"end": "2024-07-01"}, "2"),
        ({"start": "2025", "end": "2026"}, "1"),
        ({"start": "2025", "end": ""}, "1"),
    ],
)
def test_status_follows_from_the_dates(tmp_path: Path, dates: dict[str, str], status: str) -> None:
    root, _, text = publish(table(tmp_path, **dates))
    [element] = root.iter("activity-status")
    assert element.get("code") == status
    [record] = read_input(Input("out.xml", data=text))
    assert record.status is None, "what follows from the dates is not stated"


def test_stated_status_remains(tmp_path: Path) -> None:
    root, _, text = publish(table(tmp_path, status="Suspended"))
    assert [element.attrib for element in root.iter("activity-status")] == [{"code": "6"}]
    [record] = read_input(Input("out.xml", data=text))
    assert record.status
    assert record.status.key == "suspended"


def shares(root: Any, *tags: str) -> list[tuple[str, str | None]]:
    return [(element.get("code"), element.get("percentage")) for element in root.iter(*tags)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"countries": "Fiji"}, [("FJ", None)]),
        ({"countries": "Fiji; Tonga; Samoa"}, [("FJ", "33.33"), ("TO", "33.33"), ("WS", "33.34")]),
        ({"countries": "Fiji (70%); Tonga"}, [("FJ", "70"), ("TO", "30")]),
        ({"countries": "Fiji (50%); Tonga (25%); Samoa (25%)"}, [("FJ", "50"), ("TO", "25"), ("WS", "25")]),
        ({"countries": "Fiji", "regions": "Melanesia"}, [("FJ", "100"), ("054", "0")]),
        ({"countries": "Fiji; Tonga", "regions": "Melanesia"}, [("FJ", "50"), ("TO", "50"), ("054", "0")]),
        ({"countries": "Fiji (80%)", "regions": "Melanesia"}, [("FJ", "80"), ("054", "20")]),
        ({"countries": "", "regions": "Melanesia; Polynesia"}, [("054", "50"), ("061", "50")]),
    ],
)
def test_places_share_everything(tmp_path: Path, values: dict[str, str], expected: list[tuple[str, str]]) -> None:
    source = table(tmp_path, **values)
    root, _, text = publish(source)
    assert sorted(shares(root, "recipient-country", "recipient-region")) == sorted(expected)
    [record], [back] = (list(pipeline.read(source)), list(read_input(Input("out.xml", data=text))))
    stated = {scope.concept.key: scope.share for scope in record.scopes}
    assert {scope.concept.key: scope.share for scope in back.scopes} == stated, "equal shares are not stated"
    assert "percentages" not in {one.rule for one in back.findings}


def test_themes_share_everything(tmp_path: Path) -> None:
    root, _, _ = publish(
        table(tmp_path, themes="Cybercrime; Cyber Incident Management and Critical Infrastructure Protection")
    )
    assert [share for _, share in shares(root, "sector")] == ["50", "50"]


@pytest.mark.parametrize(
    ("values", "lacks"),
    [
        ({"iati_identifier": "GB-GOV-1/300"}, "identifier without / & | ?"),
        ({"summary": ""}, "description"),
        ({"implementers": ""}, "organisation"),
        ({"start": ""}, "start"),
        ({"countries": ""}, "country or region"),
        ({"themes": ""}, "theme"),
        ({"end": ""}, "status or end"),
        ({"end": "2019-01-01"}, "end after its start"),
        ({"countries": "Fiji (70%); Tonga (20%)"}, "percentages that add up to 100"),
        ({"countries": "Fiji (70%); Tonga (70%)"}, "percentages that add up to 100"),
        (
            {"countries": "", "regions": "Melanesia; Polynesia", "groups": "CARICOM; ASEAN"},
            "percentages that add up to 100",
        ),
        ({"countries": "Fiji (70%)"}, "percentages that add up to 100"),
    ],
)
def test_what_a_project_lacks_is_counted(tmp_path: Path, values: dict[str, str], lacks: str) -> None:
    root, lacking, _ = publish(table(tmp_path, **values))
    assert len(root) == 0
    assert lacking == {lacks: 1}


def test_reporter_that_takes_part_is_not_a_secondary_one(tmp_path: Path) -> None:
    source = table(tmp_path, implementers="UNDP")
    undp = SiteProfile(title="U", description="P", publisher_name="UNDP", publisher_org_id="XM-DAC-41114")
    for profile, expected in ((HUB, ("FJ-ROC-1", "90", "1")), (undp, ("XM-DAC-41114", "40", None))):
        root, _, _ = publish(source, profile)
        [reporter] = root.iter("reporting-org")
        assert (reporter.get("ref"), reporter.get("type"), reporter.get("secondary-reporter")) == expected


@needs_schema
@pytest.mark.parametrize(
    "values",
    [
        {"language": "French", "updated": "May 2024"},
        {"links": "<https://example.org/x>\nOnly words", "contacts": "<an@example.org>", "part_of": "G0001 & x"},
        {"indicators": "Officers: baseline 0; target 5; actual 3\nTrained: target 5 from 2019-12-31 to 2019-01-01"},
        {"indicators": "Satisfied [qualitative]: baseline low in 2018; actual high from 2019-01-01 to 2019-12-31"},
        {"classifications": "DAC sector 15130: Legal development (100%)\nSDG 16\nsector of vocabulary 99 x"},
        {"budget": "EUR 5,000 (budget, 2019-01-01 to 2021-12-31, value date 2019-01-01)"},
        {"budget": "EUR 5,000 (budget, 2021-12-31 to 2021-01-01, value date 2019-01-01)"},
        {"budget": "EUR 5,000 (planned disbursement, 2021-12-31 to 2021-01-01, value date 2019-01-01)"},
        {"summary": "\x01 a & < b", "rights": "© & <x>", "address": "javascript:alert(1)", "slug": "a b/c"},
        {"status": "Planned", "start": "2019", "end": "mid-2021"},
        {"status": "Finished", "end": "2030"},
    ],
)
def test_unusual_values_conform(tmp_path: Path, values: dict[str, str]) -> None:
    root, lacking, _ = publish(table(tmp_path, **values))
    assert lacking == {"": 1}
    assert_valid(root, TODAY)


@needs_schema
def test_future_transaction_has_no_element_of_its_own(tmp_path: Path) -> None:
    money = "EUR 5,000 (commitment, value date 2027-01-31)\nEUR 100 (commitment, value date 2020-01-31)"
    root, _, text = publish(table(tmp_path, budget=money))
    assert_valid(root, TODAY)
    assert [element.text for element in root.iter("value")] == ["100"]
    [record] = read_input(Input("out.xml", data=text))
    assert {one.amount for one in record.funding} == {"100", "5000"}, "nothing is lost"


def test_second_activity_with_an_identifier_is_left_out(tmp_path: Path) -> None:
    rows = (COMPLETE | {"iati_identifier": ""}, COMPLETE | {"code": "G0902", "iati_identifier": "FJ-ROC-1-G0901"})
    path = tmp_path / "two.csv"
    lines = (",".join(f'"{value}"' for value in row.values()) for row in rows)
    path.write_text("\n".join([",".join(rows[0]), *lines]), encoding="utf-8")
    root, lacking, _ = publish(path)
    assert [element.text for element in root.iter("iati-identifier")] == ["FJ-ROC-1-G0901"]
    assert lacking == {"": 1, "identifier of its own": 1}
    site = tmp_path / "site.toml"
    site.write_text(
        'title = "Hub"\ndescription = "Projects"\n[publisher]\nname = "Hub"\norg-id = "FJ-ROC-1"\n', encoding="utf-8"
    )
    assert run("build", path, "--into", tmp_path / "R", "--site", site).returncode == 0
    public = tmp_path / "R" / "0001" / "public"
    written = etree.parse(public / "cybilgraph.iati.xml")
    assert [element.text for element in written.iter("iati-identifier")] == ["FJ-ROC-1-G0901"]
    assert "1 of 2; the others lack identifier of its own (1)" in (public / "dcat.ttl").read_text(encoding="utf-8")
