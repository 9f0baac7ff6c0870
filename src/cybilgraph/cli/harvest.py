"""A partner's copy of a site's graph."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import Command
from cybilgraph.model.formats import GRAPH_FORMATS


@click.command(cls=Command)
@click.argument("url", metavar="URL")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the copy.")
@click.option(
    "-f", "--format", "formats", type=click.Choice([fmt.name for fmt in GRAPH_FORMATS]), multiple=True,
    help="Write the graph in this format, too. May be repeated.",
)  # fmt: skip
@click.option("--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds without a byte.")
@click.option("--attempts", type=click.IntRange(1), default=6, show_default=True, help="How often to ask at most.")
@click.option(
    "--allow-host", "hosts", metavar="HOST[:PORT]", multiple=True,
    help="Follow redirects to this host, too. May be repeated.",
)  # fmt: skip
@click.option(
    "--max-gigabytes", type=click.FloatRange(0, min_open=True), default=100.0, show_default=True,
    help="Refuse a graph that is larger, packed or unpacked.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say nothing where all is well.")
def harvest(
    url: str,
    into: Path,
    formats: tuple[str, ...],
    timeout: float,
    attempts: int,
    hosts: tuple[str, ...],
    max_gigabytes: float,
    quiet: bool,
) -> None:
    """Keep a copy of the graph of the site at URL: first the whole, then only what has changed.

    The copy is DIR/graph.nq (sorted N-Quads). It is proven by checksums after each step, and
    replaced in one step. The exit code is 0 where it is equal to the site's, 2 where it could not
    be had: then the copy is the one of before.

    \b
    Examples:
      cybilgraph harvest https://example.org --into copy
      17 4 * * *  cybilgraph harvest https://example.org --into /srv/copy --quiet
    """
    from cybilgraph.sync.fetch import Limits, Site
    from cybilgraph.sync.harvester import harvest as run

    limits = Limits(bytes=int(max_gigabytes * 1e9))
    with Site(url, timeout, attempts, allowed_hosts=hosts, limits=limits) as site:
        done = run(site, into, formats)
    if not quiet:
        click.echo(str(done))
