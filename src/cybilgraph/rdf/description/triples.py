"""Triples being written: lines of canonical N-Triples.

A line is the unit of everything after this stage: lines are sorted, compared, dumped and
loaded as they are, and equal input gives equal bytes. Building the engine's term objects
instead costs several times the time, and the store rewrites them; so literals are written in
the form that the store keeps (a test holds that).
"""

from __future__ import annotations

import re

from cybilgraph.rdf.ntriples import literal

#: Characters that XML does not have (1.0, section 2.2): no RDF/XML could hold a graph with one of them.
_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class TripleWriter:
    """Lines being written."""

    def __init__(self, language: str = "en", source: str = "") -> None:
        """``source`` is the IRI of what the triples were read from."""
        self._lines: set[str] = set()
        self._language = language
        self.source = source

    def link(self, subject: str, predicate: str, target: str) -> None:
        """One triple with an IRI as object."""
        self._lines.add(f"<{subject}> <{predicate}> <{target}> .")

    def text(self, subject: str, predicate: str, text: str, language: str = "") -> None:
        """One triple with a text in a language."""
        self._lines.add(f"<{subject}> <{predicate}> {literal(_without_controls(text), language or self._language)} .")

    def plain(self, subject: str, predicate: str, text: str, datatype: str = "") -> None:
        """One triple with a plain or typed literal."""
        self._lines.add(f"<{subject}> <{predicate}> {literal(_without_controls(text), datatype=datatype)} .")

    def lines(self) -> list[str]:
        """The triples, sorted, each once."""
        return sorted(self._lines)


def _without_controls(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
