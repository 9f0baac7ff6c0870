"""Check untrusted records in sandboxed worker processes, with the same pipeline as the command line.

The input is a ``Submission``, or the raw body of a request as an ``Upload``, which a worker decodes. The result has the
outputs that were requested.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Any

from werkzeug.exceptions import default_exceptions

from cybilgraph.errors import CheckerBusy, CheckFailed, CheckTimeout, CheckTooHeavy
from cybilgraph.model.vocabulary import own_iri
from cybilgraph.runtime.pool import (
    Busy,
    Caller,
    Pool,
    PoolLimits,
    ProcessExit,
    WorkerCrashed,
    WorkerDied,
    WorkerStartFailed,
)
from cybilgraph.runtime.sandbox import Policy, environment
from cybilgraph.web.checker.submissions import Submission, Upload

#: Maximum size of a body. A saved web page with its scripts and styles has a few hundred kilobytes.
MAX_UPLOAD_BYTES = 2_000_000
#: Limits of a report: the number of findings listed, and their length as JSON.
MAX_FINDINGS, MAX_REPORT_CHARS = 1_000, 2_000_000
_LONG_AFTER_SECONDS = 0.5


class Refusal(StrEnum):
    """Why a worker has no answer."""

    HEAVY = "heavy"  # the check exceeded a limit
    FAILED = "failed"  # a bug
    REFUSED = "refused"  # the request is wrong; the answer has an HTTP status


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """Limits of a check: seconds, bytes of a worker's address space, number of workers, length of the queue.

    A check that takes more than half a second of processor time leaves its place to another worker. At most ``long``
    such checks continue, with the ``memory`` of one together.
    """

    seconds: float = 10.0
    memory: int = 1_300_000_000
    workers: int = 2
    waiting: int = 16
    long: int = 2


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """The requested outputs by name, and the number of records that were read.

    ``about`` describes the submission: ``name``, ``language``, ``kind`` and its ``title``, ``is_text``, ``file`` (the
    name of the requested download), ``is_readable`` (unless the download is an error report), the ``fields`` of the
    form, and the ``problem`` if no record was read.
    """

    records: int
    parts: dict[str, bytes]
    about: dict[str, Any] = field(default_factory=dict)


class Checker:
    """Check workers. They start when they are first needed, because many sites never need them. Thread-safe."""

    def __init__(
        self, limits: CheckLimits | None = None, on_process_end: Callable[[ProcessExit], object] = lambda _: None
    ) -> None:
        """Call ``on_process_end`` when a worker process ends unexpectedly."""
        self._limits = limits or CheckLimits()
        self._on_process_end = on_process_end
        self._lock = threading.Lock()
        self._pool: Pool | None = None

    def start(self) -> Pool:
        """Start the workers, unless they have started already. Does not wait for them."""
        with self._lock:
            if not self._pool:
                limits = self._limits
                # A client has one worker. If several use all of them, the one that has used them least is next.
                self._pool = Pool(
                    "cybilgraph.web.checker.check_worker",
                    (own_iri(), str(limits.memory)),
                    PoolLimits(
                        limits.workers,
                        limits.waiting,
                        max_per_caller=1,
                        max_long=limits.long,
                        max_long_bytes=limits.memory,
                        long_after=_LONG_AFTER_SECONDS,
                    ),
                    self._on_process_end,
                    # The fork server may have no threads, and NumPy, which openpyxl loads, starts some.
                    environment=environment(Policy()) | {"OPENBLAS_NUM_THREADS": "1"},
                )
            return self._pool

    def maintain(self) -> None:
        """Replace workers that have ended."""
        if self._pool:
            self._pool.maintain()

    def close(self) -> None:
        """End the workers."""
        with self._lock:
            if self._pool:
                self._pool.close()

    def check(
        self, submission: Submission | Upload, outputs: Sequence[str], caller: Caller | None = None
    ) -> CheckAnswer:
        """Return the requested outputs of a submission. Callers get a fair share of the workers.

        Raises CheckerBusy, CheckFailed, CheckTimeout, CheckTooHeavy, and HTTPException if an upload is refused.
        """
        fields = asdict(submission)
        content = fields.pop("content")
        request = {"upload" if isinstance(submission, Upload) else "submission": fields, "outputs": outputs}
        try:
            head, data = self.start().ask(request, content, seconds=self._limits.seconds, caller=caller)
        except (Busy, WorkerStartFailed):
            what = "Too many records are being checked at the moment"
            raise CheckerBusy(what, "Try again in a few seconds.") from None
        except TimeoutError:
            seconds = self._limits.seconds
            what = f"The check was stopped after {seconds:g} second{'s' if seconds != 1 else ''}"
            raise CheckTimeout(what, "Send fewer projects at a time.") from None
        except WorkerCrashed:
            head, data = {"error": Refusal.HEAVY}, b""
        except WorkerDied:
            raise CheckerBusy("The check was interrupted", "Try again in a few seconds.") from None
        if head.get("error") == Refusal.FAILED:
            logging.getLogger("cybilgraph").error("A check failed because of a bug in cybilgraph: %s", head["message"])
            raise CheckFailed("This file could not be checked", "Please report this error.")
        if head.get("error") == Refusal.REFUSED:
            raise default_exceptions[head["status"]](head["message"])
        if "error" in head:
            raise CheckTooHeavy(
                "The check exceeded its limit of memory or nesting depth",
                "Send fewer projects at a time, or less deeply nested data.",
            )
        ends = accumulate(head["sizes"], initial=0)
        parts = [data[start:end] for start, end in pairwise(ends)]
        return CheckAnswer(head["records"], dict(zip(outputs, parts, strict=True)), head["about"])
