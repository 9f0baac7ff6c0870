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

from cybilgraph.engine.embedded import EmbeddedEngine
from cybilgraph.engine.endpoint import Credentials, Endpoint
from cybilgraph.engine.pooled import Ended, Limits, PooledEngine
from cybilgraph.engine.remote import RemoteEngine
from cybilgraph.errors import FileDamaged, QueryError, ReleaseBusy, ReleaseError
from cybilgraph.graphs import GRAPH
from cybilgraph.loading import difference, require
from cybilgraph.release import Release, Releases
from cybilgraph.search import Search
from cybilgraph.web.answers import Answers
from cybilgraph.web.damage import Damage
from cybilgraph.web.making import waiting
from cybilgraph.web.warming import Warming

#: Seconds between looks at which release is current, and at what all that is served is in need of.
_EVERY = 1.0
_DAMAGED = "The data of release {} is damaged on the disk of the server, and nothing is answered from it"
#: Seconds between two looks at whether the endpoint has what its release has; more where a look takes long.
_COMPARED = 60.0
#: Earlier releases that are open at once: each has worker processes of its own.
_MAX_EARLIER = 3
#: Seconds that a request waits for an earlier release to be opened.
_OPEN_SECONDS = 5.0
#: Releases whose checksums are not verified again while their manifests stay the same.
_MAX_VERIFIED = 64


@dataclass(frozen=True, slots=True)
class Serving:
    """One release, the engine over it, and the answers that are kept."""

    release: Release
    engine: PooledEngine
    answers: Answers
    search: Search
    warming: Warming

    def close(self) -> None:
        """End the engine's workers, and drop the answers."""
        self.warming.stop()
        self.engine.close()
        self.answers.forget()
        self.search.close()


@dataclass(slots=True)
class _Earlier:
    """An earlier release that is open, and how many requests use it."""

    serving: Serving
    users: int = 0


