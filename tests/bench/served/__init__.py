"""Shared by the benchmarks of the server: generated data, the server in its own process, clients on raw sockets."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import IO

from zstandard import ZstdDecompressor

from cybilgraph.runtime.processes import resident_bytes

from .client import Address, exchange, look_up, request

COMMAND = [sys.executable, "-m", "cybilgraph.cli"]
_PROJECT = "<https://w3id.org/cybilgraph/ontology#Project>"


@contextmanager
def released(projects: int, kept: Path | None = None) -> Iterator[Path]:
    """Provide a folder with a release of generated projects, inside ``kept`` if given, which is reused."""
    with contextlib.nullcontext(str(kept)) if kept else TemporaryDirectory() as name:
        folder = Path(name) / f"release-{projects}"
        if not folder.exists():
            began = time.perf_counter()
            pages = Path(name) / f"pages-{projects}"
            make = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r}); import generated, pathlib; "
            make += f"p = pathlib.Path({str(pages)!r}); p.mkdir(parents=True); generated.write_pages({projects}, p)"
            subprocess.run([sys.executable, "-c", make], check=True)
            subprocess.run(
                [*COMMAND, "build", pages, "--into", folder, "--no-dumps"], check=True, stdout=subprocess.DEVNULL
            )
            print(
                f"A release of {projects:,} generated projects, built in {time.perf_counter() - began:.0f} s",
                flush=True,
            )
        yield folder


@contextmanager
def lines_of(folder: Path) -> Iterator[IO[bytes]]:
    """Open the N-Quads of the newest release in a folder."""
    with max(folder.glob("*/graph.nq.zst")).open("rb") as raw:
        yield BufferedReader(ZstdDecompressor().stream_reader(raw, read_across_frames=True))


def graph_of(folder: Path) -> Path:
    """Return an uncompressed file with the N-Quads of the newest release."""
    path = folder / "graph.nq"
    if not path.exists():
        with lines_of(folder) as lines, path.open("wb") as file:
            copyfileobj(lines, file)
    return path


def projects_of(folder: Path, most: int = 5_000, having: Sequence[str] = ()) -> list[str]:
    """Return IRIs of projects of the newest release that have all these properties (the ends of their IRIs)."""
    found: dict[str, set[str]] = {}
    with lines_of(folder) as lines:
        for line in map(bytes.decode, lines):
            subject, predicate, _ = line.split(" ", 2)
            if _PROJECT in line and predicate.endswith("#type>"):
                found.setdefault(subject[1:-1], set()).add("")
            for end in having:
                if predicate.endswith(f"{end}>"):
                    found.setdefault(subject[1:-1], set()).add(end)
    return list(islice((iri for iri, known in found.items() if known == {"", *having}), most))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


class Server:
    """A server program that runs until the block ends; ``seconds`` is its time to the first answer."""

    def __init__(self, command: list[object], address: Address, within: float = 120, cwd: Path | None = None) -> None:
        self.address = address
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=cwd,
        )
        self.number = self._process.pid
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() > began + within:
                self.close()
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.1)
        self.seconds = time.perf_counter() - began

    def _answers(self) -> bool:
        try:
            return exchange(self.address, look_up(self.address, "https://example.org/none"), wait=60).status == 200
        except OSError:
            return False

    def memory(self) -> dict[int, int]:
        """Return the memory of each process in bytes; shared memory is divided between processes (PSS)."""
        return {number: size for number in _family(self.number) if (size := _pss(number))}

    def serving_memory(self) -> int:
        """Return the memory of the server without its workers, in bytes."""
        return sum(size for number, size in self.memory().items() if not _is_worker(number))

    def workers(self) -> dict[int, int]:
        """Return the resident memory of each worker in bytes, with shared memory: the others do not change it."""
        return {
            number: size for number in _family(self.number) if _is_worker(number) and (size := resident_bytes(number))
        }

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def served(folder: Path, *options: object) -> Server:
    """Start our server on a folder of releases."""
    port = free_port()
    server = Server([*COMMAND, "serve", folder, "--port", port, *options], Address(port, "/sparql"))
    ready = Address(port, "/readyz")
    for _ in range(3_000):  # the warm-up is not measured
        if exchange(ready, request(ready, accept="*/*")).body == b"ready\n":
            return server
        time.sleep(0.1)
    server.close()
    raise RuntimeError("the server did not become ready")


def _family(root: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    family = [root]
    for number in family:
        family += children.get(number, [])
    return family


def _is_worker(number: int) -> bool:
    try:
        return b"_worker\0" in Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:  # the process has just ended
        return True


def _pss(number: int) -> int:
    try:
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
