"""The web archives (WARC, ISO 28500) of a crawl: what earlier runs captured, and the file of this run.

The archives are the only state. A run appends one compressed record after another to a hidden file, which becomes
visible when the run ends, so that a killed run loses at most the record that it was writing. Fields of our own in the
headers of responses keep what the page is, so that a later run need not parse it again.
"""

from __future__ import annotations

import io
import os
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.utils import Digester
from warcio.warcwriter import WARCWriter

from cybilgraph.errors import CollectError
from cybilgraph.readers.html.page_kind import PageKind
from cybilgraph.readers.inputs import COMPRESSED_ARCHIVE
from cybilgraph.readers.web_archives import GONE, GONE_PROJECT, HTTP_PARSER, read_fields, read_http
from cybilgraph.sync.fetch import HttpResponse

#: A run that was interrupted longer ago is not resumed: a new one begins, and downloads only what has changed since.
MAX_RESUME_AGE = timedelta(hours=24)
_TIME = "%Y%m%d%H%M%S%f"
#: The headers that later requests need.
_KEPT = ("ETag", "Last-Modified", "Location", "Content-Type")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9.-]")
_BLOCK_BYTES = 1 << 16
_MAX_CONTENT_BYTES = 100_000_000
#: Fields of our own: what the page is, a checksum of its text, and the project that it describes.
_KIND, _TEXT, _PROJECT = "Cybilgraph-Page", "Cybilgraph-Text-Digest", "Cybilgraph-Project"
#: A field of a metadata record: why the page was not downloaded completely.
_TOO_LARGE = "cybilgraph-too-large"
#: The profiles of revisit records (section 6.7): the server or the checksum says that nothing has changed. In the last
#: one, which is ours, only the text is the same; many sites change a page's markup with every request.
_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
_SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
_SAME_TEXT = "https://w3id.org/cybilgraph/warc/revisit/identical-text"
#: Headers that no longer apply to decoded content, and cookies, which are private.
_OMITTED = frozenset(("content-encoding", "transfer-encoding", "content-length", "set-cookie", "connection"))


@dataclass(frozen=True, slots=True)
class Capture:
    """The latest capture of an address.

    ``file`` and ``offset`` locate the response with the content. ``kind``, ``text`` and ``project`` describe the page.
    ``is_new`` is false if the page had not changed. Empty, unless they apply: ``original``, the address of the page
    whose text it shows, or last showed; ``gone``, the reason why it is gone; ``too_large``, by how much it was over the
    limit.
    """

    status: int
    captured: str
    file: Path
    offset: int
    headers: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    kind: str = ""
    text: str = ""
    project: str = ""
    is_new: bool = True
    gone: str = ""
    original: str = ""
    too_large: str = ""

    @property
    def is_project(self) -> bool:
        """Whether it is the page of a project, and not gone."""
        return self.kind == PageKind.PROJECT and not self.gone


