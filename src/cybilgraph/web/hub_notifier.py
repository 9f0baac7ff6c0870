"""Announces new releases to a WebSub hub (W3C Recommendation, 2018), whose subscribers need not poll the feeds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from cybilgraph.runtime.http_client import ConnectionFailed, HttpClient, user_agent

#: Seconds in which the hub must accept an announcement.
_TIMEOUT = 20.0


class HubNotifier:
    """Sends one request to the hub when the server starts, and when it serves another release."""

    def __init__(
        self, hub: str, topics: Sequence[str], current_release: Callable[[], int], on_event: Callable[[str], None]
    ) -> None:
        """Announce that the feeds at the addresses ``topics`` have changed, and report failures to ``on_event``."""
        self._hub = hub
        self._topics = topics
        self._current_release = current_release
        self._on_event = on_event
        self._announced = 0

    def maintain(self) -> None:
        """Announce the release that is being served if that has not been done; does not wait for the hub."""
        if (number := self._current_release()) != self._announced:
            self._announced = number
            threading.Thread(target=self._announce, args=(number,), daemon=True).start()

    def _announce(self, number: int) -> None:
        form = urlencode([("hub.mode", "publish"), *(("hub.url", topic) for topic in self._topics)])
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": user_agent(self._topics[0])}
        try:
            with HttpClient(self._hub, _TIMEOUT, _TIMEOUT, follows=False) as client:
                until = time.monotonic() + _TIMEOUT
                with client.send("POST", self._hub, headers, form.encode(), until=until) as response:
                    problem = "" if response.status < 300 else f"it answered with status {response.status}"
        except (ConnectionFailed, ValueError) as error:
            problem = str(error)
        if problem:
            self._on_event(f"Release {number:04d} could not be announced to the WebSub hub {self._hub}: {problem}")
