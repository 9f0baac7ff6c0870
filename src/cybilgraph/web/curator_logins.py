"""Curators who may log in to the site: their passwords, their sessions, and limits on attempts to log in.

Passwords are stored as hashes in a file. Sessions are in the memory of the one process that serves the site, so that
they end when it does.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cachetools import LRUCache
from filelock import FileLock, Timeout
from werkzeug.exceptions import TooManyRequests
from werkzeug.security import check_password_hash, generate_password_hash

from cybilgraph.errors import CuratorError
from cybilgraph.identity.decisions import MAX_WHO_CHARS, Decision
from cybilgraph.model.gazetteer import slug
from cybilgraph.runtime.files import atomic_write
from cybilgraph.web.server.quotas import ClientQuotas, client_network
from cybilgraph.web.server.render_queue import yield_turn

#: Limits on passwords and names, in characters.
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS, MAX_NAME_CHARS = 12, 1_000, MAX_WHO_CHARS
#: Scrypt with N = 2^15, r = 8 and p = 3, as the OWASP Password Storage Cheat Sheet recommends: 32 MB, some 0.2 s.
_METHOD = "scrypt:32768:8:3"
_LOCK_TIMEOUT_SECONDS = 10.0
#: A session ends this long after its last request, or this long after the login.
IDLE_SECONDS, MAX_SECONDS = 30 * 60, 12 * 3600
#: One more login ends the curator's oldest session.
MAX_SESSIONS = 5
#: Login attempts in a row from one address and on one name, and the seconds until each further one.
LOGIN_ATTEMPTS, NAME_ATTEMPTS, SECONDS_PER_ATTEMPT = 10, 20, 30
#: The maximum number of passwords that are hashed at once, each in a thread. Half of them are reserved for networks
#: from which the curator has logged in.
_MAX_HASHING = 4
#: The maximum number of networks to remember.
_MAX_KNOWN_NETWORKS = 10_000
#: The maximum number of decisions of a session that can be undone one after the other.
_MAX_UNDO = 200


class CuratorFile:
    """The names of curators and the hashes of their passwords, in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, str]:
        """Return the hash of each curator's password by name. Raises CuratorError."""
        try:
            if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
                raise CuratorError(f"Other users can read or change {self._path}", f"Run: chmod 600 {self._path}")
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CuratorError(
                f"{self._path} cannot be read: {error.strerror}", "Create it with cybilgraph curators add."
            ) from error
        except ValueError as error:
            raise CuratorError(f"{self._path} is not a valid file of curators", "Restore it from a backup.") from error
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise CuratorError(f"{self._path} is not a valid file of curators", "Restore it from a backup.")
        return found

    def add(self, name: str, password: str) -> None:
        """Add a curator, or change the password of one, which ends their sessions. Raises CuratorError."""
        if not slug(name) or len(name) > MAX_NAME_CHARS or not name.isprintable() or name != name.strip():
            raise CuratorError(
                "This is not a valid name for a curator",
                f"Use a name that has letters and at most {MAX_NAME_CHARS} characters.",
            )
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS or password.casefold() == name.casefold():
            raise CuratorError(
                "This password is too easy to guess, or too long",
                f"Choose one with {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS:,} characters that is not the name.",
            )
        with self._changed() as curators:
            if alike := next((one for one in curators if one != name and slug(one) == slug(name)), ""):
                raise CuratorError(
                    f"There is already a curator called {alike!r}", "Choose a name with different letters."
                )
            curators[name] = generate_password_hash(password, _METHOD)

    def remove(self, name: str) -> None:
        """Remove a curator, which ends their sessions; their decisions stay. Raises CuratorError."""
        with self._changed() as curators:
            if not curators.pop(name, ""):
                raise CuratorError(f"There is no curator called {name!r}", "To see all: cybilgraph curators list")

    @contextmanager
    def _changed(self) -> Iterator[dict[str, str]]:
        """Yield the curators, and write them after the block; other processes wait. Raises CuratorError."""
        try:
            with FileLock(f"{self._path}.lock", timeout=_LOCK_TIMEOUT_SECONDS, mode=0o600):
                curators = self.read() if self._path.exists() else {}
                yield curators
                with atomic_write(self._path, mode=0o600) as file:
                    file.write(json.dumps(curators, ensure_ascii=False, indent=1).encode() + b"\n")
        except (OSError, Timeout) as error:
            raise CuratorError(f"{self._path} cannot be written: {error}", "Check the folder.") from error


