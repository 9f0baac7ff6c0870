"""Atomic file writes, checksums, temporary folders, and files with the key of keyed hashes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

#: A line written by sha256sum (GNU coreutils), in text or binary mode.
_CHECKSUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")
_BLOCK_BYTES = 1 << 20
_HEXADECIMAL_KEY = re.compile(r"[0-9a-f]{64}")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ChecksumCache:
    """Checksums of files, computed again only if a file's size, times or inode have changed. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}
        self._reading = threading.Lock()

    def digest(self, file: BinaryIO) -> str:
        """Return the SHA-256 of an open file, and rewind it. Raises OSError."""
        identity = _file_identity(os.fstat(file.fileno()))
        if (known := self._known.get(file.name)) and known[0] == identity:
            return known[1]
        with self._reading:  # if several threads need the checksum, only one reads the file
            if (known := self._known.get(file.name)) and known[0] == identity:
                return known[1]
            digest = hashlib.sha256()
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
            file.seek(0)
            self._known[file.name] = (identity, digest.hexdigest())
            return digest.hexdigest()

    def is_unchanged(self, path: Path) -> bool:
        """Return whether a file has not been written since its checksum was computed."""
        try:
            return self._known[str(path)][0] == _file_identity(path.stat())
        except (OSError, KeyError):
            return False


def _file_identity(status: os.stat_result) -> tuple[int, ...]:
    """Return values that change with every write, even if somebody restores the modification time (ctime)."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def parse_checksums(text: str) -> dict[str, str]:
    """Parse the output of sha256sum into checksums by file name; ignore other lines."""
    rows = (_CHECKSUM_LINE.fullmatch(line) for line in text.splitlines())
    return {row[2]: row[1].lower() for row in rows if row}


@contextmanager
def atomic_write(target: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces the target only if the block succeeds.

    The target gets the permissions ``mode``, by default those it had before. Concurrent writers of the same target
    wait for each other, and a temporary file left by a killed process is overwritten. Raises OSError.
    """
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]  # the name may have the maximum length already
    temporary = target.with_name(f".{digest}.part")
    while (handle := _lock(temporary, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX)) is None:
        pass  # another process has moved it meanwhile
    with os.fdopen(handle, "r+b") as file:
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
            if _is_same_file(handle, temporary):  # otherwise it has become the target
                temporary.unlink()


def append_line(target: Path, line: bytes, first: bytes = b"") -> None:
    """Add complete lines to the end of a file, on disk when the function returns; a new file begins with ``first``.

    Concurrent writers wait for each other. If a killed process or an editor left the last line without its end, it
    gets one; if it left only a part of ``first``, the file begins again. Raises OSError.
    """
    while (handle := _lock(target, os.O_RDWR | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX, 0o644)) is None:
        pass  # another process has moved it meanwhile
    with os.fdopen(handle, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if 0 < size < len(first) and os.pread(handle, size, 0) == first[:size]:
            os.ftruncate(handle, size := 0)
        if not size:
            line = first + line
            fsync(target.parent)
        elif os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        if file.write(line) != len(line):
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)


@contextmanager
def locked_folder(path: Path) -> Iterator[None]:
    """Let other processes and threads that lock the folder wait until the end of the block. Raises OSError."""
    while (handle := _lock(path, os.O_DIRECTORY, fcntl.LOCK_EX)) is None:
        pass  # another process has moved it meanwhile
    try:
        yield
    finally:
        os.close(handle)


def rewrite(target: Path, change: Callable[[bytes], bytes]) -> None:
    """Replace the content of a file atomically; nobody can add lines with ``append_line`` meanwhile. Raises OSError."""
    while (handle := _lock(target, os.O_RDWR, fcntl.LOCK_EX)) is None:
        pass  # another process has moved it meanwhile
    try:
        with atomic_write(target) as file:
            file.write(change(target.read_bytes()))
    finally:
        os.close(handle)


def fsync(path: Path) -> None:
    """Flush a file or folder to disk, before a later step relies on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_folder(path: Path) -> None:
    """Create a folder that only its owner can enter, or restrict an existing one. Raises OSError."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


class TemporaryFolder:
    """A temporary folder that is removed when it is closed. Raises OSError.

    Creating one removes folders of the same ``purpose`` that killed processes have left behind. Names contain dots
    to avoid folders of older versions, which begin with ``cybilgraph-`` and are not locked.
    """

    def __init__(self, purpose: str) -> None:
        prefix = f"cybilgraph.{purpose}."
        for stale in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
            with suppress(OSError):  # in use, or owned by another user
                if (handle := _lock(stale, os.O_DIRECTORY, fcntl.LOCK_EX | fcntl.LOCK_NB)) is not None:
                    shutil.rmtree(stale, ignore_errors=True)
                    os.close(handle)
        while True:
            self._folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
            self.path = Path(self._folder.name)
            with suppress(BlockingIOError, FileNotFoundError):  # another process removes it as stale
                if (handle := _lock(self.path, os.O_DIRECTORY, fcntl.LOCK_EX | fcntl.LOCK_NB)) is not None:
                    self._handle = handle
                    return
            self._folder.cleanup()

    def close(self) -> None:
        """Remove the folder and its content."""
        self._folder.cleanup()
        os.close(self._handle)


def _lock(path: Path, flags: int, operation: int, mode: int = 0o600) -> int | None:
    """Open a file or folder with a lock, which ends with the process at the latest, without following links.

    Return its file descriptor, or None if another process has moved or deleted it meanwhile. Raises OSError.
    """
    handle = os.open(path, flags | os.O_NOFOLLOW, mode)
    try:
        fcntl.flock(handle, operation)
        if _is_same_file(handle, path):
            return handle
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@dataclass(frozen=True, slots=True)
class Key:
    """A key for hashes with which only its owner can check whether a text is known (HMAC-SHA-256, RFC 2104).

    Its ``repr`` does not show the secret.
    """

    secret: bytes = field(default=b"", repr=False)

    def hash(self, text: str) -> str:
        """Return the keyed hash of a text in hexadecimal."""
        return hmac.new(self.secret, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    @property
    def name(self) -> str:
        """A name that identifies the key without revealing its secret."""
        return self.hash("the name of this key")[:8]


def read_key(path: Path) -> Key:
    """Read a key. Raises OSError, or ValueError if the file does not contain one."""
    text = path.read_text(encoding="ascii").strip()
    if not _HEXADECIMAL_KEY.fullmatch(text):
        raise ValueError(f"{path} does not hold 64 hexadecimal digits")
    return Key(bytes.fromhex(text))


def create_key(path: Path) -> Key:
    """Write a new random key to a file that only its owner can read. Raises OSError."""
    secret = secrets.token_bytes(32)
    with atomic_write(path, mode=0o600) as file:
        file.write(f"{secret.hex()}\n".encode())
    return Key(secret)
