"""What time it is for what is made: now, or what SOURCE_DATE_EPOCH says (reproducible-builds.org)."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from cybilgraph.errors import CybilgraphError

_VARIABLE = "SOURCE_DATE_EPOCH"


def build_time() -> datetime:
    """Raises CybilgraphError where the environment says it, and it is no number of seconds."""
    given = os.environ.get(_VARIABLE, "")
    if not given:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(given), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CybilgraphError(
            f"{_VARIABLE} is {given[:40]!r}, and no number of seconds since 1970",
            f"Unset it, or: export {_VARIABLE}=$(date +%s)",
        ) from error
