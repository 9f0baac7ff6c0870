"""The release that is served: opened, made warm, and changed for the next one without a request being lost."""

from __future__ import annotations

import gc
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cybilgraph.engine.embedded import EmbeddedEngine
from cybilgraph.engine.endpoint import Credentials, Endpoint
from cybilgraph.engine.pooled import Ended, Limits, PooledEngine
from cybilgraph.engine.remote import RemoteEngine
from cybilgraph.errors import FileDamaged, QueryError, ReleaseError
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


@dataclass(frozen=True, slots=True)
class Serving:
    """One release, the engine over it, and the answers that are kept."""

    release: Release
    engine: PooledEngine
    answers: Answers
    search: Search
    warming: Warming

    def close(self) -> None:
        """End the engine's workers."""
        self.warming.stop()
        self.engine.close()
        self.search.close()


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
        self._earlier: dict[int, Serving] = {}
        self._shelf: dict[int, tuple[int, Release]] = {}
        #: Seconds that a query may take at most.
        self.timeout = limits.timeout
        self._lock, self._looking, self._changing = threading.Lock(), threading.Lock(), threading.Lock()
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

    def at(self, number: int) -> Serving:
        """The release of a number; 0 is the current one. Raises ReleaseError, ReleaseGone."""
        if number in (0, self.current.release.number):
            return self.current
        with waiting(), self._lock:
            release = self.shelf(number)
            if number not in self._earlier or self._earlier[number].release is not release:
                # Few ask for the past: it stays on disk, and only the last that was asked for is open.
                for left in self._earlier.values():
                    self._close_later(left)
                limits = replace(self._limits, workers=1, long=1, store=0)
                self._earlier = {number: self._serving(release, self._embedded(release, limits))}
            return self._earlier[number]

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
            for serving in (self.current, *list(self._earlier.values())):
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
            with self._lock:
                self._earlier.clear()
                self._shelf.pop(number, None)  # who asks for it next has it looked at, and is told
            self._close_later(serving)
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
        for serving in (self.current, *self._earlier.values(), *self._closing):
            serving.close()


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
