"""Suggested edits: a folder in which they wait for a curator, who accepts or rejects each.

    DIR/            0700, all files 0600: what strangers wrote, and their names, are for the curator only
    ├── .client.key   the key of the hashes that tell apart who sent what waits
    ├── 20270131T120000-1f2e3d4c.json   waits
    ├── accepted/   what became a record file
    └── rejected/   what did not, each with the reason

What waits came from strangers: no name or path in it is trusted. Accepting writes one record
file and nothing else; the graph is made anew by the next build.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from cybilgraph.errors import SuggestionError, SuggestionQuota, SuggestionsFull
from cybilgraph.model.gazetteer import slug
from cybilgraph.readers.inputs import MAX_PAGE_BYTES
from cybilgraph.runtime.files import atomic_write, private_folder
from cybilgraph.runtime.keyed_hash import Key, create_key, read_key
from cybilgraph.web.suggestions.admission import ensure_same_project, ensure_valid, normalise_line_ends, records_in

#: So many suggestions may wait in all, for one project, and of one client; then a curator has to decide some first.
MAX_WAITING, MAX_OF_PROJECT, MAX_OF_CLIENT = 200, 20, 10
ACCEPTED, REJECTED = "accepted", "rejected"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
_MAX_FILE_BYTES = 4 * MAX_PAGE_BYTES
_LOCK_TIMEOUT_SECONDS = 5.0
_LOCK, _KEY = ".lock", ".client.key"


@dataclass(frozen=True, slots=True)
class EditBase:
    """What an edit began with: ``text``, and the file that the record was read from, with its checksum.

    ``is_source`` is false where the text is a form that was filled from the graph, since the
    release has not kept the file, or it holds other records as well.
    """

    file: str
    sha256: str
    text: str
    is_source: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One suggested edit: ``text`` for the record of ``project``; ``name`` tells by its suffix how it is read.

    ``client`` is a keyed hash of the network that it came from. Like ``sender`` and ``email``, it is deleted as soon
    as a curator has decided.
    """

    project: str
    title: str
    name: str
    base: EditBase
    text: str
    comment: str = ""
    sender: str = ""
    email: str = ""
    client: str = ""
    id: str = ""
    time: str = ""
    reason: str = ""

    @property
    def target(self) -> str:
        """The record file that it would become, by its path below the folder of records."""
        return self.base.file if self.base.is_source else f"{slug(self.project)}.yaml"