@dataclass(slots=True)
class Session:
    """A session of a curator: the token of its forms, and its decisions with the ids of their claims, the latest last.

    ``hashed`` is the hash of the password at login; the session ends when the password changes.
    """

    name: str
    hashed: str
    began: float
    used: float
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    decided: list[tuple[str, Decision]] = field(default_factory=list)

    def note(self, claim: str, decision: Decision) -> None:
        """Note a decision on a claim, which can be undone."""
        self.decided = [*self.decided[1 - _MAX_UNDO :], (claim, decision)]


class CuratorAccess:
    """Logins and sessions. Thread-safe.

    ``on_event`` receives log messages, which never contain a password or an unknown name, since that may be one.
    ``clock`` is in seconds.
    """

    def __init__(
        self,
        file: CuratorFile,
        on_event: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._on_event = on_event
        self._clock = clock
        self._lock = threading.Lock()
        #: By the hash of the id.
        self._sessions: dict[bytes, Session] = {}
        per_second = 1 / SECONDS_PER_ATTEMPT
        self._addresses = ClientQuotas(LOGIN_ATTEMPTS, per_second, _MAX_HASHING, clock=clock)
        self._names = ClientQuotas(NAME_ATTEMPTS, per_second, _MAX_HASHING, clock=clock)
        self._hashing = ClientQuotas(1_000_000, 1_000_000, _MAX_HASHING // 2, clock=clock)
        #: Curators' names with networks from which they have logged in: there, attempts by others do not lock them out.
        self._known: LRUCache[tuple[str, str], bool] = LRUCache(_MAX_KNOWN_NETWORKS)
        #: What the password of an unknown name is compared with, so that it takes the same time.
        self._decoy = generate_password_hash(secrets.token_hex(), _METHOD)

    def log_in(self, name: str, password: str, address: str) -> str:
        """Start a session and return its id; empty if the name or password is wrong.

        Raises TooManyRequests, CuratorError.
        """
        network = client_network(address)
        with self._lock:
            is_known = (name, network) in self._known
        with ExitStack() as admitted:
            try:  # first, so that an attempt that is not even compared does not count
                admitted.enter_context(self._hashing.admit("known" if is_known else "other"))
            except TooManyRequests as error:
                raise TooManyRequests("Too many logins at the moment", retry_after=2) from error
            admitted.enter_context(self._addresses.admit(address))
            if not is_known:
                admitted.enter_context(self._names.admit(f"name {name}"))
            hashed = self._file.read().get(name, "")
            try:
                with yield_turn():
                    is_right = check_password_hash(hashed or self._decoy, password[: MAX_PASSWORD_CHARS + 1])
            except ValueError as error:
                what = "The file of curators has an invalid hash of this password"
                raise CuratorError(what, "Set the password again with cybilgraph curators add.") from error
        if not (hashed and is_right):
            self._on_event(f"Login refused: {name if hashed else 'an unknown name'} from {network}")
            return ""
        self._on_event(f"Login: {name} from {network}")
        now, session_id = self._clock(), secrets.token_urlsafe(32)
        with self._lock:
            self._known[name, network] = True
            self._sessions = {key: one for key, one in self._sessions.items() if self._is_valid(one)}
            own = [key for key, one in self._sessions.items() if one.name == name]
            for key in own[: max(len(own) + 1 - MAX_SESSIONS, 0)]:
                del self._sessions[key]
            self._sessions[_digest(session_id)] = Session(name, hashed, now, now)
        return session_id

    def session(self, session_id: str) -> Session | None:
        """Return the session with an id and note its use; None if there is none, or it has ended."""
        with self._lock:
            found = self._sessions.get(_digest(session_id))
            if not found:
                return None
            if not self._is_valid(found) or self._file.read().get(found.name) != found.hashed:
                del self._sessions[_digest(session_id)]
                return None
            found.used = self._clock()
            return found

    def log_out(self, session_id: str) -> None:
        """End a session, if there is one with this id."""
        with self._lock:
            if ended := self._sessions.pop(_digest(session_id), None):
                self._on_event(f"Logout: {ended.name}")

    def _is_valid(self, session: Session) -> bool:
        now = self._clock()
        return now < session.used + IDLE_SECONDS and now < session.began + MAX_SECONDS


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode(errors="replace")).digest()
