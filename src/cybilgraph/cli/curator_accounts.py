"""``cybilgraph curators``: manage who may log in to the curator area of the site."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cybilgraph.cli.common import CommandGroup, print_safely


@click.group(cls=CommandGroup)
def curators() -> None:
    """Manage the logins of curators.

    They can log in to a site started with "serve --curators FILE".

    \b
    Example:
      cybilgraph curators add Ana --curators curators.json
    """


_NAME = click.argument("name", metavar="NAME")
_FILE = click.option(
    "--curators",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="File with the curators and the hashes of their passwords.",
)


@curators.command()
@_NAME
@_FILE
def add(name: str, file: Path) -> None:
    """Add a curator, or change a curator's password.

    Asks for the password, or reads it from the first line of standard input. The curator's name is published with each
    decision. A running server applies the change immediately; changing a password ends the curator's sessions.

    \b
    Example:
      cybilgraph curators add Ana --curators curators.json
    """
    from cybilgraph.web.curator_logins import MIN_PASSWORD_CHARS, CuratorFile

    if sys.stdin.isatty():
        words = f"Password (at least {MIN_PASSWORD_CHARS} characters)"
        password = click.prompt(words, hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    CuratorFile(file).add(name, password)
    print_safely(f"{name} can log in with this password.")


@curators.command()
@_NAME
@_FILE
def remove(name: str, file: Path) -> None:
    """Remove a curator and end their sessions. Their decisions stay.

    \b
    Example:
      cybilgraph curators remove Ana --curators curators.json
    """
    from cybilgraph.web.curator_logins import CuratorFile

    CuratorFile(file).remove(name)
    print_safely(f"{name} can no longer log in.")


@curators.command("list")
@_FILE
def list_curators(file: Path) -> None:
    """List the curators.

    \b
    Example:
      cybilgraph curators list --curators curators.json
    """
    from cybilgraph.web.curator_logins import CuratorFile

    for name in sorted(CuratorFile(file).read()):
        print_safely(name)
