"""The result of one broken rule, as both engines report it."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from cybilgraph.resources import shape_files

#: The file of the shapes that are held against all records together.
ACROSS = "across"


class Result(NamedTuple):
    """One SHACL validation result (SHACL, section 3.6.2), as plain text.

    ``focus``, ``rule`` and ``path`` are IRIs; ``path`` is the first property where the shape
    has a longer path, empty for a node shape. ``value`` is an IRI or a literal's text.
    """

    focus: str
    rule: str
    path: str
    value: str
    severity: str
    message: str


@cache
def shapes_text(across: bool = False) -> str:
    """The shapes that are held against each record in one Turtle text; or those that are held
    against all records together.
    """
    files = [path for path in shape_files() if (path.stem == ACROSS) is across]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)
