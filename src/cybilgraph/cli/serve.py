"""A release over HTTP."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cybilgraph.cli.frame import Command
from cybilgraph.ntriples import is_iri


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen at.")
@click.option(
    "--suggestions", type=click.Path(file_okay=False, path_type=Path), help="Take suggested edits, and keep them here."
)
@click.option(
    "--rate", type=click.IntRange(1), default=240, show_default=True, help="Records a minute that one client may check."
)
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="URL",
    help="An endpoint that queries may call with SERVICE; may be repeated. Without it, none.",
)
def serve(folder: Path, host: str, port: int, suggestions: Path | None, rate: int, services: tuple[str, ...]) -> None:
    """Serve the current release of DIR: pages, data, a SPARQL endpoint and the check of records, until stopped.

    \b
    Example:
      cybilgraph serve build/releases --port 8000
      curl 'http://127.0.0.1:8000/sparql' --data-urlencode 'query=ASK { ?s ?p ?o }'
    """
    from cybilgraph.web import server

    for service in services:
        if not re.fullmatch(r"https?://[!-~]+", service) or not is_iri(service):
            raise click.BadParameter(f"{service!r} is no absolute web address", param_hint="--service")
    server.serve(
        *(folder, host, port),
        announce=lambda text: click.echo(text),
        suggestions=suggestions,
        rate=rate,
        services=frozenset(services),
    )
