"""Reports have the same rules in all eight formats, each valid by its schema or grammar."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import openpyxl
import pytest
import rdflib
from lxml import etree

from cybilgraph import pipeline
from cybilgraph.model.findings import Finding, Report, Severity
from cybilgraph.model.vocabulary import RULES
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.validation.outputs.wording import by_rule, summary
from tests.conftest import RECORDS
from tests.support.reports import both, hostile, truncated, written


def test_every_format_reports_the_same_rules(report: Report) -> None:
    expected = sorted(finding.rule.removeprefix(RULES) for finding in report.findings)
    sarif = json.loads(written(report, "sarif"))["runs"][0]["results"]
    graph = rdflib.Graph().parse(data=written(report, "turtle"), format="turtle")
    suites = etree.fromstring(written(report, "junit").encode())
    reported = {
        "text": re.findall(r"^ +(?:[\d:]+|-) +\w+  .*\[(.*)\]$", written(report, "text"), re.MULTILINE),
        "json": [finding["rule"].removeprefix(RULES) for finding in json.loads(written(report, "json"))["findings"]],
        "html": re.findall(r'<li class="\w+">\n<p><span.*?<span class="rule">([\w-]+)', written(report, "html")),
        "sarif": [result["ruleId"] for result in sarif],
        "github": re.findall(r"title=([\w-]+)::", written(report, "github")),
        "turtle": [
            str(rule).removeprefix(RULES)
            for result in graph.subjects(rdflib.RDF.type, rdflib.SH.ValidationResult)
            for rule in graph.objects(result, rdflib.SH.sourceShape)
        ],
        "csv": [row["rule"] for row in csv.DictReader(io.StringIO(written(report, "csv")))],
        "junit": re.findall(
            r"\[([\w-]+)\]$", "\n".join(text for text in suites.itertext() if text.strip()), re.MULTILINE
        ),
    }
    assert reported.keys() == OUTPUTS.keys()
    for name, names in reported.items():
        assert sorted(names) == expected, name


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_equal_reports_have_equal_output(report: Report, name: str) -> None:
    for each in both(report):
        assert written(each, name) == written(each, name)
        written(each, name).encode()  # no lone surrogates


def test_position_is_that_of_the_quote_in_every_format(tmp_path: Path) -> None:
    """The caret is under the same character, whatever units the source format uses."""
    sources = {
        "a.csv": 'title,code,funders\n"A, b ""c""",G0101,"Council of Europe; Organistion of American States"\n',
        "a.txt": "A project\nFunders\n  Organistion of American States\n",
        "a.yaml": "title: A project\nfunders:\n- 'Organistion of American States'\n",
        "a.json": '{"title": "A project", "funders": ["Organistion of American States"]}',
        "a.html": "<title>A</title>\n<h1>A project</h1><h2>Funders</h2><p>Organistion of American States</p>",
    }
    for name, text in sources.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    report = pipeline.check(tmp_path, excerpts=True)
    near = [finding for finding in report.findings if finding.rule == f"{RULES}near-name"]
    assert [finding.file for finding in near] == sorted(sources)
    shown = written(report, "text")
    junit, github = written(report, "junit"), written(report, "github")
    rows = list(csv.DictReader(io.StringIO(written(report, "csv"))))
    for finding in near:
        line = sources[finding.file].split("\n")[finding.line - 1]
        assert line[finding.column - 1 :].startswith("Organistion")
        assert finding.fix
        assert (finding.fix.line, finding.fix.column) == (finding.line, finding.column)
        place = f"{finding.line}:{finding.column}"
        part = shown[shown.index(f"{finding.file}\n") :]
        caret = re.search(rf"^ *{place} .*\n(.*│ ).*\n.*│ ( *)\^", part, re.MULTILINE)
        assert caret
        assert len(caret[2]) == finding.column - 1
        assert f"{finding.file}:{place}: " in junit
        assert f"line={finding.line},col={finding.column}," in github.replace("\n", ",")
        assert {
            (row["column"], row["cell"]) for row in rows if row["file"] == finding.file and "near" in row["rule"]
        } == {(str(finding.column), "3" if finding.file == "a.csv" else "")}
    unknown = next(finding for finding in report.findings if finding.line and not finding.column)
    assert f"  {unknown.line}  " in shown
    assert ":0" not in re.sub(r"T[\d:]+", "", shown + junit)


