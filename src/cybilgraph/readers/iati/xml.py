"""Read activities from XML one at a time, even from large or hostile files.

No entity is resolved, no other file opened and nothing fetched; memory holds one element.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, Protocol

from lxml import etree

from cybilgraph.errors import SourceError
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.text import find_undecodable_line, guess_wide_encoding

_ROOT, _ACTIVITY = "iati-activities", "iati-activity"
HINT = "The root element of an IATI activity file is iati-activities. Other XML is not supported."
#: The maximum size of a file; publishers' largest files have several hundred megabytes.
MAX_IATI_BYTES = 2_000_000_000
#: The maximum size of an element in memory; the largest activities, with all transactions, have a tenth of it.
MAX_ELEMENT_BYTES = 16_000_000
#: The maximum bytes of one text: in any encoding, less than the parser's limit (10,000,000 in UTF-8).
MAX_TEXT_BYTES = 5_000_000
#: The maximum length of comments and space before the first element.
_MAX_HEAD = 1_000_000
_CHUNK = 65_536
#: Bytes used to detect UTF-16 and UTF-32.
_PROBE_BYTES = 64
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.-]+)["']""")
_SAFE = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,  # keeps the parser's limits on depth, text length and entities
    "remove_comments": True,
    "remove_pis": True,
}

Element = Any  # lxml has no type stubs

#: Descriptions of errors by libxml2's error number (xmlerror.h).
_ERRORS = {
    4: "it does not begin with an element",
    5: "there is content after the root element",
    9: "there is a character that XML does not allow",
    23: "an & does not begin an entity: write it as &amp;",
    26: "an entity is not declared: write the character itself",
    32: "its declared encoding is unknown",
    38: "an attribute value contains < (write it as &lt;) or is not closed",
    39: "an attribute value is not in quotes",
    42: "an attribute occurs twice in one element",
    62: "]]> occurs outside a CDATA section: write it as ]]&gt;",
    63: "a CDATA section is not closed",
    64: "there is content before <?xml",
    65: "an attribute is malformed",
    68: "an & or < is not followed by a name: write it as &amp; or &lt;",
    73: "a tag is not closed",
    76: "an end tag does not match the open element",
    77: "it ends before all elements are closed",
    80: "a comment contains two hyphens or is not closed",
    81: "there are bytes that are not valid in its encoding",
    114: "a text is longer than 10,000,000 characters, or elements are nested more than 255 levels deep",
    201: "a namespace prefix is not declared",
}
#: The rest of a character or entity at the position where a text is cut.
_CUT_TOKEN = re.compile(rb"[\x80-\xff]*(?:[#\w]{0,12};)?")
#: What is removed from a text: everything except line ends and characters that may end a text, comment or CDATA
#: section.
_REMOVABLE = re.compile(rb"[^<>\"'\]?\n-]+")
#: Errors caused by the encoding, and the hint for them.
_ENCODING_ERRORS = {32, 81}
_ENCODING_HINT = "Save it as UTF-8, and declare UTF-8 or no encoding in its first line."


class _Readable(Protocol):
    """A binary stream; an empty result means the end."""

    def read(self, size: int, /) -> bytes: ...


class _Transcoded:
    """Converts a UTF-16 or UTF-32 stream to UTF-8, in which markup characters are single bytes."""

    def __init__(self, stream: _Readable, encoding: str) -> None:
        self._stream = stream
        # Pass lone surrogates on: the parser reports their position.
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")

    def read(self, size: int) -> bytes:
        while chunk := self._stream.read(size):
            try:
                text = self._decoder.decode(chunk)
            except UnicodeDecodeError:  # only possible in UTF-32
                return b"\xff"
            if text:
                return text.encode("utf-8", "surrogatepass")
        rest, _ = self._decoder.getstate()
        self._decoder.reset()
        return rest


class _Limited:
    """A stream that limits the bytes of a text, and those from one element to the next. It keeps all tags and lines.

    Longer texts are shortened, and larger elements discarded.
    """

    def __init__(self, stream: _Readable, name: str) -> None:
        self._stream = stream
        self._name = name
        self._element_bytes = self._text_bytes = 0
        self._fault = ""
        #: The element being read.
        self.element: Element = None
        #: The first line of each incomplete element, and the reason.
        self.incomplete: list[tuple[int, str]] = []

    def read(self, size: int) -> bytes:
        if self._element_bytes > MAX_ELEMENT_BYTES:
            self._fault = f"larger than {MAX_ELEMENT_BYTES:,} bytes"
            if self.element is None:
                raise SourceError(
                    f"{self._name}: an element {self._fault}", "Remove or split it. Everything before it was read."
                )
            self._element_bytes = 0
            _clear_read_elements(self.element)
        while chunk := self._stream.read(size):
            if short := self._shorten(chunk):
                self._element_bytes += len(short)
                return short
        return b""  # an empty result means the end of the file

    def _shorten(self, chunk: bytes) -> bytes:
        end, last = chunk.find(b"<"), len(chunk) - chunk.rfind(b"<")
        text = chunk if end < 0 else chunk[:end]
        if self._text_bytes + len(text) > MAX_TEXT_BYTES:
            begun = _CUT_TOKEN.match(text) if self._text_bytes <= MAX_TEXT_BYTES else None
            rest = begun.end() if begun else 0
            self._fault = self._fault or f"with a text over {MAX_TEXT_BYTES:,} bytes"
            chunk = text[:rest] + _REMOVABLE.sub(b"", text[rest:]) + chunk[len(text) :]
        self._text_bytes = self._text_bytes + len(text) if end < 0 else last
        return chunk

    def end_element(self) -> bool:
        """Note that the element ends, and return whether it is complete."""
        is_complete = not self._fault
        if self._fault:
            self.incomplete.append((self.element.sourceline, self._fault))
        self._element_bytes, self.element, self._fault = 0, None, ""
        return is_complete


