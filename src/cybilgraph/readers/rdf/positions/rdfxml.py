"""Locate the statements of RDF/XML, in the order of the parser.

expat reports line, column and offset of everything; lxml reports only the line. The text was checked before
(bounds.py) and declares no entities.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from xml.parsers import expat

from cybilgraph.model.vocabulary import RDF
from cybilgraph.readers.rdf.positions.spots import UNKNOWN, Spot

_CHUNK = 1_000_000
_XML = "http://www.w3.org/XML/1998/namespace"
#: Attributes that are not statements (RDF 1.1 XML Syntax, section 6.2.5).
_SYNTAX = {
    f"{RDF.iri}{name}" for name in ("about", "ID", "nodeID", "resource", "parseType", "datatype", "bagID", "aboutEach")
}
_REIFIED = tuple(f"{RDF.iri}{name}" for name in ("object", "predicate", "subject", "type"))


@dataclass(slots=True)
class _Element:
    """An open element: a node, a property of the node around it, or both for ``rdf:parseType="Resource"``."""

    name: str
    begin: int
    attributes: list[str]
    parse: str
    reified: bool
    is_property: bool
    text: int = UNKNOWN
    items: list[int] = field(default_factory=list)
    members: int = 0

    @property
    def holds_properties(self) -> bool:
        return self.parse == "Resource" if self.is_property else self.name != f"{RDF.iri}RDF"


def spots(content: bytes) -> Iterator[Spot]:
    """Yield the positions of all statements, up to the first syntax error, which the parser reports."""
    walker = _Walker()
    try:
        for start in range(0, len(content), _CHUNK):
            walker.parser.Parse(content[start : start + _CHUNK], False)
            yield from walker.found
            walker.found.clear()
    except (expat.ExpatError, LookupError, ValueError):  # also for encodings that expat does not support
        yield from walker.found


class _Walker:
    """Follows the elements and collects the positions of their statements."""

    def __init__(self) -> None:
        self.found: list[Spot] = []
        self._open: list[_Element] = []
        self._within_literal = 0
        self.parser = expat.ParserCreate(namespace_separator="\n")
        self.parser.ordered_attributes = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, name: str, pairs: list[str]) -> None:
        if self._within_literal:
            self._within_literal += 1
            return
        names = [key.replace("\n", "") for key in pairs[::2]]
        values = dict(zip(names, pairs[1::2], strict=True))
        above = self._open[-1] if self._open else None
        element = _Element(
            name.replace("\n", ""),
            self.parser.CurrentByteIndex,
            [name for name in names if name not in _SYNTAX and not name.startswith(_XML)],
            values.get(f"{RDF.iri}parseType", ""),
            f"{RDF.iri}ID" in values,
            above is not None and above.holds_properties,
        )
        self._open.append(element)
        at = element.begin
        if element.is_property:
            if element.name == f"{RDF.iri}li":
                assert above
                above.members += 1
                element.name = f"{RDF.iri}_{above.members}"
            if element.parse == "Resource":
                self._link(element, at)
            elif element.parse and element.parse != "Collection":
                self._within_literal = 1
        elif element.holds_properties:
            if above:
                above.items.append(at)
            if element.name != f"{RDF.iri}Description":
                self.found.append(Spot(at, at, at, RDF.type))
        self.found += [Spot(at, at, at, name) for name in element.attributes]

    def _text(self, _: str) -> None:
        element = self._open[-1] if self._open else None
        if element and element.is_property and element.text == UNKNOWN:
            element.text = self.parser.CurrentByteIndex

    def _end(self, _: str) -> None:
        if self._within_literal > 1:
            self._within_literal -= 1
            return
        self._within_literal = 0
        element = self._open.pop()
        if not element.is_property or element.parse == "Resource":
            return
        if element.parse == "Collection":
            self._link(element, element.begin)
            for item, following in zip_longest(element.items, element.items[1:], fillvalue=element.begin):
                self.found += [Spot(item, item, following, RDF.rest), Spot(item, item, item, RDF.first)]
        else:
            self._link(element, next(iter(element.items), element.text if element.text != UNKNOWN else element.begin))

    def _link(self, element: _Element, value: int) -> None:
        """Add the statement of a property element and those that reify it."""
        above = self._open[-1] if self._open[-1] is not element else self._open[-2]
        self.found.append(Spot(above.begin, element.begin, value, element.name))
        if element.reified:
            self.found += [Spot(element.begin, element.begin, element.begin, name) for name in _REIFIED]