class SuggestionQueue:
    """The suggestions in one folder. Safe for several threads and processes."""

    def __init__(
        self,
        folder: Path,
        max_pending: int = MAX_WAITING,
        most_of_project: int = MAX_OF_PROJECT,
        most_of_client: int = MAX_OF_CLIENT,
    ) -> None:
        self.folder = folder
        self._max_pending = max_pending
        self._most_of_project = most_of_project
        self._most_of_client = most_of_client
        self._senders: dict[str, tuple[str, str]] = {}

    def secure(self) -> None:
        """Close the folder, and all suggestions in it, to everybody but its owner. Raises SuggestionsFull."""
        with self._locked():
            for folder in self._folders():
                private_folder(folder)
                for path in folder.iterdir():
                    is_ours = _ID.fullmatch(path.stem) or path.name in (_LOCK, _KEY)
                    if is_ours and not path.is_symlink() and path.stat().st_mode & 0o077:
                        path.chmod(0o600)

    def send(self, given: Suggestion, network: str = "") -> Suggestion:
        """Take a suggestion in that came from a network; without one, only the limits of project and folder hold.

        Raises SuggestionError where it is none, SuggestionQuota where too many of this network wait, SuggestionsFull
        where too many wait for this project or in all.
        """
        ensure_valid(given)
        with self._locked():
            client = self._key().hash(network) if network else ""
            self._ensure_room(given.project, client)
            now = datetime.now(UTC)
            taken = replace(
                given,
                id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
                time=now.isoformat("T", "seconds"),
                client=client,
            )
            self._write(self.folder, taken)
        return taken

    def _ensure_room(self, project: str, client: str) -> None:
        """Raise SuggestionQuota or SuggestionsFull where one more may not wait."""
        waiting = {path.stem: path for path in self._files()}
        # A file never changes while it waits: it is read once, not for each that is sent.
        self._senders = {name: self._senders.get(name) or _project_and_client(path) for name, path in waiting.items()}
        senders = list(self._senders.values())
        if client and sum(other == client for _, other in senders) >= self._most_of_client:
            raise SuggestionQuota(
                f"{self._most_of_client} suggestions from your network wait for a curator already",
                "Send it again when a curator has decided on some of them.",
            )
        if sum(other == project for other, _ in senders) >= self._most_of_project:
            raise SuggestionsFull(
                f"{self._most_of_project} suggestions for this project wait for a curator already",
                "Send it again in a few days.",
            )
        if len(senders) >= self._max_pending:
            raise SuggestionsFull("Too many suggestions wait for a curator", "Send it again in a few days.")

    def forget(self, mentions: Callable[[str], bool]) -> dict[str, str]:
        """Delete what a text that ``mentions`` somebody is part of: only the sender where nothing else does, else the
        suggestion, waiting or decided. Returns what was done, by id. Raises SuggestionsFull.
        """
        done: dict[str, str] = {}
        with self._locked():
            for folder in self._folders():
                for left in folder.glob(".*.part"):  # of a process that was killed
                    left.unlink()
                for path in sorted(folder.glob("*.json")):
                    if _ID.fullmatch(path.stem) and not path.is_symlink() and (what := self._forget(path, mentions)):
                        done[path.stem] = what
        return done

    def _forget(self, path: Path, mentions: Callable[[str], bool]) -> str:
        text = path.read_text(encoding="utf-8", errors="replace")
        given = None
        texts = [text]
        with suppress(ValueError, TypeError, KeyError, RecursionError):  # it is damaged: all of it counts
            given = replace(_parsed(text), id=path.stem)
            own = (given.project, given.title, given.name, given.text, given.comment, given.reason)
            texts = [*own, given.base.file, given.base.text]
        if any(map(mentions, texts)):
            path.unlink()
            return "removed"
        if given and (mentions(given.sender) or mentions(given.email)):
            self._write(path.parent, replace(given, sender="", email=""))
            return "sender removed"
        return ""

    def pending(self) -> Iterator[Suggestion]:
        """Those that wait, the oldest first. Raises SuggestionError at one that is damaged."""
        for path in sorted(self._files()):
            yield self.get(path.stem)

    def get(self, name: str) -> Suggestion:
        """One that waits, by its id. Raises SuggestionError."""
        path = self.folder / f"{name}.json"
        if not _ID.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise SuggestionError(f"No suggestion {name!r} waits in {self.folder}", "cybilgraph suggestions list")
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                raise SuggestionError(f"{path} is larger than any suggestion", "Delete the file.")
            found = _parsed(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise SuggestionError(f"{path} is damaged", "Delete the file.") from error
        return replace(found, id=name)

    def accept(self, name: str, records: Path, force: bool = False) -> Path:
        """Write the record file of a suggestion into a folder of records; the file that was written.

        Raises SuggestionError where the file has changed since the edit began, unless with
        ``force``; and always where it would lie elsewhere than in the folder, or the text is no
        record of the same project in the same format.
        """
        with self._locked():
            given = self.get(name)
            target = _path_below(records, given.target)
            ensure_valid(given)
            ensure_same_project(given.name, given.base.text, records_in(given.name, given.text))
            before = target.read_bytes() if target.exists() else None
            content = _encode_like(given.text, before or b"")
            if not force and before != content and (reason := _file_change(given, before)):
                raise SuggestionError(
                    f"{target}: {reason}",
                    f"See both changes: cybilgraph suggestions show {self.folder} {name} --records {records}\n"
                    "  Put them together by hand and reject the suggestion, or take it as it is with --force: "
                    "what the file has that the suggestion has not is lost then.",
                )
            try:
                with atomic_write(target) as file:
                    file.write(content)
            except OSError as error:
                raise SuggestionError(f"{target} cannot be written: {error.strerror}", "Check its rights.") from error
            self._decide(given, ACCEPTED)
        return target

    def reject(self, name: str, reason: str) -> None:
        """Put a suggestion aside, with the reason. Raises SuggestionError."""
        with self._locked():
            self._decide(replace(self.get(name), reason=reason), REJECTED)

    def _decide(self, given: Suggestion, where: str) -> None:
        """Move it; who sent it is no longer needed to be known."""
        self._write(self.folder / where, replace(given, sender="", email="", client=""))
        (self.folder / f"{given.id}.json").unlink()

    def _folders(self) -> list[Path]:
        """Where there are suggestions, waiting and decided."""
        return [folder for where in ("", ACCEPTED, REJECTED) if (folder := self.folder / where).is_dir()]

    def _key(self) -> Key:
        path = self.folder / _KEY
        try:
            return read_key(path)
        except (OSError, ValueError):  # a new one only loses count of what waits
            return create_key(path)

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*.json") if _ID.fullmatch(path.stem))

    def _write(self, folder: Path, given: Suggestion) -> None:
        try:
            private_folder(folder)
            for left in folder.glob(".*.part"):  # of a process that was killed
                left.unlink(missing_ok=True)
            with atomic_write(folder / f"{given.id}.json", mode=0o600) as file:
                file.write(json.dumps(asdict(given), ensure_ascii=False, indent=1).encode(errors="replace") + b"\n")
        except OSError as error:
            raise SuggestionsFull(
                f"The suggestion cannot be kept: {error.strerror}", "Send it again when there is room on the disk."
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            private_folder(self.folder)
            lock = FileLock(self.folder / _LOCK, timeout=_LOCK_TIMEOUT_SECONDS, mode=0o600)
            lock.acquire()
        except (OSError, Timeout) as error:
            raise self._unusable(error) from error
        try:
            yield
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            lock.release()

    def _unusable(self, error: Exception) -> SuggestionsFull:
        return SuggestionsFull(
            f"The suggestions in {self.folder} cannot be used: {error}",
            "The folder must belong to who runs this, and be open to nobody else. If it is, try again in a moment.",
        )


def _project_and_client(path: Path) -> tuple[str, str]:
    """Of which project a suggestion is, and from which client; of neither where it is damaged."""
    try:
        found = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "", ""
    return found.project, found.client


def current_file(given: Suggestion, records: Path) -> str | None:
    """The record file as it is now, as text; None where there is none. Raises SuggestionError."""
    target = _path_below(records, given.target)
    if not target.exists():
        return None
    return normalise_line_ends(target.read_bytes().decode("utf-8-sig", errors="replace"))


def describe_file_change(given: Suggestion, records: Path) -> str:
    """How the record file has changed since the edit began; empty where it has not. Raises SuggestionError."""
    target = _path_below(records, given.target)
    return _file_change(given, target.read_bytes() if target.exists() else None)


def unified_diff(before: str, after: str, name: str, other: str) -> list[str]:
    """The lines of a unified diff."""
    return list(difflib.unified_diff(before.split("\n"), after.split("\n"), name, other, lineterm=""))


def _parsed(text: str) -> Suggestion:
    """A suggestion from its file. Raises ValueError, TypeError, KeyError where it is none."""
    found = json.loads(text)
    base = found.pop("base")
    if not all(isinstance(value, str) for value in (*found.values(), base["file"], base["sha256"], base["text"])):
        raise ValueError("what should be a text is none")
    return Suggestion(**found, base=EditBase(**base))


def _file_change(given: Suggestion, before: bytes | None) -> str:
    if not given.base.is_source:
        return "" if before is None else "there is such a file already"
    if before is None:
        return "the file is no longer there"
    same = hashlib.sha256(before).hexdigest() == given.base.sha256
    return "" if same else "the file has changed since the edit began"


def _path_below(records: Path, name: str) -> Path:
    """A file below a folder, by a path that a stranger may have made. Raises SuggestionError."""
    parts = PurePosixPath(name).parts
    odd = "\\" in name or "\0" in name or not parts or any(part.startswith((".", "/")) for part in parts)
    root = records.resolve()
    target = root.joinpath(*parts) if not odd else root
    if odd or target.resolve() != target or not target.parent.is_dir() or (target.exists() and not target.is_file()):
        raise SuggestionError(
            f"{name!r} is no record file below {records}",
            "Give the folder of records that the release was built from: --records data/records",
        )
    return target


def _encode_like(text: str, before: bytes) -> bytes:
    """A text as bytes, with the line ends and the mark of the file whose place it takes."""
    text = normalise_line_ends(text)
    if not text.endswith("\n") and (not before or before.endswith(b"\n")):
        text += "\n"
    if b"\r\n" in before:
        text = text.replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode(errors="replace")
