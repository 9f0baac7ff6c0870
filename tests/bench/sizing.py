"""What records take to be built and served: the figures that ``cybilgraph sizing`` reckons with.

The pages are made by ``made``. Each build is a process of its own; seconds and peaks of memory are what the
operating system tells of it and of its workers (getrusage), bytes are those of the files. Temporary files are
looked at ten times a second. The memory of a server is what its processes have for themselves, and their part
of what they share (PSS), when it is warm. There is no peer here.

    python tests/bench/sizing.py [--records N …] [--write]

1,000 to 20,000 records, or as many as are given: a million takes more than an hour, and some 70 GB of disk. With
--write the figures are kept, in data/reference/sizing.json.
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
    """Build, and print what it took."""
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
    """All figures of so many records."""
    from made import write_pages

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
        figures["prepared"] = (folder / "into" / ".prepared").stat().st_size
        return figures | {"temporary": peak[0], "serve_memory": served(folder / "into")}


def watch(process: subprocess.Popen[bytes], folder: Path, peak: list[int]) -> None:
    """Note the most bytes that files in a folder have on the disk until a process ends."""
    while process.poll() is None:
        nameless = Path(f"/proc/{process.pid}/fd").glob("*")  # one that is open is there, though it is deleted
        inodes = {}
        for path in (*folder.rglob("*"), *nameless):
            with suppress(OSError):  # gone meanwhile
                if str(path.resolve()).startswith(str(folder)):
                    inodes[path.stat().st_ino] = path.stat().st_blocks * 512
        peak[0] = max(peak[0], sum(inodes.values()))
        time.sleep(0.1)


def served(releases: Path) -> int:
    """Bytes of memory of a server that is warm."""
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
            time.sleep(5)  # it asks what most will ask for
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
