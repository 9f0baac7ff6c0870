"""Checks what a stranger sent, by the same line as the command line, in a process that can be stopped.

What goes in is a ``Submission``; what comes out is what was wished of it: the report in any of
the outputs, the graph, the derived statements, the forms that are filled with its records.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise

from cybilgraph.errors import CheckerBusy, CheckFailed, CheckTimeout, CheckTooHeavy
from cybilgraph.rules import LANGUAGES
from cybilgraph.workers.pool import Busy, Caller, Crashed, Died, Ended, Lanes, NotStarted, Pool
from cybilgraph.workers.sandbox import Policy, environment

#: What can be wished for, each followed by the name of its format; ``derived`` has but one.
REPORT, RDF, FORM, DERIVED = "report/", "rdf/", "form/", "derived"
#: Why the records are no edit of ``Submission.base``: a JSON list of what is wrong and what to do, or nothing.
EDIT = "edit"
#: Why a worker gives no answer: the limits of one check, or a mistake of ours.
HEAVY, FAILED = "heavy", "failed"


@dataclass(frozen=True, slots=True)
class Limits:
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
class Answer:
    """What was wished for, by its name, and of how many records. None was read where ``records`` is 0."""

    records: int
    parts: dict[str, bytes]


class Checker:
    """A pool of workers that check. Safe for use by several threads."""

    def __init__(self, limits: Limits | None = None, told: Callable[[Ended], object] = lambda _: None) -> None:
        """Processes that end unasked are ``told``."""
        self._limits = limits or Limits()
        workers, seconds = self._limits.workers, self._limits.seconds
        # One worker is left for other clients. Where several clients have all of them, the next one waits its turn.
        lanes = Lanes(workers, self._limits.waiting, each=max(workers - 1, 1), patience=seconds)
        self._pool = Pool(
            "cybilgraph.checker.worker",
            (str(self._limits.memory),),
            lanes,
            told,
            environment=environment(Policy()),
        )

    def check(self, given: Submission, wishes: Sequence[str], caller: Caller | None = None) -> Answer:
        """What was wished of a submission; the workers are shared out fairly between callers.

        Raises CheckerBusy, CheckFailed, CheckTimeout, or CheckTooHeavy.
        """
        submission = asdict(given)
        content = submission.pop("content")
        limits = self._limits
        try:
            request = {**submission, "wishes": wishes}
            head, data = self._pool.ask(request, content, seconds=limits.seconds, caller=caller)
        except (Busy, NotStarted):
            raise CheckerBusy(
                "Too many records are being checked at this moment", "Try again in a few seconds."
            ) from None
        except TimeoutError:
            raise CheckTimeout(
                f"The check was stopped after {limits.seconds:g} seconds", "Send fewer projects at a time."
            ) from None
        except Crashed:
            raise _too_heavy() from None
        except Died:
            raise CheckerBusy(
                "The process that checked the record was ended by something else", "Try again in a few seconds."
            ) from None
        if head.get("error") == FAILED:
            logging.getLogger("cybilgraph").error("A check failed, which is a bug of cybilgraph: %s", head["message"])
            raise CheckFailed("We could not check this file", "Please report it: it is a fault of this site.")
        if "error" in head:
            raise _too_heavy()
        ends = accumulate(head["sizes"], initial=0)
        parts = [data[start:end] for start, end in pairwise(ends)]
        return Answer(head["records"], dict(zip(wishes, parts, strict=True)))

    @property
    def processes(self) -> list[int]:
        """The numbers of the worker processes that live now."""
        return self._pool.processes

    def tend(self) -> None:
        """Begin anew what has ended while nobody asked; a server does so each second."""
        self._pool.tend()

    def close(self) -> None:
        """End all workers."""
        self._pool.close()


def _too_heavy() -> CheckTooHeavy:
    return CheckTooHeavy(
        "The record used up the memory or the depth that one check may have",
        "Send fewer projects at a time, with fewer brackets inside each other.",
    )
