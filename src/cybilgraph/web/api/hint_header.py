"""Query hints as a header: a list of strings (RFC 8941, section 3.1): ``"Did you mean cyb:aim?";why=empty;line=2``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cybilgraph.sparql import Hint

HEADER = "cybilgraph-advice"
#: The longest header; hints that do not fit are dropped.
_MAX_HEADER_CHARS = 2_000
_NON_ASCII = re.compile(r"[^\x20-\x7e]")


def hint_headers(hints: Sequence[Hint]) -> dict[str, str]:
    """Return the header, or nothing without hints. Non-ASCII characters become SPARQL escapes."""
    items: list[str] = []
    for hint in hints:
        text = _NON_ASCII.sub(_escaped, hint.text).replace("\\", "\\\\").replace('"', '\\"')
        items.append(f'"{text}";why={hint.kind}' + (f";line={hint.line}" if hint.line else ""))
    while items and len(", ".join(items)) > _MAX_HEADER_CHARS:
        items.pop()
    return {HEADER: ", ".join(items)} if items else {}


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
