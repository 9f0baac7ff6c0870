"""``cybilgraph review``: decide on changed texts, uncertain claims and unlisted organisations, one key press each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import click
from rich.console import Console
from rich.text import Text

from cybilgraph.cli.common import DECISIONS_TO_ADD, FOLDER, Command, open_output, reference_option
from cybilgraph.errors import DecisionError
from cybilgraph.model.findings import escape_controls

if TYPE_CHECKING:
    from cybilgraph.identity.decisions import Decision
    from cybilgraph.pipeline.review_queue import ChangedDecision, OpenClaim, Question, UnlistedActor

_One = TypeVar("_One", bound="Question")
_CLAIM_KEYS = "[y]es  [n]o  other [r]ole  [a]nother organisation or place  [s]kip  [u]ndo  [q]uit"
_NAME_KEYS = (
    "[a]nother name of a listed organisation  [o]rganisation in its own right  [n]ot an organisation  "
    "[s]kip  [u]ndo  [q]uit"
)
_CHANGED_KEYS = "[k]eep the decision  [w]ithdraw it  [s]kip  [u]ndo  [q]uit"
#: What a key decides: a decision; None if the curator has changed their mind.
_Choice = Callable[[_One], "Decision | None"]
_MAX_KNOWN = 6


@click.command(cls=Command)
@FOLDER
@DECISIONS_TO_ADD
@reference_option()
@click.option("--who", default="", metavar="NAME", help="Your name, which is published with your decisions.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="Maximum number of questions."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed for choosing one claim in ten.")
@click.option("--names", is_flag=True, help="Ask about organisations that are not in the reference data.")
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.xlsx",
    help="Write the claims to a workbook.",
)
@click.option(
    "--import",
    "sheet",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="Add the decisions from such a workbook.",
)
def review(
    folder: Path,
    decisions: Path,
    who: str,
    limit: int,
    seed: int,
    names: bool,
    export: Path | None,
    sheet: Path | None,
) -> None:
    """Decide on claims found in prose.

    Shows the claims of the current release in DIR one at a time, each with its sentence. Decisions whose text has
    changed come first, then the least certain claims; one claim in ten is chosen at random instead. Each decision is
    saved before the next question, so you can stop at any time and continue later. Builds and checks with the same
    --decisions apply the decisions.

    \b
    Examples:
      cybilgraph review build/releases --decisions data/decisions --who Ana
      cybilgraph review build/releases --decisions data/decisions --export claims.xlsx
    """
    from cybilgraph.identity.decisions import describe_decision
    from cybilgraph.pipeline import review_queue
    from cybilgraph.rdf.xlsx import workbook
    from cybilgraph.release import Releases

    if not who and not export:
        raise click.UsageError("--who is required: your name, which is published with your decisions")
    release = Releases(folder).current()
    if sheet:
        added, known, others = review_queue.import_sheet(release, sheet, decisions, who)
        click.echo(f"{added:,} decisions added; {known:,} had been added before.")
        for other in others:
            click.echo(
                escape_controls(f"Skipped, because {other.who} has decided otherwise: {describe_decision(other)}")
            )
        return
    if names:
        actors = review_queue.unlisted_actors(release, decisions, limit)
        _Session(decisions, actors, _ask_name, _name_choices(who), _NAME_KEYS, "Organisations").run()
        return
    claims = review_queue.open_claims(release, decisions, limit, seed)
    if export:
        columns = {row.name: row for row in review_queue.SHEET}
        choices = {columns["verdict"]: ("yes", "no", "instead"), columns["new_field"]: review_queue.ROLES}
        with open_output(str(export)) as output:
            output.write(workbook(review_queue.SHEET, choices, review_queue.sheet_rows(claims)))
        click.echo(f"{len(claims):,} claims written to {export}. Fill in the column “verdict”, then use --import.")
        return
    changed = review_queue.changed_decisions(release, decisions)
    texts = _Session(decisions, changed, _ask_changed, _changed_choices(who), _CHANGED_KEYS, "Changed texts")
    if not changed or texts.run():
        _Session(decisions, claims, _ask_claim, _claim_choices(who), _CLAIM_KEYS, "Claims").run()


class _Session(Generic[_One]):
    """Questions, and the decisions made in answer to them."""

    def __init__(
        self,
        folder: Path,
        questions: list[_One],
        ask: Callable[[Console, _One], None],
        choices: dict[str, _Choice[_One]],
        keys: str,
        title: str,
    ) -> None:
        self._title = title
        self._folder, self._questions, self._ask, self._choices, self._keys = folder, questions, ask, choices, keys
        self._console = Console(highlight=False, markup=False)
        self._began = time.monotonic()
        #: What was decided on each question so far; None if it was skipped.
        self._decided: list[Decision | None] = []

    def run(self) -> bool:
        """Ask until the curator quits or no question is left; return whether none is."""
        try:
            while len(self._decided) < len(self._questions) and self._answer():
                pass
        except (KeyboardInterrupt, EOFError, click.Abort):
            pass
        count = len(list(filter(None, self._decided)))
        self._console.print(f"\n{self._title}: {count:,} decided, {len(self._questions) - count:,} left.")
        return len(self._decided) == len(self._questions)

    def _answer(self) -> bool:
        """Ask a question, and handle the key pressed; return whether to continue."""
        question = self._questions[len(self._decided)]
        if earlier := question.settled(self._folder):
            self._skip(earlier)
            return True
        self._console.print(f"\n{self._progress()}", style="dim")
        self._ask(self._console, question)
        self._console.print(self._keys, style="dim")
        while True:
            key = _read_key().casefold()
            if key in ("q", "\x03", "\x04", ""):
                return False
            if key == "s":
                self._decided.append(None)
            elif key == "u":
                self._undo()
            elif choose := self._choices.get(key):
                if not (decision := choose(question)):
                    self._console.print(self._keys, style="dim")
                    continue
                stored = question.answer(self._folder, decision)
                if stored.who == decision.who and stored.agrees(decision):
                    self._decided.append(stored)
                    self._console.print(_described(stored))
                else:
                    self._skip(stored, "Not stored. ")
            else:
                continue
            return True

    def _skip(self, earlier: Decision, note: str = "") -> None:
        """Remove a question on which another curator has decided meanwhile."""
        del self._questions[len(self._decided)]
        self._console.print(f"\n{note}{escape_controls(earlier.who)} has decided on this in the meantime:")
        self._console.print(_described(earlier))

    def _undo(self) -> None:
        """Withdraw the last decision, and ask again."""
        if self._decided and (last := self._decided.pop()):
            self._questions[len(self._decided)].take_back(self._folder, last)

    def _progress(self) -> str:
        done, total = len(self._decided), len(self._questions)
        if not done:
            return f"1 of {total:,}"
        seconds = (time.monotonic() - self._began) / done * (total - done)
        return f"{done + 1:,} of {total:,} · about {max(1, round(seconds / 60)):,} min left"


def _read_key() -> str:
    """Wait for a key, and return it. Raises DecisionError if there is no terminal."""
    try:
        return click.getchar()
    except OSError as error:
        raise DecisionError(
            "This command needs an interactive terminal",
            "Run it in one, or decide in a spreadsheet: use --export FILE.xlsx, then --import FILE.xlsx.",
        ) from error


def _claim_choices(who: str) -> dict[str, _Choice[OpenClaim]]:
    from cybilgraph.identity.decisions import Verdict, kind_of
    from cybilgraph.pipeline.review_queue import ROLES

    def other_role(one: OpenClaim) -> Decision | None:
        if kind_of(one.claim.field) != "actor":
            return None
        click.echo("  ".join(f"[{number}] {role}" for number, role in enumerate(ROLES, start=1)))
        key = _read_key()
        if not (key.isdigit() and 0 < int(key) <= len(ROLES)):
            return None
        return one.decide(who, Verdict.INSTEAD, new_field=ROLES[int(key) - 1])

    def other_value(one: OpenClaim) -> Decision | None:
        found = _ask_resource(kind_of(one.claim.field))
        return one.decide(who, Verdict.INSTEAD, new_value=found) if found else None

    return {
        "y": lambda one: one.decide(who, Verdict.YES),
        "n": lambda one: one.decide(who, Verdict.NO),
        "r": other_role,
        "a": other_value,
    }


def _changed_choices(who: str) -> dict[str, _Choice[ChangedDecision]]:
    from cybilgraph.identity.decisions import Verdict

    return {"k": lambda one: one.decide(who, Verdict.YES), "w": lambda one: one.decide(who, Verdict.UNDO)}


def _name_choices(who: str) -> dict[str, _Choice[UnlistedActor]]:
    from cybilgraph.identity.decisions import Verdict
    from cybilgraph.model.gazetteer import load_gazetteer

    def another(one: UnlistedActor) -> Decision | None:
        found = _ask_resource("actor", only_listed=True)
        return one.decide(who, Verdict.INSTEAD, found) if found else None

    def its_own(one: UnlistedActor) -> Decision | None:
        kinds = list(load_gazetteer().entries["actor-type"])
        question = f"Type ({', '.join(kinds)})"
        kind = click.prompt(
            question, default="", type=click.Choice(["", *kinds]), show_choices=False, show_default=False
        )
        country = _ask_resource("country")
        parent = _ask_resource("actor", what="Part of")
        details = {"type": kind, "country": country, "parent": parent}
        return one.decide(who, Verdict.YES, "; ".join(f"{name}={text}" for name, text in details.items() if text))

    return {"a": another, "o": its_own, "n": lambda one: one.decide(who, Verdict.NO)}


def _ask_resource(kind: str, what: str = "", *, only_listed: bool = False) -> str:
    """Ask for a resource by name or key; return how a decision refers to it, or "" if none is given."""
    from cybilgraph.identity.decision_layer import find_resource, subject_value

    while text := click.prompt(what or kind.capitalize(), default="", show_default=False).strip():
        if (found := find_resource(kind, text)) and (found.known or not only_listed):
            note = "" if found.known else ": not in the reference data"
            click.echo(escape_controls(f"→ {found.printed.text} ({found.key}){note}"))
            if not found.known and not click.confirm("Use this name?", default=False):
                continue
            return subject_value(kind, found.key, found.printed.text)
        click.echo(f"There is no {kind} with this name. Try again, or leave it empty.")
    return ""


def _ask_claim(console: Console, one: OpenClaim) -> None:
    claim = one.claim
    console.print(Text(escape_controls(f"{one.record}  {one.title}"), style="bold"))
    console.print(Text(f"{_label(claim.field)}: {escape_controls(one.name)}  ({claim.basis}, {claim.confidence:.2f})"))
    if one.meaning:
        console.print(Text(f"  {one.meaning}", style="dim"))
    for sentence in claim.sentences:
        console.print(_marked(f"  “{sentence}”", one.name, claim.key, claim.field))
    known = [f"{_label(field)}: {name}" for field, name in one.known]
    if known:
        more = f"; {len(known) - _MAX_KNOWN} more" if len(known) > _MAX_KNOWN else ""
        console.print(Text(escape_controls(f"  Also: {'; '.join(known[:_MAX_KNOWN])}{more}"), style="dim"))


def _ask_changed(console: Console, one: ChangedDecision) -> None:
    console.print(Text(escape_controls(f"{one.made.record}  {one.title}"), style="bold"))
    console.print(_described(one.made))
    console.print(
        Text(escape_controls(f"  {one.made.who}, {one.made.when[:10]}. The text has changed since."), style="dim")
    )
    for sentence in one.made.sentences:
        console.print(Text(escape_controls(f"  Then: “{sentence}”")))
    for sentence in one.sentences:
        console.print(Text(escape_controls(f"  Now:  “{sentence}”")))
    if not one.sentences:
        console.print(Text("  The release has no sentence for it. See the source of the record.", style="dim"))


def _ask_name(console: Console, one: UnlistedActor) -> None:
    console.print(Text(escape_controls(one.name), style="bold"))
    claims = "1 claim" if one.count == 1 else f"{one.count:,} claims"
    console.print(Text(escape_controls(f"{claims}, such as {_label(one.example.claim.field)} of {one.example.title}")))
    for sentence in one.example.claim.sentences[:1]:
        console.print(_marked(f"  “{sentence}”", one.name, one.key, "unspecified"))
    if one.similar:
        console.print(Text(escape_controls(f"  Similar: {one.similar}"), style="dim"))


def _marked(sentence: str, name: str, key: str, field: str) -> Text:
    """Return a sentence with the name that it is about marked, in any of its printed forms."""
    from cybilgraph.pipeline.review_queue import name_span

    text = Text(escape_controls(sentence))
    text.stylize("bold reverse", *name_span(text.plain, escape_controls(name), key, field))
    return text


def _described(one: Decision) -> Text:
    from cybilgraph.identity.decisions import describe_decision

    return Text(escape_controls(describe_decision(one)), style="bold")


def _label(field: str) -> str:
    return field.replace("_", " ").capitalize()
