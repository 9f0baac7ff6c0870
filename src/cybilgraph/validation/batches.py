"""Batches of triples → the results of each, in their order, while the next are being made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from cybilgraph.model.findings import ShaclResult

#: Batches that are validated at a time; one more waits for them, so that memory is bounded.
MAX_WORKERS = 2

_Batch = TypeVar("_Batch")


def map_in_order(
    batches: Iterable[tuple[_Batch, str]], run: Callable[[str], list[ShaclResult]], workers: int = MAX_WORKERS
) -> Iterator[tuple[_Batch, list[ShaclResult]]]:
    """Each batch, whatever it is, with what ``run`` makes of its text.

    Threads do: an engine in Rust lets Python go on while it works.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[tuple[_Batch, Future[list[ShaclResult]]]] = deque()
        for batch, text in batches:
            waiting.append((batch, pool.submit(run, text)))
            if len(waiting) > workers:
                yield _done(*waiting.popleft())
        while waiting:
            yield _done(*waiting.popleft())


def _done(batch: _Batch, future: Future[list[ShaclResult]]) -> tuple[_Batch, list[ShaclResult]]:
    return batch, future.result()
