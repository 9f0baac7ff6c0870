"""What curators decide on, shared by all curators who are logged in.

When the folder of decisions changes, the desk reads what was added, so that decisions made in the terminal apply
immediately.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cybilgraph.identity.decision_layer import claim_key
from cybilgraph.identity.decisions import (
    Decision,
    DecisionLog,
    Verdict,
    append_decisions,
    checksum,
)
from cybilgraph.pipeline.review_queue import (
    ChangedDecision,
    OpenClaim,
    changed_decisions,
    decide_once,
    open_claims,
)
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.web.server.render_queue import yield_turn

#: The maximum number of claims in memory; when all of them are decided, the next ones are selected.
MAX_CLAIMS = 1_000
_ID_CHARS = 16


class ReviewDesk:
    """The open claims of the current release, and the decisions of a folder. Thread-safe."""

    def __init__(self, folder: Path, max_claims: int = MAX_CLAIMS) -> None:
        self.folder = folder
        self._max_claims = max_claims
        self._lock = threading.Lock()
        self._release = ""
        #: By id, in the order of the review.
        self._claims: dict[str, OpenClaim] = {}
        #: Whether the decisions on these claims have changed since they were looked up.
        self._is_stale = False
        self._log = DecisionLog(folder)
        self._decided: dict[str, Decision] = {}
        #: The decisions whose text has changed, and the release that reports them.
        self._changed: tuple[str, list[ChangedDecision]] = "", []

    def claims(self, release: Release) -> tuple[dict[str, OpenClaim], dict[str, Decision]]:
        """Return the claims of a release, and the decisions made on them since they were selected, by claim id.

        Raises DecisionError.
        """
        with self._turn():
            return dict(self._select(release)), dict(self._decisions())

    def decide(self, release: Release, claim_id: str, decision: Decision) -> Decision:
        """Add a decision on a claim and return it; if there is another one already, return that one instead.

        Raises DecisionError, KeyError if the release has no such claim.
        """
        with self._turn():
            self._select(release)[claim_id]  # raises KeyError
            return decide_once(self.folder, decision)

    def changed(self, release: Release) -> list[ChangedDecision]:
        """Return the decisions whose text has changed and that nobody has replaced or withdrawn since.

        Raises DecisionError.
        """
        with self._turn():
            return self._select_changed(release)

    def settle(self, release: Release, decision_id: str, who: str, verdict: Verdict) -> Decision | None:
        """Keep (``YES``) or withdraw (``UNDO``) a decision whose text has changed; return what was stored.

        Return None if it is no longer one of them.

        Raises DecisionError.
        """
        with self._turn():
            for one in self._select_changed(release):
                if one.made.id == decision_id:
                    stored = one.answer(self.folder, one.decide(who, verdict))
                    return stored if stored.who == who else None
            return None

    def undo(self, decision_id: str, who: str) -> Decision | None:
        """Withdraw a curator's decision and return it; None if it is another curator's, or already withdrawn.

        Raises DecisionError.
        """
        with self._turn():
            self._refresh()
            found = self._log.find(decision_id)
            if not found or found.who != who:
                return None
            append_decisions(self.folder, [found.undo()])
            return found

    def history(self, skip: int, count: int) -> tuple[list[tuple[Decision, Decision | None]], int]:
        """Return some decisions, newest first, each with the one that withdrew it, and the number of all.

        Raises DecisionError.
        """
        with self._turn():
            self._refresh()
            return self._log.latest(skip, count)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Give up the turn to render while waiting and reading: both may take long."""
        with yield_turn(), self._lock:
            yield

    def _select_changed(self, release: Release) -> list[ChangedDecision]:
        self._refresh()
        name = _name(release)
        if self._changed[0] != name:
            self._changed = name, changed_decisions(release, self.folder)
        return [one for one in self._changed[1] if one.made in self._log.of(one.made.record)]

    def _select(self, release: Release) -> dict[str, OpenClaim]:
        name = _name(release)
        is_used_up = len(self._claims) == self._max_claims and len(self._decisions()) == len(self._claims)
        if self._release != name or is_used_up:
            found = open_claims(release, self.folder, self._max_claims, seed=0)
            self._claims = {claim_id(one): one for one in found}
            self._release, self._is_stale = name, True
        return self._claims

    def _decisions(self) -> dict[str, Decision]:
        self._refresh()
        return self._decided

    def _refresh(self) -> None:
        """Read what was decided since, and find the decisions on the selected claims."""
        self._is_stale |= self._log.refresh()
        if not self._is_stale:
            return
        ids = {(one.record, one.claim.field, one.claim.key): name for name, one in self._claims.items()}
        made = (one for record in {record for record, _, _ in ids} for one in self._log.of(record))
        known = ((ids.get((one.record, one.field, claim_key(one))), one) for one in made)
        self._decided = {name: one for name, one in known if name}
        self._is_stale = False


def _name(release: Release) -> str:
    return f"{release.number} {release.checksum(GRAPH)}"


def claim_id(one: OpenClaim) -> str:
    """Return an id of a claim for addresses and forms."""
    return checksum(f"{one.record}\n{one.claim.field}\n{one.claim.key}")[:_ID_CHARS]
