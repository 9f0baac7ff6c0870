"""The layout of the ontology diagram: classes as boxes, the properties between them as labelled arrows.

The layout follows from the ontology. ``cyb:Project`` is in the middle, its parts are on the left. On the right are the
claims and, beyond them, the classes that claims are about, so that each claim is between the two ends of the statement
that it makes. A property that leads to a class of another vocabulary, or between classes that are not neighbours, is a
line of text in its box. Lengths are in SVG user units; text widths are upper bounds for common fonts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import rdflib
from rdflib import OWL, RDF, RDFS
from rdflib.term import Node

from cybilgraph.model.vocabulary import BASE, CYB, SCHEMA, shorten

_PROJECT: Node = rdflib.URIRef(CYB.Project)
_CLAIM: Node = rdflib.URIRef(CYB.Claim)
_DOMAIN, _RANGES = rdflib.URIRef(SCHEMA.domainIncludes), (RDFS.range, rdflib.URIRef(SCHEMA.rangeIncludes))
_LETTER = 6.9
_LINE = 17
_PADDING = 10
#: Space between rows, between a label and its arrow, and beside a label.
_ROW_GAP, _LABEL_GAP, _LABEL_MARGIN = 22, 6, 14
#: The most letters in a line of a label.
_MAX_LABEL_LETTERS = 24
#: Distance between parallel arrows.
_STEP = 14


@dataclass(frozen=True, slots=True)
class TermName:
    """A term as text; ``anchor`` is its section of the page, empty for terms of other vocabularies."""

    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Property:
    """A line in a box: a property and the class of its values."""

    term: TermName
    target: TermName


@dataclass(slots=True)
class Box:
    """A class; ``y`` is its middle."""

    term: TermName
    properties: list[Property] = field(default_factory=list)
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    @property
    def top(self) -> float:
        """The upper edge."""
        return self.y - self.height / 2

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Arrow:
    """A path with the properties that it stands for, in lines; ``kind`` is its class in the style sheet."""

    kind: str
    path: str
    lines: list[list[TermName]] = field(default_factory=list)
    x: float = 0
    y: float = 0
    anchor: str = "middle"


@dataclass(slots=True)
class Diagram:
    """Boxes and arrows, with all that they say in sentences."""

    width: float
    height: float
    boxes: list[Box]
    arrows: list[Arrow]
    description: str


_Edges = dict[tuple[Node, Node], list[TermName]]


def lay_out(graph: rdflib.Graph) -> Diagram:
    """Lay out the classes of the ontology that describe projects, and the properties between them."""
    about = rdflib.URIRef(f"{BASE}ontology")
    classes = {node for node in graph.subjects(RDFS.isDefinedBy, about) if (node, RDF.type, OWL.Class) in graph}
    return _Layout(graph, classes).draw()


def _term(node: Node) -> TermName:
    name = str(node)
    own = name.startswith(CYB.iri)
    return TermName(name.removeprefix(CYB.iri) if own else shorten(name), name.removeprefix(CYB.iri) if own else "")


def _properties(graph: rdflib.Graph, classes: set[Node]) -> _Edges:
    """Return the properties between resources, by the class of the subject and the class of the value."""
    edges: _Edges = defaultdict(list)
    for name in sorted(set(graph.subjects(_DOMAIN)), key=str):
        if (name, RDF.type, OWL.DatatypeProperty) in graph:
            continue
        for source in classes.intersection(graph.objects(name, _DOMAIN)):
            for target in {one for kind in _RANGES for one in graph.objects(name, kind)}:
                edges[source, target].append(_term(name))
    return edges


def _width(terms: Iterable[TermName], separator: str = ", ") -> float:
    return len(separator.join(term.text for term in terms)) * _LETTER


def _wrap(terms: list[TermName]) -> list[list[TermName]]:
    """Break the terms of a label into lines."""
    lines: list[list[TermName]] = [[]]
    for term in terms:
        if lines[-1] and _width([*lines[-1], term]) > _MAX_LABEL_LETTERS * _LETTER:
            lines.append([])
        lines[-1].append(term)
    return lines


class _Layout:
    def __init__(self, graph: rdflib.Graph, classes: set[Node]) -> None:
        self._edges = _properties(graph, classes)
        names = sorted(classes, key=str)
        self._claims = sorted(
            (node for node in names if (node, RDFS.subClassOf, _CLAIM) in graph),
            key=lambda node: not self._targets(node, classes),  # those that lead to other classes first
        )
        claims = {*self._claims, _CLAIM} & classes
        ends = (node for claim in self._claims for node in self._targets(claim, classes) if node not in claims)
        self._ends = list(dict.fromkeys(ends))
        self._parts = [node for node in names if node not in {*claims, *self._ends, _PROJECT}]
        self._boxes = {node: Box(_term(node)) for node in names}
        self._arrows: list[Arrow] = []
        self._root = [_CLAIM] if _CLAIM in classes else []

    def _targets(self, source: Node, classes: set[Node]) -> list[Node]:
        ends = {end for start, end in self._edges if start == source and end in classes and end != _PROJECT}
        return sorted(ends, key=str)

    def draw(self) -> Diagram:
        """Place the boxes, then connect them."""
        self._list_properties()
        for box in self._boxes.values():
            box.height = 2 * _PADDING + _LINE * (1 + len(box.properties))
        columns = (self._parts, [_PROJECT], [*self._root, *self._claims], self._ends)
        for column in columns:
            widest = max(self._text_width(self._boxes[node]) for node in column)
            for node in column:
                self._boxes[node].width = widest + 2 * _PADDING
        left, middle, claims, ends = (self._boxes[column[0]] for column in columns)
        middle.x = left.width + self._label_width(self._parts, [_PROJECT])
        direct = self._label_width([_PROJECT], [*self._root, *self._claims, *self._ends])
        trunk = self._label_width(self._claims, self._ends)
        for node in columns[2]:
            self._boxes[node].x = middle.right + direct
        for node in self._ends:
            self._boxes[node].x = claims.right + trunk
        height = self._place_rows()
        middle.y, middle.height = height / 2, height
        self._connect_parts()
        self._connect_claims(trunk)
        width = ends.right + self._connect_ends()
        return Diagram(round(width + 2), round(height + 2), list(self._boxes.values()), self._arrows, self._describe())

    def _list_properties(self) -> None:
        """List in the boxes what has no arrow."""
        neighbours = {(_PROJECT, node) for node in self._boxes} | {(node, _PROJECT) for node in self._boxes}
        neighbours |= {(claim, end) for claim in self._claims for end in self._ends}
        neighbours |= {(one, other) for one in self._ends for other in self._ends}
        for (source, target), terms in sorted(self._edges.items()):
            if source == target or (source, target) not in neighbours or target not in self._boxes:
                self._boxes[source].properties += [Property(term, _term(target)) for term in terms]

    @staticmethod
    def _text_width(box: Box) -> float:
        lines = [_width([line.term, line.target], " → ") for line in box.properties]
        return max([*lines, _width([box.term]) * 1.1])

    def _label_width(self, sources: list[Node], targets: list[Node]) -> float:
        """Return the distance between two columns: the width of the longest label between them."""
        lines = [
            line
            for (source, target), terms in self._edges.items()
            for line in _wrap(terms)
            if source != target
            and ((source in sources and target in targets) or (source in targets and target in sources))
        ]
        return max(map(_width, lines), default=0) + 2 * _LABEL_MARGIN

    def _place_rows(self) -> float:
        """Place the rows on the right and distribute the parts over the same height, which is returned."""
        rows = list(self._root)
        for claim in self._claims:
            rows += [claim, *(end for end in self._ends if (claim, end) in self._edges and end not in rows)]
        bottom = 0.0
        for node in rows:
            box = self._boxes[node]
            label = len(_wrap(self._edges.get((_PROJECT, node), []))) * _LINE + _LABEL_GAP
            back = _LINE if (node, _PROJECT) in self._edges else 0
            box.y = bottom + max(box.height / 2, label)
            bottom = box.y + max(box.height / 2, 2 * back) + _ROW_GAP
        height = bottom - _ROW_GAP
        space = (height - sum(self._boxes[node].height for node in self._parts)) / len(self._parts)
        top = space / 2
        for node in self._parts:
            box = self._boxes[node]
            box.y = top + box.height / 2
            top += box.height + space
        return height

    def _connect_parts(self) -> None:
        middle = self._boxes[_PROJECT]
        for node in self._parts:
            box = self._boxes[node]
            self._connect(middle.x, box.right, box.y, self._edges.get((_PROJECT, node)))
            self._connect(box.right, middle.x, box.y, self._edges.get((node, _PROJECT)))

    def _connect_claims(self, trunk: float) -> None:
        """Connect the project with claims and their ends, claims with these ends, and claims with their superclass."""
        right = self._boxes[_PROJECT].right
        gap = min(self._boxes[node].x for node in [*self._root, *self._claims]) - right
        for node in [*self._root, *self._claims, *self._ends]:
            box = self._boxes[node]
            self._connect(right, box.x, box.y, self._edges.get((_PROJECT, node)), gap)
            if back := self._edges.get((node, _PROJECT)):
                y = box.y + _STEP / 2
                self._arrows.append(Arrow("to", f"M{box.x:g} {y:g}H{right:g}", _wrap(back), right + gap / 2, y + _LINE))
        for claim in self._claims:
            box = self._boxes[claim]
            ends = [end for end in self._ends if (claim, end) in self._edges]
            turn = box.right + trunk - _LABEL_MARGIN
            for end in ends:
                target = self._boxes[end]
                y = target.y - _STEP if target.y > box.y else target.y + _STEP
                label = _wrap(self._edges[claim, end]) if end == ends[0] else []  # the arrows share their beginning
                path = f"M{box.right:g} {box.y:g}H{turn:g}V{y:g}H{target.x:g}"
                x = box.right + _LABEL_MARGIN / 2
                self._arrows.append(Arrow("to", path, label, x, box.y - _LABEL_GAP, "start"))
        if self._root:
            spine = [self._boxes[node] for node in (*self._root, *self._claims)]
            x = spine[0].x + 24
            for upper, lower in pairwise(spine):
                kind = "subclass first" if upper is spine[0] else "subclass"
                self._arrows.append(Arrow(kind, f"M{x:g} {lower.top:g}V{upper.top + upper.height:g}"))

    def _connect_ends(self) -> float:
        """Connect ends with each other on their right; return the width of that."""
        pairs = [(s, t) for s, t in sorted(self._edges) if s != t and s in self._ends and t in self._ends]
        reach = max((_width(self._edges[pair]) for pair in pairs), default=0) + 2 * _LABEL_MARGIN
        for number, (source, target) in enumerate(pairs):
            start, end = self._boxes[source], self._boxes[target]
            x = start.right + reach + number * _STEP
            # Arrows down leave below those that arrive, so that no label touches an arrow.
            down = end.y > start.y
            y, to = (start.y + 12, end.y - 8) if down else (start.y, end.y + 2)
            label = _wrap(self._edges[source, target])
            path = f"M{start.right:g} {y:g}H{x:g}V{to:g}H{end.right:g}"
            label_y = y + _LINE - 3 if down else y - _LABEL_GAP
            self._arrows.append(Arrow("to", path, label, start.right + _LABEL_MARGIN, label_y, "start"))
        return reach + len(pairs) * _STEP if pairs else 0

    def _connect(self, start: float, end: float, y: float, terms: list[TermName] | None, gap: float = 0) -> None:
        """Add a horizontal arrow with its label; the label is within ``gap`` of the start."""
        if terms:
            lines = _wrap(terms)
            x = start + gap / 2 if gap else (start + end) / 2
            top = y - _LABEL_GAP - _LINE * (len(lines) - 1)
            self._arrows.append(Arrow("to", f"M{start:g} {y:g}H{end:g}", lines, x, top))

    def _describe(self) -> str:
        """Return the content of the diagram as text."""
        sentences = [
            f"{_term(source).text} to {_term(target).text}: {', '.join(term.text for term in terms)}."
            for (source, target), terms in sorted(self._edges.items(), key=lambda edge: (edge[0][0] != _PROJECT, edge))
        ]
        kinds = ", ".join(_term(node).text for node in self._claims)
        return " ".join([*sentences, *([f"Subclasses of {_term(_CLAIM).text}: {kinds}."] if kinds else [])])
