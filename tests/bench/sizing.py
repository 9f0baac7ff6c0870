"""Measure the resources that building and serving records needs, which ``cybilgraph sizing`` uses.

The pages are generated. Each build runs in its own process; seconds and peak memory are those that the operating system
reports for it and its workers (getrusage), and bytes are file sizes. Temporary files are measured ten times a second.
The memory of a server is that of its processes after warm-up, with shared memory divided between them (PSS). There is
no peer.

    python tests/bench/sizing.py [--records N …] [--write]

The default is 1,000 to 20,000 records. A million takes more than an hour, and about 70 GB of disk. --write stores the
figures in data/reference/sizing.json.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from argparse import ArgumentParser
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PORT = 8799


def measure(pages: Path, into: Path) -> None:
    """Build a release, and print time and memory."""
    from cybilgraph import pipeline
    from cybilgraph.release.manifest import folder_size

    began = time.perf_counter()
    release, report = pipeline.build([pages], into)
    wall = time.perf_counter() - began
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "records": report.records,
        "statements": release.manifest["counts"]["quads"],
        "sources": folder_size(pages),
        "release": release.size,
        "store": folder_size(release.store),
        "dumps": folder_size(release.folder / "public"),
        "main_seconds": own.ru_utime + own.ru_stime,
        "worker_seconds": workers.ru_utime + workers.ru_stime,
        "wall_seconds": wall,
        "main_memory": own.ru_maxrss * 1024,
        "worker_memory": workers.ru_maxrss * 1024,
    }
    print(json.dumps(figures))


def measured(count: int) -> dict[str, float]:
    """Return all figures for a number of records."""
    from generated import write_pages

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("pages", "temporary", "into"):
            (folder / each).mkdir()
        write_pages(count, folder / "pages")
        command = [sys.executable, __file__, "--measure", folder / "pages", folder / "into"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": str(folder / "temporary")}
        ) as process:
            peak = [0]
            watching = threading.Thread(target=watch, args=(process, folder / "temporary", peak))
            watching.start()
            assert process.stdout
            figures: dict[str, float] = json.loads(process.stdout.read())
        watching.join()
        return figures | {"temporary": peak[0], "serve_memory": served(folder / "into")}


def watch(process: subprocess.Popen[bytes], folder: Path, peak: list[int]) -> None:
    """Record the peak disk usage of a folder until a process ends."""
    while process.poll() is None:
        nameless = Path(f"/proc/{process.pid}/fd").glob("*")  # a deleted file uses disk space while it is open
        inodes = {}
        for path in (*folder.rglob("*"), *nameless):
            with suppress(OSError):  # deleted meanwhile
                if str(path.resolve()).startswith(str(folder)):
                    inodes[path.stat().st_ino] = path.stat().st_blocks * 512
        peak[0] = max(peak[0], sum(inodes.values()))
        time.sleep(0.1)


def served(releases: Path) -> int:
    """Return the memory of a server after warm-up, in bytes."""
    command = [sys.executable, "-m", "cybilgraph.cli", "serve", str(releases), "--port", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                time.sleep(0.2)
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5) as ready:
                        if ready.read() == b"ready\n":
                            break
                except OSError:
                    assert process.poll() is None
            time.sleep(5)  # the warm-up sends the most common requests
            parent = psutil.Process(process.pid)
            return sum(each.memory_full_info().pss for each in (parent, *parent.children(recursive=True)))
        finally:
            process.terminate()


def main() -> None:
    from cybilgraph import __version__

    options = ArgumentParser()
    options.add_argument("--records", type=int, nargs="+", default=[1_000, 10_000, 20_000])
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    document = {
        "day": datetime.now(UTC).date().isoformat(),
        "software": __version__,
        "python": platform.python_version(),
        "processors": len(os.sched_getaffinity(0)),
        "points": [],
    }
    for count in given.records:
        point = {name: round(figure, 2) for name, figure in measured(count).items()}
        print(point, flush=True)
        document["points"].append(point)
    if given.write:
        text = json.dumps(document, indent=1) + "\n"
        (ROOT / "data" / "reference" / "sizing.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--measure", pages, into]:
            measure(Path(pages), Path(into))
        case _:
            main()