def _clear_read_elements(element: Element) -> None:
    """Discard what was read of an element, except what the parser still needs."""
    while len(element):
        del element[:-1]
        element = element[-1]


def find_misdeclared_line(input_file: Input) -> int:
    """Return the first line that is not UTF-8 in a file that declares no other encoding, or 0."""
    with input_file.open(MAX_IATI_BYTES) as stream:
        head = stream.read(_CHUNK)
        declared = _DECLARED.match(head)
        if (declared and declared[1].lower() != b"utf-8") or head.startswith(_UTF16_MARKS):
            return 0
        stream.seek(0)
        return find_undecodable_line(stream, may_be_cut_off=True)


def read_activities(input_file: Input, encoding: str | None = None) -> Iterator[Element]:
    """Yield the activities below the root element. Each is cleared before the next is read.

    ``encoding`` overrides the declared encoding. Raises SourceError if the file is not XML, has a DOCTYPE,
    or has another root element; if it is damaged, after all activities before the damage; if an activity is
    too large, after all others.
    """
    with input_file.open(MAX_IATI_BYTES) as stream:
        wide = guess_wide_encoding(stream.read(_PROBE_BYTES))
        stream.seek(0)
        encoding = "UTF-8" if wide else encoding
        _check_head(_transcode(stream, wide), input_file, encoding)
        stream.seek(0)
        source = _Limited(_transcode(stream, wide), input_file.name)
        number = 0
        parser = etree.iterparse(source, events=("start", "end"), tag=_ACTIVITY, encoding=encoding, **_SAFE)
        try:
            for event, element in parser:
                parent = element.getparent()
                if parent is None or parent.getparent() is not None:
                    continue
                if event == "start":
                    source.element = element
                    continue
                if source.end_element():
                    number += 1
                    yield element
                element.clear()
                while element.getprevious() is not None:
                    del parent[0]
        except etree.XMLSyntaxError as error:
            damage, _ = _describe_error(parser, error, "the XML is damaged")
            raise SourceError(
                f"{input_file.name}{damage} ({number:,} × {_ACTIVITY} before it)",
                "Download the file again, or correct it there. Everything before the damage was read.",
            ) from error
        if source.incomplete:
            (line, fault), *others = source.incomplete
            more = f", and {len(others):,} more" if others else ""
            raise SourceError(f"{input_file.name}:{line}: {_ACTIVITY} {fault}{more}", "Split it. All others were read.")


def _transcode(stream: _Readable, wide: str | None) -> _Readable:
    return _Transcoded(stream, wide) if wide else stream


def _check_head(stream: _Readable, input_file: Input, encoding: str | None) -> None:
    """Read up to the first element. Raises SourceError if it is not the expected one."""
    parser = etree.XMLPullParser(events=("start",), encoding=encoding, **_SAFE)
    first, read, damage, damage_hint = None, 0, "", ""
    while first is None and not damage and read <= _MAX_HEAD and (chunk := stream.read(_CHUNK)):
        read += len(chunk)
        try:
            parser.feed(chunk)
        except etree.XMLSyntaxError as error:  # possibly after the first element
            damage, damage_hint = _describe_error(parser, error, "invalid XML")
        _, first = next(iter(parser.read_events()), (None, None))
    if first is None:
        what = ": the file is empty" if not read else damage or ": invalid XML: it has no element"
        raise SourceError(f"{input_file.name}{what}", damage_hint or HINT)
    if first.tag != _ROOT:
        name = first.tag.rpartition("}")[2][:60]  # not etree.QName, which refuses names such as ":"
        raise SourceError(f"{input_file.name}: the root element is {name}, not {_ROOT}", HINT)
    if first.getroottree().docinfo.doctype:
        raise SourceError(
            f"{input_file.name}: it has a DOCTYPE, which could declare entities or refer to other files",
            "Remove the DOCTYPE. IATI files do not need one.",
        )


def _describe_error(parser: Any, error: Any, what: str) -> tuple[str, str]:
    """Return the parser's first error as a message that begins with its place, and a hint for wrong encodings."""
    first = next(iter(parser.error_log), None)
    code, (line, column) = (first.type, (first.line, first.column)) if first else (error.code, error.position)
    where = f":{line}:{column}" if line else ""
    reason = _ERRORS.get(code, "it is not well-formed" if line else "it ends too early")
    return f"{where}: {what}: {reason}", _ENCODING_HINT if code in _ENCODING_ERRORS else ""
