"""What so many records need."""

from __future__ import annotations

import click

from cybilgraph.cli.common import Command


@click.command(cls=Command)
@click.option(
    "--records",
    "counts",
    multiple=True,
    type=click.IntRange(1, 10**12),
    default=(10_000, 1_000_000, 100_000_000),
    help="So many records; may be given several times.",
)
@click.option(
    "--processors", type=click.IntRange(1, 100_000), default=8, show_default=True, help="Processors that build."
)
def sizing(counts: tuple[int, ...], processors: int) -> None:
    """Work out from measured figures what records need: disk, memory and time.

    What lies beyond the measurements is a straight line, and no promise.

    \b
    Example:
      cybilgraph sizing --records 50000 --processors 4
    """
    from cybilgraph.release.capacity import describe_needs
    from cybilgraph.release.capacity import load_capacity_model as figures

    for line in describe_needs(figures(), counts, processors):
        click.echo(line)
