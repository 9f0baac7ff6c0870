"""The one table of formats: name, media type, file suffix and the engine's own name for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FormatKind(StrEnum):
    """What a format can carry."""

    GRAPH = "graph"  # triples: CONSTRUCT, DESCRIBE, dumps, pages' data twins
    DATASET = "dataset"  # quads as well
    RESULTS = "results"  # solutions of SELECT, the boolean of ASK


@dataclass(frozen=True, slots=True, eq=False)  # each is one of the table below
class Format:
    """One serialisation. ``media_types[0]`` is the one we send; the others are accepted.

    ``iri`` names it in descriptions of services. ``also`` are the words that clients use for it
    in ``format=``: "json" asks for the JSON of whatever the query returns, a table or a graph.
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
        """The registered media type, without parameters."""
        return self.media_types[0]

    @property
    def content_type(self) -> str:
        """The media type as sent, with the character set where the type is text."""
        return f"{self.media_type}; charset=utf-8" if self.media_type.startswith("text/") else self.media_type

    @property
    def carries_graph(self) -> bool:
        """True for formats that can hold triples."""
        return self.kind is not FormatKind.RESULTS


_W3C = "http://www.w3.org/ns/formats/"  # its list of unique IRIs for file formats
#: In order of preference: the first of a kind is the default.
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
    """The formats that a client may mean by a word in ``format=``: our name, how its files end, a media type, or a
    name that SPARQL clients use. Empty where the word is unknown.
    """
    name = name.strip().lower()
    return tuple(fmt for fmt in FORMATS if name in (fmt.name, fmt.suffix, *fmt.media_types, *fmt.also))


#: Of files that are no RDF: by the end of their names. What is packed is sent as that, to be saved as it is.
_MEDIA_TYPES = {
    "gz": "application/gzip",  # RFC 6713
    "zst": "application/zstd",  # RFC 8878
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "xml": "application/xml",
}


def media_type_of(name: str) -> str:
    """The type that a file is sent as, by its name."""
    suffix = name.rpartition(".")[2]
    if suffix in _MEDIA_TYPES:
        return _MEDIA_TYPES[suffix]
    return next((fmt.content_type for fmt in FORMATS if fmt.suffix == suffix), "text/plain; charset=utf-8")
