"""A suggestion to edit the seed record."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from cybilgraph.web.suggestions import (
    EditBase,
    Suggestion,
)
from tests.conftest import SEED

TEXT = SEED.read_text(encoding="utf-8")
EDITED = TEXT.replace("Mar 2020", "Apr 2020")


def suggestion(name: str = "belize-G0020.txt", is_source: bool = True, **changes: str) -> Suggestion:
    base = EditBase(name, hashlib.sha256(TEXT.encode()).hexdigest(), TEXT, is_source)
    given = Suggestion(project="G0020", title="Support to Belize", name="page.txt", base=base, text=EDITED)
    return replace(given, **changes)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
