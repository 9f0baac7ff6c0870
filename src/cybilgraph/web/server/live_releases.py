"""The open releases: the current one, and others that requests select by number.

One thread does all maintenance: it switches to a new current release without losing a request, and stops using a store
that can no longer be trusted.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cybilgraph.errors import QueryError, ReleaseError
from cybilgraph.release import Release, Releases
from cybilgraph.web.server.endpoint_monitor import EndpointMonitor
from cybilgraph.web.server.integrity import FileIntegrity
from cybilgraph.web.server.open_release import OpenRelease, ReleaseOpener
from cybilgraph.web.server.other_releases import OtherReleases

_MAINTENANCE_SECONDS = 1.0
#: The interval for verifying releases while none is intact, and the factor by which it exceeds the time that takes.
_RECOVERY_SECONDS, _RECOVERY_FACTOR = 5.0, 20
#: A replaced release is closed this long after the deadline of its last query.
_CLOSE_SECONDS = 10.0


class LiveReleases:
    """The current release, and others that requests select by number.

    If a new release cannot be opened, that is logged, and the last good one stays in use.
    """

    def __init__(self, releases: Releases, opener: ReleaseOpener, warm_seconds: float = math.inf) -> None:
        """Open the current release or, if it is damaged, the last good one.

        A new release is served once its cache is warm, or ``warm_seconds`` after its data is loaded.

        Raises ReleaseError; EndpointFailed and EngineUnavailable if the endpoint does not have the release.
        """
        self.releases = releases
        self._opener = opener
        self._warm_seconds = warm_seconds
        self._on_event = opener.on_event
        self.integrity = FileIntegrity(opener.on_event)
        self._others = OtherReleases(releases, opener)
        remote = opener.remote()
        self._monitor = EndpointMonitor(remote, releases.folder, opener.on_event) if remote else None
        #: The time limit of a query in seconds.
        self.timeout = opener.limits.timeout
        #: The disk space for unsent answers.
        self.budget = opener.limits.budget
        #: Functions to call every second.
        self.maintenance_tasks: list[Callable[[], object]] = []
        #: The last state of the folder that was acted upon: its current release is served, or was refused.
        self._handled = releases.current_version()
        #: A verified release that waits until the endpoint has it, with the state of the folder.
        self._verified: tuple[tuple[int, ...], Release] | None = None
        #: The last message about a release that cannot be served.
        self._last_problem = ""
        #: The release to switch to once its data is loaded and its cache is warm.
        self._next: OpenRelease | None = None
        #: Replaced releases that may still be answering queries, with the time to close them.
        self._replaced: list[tuple[float, OpenRelease]] = []
        self._next_recovery = 0.0
        self.current = self._open_now(releases.select_intact(self._on_event))
        self._stop = threading.Event()
        threading.Thread(target=self._maintain, daemon=True, name="maintenance").start()

    @property
    def is_warm(self) -> bool:
        """Whether the cache warm-up is complete or out of time; the release answers queries before that."""
        return self._next is None and self.current.warm_up.is_over

    @property
    def endpoint_difference(self) -> str:
        """A description of how the endpoint's data differ from the release; empty if they do not."""
        return self._monitor.difference if self._monitor else ""

    @contextmanager
    def opened(self, number: int) -> Iterator[OpenRelease]:
        """Open the release of a number (0: the current one) for the duration of a block.

        Raises ReleaseError, ReleaseGone, FileDamaged, and ReleaseBusy if too many other releases are in use.
        """
        current = self.current
        if number in (0, current.release.number):
            yield current
        else:
            with self._others.opened(number) as opened:
                yield opened

    def verified(self, number: int) -> Release:
        """Return a release with verified checksums. Raises ReleaseError, ReleaseGone, FileDamaged."""
        current = self.current.release
        return current if number == current.number else self._others.verified(number)

    def earlier(self, limit: int = 8) -> Iterator[Release]:
        """Yield the releases before the current one, newest first, at most ``limit``."""
        before = [number for number in self.releases.numbers if number < self.current.release.number]
        for number in before[: -limit - 1 : -1]:
            with suppress(ReleaseError):
                yield self.releases.get(number)

    def _maintain(self) -> None:
        while not self._stop.wait(_MAINTENANCE_SECONDS):
            tasks = (self._maintain_engines, self._check_store, self._refresh, self._switch_when_ready)
            for task in (*tasks, self._compare_endpoint, self._close_replaced, *self.maintenance_tasks):
                try:
                    task()
                except (ReleaseError, QueryError):  # logged, or repeated in a second
                    pass
                except Exception:  # the other tasks must go on
                    logging.getLogger("cybilgraph").exception("A maintenance task failed")

    def _maintain_engines(self) -> None:
        for opened in filter(None, (self.current, self._next)):
            opened.engine.maintain()
        self._others.maintain()

    def _compare_endpoint(self) -> None:
        if self._monitor:
            self._monitor.check(self.current)

    def _check_store(self) -> None:
        """If the store can no longer be trusted, refuse queries, and serve the nearest intact release instead."""
        if self._next and self._next.storage_problem:  # its data is damaged; the current release may still be intact
            self._on_event(f"{self._next.storage_problem}. It does not replace the release that is being served")
            self._next.close()
            self._next = None
        if not (problem := self.current.storage_problem):
            return
        if self.current.refuse_queries():
            self._on_event(f"{problem}. Its queries are refused until a release has been verified")
        began = time.monotonic()
        if began < self._next_recovery:
            return
        handled = self.releases.current_version()
        try:
            release = self.releases.select_intact(self._on_event)
        finally:
            now = time.monotonic()
            self._next_recovery = now + max(_RECOVERY_SECONDS, _RECOVERY_FACTOR * (now - began))
        self._switch_to(self._open_now(release))
        self._handled = handled

    def _refresh(self) -> None:
        """Open the release that the folder names as current, if that has changed.

        If it cannot be served, log that and keep the previous one.
        """
        served = self.current.release.number
        version = self.releases.current_version()
        number, _, manifest_mtime = version
        if version == self._handled or (number == served and not manifest_mtime):  # it is being replaced
            return
        try:
            number = self.releases.current_number()
            if not self._verified or self._verified[0] != version:
                release = self.releases.get(number)
                release.verify()
                self._verified = version, release
            opened = self._opener.open(self._verified[1])
        except ReleaseError as error:
            self._handled = version
            refused = f"Release {number:04d} is refused, {served:04d}" if number else f"Release {served:04d}"
            self._on_event(f"{refused} stays in use: {error.what}. {error.hint}")
            return
        except QueryError as error:  # the endpoint does not have it yet
            if self._last_problem != str(error):
                self._last_problem = str(error)
                self._on_event(f"Release {number:04d} is not served yet: {error}")
            return
        self._handled, self._verified = version, None
        self._prepare(opened)

    def _open_now(self, release: Release) -> OpenRelease:
        """Open a release to answer at once: from its disk while its data is loaded into memory, if that takes long."""
        opened = self._opener.open(release)
        if not self._opener.is_slow_to_load(opened):
            opened.start_warm_up(self._warm_seconds)
            return opened
        self._on_event(f"Release {release.number:04d} answers from the disk until it is loaded into memory")
        self._prepare(opened)
        return self._opener.open_on_disk(release, self._opener.limits.workers)

    def _prepare(self, opened: OpenRelease) -> None:
        """Warm up a release, to switch to it later."""
        if self._next:
            self._next.close()
        self._next = opened
        opened.start_warm_up(self._warm_seconds)

    def _switch_when_ready(self) -> None:
        """Switch to the next release when it is warm; when it is loaded, if the current one is slower or refused."""
        if not self._next:
            return
        can_switch_cold = self.current.release is self._next.release or self.current.engine.refusal_reason
        if (
            self._monitor  # the endpoint no longer has the previous release
            or self._next.warm_up.is_over
            or (can_switch_cold and not self._next.engine.trouble)
        ):
            opened, self._next = self._next, None
            self._switch_to(opened)

    def _switch_to(self, opened: OpenRelease) -> None:
        """Make this the current release; close the previous one when none of its queries can still be running."""
        previous, self.current = self.current, opened
        previous.warm_up.stop()
        self._replaced.append((time.monotonic() + self.timeout + _CLOSE_SECONDS, previous))
        self._on_event(f"Release {opened.release.number:04d} is now being served")

    def _close_replaced(self) -> None:
        now = time.monotonic()
        for due in [due for due in self._replaced if due[0] < now]:
            self._replaced.remove(due)
            due[1].close()

    def close(self) -> None:
        """Stop all workers."""
        self._stop.set()
        for opened in filter(None, (self.current, self._next, *(opened for _, opened in self._replaced))):
            opened.close()
        self._others.close()
