"""Files that are damaged under a running server: they are not sent, and told of once; all others are.

Who asks for a file finds what has been written to it since; what only the disk has changed is found by reading
all files again, one at a time, at leisure. Indexes that are found so are told of, and asked on; so is what is in
memory, which is as good as before, until it is lost: it is not loaded again from what is damaged, and nothing is
answered any more. Nothing is from a store on disk: its engine leaves out what it cannot read in an expression. A
server that is started anew refuses such a release.
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

#: Bytes that are read in a second.
_SCAN_BYTES_PER_SECOND = 8_000_000
_LOWEST_PRIORITY = 19
_GRAPH_DAMAGED_NOTE = (
    "What was loaded into memory from it before is answered from on, and it is not loaded again as it is: should the "
    "process that has it in memory end, nothing more is answered from this release"
)


class FileIntegrity:
    """What is known to be damaged. Safe for threads."""

    def __init__(self, on_event: Callable[[str], None], pause: float = 600.0) -> None:
        """What is found is ``on_event``. Between two looks at all files are ``pause`` seconds."""
        self._on_event = on_event
        self._pause = pause
        self._known: set[tuple[int, str]] = set()

    def __len__(self) -> int:
        """How many files are damaged now."""
        return len(self._known)

    def open(self, release: Release, name: str) -> BinaryIO:
        """A file that is served. Raises FileDamaged, in words for who asked for it, and ReleaseBusy where the whole
        release has just been made anew.
        """
        try:
            file = release.open(name)
        except FileDamaged as error:
            if release.is_replaced():
                raise ReleaseBusy(f"Release {release.number} is being made anew", "Ask again in a minute.") from error
            self._mark_damaged(release, name, error)
            raise FileDamaged(
                f"{name} of release {release.number} is damaged on the disk of the server, and is not used",
                f"Take another file of it (/release/{release.number}) or another release (/releases), "
                "and tell who runs this site, to whom its log says what to do.",
            ) from error
        self._mark_intact(release, name)
        return file

    def has_damage(self, release: Release, names: Iterable[str]) -> bool:
        """Whether any of these files of a release is known to be damaged."""
        return any((release.number, name) in self._known for name in names)

    def check(
        self, release: Release, after_block: Callable[[], object] = lambda: None, names: Iterable[str] | None = None
    ) -> None:
        """Read all files of a release again, or those of these names; ``after_block`` is called after each block."""
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
        """Look at releases again and again until told to ``stop``, by a thread that lets all others go first."""
        with suppress(OSError):  # of threads, only Linux knows this
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        with suppress(_Stopped):
            while True:
                _wait(stop, self._pause)
                for release in releases():
                    self.check(release, partial(_wait, stop, ChecksumCache.BLOCK / _SCAN_BYTES_PER_SECOND))

    def _mark_damaged(self, release: Release, name: str, error: FileDamaged) -> None:
        if (release.number, name) not in self._known:
            self._known.add((release.number, name))
            means = _GRAPH_DAMAGED_NOTE if name == GRAPH else "Other files are served on"
            self._on_event(f"{error.what}. {means}. {error.hint}")

    def _mark_intact(self, release: Release, name: str) -> None:
        if (release.number, name) in self._known:
            self._known.discard((release.number, name))
            self._on_event(f"{name} of release {release.number:04d} is what was built again")


class _Stopped(Exception):
    """The server is about to end."""


def _wait(stop: threading.Event, seconds: float) -> None:
    if stop.wait(seconds):
        raise _Stopped
