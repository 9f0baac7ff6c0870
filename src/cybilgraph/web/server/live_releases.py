"""The release that is served: opened, made warm, and changed for the next one without a request being lost."""

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
from cybilgraph.sparql.embedded import EmbeddedEngine
from cybilgraph.sparql.endpoint import Credentials, Endpoint
from cybilgraph.sparql.pooled import PooledEngine, ProcessExit, QueryLimits
from cybilgraph.sparql.remote import RemoteEngine
from cybilgraph.sync.graph_store import find_difference, require_loaded
from cybilgraph.web.server.answer_cache import AnswerCache
from cybilgraph.web.server.integrity import FileIntegrity
from cybilgraph.web.server.render_queue import yield_turn
from cybilgraph.web.server.warmup import WarmUp

#: Seconds between looks at which release is current, and at what all that is served is in need of.
_CHECK_INTERVAL_SECONDS = 1.0
_DAMAGED_MESSAGE = "The data of release {} is damaged on the disk of the server, and nothing is answered from it"
#: Seconds between two looks at whether the endpoint has what its release has; more where a look takes long.
_COMPARE_INTERVAL_SECONDS = 60.0
#: Earlier releases that are open at once: each has worker processes of its own.
_MAX_EARLIER = 3
#: Seconds that a request waits for an earlier release to be opened.
_OPEN_SECONDS = 5.0
#: Releases whose checksums are not verified again while their manifests stay the same.
_MAX_VERIFIED = 64


@dataclass(frozen=True, slots=True)
class OpenRelease:
    """One release, the engine over it, and the answers that are kept."""

    release: Release
    engine: PooledEngine
    answers: AnswerCache
    search: SearchIndex
    warm_up: WarmUp

    def close(self) -> None:
        """End the engine's workers, and drop the answers."""
        self.warm_up.stop()
        self.engine.close()
        self.answers.clear()
        self.search.close()


@dataclass(slots=True)
class _Earlier:
    """An earlier release that is open, and how many requests use it."""

    serving: OpenRelease
    users: int = 0


