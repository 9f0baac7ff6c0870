"""RDF of any kind, held against shapes of anyone: the data graph of several files, and its findings
with their places.

The files together are one data graph (SHACL, section 1.5): what one says may hold for what stands in
another. Statements of named graphs are statements of it. Nothing is fetched: owl:imports is not
followed.
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

#: "http://www.w3.org/ns/shacl#MinCountConstraintComponent" is that of sh:minCount.
_COMPONENT = re.compile(r".*[/#](?P<name>\w+?)(?:ConstraintComponent)?")


def read_shapes_files(files: Iterable[Input]) -> str:
    """The shapes of these files as one text. Raises ShapesError where they cannot be read or used."""
    given = list(files)
    try:
        text = "".join(line for number, file in enumerate(given) for line in _File(file, f"s{number}b").lines())
    except SourceError as error:
        raise ShapesError(error.what, error.hint) from error
    try:
        read_shapes(text)
    except ShapesError as error:
        raise ShapesError(f"{', '.join(file.name for file in given)}: {error.what}", error.hint) from error
    return text


def unknown_terms(given: Input) -> Iterator[Finding]:
    """What stands in a file of shapes as a term of SHACL, and is none: each at its first place.

    Raises SourceError where the file cannot be read.
    """
    document = Document(given)
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
                    given.name,
                    {"term": shorten(term.value), "meant": f"sh:{near}"},
                    line=place.line if place else 0,
                    column=place.column if place else 0,
                    text=shorten(term.value),
                    advice="did-you-mean" if near else "",
                )


class DataGraph:
    """The statements of several files, and the way back from a result to its place."""

    def __init__(self) -> None:
        self._files: list[_File] = []
        self._lines: list[str] = []

    def add(self, given: Input) -> int:
        """Read one file; the number of its statements.

        Raises SourceError where it cannot be read; then nothing of it is kept.
        """
        file = _File(given, f"d{len(self._files)}b")
        lines = list(file.lines())
        self._files.append(file)
        self._lines += lines
        return len(lines)

    @property
    def ntriples(self) -> str:
        """All statements."""
        return "".join(self._lines)

    def findings(
        self, results: list[ShaclResult], messages: ShapeMessages | None = None, language: str = LANGUAGES[0]
    ) -> Iterator[Finding]:
        """The findings of these results, each with the place of the statement that it is about; in a
        language, as far as ``messages``, the messages of their shapes, has it.
        """
        wanted = {result.focus for result in results}
        indexes = [(file, file.index(wanted)) for file in self._files] if results else []
        for result in results:
            found = [(rank, file, offset) for file, index in indexes for rank, offset in index.find(result)]
            _, file, offset = min(found, key=lambda each: each[0], default=(0, self._files[0], UNKNOWN))
            message = messages.chosen(result.messages, language) if messages else next(iter(result.messages), "")
            yield _finding(result, file, offset, message or _message(result, language), language)


class _File:
    """A file of RDF, whose blank nodes have names of their own."""

    def __init__(self, given: Input, prefix: str) -> None:
        self.document = Document(given)
        self._prefix = prefix
        # A relative IRI is of the file that it stands in (RFC 3986, section 5.1.3).
        self._base = given.path.absolute().as_uri() if given.path else BASE

    def lines(self) -> Iterator[str]:
        """The statements as N-Triples."""
        numbering = BlankNodeNumbering(self._prefix)
        for quad, _ in self.document.statements(located=False, base=self._base):
            triple = numbering.triple(quad)
            yield f"{triple.subject} {triple.predicate} {triple.object} .\n"

    def index(self, wanted: set[str]) -> _Index:
        """Where the statements about these nodes stand. One scan, so that only what is asked for is held."""
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
    """Offsets of statements and of their parts, by terms as N-Triples writes them."""

    values: dict[tuple[str, str, str], int] = field(default_factory=dict)
    properties: dict[tuple[str, str], int] = field(default_factory=dict)
    subjects: dict[str, int] = field(default_factory=dict)
    mentions: dict[str, int] = field(default_factory=dict)

    def add(self, subject: str, predicate: str, value: str, spot: Spot) -> None:
        self.values.setdefault((subject, predicate, value), spot.object)
        self.properties.setdefault((subject, predicate), spot.predicate)
        self.subjects.setdefault(subject, spot.object if spot.subject == UNKNOWN else spot.subject)

    def find(self, result: ShaclResult) -> Iterator[tuple[int, int]]:
        """Where a result is printed: its statement, its property, its subject, or where it is spoken of;
        each with a number that tells how near it comes.
        """
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
        severity=SEVERITY_OF.get(result.severity, Severity.VIOLATION),  # a severity of their own is no lesser one
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
    return translate(found, language)  # of rules of ours, with how to mend it


def _message(result: ShaclResult, language: str) -> str:
    """What is said of a rule that has no words of its own."""
    match = _COMPONENT.fullmatch(result.component)
    name = match["name"] if match else result.component
    gaps = {"constraint": f"sh:{name[:1].lower()}{name[1:]}", "property": shorten(result.first)}
    return phrase_for(language, f"unmet {'value' if result.value else 'property' if result.first else 'node'}", **gaps)