class CrawlArchive:
    """The archives of one host in a folder; a context manager, which ends the run unless an error interrupts it.

    Raises CollectError if an archive is damaged, OSError if it cannot be read or written.
    """

    def __init__(self, folder: Path, host: str, software: str) -> None:
        self._folder = folder
        self._name = _NOT_IN_NAME.sub("_", host)
        self._software = software
        #: The latest capture of each address before this run, and in this run.
        self.earlier: dict[str, Capture] = {}
        self.done: dict[str, Capture] = {}
        self._lock = FileLock(folder / f".{self._name}.lock")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise CollectError(f"Another process is collecting {host} into {folder}", "Wait until it ends.") from error
        except OSError as error:
            raise CollectError(f"{folder}: cannot be written: {error.strerror}", "Check its permissions.") from error
        names = f"{self._name}-{'[0-9]' * len(f'{_now():{_TIME}}')}{COMPRESSED_ARCHIVE}"
        self._path = folder / f".{self._name}-{_now():{_TIME}}{COMPRESSED_ARCHIVE}"
        self.is_resumed = False
        for path in sorted(folder.glob(f".{names}")):
            _cut_incomplete_record(path)
            if not path.exists():
                continue
            if _age(path) > MAX_RESUME_AGE:
                path.rename(path.with_name(path.name[1:]))
            else:
                self._path, self.is_resumed = path, True
        for path in sorted(folder.glob(names)):
            self._index(path, self.earlier)
        if self.is_resumed:
            self._index(self._path, self.done)

    def __enter__(self) -> CrawlArchive:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None and self._path.exists():
            self._path.rename(self._path.with_name(self._path.name[1:]))
        elif kind is CollectError:  # nothing was found; robots.txt and sitemaps may change before the next run
            self._path.unlink(missing_ok=True)
        self._lock.release()

    def content(self, capture: Capture) -> bytes:
        """Return the content of a captured response."""
        with capture.file.open("rb") as file:
            file.seek(capture.offset)
            response = read_http(next(ArchiveIterator(file, no_record_parse=True)), _MAX_CONTENT_BYTES)
            assert response
            return response.content

    def add_response(self, url: str, response: HttpResponse, kind: str = "", text: str = "", project: str = "") -> None:
        """Add a response as it was received, with what the page is."""
        headers = [(name, value) for name, value in response.headers.items() if name.lower() not in _OMITTED]
        headers.append(("Content-Length", str(len(response.body))))
        own = {_KIND: kind, _TEXT: text, _PROJECT: project}
        own = {name: value for name, value in own.items() if value}
        http = StatusAndHeaders(_status_line(response.status), headers, protocol="HTTP/1.1")
        self._write(url, "response", own, payload=io.BytesIO(response.body), http_headers=http)

    def add_unchanged(self, url: str, response: HttpResponse, before: Capture) -> None:
        """Add that a page is what it was ``before``: by the response's status, its content or its text."""
        self._add_revisit(url, response, before, url)

    def _add_revisit(self, url: str, response: HttpResponse, before: Capture, refers_to: str) -> None:
        is_same = digest_of(response.body) == before.digest
        profile = _NOT_MODIFIED if response.status == 304 else _SAME_PAYLOAD if is_same else _SAME_TEXT
        own = {
            "WARC-Profile": profile,
            "WARC-Refers-To-Target-URI": refers_to,
            "WARC-Refers-To-Date": before.captured,
            "WARC-Payload-Digest": before.digest,
        }
        headers = [(name, value) for name, value in response.headers.items() if name.lower() not in _OMITTED]
        http = StatusAndHeaders(_status_line(response.status), headers, protocol="HTTP/1.1")
        self._write(url, "revisit", own, http_headers=http)

    def add_duplicate(self, url: str, response: HttpResponse, original: str) -> None:
        """Add that an address shows the same text as another one, which has been added."""
        before = self.done.get(original) or self.earlier[original]
        self._add_revisit(url, response, before, original)

    def add_gone(self, url: str, reason: str, project: str) -> None:
        """Add that a page is gone, which described a project."""
        self._add_metadata(url, {GONE: reason, GONE_PROJECT: project})

    def add_too_large(self, url: str, reason: str) -> None:
        """Add that a page is over the limit, so that the next run need not request it."""
        self._add_metadata(url, {_TOO_LARGE: reason})

    def _add_metadata(self, url: str, fields: Mapping[str, str]) -> None:
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        self._write(url, "metadata", {}, payload=io.BytesIO(text.encode()), length=len(text.encode()))

    def _write(self, url: str, kind: str, headers: dict[str, str], **content: Any) -> None:
        """Append a record, or nothing if the disk is full. Raises OSError."""
        block = io.BytesIO()
        writer = WARCWriter(block, gzip=True, warc_version="1.1")
        is_new = not self._path.exists()
        if is_new:
            info = {"software": self._software, "format": "WARC File Format 1.1", "robots": "obey"}
            writer.write_record(writer.create_warcinfo_record(self._path.name[1:], info))
        headers = {"WARC-Date": f"{_now():%Y-%m-%dT%H:%M:%SZ}", **headers}
        writer.write_record(writer.create_warc_record(url, kind, warc_headers_dict=headers, **content))
        with self._path.open("ab", buffering=0) as file:
            begin = file.tell()
            try:
                left = memoryview(block.getvalue())
                while left:
                    left = left[file.write(left) :]
                os.fsync(file.fileno())
            except OSError:
                file.truncate(begin)
                raise
        self._index(self._path, self.done, begin)

    def _index(self, path: Path, captures: dict[str, Capture], begin: int = 0) -> None:
        """Add the captures in a file, from an offset on."""
        try:
            with path.open("rb") as file:
                file.seek(begin)
                records = ArchiveIterator(file, no_record_parse=True)
                for record in records:
                    url = record.rec_headers.get_header("WARC-Target-URI") or ""
                    capture = self._capture(record, path, captures.get(url) or self.earlier.get(url))
                    if capture:
                        captures[url] = (
                            replace(capture, offset=records.get_record_offset()) if capture.is_new else capture
                        )
        except OSError:
            raise
        except Exception as error:  # warcio documents none
            raise CollectError(
                f"{path} is damaged and cannot be read", "Move it out of this folder, and run the command again."
            ) from error

    @staticmethod
    def _capture(record: Any, path: Path, before: Capture | None) -> Capture | None:
        """Return the capture that a record adds to the one ``before``, or None."""
        header = record.rec_headers.get_header
        captured = header("WARC-Date")
        match record.rec_type:
            case "response":
                http = HTTP_PARSER.parse(record.raw_stream)
                status = int(http.get_statuscode())
                return Capture(
                    status=status,
                    captured=captured,
                    file=path,
                    offset=0,
                    headers=_kept_headers(http),
                    digest=header("WARC-Payload-Digest", ""),
                    kind=header(_KIND, ""),
                    text=header(_TEXT, ""),
                    project=header(_PROJECT, ""),
                    original=before.original if before and status != 200 else "",
                )
            case "revisit" if before and header("WARC-Refers-To-Target-URI") == header("WARC-Target-URI"):
                return replace(before, captured=captured, is_new=False)
            case "revisit":
                own = _kept_headers(HTTP_PARSER.parse(record.raw_stream))
                digest = header("WARC-Payload-Digest", "")
                original = header("WARC-Refers-To-Target-URI", "")
                return Capture(200, captured, path, 0, own, digest, is_new=False, original=original)
            case "metadata":
                fields = read_fields(record)
                if before and (reason := fields.get(GONE)):
                    return replace(before, captured=captured, gone=reason, is_new=False)
                if reason := fields.get(_TOO_LARGE):
                    before = before or Capture(0, captured, path, 0)
                    return replace(before, captured=captured, too_large=reason, is_new=False)
        return None


def _kept_headers(http: StatusAndHeaders) -> dict[str, str]:
    return {name: value for name in _KEPT if (value := http.get_header(name))}


def digest_of(content: bytes) -> str:
    """Return the checksum of a content as web archives write it."""
    digester = Digester("sha1")
    digester.update(content)
    return str(digester)


def _status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


def _now() -> datetime:
    return datetime.now(UTC)


def _age(path: Path) -> timedelta:
    """Return the time since a run began, by the name of its file."""
    begun = path.name.removesuffix(COMPRESSED_ARCHIVE).rpartition("-")[2]
    return _now() - datetime.strptime(begun, _TIME).replace(tzinfo=UTC)


def _cut_incomplete_record(path: Path) -> None:
    """Remove what follows the last complete record: that which a killed process was writing."""
    complete, decompressor = 0, zlib.decompressobj(16 + zlib.MAX_WBITS)
    with path.open("r+b") as file, suppress(zlib.error):
        while block := file.read(_BLOCK_BYTES):
            while block:
                decompressor.decompress(block)
                block = decompressor.unused_data
                if decompressor.eof:
                    complete = file.tell() - len(block)
                    decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)
    os.truncate(path, complete)
    if not complete:
        path.unlink()
