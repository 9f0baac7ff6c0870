"""``cybilgraph harvest``: keep a copy of a site's graph up to date."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import Command
from cybilgraph.model.formats import GRAPH_FORMATS


@click.command(cls=Command)
@click.argument("url", metavar="URL")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the copy.")
@click.option(
    "-f", "--format", "formats", type=click.Choice([fmt.name for fmt in GRAPH_FORMATS]), multiple=True,
    help="Also write the graph in this format. May be repeated.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Maximum seconds without data."
)
@click.option("--attempts", type=click.IntRange(1), default=6, show_default=True, help="Maximum tries per request.")
@click.option(
    "--allow-host", "hosts", metavar="HOST[:PORT]", multiple=True,
    help="Also follow redirects to this host. May be repeated.",
)  # fmt: skip
@click.option(
    "--max-gigabytes", type=click.FloatRange(0, min_open=True), default=100.0, show_default=True,
    help="Refuse a larger graph, compressed or not.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
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
    """Keep a copy of the graph at URL: download it once, then apply only the changes.

    The copy is DIR/graph.nq (sorted N-Quads). Checksums verify it after each step, and it is
    replaced atomically. The exit code is 0 if the copy equals the site's graph, and 2 if the
    harvest failed; the previous copy then stays in place.

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
