"""A resource as pages show it: its statements, with the names of what they lead to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

import rdflib
from flask import Response, g, request, url_for
from rdflib import SKOS

from cybilgraph.model.formats import BY_NAME, Format
from cybilgraph.model.vocabulary import BASE, DCTERMS, RDFS, shorten
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers.tabular.delimited import escape_formula

#: A title has so many characters where it is one of several; the page of its thing tells more of it.
_MAX_TITLE_CHARS = 200
_LABELS = (SKOS.prefLabel, rdflib.URIRef(DCTERMS.title), rdflib.URIRef(RDFS.label))


def page_path(iri: str) -> str:
    """Where a link to this IRI leads: our own things to their page here, as of the release that the request is
    pinned to; others to themselves; nowhere where it is no web address.
    """
    if iri.startswith(f"{BASE}ontology#"):
        return f"{url_for('terms.ontology')}#{iri.rpartition('#')[2]}"
    if iri.startswith(BASE):
        pinned = f"?release={g.pinned}" if "pinned" in g else ""
        return f"{request.script_root}/{iri.removeprefix(BASE)}{pinned}"
    return iri if iri.startswith(("https://", "http://", "mailto:")) else ""


def shorten_title(text: str) -> str:
    """A title as lists, charts and headings show it: one that is too long ends in an ellipsis."""
    return text if len(text) <= _MAX_TITLE_CHARS else f"{text[: _MAX_TITLE_CHARS - 1].rstrip()}…"


def table_response(rows: Iterable[Iterable[str]]) -> Response:
    """A table for people to open, the names of its columns first, as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows(map(escape_formula, row) for row in rows)
    return Response(text.getvalue(), content_type=BY_NAME["csv"].content_type)


def rdf_response(lines: Iterable[str], fmt: Format) -> Response:
    """Lines of N-Triples in a format of RDF."""
    output = io.BytesIO()
    serialise([f"{line}\n".encode() for line in lines], fmt, output)
    return Response(output.getvalue(), content_type=fmt.content_type)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource in the graph of statements around it."""

    graph: rdflib.Graph
    node: rdflib.URIRef

    @property
    def iri(self) -> str:
        """Its name."""
        return str(self.node)

    @property
    def label(self) -> str:
        """What it is called."""
        return self.name(self.node)

    def name(self, node: rdflib.term.Node) -> str:
        """The English name of a thing, else any, else its IRI by prefix."""
        for predicate in _LABELS:
            found = [value for value in self.graph.objects(node, predicate) if isinstance(value, rdflib.Literal)]
            for value in sorted(found, key=lambda value: (value.language != "en", value)):
                return str(value)
        return shorten(str(node))

    def all(self, predicate: str, node: rdflib.term.Node | None = None) -> list[rdflib.term.Node]:
        """The objects of a property, in the order of the parts' numbers or of names."""
        found = list(self.graph.objects(node or self.node, rdflib.URIRef(predicate)))
        return sorted(
            found, key=lambda value: (len(str(value)), str(value)) if _numbered(value) else (0, self.name(value))
        )

    def one(self, predicate: str, node: rdflib.term.Node | None = None) -> str:
        """The text of a single-valued property; empty where there is none."""
        return str(next(iter(self.graph.objects(node or self.node, rdflib.URIRef(predicate))), ""))

    def linked(self, predicate: str) -> list[tuple[str, str]]:
        """Name and IRI of what a property leads to."""
        return [(self.name(node), str(node)) for node in self.all(predicate)]

    def statements(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Property by property: its IRI, and text and IRI (or nothing) of each value, by name."""
        table = []
        for predicate in sorted(set(map(str, self.graph.predicates(self.node)))):
            values = []
            for value in self.all(predicate):
                if isinstance(value, rdflib.URIRef):
                    values.append((self.name(value), str(value)))
                else:
                    tag = f" ({value.language})" if isinstance(value, rdflib.Literal) and value.language else ""
                    values.append((f"{value}{tag}", ""))
            table.append((predicate, values))
        return table


def _numbered(value: rdflib.term.Node) -> bool:
    return str(value).rpartition("/")[2].isdigit()
