"""Read web archives (WARC, ISO 28500): one record per page that describes a project, as it was captured.

Archives may come from anyone, so everything is limited: records, their length, and how far the file and each page
expand. Nothing is requested from the addresses in an archive.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from typing import Any

from warcio.archiveiterator import ArchiveIterator
from warcio.bufferedreaders import ChunkedDataReader
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeadersParser, StatusAndHeadersParserException

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import escape_controls
from cybilgraph.model.record import Record
from cybilgraph.model.rules import finding
from cybilgraph.readers.html import read_captured_page
from cybilgraph.readers.html.page_kind import PageKind
from cybilgraph.readers.html.tree import MAX_HTML_BYTES
from cybilgraph.readers.inputs import COMPRESSED_ARCHIVE, Input, Stream

#: A crawl of a whole country has some million records; one file of Common Crawl has 150,000.
MAX_ARCHIVE_RECORDS = 10_000_000
_MAX_ARCHIVE_BYTES = 200_000_000_000
#: Beyond the first 2 GB, an archive may expand to 100 times its size. Pages compress to a fifth or a tenth.
_MAX_EXPANSION, _FREE_BYTES = 100, 2_000_000_000
#: The size of a record's own header, and of the parts in which other records are skipped.
_MAX_HEADER_BYTES, _BLOCK_BYTES = 1 << 20, 1 << 16
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_GONE_STATUSES = (404, 410)
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?Z")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{2,30})", re.IGNORECASE)
_ERRORS = (
    ArchiveLoadFailed,
    StatusAndHeadersParserException,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    ValueError,  # of a date or a length
    AttributeError,  # of a record without a target
)
HTTP_PARSER = StatusAndHeadersParser(["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/2", "HTTP/3"])
#: The field of a metadata record that says why a page is gone, and the project that it described; our crawler
#: writes them.
GONE, GONE_PROJECT = "cybilgraph-gone", "cybilgraph-project"


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A response in an archive: its status, headers, and the first bytes of its content, decoded."""

    status: int
    headers: Any
    content: bytes

    @property
    def content_type(self) -> str:
        """The Content-Type, possibly empty."""
        return self.headers.get_header("Content-Type") or ""


def read_web_archive(input_file: Input) -> Iterator[Record]:
    """Yield the record of each project page in an archive, in the order of the archive.

    Adds to the notes of the input how many other pages there were, and which pages are gone. Raises SourceError if the
    file is no web archive; if it is damaged, after the records before.
    """
    counts: Counter[str] = Counter()
    with input_file.open(_MAX_ARCHIVE_BYTES) as stream:
        try:
            for record in _records(input_file.name, stream):
                yield from _read_record(input_file, record, counts)
        finally:
            projects = counts.pop(PageKind.PROJECT, 0)
            if counts or not (projects or input_file.notes):
                others = "; ".join(f"{kind}s: {count:,}" for kind, count in sorted(counts.items())) or "0"
                values = {"projects": f"{projects:,}", "others": others}
                input_file.notes.append(finding("other-pages", input_file.name, values, line=1))


def find_pages(input_file: Input, names: Container[str]) -> Iterator[Input]:
    """Yield the pages in an archive whose records have a source of these names. Raises SourceError."""
    with input_file.open(_MAX_ARCHIVE_BYTES) as stream:
        for record in _records(input_file.name, stream):
            if record.rec_type == "response" and _page_name(input_file, record) in names:
                response = read_http(record, MAX_HTML_BYTES)
                if response and response.status == 200:
                    yield _page_input(input_file, record, response)


def split_page_name(source: str) -> tuple[str, str]:
    """Return the archive and the address of a page in an archive, of which its name consists; "" for other sources."""
    archive, separator, address = source.partition("#http")
    return (archive, f"http{address}") if separator and archive.endswith((".warc", COMPRESSED_ARCHIVE)) else ("", "")


def _address(record: Any) -> str:
    """Return the address of a capture, possibly empty. Its scheme is in lower case (RFC 3986, section 3.1)."""
    scheme, colon, rest = (record.rec_headers.get_header("WARC-Target-URI") or "").partition(":")
    return scheme.lower() + colon + rest


def _page_name(input_file: Input, record: Any) -> str:
    return f"{input_file.name}#{escape_controls(_address(record))}"


def _page_input(input_file: Input, record: Any, response: HttpMessage) -> Input:
    date = _DATE.fullmatch(record.rec_headers.get_header("WARC-Date") or "")
    return Input(
        _page_name(input_file, record),
        data=response.content,
        address=_address(record),
        retrieved=f"{date[1]}Z" if date else "",
        charset=charset_of(response.content_type),
    )


def _read_record(input_file: Input, record: Any, counts: Counter[str]) -> Iterator[Record]:
    """Yield the record of a project page, and count others by what they are."""
    address = _address(record)
    if record.rec_type == "metadata":
        fields = read_fields(record)
        if reason := fields.get(GONE):
            values = {
                "address": address,
                "day": (record.rec_headers.get_header("WARC-Date") or "")[:10],
                "reason": reason,
            }
            key = fields.get(GONE_PROJECT, "")
            input_file.notes.append(finding("page-gone", input_file.name, values, record=key, line=1))
        return
    if record.rec_type == "revisit":
        counts["unchanged page"] += 1
    if not address.startswith(("http://", "https://")):
        return
    if record.rec_type in ("resource", "conversion"):
        counts["other file"] += 1
    if record.rec_type != "response":
        return
    response = read_http(record, MAX_HTML_BYTES + 1)
    if response is None or len(response.content) > MAX_HTML_BYTES:
        counts["oversized or undecodable page"] += 1
    elif response.status in _GONE_STATUSES:
        counts[PageKind.ERROR] += 1
    elif response.status != 200 or not is_page_type(response.content_type):
        counts["other file"] += 1
    else:
        try:
            page = read_captured_page(_page_input(input_file, record, response))
        except SourceError:
            counts["unreadable page"] += 1
            return
        counts[page.kind] += 1
        if page.record:
            yield page.record


