"""Downloads of release files: resumable, conditional, and streamed at the client's speed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from werkzeug.exceptions import Gone, MethodNotAllowed, NotFound, PreconditionFailed
from werkzeug.http import parse_date, parse_etags
from werkzeug.wrappers import Response

from cybilgraph.model.formats import media_type_of
from cybilgraph.rdf.iati_publication import ACTIVITIES
from cybilgraph.release import Release
from cybilgraph.web.api.protocol import FRESH, PINNED, Reply, Request
from cybilgraph.web.server.live_releases import LiveReleases

#: /release/3/FILE, /latest/FILE; /release/3.json is the manifest.
_PATH = re.compile(r"/(?:release/(?P<number>[0-9]{1,9})|latest)/(?P<name>[^/]+)|/release/(?P<listed>[0-9]{1,9})\.json")
#: A single byte range (RFC 9110, section 14.1.2). A server may ignore others (14.2) and send the whole file.
_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
#: Files of earlier versions.
_WITHDRAWN = re.compile(r"cybilgraph\.(?:trig\.gz|(?:trig|nt|ttl|jsonld|rdf)\.zst)")
_CONDITIONS = ("if-none-match", "if-modified-since")
#: Characters of an unknown name in an error.
_MAX_SHOWN = 200
_METHODS = ("GET", "HEAD", "OPTIONS")
_BLOCK_BYTES = 1 << 18


def is_file(path: str) -> bool:
    """Return whether a path is that of a release file."""
    return _PATH.fullmatch(path) is not None


def file_reply(live: LiveReleases, request: Request) -> Reply:
    """Return the reply to a request for a file.

    Raises MethodNotAllowed, NotFound, Gone, ReleaseError, ReleaseGone, FileDamaged, PreconditionFailed and
    RequestedRangeNotSatisfiable.
    """
    if request.method == "OPTIONS":
        allowed = ", ".join(_METHODS)
        return Reply(204, {"allow": allowed, "access-control-allow-methods": allowed})
    if request.method not in _METHODS:
        raise MethodNotAllowed(_METHODS)
    found = _PATH.fullmatch(request.path)
    assert found
    name = found["name"] or "manifest.json"
    number = found["number"] or found["listed"]
    release = live.verified(int(number)) if number else live.current.release
    if name not in release.served_files():
        if _WITHDRAWN.fullmatch(name):
            raise Gone(f"{name} is no longer published: use cybilgraph.nq.gz, or another of the .gz files")
        if name == ACTIVITIES:
            raise NotFound(
                "There are no IATI activities: the site file has no org-id (org-id.guide), or no project has what IATI "
                "requires"
            )
        compressed = f"{name}.gz"
        hint = f". There is {compressed!r}" if compressed in release.served_files() else ""
        raise NotFound(f"Release {release.number} has no file {name[:_MAX_SHOWN]!r}{hint}")
    file = live.integrity.open(release, name)
    try:
        size = file.seek(0, os.SEEK_END)
        response = _conditional(request, release.checksum(name), _modified(release, file), size)
    except BaseException:
        file.close()
        raise
    status = response.status_code
    headers = {key.lower(): value for key, value in response.headers.items()} | {
        "cache-control": PINNED if number else FRESH,
        "cybilgraph-release": str(release.number),
    }
    if not number:
        headers["link"] = f'</release/{release.number}/{name}>; rel="canonical"'
    part = response.content_range
    start, stop = (part.start or 0, part.stop or size) if status == 206 else (0, size)
    if status != 304:
        kind = media_type_of(name)
        shown = "inline" if kind.startswith("text/") or "json" in kind else "attachment"
        headers |= {"content-type": kind, "content-disposition": f'{shown}; filename="{name}"'}
        headers["content-length"] = str(stop - start)
    if status == 304 or request.method == "HEAD":
        file.close()
        return Reply(status, headers)
    return Reply(status, headers, blocks=_blocks(file, start, stop))


def _modified(release: Release, file: BinaryIO) -> datetime:
    """Return when a file last changed: when its release was built, or when `cybilgraph forget` rewrote it."""
    if release.manifest.get("forgotten"):
        return datetime.fromtimestamp(int(os.fstat(file.fileno()).st_mtime), UTC)
    return datetime.fromisoformat(release.manifest["created"])


def _conditional(request: Request, digest: str, modified: datetime, size: int) -> Response:
    """Evaluate the conditions and range of a request in the order of RFC 9110, section 13.2.2.

    Raises PreconditionFailed, RequestedRangeNotSatisfiable.
    """
    response = Response()
    response.set_etag(digest)
    response.last_modified = modified
    _require_same(request, digest, modified)
    conditions = {name: request.headers[name] for name in _CONDITIONS if name in request.headers}
    # werkzeug would accept a weak ETag or a later date in If-Range; neither proves an identical file (13.1.5).
    same = request.headers.get("if-range") in (None, response.headers["ETag"], response.headers["Last-Modified"])
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in conditions.items()}
    environ["REQUEST_METHOD"] = request.method
    response.make_conditional(environ, accept_ranges=True, complete_length=size)
    requested = request.headers.get("range", "")
    # Evaluate the range last: a client that already has the file gets 304, where werkzeug would send the range.
    if response.status_code == 200 and request.method == "GET" and same and _RANGE.fullmatch(requested):
        ranged = {"HTTP_RANGE": requested, "REQUEST_METHOD": request.method}
        response.make_conditional(ranged, accept_ranges=True, complete_length=size)
    return response


def _require_same(request: Request, digest: str, modified: datetime) -> None:
    """Check If-Match and If-Unmodified-Since (RFC 9110, sections 13.1.1 and 13.1.4). Raises PreconditionFailed."""
    if (expected := request.headers.get("if-match")) is not None:
        tags = parse_etags(expected)
        same = tags.star_tag or tags.is_strong(digest)
    else:
        latest = parse_date(request.headers.get("if-unmodified-since"))
        same = latest is None or modified <= latest
    if not same:
        raise PreconditionFailed("The file has changed: download it again from the beginning, without this condition")


def _blocks(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while start < stop and (block := file.read(min(_BLOCK_BYTES, stop - start))):
            start += len(block)
            yield block
