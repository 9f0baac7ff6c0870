"""Find the part of an HTML page that describes the project, without menus, banners and sidebars.

An element is dropped because of its tag (nav, script), because it is hidden, or because of its class. An
element with the title or several labels is never dropped because of its class, since templates use class
names in many ways.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from lxml import etree

from cybilgraph.model.fields import BY_LABEL, FieldKind
from cybilgraph.readers.html.tree import Element, split_label
from cybilgraph.readers.text import normalise

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
        for element, name, _ in found:
            if not any(self.is_dropped(above) for above in _upwards(element)):
                _add_to_ancestors(fields_below, element, name)
        self.fields = fields_below[root] - {"h1"}
        self.main = self._main(fields_below)

    def is_dropped(self, element: Element) -> bool:
        """Return whether an element is dropped with its content."""
        if self._is_always_dropped(element):
            return True
        if element.tag in ("html", "body", "main", "article") or len(self._strong.get(element, ())) > 1:
            return False
        if element.tag == "button":
            return element not in self._strong and (parent := element.getparent()) is not None and parent.tag[0] != "h"
        chrome = element.tag in _CHROME and not (element.tag in ("header", "footer") and _is_in_section(element))
        return chrome or element.get("role") in _ROLES or bool(_CHROME_CLASS.search(_names(element)))

    def headings(self) -> Iterator[Element]:
        """Yield the visible h1 elements, those inside the main element first."""
        first = islice(self.root.iter("h1"), 20)
        shown = [h1 for h1 in first if not any(self.is_dropped(above) for above in _upwards(h1))]
        inside = [h1 for h1 in shown if any(above is self.main for above in _upwards(h1))]
        yield from inside
        yield from (h1 for h1 in shown if h1 not in inside)

    def _is_always_dropped(self, element: Element) -> bool:
        if element.tag in _DROPPED_TAGS or element.get("hidden", "until-found") != "until-found":
            return True
        if element.get("aria-hidden") == "true" and element.tag in _ICONS:
            return True
        if (style := element.get("style")) and _HIDDEN.search(style[:2000]):
            return True
        return (
            "h1" not in self._strong.get(element, ())
            and element.tag != "body"
            and bool(_BANNER.search(_names(element)))
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
            for words, where in ((element.text, element), (element.tail, parent)):
                if words and not link and where is not None and (row := _label(words)):
                    number += 1
                    yield where, row[0], row[1]

    def _main(self, fields_below: dict[Element, set[str]]) -> Element:
        """Return the innermost content element with all labels of the page."""
        chosen = self.root
        for element in self.root.iter("main", "article", "div", "section", "td"):
            named = element.tag in ("main", "article") or element.get("role") == "main"
            if (named or _CONTENT_CLASS.search(_names(element))) and element in fields_below:
                wanted = self.fields - {"title"} or {"title"}
                if wanted <= fields_below[element]:
                    chosen = element
        return chosen


def _label(words: str) -> tuple[str, FieldKind] | None:
    words = words[:400].strip()
    row, value = split_label(normalise(words)) if 1 < len(words) < 200 else (None, "")
    if row is None or row.kind is FieldKind.LAYOUT or (value and row.kind not in _STRONG_KINDS):
        return None
    return row.name, BY_LABEL[row.column].kind


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


def _is_in_section(element: Element) -> bool:
    """Return whether a header or footer belongs to an article rather than the whole page."""
    return any(above.tag in ("main", "article", "section") for above in element.iterancestors())
