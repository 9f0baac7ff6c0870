"""SHACL by the Rust package ``shacl``."""

from __future__ import annotations

import re
from functools import lru_cache

import shacl

from cybilgraph.validation.results import Result

_FIRST_IRI = re.compile(r"<([^>]*)>")


@lru_cache(maxsize=4)
def _shapes(turtle: str) -> shacl.Shapes:
    return shacl.Shapes.from_turtle(turtle)


def validate(ntriples: str, shapes: str) -> list[Result]:
    """The results of these shapes (Turtle) over these triples, in the engine's order."""
    return [
        Result(
            focus=_plain(result.focus_node),
            rule=_plain(result.source_shape or ""),
            path=first[1] if (first := _FIRST_IRI.search(result.path or "")) else "",
            value=result.value_plain or "",
            severity=result.severity.lower(),
            message=result.message or "",
        )
        for result in _shapes(shapes).validate_text(ntriples, format="ntriples").results
    ]


def _plain(term: str) -> str:
    return term[1:-1] if term.startswith("<") else term
