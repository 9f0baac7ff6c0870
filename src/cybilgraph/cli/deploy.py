"""What lets the server run on a machine of its own: a unit of systemd, a Containerfile."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cybilgraph.cli.frame import Group
from cybilgraph.settings import Settings

_TEMPLATES = Path(__file__).with_name("deployment")
#: Who stops the server gives it some seconds more than it gives to what is in work.
_STOP = Settings().stop_seconds + 10


@click.group(cls=Group)
def deploy() -> None:
    """Print what is needed to run `cybilgraph serve` for good.

    \b
    Example:
      cybilgraph deploy systemd /srv/releases
    """


@deploy.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def systemd(folder: Path) -> None:
    """Print a unit of systemd that serves the releases of DIR.

    \b
    Example:
      cybilgraph deploy systemd /srv/releases > /etc/systemd/system/cybilgraph.service
      systemctl enable --now cybilgraph
    """
    program = Path(sys.executable).with_name("cybilgraph")
    # A percent sign and a dollar have a meaning of their own in a unit (systemd.unit(5), systemd.service(5)).
    quoted = str(folder.resolve()).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    click.echo(_template("cybilgraph.service").format(program=program, folder=quoted, stop=_STOP), nl=False)


@deploy.command()
def container() -> None:
    """Print a Containerfile that makes an image of the source folder."""
    click.echo(_template("Containerfile").format(stop=_STOP), nl=False)


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
