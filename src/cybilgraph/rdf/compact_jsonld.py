"""Compact JSON-LD (JSON-LD 1.1, section 4.1), in which the terms of our ontology are short keys."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from rdflib import OWL, RDF, RDFS, XSD, Graph, URIRef

from cybilgraph.model.resources import read_ontology
from cybilgraph.model.vocabulary import BASE, CYB, PREFIXES
from cybilgraph.rdf.rdflib_graph import graph_of

#: The datatypes that JSON has as well, or that are the default.
_NATIVE = {XSD.string, XSD.integer, XSD.boolean}


@cache
def compact_context() -> dict[str, Any]:
    """Return the JSON-LD context: prefixes of other vocabularies, and the terms of our ontology by their names.

    Values of our properties are plain strings if they are resources, or if all have the same datatype.
    """
    ontology = Graph().parse(data=read_ontology(), format="turtle")
    context: dict[str, Any] = {"id": "@id", "type": "@type"}
    context |= {prefix: iri for prefix, iri in PREFIXES.items() if iri == CYB.iri or not _is_of_resources(iri)}
    for name in sorted(CYB.terms):
        kinds = set(ontology.objects(URIRef(CYB.iri + name), RDF.type))
        ranges = {URIRef(str(one)) for one in ontology.objects(URIRef(CYB.iri + name), RDFS.range)}
        if OWL.ObjectProperty in kinds:
            context[name] = {"@id": f"cyb:{name}", "@type": "@id"}
        elif len(ranges) == 1 and (datatype := min(ranges)).startswith(str(XSD)) and datatype not in _NATIVE:
            context[name] = {"@id": f"cyb:{name}", "@type": f"xsd:{datatype.fragment}"}
        else:
            context[name] = f"cyb:{name}"
    return context


def _is_of_resources(namespace: str) -> bool:
    """Return whether a namespace contains resources; their prefixes are names of our properties, such as country."""
    return "/id/" in namespace or namespace.endswith("/record/") or namespace.startswith(BASE)


def write_compact_jsonld(ntriples: bytes, context_url: str, first: str) -> bytes:
    """Return triples as compact JSON-LD that refers to its context, with the resource ``first`` at the beginning."""
    found = json.loads(graph_of(ntriples).serialize(format="json-ld", context=compact_context()))
    nodes = found.get("@graph", [found])
    nodes = sorted(map(_sorted, nodes), key=lambda node: (node["id"] != first, node["id"]))
    document = {"@context": context_url, "@graph": nodes}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _sorted(node: dict[str, Any]) -> dict[str, Any]:
    """Return a node with its keys and their values in a fixed order, beginning with id and type."""
    ordered = sorted(node.items(), key=lambda item: (item[0] not in ("id", "type"), item[0]))
    return {
        key: sorted(value, key=json.dumps) if isinstance(value, list) else value
        for key, value in ordered
        if key != "@context"
    }
