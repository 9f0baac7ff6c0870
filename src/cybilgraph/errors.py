"""What the product cannot do, as exceptions that say what, where and what to do next.

    CybilgraphError
    ├── SourceError            a source cannot be read as records
    ├── AddressError           what is at an address of another file system cannot be had, or not be put there
    ├── ShapesError            shapes cannot be used for validation
    ├── EnginesDisagree        two engines find different faults; carries what each found alone
    ├── ReferenceDataError     a file under data/reference contradicts itself
    ├── StorageError           what does not fit into memory cannot be put aside
    ├── ReleaseError           a release cannot be made, opened or switched to
    │   ├── ReleaseBusy        others are asking already for what takes long
    │   ├── FileDamaged        a file of it is not what was built
    │   └── ReleaseGone        it was there once
    ├── ThingGone              only an earlier release has it; carries where
    ├── ClusterError           no cluster can be had, or it fails
    ├── PatchError             a patch is damaged, or is not for the graph that is held
    ├── FetchError             another site does not answer, or not as it should
    │   └── AnswerLost         it is there, and an answer does not come whole, however often it is asked for
    ├── HarvestError           a graph cannot be had from its publisher
    ├── LoadError              a release cannot be loaded into another server
    ├── ServeError             the server cannot listen where it should
    ├── SuggestionError        a suggestion cannot be taken in, shown or decided
    │   └── SuggestionsFull    there is no room for another
    │       └── SuggestionQuota  one client has sent as many as may wait
    ├── CheckError             a record that was sent is not checked
    │   ├── CheckerBusy        no worker free
    │   ├── CheckFailed        by a mistake of this software
    │   ├── CheckTimeout       stopped at its deadline
    │   └── CheckTooHeavy      stopped at the limit on memory
    └── QueryError             a query is not answered
        ├── QuerySyntaxError   not SPARQL; carries line and column where known
        ├── QueryRefused       SPARQL that this service never runs (updates, SERVICE …)
        ├── UnknownQuery       there is no query of this name
        ├── FormatMismatch     none of the formats asked for can hold the answer
        ├── QueryTimeout       stopped at its deadline
        ├── AnswerTooLarge     stopped at the limit on an answer's size
        ├── ServiceFailed      another endpoint, that it calls with SERVICE, gives no answer
        ├── EndpointFailed     the endpoint that answers for us fails, or its answer breaks off
        └── EngineUnavailable  no worker free, or the endpoint does not answer, or has another release

Bad *data* is never an exception: it is a ``Finding`` (see findings.py), so that one bad
record does not stop its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence


class CybilgraphError(Exception):
    """Base of all errors that the product raises on purpose.

    ``what`` says what failed and where, ``hint`` what to do next.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  {self.hint}" if self.hint else self.what


class SourceError(CybilgraphError):
    """A source cannot be read as records."""


class AddressError(CybilgraphError):
    """An address of another file system cannot be read or written."""


class ShapesError(CybilgraphError):
    """Shapes cannot be used: they are no RDF, hold no shape, or ask for what no engine does."""


class EnginesDisagree(CybilgraphError):
    """Two SHACL engines find different faults in the same data.

    ``differences`` are pairs: the name of an engine, and what it alone has found.
    """

    def __init__(self, what: str, hint: str = "", differences: Sequence[tuple[str, object]] = ()) -> None:
        super().__init__(what, hint)
        self.differences = differences


class ReferenceDataError(CybilgraphError):
    """A file of data/reference contradicts itself or another."""


class StorageError(CybilgraphError):
    """What does not fit into memory cannot be put aside."""


class ReleaseError(CybilgraphError):
    """A release cannot be made, opened or switched to."""


class ReleaseBusy(ReleaseError):
    """What is asked of releases takes long, and others are asking for it already."""


class FileDamaged(ReleaseError):
    """A file of a release is gone or is not what was built; the others are as good as before."""


class ReleaseGone(ReleaseError):
    """There was a release of this number, and it has been taken away."""


class ThingGone(CybilgraphError):
    """What is asked for is in an earlier release only, where ``earlier`` leads."""

    def __init__(self, what: str, earlier: str) -> None:
        super().__init__(what, f"Its page as of then: {earlier}")
        self.earlier = earlier


class ClusterError(CybilgraphError):
    """No cluster can be had at an address, or it fails in the middle of work."""


class PatchError(CybilgraphError):
    """A patch is damaged, or is not for the graph that is held."""


class FetchError(CybilgraphError):
    """Another site does not answer, or stays too busy."""


class AnswerLost(FetchError):
    """Another site is there, and does not give an answer whole: it breaks off, stalls, or has a status of failure."""


class HarvestError(CybilgraphError):
    """A graph cannot be had from its publisher; the one that is held is untouched."""


class LoadError(CybilgraphError):
    """A release cannot be loaded into another server; what has come there stays, and a second run goes on."""


class ServeError(CybilgraphError):
    """The server cannot listen where it should."""


class SuggestionError(CybilgraphError):
    """A suggestion cannot be taken in, shown or decided."""


class SuggestionsFull(SuggestionError):
    """There is no room for another suggestion, or the folder cannot be written."""


class SuggestionQuota(SuggestionsFull):
    """As many suggestions of one client wait as may."""


class CheckError(CybilgraphError):
    """A record that was sent is not checked."""


class CheckerBusy(CheckError):
    """No worker is free, and enough wait for one."""


class CheckFailed(CheckError):
    """The check failed by a mistake of this software, which the log names."""


class CheckTimeout(CheckError):
    """The check ran into its deadline and was stopped."""


class CheckTooHeavy(CheckError):
    """The check ran into its limit on memory."""


class QueryError(CybilgraphError):
    """A query is not answered. ``hints`` tells why it took so much: by kind, sentence and line (0: none)."""

    def __init__(self, what: str, hint: str = "", hints: Sequence[tuple[str, str, int]] = ()) -> None:
        super().__init__(what, hint)
        self.hints = tuple(hints)


class QuerySyntaxError(QueryError):
    """The text is not SPARQL. ``line`` and ``column`` count from 1, 0 where unknown; ``excerpt`` is the line with a
    caret under the place.
    """

    def __init__(self, what: str, hint: str = "", line: int = 0, column: int = 0, excerpt: str = "") -> None:
        super().__init__(what, hint)
        self.line = line
        self.column = column
        self.excerpt = excerpt


class QueryRefused(QueryError):
    """SPARQL that this service never runs."""


class UnknownQuery(QueryError):
    """There is no query of this name."""


class FormatMismatch(QueryError):
    """None of the formats asked for can hold what the query returns."""


class QueryTimeout(QueryError):
    """The query ran into its deadline and was stopped."""


class AnswerTooLarge(QueryError):
    """The answer grew over the limit and the query was stopped."""


class ServiceFailed(QueryError):
    """Another endpoint, that the query calls with SERVICE, gives no answer, or none that can be read."""


class EndpointFailed(QueryError):
    """The endpoint that answers for us fails, or its answer is not whole."""


class EngineUnavailable(QueryError):
    """No worker is free, or the endpoint that answers for us does not answer, or has another release."""
