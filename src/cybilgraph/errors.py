"""The exceptions of cybilgraph, each with a message that says what failed, where, and what to do.

Bad *data* never raise an exception: they are reported as a ``Finding`` (see model/findings.py), so
that one bad record does not affect the others.
"""

from __future__ import annotations

from collections.abc import Sequence


class CybilgraphError(Exception):
    """Base class of all errors that cybilgraph raises deliberately.

    ``what`` says what failed and where, ``hint`` what to do.
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
    """A remote file system cannot be read or written."""


class ShapesError(CybilgraphError):
    """Shapes cannot be used: they are not RDF, contain no shape, or use an unsupported feature."""


class EnginesDisagree(CybilgraphError):
    """Two SHACL engines report different results for the same data."""


class ReferenceDataError(CybilgraphError):
    """A file of data/reference contradicts itself or another one."""


class SiteError(CybilgraphError):
    """The site file cannot be used."""


class StorageError(CybilgraphError):
    """Data that do not fit into memory cannot be spilled to disk."""


class ReleaseError(CybilgraphError):
    """A release cannot be built, opened or activated."""


class SiteMismatch(ReleaseError):
    """Two sites would be mixed: their bases of IRIs differ, or a release follows one with a site file without one."""


class ReleaseBusy(ReleaseError):
    """Too many clients request an expensive operation on releases."""


class FileDamaged(ReleaseError):
    """A file of a release is missing or differs from what was built; the other files remain usable."""


class ReleaseGone(ReleaseError):
    """The release with this number has been removed."""


class ThingGone(CybilgraphError):
    """Only an earlier release has the requested resource; ``earlier`` is its URL there."""

    def __init__(self, what: str, earlier: str) -> None:
        super().__init__(what, f"Its last version: {earlier}")
        self.earlier = earlier


class ClusterError(CybilgraphError):
    """A cluster is unreachable, or fails during a build."""


class PatchError(CybilgraphError):
    """A patch is damaged, or does not match the local graph."""


class FetchError(CybilgraphError):
    """Another site does not respond, or remains too busy."""


class AnswerLost(FetchError):
    """Another site responds, but never completely: the response is truncated, stalls, or has an error status."""


class HarvestError(CybilgraphError):
    """A graph cannot be harvested from its publisher; the local copy is unchanged."""


class CollectError(CybilgraphError):
    """The pages of a site cannot be collected; what was downloaded before is kept."""


class LoadError(CybilgraphError):
    """A release cannot be loaded into another server. Loaded data remain there, and a second run continues."""


class ServeError(CybilgraphError):
    """The server cannot listen on its address."""


class DecisionError(CybilgraphError):
    """Decisions cannot be read or written."""


class CuratorError(CybilgraphError):
    """The file of curators cannot be read or changed."""


class SuggestionError(CybilgraphError):
    """A suggestion cannot be stored, shown or reviewed."""


class SuggestionsFull(SuggestionError):
    """The queue of suggestions is full, or its folder cannot be written."""


class SuggestionQuota(SuggestionsFull):
    """One client has reached its limit of pending suggestions."""


class CheckError(CybilgraphError):
    """A submitted record cannot be checked."""


class CheckerBusy(CheckError):
    """No worker is free, and the queue is full."""


class CheckFailed(CheckError):
    """The check failed because of a bug in cybilgraph, which the log describes."""


class CheckTimeout(CheckError):
    """The check exceeded its time limit and was stopped."""


class CheckTooHeavy(CheckError):
    """The check exceeded its memory limit."""


class QueryError(CybilgraphError):
    """A query cannot be answered. ``hints`` explain its cost; each has a kind, a sentence and a line (0 if none)."""

    def __init__(self, what: str, hint: str = "", hints: Sequence[tuple[str, str, int]] = ()) -> None:
        super().__init__(what, hint)
        self.hints = tuple(hints)


class QuerySyntaxError(QueryError):
    """The query is not valid SPARQL.

    ``line`` and ``column`` count from 1 (0 if unknown); ``excerpt`` is the line with a caret below the error.
    """

    def __init__(self, what: str, hint: str = "", line: int = 0, column: int = 0, excerpt: str = "") -> None:
        super().__init__(what, hint)
        self.line = line
        self.column = column
        self.excerpt = excerpt


class QueryRefused(QueryError):
    """The query is SPARQL that the server never runs."""


class UnknownQuery(QueryError):
    """There is no query with this name."""


class FormatMismatch(QueryError):
    """None of the requested formats supports the result of the query."""


class QueryTimeout(QueryError):
    """The query exceeded its time limit and was stopped."""


class AnswerTooLarge(QueryError):
    """The result exceeded its size limit, and the query was stopped."""


class ServiceFailed(QueryError):
    """An endpoint that the query calls with SERVICE does not respond, or its response cannot be read."""


class EndpointFailed(QueryError):
    """The SPARQL server behind the site failed, or its response is incomplete."""


class EngineUnavailable(QueryError):
    """No worker is free, or the SPARQL server behind the site does not respond or has another release."""
