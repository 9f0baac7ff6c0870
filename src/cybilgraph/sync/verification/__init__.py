"""Verifies that what a running site offers to data partners agrees: endpoint, dumps, changes and descriptions.

All requests use public HTTP, so that anyone can verify any site. Counts given by the site are compared with counts of
the data that it sends.
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
    """The outcome of one check."""

    HOLDS = "holds"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check; ``says`` describes the result or the problem."""

    name: str
    outcome: Outcome
    says: str


@dataclass(slots=True)
class Verification:
    """The results for a site."""

    url: str
    release: int = 0
    checks: list[Check] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether no check fails."""
        return all(check.outcome is Outcome.HOLDS for check in self.checks)

    def as_json(self) -> str:
        """Return the results as JSON."""
        checks = [{"name": check.name, "outcome": check.outcome.value, "says": check.says} for check in self.checks]
        document = {"url": self.url, "release": self.release, "holds": self.holds, "checks": checks}
        return json.dumps(document, ensure_ascii=False, indent=1)


def verify(site: Site, quick: bool = False, on_check: Callable[[Check], None] = lambda _: None) -> Verification:
    """Run all checks, calling ``on_check`` with each result.

    ``quick`` downloads one dump instead of every file, and compares less of a large one, as the results say.
    Raises FetchError if the site does not respond.
    """
    verification = Verification(site.url)
    with tempfile.TemporaryDirectory(prefix="cybilgraph-verify-") as folder:
        site_checks = SiteChecks(site, Path(folder), quick)
        verification.release = site_checks.release
        for name, check in site_checks.checks():
            try:
                result = Check(name, Outcome.HOLDS, check())
            except SiteCheckFailed as error:
                result = Check(name, Outcome.FAILS, str(error))
            except (FetchError, PatchError, QueryError) as error:
                result = Check(name, Outcome.FAILS, error.what)
            # Another site may send anything.
            except (ValueError, LookupError, TypeError, SyntaxError, OSError, *DECOMPRESSION_ERRORS) as error:
                result = Check(name, Outcome.FAILS, f"the response has an unexpected form: {error}")
            verification.checks.append(result)
            on_check(result)
    return verification
