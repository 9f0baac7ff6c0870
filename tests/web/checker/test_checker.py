"""The checker reports the same findings as the command line, in limited, replaceable processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from cybilgraph import pipeline
from cybilgraph.errors import CheckerBusy, CheckTimeout, CheckTooHeavy
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.web.checker import Checker, CheckLimits, Submission
from tests.conftest import PAGES, SAMPLES
from tests.support.operations import until
from tests.support.submissions import JSON, SMALL

pytestmark = pytest.mark.slow

SLOW = Submission(
    "a.csv", b"title,summary\n" + b"".join(b"Project %d,It helps Belize and UNODC.\n" % n for n in range(20_000))
)


@pytest.mark.parametrize(
    "path",
    [*PAGES[:4], *sorted((SAMPLES / "one-project").iterdir()), SAMPLES / "formats" / "iati.xml"],
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


@pytest.fixture(scope="module")
def strict() -> Iterator[Checker]:
    checker = Checker(CheckLimits(workers=1, waiting=1, seconds=3))
    checker.check(SMALL, [JSON])
    yield checker
    checker.close()
    assert checker.start().processes == []


@pytest.mark.timeout(180)
def test_check_over_time_limit_is_stopped_and_its_worker_replaced(strict: Checker) -> None:
    before = strict.start().processes
    with pytest.raises(CheckTimeout, match="stopped after 3 seconds"):
        strict.check(SLOW, [JSON])
    assert strict.check(SMALL, [JSON]).records == 1
    assert strict.start().processes != before


def test_check_over_memory_limit_is_rejected() -> None:
    tight = Checker(CheckLimits(workers=1, memory=40_000_000, seconds=150))
    heavy = b'{"title":"x","outcomes":[' + b'"a",' * 300_000 + b'"a"]}'
    with pytest.raises(CheckTooHeavy):
        tight.check(Submission("a.json", heavy), [JSON])
    assert tight.check(SMALL, [JSON]).records == 1
    tight.close()


@pytest.mark.timeout(180)
def test_check_is_repeated_after_its_worker_was_killed() -> None:
    some = Submission(SLOW.name, b"\n".join(SLOW.content.splitlines()[:501]))
    checker = Checker(CheckLimits(workers=1, seconds=150))
    with ThreadPoolExecutor(1) as pool:
        checked = pool.submit(checker.check, some, [JSON])
        until(lambda: checker.start().processes)  # it is ready, and thus working
        os.kill(checker.start().processes[0], signal.SIGKILL)
        assert checked.result().records == 500
    checker.close()


def test_queue_is_bounded() -> None:
    checker = Checker(CheckLimits(workers=1, waiting=1, seconds=30, long=0))  # work stays in its slot
    slow, next_one = Caller("slow"), Caller("next")
    with ThreadPoolExecutor(2) as threads:
        threads.submit(checker.check, SLOW, [JSON], slow)
        until(lambda: checker.start().load["quick"])
        threads.submit(checker.check, SLOW, [JSON], next_one)
        until(lambda: checker.start().load["waiting"])
        with pytest.raises(CheckerBusy):
            checker.check(SMALL, [JSON], Caller("other"))
        for caller in (next_one, slow):
            caller.leave()
    checker.close()


@pytest.mark.parametrize("names", [["one"] * 2, ["one", "two"]], ids=["one-client", "two-clients"])
def test_slow_checks_do_not_delay_another_client(names: list[str]) -> None:
    checker = Checker(CheckLimits(seconds=30))
    flood, other = [Caller(name) for name in names], Caller("other")
    checker.check(SMALL, [JSON], other)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(checker.check, SLOW, [JSON], caller) for caller in flood]
        wait(asked, 0.5)  # by then, all have arrived
        for _ in range(3):
            assert checker.check(SMALL, [JSON], other).records == 1
        assert not any(one.done() for one in asked), "otherwise the test proves nothing"
        for caller in flood:
            caller.leave()
    checker.close()


def test_workers_are_forked_by_a_process_without_threads(checker: Checker) -> None:
    checker.check(SMALL, [JSON])  # the worker is ready
    status = Path(f"/proc/{checker.start().processes[0]}/status").read_text()
    parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))
    assert len(list(Path(f"/proc/{parent}/task").iterdir())) == 1
