"""The names and e-mail addresses that no release may have: keyed hashes, so that the list itself names nobody.

``DIR/forgotten`` has one line for each, ``hmac-sha256:KEY:HASH``, where KEY names the key that made it. The key is in
``DIR/forgotten.key``: neither file is ever published or served. Lists of earlier versions have plain SHA-256 hashes,
which anybody can compare with those of guessed names; they are honoured, and keyed by the next build or `forget`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cybilgraph.errors import ReleaseError
from cybilgraph.release.erasure import normalise_name
from cybilgraph.runtime.files import atomic_write
from cybilgraph.runtime.keyed_hash import Key, create_key, read_key

_LIST, _KEY = "forgotten", "forgotten.key"
_SCHEME = "hmac-sha256"
_ENTRY = re.compile(rf"(?:{_SCHEME}:([0-9a-f]{{8}}):)?([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class ForgottenNames:
    """Answers ``name in names``. Equal lists under one key have an equal ``repr``, which does not reveal the key."""

    hashes: tuple[str, ...] = ()
    key: Key = Key()  # noqa: RUF009

    def __contains__(self, who: str) -> bool:
        return bool(self.hashes) and self.key.hash(_plain_hash(who)) in self.hashes

    def __bool__(self) -> bool:
        """Whether anybody is to be left out."""
        return bool(self.hashes)


def read_forgotten(folder: Path) -> ForgottenNames:
    """Read the names of a folder of releases. Raises ReleaseError where they or their key cannot be read: a build
    would bring everybody back.
    """
    keyed, plain = _entries(folder)
    if not keyed and not plain:
        return ForgottenNames()
    key = _key(folder, {name for name, _ in keyed})
    hashes = {digest for _, digest in keyed} | {key.hash(digest) for digest in plain}
    return ForgottenNames(tuple(sorted(hashes)), key)


def add_forgotten(folder: Path, who: Iterable[str]) -> None:
    """Add names to the list of a folder, and key what is not keyed yet. Raises ReleaseError, OSError."""
    keyed, plain = _entries(folder)
    plain += [_plain_hash(name) for name in who]
    if not plain:
        return
    key = _key(folder, {name for name, _ in keyed})
    if not key.secret:
        key = create_key(folder / _KEY)
    hashes = {digest for _, digest in keyed} | {key.hash(digest) for digest in plain}
    with atomic_write(folder / _LIST, mode=0o600) as file:
        file.write("".join(f"{_SCHEME}:{key.name}:{digest}\n" for digest in sorted(hashes)).encode())


def _plain_hash(who: str) -> str:
    """The hash that earlier versions kept: it is what is keyed, so that their lists can be keyed without the names."""
    return hashlib.sha256(normalise_name(who).encode()).hexdigest()


def _entries(folder: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """The entries of a list: name of the key and hash of those that are keyed, and the plain hashes."""
    path = folder / _LIST
    try:
        lines = path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return [], []
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path} cannot be read: {error}", "It lists who is to be forgotten: restore it.") from error
    entries = [_ENTRY.fullmatch(line) for line in lines]
    if not all(entries):
        raise ReleaseError(
            f"Line {entries.index(None) + 1} of {path} is damaged", "It lists who is to be forgotten: restore it."
        )
    found = [entry.groups() for entry in entries if entry]
    return [(name, digest) for name, digest in found if name], [digest for name, digest in found if not name]


def _key(folder: Path, names: set[str]) -> Key:
    """The key that entries name; where none names one, any is good. Raises ReleaseError."""
    path = folder / _KEY
    try:
        key = read_key(path)
    except FileNotFoundError:
        if not names:
            return Key()
        how = "is missing"
    except (OSError, ValueError) as error:
        how = f"cannot be read: {error}"
    else:
        if names <= {key.name}:
            return key
        how = "is another one"
    raise ReleaseError(
        f"{folder / _LIST} lists who is to be forgotten, but its key {path} {how}",
        f"Restore the key from a backup. If it is lost, delete {folder / _LIST} and {path}, and run cybilgraph forget "
        "again for each person before the next build.",
    )
