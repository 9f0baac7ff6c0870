"""Arbitrary bytes give records with findings or a clear error, in bounded time and memory, without tracebacks,
requests or the loss of other files.
"""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import socket
import subprocess
import sys
import tracemalloc
from pathlib import Path

import openpyxl
import pytest

from cybilgraph import pipeline
from cybilgraph.extraction import derive
from cybilgraph.model.findings import Severity
from cybilgraph.readers import READERS, Input
from tests.bench.served.client import Trap
from tests.conftest import ROOT, SEED, graph_of
from tests.support.hostile import BAIT, cases

pytestmark = pytest.mark.slow

#: One suffix per reader; other suffixes of a format make no difference.
SUFFIXES = {reader: suffix for suffix, reader in reversed(READERS.items()) if suffix}
SYNTAXES = {".nt", ".nq", ".trig", ".rdf", ".jsonld", ".ttl", ".json", ".jsonl"}
CASES = {name: make for name, make in cases().items() if Path(name).suffix in {*SUFFIXES.values(), *SYNTAXES}}
INTACT_FILES = {
    "zz-page.txt": SEED.read_bytes(),
    "zz-table.csv": b"title\nAn intact one\n",
    "zz.json": b'{"title": "B"}',
}
#: The memory limit of every command, so that a machine with 2 GB suffices.
MEMORY = 2_500_000_000


def folder_of(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in {**files, **INTACT_FILES}.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("corpus"), {name: make() for name, make in CASES.items()})


_LIMITED = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        is_ours = arguments and getattr(arguments[0], "family", None) == socket.AF_UNIX  # to a process of its own
        if not is_ours:
            sys.stderr.write(f"REQUEST {{event}} {{arguments}}\\n")
    if event == "open" and isinstance(arguments[0], str) and arguments[0] == {bait!r}:
        sys.stderr.write(f"OPENED {{arguments[0]}}\\n")
