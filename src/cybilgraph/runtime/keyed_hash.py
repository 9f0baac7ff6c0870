"""Keyed hashes: they show whether a text was seen before, but only to those who have the key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cybilgraph.runtime.files import atomic_write

_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key for HMAC with SHA-256 (RFC 2104). It is never part of its ``repr``."""

    secret: bytes = field(default=b"", repr=False)

    def hash(self, text: str) -> str:
        """The keyed hash of a text, in hexadecimal."""
        return hmac.new(self.secret, text.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

    @property
    def name(self) -> str:
        """What tells one key from another, and nothing about its secret."""
        return self.hash("the name of this key")[:8]


def read_key(path: Path) -> Key:
    """Read a key. Raises OSError, and ValueError where the file holds none."""
    text = path.read_text(encoding="ascii").strip()
    if not _HEXADECIMAL.fullmatch(text):
        raise ValueError(f"{path} does not hold 64 hexadecimal digits")
    return Key(bytes.fromhex(text))


def create_key(path: Path) -> Key:
    """Write a new random key to a file that only its owner can read. Raises OSError."""
    secret = secrets.token_bytes(32)
    with atomic_write(path, mode=0o600) as file:
        file.write(f"{secret.hex()}\n".encode())
    return Key(secret)
