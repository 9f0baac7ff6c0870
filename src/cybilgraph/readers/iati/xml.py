"""XML → its elements one at a time, however large or hostile the file.

No entity is resolved, no other file opened, nothing fetched; memory holds one element.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any, Protocol

from lxml import etree

from cybilgraph.errors import SourceError
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.text import guess_wide_encoding

#: The largest files of publishers have some hundred megabytes.
MAX_IATI_BYTES = 2_000_000_000
#: The most that is held of a file; the largest activities, with all their payments, have a tenth of it.
MAX_ELEMENT_BYTES = 16_000_000
#: Bytes of one text, in any encoding less than what the parser takes at most (10,000,000, in UTF-8).
MAX_TEXT_BYTES = 5_000_000
#: Comments and spaces before the first element are never so long.
_MAX_HEAD = 1_000_000
_CHUNK = 65_536
#: So many bytes tell whether a file is in UTF-16 or UTF-32.
_LOOKED_AT = 64
_DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\b[^>]*?\bencoding\s*=\s*["']([\w.-]+)["']""")
_SAFE = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,  # keeps the parser's own limits: on depth, on the length of a text, on entities
    "remove_comments": True,
    "remove_pis": True,
}

Element = Any  # lxml has no types of its own


#: What is wrong with a text, by libxml2's number of the fault (xmlerror.h).
_FAULTS = {
    4: "it does not begin with an element",
    5: "something stands behind the end of its first element",
    9: "there is a character that XML does not have",
    23: "an & begins no entity: write it as &amp;",
    26: "there is an entity that nothing declares: write the character itself",
    32: "it says to be in an encoding that is not known here",
    38: "the value of an attribute has a <, or does not end: write it as &lt;",
    39: "the value of an attribute is not in quotes",
    42: "an attribute stands twice in one element",
    62: "]]> stands outside of what it ends: write it as ]]&gt;",
    63: "a CDATA section does not end",
    64: "something stands before <?xml",
    65: "there is an attribute that is none",
    68: "an & or < begins no name: write it as &amp; or &lt;",
    73: "a tag does not end",
    76: "a tag ends another element than the one that is open",
    77: "it ends before its elements do",
    80: "a comment holds two hyphens, or does not end",
    81: "there are bytes that are no character in its encoding",
    114: "a text is longer than 10,000,000 characters, or elements stand in each other more than 255 deep",
    201: "a name has a prefix that nothing declares",
}


#: What may stand at the place where a text is cut: the rest of a character, and of an entity.
_BEGUN = re.compile(rb"[\x80-\xff]*(?:[#\w]{0,12};)?")
#: What of a text is left out: all but what may end it, be it a text, a comment or CDATA, and lines.
_LEFT_OUT = re.compile(rb"[^<>\"'\]?\n-]+")


#: Of the faults, those that come of the encoding; and what to do then.
_OF_ENCODING = {32, 81}
_RECODE = "Save it as UTF-8, and say so in its first line, or leave the encoding out there."


class _Readable(Protocol):
    """What bytes are read from, some at once; nothing is the end."""

    def read(self, size: int, /) -> bytes: ...


class _Transcoded:
    """A stream of UTF-16 or UTF-32 in UTF-8: there, a byte that stands for a sign is that sign."""

    def __init__(self, stream: _Readable, encoding: str) -> None:
        self._stream = stream
        # Half a character is none in UTF-8 either: the parser tells where it is.
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")

    def read(self, size: int) -> bytes:
        while chunk := self._stream.read(size):
            try:
                text = self._decoder.decode(chunk)
            except UnicodeDecodeError:  # there are such bytes in UTF-32 only
                return b"\xff"
            if text:
                return text.encode("utf-8", "surrogatepass")
        rest, _ = self._decoder.getstate()
        self._decoder.reset()
        return rest


class _TextLimited:
    """A stream in which no text is longer than the parser takes; its tags, and lines, are those that were there."""

    def __init__(self, stream: _Readable) -> None:
        self._stream = stream
        self._run = 0
        #: Whether something was left out since this was last set.
        self.is_cut = False

    def read(self, size: int) -> bytes:
        while chunk := self._stream.read(size):
            if short := self._short(chunk):
                return short
        return b""  # nothing is the end of the file

    def _short(self, chunk: bytes) -> bytes:
        end, last = chunk.find(b"<"), len(chunk) - chunk.rfind(b"<")
        text = chunk if end < 0 else chunk[:end]
        if self._run + len(text) > MAX_TEXT_BYTES:
            begun = _BEGUN.match(text) if self._run <= MAX_TEXT_BYTES else None
            rest = begun.end() if begun else 0
            self.is_cut = True
            chunk = text[:rest] + _LEFT_OUT.sub(b"", text[rest:]) + chunk[len(text) :]
        self._run = self._run + len(text) if end < 0 else last
        return chunk


