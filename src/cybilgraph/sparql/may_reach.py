"""Derives the countries that each project may reach (cyb:mayReach), with the example query for one country."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyoxigraph as ox

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.vocabulary import CYB, thing_iri
from cybilgraph.rdf.dumps import open_gzip
from cybilgraph.sparql.queries import Query, load_query


def describe_may_reach(store: ox.Store) -> Iterator[bytes]:
    """Yield a line of N-Triples for each project and country, country by country."""
    query = _query_without_names()
    for key in sorted(load_gazetteer().entries["country"]):
        country = thing_iri("country", key)
        rows: Any = store.query(query.bind({"country": [country]}))
        for project in sorted({str(row["project"]) for row in rows}):
            yield f"{project} <{CYB.mayReach}> <{country}> .\n".encode()


def write_may_reach(store: Path, path: Path) -> int:
    """Write these lines for the store in a folder to a new gzip file; return their number. Raises OSError."""
    count = 0
    with open_gzip(path) as output:
        for line in describe_may_reach(ox.Store.read_only(str(store))):
            output.write(line)
            count += 1
    return count


def _query_without_names() -> Query:
    """Return the example query without the names of places and projects, which take most of its time."""
    example = load_query("example-may-reach")
    prologue, _, rest = example.text.partition("SELECT ")
    pattern = rest.partition("WHERE {")[2].partition("?place skos:prefLabel")[0]
    return replace(example, text=f"{prologue}SELECT ?project WHERE {{{pattern}}}")
