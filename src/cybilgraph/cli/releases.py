"""``cybilgraph releases``, ``activate``, ``rollback``, ``prune``, ``forget``, ``diff``: manage a folder of releases."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from cybilgraph.cli.common import EXISTING_FOLDER, FOLDER, VIOLATIONS, Command, format_option
from cybilgraph.errors import ReleaseError
from cybilgraph.model.findings import escape_controls
from cybilgraph.model.vocabulary import shorten
from cybilgraph.web.server.settings import ENVIRONMENT_PREFIX

if TYPE_CHECKING:
    from cybilgraph.release.erasure import Erasure

_NUMBER = click.argument("number", metavar="NUMBER", type=click.IntRange(1))


@click.command(cls=Command)
@FOLDER
@format_option(("text", "json"), "text", "Format of the list.")
@click.option("--all", "every", is_flag=True, help="Verify the checksums of every release.")
def releases(folder: Path, name: str, *, every: bool) -> None:
    """List the releases in DIR, newest first.

    An asterisk marks the current one, which is served unless it is damaged. Verifies the checksums of the current
    release and, if it is damaged, of earlier ones until it finds an intact one, as a server does at startup. With
    --all, verifies every release.

    \b
    Example:
      cybilgraph releases build/releases
    """
    from cybilgraph.release import Releases

    folder_releases = Releases(folder)
    no_current = ""
    try:
        current = folder_releases.current_number()
    except ReleaseError as error:
        if not folder_releases.numbers:
            raise
        current, no_current = 0, f"{error.what}. {error.hint}"
    refused: dict[int, str] = {}
    try:
        served = folder_releases.select_intact(lambda _: None, refused).number
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
    if no_current:
        click.echo(no_current, err=True)
    if current in refused:
        would_serve = f"A server started now would serve release {served:04d}"
        outcome = would_serve if served else "No release is intact, so none can be served"
        advice = "Build a new release, or activate another with cybilgraph activate"
        click.echo(f"{refused[current]}. {outcome}. {advice}.", err=True)


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("release", "created", "records", "projects", "statements", "megabytes"):
        table.add_column(title, justify="left" if title in ("release", "created") else "right", no_wrap=True)
    for row in rows:
        label = f"{row['release']:04d}{' *' if row['current'] else ''}{' damaged' if 'damaged' in row else ''}"
        if "counts" not in row:
            table.add_row(label.removesuffix(" damaged"), "incomplete")
            continue
        counts = row["counts"]
        numbers = (counts["records"], counts["projects"], counts["quads"])
        table.add_row(label, row["created"], *(f"{number:,}" for number in numbers), f"{row['bytes'] / 1e6:,.1f}")
    # Lines in a pipe must not be cut to a terminal's width.
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 1_000).print(table)


@click.command(cls=Command)
@FOLDER
@_NUMBER
def activate(folder: Path, number: int) -> None:
    """Make release NUMBER current, so that it is served. A release with wrong checksums is refused.

    A running server switches to it within about a second.

    \b
    Example:
      cybilgraph activate build/releases 3
    """
    from cybilgraph.release import Releases

    click.echo(f"Release {Releases(folder).activate(number).number:04d} is current.")


@click.command(cls=Command)
@FOLDER
def rollback(folder: Path) -> None:
    """Go back to the newest intact release before the current one.

    If no release is marked as current, the newest counts as current. If the current release is missing and no earlier
    one is intact, the next later one becomes current. A message reports both cases.

    \b
    Example:
      cybilgraph rollback build/releases
    """
    from cybilgraph.release import Releases

    release = Releases(folder).rollback(lambda line: click.echo(line, err=True))
    click.echo(f"Release {release.number:04d} is current.")


@click.command(cls=Command)
@FOLDER
@click.option("--keep", type=click.IntRange(1), required=True, help="Number of newest releases to keep.")
def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest releases. The current and the served release are always kept.

    \b
    Example:
      cybilgraph prune build/releases --keep 10
    """
    from cybilgraph.release import Releases
    from cybilgraph.sync.changes import prune as run

    removed, freed = run(Releases(folder), keep, lambda line: click.echo(line, err=True))
    if removed:
        names = ", ".join(f"{number:04d}" for number in removed)
        click.echo(f"Removed {names}: {freed / 1e6:,.1f} megabytes freed.")
    else:
        click.echo("Nothing to remove.")


