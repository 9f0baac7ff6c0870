"""Triples → what breaks the shapes. Knows SHACL, not records: findings are made in pipeline.

An engine is a function from N-Triples text to results; each is the only home of its package.
"""

from __future__ import annotations

from collections.abc import Callable

from cybilgraph.validation import fast, independent
from cybilgraph.validation.results import Result

__all__ = ["ENGINES", "Result", "validate"]

ENGINES: dict[str, Callable[[str], list[Result]]] = {
    "fast": fast.validate,  # the Rust package shacl: everyday use
    "pyshacl": independent.validate,  # pySHACL: the second opinion, a thousand times slower
}


def validate(ntriples: str, engine: str = "fast") -> list[Result]:
    """What breaks our shapes in these triples, in a fixed order.

    ``ntriples`` must hold the reference things too, since shapes ask for their types.
    """
    return sorted(ENGINES[engine](ntriples))
