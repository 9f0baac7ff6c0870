"""Write terms and triples as canonical N-Triples (RDF 1.2 N-Triples, section 4).

SPARQL uses the same syntax for terms, so that values can be inserted into queries in this form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: The objects of a graph's statements by subject and property. Objects are terms; subjects and properties are
#: IRIs.
StatementsBySubject = dict[str, dict[str, list[str]]]

_ESCAPES = {
    **{chr(code): f"\\u{code:04X}" for code in (*range(0x20), 0x7F)},
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
# IRIs according to RFC 3987, section 2.2, without IPv6 addresses and private-use characters. Bidirectional
# formatting characters are not allowed (section 4.1).
_UCS = "\u00a0-\u200d\u2010-\u2029\u202f-\ud7ff\uf900-\ufdcf\ufdf0-\uffef" + "".join(
    f"{chr(plane << 16)}-{chr((plane << 16) + 0xFFFD)}" for plane in range(1, 14)
)
_CHAR = rf"(?:[A-Za-z0-9\-._~!$&'()*+,;={_UCS}]|%[0-9A-Fa-f]{{2}})"
_PATH = rf"(?:{_CHAR}|[:@/])*"
_IRI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?://(?:(?:{_CHAR}|:)*@)?{_CHAR}*(?::[0-9]*)?(?:/{_PATH})?|(?!//){_PATH})"
    rf"(?:\?(?:{_CHAR}|[:@/?])*)?(?:\#(?:{_CHAR}|[:@/?])*)?"
)
#: A text without any of these is written unchanged.
_SPECIAL = re.compile(r'[\x00-\x1f\x7f"\\\ud800-\udfff\ufffe\uffff]')
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|.)", re.DOTALL)
_CHARACTERS = {"\\b": "\b", "\\t": "\t", "\\n": "\n", "\\f": "\f", "\\r": "\r"}


def is_iri(text: str) -> bool:
    """Return whether a text is a valid IRI. An invalid one would make the whole graph unreadable."""
    return _IRI.fullmatch(text) is not None


def iri(address: str) -> str:
    """Return an IRI as a term; the caller has created it or checked it with ``is_iri``."""
    return f"<{address}>"


def literal(text: str, language: str = "", datatype: str = "") -> str:
    """Return a literal as a term: plain, language-tagged or typed."""
    quoted = f'"{_SPECIAL.sub(_escaped, text)}"'
    if language:
        return f"{quoted}@{language.lower()}"
    return f"{quoted}^^<{datatype}>" if datatype else quoted


def _escaped(special: re.Match[str]) -> str:
    return _ESCAPES.get(special[0], "�")


def term_text(term: str) -> str:
    """Return the content of a term: an IRI, the text of a literal, or the label of a blank node."""
    if term.startswith("<"):
        return term[1:-1]
    quoted = _QUOTED.match(term)
    if not quoted:
        return term
    return _ESCAPE.sub(_character, quoted[1]) if "\\" in quoted[1] else quoted[1]


def object_texts(own: dict[str, list[str]], predicate: str) -> list[str]:
    """Return the contents of a resource's objects for a property."""
    return [term_text(term) for term in own.get(predicate, ())]


def group_by_subject(lines: Iterable[bytes]) -> StatementsBySubject:
    """Group the statements of our own N-Triples, in which subjects are contiguous."""
    found: StatementsBySubject = {}
    before, own = "", dict[str, list[str]]()
    for line in b"".join(lines).decode().split("\n")[:-1]:
        subject, predicate, rest = line.split(" ", 2)
        if subject != before:
            before, own = subject, found.setdefault(subject[1:-1], {})
        own.setdefault(predicate[1:-1], []).append(rest[:-2])
    return found


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2]
    return chr(int(code, 16)) if code else _CHARACTERS.get(escape[0], escape[0][1:])


def format_decimal(value: float) -> str:
    """Format a number as canonical xsd:decimal with up to two places: 0.9, 1 (XSD 1.1 part 2, 3.3.3)."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
