"""``cybilgraph actors``: a deployment's own organisations."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import ANY_FOLDER, CommandGroup, print_safely

_INTO = click.option(
    "--reference", "folder", type=ANY_FOLDER, required=True, metavar="DIR",
    help="Folder of your own reference data; the row goes into its actors.csv.",
)  # fmt: skip


@click.group(cls=CommandGroup)
def actors() -> None:
    """Add organisations to your own reference data, and merge them.

    You maintain the folder; "build --reference DIR" and "check --reference DIR" use it in addition to our data.

    \b
    Example:
      cybilgraph actors merge "ICT Authority" "Communications Authority" --reference data/own
    """


@actors.command()
@click.argument("name")
@click.option("--type", "type_", required=True, metavar="TYPE", help="Key or name of its type, for example government.")
@click.option("--country", default="", metavar="COUNTRY", help="Country of its seat, by name or two-letter code.")
@click.option("--parent", default="", metavar="ACTOR", help="Key or name of the organisation that it is a part of.")
@click.option("--homepage", default="", metavar="URL", help="Its website.")
@click.option("--alias", "aliases", multiple=True, metavar="NAME", help="Another name. May be repeated.")
@_INTO
def add(
    name: str, type_: str, country: str, parent: str, homepage: str, aliases: tuple[str, ...], folder: Path
) -> None:
    """Add an organisation that is not in the reference data.

    It keeps the IRI that its name already has in records.

    \b
    Example:
      cybilgraph actors add "Bula Cyber Trust" --type civil-society --country FJ --reference data/own
    """
    from cybilgraph.model.own_actors import NewActor, add_actor

    entry = add_actor(folder, NewActor(name, type_, country, parent, homepage, aliases))
    print_safely(f"Added {entry.key} to {folder / 'actors.csv'}. The next build with --reference {folder} uses it.")


@actors.command()
@click.argument("old")
@click.argument("new")
@click.option("--unlisted", is_flag=True, help="OLD is a name that appears only in records, not in the reference data.")
@_INTO
def merge(old: str, new: str, unlisted: bool, folder: Path) -> None:
    """Record that OLD is the same organisation as NEW. Give each by key or name.

    Projects of OLD become projects of NEW, whose names include those of OLD. The IRI of OLD redirects to that of NEW.

    \b
    Example:
      cybilgraph actors merge "Bula Cyber Trust" gfce --reference data/own
    """
    from cybilgraph.model.own_actors import merge_actors

    entry = merge_actors(folder, old, new, unlisted)
    print_safely(f"Merged {old} into {entry.key} in {folder / 'actors.csv'}. The next build with --reference uses it.")
