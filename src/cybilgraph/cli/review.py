"""``cybilgraph suggestions``: review the edits that visitors suggest."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cybilgraph.cli.common import EXISTING_FOLDER, CommandGroup, print_safely


@click.group(cls=CommandGroup)
def suggestions() -> None:
    """Review the edits that visitors have suggested (serve --suggestions DIR).

    \b
    Example:
      cybilgraph suggestions list build/suggestions
    """


_QUEUE = click.argument("folder", metavar="DIR", type=EXISTING_FOLDER)
_ID = click.argument("name", metavar="ID")
_RECORDS = click.option(
    "--records", type=EXISTING_FOLDER, required=True, help="Folder of the records that the release was built from."
)


@suggestions.command("list")
@_QUEUE
def list_suggestions(folder: Path) -> None:
    """List the pending suggestions, oldest first.

    \b
    Example:
      cybilgraph suggestions list build/suggestions
    """
    from cybilgraph.web.suggestions import SuggestionQueue

    pending = list(SuggestionQueue(folder).pending())
    if not pending:
        click.echo("No suggestions are pending.", err=True)
    for suggestion in pending:
        comment = f"  {suggestion.comment.splitlines()[0]}" if suggestion.comment else ""
        _print_lines(f"{suggestion.id}  {suggestion.project}  {suggestion.title}{comment}")


@suggestions.command("show")
@_QUEUE
@_ID
@_RECORDS
def show_suggestion(folder: Path, name: str, records: Path) -> None:
    """Show what a suggestion changes in its record file, and check the result.

    \b
    Example:
      cybilgraph suggestions show build/suggestions 20270131T120000-1f2e3d4c --records data/records
    """
    from cybilgraph import pipeline
    from cybilgraph.readers import Input
    from cybilgraph.validation.outputs import OUTPUTS
    from cybilgraph.web.suggestions import SuggestionQueue, current_file, describe_file_change, unified_diff

    edit = SuggestionQueue(folder).get(name)
    now = current_file(edit, records)
    sender = " ".join(filter(None, (edit.sender, f"<{edit.email}>" if edit.email else ""))) or "an anonymous visitor"
    _print_lines(f"{edit.project}: {edit.title}", f"Sent {edit.time} by {sender}", *edit.comment.splitlines(), "")
    if not edit.base.is_source:
        _print_lines(f"The record was read from {edit.base.file}, which the release does not keep as a separate file.")
        _print_lines(f"If you accept the suggestion, it is saved as {edit.target} in the same folder.", "")
    if reason := describe_file_change(edit, records):
        _print_lines(f"Warning: {reason}. Changes to the file since the visitor opened it:", "")
        _print_lines(*unified_diff(edit.base.text, now or "", "when the edit began", edit.target), "")
        _print_lines("Changes that the suggestion makes to the version the visitor opened:", "")
        _print_lines(*unified_diff(edit.base.text, edit.text, "when the edit began", "suggested"), "")
    else:
        before = edit.base.text if now is None else now
        _print_lines(*unified_diff(before, edit.text, edit.target if now is not None else "the form", "suggested"), "")
    checked = pipeline.check_input(Input(edit.name, data=edit.text.encode(errors="replace")))
    OUTPUTS["text"](checked.report, sys.stdout)


@suggestions.command()
@_QUEUE
@_ID
@_RECORDS
@click.option("--force", is_flag=True, help="Overwrite the file even if it has changed since; its changes are lost.")
def accept(folder: Path, name: str, records: Path, force: bool) -> None:
    """Write a suggestion to its record file. The next build adds it to the graph.

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
@click.option("--reason", required=True, help="Reason, stored with the suggestion.")
def reject(folder: Path, name: str, reason: str) -> None:
    """Reject a suggestion, and store the reason with it.

    \b
    Example:
      cybilgraph suggestions reject build/suggestions 20270131T120000-1f2e3d4c --reason "Not the project's own page"
    """
    from cybilgraph.web.suggestions import SuggestionQueue

    SuggestionQueue(folder).reject(name, reason)


def _print_lines(*lines: str) -> None:
    for line in lines:
        print_safely(line)
