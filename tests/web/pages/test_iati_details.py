"""The page of a project shows the indicators, percentages and documents of an IATI activity."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.web.pages.resource_view import indicator_rows
from tests.conftest import SAMPLES, running_server
from tests.support.http_client import BROWSER, http


@pytest.mark.slow
def test_project_page_shows_details_of_iati(tmp_path: Path) -> None:
    release, _ = pipeline.build([SAMPLES / "formats" / "iati-results.xml"], tmp_path)
    table = gzip.decompress((release.folder / "public" / "scopes.csv.gz").read_bytes()).decode()
    assert [row["share"] for row in csv.DictReader(table.splitlines()) if row["kind"] == "country"] == ["40", "35.5"]
    with running_server(tmp_path) as site:
        page = http(f"{site}/id/project/xm-example-300", Accept=BROWSER).body.decode()
        graph = http(f"{site}/id/project/xm-example-300.nt").body.decode()
    for words in (
        '>Tonga</a></bdi> <span class="small">40%</span>',
        '<td data-label="Indicator"><bdi>Incidents answered within a day (percentage)</bdi></td>',
        '<td data-label="Target"><bdi>50</bdi></td><td data-label="Actual"><bdi>45</bdi></td>',
        'Mid-term report</a></bdi> <span class="small">application/pdf, en</span>',
        "<dt>Includes</dt>",
        "DAC sector 15210 (30%)",
    ):
        assert words in page, words
    assert '/indicator/1/value/2> <https://schema.org/value> "50"' in graph


def test_indicator_has_a_row_for_each_period() -> None:
    text = "Trained [ordinal] (result: Skills): baseline 0 in 2018; target 5 from 2019-01-01 to 2019-12-31; actual 4 on 2019-06-01"
    assert indicator_rows(text) == [
        ("Trained (ordinal)", "Skills", "2018", "0", "", ""),
        ("Trained (ordinal)", "Skills", "2019-01-01 – 2019-12-31", "", "5", ""),
        ("Trained (ordinal)", "Skills", "2019-06-01", "", "", "4"),
    ]
    assert indicator_rows("Any text") == [("Any text", "", "", "", "", "")]
