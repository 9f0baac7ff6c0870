"""Addresses of other file systems (s3://, https://, memory://, zip://…::…), through fsspec: what is there is copied
here, and files are put there.

Only who runs a command or calls the Python API names an address: nothing that a visitor of the site sends comes here.
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

#: A protocol, and what comes behind it; a chain of them has :: between.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*(?:://|::).*", re.IGNORECASE | re.DOTALL)
#: What only its owner may see: user and password, and the signature in a query.
_SECRET = re.compile(r"(?<=://)[^/@]*@|\?[^:]*")
_DENIED = (401, 403)


@dataclass(frozen=True, slots=True)
class LocalCopy(os.PathLike[str]):
    """A file or folder on this machine, and the address that it was copied from, without what is secret in it."""

    path: Path
    address: str

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return self.address


def is_address(place: str | os.PathLike[str]) -> bool:
    """Whether it is no place on this machine, but an address."""
    return isinstance(place, str) and _ADDRESS.fullmatch(place) is not None


@contextmanager
def local_copies(places: Iterable[str | os.PathLike[str]]) -> Iterator[list[str | os.PathLike[str]]]:
    """The places; those that are addresses as ``LocalCopy``, until the block ends.

    Raises AddressError where one cannot be had.
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
    """A copy of the file, or of the folder with all that it holds, below a folder."""
    shown = _without_secrets(address)
    with _translate_errors(shown):
        system, root = _opened(address)
        is_folder = system.info(root)["type"] == "directory"
        there = system.find(root) if is_folder else [root]
    base = into / "folder" if is_folder else into
    targets = [base / (_below(root, name, shown) if is_folder else _name(root, shown)) for name in there]
    base.mkdir(exist_ok=True)
    with _translate_errors(shown):
        for folder in {target.parent for target in targets}:
            folder.mkdir(parents=True, exist_ok=True)
        system.get(there, [str(target) for target in targets])
    return base if is_folder else targets[0]


def _below(root: str, name: str, shown: str) -> PurePosixPath:
    """The path of a file below a folder. Raises AddressError where it would be elsewhere."""
    below = PurePosixPath(name.removeprefix(root.rstrip("/")).lstrip("/"))
    if ".." in below.parts:
        raise AddressError(f"{shown} holds {name!r}, which lies outside of it", "Is it an archive to be trusted?")
    return below


def _name(root: str, shown: str) -> str:
    """The name of a file. Raises AddressError where the address ends without one."""
    name = root.partition("?")[0].rpartition("/")[2]
    if name in ("", ".", ".."):
        raise AddressError(f"{shown} names no file", "A folder over HTTP cannot be listed: name its files.")
    return name


class RemoteFolder:
    """A folder at an address, to put files into. Raises AddressError, here and in all it does."""

    def __init__(self, address: str) -> None:
        self.shown = _without_secrets(address)
        with self._translate_errors():
            self._system, root = _opened(address)
        self._root = root.rstrip("/")

    def sizes(self, below: str) -> dict[str, int]:
        """The files below a folder in it, each by its path from there, with its bytes."""
        root = f"{self._root}/{below}"
        with self._translate_errors():
            self._system.invalidate_cache()
            found = self._system.find(root, detail=True)
        return {name.partition(f"{root.lstrip('/')}/")[2]: int(about["size"]) for name, about in found.items()}

    def read(self, name: str) -> bytes:
        """A file; nothing where there is none."""
        with self._translate_errors():
            try:
                return bytes(self._system.cat_file(f"{self._root}/{name}"))
            except FileNotFoundError:
                return b""

    def put(self, path: Path, name: str) -> None:
        """Copy a file of this machine there."""
        target = f"{self._root}/{name}"
        with self._translate_errors():
            self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._system.put_file(str(path), target)

    def write(self, content: bytes, name: str) -> None:
        """Make this the file."""
        with self._translate_errors():
            self._system.pipe_file(f"{self._root}/{name}", content)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._translate_errors():
            self._system.rm_file(f"{self._root}/{name}")

    def _translate_errors(self) -> Any:
        return _translate_errors(self.shown)


def _opened(address: str) -> tuple[Any, str]:
    """The file system, and the path in it."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise AddressError(
            f"{_without_secrets(address)}: fsspec is not installed here, which reads and writes other file systems",
            'Install it: pip install "cybilgraph[remote]"',
        ) from None
    system, path = url_to_fs(address)
    return system, str(path)


def _without_secrets(address: str) -> str:
    return _SECRET.sub("", address)


@contextmanager
def _translate_errors(shown: str) -> Iterator[None]:
    """Turns whatever fails in a file system of others into AddressError."""
    try:
        yield
    except AddressError:
        raise
    except Exception as error:  # each of these libraries has errors of its own, without a common base
        reason = error.__cause__ or error  # that of HTTP takes any failure for a file that is not there
        status = getattr(reason, "status", 0)
        if isinstance(error, ImportError):
            raise AddressError(
                f"{shown}: a package is missing here: {error}", "Install it beside cybilgraph."
            ) from error
        if isinstance(reason, PermissionError) or status in _DENIED:
            raise AddressError(
                f"{shown}: no permission",
                "Give credentials in the way of that service: its environment variables, or its file.",
            ) from error
        if isinstance(reason, FileNotFoundError) or status == 404:
            raise AddressError(f"{shown}: there is nothing", "Check the address.") from error
        raise AddressError(
            f"{shown} cannot be reached or used: {_SECRET.sub('', str(reason)) or type(reason).__name__}",
            "Check the address, and whether it can be reached from here.",
        ) from error
