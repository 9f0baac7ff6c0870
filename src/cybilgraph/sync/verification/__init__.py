"""A running site → whether its parts agree: endpoint, dumps, pages, descriptions, changes.

Everything is asked over HTTP as anyone can ask it, so that anyone can prove any site. What is counted is
counted twice: as the site tells it, and from what it sends.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from cybilgraph.errors import FetchError, PatchError, QueryError
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS
from cybilgraph.sync.fetch import Site
from cybilgraph.sync.verification.site_checks import SiteChecks
from cybilgraph.sync.verification.site_client import SiteCheckFailed


class Outcome(StrEnum):
    """Of one check."""

    HOLDS = "holds"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``says`` is what was found, or what is wrong."""

    name: str
    outcome: Outcome
    says: str


@dataclass(slots=True)
class Verification:
    """What was found of a site."""

    url: str
    release: int = 0
    checks: list[Check] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """True where nothing fails."""
        return all(check.outcome is Outcome.HOLDS for check in self.checks)

    def as_json(self) -> str:
        """For programs."""
        on_check = [{"name": check.name, "outcome": check.outcome.value, "says": check.says} for check in self.checks]
        whole = {"url": self.url, "release": self.release, "holds": self.holds, "checks": on_check}
        return json.dumps(whole, ensure_ascii=False, indent=1)


def verify(site: Site, quick: bool = False, on_check: Callable[[Check], None] = lambda _: None) -> Verification:
    """Look at everything; each check is ``on_check`` when it has ended.

    ``quick`` takes one dump of the graph, and not every file; of a large one less is compared, as its checks tell.
    Raises FetchError where the site does not answer.
    """
    found = Verification(site.url)
    with tempfile.TemporaryDirectory(prefix="cybilgraph-verify-") as folder:
        looked = SiteChecks(site, Path(folder), quick)
        found.release = looked.release
        for name, check in looked.checks():
            try:
                done = Check(name, Outcome.HOLDS, check())
            except SiteCheckFailed as error:
                done = Check(name, Outcome.FAILS, str(error))
            except (FetchError, PatchError, QueryError) as error:
                done = Check(name, Outcome.FAILS, error.what)
            # What a stranger sends is of any form.
            except (
                ValueError,
                KeyError,
                TypeError,
                StopIteration,
                SyntaxError,
                OSError,
                *DECOMPRESSION_ERRORS,
            ) as error:
                done = Check(name, Outcome.FAILS, f"the answer is not of the form that it should have: {error}")
            found.checks.append(done)
            on_check(done)
    return found
