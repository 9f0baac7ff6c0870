"""Terms and triples as canonical N-Triples text (RDF 1.2 N-Triples, section 4).

SPARQL reads the same terms, so that this is also how a value enters a query.
"""

from __future__ import annotations

import re

_ESCAPES = {
    **{code: f"\\u{code:04X}" for code in (*range(0x20), 0x7F)},
    ord("\b"): "\\b",
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\f"): "\\f",
    ord("\r"): "\\r",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
_UNSAFE_IRI = re.compile(r"[\x00-\x20<>\"{}|^`\\]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def is_iri(text: str) -> bool:
    """True where a text can stand between brackets: absolute, with no character that RFC 3987 forbids."""
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)) and not _UNSAFE_IRI.search(text)


def iri(address: str) -> str:
    """An IRI as a term; the caller has made it or checked it with ``is_iri``."""
    return f"<{address}>"


def literal(text: str, language: str = "", datatype: str = "") -> str:
    """A literal as a term: plain, or in a language, or of a datatype."""
    quoted = f'"{_SURROGATE.sub("�", text).translate(_ESCAPES)}"'
    if language:
        return f"{quoted}@{language.lower()}"
    return f"{quoted}^^<{datatype}>" if datatype else quoted
