"""Validates batches in threads, in order, while the next ones are prepared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from cybilgraph.model.findings import ShaclResult

#: Batches validated at once; one more waits, which bounds memory.
MAX_WORKERS = 2

_Batch = TypeVar("_Batch")


def map_in_order(
    batches: Iterable[tuple[_Batch, str]], run: Callable[[str], list[ShaclResult]], workers: int = MAX_WORKERS
) -> Iterator[tuple[_Batch, list[ShaclResult]]]:
    """Yield each batch with the results of ``run`` for its text.

    Threads suffice, because the Rust engine releases the global interpreter lock.
    """
    with ThreadPoolExecutor(workers) as pool:
        pending: deque[tuple[_Batch, Future[list[ShaclResult]]]] = deque()
        for batch, text in batches:
            pending.append((batch, pool.submit(run, text)))
            if len(pending) > workers:
                yield _result(*pending.popleft())
        while pending:
            yield _result(*pending.popleft())


def _result(batch: _Batch, future: Future[list[ShaclResult]]) -> tuple[_Batch, list[ShaclResult]]:
    return batch, future.result()