class LiveReleases:
    """What the application serves now, and earlier releases that are asked for by number.

    A release that cannot be opened is told of, and the last good one goes on being served.
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
        """``cache_bytes`` bounds the answers that are kept; events go to ``on_event``. The current release is asked at
        the ``endpoint``, if one is given, with the ``credentials`` of a file; a new one is served once it is warm,
        or has had so many seconds for that. Between two looks at all files are ``look_seconds``. Of processes that
        have ``on_process_end`` unasked, that is told.

        Raises ReleaseError; EndpointFailed and EngineUnavailable where the endpoint does not hold the release.
        """
        #: Where the releases are.
        self.releases = releases
        self._limits = limits
        self._cache_bytes = cache_bytes
        self._warm_seconds = warm_seconds
        self._on_event = on_event
        self._on_process_end = on_process_end
        #: What is damaged of the files.
        self.integrity = FileIntegrity(on_event, look_seconds)
        self._credentials = credentials
        self._endpoint = Endpoint(endpoint, Credentials.of(credentials)) if endpoint else None
        #: How the endpoint is different from the release that it says to hold, in words.
        self.endpoint_difference = ""
        self._next_endpoint_check = 0.0
        #: What was told last of an endpoint that does not hold the release.
        self._last_endpoint_error = ""
        self._earlier: OrderedDict[int, _Earlier] = OrderedDict()
        self._verified: LRUCache[int, tuple[int, Release]] = LRUCache(_MAX_VERIFIED)
        #: Seconds that a query may take at most.
        self.timeout = limits.timeout
        #: What answers may take until they have been sent.
        self.budget = limits.budget
        self._opening, self._verify_lock, self._switch_lock = threading.Lock(), threading.Lock(), threading.Lock()
        #: Guards ``_earlier``, for moments only: an event loop takes it, too.
        self._unused = threading.Condition()
        self._stop = threading.Event()
        #: What is served no more, and may still have queries under way.
        self._closing: list[OpenRelease] = []
        #: What else is to be done each second.
        self.maintenance_tasks: list[Callable[[], object]] = []
        first = releases.select_intact(on_event)
        #: Why no release is named as the current one, if none is.
        named, self._missing_current = _current_release_number(releases)
        #: The number of a release that is current, and damaged.
        self._refused = named if named != first.number else 0
        self._manifest_mtime = releases.manifest_mtime(first.number)
        #: The release that was found whole last: its number, and when it was made.
        self._last_verified = (first.number, self._manifest_mtime)
        self.current = self._open(first)
        #: Set when what most will ask for is there, or has had its seconds; the release answers before.
        self.warmed_up = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        threading.Thread(target=self._maintain, daemon=True).start()
        threading.Thread(target=self.integrity.watch, args=(self._verified_releases, self._stop), daemon=True).start()

    @contextmanager
    def opened(self, number: int) -> Iterator[OpenRelease]:
        """The release of a number (0: the current one), which stays open until the block ends.

        Raises ReleaseError, ReleaseGone, and ReleaseBusy where requests use all earlier releases that may be open.
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
        """An earlier release with one user more; the least recently used one is closed for it."""
        release = self.verified(number)
        until = time.monotonic() + _OPEN_SECONDS
        if known := self._use(number, release):
            return known
        if not self._opening.acquire(timeout=_OPEN_SECONDS):
            raise _busy(number)
        try:
            if known := self._use(number, release):  # opened meanwhile
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
        """An earlier release that is open, with one user more; None where it is not, or was built again since."""
        with self._unused:
            known = self._earlier.get(number)
            if not known or known.serving.release is not release:
                return None
            known.users += 1
            self._earlier.move_to_end(number)
            return known

    def _removable(self, number: int) -> list[int] | None:
        """Which releases to close before this one is opened; None where requests still use all of them."""
        if number in self._earlier:  # as it was before it was built again
            return None if self._earlier[number].users else [number]
        if len(self._earlier) < _MAX_EARLIER:
            return []
        return [one for one, earlier in self._earlier.items() if not earlier.users][:1] or None

    def verified(self, number: int) -> Release:
        """A release whose files are to be read, and nothing asked of; its checksums are looked at once, and
        again when its manifest has changed. Raises ReleaseError, ReleaseGone.
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
        """The releases whose files are served from memory of what they were: they were looked at once."""
        return [self.current.release, *(release for _, release in list(self._verified.values()))]

    def earlier(self, limit: int = 8) -> Iterator[Release]:
        """The releases before the current one that are kept, newest first."""
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
            self._on_event(str(error))  # which tells of files, and is for who runs the server
            raise FileDamaged(
                f"Release {number} is damaged, and nothing is answered from it",
                self.releases.list_available(excluded=number),
            ) from error
        return release

    def _open(self, release: Release) -> OpenRelease:
        """The current release. Raises EndpointFailed, EngineUnavailable."""
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
        """Have the answers that most will ask for, before the first one asks."""
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
        """Each second, begin anew what has ended, and look after what is answered from the disk."""
        while not self._stop.wait(_CHECK_INTERVAL_SECONDS):
            for serving in (self.current, *self._open_ones()):
                serving.engine.maintain()
                if serving.engine.reads_disk:
                    self._check_store(serving)
            for maintain in self.maintenance_tasks:
                maintain()

    def _check_store(self, serving: OpenRelease) -> None:
        """Have what is answered from on the disk read again, now, if somebody has written to it, or a worker gave
        reason to doubt it: the store, or for an engine that has lost what it had in memory the graph. From what is
        damaged nothing is answered.
        """
        release, engine = serving.release, serving.engine
        has_lost_store = engine.has_lost_store
        names = [GRAPH] if has_lost_store else release.store_files
        is_suspect = (engine.is_suspect and not engine.is_recently_verified) or (
            has_lost_store and not engine.refusal_reason
        )
        what = _DAMAGED_MESSAGE.format(release.number)
        if is_suspect or not release.is_unchanged(names):
            engine.is_suspect, was_damaged = False, self.integrity.has_damage(release, names)
            began = time.monotonic()
            self.integrity.check(release, names=names)
            if not self.integrity.has_damage(release, names):
                if was_damaged or has_lost_store:  # its workers may still have open what was there, or are gone
                    self._manifest_mtime, self._refused, self._last_verified = 0, 0, (0, 0)
                else:
                    engine.mark_verified(time.monotonic() - began)
        if self.integrity.has_damage(release, names) and engine.refuse(what):
            self._on_event(f"{what}: {self._handle_damage(serving)}")

    def _handle_damage(self, serving: OpenRelease) -> str:
        """What is done now that what a release is answered from is damaged, in words."""
        number = serving.release.number
        serving.answers.clear()  # some may have been made of what was damaged already
        if serving is not self.current:
            with self._unused:
                if number in self._earlier and self._earlier[number].serving is serving:
                    del self._earlier[number]
                self._unused.notify_all()
            with self._verify_lock:
                self._verified.pop(number, None)  # who asks for it next has it looked at, and is told
            serving.close()  # its engine refuses all queries already
            return "it is looked at again when it is asked for"
        if not serving.engine.refusal_reason:
            return "all but queries that call other endpoints are answered from memory"
        with self._switch_lock:
            try:
                release = self.releases.select_intact(self._on_event)
            except ReleaseError:
                release = serving.release
            if self.current is not serving or release.number == number:
                return "no query is answered until there is a good one"
            self._refused = number
            instead = self._open(release)
            self._switch_to(release, instead)
            instead.warm_up.run_in_background()
            return f"release {release.number:04d} is served instead"

    def check_endpoint(self) -> None:
        """Now and then, hold the endpoint against its release: who changes its store is not seen otherwise.

        What is found is told, and what was answered until then is forgotten. Raises EndpointFailed,
        EngineUnavailable.
        """
        began = time.monotonic()
        if not self._endpoint or began < self._next_endpoint_check:
            return
        release, difference_now = self.current.release, self.endpoint_difference
        try:
            require_loaded(self._endpoint, release)
            difference_now = find_difference(self._endpoint, release)
        finally:
            # What is different is to be mended soon: who does is waiting to see it.
            pause, times = (_CHECK_INTERVAL_SECONDS, 2) if difference_now else (_COMPARE_INTERVAL_SECONDS, 100)
            now = time.monotonic()
            self._next_endpoint_check = now + max(pause, times * (now - began))
        if difference_now != self.endpoint_difference:
            self.endpoint_difference = difference_now
            self.current.answers.clear()
            self._on_event(
                f"{self._endpoint.url} is not what release {release.number:04d} is: {difference_now}. Its answers "
                f"may be wrong. Load it again: "
                f"cybilgraph load {self.releases.folder} --endpoint {self._endpoint.url} --anew"
                if difference_now
                else f"{self._endpoint.url} is what release {release.number:04d} is again"
            )

    def refresh(self) -> bool:
        """Serve the release that is current now; whether it is another than before.

        Raises ReleaseError where it cannot be served, EndpointFailed and EngineUnavailable where the endpoint
        does not hold it yet: the one before goes on.
        """
        with self._switch_lock:
            return self._refresh()

    def _refresh(self) -> bool:
        number, missing_current = _current_release_number(self.releases)
        if missing_current != self._missing_current:
            self._missing_current = missing_current
            if missing_current:
                self._on_event(f"Release {self.current.release.number:04d} is served on: {missing_current}")
        manifest_mtime = self.releases.manifest_mtime(number)
        if (
            missing_current
            or number == self._refused
            or (number == self.current.release.number and manifest_mtime in (0, self._manifest_mtime))
        ):
            return False
        try:
            release = self.releases.get(number)
            if self._last_verified != (number, manifest_mtime):  # while the endpoint is waited for, once is enough
                release.verify()
                self._last_verified = (number, manifest_mtime)
        except ReleaseError as error:
            self._refused = number
            served = self.current.release.number
            self._on_event(f"Release {number:04d} is refused, and {served:04d} served on: {error.what}. {error.hint}")
            raise
        try:
            serving = self._open(release)
        except QueryError as error:
            if self._last_endpoint_error != str(error):
                self._last_endpoint_error = str(error)
                self._on_event(f"Release {number:04d} is not served yet: {error}")
            raise
        # An endpoint has the one before no more, and so has a damaged disk: better cold than nothing.
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
        """Serve this from now on."""
        before, self.current, self._manifest_mtime = self.current, serving, self.releases.manifest_mtime(release.number)
        self._on_event(f"Release {release.number:04d} is served from now on")
        before.warm_up.stop()
        self._close_later(before)

    def _close_later(self, serving: OpenRelease) -> None:
        """Close it when no query can run any more."""
        timer = threading.Timer(self._limits.timeout + 10, self._close_now, (serving,))
        timer.daemon = True
        self._closing.append(serving)
        timer.start()

    def _close_now(self, serving: OpenRelease) -> None:
        serving.close()
        with suppress(ValueError):  # ``close`` was faster
            self._closing.remove(serving)

    def close(self) -> None:
        """End all workers."""
        self._stop.set()
        for serving in (self.current, *self._open_ones(), *self._closing):
            serving.close()

    def _open_ones(self) -> list[OpenRelease]:
        """The earlier releases that are open."""
        with self._unused:
            return [earlier.serving for earlier in self._earlier.values()]


def _busy(number: int) -> ReleaseBusy:
    what = f"Release {number} cannot be opened now: others are being asked"
    return ReleaseBusy(what, "Ask again in a few seconds, or ask the current release.")


def _freeze_garbage_collector() -> None:
    """Have what is in memory now, which will be there as long as the release is, left out when garbage is looked
    for: to look at all of it takes a tenth of a second and more, in which nobody is answered.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _current_release_number(releases: Releases) -> tuple[int, str]:
    """The number of the release that ought to be served; 0 where none is named, and why, with what to do."""
    try:
        return releases.current_number(), ""
    except ReleaseError as error:
        return 0, f"{error.what}. {error.hint}"
