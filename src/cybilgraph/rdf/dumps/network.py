"""Write the network of projects, organisations and places for graph software: as GraphML and as GEXF.

Both files have the rows of the tables ``network-nodes`` and ``network-edges``, and are written row by row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from cybilgraph.rdf.serialisation import to_xml_text

#: The columns of a node and of an edge that identify it, and those that GEXF has attributes of its own for.
_IDENTIFYING = ("node", "source", "target")
_OF_GEXF = ("label", "start", "end")
#: The attributes of nodes and edges that are numbers; the others are text.
_NUMBERS = {"confidence": "double"}

Row = Mapping[str, str]


def write_graphml(nodes: Path, edges: Path, output: Path) -> None:
    """Write a network as GraphML (graphml.graphdrawing.org, specification of 2007). Raises OSError.

    ``nodes`` and ``edges`` are the two tables as CSV; empty cells are left out.
    """
    with output.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for path, element in ((nodes, "node"), (edges, "edge")):
            for name in _columns(path):
                kind = _NUMBERS.get(name, "string")
                file.write(f'<key id="{element}-{name}" for="{element}" attr.name="{name}" attr.type="{kind}"/>\n')
        file.write('<graph edgedefault="directed">\n')
        for node in _rows(nodes):
            file.write(f"<node id={_quoted(node['node'])}>{_data('node', node)}</node>\n")
        for number, edge in enumerate(_rows(edges)):
            file.write(f'<edge id="{number}"{_ends(edge)}>{_data("edge", edge)}</edge>\n')
        file.write("</graph>\n</graphml>\n")


def write_gexf(nodes: Path, edges: Path, output: Path) -> None:
    """Write a network as GEXF 1.3 (gexf.net), whose nodes and edges have a start and an end. Raises OSError.

    ``nodes`` and ``edges`` are the two tables as CSV; empty cells are left out.
    """
    with output.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<gexf xmlns="http://gexf.net/1.3" version="1.3">\n')
        file.write('<graph defaultedgetype="directed" mode="dynamic" timeformat="date">\n')
        for path, element in ((nodes, "node"), (edges, "edge")):
            # "dynamic" would mean attributes whose values change over time.
            file.write(f'<attributes class="{element}" mode="static">\n')
            for name in _columns(path, _OF_GEXF):
                file.write(f'<attribute id="{name}" title="{name}" type="{_NUMBERS.get(name, "string")}"/>\n')
            file.write("</attributes>\n")
        file.write("<nodes>\n")
        for node in _rows(nodes):
            name = f"id={_quoted(node['node'])} label={_quoted(node['label'])}"
            file.write(f"<node {name}{_period(node)}>{_values(node)}</node>\n")
        file.write("</nodes>\n<edges>\n")
        for number, edge in enumerate(_rows(edges)):
            file.write(f'<edge id="{number}"{_ends(edge)}{_period(edge)}>{_values(edge)}</edge>\n')
        file.write("</edges>\n</graph>\n</gexf>\n")


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _columns(path: Path, without: tuple[str, ...] = ()) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [name for name in next(csv.reader(file)) if name not in (*_IDENTIFYING, *without)]


def _given(row: Row, without: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in row.items() if value and name not in (*_IDENTIFYING, *without))


def _ends(edge: Row) -> str:
    return f" source={_quoted(edge['source'])} target={_quoted(edge['target'])}"


def _data(element: str, row: Row) -> str:
    return "".join(f'<data key="{element}-{name}">{escape(to_xml_text(value))}</data>' for name, value in _given(row))


def _values(row: Row) -> str:
    values = (f'<attvalue for="{name}" value={_quoted(value)}/>' for name, value in _given(row, _OF_GEXF))
    return f"<attvalues>{''.join(values)}</attvalues>"


def _period(row: Row) -> str:
    return "".join(f' {name}="{row[name]}"' for name in ("start", "end") if row[name])


def _quoted(text: str) -> str:
    return quoteattr(to_xml_text(text))
