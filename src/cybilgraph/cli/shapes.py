"""``cybilgraph shapes``: write the shapes for other SHACL engines."""

from __future__ import annotations

from datetime import datetime

import click

from cybilgraph.cli.common import AS_OF, Command, open_output


@click.command(cls=Command)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write to this file instead of standard output.")
@AS_OF
def shapes(output: str | None, as_of: datetime | None) -> None:
    """Write the shapes, with the reference data and the date that they need, as Turtle.

    Any SHACL engine that supports SPARQL constraints reports with them what "check" reports. Its data
    graph must contain the reference data, too: see "convert --reference".

    \b
    Example:
      cybilgraph shapes -o shapes.ttl
    """
    from cybilgraph import pipeline

    with open_output(output) as out:
        out.write(pipeline.shapes_bundle(as_of.date() if as_of else None))
