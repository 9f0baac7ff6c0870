"""Validates with the Rust package ``shacl``."""

from __future__ import annotations

import re
from functools import lru_cache
from sys import intern

import shacl

from cybilgraph.errors import ShapesError
from cybilgraph.model.findings import ShaclResult
from cybilgraph.runtime.bounded_cache import cache_short
from cybilgraph.validation.shapes import Shapes

#: A blank node in the engine's results, which number those of the shapes and then those of the data by appearance.
_BLANK = re.compile(r"_:[01]_b([0-9]+)")
#: Subject and blank object of a line of canonical N-Triples.
_NODES = re.compile(r"^(\S+) \S+ (?:(_:\S+) \.$)?", re.MULTILINE)


@lru_cache(maxsize=4)
def _compiled(text: str) -> shacl.Shapes:
    try:
        return shacl.Shapes.from_text(text, format="ntriples")
    except ValueError as error:
        raise ShapesError(
            f"The shapes cannot be used: {error}", "Correct the shape, or try the other engine."
        ) from error


def validate(ntriples: str, shapes: Shapes) -> list[ShaclResult]:
    """Return the results of these shapes on these triples, in the engine's order. Raises ShapesError."""
    try:
        found = _compiled(shapes.text).validate_text(ntriples, format="ntriples").results
    except ValueError as error:
        raise ShapesError(
            f"The shapes cannot be used: {error}", "Correct the shape, or try the other engine."
        ) from error
    labels: list[str] = []
    before = len(_blank_nodes(shapes.text))

    def term(printed: str | None) -> str:
        if printed is None or not (blank := _BLANK.fullmatch(printed)):
            return printed or ""
        if not labels:
            labels.extend(_blank_nodes(ntriples))
        return labels[int(blank[1]) - before]

    return [
        ShaclResult(
            focus=term(result.focus_node),
            rule=intern(shapes.name(_BLANK.sub(r"_:b\1", result.source_shape or "").strip("<>"))),
            path=intern(result.path or ""),
            value=term(result.value),
            component=intern(result.component_iri),
            severity=intern(result.severity_iri),
            messages=_shared_messages(*result.messages),
        )
        for result in found
    ]


@cache_short(entries=10_000, longest=500)
def _shared_messages(*messages: str) -> tuple[str, ...]:
    """Return one shared tuple for equal messages, because many results have the same."""
    return messages


def _blank_nodes(ntriples: str) -> list[str]:
    """Return the labels of blank nodes in order of appearance."""
    nodes = (node for line in _NODES.finditer(ntriples) for node in line.groups())
    return list(dict.fromkeys(node for node in nodes if node and node.startswith("_:")))
