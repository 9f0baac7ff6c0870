"""The time that builds record: now, or SOURCE_DATE_EPOCH (reproducible-builds.org)."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from cybilgraph.errors import CybilgraphError

_VARIABLE = "SOURCE_DATE_EPOCH"


def build_time() -> datetime:
    """Return the time to record. Raises CybilgraphError if SOURCE_DATE_EPOCH is not a number of seconds."""
    value = os.environ.get(_VARIABLE, "")
    if not value:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CybilgraphError(
            f"{_VARIABLE} is {value[:40]!r}, which is not a number of seconds since 1970",
            f"Unset it, or run: export {_VARIABLE}=$(date +%s)",
        ) from error
