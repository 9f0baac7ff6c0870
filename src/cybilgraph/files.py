"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast


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
