"""Validates with the Rust package ``shacl``."""

from __future__ import annotations

import re
from functools import lru_cache
from sys import intern

import shacl

from cybilgraph.model.findings import ShaclResult
from cybilgraph.validation.shapes import Shapes, unusable

#: A blank node in the engine's results, which number those of the shapes and then those of the data by appearance.
_BLANK = re.compile(r"_:[01]_b([0-9]+)")
#: Subject and blank object of a line of canonical N-Triples.
_NODES = re.compile(r"^(\S+) \S+ (?:(_:\S+) \.$)?", re.MULTILINE)


_compiled = lru_cache(maxsize=4)(lambda text: shacl.Shapes.from_text(text, format="ntriples"))


def validate(ntriples: str, shapes: Shapes) -> list[ShaclResult]:
    """Return the results of these shapes on these triples, in the engine's order. Raises ShapesError."""
    try:
        found = _compiled(shapes.text).validate_text(ntriples, format="ntriples").results
    except ValueError as error:
        raise unusable(error) from error
    labels: list[str] = []
    before = len(_blank_nodes(shapes.text))

    def term(printed: str | None) -> str:
        if printed is None or not (blank := _BLANK.fullmatch(printed)):
            return printed or ""
        if not labels:
            labels.extend(_blank_nodes(ntriples))
        return labels[int(blank[1]) - before]

    # Many results have the same texts, so these are shared.
    return [
        ShaclResult(
            focus=term(result.focus_node),
            rule=intern(shapes.name(_BLANK.sub(r"_:b\1", result.source_shape or "").strip("<>"))),
            path=intern(result.path or ""),
            value=term(result.value),
            component=intern(result.component_iri),
            severity=intern(result.severity_iri),
            messages=tuple(map(intern, result.messages)),
        )
        for result in found
    ]


def _blank_nodes(ntriples: str) -> list[str]:
    """Return the labels of blank nodes in order of appearance."""
    nodes = (node for line in _NODES.finditer(ntriples) for node in line.groups())
    return list(dict.fromkeys(node for node in nodes if node and node.startswith("_:")))