def _records(name: str, raw: Stream) -> Iterator[Any]:
    """Yield each record of an archive. Raises SourceError at one that is damaged."""
    is_compressed = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    stream = _MeteredStream(name, raw, is_compressed=is_compressed)
    number, is_archive = 0, False
    try:
        if stream.begin(5) != b"WARC/":
            raise ArchiveLoadFailed("not a web archive")
        # Its warnings, which quote the archive, would go to standard error.
        with redirect_stderr(io.StringIO()):
            records = ArchiveIterator(stream, no_record_parse=True)
        for number in range(1, MAX_ARCHIVE_RECORDS + 2):
            stream.header_ends_at = stream.position + _MAX_HEADER_BYTES
            with redirect_stderr(io.StringIO()):
                record = next(records, None)
            if stream.error:
                raise stream.error
            if record is None:
                return
            if number > MAX_ARCHIVE_RECORDS:
                raise SourceError(
                    f"{name}: more than {MAX_ARCHIVE_RECORDS:,} records; those before the limit were read",
                    "Split the archive.",
                )
            if not record.rec_type:
                raise ArchiveLoadFailed("a record without a type")
            stream.header_ends_at = None
            is_archive = True
            yield record
            while record.raw_stream.read(_BLOCK_BYTES):
                pass
            if stream.error:
                raise stream.error
            if records.err_count or record.raw_stream.limit:
                raise ArchiveLoadFailed("a record is shorter or longer than its header says")
    except _ERRORS as error:
        if not is_archive:
            raise SourceError(
                f"{name}: not a web archive (WARC)",
                "Other files need their own suffix. A WACZ file is a ZIP file that contains web archives.",
            ) from error
        raise SourceError(
            f"{name}: truncated or damaged at record {number:,}; the records before it were read",
            "Copy or download the archive again.",
        ) from error


class _MeteredStream(io.RawIOBase):
    """The decompressed content of an archive, which ends with an ``error`` if it is damaged or expands too much."""

    def __init__(self, name: str, stream: Stream, *, is_compressed: bool) -> None:
        self._name = name
        self._raw = stream
        self._stream: Any = gzip.GzipFile(fileobj=stream) if is_compressed else stream
        self._ahead = b""
        self.error: Exception | None = None
        self.position = 0
        #: Where the header of the current record must have ended.
        self.header_ends_at: int | None = None

    def begin(self, size: int) -> bytes:
        """Return the first bytes, which remain to be read."""
        self._ahead = self.read(size)
        self.position = 0
        return self._ahead

    def tell(self) -> int:
        return self.position

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes; none after an error."""
        try:
            if self.error is None:
                block, self._ahead = self._ahead or self._stream.read1(_BLOCK_BYTES if size < 0 else size), b""
                self.position += len(block)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self.error = error
        if self.position > _FREE_BYTES + _MAX_EXPANSION * self._raw.tell():
            self.error = SourceError(
                f"{self._name}: expands to more than {_MAX_EXPANSION} times its size; earlier records were read",
                "This does not look like an archive of web pages.",
            )
        elif self.header_ends_at is not None and self.position > self.header_ends_at:
            self.error = ArchiveLoadFailed("endless header")
        return b"" if self.error else bytes(block)


def read_http(record: Any, limit: int) -> HttpMessage | None:
    """Return the HTTP response in a record; None if it is incomplete, too large, or has an unsupported encoding.

    At most ``limit`` bytes of the content are returned.
    """
    if record.length is None or record.length > limit + _MAX_HEADER_BYTES:
        return None
    try:
        headers = HTTP_PARSER.parse(record.raw_stream)
        status = int(headers.get_statuscode())
    except (*_ERRORS, UnicodeError):
        return None
    stream = record.raw_stream
    if (headers.get_header("Transfer-Encoding") or "").strip().lower() == "chunked":
        stream = ChunkedDataReader(stream)
    content = stream.read(limit)
    while record.raw_stream.read(_BLOCK_BYTES):
        pass
    if record.raw_stream.limit:
        return None
    coding = (headers.get_header("Content-Encoding") or "identity").strip().lower()
    if coding in ("gzip", "x-gzip", "deflate"):
        decoded = _decompress(content, limit)
        # Some crawlers store the decoded content with the original headers.
        content = content if decoded is None and content.lstrip()[:1] == b"<" else decoded or b""
    elif coding not in ("identity", "") and content.lstrip()[:1] != b"<":
        return None
    return HttpMessage(status, headers, content)


def _decompress(content: bytes, limit: int) -> bytes | None:
    """Return up to ``limit`` bytes of compressed content; None if it is not compressed."""
    for window in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # gzip or zlib, or a bare deflate stream
        try:
            return zlib.decompressobj(window).decompress(content, limit)
        except zlib.error:
            continue
    return None


def is_page_type(content_type: str) -> bool:
    """Return whether a Content-Type is that of a web page."""
    return content_type.partition(";")[0].strip().lower() in _PAGE_TYPES


def charset_of(content_type: str) -> str:
    """Return the encoding that a Content-Type declares, or an empty string."""
    match = _CHARSET.search(content_type[:1000])
    return match[1] if match else ""


def read_fields(record: Any) -> dict[str, str]:
    """Return the fields of a record of type application/warc-fields."""
    text = record.raw_stream.read(_BLOCK_BYTES).decode("utf-8", errors="replace")
    rows = (line.partition(":") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in rows}
