"""Opens files of releases to send them, and refuses those that are damaged.

Checksums are verified when a release is opened. Before a file is sent, its size and times are compared with those at
that moment; a file that has changed since then is read again, and sent only if its checksum is still right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from cybilgraph.errors import FileDamaged, ReleaseBusy
from cybilgraph.release import Release


class FileIntegrity:
    """The files known to be damaged; each is logged once."""

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
