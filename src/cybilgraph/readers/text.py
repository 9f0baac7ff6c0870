"""Bytes → text → lines, as clean as a record holds them: what all text formats have in common."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from cybilgraph.errors import SourceError
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Place, Text
from cybilgraph.model.rules import finding
from cybilgraph.readers.inputs import Input

_SPACE = re.compile(r"[\s\u200b\ufeff]+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
#: An ampersand, escaped as often as it may be.
_AGAIN = re.compile(r"&(?:amp;|#0{0,4}38;|#x0{0,4}26;)+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
_CONTROLS = bytes((*range(0x09), *range(0x0E, 0x20)))
_LINE_END = re.compile(r"\r\n?|\n")
#: What parts lines of a text, and is no end of a line to editors, git, and those who count lines.
_PARTED = re.compile(r"[^\f\v\x85\u2028\u2029]+")
_BROKEN = re.compile(r"[a-z]-$")
#: A paragraph is wrapped into fewer lines.
_MAX_WRAPPED_CHARACTERS = 200
#: The mark of UTF-32LE begins with that of UTF-16LE.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
WINDOWS = "cp1252"
#: The encodings of texts (WHATWG Encoding, 4.2): Python knows others that are none (zip, rot13).
_ENCODINGS = re.compile(
    r"iso-8859-\d{1,2}|windows-125\d|cp125\d|koi8-[ru]|macintosh|gbk|gb2312|gb18030|big5|euc-jp|euc-kr|shift_jis"
    r"|iso-2022-jp|latin-?1"
)
#: A text may hold a stray control character or two; a picture or an archive holds many, and a short one more
#: than one in so many characters.
_STRAY, _SHARE = 2, 10


def decode(input_file: Input, content: bytes, findings: list[Finding]) -> str:
    """The text of a file: UTF-8, UTF-16 or UTF-32 with its mark, else Windows' Western code page.

    Raises SourceError where it is no text at all.
    """
    mark, encoding = guess_encoding(content)
    text = content[len(mark) :].decode(encoding, errors="replace")
    if encoding == WINDOWS:
        findings.append(not_utf8_finding(input_file, _first_odd_line(content)))
    begin = text[:4096]
    normalise = begin.encode(errors="replace")
    controls = len(normalise) - len(normalise.translate(None, _CONTROLS))
    nothing = 0 if encoding == "utf-8" else begin.count("\ufffd")  # bytes that stand for no character
    if controls > _STRAY or (controls + nothing) * _SHARE > len(begin):
        raise not_text_error(input_file, content[:4096])
    return text


def find_codec(charset: str) -> str:
    """What Python calls an encoding other than Unicode's own that a file or its sender names; empty
    where there is none of this name for texts.
    """
    name = charset.lower()
    if not _ENCODINGS.fullmatch(name):
        return ""
    return WINDOWS if name in ("iso-8859-1", "latin1", "latin-1") else name  # so WHATWG Encoding


def not_text_error(input_file: Input, begin: bytes) -> SourceError:
    """Says that a file is no text, and of which encoding it may be one, by where its NUL bytes stand."""
    wide = guess_wide_encoding(begin)
    if wide is None:
        return SourceError(
            f"{input_file.name}: this is no text (it holds bytes that stand for no letter)", "Save it as text."
        )
    return SourceError(
        f"{input_file.name}: this looks like {wide}, and does not say so at its start",
        f"Save it as UTF-8, or turn it into that: iconv -f {wide} -t UTF-8",
    )


def guess_wide_encoding(begin: bytes) -> str | None:
    """The encoding of two or four bytes a character that this says to be in by its mark, or looks like."""
    for mark, marked in _MARKS.items():
        if begin.startswith(mark):
            return re.sub("-(?=[LB]E)", "", marked.upper())
    for width, encodings in ((4, ("UTF-32LE", "UTF-32BE")), (2, ("UTF-16LE", "UTF-16BE"))):
        whole = begin[: len(begin) // width * width]
        for encoding in encodings if whole else ():
            text = whole.decode(encoding, errors="replace")
            odd = sum(not (char.isprintable() or char.isspace() or char == "\ufeff") for char in text)
            latin = sum(char < "\u0250" for char in text)
            if "\ufffd" not in text[:-1] and odd <= _STRAY and latin * 2 > len(text):
                return encoding
    return None


def guess_encoding(content: bytes) -> tuple[bytes, str]:
    """The mark that a text begins with (or nothing), and its encoding by it, or by what it holds."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return mark, encoding
    if _first_odd_line(content):
        return b"", WINDOWS
    return codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b"", "utf-8"


def _first_odd_line(content: bytes) -> int:
    """The first line that is not UTF-8, or 0."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return content.count(b"\n", 0, error.start) + 1
    return 0


def not_utf8_finding(input_file: Input, line: int) -> Finding:
    """Says that a file was read as Windows' Western code page, and where it first showed."""
    return finding("encoding", input_file.name, line=line)


def split_raw_lines(text: str) -> list[str]:
    """The lines as editors count them, as they are, blank ones too."""
    return _LINE_END.split(text)


def read_lines(text: str) -> Iterator[Text]:
    """The lines that are not blank, with entities resolved and spaces made plain."""
    for number, raw in enumerate(split_raw_lines(text), start=1):
        if raw.isprintable():
            bare = raw.strip()
            if line := normalise(bare) if "  " in bare or "&" in bare else bare:
                yield Text(line, Place(number, raw.index(bare) + 1))
            continue
        for part in _PARTED.finditer(raw):
            if line := clean(part[0]):
                yield Text(line, Place(number, part.start() + len(part[0]) - len(part[0].lstrip()) + 1))


def clean(raw: str) -> str:
    """A line without control characters, ``normalise``."""
    bare = raw.strip()
    if bare.isprintable() and "  " not in bare and "&" not in bare:  # as most lines are
        return bare
    return normalise(_CONTROL.sub("", raw))


def normalise(text: str) -> str:
    """A text on one line: its spaces plain and single, its entities resolved."""
    return _SPACE.sub(" ", resolve_entities(text)).strip()


def resolve_entities(text: str) -> str:
    """The text with its entities resolved: those that end, and are of a sensible length. So is what was escaped
    twice: then a text is the same whichever formats it went through, each with an escaping of its own.
    """
    return _ENTITY.sub(lambda match: html.unescape(match[0]), _AGAIN.sub("&", text)) if "&" in text else text


def unwrap(lines: Iterable[Text], goes_on: Callable[[Text, Text], bool]) -> Iterator[Text]:
    """Lines that an editor has wrapped, put together where ``goes_on`` says that the second goes on
    with the first.
    """
    whole: list[Text] = []
    for line in lines:
        if whole and len(whole) < _MAX_WRAPPED_CHARACTERS and goes_on(whole[-1], line):
            whole.append(line)
            continue
        if whole:
            yield _join_lines(whole)
        whole = [line]
    if whole:
        yield _join_lines(whole)


def _join_lines(lines: list[Text]) -> Text:
    if len(lines) == 1:
        return lines[0]
    text, breaks = "", []
    for line in lines:
        assert line.place
        if text:
            text = text[:-1] if _BROKEN.search(text) else f"{text} "  # a word broken at the end of a line
            breaks.append((len(text), line.place))
        breaks += ((len(text) + at, place) for at, place in line.breaks)
        text += line.text
    return replace(lines[0], text=text, breaks=tuple(breaks))
