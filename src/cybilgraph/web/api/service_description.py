"""The description of the endpoint's capabilities (SPARQL 1.1 Service Description)."""

from __future__ import annotations

import io
from collections.abc import Iterator

from cybilgraph.model.formats import FORMATS, Format
from cybilgraph.model.vocabulary import RDF, RDFS, SD, VOID, XSD
from cybilgraph.rdf.ntriples import iri, literal
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.release import Release


def description(address: str, release: Release, fmt: Format, *, federated: bool) -> bytes:
    """Describe the service at a URL and its dataset; ``federated`` means that it supports SERVICE."""
    output = io.BytesIO()
    serialise([f"{line} .\n".encode() for line in _statements(address, release, federated=federated)], fmt, output)
    return output.getvalue()


def _statements(address: str, release: Release, *, federated: bool) -> Iterator[str]:
    service, dataset, graph = iri(address), iri(f"{address}#dataset"), iri(f"{address}#default-graph")
    yield f"{service} {iri(RDF.type)} {iri(SD.Service)}"
    yield f"{service} {iri(SD.endpoint)} {service}"
    yield f"{service} {iri(SD.supportedLanguage)} {iri(SD.SPARQL11Query)}"
    if federated:
        yield f"{service} {iri(SD.feature)} {iri(SD.BasicFederatedQuery)}"
    for fmt in FORMATS:
        yield f"{service} {iri(SD.resultFormat)} {iri(fmt.iri)}"
    yield f"{service} {iri(SD.defaultDataset)} {dataset}"
    yield f"{dataset} {iri(RDF.type)} {iri(SD.Dataset)}"
    yield f"{dataset} {iri(SD.defaultGraph)} {graph}"
    yield f"{graph} {iri(RDF.type)} {iri(SD.Graph)}"
    yield f"{dataset} {iri(RDFS.seeAlso)} {iri(address.removesuffix('sparql') + '.well-known/void')}"
    yield f"{dataset} {iri(VOID.triples)} {literal(str(release.manifest['counts']['quads']), datatype=XSD.integer)}"
