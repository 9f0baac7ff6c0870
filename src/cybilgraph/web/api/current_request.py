"""The request that Flask handles: its client, its release and its query, and the site's own queries on that release."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from flask import Response, after_this_request, current_app, g, request
from werkzeug.datastructures import MultiDict

from cybilgraph.errors import QueryError
from cybilgraph.model.formats import BY_NAME, FORMATS, RESULT_FORMATS, Format
from cybilgraph.model.site_profile import SiteProfile
from cybilgraph.readers.tabular import escape_formula
from cybilgraph.release import SEARCH, Release
from cybilgraph.release.search import SearchIndex
from cybilgraph.runtime.scheduler import Caller
from cybilgraph.sparql import Answer, queries
from cybilgraph.sparql.queries import Query
from cybilgraph.web.api import named_queries, protocol
from cybilgraph.web.api.protocol import Request
from cybilgraph.web.server.answer_cache import CachedAnswer, CacheKey
from cybilgraph.web.server.live_releases import LiveReleases
from cybilgraph.web.server.open_release import OpenRelease

CSV, NTRIPLES = BY_NAME["csv"], BY_NAME["ntriples"]

#: A page number has fewer digits.
_MAX_PAGE_DIGITS = 7


def site(name: str) -> Any:
    """Return one of the objects that ``create_app`` stores for all requests."""
    return current_app.extensions["cybilgraph"][name]


def live() -> LiveReleases:
    """Return the releases that the application serves."""
    found: LiveReleases = site("live")
    return found


def profile() -> SiteProfile:
    """Return the profile of the site: the server's, or else that of its current release."""
    found: SiteProfile = site("profile") or live().current.release.profile
    return replace(found, licence=site("licence") or found.licence, doi=site("doi") or found.doi)


def serving() -> OpenRelease:
    """Return the release that answers this request; it stays the same until the request ends."""
    found: OpenRelease = g.setdefault("serving", live().current)
    return found


def release_with_intact(name: str) -> Release:
    """Return the release that answers this request, after verifying one of its files.

    The checksum is computed only if the file has changed since the last time. Raises FileDamaged, ReleaseBusy.
    """
    found = serving().release
    if name in found.manifest["files"]:  # older versions of the software built releases without some files
        live().integrity.open(found, name).close()
    return found


def search_index() -> SearchIndex:
    """Return the search index of the release that answers this request. Raises FileDamaged, ReleaseBusy."""
    release_with_intact(SEARCH)
    return serving().search


def caller() -> Caller:
    """Return the client of this request, for fair scheduling and for cancelling work when it disconnects."""
    scope = request.environ.get("asgi.scope")
    return (scope and scope["entry"].caller) or Caller()


def pin_release(release: str) -> int:
    """Answer this request from the release whose number is in the URL, and return the number.

    Without one, return 0 and keep the current release. Raises QuerySyntaxError, ReleaseError, ReleaseGone.
    """
    number = protocol.release_number(release)
    if number:
        open_release(number)
        g.pinned = number

        @after_this_request
        def _add_header(response: Response) -> Response:
            response.headers["Cybilgraph-Release"] = str(number)
            return response

    return number


def pin_release_in_url() -> None:
    """Answer this request from the release in its URL, if it has one; to be called before the request."""
    pin_release(request.args.get("release", ""))


def open_release(number: int) -> None:
    """Answer this request from a release, which stays open until the request ends."""
    close_release(None)
    g.opened = ExitStack()
    g.serving = g.opened.enter_context(live().opened(number))


def close_release(_: BaseException | None) -> None:
    """Release what ``open_release`` opened for this request; Flask calls this at the end of each request."""
    if "opened" in g:
        g.opened.close()


def answer_query(query: str, *formats: Format, of: OpenRelease | None = None) -> Answer:
    """Run one of the site's own queries on the release of this request, or on another."""
    found = (of or serving()).answers.find(CacheKey.of(query, formats), caller=caller())
    return found.answer if isinstance(found, CachedAnswer) else found


