"""The open releases: the current one, and others that requests select by number.

One thread does all maintenance: it switches to a new current release without losing a request, and stops using a store
that can no longer be trusted.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from cachetools import LRUCache

from cybilgraph.errors import FileDamaged, QueryError, ReleaseBusy, ReleaseError
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.release import Release, Releases
from cybilgraph.sync.graph_store import find_difference, require_loaded
from cybilgraph.web.server.open_release import OpenRelease, ReleaseOpener
from cybilgraph.web.server.render_queue import yield_turn

_MAINTENANCE_SECONDS = 1.0
#: The interval for verifying releases while none is intact, and the factor by which it exceeds the time that takes.
_RECOVERY_SECONDS, _RECOVERY_FACTOR = 5.0, 20
#: The same for comparing the endpoint with the release.
_COMPARISON_SECONDS, _COMPARISON_FACTOR = 60.0, 100
#: The same while there is a difference: the operator who repairs it is waiting for the result.
_REPAIR_SECONDS, _REPAIR_FACTOR = 1.0, 2
#: A replaced release is closed this long after the deadline of its last query.
_CLOSE_SECONDS = 10.0
#: The most earlier releases open at once; each has its own worker processes.
_MAX_OPEN = 3
#: The most releases that ``earlier`` yields.
_MAX_EARLIER = 8
#: The number of releases remembered as verified; each is verified again if its manifest changes.
_MAX_VERIFIED = 64


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
        self._others = _OtherReleases(releases, opener)
        self._endpoint = opener.remote()
        self._next_comparison = 0.0
        #: A description of how the endpoint's data differ from the release; empty if they do not.
        self.endpoint_difference = ""
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
        self._compare_reference()
        self._stop = threading.Event()
        threading.Thread(target=self._maintain, daemon=True, name="maintenance").start()

    @property
    def is_warm(self) -> bool:
        """Whether the cache warm-up is complete or out of time; the release answers queries before that."""
        return self._next is None and self.current.warm_up.is_over

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

    def earlier(self) -> Iterator[Release]:
        """Yield some releases before the current one, newest first."""
        before = [number for number in self.releases.numbers if number < self.current.release.number]
        for number in reversed(before[-_MAX_EARLIER:]):
            with suppress(ReleaseError):
                yield self.releases.get(number)

    def _maintain(self) -> None:
        tasks = (
            *(self._maintain_engines, self._check_store, self._refresh, self._switch_when_ready),
            *(self._compare_endpoint, self._close_replaced),
        )
        while not self._stop.wait(_MAINTENANCE_SECONDS):
            for task in (*tasks, *self.maintenance_tasks):
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
        """Compare the endpoint with the release if that is due, since nothing else reveals changes.

        If the result changes, log it and drop the cached answers.
        """
        opened, endpoint, difference = self.current, self._endpoint, self.endpoint_difference
        began = time.monotonic()
        if not endpoint or began < self._next_comparison:
            return
        try:
            require_loaded(endpoint, opened.release)
            difference = find_difference(endpoint, opened.release)
        finally:
            if difference:
                self._next_comparison = _next_time(began, _REPAIR_SECONDS, _REPAIR_FACTOR)
            else:
                self._next_comparison = _next_time(began, _COMPARISON_SECONDS, _COMPARISON_FACTOR)
        if difference == self.endpoint_difference:
            return
        self.endpoint_difference = difference
        opened.answers.clear()
        name = f"release {opened.release.number:04d}"
        self._on_event(
            f"{endpoint.url} differs from {name}: {difference}. Its answers may be wrong. Load the release again: "
            f"cybilgraph load {self.releases.folder} --endpoint {endpoint.url} --resend"
            if difference
            else f"{endpoint.url} matches {name} again"
        )

    def _check_store(self) -> None:
        """Refuse queries if the store can no longer be trusted, and serve the nearest intact release instead."""
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
            self._next_recovery = _next_time(began, _RECOVERY_SECONDS, _RECOVERY_FACTOR)
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
            self._endpoint  # it no longer has the previous release
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
        self._compare_reference()

    def _compare_reference(self) -> None:
        """Log if the release was built with other reference data than this process has."""
        release = self.current.release
        if release.reference() != {path.name: text for path, text in load_gazetteer().overlay.items()}:
            self._on_event(
                f"Release {release.number:04d} was built with other reference data than the server has loaded. Restart "
                "the server, so that checks and searches use them, too"
            )

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


def _next_time(began: float, least_pause: float, factor: float) -> float:
    """Return when to repeat a task: after a pause that exceeds the time it took by a factor."""
    now = time.monotonic()
    return now + max(least_pause, factor * (now - began))


@dataclass(slots=True)
class _InUse:
    """An open release, with the number of requests that use it."""

    opened: OpenRelease
    users: int = 0


class _OtherReleases:
    """A few releases, verified and opened on demand; the least recently used one is closed to open another.

    Thread-safe.
    """

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

        It is verified again only if its manifest changes.
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
        """Open a release for the duration of a block, and count the request as a user."""
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
        what = "The release cannot be opened now, because all open releases are in use"
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
        for used in list(self._open.values()):
            used.opened.close()


class FileIntegrity:
    """Opens files of releases to send them, and refuses those that are damaged; each of these is logged once.

    Checksums are verified when a release is opened. Before a file is sent, its size and times are compared with those
    at that moment; a file that has changed since then is read again, and sent only if its checksum is still right.
    """

    def __init__(self, on_event: Callable[[str], None]) -> None:
        """Report findings to ``on_event``."""
        self._on_event = on_event
        self._damaged: set[tuple[int, str]] = set()

    def __len__(self) -> int:
        """Return the number of damaged files."""
        return len(self._damaged)

    def open(self, release: Release, name: str) -> BinaryIO:
        """Open a file to serve it.

        Raises FileDamaged with a message for the client, and ReleaseBusy if the release was just replaced.
        """
        key = release.number, name
        try:
            file = release.open(name)
        except FileDamaged as error:
            if release.is_replaced():
                raise ReleaseBusy(f"Release {release.number} is being rebuilt", "Try again in a minute.") from error
            if key not in self._damaged:
                self._damaged.add(key)
                self._on_event(f"{error.what}. Other files are still served. {error.hint}")
            raise FileDamaged(
                f"{name} of release {release.number} is damaged on the server's disk and cannot be used",
                f"Use another file (/release/{release.number}) or another release (/releases), and report this to the "
                "operator of the site. The server's log says what to do.",
            ) from error
        if key in self._damaged:
            self._damaged.discard(key)
            self._on_event(f"{name} of release {release.number:04d} is intact again")
        return file
