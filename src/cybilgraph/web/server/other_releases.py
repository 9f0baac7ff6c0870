"""The releases before or after the current one that requests select by number, verified and opened on demand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cachetools import LRUCache

from cybilgraph.errors import FileDamaged, ReleaseBusy, ReleaseError
from cybilgraph.release import Release, Releases
from cybilgraph.web.server.open_release import OpenRelease, ReleaseOpener
from cybilgraph.web.server.render_queue import yield_turn

#: The most earlier releases open at once; each has its own worker processes.
_MAX_OPEN = 3
#: The number of releases remembered as verified; each is verified again if its manifest changes.
_MAX_VERIFIED = 64


@dataclass(slots=True)
class _InUse:
    """An open release, with the number of requests that use it."""

    opened: OpenRelease
    users: int = 0


class OtherReleases:
    """A few open releases; the least recently used one is closed to open another. Thread-safe."""

    def __init__(self, releases: Releases, opener: ReleaseOpener) -> None:
        self._releases = releases
        self._opener = opener
        self._verified: LRUCache[int, tuple[int, Release]] = LRUCache(_MAX_VERIFIED)
        self._open: OrderedDict[int, _InUse] = OrderedDict()
        #: Held while a release is verified or opened, so that this happens once.
        self._lock = threading.RLock()
        #: Guards the numbers of users; held only briefly, because the event loop acquires it too.
        self._counting = threading.Lock()

    def verified(self, number: int) -> Release:
        """Return a release with verified checksums, without opening an engine.

        It is verified again only if its manifest changes. Raises ReleaseError, ReleaseGone, FileDamaged.
        """
        with yield_turn(), self._lock:
            manifest_mtime = self._releases.manifest_mtime(number)
            known = self._verified.get(number)
            if not manifest_mtime or not known or known[0] != manifest_mtime:
                known = self._verified[number] = (manifest_mtime, self._verify(number))
            return known[1]

    def _verify(self, number: int) -> Release:
        try:
            release = self._releases.get(number)
            release.verify()
        except ReleaseError as error:
            if number not in self._releases.numbers:
                raise
            self._opener.on_event(str(error))  # has paths, which are for the operator only
            raise FileDamaged(
                f"Release {number} is damaged and cannot answer queries", self._releases.list_available(excluded=number)
            ) from error
        return release

    @contextmanager
    def opened(self, number: int) -> Iterator[OpenRelease]:
        """Open a release for the duration of a block.

        Raises ReleaseError, ReleaseGone, FileDamaged, and ReleaseBusy if requests use the maximum number of releases.
        """
        used = None
        try:
            with yield_turn(), self._lock:
                used = self._acquire(self.verified(number))
            yield used.opened
        finally:
            if used:
                with self._counting:
                    used.users -= 1

    def _acquire(self, release: Release) -> _InUse:
        """Return a release that is open, or open it, and count the request as a user. Raises ReleaseBusy."""
        number = release.number
        used = self._open.get(number)
        if used and used.opened.release is not release:  # it was rebuilt
            self._close_one([number])
        elif not used and len(self._open) >= _MAX_OPEN:
            self._close_one(list(self._open))
        if number not in self._open:
            self._open[number] = _InUse(self._opener.open_on_disk(release))
        self._open.move_to_end(number)
        with self._counting:
            self._open[number].users += 1
        return self._open[number]

    def _close_one(self, numbers: list[int]) -> None:
        """Close the first of these releases that no request uses. Raises ReleaseBusy."""
        for number in numbers:
            if not self._open[number].users:
                self._open.pop(number).opened.close()
                return
        what = "The release cannot be opened now, because requests use the releases that are open"
        raise ReleaseBusy(what, "Try again in a few seconds, or use the current release.")

    def maintain(self) -> None:
        """Replace ended processes, and close releases whose store can no longer be trusted."""
        with self._lock:
            for number, used in list(self._open.items()):
                used.opened.engine.maintain()
                if problem := used.opened.storage_problem:
                    del self._open[number]
                    self._verified.pop(number, None)
                    used.opened.refuse_queries()
                    used.opened.close()
                    self._opener.on_event(f"{problem}. The next request for it verifies its checksums")

    def close(self) -> None:
        """Stop all workers."""
        for used in list(self._open.values()):
            used.opened.close()