@click.command(cls=Command)
@FOLDER
@click.argument("who", metavar="NAME-OR-EMAIL")
@click.option(
    "--suggestions",
    "queue",
    type=EXISTING_FOLDER,
    envvar=f"{ENVIRONMENT_PREFIX}_SUGGESTIONS",
    show_envvar=True,
    help="Folder of suggested edits (serve --suggestions): delete those that mention the contact or were sent by them. "
    "A request to remove the contact is kept unless it was erased completely.",
)
@click.option(
    "--decisions",
    type=EXISTING_FOLDER,
    metavar="DIR",
    help="Folder of the curators' decisions: remove the contact from them, even if the contact is a curator.",
)
def forget(folder: Path, who: str, queue: Path | None, decisions: Path | None) -> None:
    """Erase a contact from all releases and future builds.

    This covers the dumps, reports and stored sources of all releases in DIR. The contact's e-mail address and telephone
    number are also removed from prose and links. A curator's decisions stay, without the name. Files and checksums of
    the affected releases change. DIR/forgotten stores keyed hashes of the name and address, so that a record that still
    contains them does not bring them back. The key is DIR/forgotten.key: back up both, publish neither. Without the
    key, no build starts.

    This command does not reach copies that partners hold, server logs (which may contain queries and page addresses
    with the name) or caches (which keep a page for at most a day). The exit code is 0 if nothing remains. It is 1 if
    the name remains in the prose of a release, an e-mail address or telephone number remains in a key, a decision needs
    the name to keep it out of releases, or a release is damaged; a message reports each case.

    \b
    Example:
      cybilgraph forget build/releases jane@example.org
    """
    from cybilgraph.identity.decisions import forget_person
    from cybilgraph.release import Releases
    from cybilgraph.release.forgotten import MIN_NAME_LETTERS
    from cybilgraph.sync.changes import forget_titles
    from cybilgraph.web.suggestions import SuggestionQueue

    if sum(map(str.isalpha, who)) < MIN_NAME_LETTERS:
        raise click.BadParameter(
            f"the name has fewer than {MIN_NAME_LETTERS} letters. Give the full name or e-mail address.",
            param_hint="NAME-OR-EMAIL",
        )
    releases = Releases(folder)
    suggestions: dict[str, str] = {}
    changed = 0
    needed: list[str] = []

    def forget_elsewhere(mentions: Callable[[str], bool]) -> None:
        nonlocal changed, needed
        forget_titles(releases, mentions)
        if queue:
            suggestions.update(SuggestionQueue(queue).forget(mentions))
        if decisions:
            changed, needed = forget_person(decisions, mentions)

    erasures = releases.erase(who, forget_elsewhere)
    if not any(erasure.found or erasure.remaining for erasure in erasures.values()):
        which = "No intact release" if any(erasure.damaged for erasure in erasures.values()) else "No release"
        click.echo(f"{which} contains this contact. Future builds will leave it out.")
    for number, erasure in erasures.items():
        _print_erasure(folder, number, erasure)
    is_complete = not any(erasure.remaining or erasure.damaged for erasure in erasures.values())
    if queue and is_complete and any(erasure.found for erasure in erasures.values()):
        suggestions |= SuggestionQueue(queue).delete_kept(suggestions)
    for name, outcome in suggestions.items():
        click.echo(f"Suggestion {name}: {outcome}.")
    if changed:
        click.echo(f"{changed:,} decisions were changed. Earlier versions in git still contain the contact.")
    for place in needed:
        advice = "to keep the name out of releases. Delete the line once no record contains the name any more"
        click.echo(f"{place} still names the contact, {advice}.", err=True)
    unsearched = [] if queue else ["suggested edits (give --suggestions DIR)"]
    unsearched += ["record files", "server logs", "backups", "copies that others have downloaded"]
    unsearched += [] if decisions else ["curators' decisions (give --decisions DIR)"]
    click.echo(f"Not searched: {', '.join(unsearched)}. Caches may keep old responses for a day.", err=True)
    if any(erasure.remaining for erasure in erasures.values()):
        click.echo("Edit those records, build again, and prune the releases that contain the text.", err=True)
    if needed or not is_complete:
        sys.exit(VIOLATIONS)


def _print_erasure(folder: Path, number: int, erasure: Erasure) -> None:
    if erasure.found:
        click.echo(f"Release {number:04d} was rebuilt without the contact.")
    if erasure.damaged:
        click.echo(f"{erasure.damaged}: left unchanged; it may still contain the contact.", err=True)
        click.echo(f"Restore its files or remove {folder / f'{number:04d}'}, then run this again.", err=True)
    for subject in erasure.remaining:
        click.echo(f"Release {number:04d} still contains the text in statements about {shorten(subject)}", err=True)


@click.command(cls=Command)
@FOLDER
@click.argument("since", metavar="A", type=click.IntRange(1))
@click.argument("until", metavar="[B]", type=click.IntRange(0), default=0)
@format_option(("text", "rdfp", "json"), "text", "Readable text, RDF Patch or JSON.")
def diff(folder: Path, since: int, until: int, name: str) -> None:
    """Show what changed from release A to release B in DIR.

    B is the current release by default. Lists records that were added (+), changed (~, with the changed fields) or
    removed (−). A record that was merely processed again does not count as changed.

    \b
    Examples:
      cybilgraph diff build/releases 1 2
      cybilgraph diff build/releases 1 -f rdfp > changes.rdfp
    """
    from cybilgraph.release import Releases
    from cybilgraph.sync.changes import ChangeLogCache, as_json, describe_log

    with closing(ChangeLogCache(Releases(folder))) as changes:
        log = changes.between(since, until)
        if name == "rdfp":
            sys.stdout.buffer.writelines(log.patch())
            return
        if name == "json":
            for part in as_json(log, changes.last_changed(since, log.until.number)):
                click.echo(part, nl=False)
            return
        click.echo(f"Release {log.numbers[0]} → {log.numbers[1]}: {_describe_counts(log.counts)}")
        for line in describe_log(log):
            click.echo(escape_controls(line, lines=True))
        if others := log.counts["other_quads"]:
            what = "1 statement" if others == 1 else f"{others:,} statements"
            click.echo(f"Outside the records, {what} about organisations, places, vocabularies or terms changed.")


def _describe_counts(counts: dict[str, int]) -> str:
    changes = [(counts[kind], kind) for kind in ("added", "changed", "removed") if counts[kind]]
    parts = [f"{number:,} {kind}" for number, kind in changes] or ["no record has changed"]
    if changes:
        parts[0] = f"{changes[0][0]:,} record{'' if changes[0][0] == 1 else 's'} {changes[0][1]}"
    added, removed = counts["added_quads"], counts["removed_quads"]
    statements = f" ({added:,} statements added, {removed:,} removed)" if added or removed else ""
    return ", ".join(parts) + statements
