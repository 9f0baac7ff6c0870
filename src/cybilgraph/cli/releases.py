"""The releases of a folder: which there are, which is served, which are removed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cybilgraph.cli.common import VIOLATIONS, Command
from cybilgraph.errors import ReleaseError
from cybilgraph.model.vocabulary import shorten
from cybilgraph.web.server.settings import ENVIRONMENT_PREFIX

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
#: What has fewer stands in too many words that are nobody's name.
_MIN_NAME_LETTERS = 3
_NUMBER = click.argument("number", metavar="NUMBER", type=click.IntRange(1))


@click.command(cls=Command)
@_FOLDER
@click.option(
    *("-f", "--format", "name"),
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the list.",
)
@click.option("--all", "every", is_flag=True, help="Look at the checksums of all.")
def releases(folder: Path, name: str, *, every: bool) -> None:
    """List the releases in DIR, the newest first; * marks the current one, which is served unless it is damaged.

    Checksums are looked at of the current one, and where they do not hold of those before it, until a sound one is
    found: a server that is started serves that. With --all they are of each.

    \b
    Example:
      cybilgraph releases build/releases
    """
    from cybilgraph.release import Releases

    folder_releases = Releases(folder)
    unnamed = ""
    try:
        current = folder_releases.current_number()
    except ReleaseError as error:
        if not folder_releases.numbers:
            raise
        current, unnamed = 0, f"{error.what}. {error.hint}"
    refused: dict[int, str] = {}
    try:
        served = folder_releases.select_sound(lambda _: None, refused).number
    except ReleaseError:
        served = 0
    rows: list[dict[str, Any]] = []
    for number in reversed(folder_releases.numbers):
        row: dict[str, Any] = {"release": number, "current": number == current, "served": number == served}
        try:
            release = folder_releases.get(number)
            counts = release.manifest["counts"]
            row |= {"created": release.manifest["created"], "bytes": release.size, "counts": counts}
            if every and number not in refused and number != served:
                release.verify()
        except ReleaseError as error:
            refused[number] = error.what
        rows.append(row | ({"damaged": refused[number]} if number in refused else {}))
    if name == "json":
        click.echo(json.dumps(rows, indent=1))
        return
    _print(rows)
    if unnamed:
        click.echo(unnamed, err=True)
    if current in refused:
        start = f"A server that is started serves {served:04d}" if served else "None is sound, and none can be served"
        click.echo(f"{refused[current]}. {start}: build anew, or cybilgraph activate another.", err=True)


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("release", "made", "records", "projects", "statements", "megabytes"):
        table.add_column(title, justify="left" if title in ("release", "made") else "right", no_wrap=True)
    for row in rows:
        sign = f"{row['release']:04d}{' *' if row['current'] else ''}{' damaged' if 'damaged' in row else ''}"
        if "counts" not in row:
            table.add_row(sign.removesuffix(" damaged"), "not whole")
            continue
        counts = row["counts"]
        numbers = (counts["records"], counts["projects"], counts["quads"])
        table.add_row(sign, row["created"], *(f"{number:,}" for number in numbers), f"{row['bytes'] / 1e6:,.1f}")
    # In a pipe nothing is cut: the reader there has no width.
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 1_000).print(table)


@click.command(cls=Command)
@_FOLDER
@_NUMBER
def activate(folder: Path, number: int) -> None:
    """Make release NUMBER the one that is served. One whose checksums do not hold is refused.

    A server that runs serves it a second later.

    \b
    Example:
      cybilgraph activate build/releases 3
    """
    from cybilgraph.release import Releases

    click.echo(_is_current(Releases(folder).activate(number).number))


@click.command(cls=Command)
@_FOLDER
def rollback(folder: Path) -> None:
    """Go back to the newest sound release before the current one.

    Where it is not known which that is, the newest stands for it; where it is gone and no earlier one is sound, the
    next after it becomes current. Both are told.

    \b
    Example:
      cybilgraph rollback build/releases
    """
    from cybilgraph.release import Releases

    click.echo(_is_current(Releases(folder).rollback(lambda line: click.echo(line, err=True)).number))


@click.command(cls=Command)
@_FOLDER
@click.option("--keep", type=click.IntRange(1), required=True, help="So many of the newest stay.")
def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest releases; the current one, and the one that is served, stay in any case.

    \b
    Example:
      cybilgraph prune build/releases --keep 10
    """
    from cybilgraph.release import Releases
    from cybilgraph.sync.changes import prune as run

    gone, freed = run(Releases(folder), keep, lambda line: click.echo(line, err=True))
    if gone:
        names = ", ".join(f"{number:04d}" for number in gone)
        click.echo(f"Removed {names}: {freed / 1e6:,.1f} megabytes are free again.")
    else:
        click.echo("There is nothing to remove.")


