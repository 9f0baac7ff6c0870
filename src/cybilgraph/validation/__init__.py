"""Triples → what breaks the shapes. Knows SHACL, not records: findings are made in checking.

An engine is a function from N-Triples and shapes to results; each is the only home of its package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from cybilgraph.errors import EnginesDisagree
from cybilgraph.model.findings import ShaclResult
from cybilgraph.validation import rust_engine
from cybilgraph.validation.batches import MAX_WORKERS, map_in_order
from cybilgraph.validation.cross_record import CrossRecordGroups, comparison_lines
from cybilgraph.validation.shacl_terms import known_terms, unknown_term
from cybilgraph.validation.shape_messages import ShapeMessages
from cybilgraph.validation.shapes import BlankNodeNumbering, Shapes, read_shapes, shapes_text

__all__ = [
    "BOTH_ENGINES",
    "ENGINES",
    "ENGINE_CHOICES",
    "BlankNodeNumbering",
    "CrossRecordGroups",
    "ShapeMessages",
    "comparison_lines",
    "known_terms",
    "read_shapes",
    "shapes_text",
    "unknown_term",
    "validate",
    "validate_batches",
]

_Batch = TypeVar("_Batch")


def _validate_with_pyshacl(ntriples: str, shapes: Shapes) -> list[ShaclResult]:
    from cybilgraph.validation import pyshacl_engine  # pySHACL takes longer to load than most checks take

    return pyshacl_engine.validate(ntriples, shapes)


ENGINES: dict[str, Callable[[str, Shapes], list[ShaclResult]]] = {
    "fast": rust_engine.validate,  # the Rust package shacl: everyday use
    "pyshacl": _validate_with_pyshacl,  # pySHACL: the second opinion, a thousand times slower
}
#: What can be asked for: one engine, or each held against the other.
BOTH_ENGINES = "both"
ENGINE_CHOICES = (*ENGINES, BOTH_ENGINES)
#: Differences that are told of.
_MAX_DIFFERENCES = 100


def validate(ntriples: str, shapes: str | None = None, engine: str = "fast") -> list[ShaclResult]:
    """What breaks the shapes (Turtle) in these triples, in a fixed order; where none are given,
    those of ours that are held against each record.

    ``ntriples`` must hold the reference things too, since our shapes ask for their types. ``engine``
    is one of CHOICES. Raises ShapesError, and EnginesDisagree where both are asked and one finds what
    the other does not.
    """
    graph = read_shapes(shapes_text() if shapes is None else shapes)
    if engine == BOTH_ENGINES:
        return _require_agreement({name: sorted(ask(ntriples, graph)) for name, ask in ENGINES.items()})
    return sorted(ENGINES[engine](ntriples, graph))


def validate_batches(
    batches: Iterable[tuple[_Batch, str]], context: str, engine: str = "fast", cross_record: bool = False
) -> Iterator[tuple[_Batch, list[ShaclResult]]]:
    """Each batch, whatever it is, with what breaks our shapes in its triples; in the order given.

    ``context`` are triples that are there in every batch. A batch is validated while the next is made.
    """
    workers = MAX_WORKERS if engine == "fast" else 1  # pySHACL does one thing at a time
    return map_in_order(
        batches, lambda text: validate(f"{text}\n{context}", shapes_text(cross_record), engine), workers
    )


def _require_agreement(found: dict[str, list[ShaclResult]]) -> list[ShaclResult]:
    """The results of the first engine, where the others have the same: what SHACL leaves open is
    not looked at (the order of results, labels of blank nodes, words that an engine makes).
    """
    (first, results), *context = found.items()
    faults = Counter(result.without_messages for result in results)
    for other, theirs in context:
        again = Counter(result.without_messages for result in theirs)
        alone = {first: faults - again, other: again - faults}
        differences = [(name, result) for name, only in alone.items() for result in sorted(only.elements())]
        if differences:
            lines = [f"  only {name}: {_printed(result)}" for name, result in differences[:_MAX_DIFFERENCES]]
            raise EnginesDisagree(
                "\n".join([f"The engines disagree: {len(differences):,} found by one alone", *lines]),
                "One of them is wrong: see which, and tell its authors.",
                differences,
            )
    return results


def _printed(result: ShaclResult) -> str:
    parts = (result.focus, result.path, result.value, result.rule, result.component, result.severity)
    return " ".join(filter(None, parts))