class _ElementLimited:
    """A stream that is read up to so many bytes from one element to the next; of an element that is larger, nothing
    is kept.
    """

    def __init__(self, stream: _Readable, input_file: Input) -> None:
        self._stream = _TextLimited(stream)
        self._input_file = input_file
        self._since = 0
        self._open: Element = None
        self._is_large = False
        #: The lines where elements begin that were too large, and how they were.
        self.large: list[tuple[int, str]] = []

    def read(self, size: int) -> bytes:
        if self._since > MAX_ELEMENT_BYTES:
            if self._open is None:
                raise SourceError(
                    f"{self._input_file.name}: an element larger than {MAX_ELEMENT_BYTES:,} bytes",
                    "Leave it out, or divide it; what stands before it was read.",
                )
            self._is_large = True
            self._since = 0
            _clear_read_elements(self._open)
        chunk = self._stream.read(size)
        self._since += len(chunk)
        return chunk

    def begins(self, element: Element) -> None:
        """An element is about to be read."""
        self._open = element

    def ends(self) -> bool:
        """Whether the element that has been read is whole."""
        whole = not (self._is_large or self._stream.is_cut)
        if not whole:
            how = (
                f"larger than {MAX_ELEMENT_BYTES:,} bytes"
                if self._is_large
                else f"with a text over {MAX_TEXT_BYTES:,} bytes"
            )
            self.large.append((self._open.sourceline, how))
        self._since, self._open, self._is_large, self._stream.is_cut = 0, None, False, False
        return whole


def _clear_read_elements(element: Element) -> None:
    """Drop all that has been read of an element, but for what the parser is in."""
    while len(element):
        del element[:-1]
        element = element[-1]


def find_undecodable_line(input_file: Input) -> int:
    """The first line that is not in UTF-8, in a file that declares no other encoding; 0 where there is none."""
    with input_file.open(MAX_IATI_BYTES) as stream:
        head = stream.read(_CHUNK)
        if (declared := _DECLARED.match(head)) and declared[1].lower() != b"utf-8":
            return 0
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return 0
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        line = 1
        while chunk := stream.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            line += chunk.count(b"\n")
    return 0


def read_elements(input_file: Input, root: str, tag: str, hint: str, encoding: str | None = None) -> Iterator[Element]:
    """The elements of this name that stand in the root element; each is emptied when the next
    is asked for. ``encoding`` is that of the file, where it is not as it says.

    Raises SourceError where the file is no XML, has a DOCTYPE, or has another root (``hint``
    says what is expected); where it is damaged, after all elements before the damage; where
    an element is too large, after all others.
    """
    with input_file.open(MAX_IATI_BYTES) as stream:
        wide = guess_wide_encoding(stream.read(_LOOKED_AT))
        stream.seek(0)
        encoding = "UTF-8" if wide else encoding
        _check_head(_transcode(stream, wide), input_file, root, hint, encoding)
        stream.seek(0)
        source = _ElementLimited(_transcode(stream, wide), input_file)
        number = 0
        parser = etree.iterparse(source, events=("start", "end"), tag=tag, encoding=encoding, **_SAFE)
        try:
            for event, element in parser:
                parent = element.getparent()
                if parent is None or parent.getparent() is not None:
                    continue
                if event == "start":
                    source.begins(element)
                    continue
                if source.ends():
                    number += 1
                    yield element
                element.clear()
                while element.getprevious() is not None:
                    del parent[0]
        except etree.XMLSyntaxError as error:
            raise SourceError(
                f"{input_file.name}{_parser_message(parser, error, 'the XML is damaged')} "
                f"({number:,} × {tag} before it)",
                "Get the file again, or mend it there; what stands before the damage was read.",
            ) from error
        if source.large:
            more = f", and {len(source.large) - 1:,} more" if len(source.large) > 1 else ""
            line, how = source.large[0]
            raise SourceError(
                f"{input_file.name}:{line}: {tag} {how}{more}",
                "Divide it; all others were read.",
            )


def _transcode(stream: _Readable, wide: str | None) -> _Readable:
    return _Transcoded(stream, wide) if wide else stream


def _check_head(stream: _Readable, input_file: Input, root: str, hint: str, encoding: str | None) -> None:
    """Read as far as the first element, and raise SourceError if it is not the right one."""
    parser = etree.XMLPullParser(events=("start",), encoding=encoding, **_SAFE)
    first, read, damage, code = None, 0, "", 0
    while first is None and not damage and read <= _MAX_HEAD and (chunk := stream.read(_CHUNK)):
        read += len(chunk)
        try:
            parser.feed(chunk)
        except etree.XMLSyntaxError as error:  # perhaps behind the first element
            damage, code = _parser_message(parser, error, "this is no XML"), _fault(parser, error)[0]
        _, first = next(iter(parser.read_events()), (None, None))
    if first is None:
        what = ": the file is empty" if not read else damage or ": this is no XML: it has no element"
        raise SourceError(f"{input_file.name}{what}", _RECODE if code in _OF_ENCODING else hint)
    if first.tag != root:
        name = etree.QName(first).localname[:60]
        raise SourceError(f"{input_file.name}: the first element is {name}, not {root}", hint)
    if first.getroottree().docinfo.doctype:
        raise SourceError(
            f"{input_file.name}: it has a DOCTYPE, which may declare entities or name other files",
            "Take the DOCTYPE out; an IATI file needs none.",
        )


def _fault(parser: Any, error: Any) -> tuple[int, tuple[int, int]]:
    """What the parser stumbled on first, by its number, and its line and column."""
    first = next(iter(parser.error_log), None)
    return (first.type, (first.line, first.column)) if first else (error.code, error.position)


def _parser_message(parser: Any, error: Any, what: str) -> str:
    """What is wrong with the text, and what the parser stumbled on first, with the place in front."""
    code, (line, column) = _fault(parser, error)
    where = f":{line}:{column}" if line else ""
    return f"{where}: {what}: {_FAULTS.get(code, 'it ends too early' if not line else 'it breaks the grammar of XML')}"
