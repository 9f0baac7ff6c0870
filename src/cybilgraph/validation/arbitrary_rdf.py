"""Validates arbitrary RDF against arbitrary shapes, and locates the findings in the files.

All files together form one data graph (SHACL, section 1.5), which includes the statements of named graphs. Nothing is
downloaded: owl:imports is ignored.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache

import pyoxigraph as ox
import rdflib

from cybilgraph.errors import ShapesError, SourceError
from cybilgraph.model.findings import Finding, ShaclResult
from cybilgraph.model.gazetteer import MIN_SUGGESTION_SCORE, closest_match
from cybilgraph.model.rules import LANGUAGES, PLACEHOLDER, finding, translate
from cybilgraph.model.vocabulary import CYB, SH, own_iri, shorten
from cybilgraph.rdf.ntriples import term_text
from cybilgraph.readers import Input
from cybilgraph.readers.rdf.document import Document
from cybilgraph.readers.rdf.positions import UNKNOWN
from cybilgraph.validation import finding_of
from cybilgraph.validation.outputs.wording import phrase_for
from cybilgraph.validation.shapes import BlankNodeNumbering, read_shapes

#: The name of a parameter in its component: sh:MinCountConstraintComponent belongs to sh:minCount.
_COMPONENT = re.compile(r".*[/#](?P<name>\w+?)(?:ConstraintComponent)?")
#: SHACL terms that rdflib does not list: Python keywords, and terms of later drafts of SHACL Advanced Features.
_MORE_TERMS = (
    *("and", "class", "in", "not", "or", "values", "minus", "if", "then", "else", "exists", "distinct", "count"),
    *("min", "max", "sum", "groupConcat", "limit", "offset", "orderBy", "desc"),
)


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


def unknown_shape_terms(shapes_file: Input) -> Iterator[Finding]:
    """Yield a finding for each unknown SHACL term in a file of shapes, at its first occurrence.

    Engines ignore such terms silently. Raises SourceError if the file cannot be read.
    """
    return _unknown_terms(shapes_file, "unknown-shape-term", SH.iri, _shacl_terms())


def unknown_terms(data_file: Input) -> Iterator[Finding]:
    """Yield a finding for each term in our namespace that our ontology does not have, at its first occurrence.

    Raises SourceError if the file cannot be read.
    """
    return _unknown_terms(data_file, "unknown-term", CYB.iri, CYB.terms)


def _unknown_terms(file: Input, rule: str, namespace: str, known: Collection[str]) -> Iterator[Finding]:
    """Yield a finding of ``rule`` for each term of the namespace that is not known."""
    document = Document(file)
    seen: set[str] = set()
    for quad, spot in document.statements():
        for term, offset in ((quad.predicate, spot.predicate), (quad.object, spot.object)):
            if not isinstance(term, ox.NamedNode) or not term.value.startswith(namespace):
                continue
            name = term.value.removeprefix(namespace)
            # A parameter may be named with its component: sh:AndConstraintComponent-and.
            if not name or name in seen or name.split("-")[0] in known:
                continue
            seen.add(name)
            near = closest_match(name, sorted(known), MIN_SUGGESTION_SCORE)
            yield finding(
                rule,
                file.name,
                {"term": shorten(term.value), "meant": shorten(namespace + near)},
                place=document.places.place(offset),
                text=shorten(term.value),
                advice="did-you-mean" if near else "",
            )


@cache
def _shacl_terms() -> frozenset[str]:
    """Return the names of all SHACL terms, without the namespace."""
    return frozenset((*rdflib.SH.__annotations__, *_MORE_TERMS))


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

    def findings(self, results: list[ShaclResult], shapes: str, language: str) -> Iterator[Finding]:
        """Yield a finding for each result of these shapes (N-Triples), located at the statement it is about.

        Messages are in this language, if the shapes have them.
        """
        wanted = {result.focus for result in results}
        indexes = [(file, file.index(wanted)) for file in self._files] if results else []
        messages = _ShapeMessages(shapes)
        for result in results:
            focus, first = result.focus, result.first
            keys = ((focus, first, result.value), (focus, first), (focus,), ("", focus))  # best first
            offsets = ((file, index.get(key, UNKNOWN)) for key in keys for file, index in indexes)
            known = ((file, offset) for file, offset in offsets if offset != UNKNOWN)
            file, offset = next(known, (self._files[0], UNKNOWN))
            message = messages.choose(result.messages, language) or _default_message(result, language)
            place = file.document.places.place(offset)
            found = finding_of(
                result,
                message=message,
                file=file.document.name,
                label=shorten(first),
                line=place.line if place else 0,
                column=place.column if place else 0,
                text=term_text(result.value) or ("" if first else term_text(focus)),
            )
            yield translate(found, language)  # our own rules also have suggestions


class _File:
    """An RDF file whose blank nodes get labels with a prefix of their own."""

    def __init__(self, source: Input, prefix: str) -> None:
        self.document = Document(source)
        self._prefix = prefix
        # Relative IRIs are resolved against the file's own URI (RFC 3986, section 5.1.3).
        self._base = source.path.absolute().as_uri() if source.path else own_iri()

    def lines(self) -> Iterator[str]:
        """Yield the statements as N-Triples."""
        numbering = BlankNodeNumbering(self._prefix)
        for quad, _ in self.document.statements(located=False, base=self._base):
            triple = numbering.triple(quad)
            yield f"{triple.subject} {triple.predicate} {triple.object} .\n"

    def index(self, wanted: set[str]) -> dict[tuple[str, ...], int]:
        """Return the offsets of the first statements about these nodes, found in one scan.

        The keys are (subject, predicate, value), (subject, predicate) and (subject,), and ("", value) for a mention.
        """
        offsets: dict[tuple[str, ...], int] = {}
        numbering = BlankNodeNumbering(self._prefix)
        for quad, spot in self.document.statements(base=self._base):
            triple = numbering.triple(quad)
            subject, predicate, value = str(triple.subject), triple.predicate.value, str(triple.object)
            if subject in wanted:
                offsets.setdefault((subject, predicate, value), spot.object)
                offsets.setdefault((subject, predicate), spot.predicate)
                offsets.setdefault((subject,), spot.object if spot.subject == UNKNOWN else spot.subject)
            if value in wanted:
                offsets.setdefault(("", value), spot.object)
        return offsets


class _ShapeMessages:
    """The messages of a shapes graph with their languages, which engines do not return."""

    def __init__(self, ntriples: str) -> None:
        #: Languages by the parts of a message between its variables.
        self._languages: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for quad in ox.parse(ntriples.encode(), format=ox.RdfFormat.N_TRIPLES):
            if quad.predicate.value == SH.message and isinstance(quad.object, ox.Literal):
                language = (quad.object.language or LANGUAGES[0]).split("-")[0].lower()
                self._languages[tuple(PLACEHOLDER.split(quad.object.value)[::2])].add(language)
        self.choose = cache(self._choose)  # many results have the same messages

    def _choose(self, messages: Sequence[str], language: str) -> str:
        """Return the message in this language, else one in our first language or without a tag, else any, else ""."""

        def rank(message: str) -> int:
            languages = self._languages_of(message)
            return 0 if language in languages else 1 if LANGUAGES[0] in languages else 2 if languages else 3

        return min(messages, key=rank, default="")

    def _languages_of(self, message: str) -> set[str]:
        """Return the languages of a message, whose variables may have been replaced."""
        if (message,) in self._languages:
            return self._languages[message,]
        matching = [parts for parts in self._languages if len(parts) > 1 and _matches(message, parts)]
        return self._languages[max(matching, key=lambda parts: sum(map(len, parts)))] if matching else set()


def _matches(message: str, parts: tuple[str, ...]) -> bool:
    """Return whether a message consists of these parts with any text between them."""
    first, *between, last = parts
    if not (message.startswith(first) and message.endswith(last)):
        return False
    at = len(first)
    for part in between:
        if (at := message.find(part, at)) < 0:
            return False
        at += len(part)
    return at <= len(message) - len(last)


def _default_message(result: ShaclResult, language: str) -> str:
    """Return a generic message for a rule without a message of its own."""
    match = _COMPONENT.fullmatch(result.component)
    name = match["name"] if match else result.component
    values = {"constraint": f"sh:{name[:1].lower()}{name[1:]}", "property": shorten(result.first)}
    kind = "value" if result.value else "property" if result.first else "node"
    return phrase_for(language, f"unmet {kind}", **values)