class Live:
    """What the application serves now, and earlier releases that are asked for by number.

    A release that cannot be opened is told of, and the last good one goes on being served.
    """

    def __init__(
        self,
        releases: Releases,
        limits: Limits,
        room: int,
        told: Callable[[str], None],
        endpoint: str = "",
        credentials: str = "",
        warm_seconds: float = math.inf,
        look_seconds: float = 600.0,
        ended: Callable[[Ended], object] = lambda _: None,
    ) -> None:
        """``room`` are the bytes for answers that are kept; what happens is ``told``. The current release is asked
        at the ``endpoint``, if one is given, with the ``credentials`` of a file; a new one is served once it is warm,
        or has had so many seconds for that. Between two looks at all files are ``look_seconds``. Of processes that
        have ``ended`` unasked, that is told.

        Raises ReleaseError; EndpointFailed and EngineUnavailable where the endpoint does not hold the release.
        """
        #: Where the releases are.
        self.releases = releases
        self._limits = limits
        self._room = room
        self._warm_seconds = warm_seconds
        self._told = told
        self._ended = ended
        #: What is damaged of the files.
        self.damage = Damage(told, look_seconds)
        self._credentials = credentials
        self._endpoint = Endpoint(endpoint, Credentials.of(credentials)) if endpoint else None
        #: How the endpoint is different from the release that it says to hold, in words.
        self.different = ""
        self._compare_after = 0.0
        #: What was told last of an endpoint that does not hold the release.
        self._awaited = ""
        self._earlier: OrderedDict[int, _Earlier] = OrderedDict()
        self._shelf: LRUCache[int, tuple[int, Release]] = LRUCache(_MAX_VERIFIED)
        #: Seconds that a query may take at most.
        self.timeout = limits.timeout
        #: What answers may take until they have been sent.
        self.budget = limits.budget
        self._opening, self._looking, self._changing = threading.Lock(), threading.Lock(), threading.Lock()
        #: Guards ``_earlier``, for moments only: an event loop takes it, too.
        self._unused = threading.Condition()
        self._stop = threading.Event()
        #: What is served no more, and may still have queries under way.
        self._closing: list[Serving] = []
        #: What else is to be done each second.
        self.tended: list[Callable[[], object]] = []
        first = releases.sound(told)
        #: Why no release is named as the current one, if none is.
        named, self._unnamed = _named(releases)
        #: The number of a release that is current, and damaged.
        self._refused = named if named != first.number else 0
        self._made = releases.changed(first.number)
        #: The release that was found whole last: its number, and when it was made.
        self._whole_one = (first.number, self._made)
        self.current = self._open(first)
        #: Set when what most will ask for is there, or has had its seconds; the release answers before.
        self.warm = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        threading.Thread(target=self._tend, daemon=True).start()
        threading.Thread(target=self.damage.watch, args=(self._held, self._stop), daemon=True).start()

    @contextmanager
    def opened(self, number: int) -> Iterator[Serving]:
        """The release of a number (0: the current one), which stays open until the block ends.

        Raises ReleaseError, ReleaseGone, and ReleaseBusy where requests use all earlier releases that may be open.
        """
        if number in (0, self.current.release.number):
            yield self.current
            return
        earlier = None
        try:
            with waiting():
                earlier = self._open_earlier(number)
            yield earlier.serving
        finally:
            if earlier:
                with self._unused:
                    earlier.users -= 1
                    self._unused.notify_all()

    def _open_earlier(self, number: int) -> _Earlier:
        """An earlier release with one user more; the least recently used one is closed for it."""
        release = self.shelf(number)
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
            serving = self._serving(release, self._embedded(release, replace(self._limits, workers=1, long=1, store=0)))
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

    def shelf(self, number: int) -> Release:
        """A release whose files are to be read, and nothing asked of; its checksums are looked at once, and
        again when its manifest has changed. Raises ReleaseError, ReleaseGone.
        """
        if number == self.current.release.number:
            return self.current.release
        with waiting(), self._looking:
            made = self.releases.changed(number)
            known = self._shelf.get(number)
            if not made or not known or known[0] != made:
                known = self._shelf[number] = (made, self._whole(number))
            return known[1]

    def _held(self) -> list[Release]:
        """The releases whose files are served from memory of what they were: they were looked at once."""
        return [self.current.release, *(release for _, release in list(self._shelf.values()))]

    def earlier(self, most: int = 8) -> Iterator[Release]:
        """The releases before the current one that are kept, newest first."""
        before = [number for number in self.releases.numbers if number < self.current.release.number]
        for number in before[: -most - 1 : -1]:
            with suppress(ReleaseError):
                yield self.releases.get(number)

    def _whole(self, number: int) -> Release:
        try:
            release = self.releases.get(number)
            release.verify()
        except ReleaseError as error:
            if number not in self.releases.numbers:
                raise
            self._told(str(error))  # which tells of files, and is for who runs the server
            raise FileDamaged(
                f"Release {number} is damaged, and nothing is answered from it", self.releases.there(but=number)
            ) from error
        return release

    def _open(self, release: Release) -> Serving:
        """The current release. Raises EndpointFailed, EngineUnavailable."""
        if not self._endpoint:
            return self._serving(release, self._embedded(release, self._limits, release.folder / GRAPH))
        require(self._endpoint, release)
        url, checksum = self._endpoint.url, release.checksum(GRAPH)
        engine = RemoteEngine(
            *(url, self._limits),
            credentials=self._credentials,
            store=release.store,
            checksum=checksum,
            told=self._ended,
        )
        return self._serving(release, engine)

    def _embedded(self, release: Release, limits: Limits, graph: Path | None = None) -> EmbeddedEngine:
        return EmbeddedEngine(release.store, limits, graph=graph, checksum=release.checksum(GRAPH), told=self._ended)

    def _serving(self, release: Release, engine: PooledEngine) -> Serving:
        tag = f"{release.number}/{release.checksum(GRAPH)}/{engine.place}"
        self._told(f"Release {release.number:04d} is {engine.storage}")
        answers = Answers(engine, tag, self._room)
        warming = Warming(release, answers, self._told)
        return Serving(release, engine, answers, Search(release.search), warming)

    def _warm(self, serving: Serving) -> None:
        """Have the answers that most will ask for, before the first one asks."""
        serving.search.prepare()
        serving.warming.ahead(self._warm_seconds)

    def _watch(self) -> None:
        with suppress(QueryError):
            self.compare()
        self._warm(self.current)
        _set_apart()
        self.warm.set()
        self.current.warming.behind()
        while not self._stop.wait(_EVERY):
            with suppress(ReleaseError, QueryError):
                self.refresh()
            with suppress(QueryError):
                self.compare()

    def _tend(self) -> None:
        """Each second, begin anew what has ended, and look after what is answered from the disk."""
        while not self._stop.wait(_EVERY):
            for serving in (self.current, *self._open_ones()):
                serving.engine.tend()
                if serving.engine.reads_disk:
                    self._hold(serving)
            for tend in self.tended:
                tend()

    def _hold(self, serving: Serving) -> None:
        """Have what is answered from on the disk read again, now, if somebody has written to it, or a worker gave
        reason to doubt it: the store, or for an engine that has lost what it had in memory the graph. From what is
        damaged nothing is answered.
        """
        release, engine = serving.release, serving.engine
        has_lost = engine.has_lost
        names = [GRAPH] if has_lost else release.of_store
        doubted = (engine.doubted and not engine.is_trusted) or (has_lost and not engine.refused)
        what = _DAMAGED.format(release.number)
        if doubted or not release.is_unchanged(names):
            engine.doubted, was_damaged = False, self.damage.of(release, names)
            began = time.monotonic()
            self.damage.look(release, names=names)
            if not self.damage.of(release, names):
                if was_damaged or has_lost:  # its workers may still have open what was there, or are gone
                    self._made, self._refused, self._whole_one = 0, 0, (0, 0)
                else:
                    engine.trust(time.monotonic() - began)
        if self.damage.of(release, names) and engine.refuse(what):
            self._told(f"{what}: {self._instead(serving)}")

    def _instead(self, serving: Serving) -> str:
        """What is done now that what a release is answered from is damaged, in words."""
        number = serving.release.number
        serving.answers.forget()  # some may have been made of what was damaged already
        if serving is not self.current:
            with self._unused:
                if number in self._earlier and self._earlier[number].serving is serving:
                    del self._earlier[number]
                self._unused.notify_all()
            with self._looking:
                self._shelf.pop(number, None)  # who asks for it next has it looked at, and is told
            serving.close()  # its engine refuses all queries already
            return "it is looked at again when it is asked for"
        if not serving.engine.refused:
            return "all but queries that call other endpoints are answered from memory"
        with self._changing:
            try:
                release = self.releases.sound(self._told)
            except ReleaseError:
                release = serving.release
            if self.current is not serving or release.number == number:
                return "no query is answered until there is a good one"
            self._refused = number
            instead = self._open(release)
            self._take(release, instead)
            instead.warming.behind()
            return f"release {release.number:04d} is served instead"

    def compare(self) -> None:
        """Now and then, hold the endpoint against its release: who changes its store is not seen otherwise.

        What is found is told, and what was answered until then is forgotten. Raises EndpointFailed,
        EngineUnavailable.
        """
        began = time.monotonic()
        if not self._endpoint or began < self._compare_after:
            return
        release, different = self.current.release, self.different
        try:
            require(self._endpoint, release)
            different = difference(self._endpoint, release)
        finally:
            # What is different is to be mended soon: who does is waiting to see it.
            pause, times = (_EVERY, 2) if different else (_COMPARED, 100)
            now = time.monotonic()
            self._compare_after = now + max(pause, times * (now - began))
        if different != self.different:
            self.different = different
            self.current.answers.forget()
            self._told(
                f"{self._endpoint.url} is not what release {release.number:04d} is: {different}. Its answers may be "
                f"wrong. Load it again: cybilgraph load {self.releases.folder} --endpoint {self._endpoint.url} --anew"
                if different
                else f"{self._endpoint.url} is what release {release.number:04d} is again"
            )

    def refresh(self) -> bool:
        """Serve the release that is current now; whether it is another than before.

        Raises ReleaseError where it cannot be served, EndpointFailed and EngineUnavailable where the endpoint
        does not hold it yet: the one before goes on.
        """
        with self._changing:
            return self._refresh()

    def _refresh(self) -> bool:
        number, unnamed = _named(self.releases)
        if unnamed != self._unnamed:
            self._unnamed = unnamed
            if unnamed:
                self._told(f"Release {self.current.release.number:04d} is served on: {unnamed}")
        made = self.releases.changed(number)
        if unnamed or number == self._refused or (number == self.current.release.number and made in (0, self._made)):
            return False
        try:
            release = self.releases.get(number)
            if self._whole_one != (number, made):  # while the endpoint is waited for, once is enough
                release.verify()
                self._whole_one = (number, made)
        except ReleaseError as error:
            self._refused = number
            served = self.current.release.number
            self._told(f"Release {number:04d} is refused, and {served:04d} served on: {error.what}. {error.hint}")
            raise
        try:
            serving = self._open(release)
        except QueryError as error:
            if self._awaited != str(error):
                self._awaited = str(error)
                self._told(f"Release {number:04d} is not served yet: {error}")
            raise
        # An endpoint has the one before no more, and so has a damaged disk: better cold than nothing.
        at_once = bool(self._endpoint or self.current.engine.refused)
        if not at_once:
            self._warm(serving)
        self._take(release, serving)
        if at_once:
            self._warm(serving)
        _set_apart()
        serving.warming.behind()
        return True

    def _take(self, release: Release, serving: Serving) -> None:
        """Serve this from now on."""
        before, self.current, self._made = self.current, serving, self.releases.changed(release.number)
        self._told(f"Release {release.number:04d} is served from now on")
        before.warming.stop()
        self._close_later(before)

    def _close_later(self, serving: Serving) -> None:
        """Close it when no query can run any more."""
        timer = threading.Timer(self._limits.timeout + 10, self._close_now, (serving,))
        timer.daemon = True
        self._closing.append(serving)
        timer.start()

    def _close_now(self, serving: Serving) -> None:
        serving.close()
        with suppress(ValueError):  # ``close`` was faster
            self._closing.remove(serving)

    def close(self) -> None:
        """End all workers."""
        self._stop.set()
        for serving in (self.current, *self._open_ones(), *self._closing):
            serving.close()

    def _open_ones(self) -> list[Serving]:
        """The earlier releases that are open."""
        with self._unused:
            return [earlier.serving for earlier in self._earlier.values()]


def _busy(number: int) -> ReleaseBusy:
    what = f"Release {number} cannot be opened now: others are being asked"
    return ReleaseBusy(what, "Ask again in a few seconds, or ask the current release.")


def _set_apart() -> None:
    """Have what is in memory now, which will be there as long as the release is, left out when garbage is looked
    for: to look at all of it takes a tenth of a second and more, in which nobody is answered.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _named(releases: Releases) -> tuple[int, str]:
    """The number of the release that ought to be served; 0 where none is named, and why, with what to do."""
    try:
        return releases.current_number(), ""
    except ReleaseError as error:
        return 0, f"{error.what}. {error.hint}"
