"""Write the dumps and tables of a graph, as a build does."""

from __future__ import annotations

from pathlib import Path

from cybilgraph.model.vocabulary import BASE
from cybilgraph.rdf.dumps import DumpWriter, TableNames, write_tables
from cybilgraph.release.chunks import process_chunks
from cybilgraph.runtime.parallel import ProcessPool

VERSION = f"{BASE}graph/x/1"


def write_dumps(graph: Path, folder: Path) -> None:
    with (
        ProcessPool() as team,
        DumpWriter(folder) as files,
        TableNames() as names,
    ):
        pieces = list(process_chunks(graph, team, dumps=True))
        for chunk in pieces:
            files.add(chunk.dumps)
            names.put(chunk.entries[1])
        write_tables((chunk.rows for chunk in pieces), names, folder)