def answer_response(query: str, *formats: Format) -> Response:
    """Return the result of one of the site's own queries in the first of the formats that supports it."""
    answer = answer_query(query, *formats)
    return Response(answer.content, content_type=answer.format.content_type)


def sent_request(path: str) -> Request:
    """Return this request for ``web.api.protocol``, as if sent to ``path``. Pages without queries skip its body."""
    if "sent_request" not in g:
        sent: Request | None = (request.environ.get("asgi.scope") or {}).get("sent_request")
        if not sent or sent.path != path:  # otherwise its parameters may be decoded already
            headers = {name.lower(): value for name, value in request.headers.items()}
            is_query = request.path.rstrip("/") in protocol.QUERY_PATHS
            method, body = (request.method, request.get_data(cache=False)) if is_query else ("GET", b"")
            sent = Request(method, request.query_string.decode("latin-1"), headers, body, path)
        set_request(sent)
    found: Request = g.sent_request
    return found


def short_form() -> MultiDict[str, str]:
    """Return the fields of a form; the ASGI application has limited its body to some kilobytes for such pages."""
    if "form" not in g:
        is_form = request.mimetype == "application/x-www-form-urlencoded"
        body = request.get_data(cache=False).decode(errors="replace") if is_form else ""
        g.form = MultiDict(parse_qsl(body, keep_blank_values=True))
    found: MultiDict[str, str] = g.form
    return found


def set_request(sent: Request) -> None:
    """Store the request that ``sent_request`` returns; without its body unless the page takes queries."""
    is_query = sent.path.rstrip("/") in protocol.QUERY_PATHS
    g.sent_request = sent if is_query else replace(sent, method="GET", body=b"")


def form_values(of: Query | None = None) -> dict[str, object]:
    """Return the values of the query form besides its text."""
    return {
        "formats": [fmt.name for fmt in (named_queries.formats(of) if of else FORMATS)],
        "tables": [fmt.name for fmt in RESULT_FORMATS],
        "pinned": sent_request(request.path).shown("release") or "",
    }


def named_query_rows(name: str, **values: str) -> list[dict[str, str]]:
    """Return the rows of a named SELECT query with its parameters bound."""
    return query_rows(queries.load_query(name).bind({key: [value] for key, value in values.items()}))


def query_rows(query: str) -> list[dict[str, str]]:
    """Return the result of one of the site's own queries, by column name."""
    return list(csv.DictReader(io.StringIO(answer_query(query, CSV).content.decode())))


def page_in_url(last: int = sys.maxsize) -> int:
    """Return the page number ``page`` in the URL, at most ``last``; 1 if there is none or it is not a number."""
    given = request.args.get("page", "")
    is_number = given.isascii() and given.isdigit() and len(given) < _MAX_PAGE_DIGITS
    return min(max(int(given), 1), last) if is_number else 1


def period_in_url(first: int, last: int) -> tuple[int, int] | None:
    """Return the years ``from`` and ``to`` in the URL, by default ``first`` and ``last``; None if it has neither.

    Raises QueryError.
    """
    given = [request.args.get(name, "").strip() for name in ("from", "to")]
    if not any(given):
        return None
    if not all(not one or (one.isascii() and one.isdigit() and len(one) == 4) for one in given):
        raise QueryError("from and to must be years", "Write four digits: from=2015.")
    last = int(given[1] or last)
    first = int(given[0] or min(first, last))
    if first > last:
        raise QueryError(f"from={first} is later than to={last}", "Give the earlier year as from.")
    return first, last


def csv_response(query: str) -> Response:
    """Return the result of one of the site's own queries as CSV for spreadsheet programs."""
    return table_response(csv.reader(io.StringIO(answer_query(query, CSV).content.decode())))


def table_response(rows: Iterable[Iterable[str]]) -> Response:
    """Return rows, column names first, as CSV (RFC 4180) that is safe to open in a spreadsheet program."""
    text = io.StringIO()
    csv.writer(text).writerows(map(escape_formula, row) for row in rows)
    return Response(text.getvalue(), content_type=CSV.content_type)
