"""Suggested edits: a folder in which they wait until a curator accepts or rejects them.

    DIR/            mode 0700, all files 0600: only the curator may read suggestions and their senders
    ├── .client.key   the key of the hashes that identify senders
    ├── 20270131T120000-1f2e3d4c.json   a pending suggestion
    ├── accepted/   suggestions that became record files
    └── rejected/   rejected suggestions, each with the reason

Suggestions are untrusted input, including all names and paths in them. Accepting one writes a record file and
nothing else; the graph changes with the next build.
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
from cybilgraph.runtime.files import Key, atomic_write, create_key, private_folder, read_key
from cybilgraph.web.suggestions.admission import ensure_same_project, ensure_valid, normalise_line_ends, records_in

#: The most pending suggestions in total, per project, and per client.
MAX_WAITING, MAX_OF_PROJECT, MAX_OF_CLIENT = 200, 20, 10
ACCEPTED, REJECTED = "accepted", "rejected"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
_MAX_FILE_BYTES = 4 * MAX_PAGE_BYTES
_LOCK_TIMEOUT_SECONDS = 5.0
_LOCK, _KEY = ".lock", ".client.key"


@dataclass(frozen=True, slots=True)
class EditBase:
    """The starting point of an edit: ``text``, and the record's source file with its checksum.

    ``is_source`` is false if the text is a form filled in from the graph, because the release did not keep the file or
    the file has other records as well.
    """

    file: str
    sha256: str
    text: str
    is_source: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A suggested edit: a new ``text`` for the record of ``project``; the suffix of ``name`` selects its reader.

    ``client`` is a keyed hash of the sender's network. Like ``sender`` and ``email``, it is deleted as soon as a
    curator accepts or rejects the suggestion.
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
        """The path of the record file to write, relative to the folder of records."""
        return self.base.file if self.base.is_source else f"{slug(self.project)}.yaml"


class SuggestionQueue:
    """The suggestions in one folder. Safe for concurrent use by threads and processes."""

    def __init__(
        self,
        folder: Path,
        max_pending: int = MAX_WAITING,
        max_of_project: int = MAX_OF_PROJECT,
        max_of_client: int = MAX_OF_CLIENT,
    ) -> None:
        self.folder = folder
        self._max_pending = max_pending
        self._max_of_project = max_of_project
        self._max_of_client = max_of_client
        self._senders: dict[str, tuple[str, str]] = {}

    def secure(self) -> None:
        """Restrict the folder and all suggestions in it to their owner. Raises SuggestionsFull."""
        with self._locked():
            for folder in self._folders():
                private_folder(folder)
                for path in folder.iterdir():
                    is_ours = _ID.fullmatch(path.stem) or path.name in (_LOCK, _KEY)
                    if is_ours and not path.is_symlink() and path.stat().st_mode & 0o077:
                        path.chmod(0o600)

    def send(self, suggestion: Suggestion, network: str = "") -> Suggestion:
        """Add a suggestion from a network to the queue; without a network, the limit per client does not apply.

        Raises SuggestionError if it is not a valid edit, SuggestionQuota if too many from this network are pending,
        SuggestionsFull if too many for this project or in total are pending.
        """
        ensure_valid(suggestion)
        with self._locked():
            client = self._key().hash(network) if network else ""
            self._ensure_capacity(suggestion.project, client)
            now = datetime.now(UTC)
            queued = replace(
                suggestion,
                id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}",
                time=now.isoformat("T", "seconds"),
                client=client,
            )
            self._write(self.folder, queued)
        return queued

    def _ensure_capacity(self, project: str, client: str) -> None:
        """Raise SuggestionQuota or SuggestionsFull if the queue cannot take one more."""
        waiting = {path.stem: path for path in self._files()}
        # A pending file never changes, so each is read only once.
        self._senders = {name: self._senders.get(name) or _project_and_client(path) for name, path in waiting.items()}
        senders = list(self._senders.values())
        if client and sum(other == client for _, other in senders) >= self._max_of_client:
            raise SuggestionQuota(
                f"{self._max_of_client} suggestions from your network are already waiting for a curator",
                "Try again when a curator has reviewed some of them.",
            )
        if sum(other == project for other, _ in senders) >= self._max_of_project:
            raise SuggestionsFull(
                f"{self._max_of_project} suggestions for this project are already waiting for a curator",
                "Try again in a few days.",
            )
        if len(senders) >= self._max_pending:
            raise SuggestionsFull("Too many suggestions are waiting for a curator", "Try again in a few days.")

    def forget(self, mentions: Callable[[str], bool]) -> dict[str, str]:
        """Delete every suggestion, pending or reviewed, that ``mentions`` a person.

        If only the sender's name or address does, delete only these. Returns what was done, by id. Raises
        SuggestionsFull.
        """
        done: dict[str, str] = {}
        with self._locked():
            for folder in self._folders():
                for partial in folder.glob(".*.part"):  # left by a killed process
                    partial.unlink()
                for path in sorted(folder.glob("*.json")):
                    if _ID.fullmatch(path.stem) and not path.is_symlink() and (action := self._forget(path, mentions)):
                        done[path.stem] = action
        return done

    def _forget(self, path: Path, mentions: Callable[[str], bool]) -> str:
        text = path.read_text(encoding="utf-8", errors="replace")
        suggestion = None
        texts = [text]
        with suppress(ValueError, TypeError, KeyError, RecursionError):  # search all of a damaged file
            suggestion = replace(_parsed(text), id=path.stem)
            texts = [suggestion.project, suggestion.title, suggestion.name, suggestion.text, suggestion.comment]
            texts += [suggestion.reason, suggestion.base.file, suggestion.base.text]
        if any(map(mentions, texts)):
            path.unlink()
            return "removed"
        if suggestion and (mentions(suggestion.sender) or mentions(suggestion.email)):
            self._write(path.parent, replace(suggestion, sender="", email=""))
            return "sender removed"
        return ""

    def pending(self) -> Iterator[Suggestion]:
        """Yield the pending suggestions, oldest first. Raises SuggestionError for a damaged one."""
        for path in sorted(self._files()):
            yield self.get(path.stem)

    def get(self, name: str) -> Suggestion:
        """Return a pending suggestion by its id. Raises SuggestionError."""
        path = self.folder / f"{name}.json"
        if not _ID.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise SuggestionError(
                f"No suggestion {name!r} is pending in {self.folder}", "See cybilgraph suggestions list."
            )
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                raise SuggestionError(f"{path} is too large for a suggestion", "Delete the file.")
            found = _parsed(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise SuggestionError(f"{path} is damaged", "Delete the file.") from error
        return replace(found, id=name)

    def accept(self, name: str, records: Path, force: bool = False) -> Path:
        """Write the record file of a suggestion into a folder of records, and return the file's path.

        Raises SuggestionError if the file has changed since the edit began, unless ``force`` is true; and always if
        the path is outside the folder, or the text is not a record of the same project in the same format.
        """
        with self._locked():
            suggestion = self.get(name)
            target = _path_below(records, suggestion.target)
            ensure_valid(suggestion)
            ensure_same_project(suggestion.name, suggestion.base.text, records_in(suggestion.name, suggestion.text))
            before = target.read_bytes() if target.exists() else None
            content = _encode_like(suggestion.text, before or b"")
            if not force and before != content and (reason := _file_change(suggestion, before)):
                raise SuggestionError(
                    f"{target}: {reason}",
                    f"See both changes: cybilgraph suggestions show {self.folder} {name} --records {records}\n"
                    "  Merge them by hand and reject the suggestion, or accept it with --force, which overwrites the "
                    "file's own changes.",
                )
            try:
                with atomic_write(target) as file:
                    file.write(content)
            except OSError as error:
                raise SuggestionError(
                    f"{target} cannot be written: {error.strerror}", "Check its permissions."
                ) from error
            self._archive(suggestion, ACCEPTED)
        return target

    def reject(self, name: str, reason: str) -> None:
        """Reject a suggestion with a reason. Raises SuggestionError."""
        with self._locked():
            self._archive(replace(self.get(name), reason=reason), REJECTED)

    def _archive(self, suggestion: Suggestion, where: str) -> None:
        """Move a reviewed suggestion, and delete its sender, who is no longer needed."""
        self._write(self.folder / where, replace(suggestion, sender="", email="", client=""))
        (self.folder / f"{suggestion.id}.json").unlink()

    def _folders(self) -> list[Path]:
        """Return the existing folders of pending and reviewed suggestions."""
        return [folder for where in ("", ACCEPTED, REJECTED) if (folder := self.folder / where).is_dir()]

    def _key(self) -> Key:
        path = self.folder / _KEY
        try:
            return read_key(path)
        except (OSError, ValueError):  # with a new key, pending suggestions no longer count towards client limits
            return create_key(path)

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*.json") if _ID.fullmatch(path.stem))

    def _write(self, folder: Path, suggestion: Suggestion) -> None:
        content = json.dumps(asdict(suggestion), ensure_ascii=False, indent=1).encode(errors="replace") + b"\n"
        try:
            private_folder(folder)
            for partial in folder.glob(".*.part"):  # left by a killed process
                partial.unlink(missing_ok=True)
            with atomic_write(folder / f"{suggestion.id}.json", mode=0o600) as file:
                file.write(content)
        except OSError as error:
            raise SuggestionsFull(
                f"The suggestion cannot be stored: {error.strerror}", "Try again when the disk has free space."
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
            "The folder must belong to the user of this process, with access for nobody else. If it does, try again "
            "in a moment.",
        )


def _project_and_client(path: Path) -> tuple[str, str]:
    """Return the project and the client of a suggestion; both are empty if it is damaged."""
    try:
        found = _parsed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "", ""
    return found.project, found.client


def current_file(suggestion: Suggestion, records: Path) -> str | None:
    """Return the current text of the record file; None if there is none. Raises SuggestionError."""
    target = _path_below(records, suggestion.target)
    if not target.exists():
        return None
    return normalise_line_ends(target.read_bytes().decode("utf-8-sig", errors="replace"))


def describe_file_change(suggestion: Suggestion, records: Path) -> str:
    """Describe how the record file has changed since the edit began; empty if it has not. Raises SuggestionError."""
    target = _path_below(records, suggestion.target)
    return _file_change(suggestion, target.read_bytes() if target.exists() else None)


def unified_diff(before: str, after: str, name: str, other: str) -> list[str]:
    """Return the lines of a unified diff."""
    return list(difflib.unified_diff(before.split("\n"), after.split("\n"), name, other, lineterm=""))


def _parsed(text: str) -> Suggestion:
    """Parse the file of a suggestion. Raises ValueError, TypeError or KeyError if it is invalid."""
    found = json.loads(text)
    base = found.pop("base")
    if not all(isinstance(value, str) for value in (*found.values(), base["file"], base["sha256"], base["text"])):
        raise ValueError("a value is not a string")
    return Suggestion(**found, base=EditBase(**base))


def _file_change(suggestion: Suggestion, before: bytes | None) -> str:
    if not suggestion.base.is_source:
        return "" if before is None else "the file already exists"
    if before is None:
        return "the file no longer exists"
    same = hashlib.sha256(before).hexdigest() == suggestion.base.sha256
    return "" if same else "the file has changed since the edit began"


def _path_below(records: Path, name: str) -> Path:
    """Return the path of a file in a folder by an untrusted relative path. Raises SuggestionError."""
    parts = PurePosixPath(name).parts
    odd = "\\" in name or "\0" in name or not parts or any(part.startswith((".", "/")) for part in parts)
    root = records.resolve()
    target = root.joinpath(*parts) if not odd else root
    if odd or target.resolve() != target or not target.parent.is_dir() or (target.exists() and not target.is_file()):
        raise SuggestionError(
            f"{name!r} is not a record file in {records}",
            "Give the folder of records that the release was built from, such as --records data/records",
        )
    return target


def _encode_like(text: str, before: bytes) -> bytes:
    """Encode a text with the line ends and byte order mark of the file it replaces."""
    text = normalise_line_ends(text)
    if not text.endswith("\n") and (not before or before.endswith(b"\n")):
        text += "\n"
    if b"\r\n" in before:
        text = text.replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode(errors="replace")
