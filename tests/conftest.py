"""Fixtures with real components, started once: a release, its engine, a server in its own process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock
from hypothesis import settings
from zstandard import ZstdDecompressor

from cybilgraph import pipeline
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.parallel import processor_count
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from tests.support.commands import ForkedProcess, forked
from tests.support.ports import free_port

# A busy machine is slow, so tests count calls and answers instead of asserting durations. The exception is
# support/slow_patterns.py, which compares processor times, because regular expressions do not count steps. A change is tested with the same inputs as the one before it;
# "make fuzz" tries new ones.
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("fixed")

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "data" / "records"
#: The saved pages. Tests use these; the table of projects next to them would make every test slower.
PAGES = sorted(RECORDS.glob("*.txt"))
SEED = RECORDS / "belize-G0020.txt"
SAMPLES = ROOT / "tests" / "samples"
CYBILGRAPH = [sys.executable, "-m", "cybilgraph.cli"]


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one release of the saved pages."""
    folder = tmp_path_factory.mktemp("releases")
    pipeline.build(PAGES, folder)
    return folder


class Demo(NamedTuple):
    """What ``make demo`` prints with its default port and folder, and the folder of its releases."""

    output: str
    releases: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run ``make demo`` until it serves its release. All test processes share the result."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    output, releases = folder / "demo.txt", folder / "demo"
    with FileLock(folder / "demo.lock"):
        if not output.is_file():
            shutil.rmtree(releases, ignore_errors=True)
            output.write_text(_run_demo(releases), encoding="utf-8")
    return Demo(output.read_text(encoding="utf-8"), releases)


def _run_demo(releases: Path) -> str:
    server = running_server(releases)  # has a free port
    target = ["make", "-s", "demo", f"RELEASES={releases}", f"PORT={server.port}"]
    with subprocess.Popen(
        target, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        shown = ""
        try:
            while "Ctrl-C" not in shown and (line := process.stdout.readline()):
                shown += line
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    return shown.replace(str(releases), "build/releases").replace(server.url, "http://127.0.0.1:8000")


@pytest.fixture(scope="session")
def demo_server(demo: Demo) -> Iterator[str]:
    """Serve the release of ``make demo``, and return the URL."""
    with running_server(demo.releases) as url:
        yield url


@pytest.fixture(scope="session")
def release(releases: Path) -> Release:
    return pipeline.Releases(releases).current()


@pytest.fixture(scope="session")
def engine(release: Release) -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(release.store, QueryLimits(timeout=170))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def server(releases: Path) -> Iterator[str]:
    """Start ``cybilgraph serve`` for the release of the saved pages, and return its URL."""
    with running_server(releases, "--body-seconds", 5) as url:  # the default of twenty would slow down the tests
        yield url


#: The time limit in seconds for starting a server on a slow machine.
STARTING = 100


def graph_of(folder: Path) -> bytes:
    """Return the N-Quads of the release in a folder."""
    with (folder / GRAPH).open("rb") as file:
        return ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


class running_server:  # noqa: N801
    """A server in its own process, on a free port, which stops at the end of the block."""

    def __init__(self, folder: Path, *options: object, fresh: bool = False) -> None:
        """``fresh`` starts a new interpreter, instead of forking a process that has already imported the package."""
        self.fresh = fresh
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self.options = map(str, options)

    def __enter__(self) -> str:
        self.output = tempfile.TemporaryFile()  # an unread pipe would fill up
        command = ["serve", str(self.folder), "--port", str(self.port), *self.options]
        self.process: subprocess.Popen[bytes] | ForkedProcess
        if self.fresh:
            self.process = subprocess.Popen(
                [*CYBILGRAPH, *command], stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True
            )
        else:
            self.process = ForkedProcess(command, self.output.fileno())
        until = time.monotonic() + STARTING
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/", timeout=5) as answer:
                    assert answer.status == 200
            except OSError:
                assert self.process.poll() is None, self.log
                time.sleep(0.05)
            else:
                return self.url
        self.process.kill()
        self.process.wait()
        raise AssertionError("the server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=200)
        self.output.close()

    @property
    def log(self) -> str:
        """The output so far."""
        return os.pread(self.output.fileno(), 10_000_000, 0).decode()


def run(
    *arguments: object, given: bytes | None = None, cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as a user would, and fail on any traceback."""
    command_line = list(map(str, arguments))
    if env:  # Python itself may read the environment when it starts
        command = [*CYBILGRAPH, *command_line]
        result = subprocess.run(command, input=given, capture_output=True, cwd=cwd, env=os.environ | env, timeout=250)
    else:
        result = forked(command_line, given or b"", cwd, 250)
    assert b"Traceback" not in result.stderr, result.stderr.decode()
    return result


def running_terminal(width: int, *arguments: object, **env: str) -> str:
    """Return the output of the command line on a terminal of this width."""
    lead, follow = pty.openpty()
    fcntl.ioctl(follow, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    sized = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    terminal = sized | {"TERM": "xterm-256color"} | env
    command = [*CYBILGRAPH, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=follow, stdout=follow, stderr=subprocess.PIPE, cwd=ROOT, env=terminal)
    os.close(follow)
    shown = b""
    with contextlib.suppress(OSError):  # reading a closed terminal raises this
        while chunk := os.read(lead, 65536):
            shown += chunk
    os.close(lead)
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors, errors.decode()
    return shown.decode()


def pytest_xdist_auto_num_workers() -> int:
    """Run one test more at once than there are processors, because many tests wait for a server."""
    return processor_count() + 1
