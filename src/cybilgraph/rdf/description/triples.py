"""Write triples as lines of canonical N-Triples.

Later stages sort, compare, dump and load these lines unchanged, so that equal input gives equal bytes.
Building pyoxigraph terms instead takes several times as long. Literals are written in the form that the
store keeps (a test verifies this), without characters that RDF/XML cannot represent.
"""

from __future__ import annotations

from cybilgraph.model.vocabulary import OWL, RDFS, XSD
from cybilgraph.rdf.ntriples import literal
from cybilgraph.rdf.serialisation import to_xml_text


class TripleWriter:
    """Collects lines of N-Triples."""

    def __init__(self, language: str = "en", source: str = "") -> None:
        """Begin; ``source`` is the IRI of the source of the triples."""
        self._lines: set[str] = set()
        self._language = language
        self.source = source

    def link(self, subject: str, predicate: str, target: str) -> None:
        """Add a triple with an IRI as object."""
        self._lines.add(f"<{subject}> <{predicate}> <{target}> .")

    def text(self, subject: str, predicate: str, text: str, language: str = "") -> None:
        """Add a triple with a language-tagged text."""
        self._lines.add(f"<{subject}> <{predicate}> {literal(to_xml_text(text), language or self._language)} .")

    def plain(self, subject: str, predicate: str, text: str, datatype: str = "") -> None:
        """Add a triple with a plain or typed literal."""
        self._lines.add(f"<{subject}> <{predicate}> {literal(to_xml_text(text), datatype=datatype)} .")

    def name(self, subject: str, predicate: str, text: str, language: str = "") -> None:
        """Add the name of a thing that people look for, which is also its rdfs:label."""
        for term in (predicate, RDFS.label):
            self.text(subject, term, text, language)

    def deprecate(self, former: str, present: str) -> None:
        """Add the triples that a former IRI is deprecated and points to the present one."""
        self.link(former, RDFS.seeAlso, present)
        self.plain(former, OWL.deprecated, "true", XSD.boolean)

    def lines(self) -> list[str]:
        """Return the distinct triples, sorted."""
        return sorted(self._lines)
