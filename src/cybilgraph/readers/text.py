"""Decode bytes into clean lines, for all text formats."""

from __future__ import annotations

import codecs
import html
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Place, Text
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input, Stream

_SPACE = re.compile(r"[\s\u200b\ufeff]+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
#: An ampersand that was escaped once or more.
_ESCAPED_AMPERSAND = re.compile(r"&(?:amp;|#0{0,4}38;|#x0{0,4}26;)+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_LINE_END = re.compile(r"\r\n?|\n")
#: Text without line separators that editors, git and line counters do not treat as line ends.
_LINE_PART = re.compile(r"[^\f\v\x85\u2028\u2029]+")
_HYPHENATED = re.compile(r"[a-z]-$")
#: The maximum number of lines in a wrapped paragraph.
_MAX_WRAPPED_LINES = 200
#: UTF-32LE comes first: its byte order mark begins with that of UTF-16LE.
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
#: The high bytes of Latin letters in UTF-16 and UTF-32: text without any of these bytes is in neither.
_HIGH_BYTES_OF_LATIN = re.compile(rb"[\0-\x02]")
WINDOWS = "cp1252"
#: Text encodings (WHATWG Encoding, 4.2), unlike other Python codecs (zip, rot13).
_ENCODINGS = re.compile(
    r"iso-8859-\d{1,2}|windows-125\d|cp125\d|koi8-[ru]|macintosh|gbk|gb2312|gb18030|big5|euc-jp|euc-kr|shift_jis"
    r"|iso-2022-jp|latin-?1"
)
#: A text may contain a few stray control characters; binary data contains more, and a short one at least one in
#: ten characters.
_MAX_STRAY_CONTROLS, _MIN_CHARACTERS_PER_CONTROL = 2, 10


def decode(input_file: Input, content: bytes, findings: list[Finding]) -> str:
    """Decode a file as UTF-8, as UTF-16 or UTF-32 with a byte order mark, or else as Windows-1252.

    Raises SourceError if it is not text.
    """
    mark, encoding = guess_encoding(content)
    text = content[len(mark) :].decode(encoding, errors="replace")
    if encoding == WINDOWS:
        findings.append(finding("encoding", input_file.name, line=find_undecodable_line(io.BytesIO(content))))
    begin = text[:4096]
    controls = len(_CONTROL.findall(begin))
    invalid = 0 if encoding == "utf-8" else begin.count("\ufffd")  # invalid bytes
    if controls > _MAX_STRAY_CONTROLS or (controls + invalid) * _MIN_CHARACTERS_PER_CONTROL > len(begin):
        raise not_text_error(input_file, content[:4096])
    return text


def find_codec(charset: str) -> str:
    """Return the Python codec for a declared non-Unicode encoding, or an empty string if it is not for text."""
    name = charset.lower()
    if not _ENCODINGS.fullmatch(name):
        return ""
    return WINDOWS if name in ("iso-8859-1", "latin1", "latin-1") else name  # as WHATWG Encoding requires


def not_text_error(input_file: Input, begin: bytes) -> SourceError:
    """Return the error for a file that is not text, with its likely encoding by its NUL bytes."""
    wide = guess_wide_encoding(begin)
    if wide is None:
        return SourceError(f"{input_file.name}: not a text file (it contains binary data)", "Save it as text.")
    return SourceError(
        f"{input_file.name}: this looks like {wide}, but has no byte order mark",
        f"Save it as UTF-8, or convert it: iconv -f {wide} -t UTF-8",
    )


def guess_wide_encoding(begin: bytes) -> str | None:
    """Return the UTF-16 or UTF-32 encoding that the byte order mark or the content indicates, or None."""
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if begin.startswith(mark):
            return re.sub("-(?=[LB]E)", "", marked.upper())
    if not _HIGH_BYTES_OF_LATIN.search(begin):
        return None
    for width, encodings in ((4, ("UTF-32LE", "UTF-32BE")), (2, ("UTF-16LE", "UTF-16BE"))):
        whole = begin[: len(begin) // width * width]
        for encoding in encodings if whole else ():
            text = whole.decode(encoding, errors="replace")
            odd = sum(not (char.isprintable() or char.isspace() or char == "\ufeff") for char in text)
            latin = sum(char < "\u0250" for char in text)
            if "\ufffd" not in text[:-1] and odd <= _MAX_STRAY_CONTROLS and latin * 2 > len(text):
                return encoding
    return None


def guess_encoding(content: bytes) -> tuple[bytes, str]:
    """Return the byte order mark of a text (possibly empty) and its encoding."""
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return mark, encoding
    if find_undecodable_line(io.BytesIO(content)):
        return b"", WINDOWS
    return codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b"", "utf-8"


def find_undecodable_line(stream: Stream, may_be_cut_off: bool = False) -> int:
    """Return the first line that is not UTF-8, or 0. The file may be too large for memory.

    If it ``may_be_cut_off``, an incomplete character at its end is ignored.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    try:
        while chunk := stream.read(1 << 16):
            decoder.decode(chunk)
            line += chunk.count(b"\n")
        decoder.decode(b"", final=not may_be_cut_off)
    except UnicodeDecodeError as error:
        return line + error.object.count(b"\n", 0, error.start)
    return 0


def split_raw_lines(text: str) -> list[str]:
    """Return all lines as editors count them, unchanged."""
    return _LINE_END.split(text)


def read_lines(text: str) -> Iterator[Text]:
    """Yield the lines that are not blank, with entities resolved and spaces normalised."""
    for number, raw in enumerate(split_raw_lines(text), start=1):
        for part in _LINE_PART.finditer(raw):
            if line := clean(part[0]):
                yield Text(line, Place(number, part.start() + len(part[0]) - len(part[0].lstrip()) + 1))


def clean(raw: str) -> str:
    """Remove control characters from a line, and normalise it."""
    bare = raw.strip()
    if bare.isprintable() and "  " not in bare and "&" not in bare:  # most lines
        return bare
    return normalise(_CONTROL.sub("", raw))


def normalise(text: str) -> str:
    """Return a text on one line with entities resolved and single spaces."""
    return _SPACE.sub(" ", resolve_entities(text)).strip()


def resolve_entities(text: str) -> str:
    """Resolve entities that end properly and have a reasonable length.

    Doubly escaped ones are resolved completely, so that no format that a text has passed through matters.
    """
    return _ENTITY.sub(lambda match: html.unescape(match[0]), _ESCAPED_AMPERSAND.sub("&", text))


def unwrap(lines: Iterable[Text], is_continuation: Callable[[Text, Text], bool]) -> Iterator[Text]:
    """Join lines that an editor has wrapped; ``is_continuation`` tells whether a line continues the one before."""
    whole: list[Text] = []
    for line in lines:
        if whole and not (len(whole) < _MAX_WRAPPED_LINES and is_continuation(whole[-1], line)):
            yield _join_lines(whole)
            whole = []
        whole.append(line)
    if whole:
        yield _join_lines(whole)


def _join_lines(lines: list[Text]) -> Text:
    if len(lines) == 1:
        return lines[0]
    text, breaks = "", []
    for line in lines:
        assert line.place
        if text:
            text = text[:-1] if _HYPHENATED.search(text) else f"{text} "  # join a word broken at the end of a line
            breaks.append((len(text), line.place))
        breaks += ((len(text) + at, place) for at, place in line.breaks)
        text += line.text
    return replace(lines[0], text=text, breaks=tuple(breaks))
