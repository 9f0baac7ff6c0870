"""Write the dumps and tables of a graph, as a build does."""

from __future__ import annotations

from pathlib import Path

from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.dumps import open_dumps
from cybilgraph.rdf.dumps.tables import TableNames, write_tables
from cybilgraph.release.draft import process_chunk
from cybilgraph.release.graph_file import read_graph
from cybilgraph.runtime.parallel import ProcessPool

VERSION = f"{BASE}graph/x/1"


def write_dumps(graph: Path, folder: Path) -> None:
    with (
        ProcessPool() as team,
        open_dumps(folder) as add,
        TableNames() as names,
    ):
        items = ((chunk, {}) for chunk in read_graph(graph))
        pieces = [piece for _, piece in team.map_ahead(process_chunk, items, {}, True, BASE)]
        for chunk in pieces:
            add(chunk.dumps)
            names.put(chunk.entries[1])
        write_tables((chunk.rows for chunk in pieces), names, folder)
