"""Suggested edits, for the curator."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cybilgraph.cli.common import CommandGroup
from cybilgraph.model.findings import escape_ci_commands, escape_controls


@click.group(cls=CommandGroup)
def suggestions() -> None:
    """Decide on the edits that visitors have suggested (serve --suggestions DIR).

    \b
    Example:
      cybilgraph suggestions list build/suggestions
    """


_QUEUE = click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, exists=True, path_type=Path))
_ID = click.argument("name", metavar="ID")
_RECORDS = click.option(
    "--records",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    required=True,
    help="Folder of records that the release was built from.",
)


@suggestions.command("list")
@_QUEUE
def list_suggestions(folder: Path) -> None:
    """List the suggestions that wait, the oldest first.

    \b
    Example:
      cybilgraph suggestions list build/suggestions
    """
    from cybilgraph.web.suggestions import SuggestionQueue

    waiting = list(SuggestionQueue(folder).pending())
    if not waiting:
        click.echo("No suggestion waits here.", err=True)
    for given in waiting:
        comment = f"  {given.comment.splitlines()[0]}" if given.comment else ""
        click.echo(escape_ci_commands(escape_controls(f"{given.id}  {given.project}  {given.title}{comment}")))


@suggestions.command("show")
@_QUEUE
@_ID
@_RECORDS
def show_suggestion(folder: Path, name: str, records: Path) -> None:
    """Show what a suggestion changes in its record file, and what is found in it.

    \b
    Example:
      cybilgraph suggestions show build/suggestions 20270131T120000-1f2e3d4c --records data/records
    """
    from cybilgraph import pipeline
    from cybilgraph.readers import Input
    from cybilgraph.validation.outputs import OUTPUTS
    from cybilgraph.web.suggestions import SuggestionQueue, current_file, describe_file_change, unified_diff

    given = SuggestionQueue(folder).get(name)
    now = current_file(given, records)
    sender = " ".join(filter(None, (given.sender, f"<{given.email}>" if given.email else ""))) or "nobody named"
    _print_lines(f"{given.project}: {given.title}", f"Sent {given.time} by {sender}", *given.comment.splitlines(), "")
    if not given.base.is_source:
        _print_lines(
            f"The record was read from {given.base.file}, which the release has not kept as a file of its own."
        )
        _print_lines(f"Accepted, the suggestion becomes the file {given.target} beside it.", "")
    if reason := describe_file_change(given, records):
        _print_lines(f"Beware: {reason}. Since then, without the suggestion:", "")
        _print_lines(*unified_diff(given.base.text, now or "", "when the edit began", given.target), "")
        _print_lines("The suggestion, against what the edit began with:", "")
        _print_lines(*unified_diff(given.base.text, given.text, "when the edit began", "suggested"), "")
    else:
        before = given.base.text if now is None else now
        _print_lines(
            *unified_diff(before, given.text, given.target if now is not None else "the form", "suggested"), ""
        )
    checked = pipeline.check_input(Input(given.name, data=given.text.encode(errors="replace")))
    OUTPUTS["text"](checked.report, sys.stdout)


@suggestions.command()
@_QUEUE
@_ID
@_RECORDS
@click.option("--force", is_flag=True, help="Even where the file has changed since: those changes are lost.")
def accept(folder: Path, name: str, records: Path, force: bool) -> None:
    """Write a suggestion into its record file. The graph changes with the next build.

    \b
    Example:
      cybilgraph suggestions accept build/suggestions 20270131T120000-1f2e3d4c --records data/records
    """
    from cybilgraph.web.suggestions import SuggestionQueue

    written = SuggestionQueue(folder).accept(name, records, force)
    _print_lines(f"Written: {written}")


@suggestions.command()
@_QUEUE
@_ID
@click.option("--reason", required=True, help="Why; it is kept with the suggestion.")
def reject(folder: Path, name: str, reason: str) -> None:
    """Put a suggestion aside.

    \b
    Example:
      cybilgraph suggestions reject build/suggestions 20270131T120000-1f2e3d4c --reason "Not the project's own page"
    """
    from cybilgraph.web.suggestions import SuggestionQueue

    SuggestionQueue(folder).reject(name, reason)


def _print_lines(*lines: str) -> None:
    for line in lines:
        click.echo(escape_ci_commands(escape_controls(line)))