@click.command(cls=Command)
@_FOLDER
@click.argument("who", metavar="NAME-OR-EMAIL")
@click.option(
    "--suggestions",
    "queue",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    envvar=f"{ENVIRONMENT_PREFIX}_SUGGESTIONS",
    show_envvar=True,
    help="Folder of suggested edits (serve --suggestions): delete those that name the contact, or its name as sender.",
)
def forget(folder: Path, who: str, queue: Path | None) -> None:
    """Take one contact out of all releases in DIR, their dumps, reports and kept sources, and of all to come.

    Its e-mail address and telephone number are taken out of prose and links, too. Files and checksums of the releases
    that had it are new then. DIR/forgotten remembers keyed hashes of name and address, so that a record that still
    has them does not bring them back. Their key is DIR/forgotten.key: back both up, publish neither. Without the key
    no build starts.
    What partners hold is theirs to remove. Out of reach are also the logs of servers, which may have queries and
    addresses of pages with the name, and caches, which keep a page for a day at most. The exit code is 0 where nothing
    is left, and 1 where the name is still in the prose of a release, or an address or a number in a key, or where a
    release is damaged: each is told.

    \b
    Example:
      cybilgraph forget build/releases jane@example.org
    """
    from cybilgraph.release import Releases
    from cybilgraph.web.suggestions import SuggestionQueue

    if sum(map(str.isalpha, who)) < _MIN_NAME_LETTERS:
        raise click.BadParameter(
            f"it has fewer than {_MIN_NAME_LETTERS} letters. Give the whole.", param_hint="NAME-OR-EMAIL"
        )
    done: dict[str, str] = {}

    def forget_suggestions(mentions: Callable[[str], bool]) -> None:
        if queue:
            done.update(SuggestionQueue(queue).forget(mentions))

    erasures = Releases(folder).erase(who, forget_suggestions)
    if not any(erasure.found or erasure.remaining for erasure in erasures.values()):
        which = "No release that is whole" if any(erasure.damaged for erasure in erasures.values()) else "No release"
        click.echo(f"{which} has this contact. Builds to come will leave it out.")
    for number, erasure in erasures.items():
        if erasure.was_rebuilt:
            why = "without it" if erasure.found else "since its store may have held what it has no more"
            click.echo(f"Release {number:04d} was made anew {why}.")
        if erasure.damaged:
            click.echo(f"{erasure.damaged}: it is left as it is, and may still have the contact.", err=True)
            click.echo(f"Put its good files back, or remove {folder / f'{number:04d}'}, and run this again.", err=True)
        for about in erasure.remaining:
            click.echo(f"Release {number:04d} still has the words in what it says of {shorten(about)}", err=True)
    for name, what in done.items():
        click.echo(f"Suggestion {name}: {what}.")
    unsearched = [] if queue else ["suggested edits (give --suggestions DIR)"]
    unsearched += ["record files", "logs of servers", "backups", "what others have downloaded"]
    click.echo(f"Not searched: {', '.join(unsearched)}. Caches may keep old answers for a day.", err=True)
    if any(erasure.remaining for erasure in erasures.values()):
        click.echo("Mend those records, build again, and prune the releases that have the words.", err=True)
    if any(erasure.remaining or erasure.damaged for erasure in erasures.values()):
        sys.exit(VIOLATIONS)


def _is_current(number: int) -> str:
    return f"Release {number:04d} is current."
