"""A client for checks, which returns responses in the needed forms and raises SiteCheckFailed for any other."""

from __future__ import annotations

import csv
import io
import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cybilgraph.sync.fetch import HttpResponse, Site
from cybilgraph.sync.verification.dump import by_subject

NTRIPLES = "application/n-triples"
BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
#: Maximum number of differences in a message.
_MAX_DIFFERENCES = 5


class SiteCheckFailed(Exception):
    """A check has failed; the message describes the problem."""


def require_that(condition: bool, message: str) -> None:
    """Raise SiteCheckFailed with a message if a condition is false."""
    if not condition:
        raise SiteCheckFailed(message)


def first_differences(wrong: list[str]) -> str:
    """Return the first few differences, and the number of the others."""
    more = f"; and {len(wrong) - _MAX_DIFFERENCES:,} more" if len(wrong) > _MAX_DIFFERENCES else ""
    return "; ".join(wrong[:_MAX_DIFFERENCES]) + more


class SiteClient:
    """Requests about one release of a site.

    All methods raise FetchError, and SiteCheckFailed for a status other than 200 or an unexpected form.
    """

    def __init__(self, site: Site, release: int) -> None:
        self.site = site
        self.release = release
        self._comment = f"\n# {secrets.token_hex(8)}"  # so that no cache has answers to our queries

    def ok(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = "") -> HttpResponse:
        """Send a request, and return the response."""
        reply = self.site.get(path, headers, method, body)
        require_that(reply.status == 200, f"{path} returns status {reply.status}")
        return reply

    def file(self, path: str, into: Path) -> Path:
        """Download a response of any size to a file."""
        status = self.site.download(path, into).status
        require_that(status == 200, f"{path} returns status {status}")
        return into

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query, bypassing caches."""
        sent = urlencode({"query": query + self._comment, "format": "csv", "release": self.release})
        return list(csv.DictReader(io.StringIO(self.ok(f"/sparql?{sent}").body.decode(), newline="")))

    def about(self, subjects: list[str]) -> dict[str, set[str]]:
        """Return the endpoint's statements about subjects (terms), bypassing caches."""
        query = f"CONSTRUCT {{ ?s ?p ?o }} {{ VALUES ?s {{ {' '.join(subjects)} }} ?s ?p ?o }}{self._comment}"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": NTRIPLES}
        sent = urlencode({"query": query, "release": self.release})
        found = by_subject(self.ok("/sparql", headers, "POST", sent).body.decode().split("\n")[:-1])
        return {subject: found.get(subject, set()) for subject in subjects}

    def json(self, path: str) -> Any:
        """Return a JSON response."""
        reply = self.ok(path)
        try:
            return json.loads(reply.body)
        except ValueError as error:
            raise SiteCheckFailed(
                f"{path} is not valid JSON ({reply.type}; {error}): check whether a proxy replaces the response"
            ) from error

    def statements(self, path: str) -> list[str]:
        """Return the lines of an N-Triples response."""
        reply = self.ok(path, {"Accept": NTRIPLES})
        require_that(reply.type.startswith(NTRIPLES), f"{path} is {reply.type} instead of N-Triples")
        return reply.body.decode().split("\n")[:-1]
