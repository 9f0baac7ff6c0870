"""Validates arbitrary RDF against arbitrary shapes, and locates the findings in the files.

All files together form one data graph (SHACL, section 1.5), which includes the statements of named graphs. Nothing is
downloaded: owl:imports is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyoxigraph as ox

from cybilgraph.errors import ShapesError, SourceError
from cybilgraph.model.findings import Finding, Severity, ShaclResult
from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match
from cybilgraph.model.rules import LANGUAGES, SEVERITY_OF, finding, translate
from cybilgraph.model.vocabulary import BASE, shorten
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.readers import Input
from cybilgraph.readers.rdf.document import Document
from cybilgraph.readers.rdf.positions import UNKNOWN, Spot
from cybilgraph.validation import BlankNodeNumbering, ShapeMessages, known_terms, read_shapes, unknown_term
from cybilgraph.validation.outputs.wording import phrase_for

#: The name of a parameter in its component: sh:MinCountConstraintComponent belongs to sh:minCount.
_COMPONENT = re.compile(r".*[/#](?P<name>\w+?)(?:ConstraintComponent)?")


def read_shapes_files(files: Iterable[Input]) -> str:
    """Return the shapes of these files as one text. Raises ShapesError if they cannot be read or used."""
    inputs = list(files)
    try:
        text = "".join(line for number, file in enumerate(inputs) for line in _File(file, f"s{number}b").lines())
    except SourceError as error:
        raise ShapesError(error.what, error.hint) from error
    try:
        read_shapes(text)
    except ShapesError as error:
        raise ShapesError(f"{', '.join(file.name for file in inputs)}: {error.what}", error.hint) from error
    return text


def unknown_terms(shapes_file: Input) -> Iterator[Finding]:
    """Yield a finding for each unknown SHACL term in a file of shapes, at its first occurrence.

    Raises SourceError if the file cannot be read.
    """
    document = Document(shapes_file)
    seen: set[str] = set()
    for quad, spot in document.statements():
        for term, offset in ((quad.predicate, spot.predicate), (quad.object, spot.object)):
            if not isinstance(term, ox.NamedNode):
                continue
            if (name := unknown_term(term.value)) and name not in seen:
                seen.add(name)
                place = document.places.place(offset)
                near = closest_match(name, known_terms(), MIN_SUGGESTION_SCORE)
                yield finding(
                    "unknown-shape-term",
                    shapes_file.name,
                    {"term": shorten(term.value), "meant": f"sh:{near}"},
                    line=place.line if place else 0,
                    column=place.column if place else 0,
                    text=shorten(term.value),
                    advice="did-you-mean" if near else "",
                )


class DataGraph:
    """The statements of several files, which can locate results in them."""

    def __init__(self) -> None:
        self._files: list[_File] = []
        self._lines: list[str] = []

    def add(self, source: Input) -> int:
        """Read a file, and return its number of statements.

        Raises SourceError, and adds nothing, if it cannot be read.
        """
        file = _File(source, f"d{len(self._files)}b")
        lines = list(file.lines())
        self._files.append(file)
        self._lines += lines
        return len(lines)

    @property
    def ntriples(self) -> str:
        """All statements as N-Triples."""
        return "".join(self._lines)

    def findings(
        self, results: list[ShaclResult], messages: ShapeMessages | None = None, language: str = LANGUAGES[0]
    ) -> Iterator[Finding]:
        """Yield a finding for each result, located at the statement it is about.

        ``messages`` are those of the shapes, from which the language is chosen if possible.
        """
        wanted = {result.focus for result in results}
        indexes = [(file, file.index(wanted)) for file in self._files] if results else []
        for result in results:
            found = [(rank, file, offset) for file, index in indexes for rank, offset in index.find(result)]
            _, file, offset = min(found, key=lambda each: each[0], default=(0, self._files[0], UNKNOWN))
            message = messages.choose(result.messages, language) if messages else next(iter(result.messages), "")
            yield _finding(result, file, offset, message or _message(result, language), language)


class _File:
    """An RDF file whose blank nodes get labels with a prefix of their own."""

    def __init__(self, source: Input, prefix: str) -> None:
        self.document = Document(source)
        self._prefix = prefix
        # Relative IRIs are resolved against the file's own URI (RFC 3986, section 5.1.3).
        self._base = source.path.absolute().as_uri() if source.path else BASE

    def lines(self) -> Iterator[str]:
        """Yield the statements as N-Triples."""
        numbering = BlankNodeNumbering(self._prefix)
        for quad, _ in self.document.statements(located=False, base=self._base):
            triple = numbering.triple(quad)
            yield f"{triple.subject} {triple.predicate} {triple.object} .\n"

    def index(self, wanted: set[str]) -> _Index:
        """Return the positions of the statements about these nodes, found in one scan."""
        index, numbering = _Index(), BlankNodeNumbering(self._prefix)
        for quad, spot in self.document.statements(base=self._base):
            triple = numbering.triple(quad)
            subject, value = str(triple.subject), str(triple.object)
            if subject in wanted:
                index.add(subject, triple.predicate.value, value, spot)
            if value in wanted:
                index.mentions.setdefault(value, spot.object)
        return index


@dataclass(slots=True)
class _Index:
    """Offsets of statements and their parts, by terms in N-Triples."""

    values: dict[tuple[str, str, str], int] = field(default_factory=dict)
    properties: dict[tuple[str, str], int] = field(default_factory=dict)
    subjects: dict[str, int] = field(default_factory=dict)
    mentions: dict[str, int] = field(default_factory=dict)

    def add(self, subject: str, predicate: str, value: str, spot: Spot) -> None:
        self.values.setdefault((subject, predicate, value), spot.object)
        self.properties.setdefault((subject, predicate), spot.predicate)
        self.subjects.setdefault(subject, spot.object if spot.subject == UNKNOWN else spot.subject)

    def find(self, result: ShaclResult) -> Iterator[tuple[int, int]]:
        """Yield rank and offset of the statement, property, subject and mention of a result; lower ranks are better."""
        focus, first = result.focus, result.first
        offsets = (
            self.values.get((focus, first, result.value), UNKNOWN),
            self.properties.get((focus, first), UNKNOWN),
            self.subjects.get(focus, UNKNOWN),
            self.mentions.get(focus, UNKNOWN),
        )
        return ((rank, offset) for rank, offset in enumerate(offsets) if offset != UNKNOWN)


def _finding(result: ShaclResult, file: _File, offset: int, message: str, language: str) -> Finding:
    place = file.document.places.place(offset)
    value = term_text(result.value)
    found = Finding(
        severity=SEVERITY_OF.get(result.severity, Severity.VIOLATION),  # a custom severity counts as a violation
        rule=result.rule,
        message=message,
        file=file.document.name,
        label=shorten(result.first),
        line=place.line if place else 0,
        column=place.column if place else 0,
        text=value or ("" if result.first else term_text(result.focus)),
        focus=term_text(result.focus),
        path=result.first,
        value=value,
        values=(("value", value),),
        result=result,
    )
    return translate(found, language)  # our own rules also have suggestions


def _message(result: ShaclResult, language: str) -> str:
    """Return a generic message for a rule without a message of its own."""
    match = _COMPONENT.fullmatch(result.component)
    name = match["name"] if match else result.component
    values = {"constraint": f"sh:{name[:1].lower()}{name[1:]}", "property": shorten(result.first)}
    kind = "value" if result.value else "property" if result.first else "node"
    return phrase_for(language, f"unmet {kind}", **values)
