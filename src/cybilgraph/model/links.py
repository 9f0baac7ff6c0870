"""Details of linked documents, which every format can hold: "Annual review [application/pdf, en, B01]"."""

from __future__ import annotations

import re
from collections.abc import Iterable

FORMAT, LANGUAGE, CATEGORY = "format", "language", "category"
_PATTERNS = {
    FORMAT: re.compile(r"[a-z]{1,20}/[A-Za-z0-9][A-Za-z0-9.+-]{0,99}"),
    LANGUAGE: re.compile(r"[a-z]{2,3}"),
    CATEGORY: re.compile(r"[AB][0-9]{2}"),  # code list DocumentCategory of IATI
}
_MAX_CHARS = 300


def kind_of_detail(detail: str) -> str:
    """Return what a detail says about a document; empty if it is not valid."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.fullmatch(detail)), "")


def sort_details(details: Iterable[str]) -> tuple[str, ...]:
    """Return those details that are valid, without duplicates: formats, then languages, then categories."""
    order = list(_PATTERNS)
    return tuple(sorted(set(filter(kind_of_detail, details)), key=lambda one: (order.index(kind_of_detail(one)), one)))


def link_text(text: str, details: Iterable[str]) -> str:
    """Return the text of a link with those details that are valid."""
    valid = ", ".join(sort_details(details))
    return f"{text} [{valid}]" if valid and len(valid) <= _MAX_CHARS else text


def split_details(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of a link without its details, and the details."""
    at = text.rfind(" [", max(len(text) - _MAX_CHARS - len(" []"), 0)) if text.endswith("]") else -1
    details = text[at + 2 : -1].split(", ") if at > 0 else []
    return (text[:at], sort_details(details)) if details and all(map(kind_of_detail, details)) else (text, ())
