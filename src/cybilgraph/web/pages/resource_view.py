"""A resource as pages show it: its statements, with the labels of the resources they link to."""

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
from cybilgraph.web.api.negotiation import negotiate_rdf

#: The longest title in lists, charts and headings, in characters.
_MAX_TITLE_CHARS = 200
_LABELS = (SKOS.prefLabel, rdflib.URIRef(DCTERMS.title), rdflib.URIRef(RDFS.label))


def page_path(iri: str) -> str:
    """Return the link target of an IRI.

    IRIs of this graph lead to their page on this site, in the release that the request is pinned to; other web
    addresses lead to themselves. Returns "" if the IRI is not a web address.
    """
    if iri.startswith(f"{BASE}ontology#"):
        return f"{url_for('ontology.page')}#{iri.rpartition('#')[2]}"
    if iri.startswith(BASE):
        pinned = f"?release={g.pinned}" if "pinned" in g else ""
        return f"{request.script_root}/{iri.removeprefix(BASE)}{pinned}"
    return iri if iri.startswith(("https://", "http://", "mailto:")) else ""


def shorten_title(text: str) -> str:
    """Shorten a title for lists, charts and headings; a shortened title ends in an ellipsis."""
    return text if len(text) <= _MAX_TITLE_CHARS else f"{text[: _MAX_TITLE_CHARS - 1].rstrip()}…"


def table_response(rows: Iterable[Iterable[str]]) -> Response:
    """Return rows, column names first, as CSV (RFC 4180) that is safe to open in a spreadsheet program."""
    text = io.StringIO()
    csv.writer(text).writerows(map(escape_formula, row) for row in rows)
    return Response(text.getvalue(), content_type=BY_NAME["csv"].content_type)


def negotiated_format(suffix: str) -> Format | None:
    """Return the RDF format that this request wants, as ``negotiate_rdf`` does; None means the page."""
    return negotiate_rdf(suffix, request.headers.get("Accept", ""), request.args.get("format", ""))


def rdf_response(lines: Iterable[str], fmt: Format) -> Response:
    """Return lines of N-Triples as a response in an RDF format."""
    output = io.BytesIO()
    serialise([f"{line}\n".encode() for line in lines], fmt, output)
    return Response(output.getvalue(), content_type=fmt.content_type)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource in a graph of the statements around it."""

    graph: rdflib.Graph
    node: rdflib.URIRef

    @property
    def iri(self) -> str:
        """Its IRI."""
        return str(self.node)

    @property
    def label(self) -> str:
        """Its label."""
        return self.name(self.node)

    def name(self, node: rdflib.term.Node) -> str:
        """Return the English label of a node, else any label, else its IRI as a prefixed name."""
        for predicate in _LABELS:
            found = [value for value in self.graph.objects(node, predicate) if isinstance(value, rdflib.Literal)]
            for value in sorted(found, key=lambda value: (value.language != "en", value)):
                return str(value)
        return shorten(str(node))

    def all(self, predicate: str, node: rdflib.term.Node | None = None) -> list[rdflib.term.Node]:
        """Return the objects of a property, ordered by number if their IRIs end in one, else by label."""

        def order(value: rdflib.term.Node) -> tuple[int, str]:
            is_numbered = str(value).rpartition("/")[2].isdigit()
            return (len(str(value)), str(value)) if is_numbered else (0, self.name(value))

        return sorted(self.graph.objects(node or self.node, rdflib.URIRef(predicate)), key=order)

    def one(self, predicate: str) -> str:
        """Return the text of a single-valued property; empty if it has no value."""
        return self.text(self.node, predicate)

    def text(self, node: rdflib.term.Node | None, predicate: str) -> str:
        """Return the text of a single-valued property of a node; empty if there is no node or it has no value."""
        return str(next(iter(self.graph.objects(node, rdflib.URIRef(predicate))), "")) if node else ""

    def linked(self, predicate: str) -> list[tuple[str, str]]:
        """Return label and IRI of each object of a property."""
        return [(self.name(node), str(node)) for node in self.all(predicate)]

    def statements(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return the IRI of each property, with text and IRI (or "") of each of its values, sorted."""
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
