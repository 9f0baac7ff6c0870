"""Validates triples against SHACL shapes.

An engine is a function from N-Triples and shapes to results, and the only module that imports its package. The engines
know nothing of records; ``record_findings`` turns results into findings.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from sys import intern
from typing import Any, TypeVar

from cybilgraph.errors import EnginesDisagree
from cybilgraph.model.findings import Finding, Severity, ShaclResult
from cybilgraph.model.rules import SEVERITY_OF
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.validation import rust_engine
from cybilgraph.validation.shapes import Shapes, read_shapes, shapes_text

_Batch = TypeVar("_Batch")


def _validate_with_pyshacl(ntriples: str, shapes: Shapes) -> list[ShaclResult]:
    from cybilgraph.validation import pyshacl_engine  # imported late, because it loads slowly

    return pyshacl_engine.validate(ntriples, shapes)


ENGINES: dict[str, Callable[[str, Shapes], list[ShaclResult]]] = {
    "fast": rust_engine.validate,  # the Rust package shacl, for everyday use
    "pyshacl": _validate_with_pyshacl,  # an independent implementation, about a thousand times slower
}
#: Runs both engines and compares their results.
BOTH_ENGINES = "both"
#: Maximum number of differences in the error message.
_MAX_DIFFERENCES = 100
#: Batches validated at once by the fast engine; one more waits, which bounds memory.
_MAX_WORKERS = 2


def validate(ntriples: str, shapes: str | None = None, engine: str = "fast") -> list[ShaclResult]:
    """Validate triples against shapes (Turtle; by default, our shapes for single records); return sorted results.

    With our shapes, ``ntriples`` must include the reference data, because the shapes test its types. ``engine`` is one
    of ENGINES, or BOTH_ENGINES. Raises ShapesError, or EnginesDisagree if both engines run and their results differ.
    """
    graph = read_shapes(shapes_text() if shapes is None else shapes)
    if engine == BOTH_ENGINES:
        return _require_agreement({name: sorted(run(ntriples, graph)) for name, run in ENGINES.items()})
    return sorted(ENGINES[engine](ntriples, graph))


def validate_batches(
    batches: Iterable[tuple[_Batch, str]], engine: str = "fast", cross_record: bool = False
) -> Iterator[tuple[_Batch, list[ShaclResult]]]:
    """Yield each batch with the results of validating its triples against our shapes, in order.

    A batch is validated while the next is prepared. Threads suffice, because the Rust engine releases the global
    interpreter lock; pySHACL is not thread-safe.
    """
    workers = _MAX_WORKERS if engine == "fast" else 1
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[tuple[_Batch, Future[list[ShaclResult]]]] = deque()
        for prepared, text in batches:
            pending.append((prepared, pool.submit(validate, text, shapes_text(cross_record), engine)))
            if len(pending) > workers:
                batch, future = pending.popleft()
                yield batch, future.result()
        for batch, future in pending:
            yield batch, future.result()


def finding_of(result: ShaclResult, **more: Any) -> Finding:
    """Return the finding for a result, with ``more`` attributes. A custom severity counts as a violation."""
    value = term_text(result.value)
    return Finding(
        severity=SEVERITY_OF.get(result.severity, Severity.VIOLATION),
        rule=intern(result.rule),  # shared by many findings
        focus=term_text(result.focus),
        path=intern(result.first),
        value=value,
        values=(("value", value),),
        result=result,
        **more,
    )


def _require_agreement(found: dict[str, list[ShaclResult]]) -> list[ShaclResult]:
    """Return the results of the first engine, or raise EnginesDisagree if those of the other differ.

    Ignores what SHACL leaves open: the order of results, labels of blank nodes, and generated messages.
    """
    (first, results), (other, other_results) = found.items()
    faults, other_faults = (Counter(result.without_messages for result in each) for each in (results, other_results))
    only_in = {first: faults - other_faults, other: other_faults - faults}
    differences = [(name, result) for name, only in only_in.items() for result in sorted(only.elements())]
    if differences:
        lines = [f"  only {name}: {_describe(result)}" for name, result in differences[:_MAX_DIFFERENCES]]
        raise EnginesDisagree(
            "\n".join([f"The engines disagree: {len(differences):,} results of only one engine", *lines]),
            "One of the engines is wrong. Find out which, and report it to its authors.",
        )
    return results


def _describe(result: ShaclResult) -> str:
    parts = (result.focus, result.path, result.value, result.rule, result.component, result.severity)
    return " ".join(filter(None, parts))
