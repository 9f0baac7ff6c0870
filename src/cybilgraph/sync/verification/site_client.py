"""A client for checks, which returns responses in the needed forms and raises SiteCheckFailed for any other."""

from __future__ import annotations

import csv
import io
import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from cybilgraph.sync.fetch import HttpResponse, Site

NTRIPLES = "application/n-triples"
BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
#: What to do if a page does not match the release.
STALE_CACHE_HINT = "clear the caches in front of the site or restart it, then verify again"
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


def cache_buster() -> str:
    """Return a random comment for a query, so that no cache has the answer."""
    return f"\n# {secrets.token_hex(8)}"


class SiteClient:
    """Requests about one release of a site.

    All methods raise FetchError, and SiteCheckFailed for a status other than 200 or an unexpected form.
    """

    def __init__(self, site: Site, release: int) -> None:
        self.site = site
        self.release = release

    def ok(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = "") -> HttpResponse:
        """Send a request, and return the response."""
        reply = self.site.get(path, headers or {"Accept": "*/*"}, method, body)
        require_that(reply.status == 200, f"{path} returns status {reply.status}")
        return reply

    def file(self, path: str, into: Path) -> Path:
        """Download a response of any size to a file."""
        status = self.site.download(path, into, {"Accept": "*/*"}).status
        require_that(status == 200, f"{path} returns status {status}")
        return into

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query, bypassing caches."""
        sent = urlencode({"query": query + cache_buster(), "format": "csv", "release": self.release})
        return list(csv.DictReader(io.StringIO(self.ok(f"/sparql?{sent}").body.decode(), newline="")))

    def json(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = "") -> Any:
        """Return a JSON response."""
        reply = self.ok(path, headers, method, body)
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

    def own_path(self, address: str, where: str) -> str:
        """Return the path of a URL of this site, found at ``where``.

        The scheme may differ, because a proxy may terminate TLS. Raises SiteCheckFailed for a URL of another site.
        """
        own, target = urlsplit(self.site.url), urlsplit(address)
        require_that(
            target.netloc.lower() == own.netloc.lower() and target.path.startswith(f"{own.path}/"),
            f"{where} contains {address or 'no URL'}, which is not below {self.site.url}: "
            "configure the proxy to forward the Host header",
        )
        return target.path.removeprefix(own.path) + (f"?{target.query}" if target.query else "")
