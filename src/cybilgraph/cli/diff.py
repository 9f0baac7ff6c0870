"""``cybilgraph diff``: show the changes between two releases."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cybilgraph.cli.common import CONFORMS, Command
from cybilgraph.model.findings import escape_controls


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("since", metavar="A", type=click.IntRange(1))
@click.argument("until", metavar="[B]", type=click.IntRange(0), default=0)
@click.option(
    "-f", "--format", "name", type=click.Choice(["text", "rdfp", "json"]), default="text", show_default=True,
    help="Readable text, RDF Patch or JSON.",
)  # fmt: skip
def diff(folder: Path, since: int, until: int, name: str) -> None:
    """Show what changed in DIR from release A to release B (default: the current release).

    Lists records that were added (+), changed (~, with the changed fields) or removed (−). A record
    that was merely processed again does not count as changed.

    \b
    Examples:
      cybilgraph diff build/releases 1 2
      cybilgraph diff build/releases 1 -f rdfp > changes.rdfp
    """
    from cybilgraph.release import Releases
    from cybilgraph.sync.changes import ChangeLogCache, as_json, describe_log

    changes = ChangeLogCache(Releases(folder))
    try:
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
    finally:
        changes.close()
    sys.exit(CONFORMS)


def _describe_counts(counts: dict[str, int]) -> str:
    """Return the counts of a change log as a phrase."""
    changes = [(counts[kind], kind) for kind in ("added", "changed", "removed") if counts[kind]]
    first, *others = [f"{number:,} {kind}" for number, kind in changes] or ["no record has changed"]
    if changes:
        first = f"{changes[0][0]:,} record{'' if changes[0][0] == 1 else 's'} {changes[0][1]}"
    added, removed = counts["added_quads"], counts["removed_quads"]
    statements = f" ({added:,} statements added, {removed:,} removed)" if added or removed else ""
    return ", ".join([first, *others]) + statements
