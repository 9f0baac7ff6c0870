"""Advice in a header, as a list of strings (RFC 8941, section 3.1): ``"Did you mean cyb:aim?";why=empty;line=2``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cybilgraph.sparql import Hint

HEADER = "cybilgraph-advice"
#: A header of all advice is no longer than this; what does not fit is left out.
_MAX_HEADER_CHARS = 2_000
_NON_ASCII = re.compile(r"[^\x20-\x7e]")


def hint_headers(hints: Sequence[Hint]) -> dict[str, str]:
    """The header, where there is advice. What is not ASCII is escaped as SPARQL has it."""
    items: list[str] = []
    for piece in hints:
        text = _NON_ASCII.sub(_escaped, piece.text).replace("\\", "\\\\").replace('"', '\\"')
        items.append(f'"{text}";why={piece.kind}' + (f";line={piece.line}" if piece.line else ""))
    while items and len(", ".join(items)) > _MAX_HEADER_CHARS:
        items.pop()
    return {HEADER: ", ".join(items)} if items else {}


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
