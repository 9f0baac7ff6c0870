"""XML → its elements one at a time, however large or hostile the file.

No entity is resolved, no other file opened, nothing fetched; memory holds one element.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from cybilgraph.errors import SourceError
from cybilgraph.readers.inputs import Input, Stream

#: The largest files of publishers have some hundred megabytes.
MAX_FILE = 2_000_000_000
#: The most that is held of a file; the largest activities, with all their payments, have a tenth of it.
MAX_ELEMENT = 16_000_000
#: Comments and spaces before the first element are never so long.
_MAX_HEAD = 1_000_000
_CHUNK = 65_536
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


class _Metered:
    """A stream that is read up to so many bytes from one element to the next."""

    def __init__(self, stream: Stream, given: Input) -> None:
        self._stream = stream
        self._given = given
        self._since = 0

    def read(self, size: int) -> bytes:
        if self._since > MAX_ELEMENT:
            raise SourceError(
                f"{self._given.name}: an element larger than {MAX_ELEMENT:,} bytes",
                "Leave it out, or divide it; what stands before it was read.",
            )
        chunk = self._stream.read(size)
        self._since += len(chunk)
        return chunk

    def passed(self) -> None:
        """An element was given, and will be forgotten."""
        self._since = 0


def odd_line(given: Input) -> int:
    """The first line that is not in UTF-8, in a file that declares no other encoding; 0 where there is none."""
    with given.open(MAX_FILE) as stream:
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


def elements(given: Input, root: str, tag: str, hint: str, encoding: str | None = None) -> Iterator[Element]:
    """The elements of this name that stand in the root element; each is emptied when the next
    is asked for. ``encoding`` is that of the file, where it is not as it says.

    Raises SourceError where the file is no XML, has a DOCTYPE, or has another root (``hint``
    says what is expected); where it is damaged, after all elements before the damage.
    """
    with given.open(MAX_FILE) as stream:
        _check_head(stream, given, root, hint, encoding)
        stream.seek(0)
        source = _Metered(stream, given)
        number = 0
        parser = etree.iterparse(source, events=("end",), tag=tag, encoding=encoding, **_SAFE)
        try:
            for _, element in parser:
                parent = element.getparent()
                if parent is not None and parent.getparent() is None:
                    number += 1
                    yield element
                    source.passed()
                    element.clear()
                    while element.getprevious() is not None:
                        del parent[0]
        except etree.XMLSyntaxError as error:
            raise SourceError(
                f"{given.name}{_stumbled(parser, 'the XML is damaged')}; {number:,} × {tag} before it",
                "Get the file again, or mend it there; what stands before the damage was read.",
            ) from error


def _check_head(stream: Stream, given: Input, root: str, hint: str, encoding: str | None) -> None:
    """Read as far as the first element, and raise SourceError if it is not the right one."""
    parser = etree.XMLPullParser(events=("start",), encoding=encoding, **_SAFE)
    first, read, damage = None, 0, ""
    while first is None and not damage and read <= _MAX_HEAD and (chunk := stream.read(_CHUNK)):
        read += len(chunk)
        try:
            parser.feed(chunk)
        except etree.XMLSyntaxError:  # perhaps behind the first element
            damage = _stumbled(parser, "this is no XML")
        _, first = next(iter(parser.read_events()), (None, None))
    if first is None:
        what = ": the file is empty" if not read else damage or ": this is no XML: it has no element"
        raise SourceError(f"{given.name}{what}", hint)
    if first.tag != root:
        name = etree.QName(first).localname[:60]
        raise SourceError(f"{given.name}: the first element is {name}, not {root}", hint)
    if first.getroottree().docinfo.doctype:
        raise SourceError(
            f"{given.name}: it has a DOCTYPE, which may declare entities or name other files",
            "Take the DOCTYPE out; an IATI file needs none.",
        )


def _stumbled(parser: Any, what: str) -> str:
    """What is wrong with the text, and what the parser stumbled on first, with the place in front."""
    first = next(iter(parser.error_log), None)
    if first is None:
        return f": {what}: it ends too early"
    where = f":{first.line}:{first.column}" if first.line else ""
    return f"{where}: {what}: {first.message.strip()[:200]}"
