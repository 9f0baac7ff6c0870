"""Decode and parse an HTML file within limits, and find the part of it that describes the project.

lxml's parser (libxml2) loads nothing that a page refers to, and resolves no entity that a page defines. It
has three weaknesses: it loses everything after 256 nested tags, a tag with very many attributes takes
quadratic time, and a tree of millions of tags takes gigabytes. Therefore the same parser first counts the
tags without building a tree.

Menus, banners and sidebars are dropped: because of the tag (nav, script), because they are hidden, or because of
their class. An element with the title or several labels is never dropped because of its class, since templates use
class names in many ways.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, TypeAlias

from lxml import etree

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import BY_LABEL, Field, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.text import decode, find_codec, normalise

#: An lxml element; lxml has no type stubs.
Element: TypeAlias = Any

#: A page has a few thousand tags with a depth of about twenty; libxml2 stops at 256. A page saved as HTML
#: includes menus, styles and scripts.
MAX_HTML_BYTES = 5_000_000
_LIMITS = (
    (250, "tags nested deeper than 250"),
    (200_000, "more than 200,000 tags"),
    (1_000, "a tag with more than 1,000 attributes"),
)
#: The part of the file that may declare the encoding (HTML 13.2.3.2: 1024 bytes; saved pages begin with a
#: comment).
_HEAD = 4096
_CHARSET = re.compile(rb"""<meta\s[^<>]{0,200}?charset\s{0,9}=\s{0,9}["']?\s{0,9}([\w.:-]{2,30})""", re.IGNORECASE)
_DECLARED = re.compile(rb"""^\s{0,99}<\?xml\s[^<>]{0,200}?encoding\s{0,9}=\s{0,9}["']([\w.-]{2,30})""")
#: "Label" or "Label: value".
_LABEL = re.compile(r"([^:]{2,40}?)\s*(?::\s*(.*))?", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?|\f")
_DROPPED_TAGS = frozenset(
    re.findall(
        r"\w+",
        "script style noscript template svg nav select option input textarea iframe object embed video audio canvas"
        " map head meta link datalist dialog progress meter",
    )
)
_CHROME = frozenset(("header", "footer", "aside", "form", "search"))
_ICONS = frozenset(("i", "span", "img", "em", "b"))
_ROLES = frozenset(("navigation", "search", "dialog", "alertdialog", "menu", "menubar", "banner", "contentinfo"))
_HIDDEN = re.compile(r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_CHROME_CLASS = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|breadcrumbs?|cookies?|cookiebar|consent|gdpr|cmp|sidebar|widgets?|share"
    r"|sharing|social|skip-link|screen-reader-text|sr-only|visually-hidden|comments|pagination|masthead|newsletter"
    r"|subscribe|popup|modal|site-header|site-footer|footer|colophon|related-posts)(?:$|[\s_-])",
    re.IGNORECASE,
)
_CONTENT_CLASS = re.compile(
    r"(?:^|\s)(?:(?:entry|page|post|main|site|project)[_-])?(?:content|main|article)(?:$|\s)", re.IGNORECASE
)
_BANNER = re.compile(r"(?:^|[\s_-])(?:cookies?|cookiebar|consent|gdpr|cmp)(?:$|[\s_-])", re.IGNORECASE)
#: Labels that menus do not contain: an element with two of them is part of the project.
_STRONG_KINDS = (FieldKind.PROSE, FieldKind.ITEMS, FieldKind.VALUE, FieldKind.CHOICE, FieldKind.DATE)
#: The maximum number of labels on a page.
_MAX_LABELS = 1_000


def decode_html(input_file: Input, findings: list[Finding]) -> str:
    """Decode an HTML file by its byte order mark, as UTF-8, by its declared encoding, or else as Windows-1252.

    The server's declaration comes before that of the page (HTML, 13.2.3.2).

    UTF-8 comes before the declared encoding: other text is hardly ever valid UTF-8, and programs that save a
    page often leave the old ``charset`` in it. Raises SourceError if the file is not text.
    """
    with input_file.open(MAX_HTML_BYTES, "Project pages are smaller. Save only the page, not the whole site.") as file:
        content = file.read()
    if content[:2] in (b"<\0", b"\0<"):
        text = content.decode("utf-16-le" if content[0] else "utf-16-be", errors="replace")
    else:
        text = _as_declared(content, input_file.charset) or decode(input_file, content, findings)
    return _LINE_END.sub("\n", _CONTROL.sub("", text))


def _as_declared(content: bytes, charset: str) -> str:
    """Decode the content by its declared encoding if it is not UTF-8; otherwise return an empty string."""
    match = _CHARSET.search(content, 0, _HEAD) or _DECLARED.search(content, 0, _HEAD)
    name = find_codec(charset or (match[1].decode("ascii", errors="replace") if match else ""))
    if not name or content.startswith((b"\xff\xfe", b"\xfe\xff", codecs.BOM_UTF8)):
        return ""
    with suppress(UnicodeDecodeError):
        if name != "iso-2022-jp":  # the only one of these encodings that consists of ASCII bytes
            content.decode("utf-8")
            return ""
    with suppress(UnicodeDecodeError, LookupError):
        return content.decode(name)
    return ""


def parse_html(input_file: Input, text: str) -> Element:
    """Return the root of the parsed HTML text.

    Raises SourceError if there are no tags or too many.
    """
    raw = text.encode("utf-8", errors="replace") or b" "
    parser = partial(
        etree.HTMLParser, encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    etree.fromstring(raw, parser(target=_Counter(input_file.name)))
    root: Element | None = etree.fromstring(raw, parser())
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


class _Counter:
    """Counts the tags while parsing, and stops the parser if there are too many."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tags = self._depth = 0

    def start(self, _tag: str, attributes: dict[str, str]) -> None:
        self._tags += 1
        self._depth += 1
        for number, (most, what) in zip((self._depth, self._tags, len(attributes)), _LIMITS, strict=True):
            if number > most:
                hint = "This does not look like a project page. Save the text of the page instead."
                raise SourceError(f"{self._name}: {what}", hint)

    def end(self, _tag: str) -> None:
        self._depth -= 1

    def close(self) -> None:
        """Return nothing, as the parser requires."""


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


class Page:
    """A parsed page: the elements that are dropped, and the main element."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self._strong: dict[Element, set[str]] = defaultdict(set)
        found = list(self._labels())
        for element, name, kind in found:
            if kind in _STRONG_KINDS:
                _add_to_ancestors(self._strong, element, name)
        fields_below: dict[Element, set[str]] = defaultdict(set)
        #: How often each label occurs in what is not dropped.
        self.label_counts: Counter[str] = Counter()
        for element, name, _ in found:
            if not any(map(self.is_dropped, _upwards(element))):
                _add_to_ancestors(fields_below, element, name)
                self.label_counts[name] += 1
        self.fields = fields_below[root] - {"h1"}
        self.main = root
        wanted = self.fields - {"title"} or {"title"}
        for element in root.iter("main", "article", "div", "section", "td"):
            named = element.tag in ("main", "article") or element.get("role") == "main"
            if (named or _CONTENT_CLASS.search(_names(element))) and wanted <= fields_below.get(element, set()):
                self.main = element  # the innermost content element with all labels of the page

    def is_dropped(self, element: Element) -> bool:
        """Return whether an element is dropped with its content."""
        if self._is_always_dropped(element):
            return True
        if element.tag in ("html", "body", "main", "article") or len(self._strong.get(element, ())) > 1:
            return False
        if element.tag == "button":
            return element not in self._strong and (parent := element.getparent()) is not None and parent.tag[0] != "h"
        # A header or footer may belong to an article rather than the whole page.
        section = next(element.iterancestors("main", "article", "section"), None)
        chrome = element.tag in _CHROME and (section is None or element.tag not in ("header", "footer"))
        return chrome or element.get("role") in _ROLES or bool(_CHROME_CLASS.search(_names(element)))

    def headings(self) -> list[Element]:
        """Return the visible h1 elements, those inside the main element first."""
        first = islice(self.root.iter("h1"), 20)
        shown = (h1 for h1 in first if not any(map(self.is_dropped, _upwards(h1))))
        return sorted(shown, key=lambda h1: self.main not in _upwards(h1))

    def _is_always_dropped(self, element: Element) -> bool:
        may_be_banner = element.tag != "body" and "h1" not in self._strong.get(element, ())
        return (
            element.tag in _DROPPED_TAGS
            or element.get("hidden", "until-found") != "until-found"
            or (element.get("aria-hidden") == "true" and element.tag in _ICONS)
            or bool(_HIDDEN.search(element.get("style", "")[:2000]))
            or (may_be_banner and bool(_BANNER.search(_names(element))))
        )

    def _labels(self) -> Iterator[tuple[Element, str, FieldKind]]:
        """Yield the labels and titles on the page: element, field, kind of field."""
        walk = etree.iterwalk(self.root, events=("start",))
        number = 0
        for _, element in walk:
            if element.tag in _DROPPED_TAGS or number > _MAX_LABELS:
                walk.skip_subtree()
                continue
            if element.tag == "h1" and normalise("".join(element.itertext())[:200]):
                number += 1
                yield element, "h1", FieldKind.VALUE
                yield element, "title", FieldKind.VALUE
            parent = element.getparent()
            link = element.tag == "a" or (parent is not None and parent.tag == "a")
            for text, where in ((element.text, element), (element.tail, parent)):
                words = text[:400].strip() if text and not link and where is not None else ""
                row, value = split_label(normalise(words)) if 1 < len(words) < 200 else (None, "")
                if row and row.kind is not FieldKind.LAYOUT and (not value or row.kind in _STRONG_KINDS):
                    number += 1
                    yield where, row.name, row.kind


def _names(element: Element) -> str:
    return f"{element.get('class') or ''} {element.get('id') or ''}"[:500]


def _upwards(element: Element) -> Iterator[Element]:
    yield element
    yield from element.iterancestors()


def _add_to_ancestors(fields_below: dict[Element, set[str]], element: Element, name: str) -> None:
    for above in _upwards(element):
        if name in fields_below[above]:
            break
        fields_below[above].add(name)
