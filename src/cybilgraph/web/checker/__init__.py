"""Checks what a stranger sent, by the same line as the command line, in a process that can be stopped.

What goes in is a ``Submission``, or the raw body of a request as an ``Upload``: a worker decodes it. What comes out is
what was wished of it: the report in any of the outputs, the graph, the derived statements, the forms that are filled
with its records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate, pairwise
from typing import Any

from werkzeug.exceptions import default_exceptions

from cybilgraph.errors import CheckerBusy, CheckFailed, CheckTimeout, CheckTooHeavy
from cybilgraph.model.rules import LANGUAGES
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

#: What can be wished for, each followed by the name of its format; ``derived`` has but one.
REPORT_OUTPUT, RDF_OUTPUT, FORM_OUTPUT, DERIVED_OUTPUT = "report/", "rdf/", "form/", "derived"
#: Why the records are no edit of ``Submission.base``: a JSON list of what is wrong and what to do, or nothing.
EDIT = "edit"
#: The report as the API sends it, followed by the name of its format: with what else was asked for, and always in JSON
#: where no record was read.
API_OUTPUT = "api/"
#: For the page: what it shows of a report, as JSON; the text of the record, if it is not too long to show; and the file
#: that a button of the form asks for.
PAGE_OUTPUT, TEXT_OUTPUT, FILE_OUTPUT = "page", "text", "file"
#: Why a worker gives no answer: the limits of one check, a mistake of ours, or what was sent (with an HTTP status).
HEAVY, FAILED, REFUSED = "heavy", "failed", "refused"
#: Bytes of a body; a saved page with its scripts and styles has some hundred kilobytes.
MAX_UPLOAD_BYTES = 2_000_000
#: A report lists at most so many findings, and so many characters of them as JSON.
MAX_FINDINGS, MAX_REPORT_CHARS = 1_000, 2_000_000


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What one check may use: seconds, bytes of a worker's address space; how many run, how many wait."""

    seconds: float = 10.0
    memory: int = 2_000_000_000
    workers: int = 2
    waiting: int = 16


@dataclass(frozen=True, slots=True)
class Submission:
    """A record as it was sent: ``name`` tells its reader by its suffix, ``as_of`` is a day (ISO 8601)
    or empty for today, ``language`` is that of the findings. ``base`` is the text that an edit began with.
    """

    name: str
    content: bytes
    language: str = LANGUAGES[0]
    as_of: str = ""
    base: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """The body of a request as it was sent, with its Content-Type and the query of its address; ``is_form`` if the
    form of a page sent it, whose text is an edit of ``base``, read under ``name``, where these are given.
    """

    content: bytes
    content_type: str
    arguments: str = ""
    is_form: bool = False
    base: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """What was wished for, by its name, and of how many records. None was read where ``records`` is 0.

    ``about`` describes the submission: ``name``, ``language``, ``kind`` and its ``title``, ``is_text``, ``file`` (the
    name of the download that was asked for, which ``is_readable`` or else a report), the ``fields`` of the form, and
    the ``problem`` where no record was read.
    """

    records: int
    parts: dict[str, bytes]
    about: dict[str, Any] = field(default_factory=dict)


class Checker:
    """A pool of workers that check. Safe for use by several threads."""

    def __init__(
        self, limits: CheckLimits | None = None, on_process_end: Callable[[ProcessExit], object] = lambda _: None
    ) -> None:
        """Processes that end unasked are ``on_process_end``."""
        self._limits = limits or CheckLimits()
        workers, seconds = self._limits.workers, self._limits.seconds
        # One worker is left for other clients. Where several clients have all of them, the next one waits its turn.
        pool_limits = PoolLimits(
            workers, self._limits.waiting, max_per_caller=max(workers - 1, 1), max_wait_seconds=seconds
        )
        self._pool = Pool(
            "cybilgraph.web.checker.check_worker",
            (str(self._limits.memory),),
            pool_limits,
            on_process_end,
            environment=environment(Policy()),
        )

    def check(self, given: Submission | Upload, outputs: Sequence[str], caller: Caller | None = None) -> CheckAnswer:
        """What was wished of a submission; the workers are shared out fairly between callers.

        Raises CheckerBusy, CheckFailed, CheckTimeout, CheckTooHeavy, and HTTPException where an upload is refused.
        """
        how = asdict(given)
        content = how.pop("content")
        limits = self._limits
        try:
            request = {"upload" if isinstance(given, Upload) else "submission": how, "wishes": outputs}
            head, data = self._pool.ask(request, content, seconds=limits.seconds, caller=caller)
        except (Busy, WorkerStartFailed):
            raise CheckerBusy(
                "Too many records are being checked at this moment", "Try again in a few seconds."
            ) from None
        except TimeoutError:
            raise CheckTimeout(
                f"The check was stopped after {limits.seconds:g} seconds", "Send fewer projects at a time."
            ) from None
        except WorkerCrashed:
            raise _limit_exceeded() from None
        except WorkerDied:
            raise CheckerBusy(
                "The process that checked the record was ended by something else", "Try again in a few seconds."
            ) from None
        if head.get("error") == FAILED:
            logging.getLogger("cybilgraph").error("A check failed, which is a bug of cybilgraph: %s", head["message"])
            raise CheckFailed("We could not check this file", "Please report it: it is a fault of this site.")
        if head.get("error") == REFUSED:
            raise default_exceptions[head["status"]](head["message"])
        if "error" in head:
            raise _limit_exceeded()
        ends = accumulate(head["sizes"], initial=0)
        parts = [data[start:end] for start, end in pairwise(ends)]
        return CheckAnswer(head["records"], dict(zip(outputs, parts, strict=True)), head["about"])

    @property
    def processes(self) -> list[int]:
        """The numbers of the worker processes that live now."""
        return self._pool.processes

    def maintain(self) -> None:
        """Begin anew what has ended while nobody asked; a server does so each second."""
        self._pool.maintain()

    def close(self) -> None:
        """End all workers."""
        self._pool.close()


def _limit_exceeded() -> CheckTooHeavy:
    return CheckTooHeavy(
        "The record used up the memory or the depth that one check may have",
        "Send fewer projects at a time, with fewer brackets inside each other.",
    )
