"""Reads the text of a saved project page, one page a file: bytes → lines."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from cybilgraph.errors import SourceError
from cybilgraph.findings import Finding, Severity
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.layout import read_page
from cybilgraph.readers.sections import Sections
from cybilgraph.record import Place, Record, Text
from cybilgraph.vocab import rule

_LINE_END = re.compile(r"\r\n|[\n\r\f\v\x85\u2028\u2029]")
_SPACE = re.compile(r"[\s\u200b\ufeff]+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")
#: A text may hold a stray control character or two; a picture or an archive holds many.
_STRAY = 2


def read_page_text(given: Input) -> Iterator[Record]:
    """The one record of a page's text.

    Raises SourceError where the file is empty or is no text.
    """
    findings: list[Finding] = []
    lines = list(_lines(decode(given, findings)))
    if not lines:
        raise SourceError(f"{given.name}: the file is empty", "Save the page's text again.")
    yield read_page(lines, Sections(given, findings))


def decode(given: Input, findings: list[Finding]) -> str:
    """Bytes → text: UTF-8, UTF-16 with its mark, else Windows' Western code page."""
    content = given.content
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            text = content.decode("cp1252", errors="replace")
            finding = Finding(
                severity=Severity.WARNING,
                rule=rule("encoding"),
                message="The file is not UTF-8; it was read as Windows-1252.",
                file=given.name,
                line=content.count(b"\n", 0, error.start) + 1,
                suggestion="Save the file as UTF-8, and check its accents and quotation marks.",
            )
            findings.append(finding)
    if len(_CONTROL.findall(text, 0, 4096)) > _STRAY:
        raise SourceError(f"{given.name}: this is no text (it holds control characters)", "Save the page as text.")
    return text


def _lines(text: str) -> Iterator[Text]:
    """The lines that are not blank, with entities resolved and spaces made plain."""
    for number, raw in enumerate(_LINE_END.split(text), start=1):
        line = _SPACE.sub(" ", _resolved(_CONTROL.sub("", raw))).strip()
        if line:
            yield Text(line, Place(number, len(raw) - len(raw.lstrip()) + 1))


def _resolved(text: str) -> str:
    """The text with its entities resolved: those that end, and are of a sensible length."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text
