"""What a site answers, in the forms that checks need; what is no answer is wrong."""

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
#: What to do where a page is another one than the release makes.
STALE_CACHE_HINT = "empty the caches in front of the site, or start it anew, and verify again"
#: Differences of one kind that are told.
_MAX_DIFFERENCES = 5


class SiteCheckFailed(Exception):
    """What a check finds wrong."""


def require_that(condition: bool, wrong: str) -> None:
    """Raises Wrong, with these words, where something is not true."""
    if not condition:
        raise SiteCheckFailed(wrong)


def first_differences(wrong: list[str]) -> str:
    """The first few of what is wrong, and how many more there are."""
    more = f"; and {len(wrong) - _MAX_DIFFERENCES:,} more" if len(wrong) > _MAX_DIFFERENCES else ""
    return "; ".join(wrong[:_MAX_DIFFERENCES]) + more


def cache_buster() -> str:
    """A comment that makes of a query one that nobody has asked: no answer that was kept is one to it."""
    return f"\n# {secrets.token_hex(8)}"


class SiteClient:
    """Questions to a site, of which one release is looked at. All raise Wrong where there is no answer (another
    status than 200), or it is of another form; and FetchError.
    """

    def __init__(self, site: Site, release: int) -> None:
        self.site = site
        self.release = release

    def ok(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = "") -> HttpResponse:
        """The answer to a request."""
        reply = self.site.get(path, headers or {"Accept": "*/*"}, method, body)
        require_that(reply.status == 200, f"{path} is answered with {reply.status}")
        return reply

    def file(self, path: str, into: Path) -> Path:
        """The answer in a file, however large."""
        status = self.site.download(path, into, {"Accept": "*/*"}).status
        require_that(status == 200, f"{path} is answered with {status}")
        return into

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows that the endpoint finds now, which no cache knows."""
        sent = urlencode({"query": query + cache_buster(), "format": "csv", "release": self.release})
        return list(csv.DictReader(io.StringIO(self.ok(f"/sparql?{sent}").body.decode(), newline="")))

    def json(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = "") -> Any:
        """What is told in JSON."""
        reply = self.ok(path, headers, method, body)
        try:
            return json.loads(reply.body)
        except ValueError as error:
            raise SiteCheckFailed(
                f"{path} is no JSON, but {reply.type} ({error}): does a proxy answer for the site?"
            ) from error

    def statements(self, path: str) -> list[str]:
        """What is told in N-Triples, by lines."""
        reply = self.ok(path, {"Accept": NTRIPLES})
        require_that(reply.type.startswith(NTRIPLES), f"{path} as N-Triples is {reply.type}")
        return reply.body.decode().split("\n")[:-1]

    def own_path(self, address: str, where: str) -> str:
        """The path of an address of this site, which is told at ``where``. How it is asked (http, https) may be told
        otherwise: a proxy may have taken that over. Raises Wrong where it is one of another site.
        """
        own, target = urlsplit(self.site.url), urlsplit(address)
        require_that(
            target.netloc.lower() == own.netloc.lower() and target.path.startswith(f"{own.path}/"),
            f"{where} names {address or 'no address'}, which is none of {self.site.url}: "
            "let the proxy pass on what it was asked for (Host)",
        )
        return target.path.removeprefix(own.path) + (f"?{target.query}" if target.query else "")
