"""The list of erased names and e-mail addresses, stored as keyed hashes so that the list itself reveals no names.

``DIR/forgotten`` has one line per name, ``hmac-sha256:KEY:HASH``, where KEY identifies the key in
``DIR/forgotten.key``. Neither file is ever published or served. Lists of earlier versions contain plain SHA-256 hashes,
which anybody can compare with those of guessed names. They are honoured, and converted by the next build or `forget`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cybilgraph.errors import ReleaseError
from cybilgraph.release.erasure import normalise_name
from cybilgraph.runtime.files import Key, atomic_write, create_key, read_key

#: A shorter text would match too many words that are not the name of a person.
MIN_NAME_LETTERS = 3
_LIST, _KEY = "forgotten", "forgotten.key"
_SCHEME = "hmac-sha256"
_ENTRY = re.compile(rf"(?:{_SCHEME}:([0-9a-f]{{8}}):)?([0-9a-f]{{64}})")


@dataclass(frozen=True, slots=True)
class ForgottenNames:
    """A set of names that supports ``name in names``.

    Equal lists under the same key have an equal ``repr``, which does not reveal the key.
    """

    hashes: tuple[str, ...] = ()
    key: Key = Key()  # noqa: RUF009

    def __contains__(self, who: str) -> bool:
        return bool(self.hashes) and self.key.hash(_plain_hash(who)) in self.hashes


def read_forgotten(folder: Path) -> ForgottenNames:
    """Read the list of a folder of releases.

    Raises ReleaseError if the list or its key cannot be read, because a build would restore the erased persons.
    """
    entries = _entries(folder)
    if not entries:
        return ForgottenNames()
    key = _key(folder, entries)
    return ForgottenNames(_keyed_hashes(entries, key), key)


def add_forgotten(folder: Path, who: Iterable[str]) -> None:
    """Add names to the list of a folder, and convert plain hashes to keyed ones. Raises ReleaseError, OSError."""
    entries = _entries(folder) + [("", _plain_hash(name)) for name in who]
    if all(name for name, _ in entries):
        return
    key = _key(folder, entries)
    if not key.secret:
        key = create_key(folder / _KEY)
    with atomic_write(folder / _LIST, mode=0o600) as file:
        file.writelines(f"{_SCHEME}:{key.name}:{digest}\n".encode() for digest in _keyed_hashes(entries, key))


def _keyed_hashes(entries: list[tuple[str, str]], key: Key) -> tuple[str, ...]:
    return tuple(sorted({digest if name else key.hash(digest) for name, digest in entries}))


def _plain_hash(who: str) -> str:
    """Return the hash that earlier versions stored; keyed hashes are derived from it, so old lists can be converted."""
    return hashlib.sha256(normalise_name(who).encode()).hexdigest()


def _entries(folder: Path) -> list[tuple[str, str]]:
    """Return the entries of a list: the name of the key, which is empty for a plain hash, and the hash."""
    path = folder / _LIST
    try:
        lines = path.read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path} cannot be read: {error}", "It lists erased names: restore it.") from error
    entries = [_ENTRY.fullmatch(line) for line in lines]
    if not all(entries):
        raise ReleaseError(
            f"Line {entries.index(None) + 1} of {path} is damaged", "It lists erased names: restore it from a backup."
        )
    return [(entry[1] or "", entry[2]) for entry in entries if entry]


def _key(folder: Path, entries: list[tuple[str, str]]) -> Key:
    """Return the key that the entries name; any key will do if none names one. Raises ReleaseError."""
    path, names = folder / _KEY, {name for name, _ in entries if name}
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
        how = "is a different one"
    raise ReleaseError(
        f"{folder / _LIST} lists erased names, but its key {path} {how}",
        f"Restore the key from a backup. If it is lost, delete {folder / _LIST} and {path}, and run cybilgraph forget "
        "again for each person before the next build.",
    )
