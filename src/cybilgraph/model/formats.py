"""The table of RDF and SPARQL result formats: names, media types and file suffixes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class FormatKind(StrEnum):
    """What a format can represent."""

    GRAPH = "graph"  # triples: CONSTRUCT, DESCRIBE, dumps, page data
    DATASET = "dataset"  # also quads
    RESULTS = "results"  # SELECT solutions and ASK booleans


@dataclass(frozen=True, slots=True, eq=False)  # the rows of the table below are unique
class Format:
    """One serialisation format.

    We send ``media_types[0]`` and accept the others. ``iri`` identifies the format in service descriptions.
    ``also`` are other values of ``format=`` that clients use: "json" requests JSON for whatever the query
    returns, results or a graph.
    """

    name: str
    kind: FormatKind
    media_types: tuple[str, ...]
    suffix: str
    title: str
    iri: str
    also: tuple[str, ...] = ()

    @property
    def media_type(self) -> str:
        """The preferred media type, without parameters."""
        return self.media_types[0]

    @property
    def content_type(self) -> str:
        """The value of Content-Type, with the character set for text types."""
        return f"{self.media_type}; charset=utf-8" if self.media_type.startswith("text/") else self.media_type

    @property
    def carries_graph(self) -> bool:
        """Whether the format can represent triples."""
        return self.kind is not FormatKind.RESULTS


_W3C = "http://www.w3.org/ns/formats/"  # W3C unique IRIs for file formats
#: In order of preference: the first format of a kind is the default.
FORMATS = (
    Format(
        "turtle", FormatKind.GRAPH, ("text/turtle", "application/x-turtle"), "ttl", "Turtle", f"{_W3C}Turtle", ("n3",)
    ),
    Format(
        "ntriples", FormatKind.GRAPH, ("application/n-triples", "text/plain"), "nt", "N-Triples", f"{_W3C}N-Triples"
    ),
    Format(
        "jsonld",
        FormatKind.DATASET,
        ("application/ld+json",),
        "jsonld",
        "JSON-LD",
        f"{_W3C}JSON-LD",
        ("json", "json-ld"),
    ),
    Format(
        "rdfxml",
        FormatKind.GRAPH,
        ("application/rdf+xml",),
        "rdf",
        "RDF/XML",
        f"{_W3C}RDF_XML",
        ("xml", "rdf", "rdf+xml"),
    ),
    Format("nquads", FormatKind.DATASET, ("application/n-quads", "text/x-nquads"), "nq", "N-Quads", f"{_W3C}N-Quads"),
    Format("trig", FormatKind.DATASET, ("application/trig", "application/x-trig"), "trig", "TriG", f"{_W3C}TriG"),
    Format(
        "json",
        FormatKind.RESULTS,
        ("application/sparql-results+json", "application/json"),
        "srj",
        "JSON",
        f"{_W3C}SPARQL_Results_JSON",
    ),
    Format(
        "xml",
        FormatKind.RESULTS,
        ("application/sparql-results+xml", "application/xml", "text/xml"),
        "srx",
        "XML",
        f"{_W3C}SPARQL_Results_XML",
    ),
    Format("csv", FormatKind.RESULTS, ("text/csv",), "csv", "CSV", f"{_W3C}SPARQL_Results_CSV"),
    Format("tsv", FormatKind.RESULTS, ("text/tab-separated-values",), "tsv", "TSV", f"{_W3C}SPARQL_Results_TSV"),
)

BY_NAME = {fmt.name: fmt for fmt in FORMATS}
GRAPH_FORMATS = tuple(fmt for fmt in FORMATS if fmt.carries_graph)
RESULT_FORMATS = tuple(fmt for fmt in FORMATS if not fmt.carries_graph)


def find_formats(name: str) -> tuple[Format, ...]:
    """Return the formats that a client may mean by a value of ``format=``.

    The value is our name, a file suffix, a media type, or a name used by SPARQL clients. The result is empty
    for an unknown name.
    """
    name = name.strip().lower()
    return tuple(fmt for fmt in FORMATS if name in (fmt.name, fmt.suffix, *fmt.media_types, *fmt.also))


class TableFormat(NamedTuple):
    """A format of the tables, networks and maps of a release."""

    title: str
    media_type: str


#: By suffix. Pages and descriptions of a release list its files in these formats.
TABLE_FORMATS = {
    "csv": TableFormat("CSV", BY_NAME["csv"].media_type),
    "parquet": TableFormat("Parquet", "application/vnd.apache.parquet"),
    "graphml": TableFormat("GraphML", "application/xml"),
    "gexf": TableFormat("GEXF", "application/xml"),
    "geojson": TableFormat("GeoJSON", "application/geo+json"),  # RFC 7946
}
#: Media types of files by suffix. A compressed file is sent under the type of the compression, to be saved as it is.
_MEDIA_TYPES = {
    "gz": "application/gzip",  # RFC 6713
    "zst": "application/zstd",  # RFC 8878
    "json": "application/json",
    "xml": "application/xml",
    **{suffix: fmt.media_type for suffix, fmt in TABLE_FORMATS.items()},
    **{fmt.suffix: fmt.content_type for fmt in FORMATS},
}


def media_type_of(name: str) -> str:
    """Return the Content-Type of a file by its name."""
    return _MEDIA_TYPES.get(name.rpartition(".")[2], "text/plain; charset=utf-8")
