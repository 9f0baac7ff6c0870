"""Decode and parse an HTML file within limits.

lxml's parser (libxml2) loads nothing that a page refers to, and resolves no entity that a page defines. It
has three weaknesses: it loses everything after 256 nested tags, a tag with very many attributes takes
quadratic time, and a tree of millions of tags takes gigabytes. Therefore the same parser first counts the
tags without building a tree.
"""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import Any, TypeAlias

from lxml import etree

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import BY_LABEL, Field
from cybilgraph.model.findings import Finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.text import decode, find_codec, normalise

#: An lxml element; lxml has no type stubs.
Element: TypeAlias = Any

#: A page has a few thousand tags with a depth of about twenty; libxml2 stops at 256. A page saved as HTML
#: includes menus, styles and scripts.
MAX_HTML_BYTES = 5_000_000
MAX_DEPTH, MAX_TAGS, MAX_ATTRIBUTES = 250, 200_000, 1_000
#: The part of the file that may declare the encoding (HTML 13.2.3.2: 1024 bytes; saved pages begin with a
#: comment).
_HEAD = 4096
_CHARSET = re.compile(rb"""<meta\s[^<>]{0,200}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{2,30})""", re.IGNORECASE)
_DECLARED = re.compile(rb"""^\s{0,99}<\?xml\s[^<>]{0,200}?encoding\s{0,9}=\s{0,9}["']([\w.-]{2,30})""")
#: "Label" or "Label: value".
_LABEL = re.compile(r"([^:]{2,40}?)\s*(?::\s*(.*))?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?|\f")


def decode_html(input_file: Input, findings: list[Finding]) -> str:
    """Decode an HTML file by its byte order mark, as UTF-8, by its declared encoding, or else as Windows-1252.

    UTF-8 comes before the declared encoding: other text is hardly ever valid UTF-8, and programs that save a
    page often leave the old ``charset`` in it. Raises SourceError if the file is not text.
    """
    with input_file.open(MAX_HTML_BYTES, "Project pages are smaller. Save only the page, not the whole site.") as file:
        content = file.read()
    if content[:2] in (b"<\0", b"\0<"):
        text = content.decode("utf-16-le" if content[0] else "utf-16-be", errors="replace")
    else:
        text = _as_declared(content) or decode(input_file, content, findings)
    return _LINE_END.sub("\n", _CONTROL.sub("", text))


def _as_declared(content: bytes) -> str:
    """Decode the content by its declared encoding if it is not UTF-8; otherwise return an empty string."""
    match = _CHARSET.search(content, 0, _HEAD) or _DECLARED.search(content, 0, _HEAD)
    name = find_codec(match[1].decode("ascii", errors="replace")) if match else ""
    if not name or content.startswith((b"\xff\xfe", b"\xfe\xff", codecs.BOM_UTF8)):
        return ""
    try:
        if name != "iso-2022-jp":  # the only one of these encodings that consists of ASCII bytes
            content.decode("utf-8")
            return ""
    except UnicodeDecodeError:
        pass
    try:
        return content.decode(name)
    except (UnicodeDecodeError, LookupError):
        return ""


def parse_html(input_file: Input, text: str) -> Element:
    """Return the root of the parsed HTML text.

    Raises SourceError if there are no tags or too many.
    """
    raw = text.encode("utf-8", errors="replace")
    etree.fromstring(raw or b" ", _parser(_Counter(input_file.name)))
    root: Element | None = etree.fromstring(raw or b" ", _parser())
    if root is None:
        raise SourceError(f"{input_file.name}: the page has no text", "Open the page in a browser and save it again.")
    for sibling in list(root.itersiblings()):  # content after </html>
        root.append(sibling)
    for table in list(root.iter("table")):
        _transpose_table(table)
    return root


def _transpose_table(table: Element) -> None:
    """Transpose a table whose first row consists of labels, so that each row has a label and its values.

    Other tables are not changed.
    """
    head, *rows = [*islice(table.iter("tr"), 50)] or [None]
    if head is None or len(head) < 2 or not rows or any(len(row) != len(head) for row in rows):
        return
    labels = [split_label(first_words(cell)) for cell in head]
    if not all(row and not value for row, value in labels) or next(table.iterdescendants("table"), None) is not None:
        return
    for cells in list(zip(head, *rows, strict=True)):
        etree.SubElement(table, "tr").extend(cells)
    for row in (head, *rows):
        row.getparent().remove(row)


def _parser(target: Any = None) -> etree.HTMLParser:
    return etree.HTMLParser(
        encoding="utf-8",
        recover=True,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        target=target,
    )


class _Counter:
    """Counts the tags while parsing, and stops the parser if there are too many."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tags = self._depth = 0

    def start(self, _tag: str, attributes: dict[str, str]) -> None:
        self._tags += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"tags nested deeper than {MAX_DEPTH}")
        if self._tags > MAX_TAGS:
            self._refuse(f"more than {MAX_TAGS:,} tags")
        if len(attributes) > MAX_ATTRIBUTES:
            self._refuse(f"a tag with more than {MAX_ATTRIBUTES:,} attributes")

    def end(self, _tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """Return nothing, as the parser requires."""

    def _refuse(self, what: str) -> None:
        raise SourceError(
            f"{self._name}: {what}", "This does not look like a project page. Save the text of the page instead."
        )


def split_label(text: str) -> tuple[Field | None, str]:
    """Return the field of a label and the value after the label."""
    match = _LABEL.fullmatch(text.strip())
    row = BY_LABEL.get(match[1].casefold()) if match else None
    return row, (match[2] or "") if match and row else ""


def first_words(element: Element) -> str:
    """Return the first words of an element; empty if they are a link."""
    for inner in islice(element.iter(), 8):
        if inner.tag == "a":
            return ""
        if inner.text and (words := normalise(inner.text[:200])):
            return words
    return ""


def raw_to_plain_offset(raw: str, start: int) -> int:
    """Convert an offset in the raw text to one in the normalised text."""
    return len(normalise(raw[:start] + "|")) - 1