def test_workbook_positions_are_cells_without_characters(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["title", "status"], ["A project", "Sleeping"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    for excerpts in (True, False):
        report = pipeline.check(tmp_path, excerpts=excerpts)
        [found] = [finding for finding in report.findings if finding.text == "Sleeping"]
        assert (found.line, found.column, found.cell) == (2, 0, 2)
        for name in ("text", "junit", "html"):
            output = io.StringIO()
            OUTPUTS[name](report, output)
            assert "B2" in output.getvalue(), name


@pytest.mark.slow
def test_truncated_report_keeps_its_totals_and_counts_omitted_findings() -> None:
    whole, report = hostile(), truncated()
    assert len(list(report.findings)) == 5
    assert report.counts == whole.counts
    assert summary(report) == summary(whole)
    assert (report.conforms, report.passes) == (whole.conforms, whole.passes) == (False, False)
    totals = [sum(number for number, _ in by_rule(each)) for each in (report, whole)]
    assert totals == [len(list(whole.findings))] * 2
    omitted = len(list(whole.findings)) - 5
    for name in OUTPUTS:
        text = written(report, name)
        assert f"{omitted} more findings are not listed" in text, name
        assert "cybilgraph check FILE" in text, name
        assert "more findings" not in written(whole, name), name
    document = json.loads(written(report, "json"))
    assert sum(each["count"] for each in document["omitted"]) == omitted


def test_report_is_truncated_by_the_size_of_its_findings() -> None:
    report = hostile()
    report.truncate(1_000, 10, lambda _: 4)
    assert len(list(report.findings)) == 2
    none = hostile()
    none.truncate(1_000, 3, lambda _: 4)
    assert not list(none.findings)
    assert not none.passes
    assert "sh:conforms false" in written(none, "turtle")


@pytest.mark.slow
def test_large_report_is_written_in_linear_time() -> None:
    """Ten times as many findings take about ten times as much process time."""
    finding = replace(pipeline.check(RECORDS / "belize-G0020.txt", excerpts=True).findings[0])

    def seconds(name: str, number: int) -> float:
        many = Report(as_of="2024-01-01", findings=[replace(finding, line=line) for line in range(1, number)])
        begin = os.times()
        written(many, name)
        return os.times().user - begin.user

    for name in OUTPUTS:
        few, many = (min(seconds(name, number) for _ in range(3)) for number in (300, 3_000))
        assert many < 25 * max(few, 0.02), name


def test_csv_contains_no_formulas() -> None:
    texts = ("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "a")
    report = Report(findings=[replace(hostile().findings[0], text=text, label=text, file=text) for text in texts])
    rows = list(csv.DictReader(io.StringIO(written(report, "csv"), newline="")))
    assert len(rows) == len(texts)
    for row in rows:
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in row.values())
    assert rows[0]["text"] == "'=1+1"
    limit = csv.field_size_limit(10_000_000)
    assert len(list(csv.reader(io.StringIO(written(hostile(), "csv"), newline="")))) == len(hostile().findings) + 1
    csv.field_size_limit(limit)


def test_github_commands_are_single_lines_with_suggestions() -> None:
    report = hostile()
    lines = written(report, "github").splitlines(keepends=True)
    assert len(lines) == len(report.findings) + 1
    for line, finding in zip(lines, report.findings, strict=False):
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)\n", line)
        assert match, line[:200]
        properties = dict(item.split("=", 1) for item in match[2].split(","))
        assert {"file", "title"} <= properties.keys()
        assert set(properties) <= {"file", "line", "col", "endColumn", "title"}
        if "\x1b" not in finding.message and finding.message.isprintable():
            assert unquote(match[3]).startswith(finding.message)
    assert "file=a b/中.txt" in "".join(lines)


def test_github_commands_are_escaped_as_documented() -> None:
    found = Finding(severity=Severity.INFO, rule=f"{RULES}x", message="100% of\na: b, c", file="a,b:c%.txt", line=3)
    first = written(Report(findings=[found]), "github").splitlines()[0]
    assert first == "::notice file=a%2Cb%3Ac%25.txt,line=3,title=x::100%25 of\\na: b, c"


class Tags(HTMLParser):
    """Collects the tags of a page, and everything that would run or be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_html_is_self_contained_without_scripts(report: Report) -> None:
    known: set[str] | None = None
    for each in (report, hostile()):
        tags = Tags()
        page = written(each, "html")
        tags.feed(page)
        assert not tags.tags & {"script", "img", "link", "iframe", "base", "form"}
        assert not tags.attributes & {"src", "onload", "onclick", "style"}
        assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', page))
        assert "url(" not in page
        assert "@import" not in page
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b]", page)
        assert "49" not in re.findall(r"\{\{.*?\}\}", page)
        known = known or tags.tags
        assert tags.tags <= known
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in written(hostile(), "html")


def test_html_is_translated() -> None:
    for language, says in (("en", "By rule"), ("es", "Por regla"), ("fr", "Par règle")):
        page = written(replace(hostile(), language=language), "html")
        assert f'<html lang="{language}">' in page
        assert says in page


@pytest.mark.slow
def test_chromium_shows_the_page_offline(report: Report, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    page = tmp_path / "report.html"
    page.write_text(written(report, "html"), encoding="utf-8")
    options: list[Any] = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom"]
    options += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run([chromium, *options, page.as_uri()], capture_output=True, timeout=60).stdout.decode()
    assert shown.count("<mark>") == page.read_text(encoding="utf-8").count("<mark>") > 20
