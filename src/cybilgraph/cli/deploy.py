"""What lets the server run on a machine of its own: a unit of systemd, a Containerfile."""

from __future__ import annotations

import os
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
    quoted = {"program": _quoted(program), "folder": _quoted(folder.resolve())}
    click.echo(_template("cybilgraph.service").format(**quoted, stop=_STOP), nl=False)


def _quoted(path: Path) -> str:
    """A path as one word of a command line of systemd in which variables are not replaced (systemd.syntax(7),
    systemd.unit(5), systemd.service(5)).
    """

    def escaped(char: str) -> str:
        if char == "%":
            return "%%"
        if char in '\\"':
            return f"\\{char}"
        # The end of a line would end the setting, and what is no UTF-8 would end the unit.
        return char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))

    return f'"{"".join(map(escaped, str(path)))}"'


@deploy.command()
def container() -> None:
    """Print a Containerfile that makes an image of the source folder."""
    click.echo(_template("Containerfile").format(stop=_STOP), nl=False)


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
