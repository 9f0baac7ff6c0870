"""``cybilgraph suggestions``: review the edits that visitors suggest."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from cybilgraph.cli.common import (
    ANY_FOLDER,
    DECISIONS_TO_ADD,
    EXISTING_FOLDER,
    SITE,
    WHO,
    CommandGroup,
    print_safely,
    use_site,
)


@click.group(cls=CommandGroup)
def suggestions() -> None:
    """Review edits that visitors have suggested.

    The site accepts them with serve --suggestions DIR.

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
        title = f"Request for a removal: {suggestion.title}" if suggestion.is_removal else suggestion.title
        _print_lines(f"{suggestion.id}  {suggestion.project}  {title}{comment}")


@suggestions.command("show")
@_QUEUE
@_ID
@_RECORDS
@click.option("--decisions", type=ANY_FOLDER, metavar="DIR", help="Folder of the curators' decisions.")
@SITE
def show_suggestion(folder: Path, name: str, records: Path, decisions: Path | None, site: Path | None) -> None:
    """Show a suggestion, and check the edited record.

    Shows what the suggestion changes, and the decisions that accepting it would add.

    \b
    Example:
      cybilgraph suggestions show build/suggestions 20270131T120000-1f2e3d4c --records data/records
    """
    from cybilgraph import pipeline
    from cybilgraph.identity.decisions import describe_decision
    from cybilgraph.readers import Input
    from cybilgraph.validation.outputs import OUTPUTS
    from cybilgraph.web.suggestions import SuggestionQueue, propose_decisions, removal_step, unified_diff

    use_site(site)
    edit = SuggestionQueue(folder).get(name)
    sender = " ".join(filter(None, (edit.sender, f"<{edit.email}>" if edit.email else ""))) or "an anonymous visitor"
    _print_lines(f"{edit.project}: {edit.title}", f"Sent {edit.time} by {sender}", *edit.comment.splitlines(), "")
    if edit.is_removal:
        what = f"the name or address {edit.value}" if edit.value else "the project"
        _print_lines(f"Asks to remove {what}.", removal_step(edit, queue=shlex.quote(str(folder))))
        return
    if edit.field:
        _print_lines(f"Is {edit.field} {edit.value} right? {edit.text}", *edit.base.text.splitlines(), "")
    else:
        _print_lines(*unified_diff(edit.base.text, edit.text, "when the edit began", "suggested"), "")
    found, conflicts = propose_decisions(edit, records, decisions, "")
    _print_lines("Accepting the suggestion adds these decisions:", *map(describe_decision, found), "")
    if conflicts:
        _print_lines(f"Warning: changed elsewhere since the edit began: {', '.join(conflicts)}", "")
    if edit.field:
        return
    checked = pipeline.check_input(Input(edit.name, data=edit.text.encode(errors="replace")))
    OUTPUTS["text"](checked.report, sys.stdout)


@suggestions.command()
@_QUEUE
@_ID
@_RECORDS
@DECISIONS_TO_ADD
@SITE
@WHO
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="COLUMN",
    help="Accept only the changes to this field, such as end, and discard the others. May be repeated.",
)
@click.option("--force", is_flag=True, help="Accept it even if the same fields have been changed elsewhere since.")
def accept(
    folder: Path,
    name: str,
    records: Path,
    decisions: Path,
    site: Path | None,
    who: str,
    fields: tuple[str, ...],
    force: bool,
) -> None:
    """Accept a suggestion, and store it as decisions.

    Adds a decision for each field that the suggestion changes, or only for those given with --field. Builds with these
    decisions apply them.

    \b
    Example:
      cybilgraph suggestions accept build/suggestions 20270131T120000-1f2e3d4c \\
        --records data/records --decisions data/decisions --who Ana
    """
    from cybilgraph.identity.decisions import describe_decision
    from cybilgraph.web.suggestions import SuggestionQueue

    use_site(site)
    for one in SuggestionQueue(folder).accept(name, records, decisions, who, force, fields):
        _print_lines(f"Decided: {describe_decision(one)}")


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
