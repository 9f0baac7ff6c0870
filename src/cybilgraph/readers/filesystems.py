"""Copy files from and to remote file systems through fsspec (s3://, https://, memory://, zip://…::…).

Addresses come only from the command line or the Python API, never from visitors of the site.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cybilgraph.errors import AddressError
from cybilgraph.runtime.files import TemporaryFolder

#: A protocol and a path; :: joins several.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*(?:://|::).*", re.IGNORECASE | re.DOTALL)
#: Credentials: user and password, or a signature in the query.
_SECRET = re.compile(r"(?<=://)[^/@]*@|\?[^:]*")
_DENIED = (401, 403)


@dataclass(frozen=True, slots=True)
class LocalCopy(os.PathLike[str]):
    """A local copy of a file or folder, with its address without credentials."""

    path: Path
    address: str

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.address


def is_address(place: str | os.PathLike[str]) -> bool:
    """Return whether this is the address of a remote file system rather than a local path."""
    return isinstance(place, str) and _ADDRESS.fullmatch(place) is not None


@contextmanager
def local_copies(places: Iterable[str | os.PathLike[str]]) -> Iterator[list[str | os.PathLike[str]]]:
    """Yield the places, with remote ones copied to this machine as ``LocalCopy`` until the block ends.

    Raises AddressError if a copy fails.
    """
    with ExitStack() as stack:
        here: list[str | os.PathLike[str]] = []
        for place in places:
            if isinstance(place, str) and is_address(place):
                folder = stack.enter_context(closing(TemporaryFolder("copies")))
                here.append(LocalCopy(_fetch(place, folder.path), _without_secrets(place)))
            else:
                here.append(place)
        yield here


def _fetch(address: str, into: Path) -> Path:
    """Copy a file, or a folder with its contents, into a local folder, and return its path."""
    shown = _without_secrets(address)
    with _translate_errors(shown):
        system, root = _opened(address)
        is_folder = system.info(root)["type"] == "directory"
        there = system.find(root) if is_folder else [root]
        base = into / "folder" if is_folder else into
        targets = [base / (_below(root, name, shown) if is_folder else _name(root, shown)) for name in there]
        for folder in {base, *(target.parent for target in targets)}:
            folder.mkdir(parents=True, exist_ok=True)
        system.get(there, [str(target) for target in targets])
    return base if is_folder else targets[0]


def _below(root: str, name: str, shown: str) -> PurePosixPath:
    """Return a file's path relative to a folder. Raises AddressError if it is outside."""
    below = PurePosixPath(name.removeprefix(root.rstrip("/")).lstrip("/"))
    if ".." in below.parts:
        raise AddressError(
            f"{shown} contains {name!r}, which is outside that folder", "Use archives from trusted sources only."
        )
    return below


def _name(root: str, shown: str) -> str:
    """Return the name of a file. Raises AddressError if the address ends without one."""
    name = root.partition("?")[0].rpartition("/")[2]
    if name in ("", ".", ".."):
        raise AddressError(f"{shown} does not name a file", "Folders cannot be listed over HTTP: name their files.")
    return name


class RemoteFolder:
    """A remote folder to write files to. All methods raise AddressError."""

    def __init__(self, address: str) -> None:
        self.shown = _without_secrets(address)
        with _translate_errors(self.shown):
            self._system, root = _opened(address)
        self._root = root.rstrip("/")

    def sizes(self, below: str) -> dict[str, int]:
        """Return the size in bytes of each file below a subfolder, by relative path."""
        root = f"{self._root}/{below}"
        with _translate_errors(self.shown):
            self._system.invalidate_cache()
            found = self._system.find(root, detail=True)
        return {name.partition(f"{root.lstrip('/')}/")[2]: int(about["size"]) for name, about in found.items()}

    def read(self, name: str) -> bytes:
        """Return the content of a file; empty if it does not exist."""
        with _translate_errors(self.shown):
            try:
                return bytes(self._system.cat_file(f"{self._root}/{name}"))
            except FileNotFoundError:
                return b""

    def put(self, path: Path, name: str) -> None:
        """Upload a local file."""
        target = f"{self._root}/{name}"
        with _translate_errors(self.shown):
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._system.put_file(str(path), target)

    def write(self, content: bytes, name: str) -> None:
        """Write a file."""
        with _translate_errors(self.shown):
            self._system.pipe_file(f"{self._root}/{name}", content)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with _translate_errors(self.shown):
            self._system.rm_file(f"{self._root}/{name}")


def _opened(address: str) -> tuple[Any, str]:
    """Return the file system and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise AddressError(
            f"{_without_secrets(address)}: remote file systems need fsspec, which is not installed",
            'Install it: pip install "cybilgraph[remote]"',
        ) from None
    system, path = url_to_fs(address)
    return system, str(path)


def _without_secrets(address: str) -> str:
    return _SECRET.sub("", address)


@contextmanager
def _translate_errors(shown: str) -> Iterator[None]:
    """Translate any error of a remote file system into AddressError."""
    try:
        yield
    except AddressError:
        raise
    except Exception as error:  # every library has its own errors, without a common base class
        reason = error.__cause__ or error  # the HTTP file system reports every failure as a missing file
        status = getattr(reason, "status", 0)
        what = f" cannot be accessed: {_without_secrets(str(reason)) or type(reason).__name__}"
        hint = "Check the address and the network connection."
        if isinstance(error, ImportError):
            what = f": a required package is missing: {error}"
            hint = "Install it in the same environment as cybilgraph."
        elif isinstance(reason, PermissionError) or status in _DENIED:
            what = ": permission denied"
            hint = "Provide credentials through the environment variables or the configuration file of that service."
        elif isinstance(reason, FileNotFoundError) or status == 404:
            what, hint = ": not found", "Check the address."
        raise AddressError(f"{shown}{what}", hint) from error
