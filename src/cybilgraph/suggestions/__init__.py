"""Suggested edits: a folder in which they wait for a curator, who accepts or rejects each.

    DIR/
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from cybilgraph.errors import SuggestionError, SuggestionsFull
from cybilgraph.files import written_whole
from cybilgraph.readers.inputs import MAX_BYTES
from cybilgraph.reference import slug
from cybilgraph.suggestions.soundness import ensure_same_project, ensure_sound, plain, records_in

#: So many wait; then a curator has to decide some first.
MOST_WAITING = 200
ACCEPTED, REJECTED = "accepted", "rejected"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
_MOST_FILE = 4 * MAX_BYTES
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Base:
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
    """One suggested edit: ``text`` for the record of ``project``; ``name`` tells by its suffix how it is read."""

    project: str
    title: str
    name: str
    base: Base
    text: str
    comment: str = ""
    sender: str = ""
    email: str = ""
    id: str = ""
    time: str = ""
    reason: str = ""

    @property
    def target(self) -> str:
        """The record file that it would become, by its path below the folder of records."""
        return self.base.file if self.base.is_source else f"{slug(self.project)}.yaml"


class Suggestions:
    """The suggestions in one folder. Safe for several threads and processes."""

    def __init__(self, folder: Path, most: int = MOST_WAITING) -> None:
        self.folder = folder
        self._most = most

    def send(self, given: Suggestion) -> Suggestion:
        """Take a suggestion in. Raises SuggestionError where it is none, SuggestionsFull where no more can wait."""
        ensure_sound(given)
        with self._locked():
            if sum(1 for _ in self._files()) >= self._most:
                raise SuggestionsFull("Too many suggestions wait for a curator", "Send it again in a few days.")
            now = datetime.now(UTC)
            taken = replace(given, id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", time=now.isoformat("T", "seconds"))
            self._write(self.folder, taken)
        return taken

    def waiting(self) -> Iterator[Suggestion]:
        """Those that wait, the oldest first. Raises SuggestionError at one that is damaged."""
        for path in sorted(self._files()):
            yield self.get(path.stem)

    def get(self, name: str) -> Suggestion:
        """One that waits, by its id. Raises SuggestionError."""
        path = self.folder / f"{name}.json"
        if not _ID.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise SuggestionError(f"No suggestion {name!r} waits in {self.folder}", "cybilgraph suggestions list")
        try:
            if path.stat().st_size > _MOST_FILE:
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
            target = _inside(records, given.target)
            ensure_sound(given)
            ensure_same_project(given.name, given.base.text, records_in(given.name, given.text))
            before = target.read_bytes() if target.exists() else None
            content = _like(given.text, before or b"")
            if not force and before != content and (reason := _changed(given, before)):
                raise SuggestionError(
                    f"{target}: {reason}",
                    f"See both changes: cybilgraph suggestions show {self.folder} {name} --records {records}\n"
                    "  Put them together by hand and reject the suggestion, or take it as it is with --force: "
                    "what the file has that the suggestion has not is lost then.",
                )
            try:
                with written_whole(target) as file:
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
        self._write(self.folder / where, replace(given, sender="", email=""))
        (self.folder / f"{given.id}.json").unlink()

    def _files(self) -> Iterator[Path]:
        return (path for path in self.folder.glob("*.json") if _ID.fullmatch(path.stem))

    def _write(self, folder: Path, given: Suggestion) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.glob(".*.json.*"):  # of a process that was killed
                left.unlink(missing_ok=True)
            with written_whole(folder / f"{given.id}.json") as file:
                file.write(json.dumps(asdict(given), ensure_ascii=False, indent=1).encode(errors="replace") + b"\n")
        except OSError as error:
            raise SuggestionsFull(
                f"The suggestion cannot be kept: {error.strerror}", "Send it again when there is room on the disk."
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=_PATIENCE)
            lock.acquire()
        except (OSError, Timeout) as error:
            raise SuggestionsFull(
                f"{self.folder} cannot be worked in: {error}", "Check its rights, or try again in a moment."
            ) from error
        try:
            yield
        finally:
            lock.release()


def current(given: Suggestion, records: Path) -> str | None:
    """The record file as it is now, as text; None where there is none. Raises SuggestionError."""
    target = _inside(records, given.target)
    if not target.exists():
        return None
    return plain(target.read_bytes().decode("utf-8-sig", errors="replace"))


def is_changed(given: Suggestion, records: Path) -> str:
    """How the record file has changed since the edit began; empty where it has not. Raises SuggestionError."""
    target = _inside(records, given.target)
    return _changed(given, target.read_bytes() if target.exists() else None)


def difference(before: str, after: str, name: str, other: str) -> list[str]:
    """The lines of a unified diff."""
    return list(difflib.unified_diff(before.split("\n"), after.split("\n"), name, other, lineterm=""))


def _parsed(text: str) -> Suggestion:
    """A suggestion from its file. Raises ValueError, TypeError, KeyError where it is none."""
    found = json.loads(text)
    base = found.pop("base")
    if not all(isinstance(value, str) for value in (*found.values(), base["file"], base["sha256"], base["text"])):
        raise ValueError("what should be a text is none")
    return Suggestion(**found, base=Base(**base))


def _changed(given: Suggestion, before: bytes | None) -> str:
    if not given.base.is_source:
        return "" if before is None else "there is such a file already"
    if before is None:
        return "the file is no longer there"
    same = hashlib.sha256(before).hexdigest() == given.base.sha256
    return "" if same else "the file has changed since the edit began"


def _inside(records: Path, name: str) -> Path:
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


def _like(text: str, before: bytes) -> bytes:
    """A text as bytes, with the line ends and the mark of the file whose place it takes."""
    text = plain(text)
    if not text.endswith("\n") and (not before or before.endswith(b"\n")):
        text += "\n"
    if b"\r\n" in before:
        text = text.replace("\n", "\r\n")
    return (b"\xef\xbb\xbf" if before.startswith(b"\xef\xbb\xbf") else b"") + text.encode(errors="replace")
