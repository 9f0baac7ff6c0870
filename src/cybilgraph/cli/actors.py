"""``cybilgraph actors`` and ``match``: a deployment's own organisations, and their identifiers in registers."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import (
    ANY_FOLDER,
    EXISTING_FOLDER,
    OUTPUT,
    Command,
    CommandGroup,
    open_output,
    print_safely,
    reference_option,
)

_INTO = click.option(
    "--reference", "folder", type=ANY_FOLDER, required=True, metavar="DIR",
    help="Folder of your own reference data; the row goes into its actors.csv.",
)  # fmt: skip


@click.group(cls=CommandGroup)
def actors() -> None:
    """Add, merge and identify your own organisations.

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


@actors.command()
@click.argument("sheet", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option(
    "--reference", "folder", type=ANY_FOLDER, required=True, metavar="DIR",
    help="Folder of your own reference data; the rows go into its identifiers.csv.",
)  # fmt: skip
def identify(sheet: Path, folder: Path) -> None:
    """Add the identifiers that you accepted in a SHEET of "cybilgraph match".

    Takes the rows with "yes" in the column "verdict" (CSV or XLSX). If one of them is wrong, nothing is added.

    \b
    Example:
      cybilgraph actors identify proposals.csv --reference data/own
    """
    from cybilgraph.pipeline.identifier_proposals import accept_proposals

    added, known = accept_proposals(sheet, folder)
    print_safely(f"{added:,} identifiers added to {folder / 'identifiers.csv'}; {known:,} had been added before.")


@click.command(cls=Command)
@click.argument("extract", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option(
    "--from", "releases", type=EXISTING_FOLDER, metavar="DIR",
    help="Match the organisations that take part in projects of the current release in DIR, not those listed.",
)  # fmt: skip
@reference_option()
@click.option(
    "--min-score", type=click.IntRange(0, 100), default=60, show_default=True, help="Propose nothing below this score."
)
@click.option(
    "--most", type=click.IntRange(1), default=3, show_default=True,
    help="Maximum number of proposals for an organisation in a register.",
)  # fmt: skip
@click.option(
    "--rejected", type=click.Path(dir_okay=False, exists=True, path_type=Path), metavar="SHEET",
    help="Leave out what has the verdict no in this earlier sheet.",
)  # fmt: skip
@OUTPUT
def match(
    extract: Path, releases: Path | None, min_score: int, most: int, rejected: Path | None, output: str | None
) -> None:
    """Propose identifiers of organisations (ROR, Wikidata).

    EXTRACT is a data dump of ROR (JSON, or the ZIP archive), or the result of a query to Wikidata (CSV or JSON). The
    command compares names, countries and homepages, and writes a CSV sheet with a score from 0 to 100 and what agrees.
    Nothing is entered: write yes or no into the column "verdict", then use "cybilgraph actors identify".

    \b
    Examples:
      cybilgraph match v2.9-ror-data.zip -o proposals.csv
      cybilgraph actors identify proposals.csv --reference data/own
    """
    from cybilgraph.identity.organisation_matches import listed_organisations, propose_identifiers
    from cybilgraph.model.gazetteer import load_gazetteer
    from cybilgraph.pipeline import identifier_proposals as sheets
    from cybilgraph.readers.organisation_extracts import read_extract

    names = load_gazetteer()
    ours = sheets.participating_organisations(releases) if releases else listed_organisations(names)
    known_wrong = sheets.rejected_proposals(rejected) if rejected else set()
    found = propose_identifiers(names, ours, read_extract(extract), min_score, most, known_wrong)
    with open_output(output) as file:
        file.write(sheets.proposals_sheet(found))
    click.echo(f"{len(found):,} proposals for {len({one.ours.key for one in found}):,} organisations.", err=True)
