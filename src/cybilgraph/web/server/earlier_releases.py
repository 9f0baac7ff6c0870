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
#: The longest time that a request waits for an earlier release to be opened.
_OPEN_SECONDS = 5.0
#: The number of releases remembered as verified; each is verified again if its manifest changes.
_MAX_VERIFIED = 64


@dataclass(slots=True)
class _InUse:
    """An open release, with the number of requests that use it."""

    opened: OpenRelease
    users: int = 0


class EarlierReleases:
    """A few open releases; the least recently used one is closed to open another. Thread-safe."""

    def __init__(self, releases: Releases, opener: ReleaseOpener) -> None:
        self._releases = releases
        self._opener = opener
        self._verified: LRUCache[int, tuple[int, Release]] = LRUCache(_MAX_VERIFIED)
        self._verify_lock = threading.Lock()
        self._open: OrderedDict[int, _InUse] = OrderedDict()
        self._is_opening = False
        #: Guards ``_open`` and ``_is_opening``; held only briefly, because the event loop acquires it too.
        self._changed = threading.Condition()

    def verified(self, number: int) -> Release:
        """Return a release with verified checksums, without opening an engine.

        It is verified again only if its manifest changes. Raises ReleaseError, ReleaseGone, FileDamaged.
        """
        with yield_turn(), self._verify_lock:
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
            with yield_turn():
                used = self._acquire(self.verified(number))
            yield used.opened
        finally:
            if used:
                with self._changed:
                    used.users -= 1
                    self._changed.notify_all()

    def _acquire(self, release: Release) -> _InUse:
        """Return a release that is open, or open it, and count the request as a user."""
        number = release.number

        def can_proceed() -> bool:
            return self._is_open(release) or (not self._is_opening and self._removable(number) is not None)

        with self._changed:
            if not self._changed.wait_for(can_proceed, _OPEN_SECONDS):
                what = f"Release {number} cannot be opened now, because other earlier releases are in use"
                raise ReleaseBusy(what, "Try again in a few seconds, or use the current release.")
            if self._is_open(release):
                used = self._open[number]
                used.users += 1
                self._open.move_to_end(number)
                return used
            removed = [self._open.pop(one) for one in self._removable(number) or ()]
            self._is_opening = True
        try:
            for one in removed:
                one.opened.close()
            used = _InUse(self._opener.open_on_disk(release), users=1)
            with self._changed:
                self._open[number] = used
            return used
        finally:
            with self._changed:
                self._is_opening = False
                self._changed.notify_all()

    def _is_open(self, release: Release) -> bool:
        used = self._open.get(release.number)
        return used is not None and used.opened.release is release  # otherwise it was rebuilt or verified again

    def _removable(self, number: int) -> list[int] | None:
        """Return the releases to close before this one is opened; None if requests still use all of them."""
        if number in self._open:  # the version before it was rebuilt
            return None if self._open[number].users else [number]
        if len(self._open) < _MAX_OPEN:
            return []
        return [one for one, used in self._open.items() if not used.users][:1] or None

    def maintain(self) -> None:
        """Replace ended processes, and close releases whose store can no longer be trusted."""
        with self._changed:
            all_open = list(self._open.items())
        for number, used in all_open:
            used.opened.engine.maintain()
            if not (problem := used.opened.storage_problem):
                continue
            used.opened.refuse_queries()
            with self._changed:
                if self._open.get(number) is used:
                    del self._open[number]
                self._changed.notify_all()
            with self._verify_lock:
                self._verified.pop(number, None)
            self._opener.on_event(f"{problem}. It is closed; the next request for it verifies its checksums")
            used.opened.close()

    def close(self) -> None:
        """Stop all workers."""
        with self._changed:
            all_open = list(self._open.values())
        for used in all_open:
            used.opened.close()
