"""A check worker is sandboxed, and renders every output of every format it reads."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import CheckFailed
from cybilgraph.model.formats import GRAPH_FORMATS
from cybilgraph.model.rules import LANGUAGES, translate
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import READERS, Input
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.checker import Checker, CheckLimits, Submission
from cybilgraph.web.checker.submissions import Output
from tests.conftest import SEED
from tests.support.hostile import cases
from tests.support.submissions import JSON, SMALL

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("edited", "problem"),
    [
        (SEED.read_text(encoding="utf-8").replace("Mar 2020", "Apr 2020"), ""),
        (SEED.read_text(encoding="utf-8").replace("G0020", "G0021"), "it was G0020, and would be G0021"),
        ("<<<", "no longer describes the same project"),
        ("%PDF-1.7", "can no longer be read"),
        ("A" * 100_000, "no longer describes the same project"),
    ],
)
def test_worker_detects_edits_that_change_the_project(checker: Checker, edited: str, problem: str) -> None:
    given = Submission("page.txt", edited.encode(), base=SEED.read_text(encoding="utf-8"))
    found = checker.check(given, [Output.EDIT]).parts[Output.EDIT]
    what, _ = json.loads(found) if found else ("", "")
    assert problem in what
    assert bool(problem) == bool(what)
    assert len(what) < 1_000


def test_worker_ignores_modules_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    checker = Checker(CheckLimits(workers=1, seconds=60))
    try:
        assert checker.check(SMALL, [JSON]).records == 1
    finally:
        checker.close()


@pytest.mark.parametrize("name", [name for number, name in enumerate(cases()) if number % 37 == 5])
def test_hostile_file_gives_the_same_report_in_a_worker(checker: Checker, name: str) -> None:
    """A worker has loaded everything it needs, so no finding is about files it cannot open."""
    content = cases()[name]()
    if len(content) > 300_000:
        pytest.skip("too slow for this test: larger files are for test_hostile.py")
    answer = checker.check(Submission(name, content), [JSON])
    here = pipeline.check_input(Input(name, data=content)).report
    assert answer.records == here.records
    report = json.loads(answer.parts[JSON])
    found = [(found["rule"], found["message"]) for found in report["findings"]]
    # A report has a bound, which some of these files exceed; its totals have none.
    assert found == [(finding.rule, finding.message) for finding in here.findings][: len(found)]
    assert report["counts"] == here.counts
    assert bool(found) == bool(here.findings)


def test_all_outputs_can_be_requested(checker: Checker) -> None:
    outputs = [f"api/{name}" for name in OUTPUTS] + [f"rdf/{fmt.name}" for fmt in GRAPH_FORMATS]
    outputs += ["page", *(f"form/{name}" for name in WRITERS)]
    answer = checker.check(Submission("page.txt", SEED.read_bytes()), outputs)
    assert list(answer.parts) == outputs
    assert all(answer.parts.values())
    for name in ("csv", "xlsx", "json", "yaml"):  # the output can be checked again
        again = checker.check(Submission(f"page.{name}", answer.parts[f"form/{name}"]), ["page"])
        assert again.records == 1
    assert answer.parts["form/yaml"] == WRITERS["yaml"](pipeline.read(SEED))
    derived = json.loads(answer.parts["page"])["derived"]
    assert {"project": "G0020", "field": "implementer", "name": "Global Partners Digital", "line": 39}.items() <= next(
        row for row in derived if "GPD supported" in row["quote"]
    ).items()


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_and_date_are_applied(checker: Checker, language: str) -> None:
    page = b"A project\n\nStatus: Finished\n\nFrom: Apr 2018\n\nTo: Mar 2030\n\nSummary\n\nIt helps Belize.\n"
    answer = checker.check(Submission("a.txt", page, language, "2031-01-01"), [JSON])
    here = pipeline.check_input(Input("a.txt", data=page)).report
    report = json.loads(answer.parts[JSON])
    assert report["as_of"] == "2031-01-01"
    messages = {found["message"] for found in report["findings"]}
    assert messages
    assert messages <= {translate(finding, language).message for finding in here.findings}


def test_check_opens_no_connection_and_no_file(checker: Checker, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a secret", encoding="utf-8")
    reached = threading.Event()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(2)

        def accept() -> None:
            try:
                listener.accept()[0].close()
                reached.set()
            except TimeoutError:
                pass

        watcher = threading.Thread(target=accept)
        watcher.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        outside = (
            f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}"><!ENTITY % p SYSTEM "{url}"> %p;]>'
        )
        for name, content in {
            "a.jsonld": f'{{"@context": "{url}", "@id": "x:y"}}',
            "a.xml": f"{outside}<iati-activities><iati-activity><title><narrative>&e;</narrative></title></iati-activity></iati-activities>",
            "a.rdf": f'{outside}<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">&e;</rdf:RDF>',
            "a.html": f"<html><h1>T</h1><p>Summary<p><iframe src='{url}'></iframe><object data='file://{secret}'></object>x",
            "a.yaml": f"title: !include {secret}\nsummary: x\n",
        }.items():
            answer = checker.check(Submission(name, content.encode()), [JSON, "rdf/turtle"])
            assert b"a secret" not in b"".join(answer.parts.values())
        watcher.join()
    assert not reached.is_set()


def test_worker_spills_to_memory_instead_of_disk(checker: Checker) -> None:
    rows = b"".join(b"Project %d of a long name %s,It helps Belize.\n" % (n, b"x " * 1_500) for n in range(300))
    assert checker.check(Submission("a.csv", b"title,summary\n" + rows), [JSON, "rdf/ntriples"]).records == 300


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"code,title\nG0500,It helps Belize\nG0500,It helps Peru\n", id="the same code twice"),
        pytest.param("title,status\nÉcole,Ongong 北京\nmañana,Ongong 한국\n".encode(), id="wide characters"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_worker_can_write_every_output(checker: Checker, content: bytes, language: str) -> None:
    outputs = [*(f"api/{name}" for name in OUTPUTS), *(f"rdf/{fmt.name}" for fmt in GRAPH_FORMATS)]
    outputs += ["page", *(f"form/{name}" for name in WRITERS)]
    assert checker.check(Submission("a.csv", content, language), outputs).records == 2


_OPENS_A_FILE = """
import cybilgraph.pipeline as pipeline
check_input = pipeline.check_input

def opens_a_file(given, *rest):
    if given.name == "opens.txt":
        open("/etc/hostname")
    return check_input(given, *rest)

pipeline.check_input = opens_a_file
"""


def test_check_that_opens_a_file_fails_with_a_log_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_OPENS_A_FILE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    checker = Checker(CheckLimits(workers=1, seconds=60))
    try:
        with pytest.raises(CheckFailed, match="could not be checked"):
            checker.check(Submission("opens.txt", SEED.read_bytes()), [JSON])
        assert "open '/etc/hostname' at " in caplog.text
        assert "Operation not permitted: '/etc/hostname'" in caplog.text
        assert checker.check(SMALL, [JSON]).records == 1
    finally:
        checker.close()


def test_worker_can_read_every_suffix(checker: Checker) -> None:
    from tests.support.hostile import GOOD

    for suffix in READERS:
        assert checker.check(Submission(f"a{suffix}", GOOD()[suffix]), [JSON]).records >= 1
