"""The checker reports the same findings as the command line, in limited, replaceable processes."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import CheckerBusy, CheckError, CheckFailed, CheckTimeout, CheckTooHeavy
from cybilgraph.model.formats import GRAPH_FORMATS
from cybilgraph.model.rules import LANGUAGES, translate
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import READERS, Input
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.validation.outputs import OUTPUTS
from cybilgraph.web.checker import EDIT, Checker, CheckLimits, Submission
from tests.conftest import RECORDS, SAMPLES, SEED
from tests.support.hostile import cases

JSON = "report/json"
SMALL = Submission("a.txt", SEED.read_bytes())
SLOW = Submission(
    "a.csv", b"title,summary\n" + b"".join(b"Project %d,It helps Belize and UNODC.\n" % n for n in range(20_000))
)


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    checker = Checker(CheckLimits(workers=1, seconds=60))
    yield checker
    checker.close()


@pytest.fixture(autouse=True)
def nothing_was_denied(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[None]:
    """No check opens a file that its process did not load before it was sandboxed."""
    yield
    if "fails" not in request.node.name:
        assert [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "path",
    [*sorted(RECORDS.iterdir())[:4], *sorted((SAMPLES / "one-project").iterdir()), SAMPLES / "formats" / "iati.xml"],
    ids=lambda path: path.name,
)
def test_report_equals_that_of_the_command_line(checker: Checker, path: Path) -> None:
    answer = checker.check(Submission(path.name, path.read_bytes()), [JSON])
    report = json.loads(answer.parts[JSON])
    here = pipeline.check(path)
    assert answer.records == here.records == report["records"]
    assert [(found["rule"], found["line"], found["message"]) for found in report["findings"]] == [
        (found.rule, found.line, found.message) for found in here.findings
    ]


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
    found = checker.check(given, [EDIT]).parts[EDIT]
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
    outputs = [f"report/{name}" for name in OUTPUTS] + [f"rdf/{fmt.name}" for fmt in GRAPH_FORMATS]
    outputs += ["derived", *(f"form/{name}" for name in WRITERS)]
    answer = checker.check(Submission("page.txt", SEED.read_bytes()), outputs)
    assert list(answer.parts) == outputs
    assert all(answer.parts.values())
    for name in ("csv", "xlsx", "json", "yaml"):  # the output can be checked again
        again = checker.check(Submission(f"page.{name}", answer.parts[f"form/{name}"]), ["derived"])
        assert again.records == 1
    assert answer.parts["form/yaml"] == WRITERS["yaml"](pipeline.read(SEED))
    derived = json.loads(answer.parts["derived"])
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


@pytest.fixture(scope="module")
def strict() -> Iterator[Checker]:
    checker = Checker(CheckLimits(workers=1, waiting=1, seconds=3))
    checker.check(SMALL, [JSON])
    yield checker
    checker.close()
    assert checker.processes == []


@pytest.mark.timeout(60)
def test_check_over_time_limit_is_stopped_and_its_worker_replaced(strict: Checker) -> None:
    before = strict.processes
    with pytest.raises(CheckTimeout, match="stopped after 3 seconds"):
        strict.check(SLOW, [JSON])
    assert strict.check(SMALL, [JSON]).records == 1
    assert strict.processes != before


def test_check_over_memory_limit_is_rejected() -> None:
    tight = Checker(CheckLimits(workers=1, memory=40_000_000))
    heavy = b'{"title":"x","outcomes":[' + b'"a",' * 300_000 + b'"a"]}'
    with pytest.raises(CheckTooHeavy):
        tight.check(Submission("a.json", heavy), [JSON])
    assert tight.check(SMALL, [JSON]).records == 1
    tight.close()


def test_killed_worker_is_replaced(strict: Checker) -> None:
    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(strict.check, SLOW, [JSON])
        time.sleep(0.5)
        os.kill(strict.processes[0], signal.SIGKILL)
        with pytest.raises(CheckerBusy, match="was interrupted"):  # not the fault of the record
            checked.result()
    assert strict.check(SMALL, [JSON]).records == 1


@pytest.mark.timeout(60)
def test_queue_is_bounded(strict: Checker) -> None:
    ended: list[type[BaseException]] = []

    def ask() -> None:
        with pytest.raises(CheckError) as raised:
            strict.check(SLOW, [JSON])
        ended.append(raised.type)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    with pytest.raises(CheckerBusy):
        strict.check(SMALL, [JSON])
    for thread in threads:
        thread.join()
    assert CheckTimeout in ended


def test_checks_of_one_client_do_not_delay_another() -> None:
    checker = Checker(CheckLimits(seconds=30))
    flood, other = [Caller("flood") for _ in range(4)], Caller("other")
    checker.check(SMALL, [JSON], other)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(checker.check, SLOW, [JSON], caller) for caller in flood]
        wait(asked, 0.5)  # by then, all have arrived
        for _ in range(3):
            assert checker.check(SMALL, [JSON], other).records == 1
        assert not any(one.done() for one in asked), "otherwise the test proves nothing"
        for caller in flood:
            caller.leave()
    checker.close()


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
    outputs = [*(f"report/{name}" for name in OUTPUTS), *(f"rdf/{fmt.name}" for fmt in GRAPH_FORMATS)]
    outputs += ["derived", *(f"form/{name}" for name in WRITERS)]
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