sys.addaudithook(watch)
from cybilgraph.cli import main
main(sys.argv[1:])
"""


def limited(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    code = _LIMITED.format(memory=MEMORY, bait=BAIT)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, cwd=ROOT, timeout=250)


def test_every_file_gives_record_or_clear_error_without_losing_others(corpus: Path) -> None:
    done = limited("check", corpus, "-f", "json")
    assert_within_limits(done)
    report = json.loads(done.stdout)
    unread = {finding["file"]: finding for finding in report["findings"] if finding["rule"].endswith("unreadable")}
    assert report["sources"] == len(CASES) + len(INTACT_FILES)
    assert report["records"] >= report["sources"] - len(unread), "a file is neither read nor reported"
    assert not unread.keys() & INTACT_FILES.keys()
    for name, finding in unread.items():
        shown = f"{finding['message']} {finding['suggestion']}"
        assert finding["message"], name
        assert finding["suggestion"], name
        assert str(corpus) not in shown
        assert not any(word in shown for word in ("Traceback", "object at 0x", "Exception")), shown


def assert_within_limits(done: subprocess.CompletedProcess[bytes]) -> None:
    assert done.returncode in (1, 2), "there are files that cannot be read"
    for word in (b"Traceback", b"MemoryError", b"REQUEST", b"OPENED"):
        assert word not in done.stderr, done.stderr[done.stderr.index(word) :][:500]


def test_valid_records_survive_among_bad_files(tmp_path: Path) -> None:
    small = {name: content for name, make in CASES.items() if len(content := make()) < 10_000}
    assert len(small) > 550
    done = limited("convert", folder_of(tmp_path / "small", small), "-f", "nquads")
    assert_within_limits(done)
    for words in (b'"An intact one"', b'"B"@en', b'"G0020"'):
        assert words in done.stdout


LARGE = {
    "page.txt": lambda: b"word " * 10_000_000,
    "page.html": lambda: b"<p>word</p>" * 4_500_000,
    "table.csv": lambda: b"title,summary\n" + b"A,It helps Kenya.\n" * 150_000,
    "one-line.csv": lambda: b"title" + b"x" * 50_000_000,
    "blank.csv": lambda: b"title\n" + b"\n" * 5_000_000,
    "examples.csv": lambda: b"title,code\n" + b"x,G0000\n" * 200_000,
    "objects.json": lambda: b"[" + b"{}," * 16_000_000 + b"{}]",
    "numbers.json": lambda: b"[" + b"[]," * 16_000_000 + b"1]",
    "objects.jsonl": lambda: b"{}\n" * 300_000,
    "statements.nt": lambda: b"".join(b"<a:%d><b:c><d:e>.\n" % n for n in range(2_400_000)),
    "numbers.jsonld": lambda: b'[{"@id":"a:b","c:d":[' + b"1," * 20_000_000 + b"1]}]",
    "document.json": lambda: b'{"title": "' + b"x" * 50_000_000 + b'"}',
    "document.yaml": lambda: b"- a: b\n" * 3_000_000,
    "activity.xml": lambda: b'<iati-activities version="2.03">' + b"<a/>" * 12_000_000,
    "graph.nt": lambda: b"# a comment\n" * 4_000_000,
}


@pytest.mark.parametrize("name", sorted(LARGE))
def test_fifty_megabytes_are_read_or_rejected_within_limits(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(LARGE[name]())
    if name == "table.csv":  # a hundred and fifty thousand records are work rather than an attack; some of them suffice
        path.write_bytes(path.read_bytes()[:200_000])
    done = limited("convert", path, "-f", "nquads", "-o", tmp_path / "out.nq")
    assert done.returncode in (0, 2), done.stderr[-500:]
    assert b"Traceback" not in done.stderr, done.stderr[-800:]


@pytest.mark.parametrize(
    "name",
    ["line\nend.txt", "-rf.txt", '"quoted".txt', "\u202egnp.txt", "x" * 250 + ".txt", "a;b|c&d.csv", "%2e%2e%2fx.json"],
)
def test_file_names_are_not_interpreted(name: str, tmp_path: Path) -> None:
    content = b"title\nA project\n" if name.endswith(".csv") else b'{"title": "A project"}'
    (tmp_path / name).write_bytes(content if not name.endswith(".txt") else b"A project\n\nIt helps Kenya.\n")
    done = limited("convert", tmp_path, "-f", "nquads")
    assert done.returncode == 0, done.stderr
    assert b"A project" in done.stdout
    assert b"Traceback" not in done.stderr


EVIL = "A\x1b]0;owned\x07\x9b31m\u202eB\u2066\u200f\x7f"


@pytest.mark.parametrize("command", ["check", "build", "convert", "missing", "query"])
def test_file_content_cannot_control_the_terminal(command: str, tmp_path: Path) -> None:
    evil = tmp_path / f"{EVIL}.json"
    evil.write_text(json.dumps([{"title": EVIL, "code": EVIL, "status": EVIL, EVIL: "x", "start": EVIL}, EVIL]))
    arguments: dict[str, list[object]] = {
        "check": ["check", evil],
        "build": ["build", evil, "--into", tmp_path / "out"],
        "convert": ["convert", evil, "-o", tmp_path / "out.ttl"],
        "missing": ["check", f"{evil}.csv"],
        "query": ["query", "SELECT ?t { ?p dcterms:title ?t }", "--from", tmp_path / "out"],
    }
    if command == "query":
        limited(*arguments["build"])
    done = limited(*arguments[command])
    assert b"Traceback" not in done.stderr
    shown = (done.stdout + done.stderr).decode()
    assert r"\u202e" in shown
    assert all(char.isprintable() or char == "\n" for char in shown), shown
    assert json.loads(limited("check", "-f", "json", evil).stdout)["findings"], "JSON is as it was"


def test_special_files_are_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "folder.csv").mkdir()
    report = pipeline.check(folder_of(tmp_path, {}))
    assert report.records == len(INTACT_FILES)
    unread = {finding.file for finding in report.findings if finding.rule.endswith("unreadable")}
    assert unread == {"pipe.txt", "loop.txt"}


@pytest.mark.parametrize(
    "text",
    [
        "UNODC, " * 15_000,
        "The Ministry of Trade and the " * 3_500,
        "funded by " * 10_000,
        "by UNODC and by " * 6_000,
        "in Kenya, Fiji and " * 5_000,
        "A's B's " * 12_000,
        "((((((((((" * 10_000,
        "◆◇◈◎◬◫ " * 14_000,
        "İ̇ẞﬀ " * 8_000,
        "With funding from A, " * 5_000,
        "the governments of Kenya, " * 4_000,
        "UNODC. " * 14_000,
        "from 1 to 2 May 2019 and " * 4_000,
    ],
    ids=lambda text: text[:20],
)
def test_prose_takes_bounded_time(text: str) -> None:
    [record] = READERS[".txt"](Input("a.txt", data=f"A project\n\nSummary\n\n{text}\n".encode()))
    derive(record)


ENORMOUS = {
    "row.csv": lambda: b"summary,title,code\n" + b"word " * 150_000 + b",A,G0001\nx,B,G0002\n",
    "names.json": lambda: json.dumps(
        [{"funders": [f"Ministry {n}" for n in range(50_000)], "code": "G0001"}, {"code": "G0002", "title": "B"}]
    ).encode(),
    "keys.json": lambda: json.dumps(
        [{f"key {n}": "x" for n in range(50_000)} | {"code": "G0001"}, {"code": "G0002", "title": "B"}]
    ).encode(),
    "items.yaml": lambda: b"- outcomes:\n" + b"  - a\n" * 50_000 + b"  code: G0001\n- code: G0002\n",
    "activity.xml": lambda: (
        b'<iati-activities version="2.03">%s%s</iati-activities>'
        % (
            b'<iati-activity><other-identifier ref="G0001"/><description>%s</description></iati-activity>'
            % (b"word " * 200_000),
            b'<iati-activity><other-identifier ref="G0002"/></iati-activity>',
        )
    ),
    "graph.ttl": lambda: (
        b"@prefix cyb: <https://w3id.org/cybilgraph/ontology#> . @prefix dcterms: <http://purl.org/dc/terms/> .\n"
        b'<x:1> a cyb:Project ; dcterms:identifier "G0001" ; dcterms:abstract "%s" .\n'
        b'<x:2> a cyb:Project ; dcterms:identifier "G0002" .\n' % (b"word " * 200_000)
    ),
    "lines.txt": lambda: b"A\nCybil code: G0001\nSummary\n" + b"a.\n" * 100_000,
}


@pytest.mark.parametrize("cell", ["word " * 150_000, f'"{"a word, " * 60_000}"', f'"{"word, " * 60_000}"'])
def test_cells_after_a_long_cell_are_kept(cell: str, tmp_path: Path) -> None:
    """Other libraries may have set the global limit for CSV cells."""
    (tmp_path / "row.csv").write_text(f'start,summary,title,code\n2018,{cell},"A, b",G0001\n2019,x,B,G0002\n')
    limit = csv.field_size_limit(10_000_000)
    try:
        first, second = pipeline.read(tmp_path / "row.csv")
    finally:
        csv.field_size_limit(limit)
    assert first.title
    assert (first.key, first.title.text, second.key) == ("G0001", "A, b", "G0002")
    assert first.start
    assert first.start.value == "2018"
    assert [found.rule.rpartition("#")[2] for found in first.findings] == ["long-cell"]
    assert 20_000 < sum(len(text.text) for _, text in first.narrative()) <= 30_000


def test_line_with_distant_end_is_cut(tmp_path: Path) -> None:
    """30 MB in one cell: the rest of the row is skipped, and the next row is read."""
    text = b"title,summary,code\nA," + b"word " * 6_000_000 + b",G0001\nB,x,G0002\n"
    (tmp_path / "row.csv").write_bytes(text)
    tracemalloc.start()
    try:
        first, second = pipeline.read(tmp_path / "row.csv")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert first.title
    assert (first.title.text, first.code, second.key) == ("A", None, "G0002")


def _book(*rows: list[str]) -> bytes:
    book, output = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(output)
    return output.getvalue()


@pytest.mark.parametrize("name", sorted(ENORMOUS))
def test_oversized_record_is_cut_and_reported(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(ENORMOUS[name]())
    records = {record.key: record for record in pipeline.read(tmp_path / name)}
    assert set(records) == ({"G0001"} if name == "lines.txt" else {"G0001", "G0002"})
    rule = "#long-cell" if name == "row.csv" else "#too-much"
    findings = {key: [f for f in record.findings if f.rule.endswith(rule)] for key, record in records.items()}
    assert [finding.severity for finding in findings["G0001"]] == [Severity.VIOLATION]
    assert not findings.get("G0002")
    assert len(records["G0001"].findings) < 5_100
    size = sum(len(text.text) for _, text in records["G0001"].narrative())
    assert size <= 500_000


def test_records_beyond_maximum_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cybilgraph.readers.MAX_RECORDS", 3)
    (tmp_path / "a.csv").write_text("title\n" + "A\n" * 5, encoding="utf-8")
    (tmp_path / "b.json").write_text('[{"title": "A"}, {"title": "B"}, {"title": "C"}]', encoding="utf-8")
    report = pipeline.check(tmp_path)
    assert (report.records, report.unread) == (6, 1)
    [finding] = [finding for finding in report.findings if finding.rule.endswith("#unreadable")]
    assert (finding.file, finding.line) == ("a.csv", 5)
    assert finding.message == "more than 3 projects; those before the limit were read"


def test_often_repeated_key_takes_linear_time() -> None:
    content = b'{"title": "x", "a (again, 3)": "c", ' + b",".join([b'"a": "b"'] * 100_000) + b"}"
    [record] = READERS[".json"](Input("a.json", data=content))
    assert [line.text for line in record.description[:4]] == [
        "a (again, 3): c",
        "a: b",
        "a (again, 1): b",
        "a (again, 2): b",
    ]


def test_memory_limit_is_effective() -> None:
    """Make sure that the limit applies: a process under it cannot allocate more."""
    code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY})); bytearray({MEMORY})"
    assert b"MemoryError" in subprocess.run([sys.executable, "-c", code], capture_output=True).stderr
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != MEMORY


def _with_addresses(url: str) -> dict[str, bytes]:
    """Return files in formats with addresses that a reader might fetch."""
    seed = SEED.read_text(encoding="utf-8")
    xml = f'<?xml version="1.0"?><?xml-stylesheet href="{url}"?><!DOCTYPE x SYSTEM "{url}">'
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}"/>'
    schema = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {url}"'
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["title", "links", "summary"])
    sheet.append(["A workbook", url, f'=WEBSERVICE("{url}")'])
    sheet["A2"].hyperlink = url
    workbook = io.BytesIO()
    book.save(workbook)
    texts = {
        "a.txt": f"{seed}\n\nLinks\n\n{url}\n",
        "a.md": f"{seed}\n\n![a picture]({url})\n[a link]({url})\n",
        "a.html": f"<html><head><base href='{url}'><link rel=stylesheet href='{url}'><meta http-equiv=refresh "
        f"content='0;url={url}'><script src='{url}'></script><script type='application/ld+json'>"
        f'{{"@context": "{url}", "@type": "Project", "name": "A page", "url": "{url}"}}</script></head>'
        f"<body><h1>A page</h1><img src='{url}'><iframe src='{url}'></iframe><a href='{url}'>a link</a></body></html>",
        "a.csv": f'title,links,summary\nA table,{url},"=IMPORTDATA(""{url}"")"\n',
        "a.json": json.dumps({"$schema": url, "@context": url, "title": "A document", "links": [url]}),
        "a.jsonl": json.dumps({"title": "A line", "links": [url], "$ref": url}),
        "a.yaml": f"title: A mapping\nlinks: [{url}]\nmore: !include {url}\n",
        "a.jsonld": json.dumps({"@context": [url, {"@import": url}], "@id": url, "@type": f"{url}#Project"}),
        "a.ttl": f"@base <{url}> . <> a <{url}#Project> ; <http://www.w3.org/2002/07/owl#imports> <{url}> ; "
        f"<http://www.w3.org/ns/shacl#shapesGraph> <{url}> .",
        "a.rdf": f'{xml}<rdf:RDF xmlns:rdf="{rdf}" xml:base="{url}"><rdf:Description rdf:about="{url}">{include}'
        f"</rdf:Description></rdf:RDF>",
        "a.xml": f'{xml}<iati-activities version="2.03" {schema}><iati-activity xml:base="{url}"><iati-identifier>a'
        f'</iati-identifier><title><narrative>An activity</narrative></title>{include}<document-link url="{url}" '
        f'format="text/html"><title><narrative>x</narrative></title></document-link></iati-activity></iati-activities>',
        "b.xml": f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY % p SYSTEM "{url}"> %p; <!ENTITY e SYSTEM "{url}">]>'
        "<iati-activities><iati-activity><iati-identifier>&e;</iati-identifier></iati-activity></iati-activities>",
    }
    return {"a.xlsx": workbook.getvalue()} | {name: text.encode() for name, text in texts.items()}


def test_addresses_in_records_are_never_fetched(tmp_path: Path) -> None:
    """Neither readers fetch them, nor engines and workers, which Python's audit hooks do not see."""
    trap = Trap()
    try:
        folder = folder_of(tmp_path / "records", _with_addresses(trap.url))
        release, report = pipeline.build([folder], tmp_path / "releases")
        assert trap.caught == 0
        assert any(trap.url.encode() in line for line in graph_of(release.folder).splitlines()), "they were read"
        assert report.sources == len(_with_addresses(trap.url)) + len(INTACT_FILES)
        pipeline.check(folder)
        assert trap.caught == 0
        socket.create_connection(("127.0.0.1", trap.port)).close()
        assert trap.caught == 1, "the trap hears a request"
    finally:
        trap.close()
