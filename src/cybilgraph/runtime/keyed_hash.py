"""Keyed hashes, with which only the owner of the key can check whether a text is known."""

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
    """A key for HMAC-SHA-256 (RFC 2104). Its ``repr`` does not show the secret."""

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
    if not _HEXADECIMAL.fullmatch(text):
        raise ValueError(f"{path} does not hold 64 hexadecimal digits")
    return Key(bytes.fromhex(text))


def create_key(path: Path) -> Key:
    """Write a new random key to a file that only its owner can read. Raises OSError."""
    secret = secrets.token_bytes(32)
    with atomic_write(path, mode=0o600) as file:
        file.write(f"{secret.hex()}\n".encode())
    return Key(secret)
