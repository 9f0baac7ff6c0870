"""Triples → what breaks the shapes. Knows SHACL, not records: findings are made in checking.

An engine is a function from N-Triples text and shapes in Turtle to results; each is the only
home of its package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from cybilgraph.validation import fast, independent
from cybilgraph.validation.across import Across
from cybilgraph.validation.batches import WORKERS, in_order
from cybilgraph.validation.results import Result, shapes_text

__all__ = ["ENGINES", "Across", "Result", "in_batches", "validate"]

ENGINES: dict[str, Callable[[str, str], list[Result]]] = {
    "fast": fast.validate,  # the Rust package shacl: everyday use
    "pyshacl": independent.validate,  # pySHACL: the second opinion, a thousand times slower
}

_Batch = TypeVar("_Batch")


def validate(ntriples: str, engine: str = "fast", across: bool = False) -> list[Result]:
    """What breaks our shapes in these triples, in a fixed order: the shapes that are held against
    each record, or with ``across`` those that are held against all records together.

    ``ntriples`` must hold the reference things too, since shapes ask for their types.
    """
    return sorted(ENGINES[engine](ntriples, shapes_text(across)))


def in_batches(
    batches: Iterable[tuple[_Batch, str]], others: str, engine: str = "fast", across: bool = False
) -> Iterator[tuple[_Batch, list[Result]]]:
    """Each batch, whatever it is, with what breaks our shapes in its triples; in the order given.

    ``others`` are triples that are there in every batch. A batch is validated while the next is made.
    """
    workers = WORKERS if engine == "fast" else 1  # rdflib is not for several threads
    return in_order(batches, lambda text: validate(f"{text}\n{others}", engine, across), workers)
