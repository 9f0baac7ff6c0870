"""Files: written whole or not at all, and known by their checksums; folders for a while."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

#: A line of sha256sum (GNU coreutils), in text or binary mode.
_CHECKSUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ChecksumCache:
    """The checksums of files as they were last looked at. One that has the same size, dates and place on the disk
    is not read again. Safe for threads.
    """

    #: Bytes that are read at once.
    BLOCK = 1 << 20

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}
        self._reading = threading.Lock()

    def digest(self, file: BinaryIO) -> str:
        """The SHA-256 of an open file, which is at its first byte again. Raises OSError."""
        known = self._known.get(file.name)
        if known and known[0] == _file_identity(os.fstat(file.fileno())):
            return known[1]
        with self._reading:  # of many who ask at once, one reads
            known = self._known.get(file.name)
            return known[1] if known and known[0] == _file_identity(os.fstat(file.fileno())) else self.again(file)

    def is_unchanged(self, path: Path) -> bool:
        """Whether nobody has written to a file since it was last looked at."""
        try:
            return self._known[str(path)][0] == _file_identity(path.stat())
        except (OSError, KeyError):
            return False

    def again(self, file: BinaryIO, between: Callable[[], object] = lambda: None) -> str:
        """The same, read in any case; ``between`` is called after each block. Raises OSError."""
        stamp, digest = _file_identity(os.fstat(file.fileno())), hashlib.sha256()
        file.seek(0)
        while block := file.read(self.BLOCK):
            digest.update(block)
            between()
        file.seek(0)
        self._known[file.name] = (stamp, digest.hexdigest())
        return digest.hexdigest()


def _file_identity(now: os.stat_result) -> tuple[int, ...]:
    """What is another as soon as anybody writes to the file, also who gives it its old date again (ctime)."""
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def parse_checksums(text: str) -> dict[str, str]:
    """The checksums by name of a list as sha256sum writes it; other lines are passed over."""
    rows = (_CHECKSUM_LINE.fullmatch(line) for line in text.splitlines())
    return {row[2]: row[1].lower() for row in rows if row}


@contextmanager
def atomic_write(target: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """A file that appears, or takes the place of the one that is there, only when the block has ended well.

    It has the rights ``mode``, or else keeps those of the one that was there. Whoever writes the same file waits;
    what was left by one who was killed is written over. Raises OSError.
    """
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]  # a name may be as long as one can be
    temporary = target.with_name(f".{digest}.part")
    with _open_locked(temporary) as file:
        try:
            file.truncate()
            yield file
            file.flush()
            os.fsync(file.fileno())
            if mode is None:
                mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
            os.fchmod(file.fileno(), mode)
            temporary.replace(target)
        finally:
            if _is_same_file(file, temporary):  # else it is the target now
                temporary.unlink()


def private_folder(path: Path) -> None:
    """Create a folder that only its owner can enter, or close one that is open to others. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


class TemporaryFolder:
    """A folder for as long as it is not closed. Those of the same ``purpose`` that were left by
    processes which were killed are removed when the next one is made. Raises OSError.

    The name has dots, since folders that versions without this have, and do not hold, begin with ``cybilgraph-``.
    """

    def __init__(self, purpose: str) -> None:
        begin = f"cybilgraph.{purpose}."
        for left in Path(tempfile.gettempdir()).glob(f"{begin}*"):
            with suppress(OSError):  # it is in use, or another's
                handle = _lock_folder(left)
                shutil.rmtree(left, ignore_errors=True)
                os.close(handle)
        while True:
            self._folder = tempfile.TemporaryDirectory(prefix=begin, ignore_cleanup_errors=True)
            self.path = Path(self._folder.name)
            try:
                self._handle = _lock_folder(self.path)
            except (BlockingIOError, FileNotFoundError):  # another took it for one that was left
                self._folder.cleanup()
            else:
                return

    def close(self) -> None:
        """Remove it, with all that it holds."""
        self._folder.cleanup()
        os.close(self._handle)


def _lock_folder(folder: Path) -> int:
    """A handle of a folder that nobody else holds in this way; the process that ends lets it go, however it ends.

    Raises BlockingIOError where another holds it, OSError where it is none.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), folder.lstat()):
            raise FileNotFoundError(folder)
    except OSError:
        os.close(handle)
        raise
    return handle


def _open_locked(path: Path) -> BinaryIO:
    """The file at this path, which nobody else has who asks in this way; links are not followed."""
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_same_file(file, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # another has moved it away meanwhile


def _is_same_file(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
