"""The releases that the server answers from: opens them, warms up their caches, and switches to new ones.

Switching to a new release loses no request.
"""

from __future__ import annotations

import gc
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cachetools import LRUCache

from cybilgraph.errors import FileDamaged, QueryError, ReleaseBusy, ReleaseError
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.release.search import SearchIndex
from cybilgraph.sparql.embedded_engine import EmbeddedEngine
from cybilgraph.sparql.endpoint_client import Credentials, Endpoint
from cybilgraph.sparql.pooled_engine import PooledEngine, ProcessExit, QueryLimits
from cybilgraph.sparql.remote_engine import RemoteEngine
from cybilgraph.sync.graph_store import find_difference, require_loaded
from cybilgraph.web.server.answer_cache import AnswerCache
from cybilgraph.web.server.integrity import FileIntegrity
from cybilgraph.web.server.render_queue import yield_turn
from cybilgraph.web.server.warmup import WarmUp

#: The interval for checking the current release number and for maintenance.
_CHECK_INTERVAL_SECONDS = 1.0
_DAMAGED_MESSAGE = "The data of release {} is damaged on the server's disk, so it cannot answer queries"
#: The interval for comparing the endpoint with its release; longer if a comparison takes long.
_COMPARE_INTERVAL_SECONDS = 60.0
#: The most earlier releases open at once; each has its own worker processes.
_MAX_EARLIER = 3
#: The longest time that a request waits for an earlier release to be opened.
_OPEN_SECONDS = 5.0
#: The number of releases remembered as verified; each is verified again if its manifest changes.
_MAX_VERIFIED = 64


@dataclass(frozen=True, slots=True)
class OpenRelease:
    """An open release with its engine, answer cache, search index and cache warm-up."""

    release: Release
    engine: PooledEngine
    answers: AnswerCache
    search: SearchIndex
    warm_up: WarmUp

    def close(self) -> None:
        """Stop the engine's workers and drop the cached answers."""
        self.warm_up.stop()
        self.engine.close()
        self.answers.clear()
        self.search.close()


@dataclass(slots=True)
class _Earlier:
    """An open earlier release, with the number of requests that use it."""

    serving: OpenRelease
    users: int = 0


