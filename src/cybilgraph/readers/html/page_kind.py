"""Recognise whether a page of a website describes a project.

Sites differ, so several signs count: the classes that WordPress gives the body of a page, the address, and the labels
on the page. Error pages that are sent with status 200 (soft 404) are recognised by their title.
"""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import islice

from cybilgraph.model.fields import BY_NAME, FieldKind
from cybilgraph.readers.html.text_lines import PageLine
from cybilgraph.readers.html.tree import Element, Page

#: Titles and texts of error pages from a server or its firewall.
ERROR_PAGE = re.compile(
    r"just a moment|attention required|access denied|checking your browser|one moment, please|(?:error )?[45]\d\d\b"
    r"|(?:page )?not found|forbidden|bad gateway|service unavailable|are you (?:a )?(?:human|robot)|request rejected",
    re.IGNORECASE,
)
#: Titles of soft 404 pages; only on pages without labels, as a project may have such a title.
_SOFT_ERROR = re.compile(
    r"not (?:be )?found|no longer (?:available|exists?|here)|(?:does not|doesn.t) exist"
    r"|(?:could not|couldn.t|can.t) find|nothing (?:was )?(?:found|here)|\b404\b|no (?:se )?encontrad[ao]|no existe"
    r"|introuvable|n.existe (?:pas|plus)"
    r"|nicht gefunden",
    re.IGNORECASE,
)
_PATH = re.compile(r"https?://[^/?#]*([^?#]*)", re.IGNORECASE)
_WORDS = r"(?:projects?|program(?:me)?s?|initiatives?|proyectos?|projets?|projekte?|projetos?)"
#: The address of a project: /projects/NAME, but not /projects/page/2.
_PROJECT_PATH = re.compile(rf".*/{_WORDS}/(?!(?:page|feed|tag|category|search|archive)/?$)[^/]+/?", re.IGNORECASE)
_OTHER_PATH = re.compile(
    r"/(?:news|blog|posts?|press|events?|calendar|agenda|actors?|organi[sz]ations?|people|members?|partners?|authors?"
    r"|publications?|resources?|tools?|library|documents?|tags?|categor(?:y|ies)|search|about|contact|login|feed|page"
    r"|noticias|actualit[eé]s|actualidad|eventos|nachrichten)(?:/|$)",
    re.IGNORECASE,
)
#: Classes of WordPress, which other systems imitate, for the single page of a project, and for other pages.
_PROJECT_CLASS = re.compile(rf"(?:single|type|node|node--type|page-node-type)-{_WORDS}|{_WORDS}-template(?:-default)?")
_LISTING_CLASS = re.compile(r"archive|post-type-archive(?:-\w+)?|tax-[\w-]+|search(?:-results)?|blog|category|tag|home")
_SINGLE_CLASS = re.compile(r"single-[\w-]+|error404")
#: A page with the address of a project but without labels needs some text, and few links to other projects.
_MIN_TEXT_CHARACTERS, _MAX_PROJECT_LINKS = 200, 5
#: How many labels make a page a project without another sign, and against its address; how many cards make a list.
_MIN_LABELS, _MANY_LABELS, _MIN_CARDS = 3, 6, 3
_WHO_OR_WHEN = frozenset(
    name for name, row in BY_NAME.items() if row.kind in (FieldKind.ACTORS, FieldKind.DATE, FieldKind.CHOICE)
)


class PageKind(StrEnum):
    """What a page of a website is."""

    PROJECT = "project"
    LISTING = "listing"
    ERROR = "error page"
    OTHER = "other page"


def find_page_kind(page: Page, title: str, lines: list[PageLine], address: str) -> PageKind:
    """Return what a page is; ``address`` is where it was saved from."""
    body = next(page.root.iter("body"), page.root)
    classes = (body.get("class") or "")[:2000].lower().split()
    counts = {name: count for name, count in page.label_counts.items() if name not in ("title", "h1")}
    has_labels = len(counts) >= _MIN_LABELS and bool(counts.keys() & _WHO_OR_WHEN)
    if not has_labels and ("error404" in classes or _is_error(title, lines if not counts else [])):
        return PageKind.ERROR
    is_single = any(map(_PROJECT_CLASS.fullmatch, classes))
    articles = [article for article in islice(page.root.iter("article"), 100) if _is_project_article(article)]
    has_cards = len(articles) >= _MIN_CARDS if not counts else min(counts.values()) >= _MIN_CARDS
    if not is_single and (has_cards or any(map(_LISTING_CLASS.fullmatch, classes))):
        return PageKind.LISTING
    path = match[1] if (match := _PATH.match(address[:2000])) else ""
    if is_single or len(articles) == 1:
        return PageKind.PROJECT
    if _PROJECT_PATH.fullmatch(path):
        return PageKind.PROJECT if counts or _has_text(lines) else PageKind.OTHER
    is_other = _OTHER_PATH.search(path) or any(map(_SINGLE_CLASS.fullmatch, classes))
    is_project = has_labels and (len(counts) >= _MANY_LABELS or not is_other)
    return PageKind.PROJECT if is_project else PageKind.OTHER


def _is_error(title: str, lines: list[PageLine]) -> bool:
    """Return whether the title is that of an error page, or the beginning of a page without labels says so."""
    shown = [title, *(line.text for line in lines[:3] if len(line.text) < 200)]
    return bool(ERROR_PAGE.match(title)) or any(lines and _SOFT_ERROR.search(text) for text in shown)


def _is_project_article(article: Element) -> bool:
    return any(map(_PROJECT_CLASS.fullmatch, (article.get("class") or "")[:2000].lower().split()))


def _has_text(lines: list[PageLine]) -> bool:
    """Return whether there is text outside links, and not mainly links to other projects."""
    addresses = (link.address[:2000].partition("?")[0] for line in lines for link in line.links)
    links = sum(1 for address in addresses if _PROJECT_PATH.fullmatch(address))
    characters = sum(len(line.text) - sum(link.stop - link.start for link in line.links) for line in lines)
    return links <= _MAX_PROJECT_LINKS and characters >= _MIN_TEXT_CHARACTERS
