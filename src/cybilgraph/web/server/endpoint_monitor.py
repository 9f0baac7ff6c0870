"""Compares a remote SPARQL endpoint with the release that it should hold, since nothing else reveals changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cybilgraph.sparql.endpoint_client import Endpoint
from cybilgraph.sync.graph_store import find_difference, require_loaded
from cybilgraph.web.server.open_release import OpenRelease

#: The interval between comparisons, and the factor by which it exceeds the time that a comparison takes.
_INTERVAL_SECONDS, _INTERVAL_FACTOR = 60.0, 100
#: The same while there is a difference: the operator who repairs it is waiting for the result.
_REPAIR_INTERVAL_SECONDS, _REPAIR_FACTOR = 1.0, 2


class EndpointMonitor:
    """The result of the last comparison, which is logged when it changes."""

    def __init__(self, endpoint: Endpoint, folder: Path, on_event: Callable[[str], None]) -> None:
        """Compare an ``endpoint`` with a release in ``folder``."""
        self._endpoint = endpoint
        self._folder = folder
        self._on_event = on_event
        self._next_check = 0.0
        #: A description of how the endpoint's data differ from the release; empty if they do not.
        self.difference = ""

    def check(self, opened: OpenRelease) -> None:
        """Compare the endpoint with a release if that is due; if the result changes, drop the cached answers.

        Raises EndpointFailed, EngineUnavailable.
        """
        began = time.monotonic()
        if began < self._next_check:
            return
        release, difference = opened.release, self.difference
        try:
            require_loaded(self._endpoint, release)
            difference = find_difference(self._endpoint, release)
        finally:
            pause, factor = (
                (_REPAIR_INTERVAL_SECONDS, _REPAIR_FACTOR) if difference else (_INTERVAL_SECONDS, _INTERVAL_FACTOR)
            )
            now = time.monotonic()
            self._next_check = now + max(pause, factor * (now - began))
        if difference == self.difference:
            return
        self.difference = difference
        opened.answers.clear()
        url = self._endpoint.url
        self._on_event(
            f"{url} differs from release {release.number:04d}: {difference}. Its answers may be wrong. Load the "
            f"release again: cybilgraph load {self._folder} --endpoint {url} --resend"
            if difference
            else f"{url} matches release {release.number:04d} again"
        )