class LiveReleases:
    """The current release, and earlier ones that requests select by number.

    If a new release cannot be opened, that is logged, and the last good one stays in use.
    """

    def __init__(
        self,
        releases: Releases,
        limits: QueryLimits,
        cache_bytes: int,
        on_event: Callable[[str], None],
        endpoint: str = "",
        credentials: str = "",
        warm_seconds: float = math.inf,
        look_seconds: float = 600.0,
        on_process_end: Callable[[ProcessExit], object] = lambda _: None,
    ) -> None:
        """Open the current release of ``releases``.

        ``cache_bytes`` limits the cached answers. If ``endpoint`` is given, it answers queries about the current
        release, with the credentials in the file ``credentials``. A new release is served once its cache is warm, or
        after ``warm_seconds``. ``look_seconds`` is the interval of file scans. ``on_event`` receives log messages,
        and ``on_process_end`` processes that ended unexpectedly.

        Raises ReleaseError; EndpointFailed and EngineUnavailable if the endpoint does not have the release.
        """
        self.releases = releases
        self._limits = limits
        self._cache_bytes = cache_bytes
        self._warm_seconds = warm_seconds
        self._on_event = on_event
        self._on_process_end = on_process_end
        self.integrity = FileIntegrity(on_event, look_seconds)
        self._credentials = credentials
        self._endpoint = Endpoint(endpoint, Credentials.of(credentials)) if endpoint else None
        #: A description of how the endpoint's data differ from the release; empty if they do not.
        self.endpoint_difference = ""
        self._next_endpoint_check = 0.0
        #: The last error logged about an endpoint that does not have the release.
        self._last_endpoint_error = ""
        self._earlier: OrderedDict[int, _Earlier] = OrderedDict()
        self._verified: LRUCache[int, tuple[int, Release]] = LRUCache(_MAX_VERIFIED)
        #: The time limit of a query in seconds.
        self.timeout = limits.timeout
        #: The disk space for unsent answers.
        self.budget = limits.budget
        self._opening, self._verify_lock, self._switch_lock = threading.Lock(), threading.Lock(), threading.Lock()
        #: Guards ``_earlier``; held only briefly, because the event loop acquires it too.
        self._unused = threading.Condition()
        self._stop = threading.Event()
        #: Replaced releases that may still be answering queries.
        self._closing: list[OpenRelease] = []
        #: Functions to call every second.
        self.maintenance_tasks: list[Callable[[], object]] = []
        first = releases.select_intact(on_event)
        #: The reason why no release is marked as current; empty if one is.
        named, self._missing_current = _current_release_number(releases)
        #: The number of a current release that was rejected as damaged.
        self._refused = named if named != first.number else 0
        self._manifest_mtime = releases.manifest_mtime(first.number)
        #: Number and manifest time of the release that was verified last.
        self._last_verified = (first.number, self._manifest_mtime)
        self.current = self._open(first)
        #: Set when the cache warm-up is complete or out of time; the release answers queries before that.
        self.warmed_up = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        threading.Thread(target=self._maintain, daemon=True).start()
        threading.Thread(target=self.integrity.watch, args=(self._verified_releases, self._stop), daemon=True).start()

    @contextmanager
    def opened(self, number: int) -> Iterator[OpenRelease]:
        """Open the release of a number (0: the current one) for the duration of a block.

        Raises ReleaseError, ReleaseGone, and ReleaseBusy if requests use the maximum number of earlier releases.
        """
        if number in (0, self.current.release.number):
            yield self.current
            return
        earlier = None
        try:
            with yield_turn():
                earlier = self._open_earlier(number)
            yield earlier.serving
        finally:
            if earlier:
                with self._unused:
                    earlier.users -= 1
                    self._unused.notify_all()

    def _open_earlier(self, number: int) -> _Earlier:
        """Open an earlier release and count the request as a user; may close the least recently used one."""
        release = self.verified(number)
        until = time.monotonic() + _OPEN_SECONDS
        if known := self._use(number, release):
            return known
        if not self._opening.acquire(timeout=_OPEN_SECONDS):
            raise _busy(number)
        try:
            if known := self._use(number, release):  # another request has opened it
                return known
            with self._unused:
                if not self._unused.wait_for(lambda: self._removable(number) is not None, until - time.monotonic()):
                    raise _busy(number)
                removed = [self._earlier.pop(one).serving for one in self._removable(number) or ()]
            for serving in removed:
                serving.close()
            serving = self._serving(
                release, self._embedded(release, replace(self._limits, workers=1, long_workers=1, store=0))
            )
            with self._unused:
                self._earlier[number] = earlier = _Earlier(serving, users=1)
            return earlier
        finally:
            self._opening.release()

    def _use(self, number: int, release: Release) -> _Earlier | None:
        """Count the request as a user of an open earlier release; return None if it is not open or was rebuilt."""
        with self._unused:
            known = self._earlier.get(number)
            if not known or known.serving.release is not release:
                return None
            known.users += 1
            self._earlier.move_to_end(number)
            return known

    def _removable(self, number: int) -> list[int] | None:
        """Return the releases to close before this one is opened; None if requests still use all of them."""
        if number in self._earlier:  # the version before it was rebuilt
            return None if self._earlier[number].users else [number]
        if len(self._earlier) < _MAX_EARLIER:
            return []
        return [one for one, earlier in self._earlier.items() if not earlier.users][:1] or None

    def verified(self, number: int) -> Release:
        """Return a release with verified checksums, to read its files without opening an engine.

        It is verified again only if its manifest changes. Raises ReleaseError, ReleaseGone.
        """
        if number == self.current.release.number:
            return self.current.release
        with yield_turn(), self._verify_lock:
            manifest_mtime = self.releases.manifest_mtime(number)
            known = self._verified.get(number)
            if not manifest_mtime or not known or known[0] != manifest_mtime:
                known = self._verified[number] = (manifest_mtime, self._verify(number))
            return known[1]

    def _verified_releases(self) -> list[Release]:
        """Return the releases whose files are served because they were verified once."""
        return [self.current.release, *(release for _, release in list(self._verified.values()))]

    def earlier(self, limit: int = 8) -> Iterator[Release]:
        """Yield the releases before the current one, newest first, at most ``limit``."""
        before = [number for number in self.releases.numbers if number < self.current.release.number]
        for number in before[: -limit - 1 : -1]:
            with suppress(ReleaseError):
                yield self.releases.get(number)

    def _verify(self, number: int) -> Release:
        try:
            release = self.releases.get(number)
            release.verify()
        except ReleaseError as error:
            if number not in self.releases.numbers:
                raise
            self._on_event(str(error))  # has paths, which are for the operator only
            raise FileDamaged(
                f"Release {number} is damaged and cannot answer queries", self.releases.list_available(excluded=number)
            ) from error
        return release

    def _open(self, release: Release) -> OpenRelease:
        """Open the current release. Raises EndpointFailed, EngineUnavailable."""
        if not self._endpoint:
            return self._serving(release, self._embedded(release, self._limits, release.folder / GRAPH))
        require_loaded(self._endpoint, release)
        url, checksum = self._endpoint.url, release.checksum(GRAPH)
        engine = RemoteEngine(
            *(url, self._limits),
            credentials=self._credentials,
            store=release.store,
            checksum=checksum,
            on_process_end=self._on_process_end,
        )
        return self._serving(release, engine)

    def _embedded(self, release: Release, limits: QueryLimits, graph: Path | None = None) -> EmbeddedEngine:
        return EmbeddedEngine(
            release.store, limits, graph=graph, checksum=release.checksum(GRAPH), on_process_end=self._on_process_end
        )

    def _serving(self, release: Release, engine: PooledEngine) -> OpenRelease:
        tag = f"{release.number}/{release.checksum(GRAPH)}/{engine.location}"
        self._on_event(f"Release {release.number:04d} is {engine.storage}")
        answers = AnswerCache(engine, tag, self._cache_bytes)
        warm_up = WarmUp(release, answers, self._on_event)
        return OpenRelease(release, engine, answers, SearchIndex(release.search), warm_up)

    def _warm(self, serving: OpenRelease) -> None:
        """Load the search index and warm up the answer cache."""
        serving.search.preload()
        serving.warm_up.run(self._warm_seconds)

    def _watch(self) -> None:
        with suppress(QueryError):
            self.check_endpoint()
        self._warm(self.current)
        _freeze_garbage_collector()
        self.warmed_up.set()
        self.current.warm_up.run_in_background()
        while not self._stop.wait(_CHECK_INTERVAL_SECONDS):
            with suppress(ReleaseError, QueryError):
                self.refresh()
            with suppress(QueryError):
                self.check_endpoint()

    def _maintain(self) -> None:
        """Every second, restart ended processes, check stores on disk and run the maintenance tasks."""
        while not self._stop.wait(_CHECK_INTERVAL_SECONDS):
            for serving in (self.current, *self._open_ones()):
                serving.engine.maintain()
                if serving.engine.reads_disk:
                    self._check_store(serving)
            for maintain in self.maintenance_tasks:
                maintain()

    def _check_store(self, serving: OpenRelease) -> None:
        """Verify the store on disk if its files have changed or a worker has reported a failed read.

        For an engine that has lost its store in memory, verify the graph file that it would be loaded from. If they
        are damaged, the engine refuses all queries.
        """
        release, engine = serving.release, serving.engine
        has_lost_store = engine.has_lost_store
        names = [GRAPH] if has_lost_store else release.store_files
        is_suspect = (engine.is_suspect and not engine.is_recently_verified) or (
            has_lost_store and not engine.refusal_reason
        )
        message = _DAMAGED_MESSAGE.format(release.number)
        if is_suspect or not release.is_unchanged(names):
            engine.is_suspect, was_damaged = False, self.integrity.has_damage(release, names)
            began = time.monotonic()
            self.integrity.check(release, names=names)
            if not self.integrity.has_damage(release, names):
                if was_damaged or has_lost_store:  # open it again: workers may use the damaged files, or are gone
                    self._manifest_mtime, self._refused, self._last_verified = 0, 0, (0, 0)
                else:
                    engine.mark_verified(time.monotonic() - began)
        if self.integrity.has_damage(release, names) and engine.refuse(message):
            self._on_event(f"{message}: {self._handle_damage(serving)}")

    def _handle_damage(self, serving: OpenRelease) -> str:
        """Stop using a release whose data is damaged, and return a description of what was done."""
        number = serving.release.number
        serving.answers.clear()  # some may come from the damaged data
        if serving is not self.current:
            with self._unused:
                if number in self._earlier and self._earlier[number].serving is serving:
                    del self._earlier[number]
                self._unused.notify_all()
            with self._verify_lock:
                self._verified.pop(number, None)  # the next request verifies it again
            serving.close()  # its engine already refuses all queries
            return "the next request for it checks it again"
        if not serving.engine.refusal_reason:
            return "queries are answered from memory, except those that call other endpoints"
        with self._switch_lock:
            try:
                release = self.releases.select_intact(self._on_event)
            except ReleaseError:
                release = serving.release
            if self.current is not serving or release.number == number:
                return "no queries are answered until there is an intact release"
            self._refused = number
            replacement = self._open(release)
            self._switch_to(release, replacement)
            replacement.warm_up.run_in_background()
            return f"release {release.number:04d} is served instead"

    def check_endpoint(self) -> None:
        """Periodically compare the endpoint with its release, since nothing else reveals changes to its store.

        Log changes of the result, and drop the cached answers. Raises EndpointFailed, EngineUnavailable.
        """
        began = time.monotonic()
        if not self._endpoint or began < self._next_endpoint_check:
            return
        release, difference_now = self.current.release, self.endpoint_difference
        try:
            require_loaded(self._endpoint, release)
            difference_now = find_difference(self._endpoint, release)
        finally:
            # Check more often while there is a difference: the operator who repairs it is waiting for the result.
            pause, times = (_CHECK_INTERVAL_SECONDS, 2) if difference_now else (_COMPARE_INTERVAL_SECONDS, 100)
            now = time.monotonic()
            self._next_endpoint_check = now + max(pause, times * (now - began))
        if difference_now != self.endpoint_difference:
            self.endpoint_difference = difference_now
            self.current.answers.clear()
            self._on_event(
                f"{self._endpoint.url} differs from release {release.number:04d}: {difference_now}. Its answers "
                f"may be wrong. Load the release again: "
                f"cybilgraph load {self.releases.folder} --endpoint {self._endpoint.url} --resend"
                if difference_now
                else f"{self._endpoint.url} matches release {release.number:04d} again"
            )

    def refresh(self) -> bool:
        """Switch to the current release; return whether it changed.

        Raises ReleaseError if it cannot be served, EndpointFailed and EngineUnavailable if the endpoint does not
        have it yet; the previous one stays in use then.
        """
        with self._switch_lock:
            return self._refresh()

    def _refresh(self) -> bool:
        number, missing_current = _current_release_number(self.releases)
        if missing_current != self._missing_current:
            self._missing_current = missing_current
            if missing_current:
                self._on_event(f"Release {self.current.release.number:04d} stays in use: {missing_current}")
        manifest_mtime = self.releases.manifest_mtime(number)
        if (
            missing_current
            or number == self._refused
            or (number == self.current.release.number and manifest_mtime in (0, self._manifest_mtime))
        ):
            return False
        try:
            release = self.releases.get(number)
            if self._last_verified != (number, manifest_mtime):  # verify only once while waiting for the endpoint
                release.verify()
                self._last_verified = (number, manifest_mtime)
        except ReleaseError as error:
            self._refused = number
            served = self.current.release.number
            self._on_event(f"Release {number:04d} is refused, {served:04d} stays in use: {error.what}. {error.hint}")
            raise
        try:
            serving = self._open(release)
        except QueryError as error:
            if self._last_endpoint_error != str(error):
                self._last_endpoint_error = str(error)
                self._on_event(f"Release {number:04d} is not served yet: {error}")
            raise
        # If the previous release cannot answer any more (the endpoint has replaced it, or it is damaged), switch
        # before the cache is warm.
        switch_first = bool(self._endpoint or self.current.engine.refusal_reason)
        if not switch_first:
            self._warm(serving)
        self._switch_to(release, serving)
        if switch_first:
            self._warm(serving)
        _freeze_garbage_collector()
        serving.warm_up.run_in_background()
        return True

    def _switch_to(self, release: Release, serving: OpenRelease) -> None:
        """Make this the current release, and close the previous one later."""
        before, self.current, self._manifest_mtime = self.current, serving, self.releases.manifest_mtime(release.number)
        self._on_event(f"Release {release.number:04d} is now being served")
        before.warm_up.stop()
        self._close_later(before)

    def _close_later(self, serving: OpenRelease) -> None:
        """Close a release when none of its queries can still be running."""
        timer = threading.Timer(self._limits.timeout + 10, self._close_now, (serving,))
        timer.daemon = True
        self._closing.append(serving)
        timer.start()

    def _close_now(self, serving: OpenRelease) -> None:
        serving.close()
        with suppress(ValueError):  # ``close`` has already closed it
            self._closing.remove(serving)

    def close(self) -> None:
        """Stop all workers."""
        self._stop.set()
        for serving in (self.current, *self._open_ones(), *self._closing):
            serving.close()

    def _open_ones(self) -> list[OpenRelease]:
        """Return the open earlier releases."""
        with self._unused:
            return [earlier.serving for earlier in self._earlier.values()]


def _busy(number: int) -> ReleaseBusy:
    what = f"Release {number} cannot be opened now, because other earlier releases are in use"
    return ReleaseBusy(what, "Try again in a few seconds, or use the current release.")


def _freeze_garbage_collector() -> None:
    """Exclude all present objects from garbage collection.

    They live as long as the release, and scanning them takes a tenth of a second or more, which blocks all requests.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _current_release_number(releases: Releases) -> tuple[int, str]:
    """Return the number of the current release, or 0 and the reason, with a hint, why there is none."""
    try:
        return releases.current_number(), ""
    except ReleaseError as error:
        return 0, f"{error.what}. {error.hint}"
