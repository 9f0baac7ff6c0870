"""Files: written whole or not at all, and known by their checksums."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

#: A line of sha256sum (GNU coreutils), in text or binary mode.
_SUM = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_sums(text: str) -> dict[str, str]:
    """The checksums by name of a list as sha256sum writes it; other lines are passed over."""
    rows = (_SUM.fullmatch(line) for line in text.splitlines())
    return {row[2]: row[1].lower() for row in rows if row}


@contextmanager
def written_whole(target: Path) -> Iterator[BinaryIO]:
    """A file that appears, or takes the place of the one that is there, only when the block has ended well.

    It keeps the rights of the one that was there. Raises OSError.
    """
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:100]}.", delete=False) as file:
        aside = Path(file.name)
        try:
            yield cast("BinaryIO", file)
            file.flush()
            os.fsync(file.fileno())
            aside.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
