"""A linked-data knowledge graph of cyber capacity-building projects.

>>> from cybilgraph import read, to_graph, check
>>> [record] = read("data/records/belize-G0020.txt")
>>> record.code.text
'G0020'
>>> len(to_graph(record)) > 50
True
>>> check("data/records/belize-G0020.txt").conforms
True
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cybilgraph.version import __version__

if TYPE_CHECKING:
    import rdflib

    from cybilgraph.model.record import Record
    from cybilgraph.pipeline import check, read
    from cybilgraph.release.open_graph import open_graph as open  # noqa: A004

__all__ = ["__version__", "check", "open", "read", "to_graph"]


def to_graph(records: Record | Iterable[Record]) -> rdflib.Graph:
    """Return the triples of one or several records, as an rdflib graph with our prefixes bound."""
    import rdflib

    from cybilgraph.model.record import Record
    from cybilgraph.model.vocabulary import PREFIXES
    from cybilgraph.rdf.description import describe
    from cybilgraph.rdf.rdflib_graph import graph_of

    graph = rdflib.Graph(bind_namespaces="none")
    for prefix, namespace in PREFIXES.items():
        graph.bind(prefix, namespace)
    for record in [records] if isinstance(records, Record) else records:
        graph += graph_of("\n".join(describe(record)))
    return graph


def __getattr__(name: str) -> object:
    # Imported when asked for: `cybilgraph --help` must not wait for the engines.
    if name in ("check", "read"):
        from cybilgraph import pipeline

        return getattr(pipeline, name)
    if name == "open":
        from cybilgraph.release.open_graph import open_graph

        return open_graph
    raise AttributeError(name)
