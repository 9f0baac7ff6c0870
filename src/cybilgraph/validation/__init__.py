"""Triples → what breaks the shapes. Knows SHACL, not records: findings are made in checking.

An engine is a function from N-Triples and shapes to results; each is the only home of its package.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from cybilgraph.errors import EnginesDisagree
from cybilgraph.model.findings import Result
from cybilgraph.validation import rust_engine
from cybilgraph.validation.batches import WORKERS, in_order
from cybilgraph.validation.cross_record import Across, compared
from cybilgraph.validation.shacl_terms import known_terms, unknown_term
from cybilgraph.validation.shape_messages import Said
from cybilgraph.validation.shapes import Numbering, Shapes, read_shapes, shapes_text

__all__ = [
    "BOTH",
    "CHOICES",
    "ENGINES",
    "Across",
    "Numbering",
    "Said",
    "compared",
    "in_batches",
    "known_terms",
    "read_shapes",
    "shapes_text",
    "unknown_term",
    "validate",
]

_Batch = TypeVar("_Batch")


def _independent(ntriples: str, shapes: Shapes) -> list[Result]:
    from cybilgraph.validation import pyshacl_engine  # pySHACL takes longer to load than most checks take

    return pyshacl_engine.validate(ntriples, shapes)


ENGINES: dict[str, Callable[[str, Shapes], list[Result]]] = {
    "fast": rust_engine.validate,  # the Rust package shacl: everyday use
    "pyshacl": _independent,  # pySHACL: the second opinion, a thousand times slower
}
#: What can be asked for: one engine, or each held against the other.
BOTH = "both"
CHOICES = (*ENGINES, BOTH)
#: Differences that are told of.
_TOLD_MOST = 100


def validate(ntriples: str, shapes: str | None = None, engine: str = "fast") -> list[Result]:
    """What breaks the shapes (Turtle) in these triples, in a fixed order; where none are given,
    those of ours that are held against each record.

    ``ntriples`` must hold the reference things too, since our shapes ask for their types. ``engine``
    is one of CHOICES. Raises ShapesError, and EnginesDisagree where both are asked and one finds what
    the other does not.
    """
    graph = read_shapes(shapes_text() if shapes is None else shapes)
    if engine == BOTH:
        return _agreed({name: sorted(ask(ntriples, graph)) for name, ask in ENGINES.items()})
    return sorted(ENGINES[engine](ntriples, graph))


def in_batches(
    batches: Iterable[tuple[_Batch, str]], others: str, engine: str = "fast", across: bool = False
) -> Iterator[tuple[_Batch, list[Result]]]:
    """Each batch, whatever it is, with what breaks our shapes in its triples; in the order given.

    ``others`` are triples that are there in every batch. A batch is validated while the next is made.
    """
    workers = WORKERS if engine == "fast" else 1  # pySHACL does one thing at a time
    return in_order(batches, lambda text: validate(f"{text}\n{others}", shapes_text(across), engine), workers)


def _agreed(found: dict[str, list[Result]]) -> list[Result]:
    """The results of the first engine, where the others have the same: what SHACL leaves open is
    not looked at (the order of results, labels of blank nodes, words that an engine makes).
    """
    (first, results), *others = found.items()
    faults = Counter(result.fault for result in results)
    for other, theirs in others:
        again = Counter(result.fault for result in theirs)
        alone = {first: faults - again, other: again - faults}
        differences = [(name, result) for name, only in alone.items() for result in sorted(only.elements())]
        if differences:
            told = [f"  only {name}: {_printed(result)}" for name, result in differences[:_TOLD_MOST]]
            raise EnginesDisagree(
                "\n".join([f"The engines disagree: {len(differences):,} found by one alone", *told]),
                "One of them is wrong: see which, and tell its authors.",
                differences,
            )
    return results


def _printed(result: Result) -> str:
    parts = (result.focus, result.path, result.value, result.rule, result.component, result.severity)
    return " ".join(filter(None, parts))
