"""Detection of files that are damaged while the server runs. They are not sent, and each is logged once.

Opening a file detects later writes to it; a slow scan of all files detects corruption by the disk. A damaged search
index is logged but still used. A store in memory is still valid and stays in use, but is not loaded again from a
damaged graph file: if its process ends, no more queries are answered. A damaged store on disk is not queried at all,
because the engine silently skips what it cannot read within an expression. A restarted server rejects such a release.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from cybilgraph.errors import FileDamaged, ReleaseBusy
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.files import ChecksumCache

#: The speed of the scan.
SCAN_BYTES_PER_SECOND = 8_000_000
_LOWEST_PRIORITY = 19
_GRAPH_DAMAGED_NOTE = (
    "Queries are still answered from the copy in memory. It cannot be loaded again from this file: if the process that "
    "holds it ends, this release can no longer answer queries"
)


class FileIntegrity:
    """The files known to be damaged. Thread-safe."""

    def __init__(self, on_event: Callable[[str], None], pause: float = 600.0) -> None:
        """Report findings to ``on_event``; ``pause`` is the time between two scans, in seconds."""
        self._on_event = on_event
        self._pause = pause
        self._known: set[tuple[int, str]] = set()

    def __len__(self) -> int:
        """Return the number of damaged files."""
        return len(self._known)

    def open(self, release: Release, name: str) -> BinaryIO:
        """Open a file to serve it.

        Raises FileDamaged with a message for the client, and ReleaseBusy if the release was just replaced.
        """
        try:
            file = release.open(name)
        except FileDamaged as error:
            if release.is_replaced():
                raise ReleaseBusy(f"Release {release.number} is being rebuilt", "Try again in a minute.") from error
            self._mark_damaged(release, name, error)
            raise FileDamaged(
                f"{name} of release {release.number} is damaged on the server's disk and cannot be used",
                f"Use another file (/release/{release.number}) or another release (/releases), and report this to the "
                "operator of the site. The server's log says what to do.",
            ) from error
        self._mark_intact(release, name)
        return file

    def has_damage(self, release: Release, names: Iterable[str]) -> bool:
        """Return whether any of these files of a release is known to be damaged."""
        return any((release.number, name) in self._known for name in names)

    def check(
        self, release: Release, after_block: Callable[[], object] = lambda: None, names: Iterable[str] | None = None
    ) -> None:
        """Verify all files of a release, or those with these names; call ``after_block`` after each block read."""
        for name in release.manifest["files"] if names is None else names:
            try:
                release.reread(name, after_block)
            except FileDamaged as error:
                if release.is_replaced():
                    return
                self._mark_damaged(release, release.served_name(name), error)
            else:
                self._mark_intact(release, release.served_name(name))

    def watch(self, releases: Callable[[], Iterable[Release]], stop: threading.Event) -> None:
        """Scan the files of releases repeatedly until ``stop`` is set, at the lowest thread priority."""
        with suppress(OSError):  # only Linux has priorities of threads
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        with suppress(_Stopped):
            while True:
                _wait(stop, self._pause)
                for release in releases():
                    self.check(release, partial(_wait, stop, ChecksumCache.BLOCK / SCAN_BYTES_PER_SECOND))

    def _mark_damaged(self, release: Release, name: str, error: FileDamaged) -> None:
        if (release.number, name) not in self._known:
            self._known.add((release.number, name))
            consequence = _GRAPH_DAMAGED_NOTE if name == GRAPH else "Other files are still served"
            self._on_event(f"{error.what}. {consequence}. {error.hint}")

    def _mark_intact(self, release: Release, name: str) -> None:
        if (release.number, name) in self._known:
            self._known.discard((release.number, name))
            self._on_event(f"{name} of release {release.number:04d} is intact again")


class _Stopped(Exception):
    """Raised when the server stops."""


def _wait(stop: threading.Event, seconds: float) -> None:
    if stop.wait(seconds):
        raise _Stopped
