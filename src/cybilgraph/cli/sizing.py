"""``cybilgraph sizing``: estimate the resources that a number of records needs."""

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
    help="Number of records. May be repeated.",
)
@click.option(
    "--processors", type=click.IntRange(1, 100_000), default=8, show_default=True, help="Processors used for the build."
)
def sizing(counts: tuple[int, ...], processors: int) -> None:
    """Estimate disk space, memory and time for a number of records, from measurements.

    Figures beyond the measured sizes are linear extrapolations, not guarantees.

    \b
    Example:
      cybilgraph sizing --records 50000 --processors 4
    """
    from cybilgraph.release.capacity import describe_needs, load_capacity_model

    for line in describe_needs(load_capacity_model(), counts, processors):
        click.echo(line)
