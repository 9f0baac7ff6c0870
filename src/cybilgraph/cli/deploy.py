"""``cybilgraph deploy`` and ``sizing``: configuration for permanent operation, and the resources it needs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from cybilgraph.cli.common import FOLDER, Command, CommandGroup
from cybilgraph.web.server.settings import Settings

_TEMPLATES = Path(__file__).with_name("deployment")
#: The service manager waits a little longer than the server waits for requests in progress.
_STOP_SECONDS = Settings().stop_seconds + 10


@click.group(cls=CommandGroup)
def deploy() -> None:
    """Print the configuration for running `cybilgraph serve` as a service.

    \b
    Example:
      cybilgraph deploy systemd /srv/releases
    """


@deploy.command()
@FOLDER
def systemd(folder: Path) -> None:
    """Print a systemd unit that serves the releases in DIR.

    \b
    Example:
      cybilgraph deploy systemd /srv/releases > /etc/systemd/system/cybilgraph.service
      systemctl enable --now cybilgraph
    """
    program = Path(sys.executable).with_name("cybilgraph")
    quoted = {"program": _quoted(program), "folder": _quoted(folder.resolve())}
    click.echo(_template("cybilgraph.service").format(**quoted, stop=_STOP_SECONDS), nl=False)


def _quoted(path: Path) -> str:
    """Quote a path as one word of a systemd command line without variable expansion.

    Sources: systemd.syntax(7), systemd.unit(5), systemd.service(5).
    """

    def escaped(char: str) -> str:
        if char == "%":
            return "%%"
        if char in '\\"':
            return f"\\{char}"
        # A line break would end the setting, and systemd rejects a unit that is not UTF-8.
        return char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))

    return f'"{"".join(map(escaped, str(path)))}"'


@deploy.command()
def container() -> None:
    """Print a Containerfile that builds an image from the source folder."""
    click.echo(_template("Containerfile").format(stop=_STOP_SECONDS), nl=False)


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


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
