"""What commands have in common: their errors, sources, outputs and progress."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cybilgraph.errors import CybilgraphError, QueryError, QuerySyntaxError
from cybilgraph.model.findings import escape_ci_commands, escape_controls
from cybilgraph.rdf.ntriples import is_iri
from cybilgraph.runtime.files import atomic_write

if TYPE_CHECKING:
    from cybilgraph.model.findings import Report

#: check: no violation; violations; the work could not be done.
CONFORMS, VIOLATIONS, FAILED = 0, 1, 2
#: By Ctrl-C: 128 and the number of the signal, as of a shell.
_INTERRUPTED = 130

SOURCES = click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
KIND = click.option(
    "--as",
    "kind",
    default="",
    metavar="SUFFIX",
    callback=lambda *given: _known_kind(given[2]),
    help="Read standard input as such a file: csv.",
)


class _DayType(click.DateTime):
    """A day of the calendar; what is none is told of in plain words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is no day. Give year, month and day: 2024-01-31.", param, ctx)


AS_OF = click.option("--as-of", type=_DayType(["%Y-%m-%d"]), metavar="DAY", help="Check as on this day: 2024-01-31.")


class CliError(click.ClickException):
    """An error of ours as click shows it."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        """Print it."""
        click.echo(
            escape_ci_commands(escape_controls(f"cybilgraph: {self.format_message()}", lines=True)), err=True, file=file
        )


class Command(click.Command):
    """A command whose help keeps the line breaks of its examples, and that turns our errors
    into messages.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        if sys.stdout is None:
            raise CliError(
                "There is no standard output to write to\n  Leave it open, or name a file where there is -o."
            )
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # or Python would do it when it ends, where nobody can tell of a fault
        except (KeyboardInterrupt, click.Abort):
            click.echo("Aborted!", err=True)
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:  # the reader has seen enough
            _discard_output()
            sys.exit(CONFORMS)
        except OSError as error:
            _discard_output()
            raise CliError(f"The output cannot be written: {error.strerror}\n  Is there space left?") from error
        except CybilgraphError as error:
            where = (
                f" (line {error.line}, column {error.column})"
                if isinstance(error, QuerySyntaxError) and error.line
                else ""
            )
            excerpt = error.excerpt if isinstance(error, QuerySyntaxError) else ""
            advice = [text for _, text, _ in error.hints] if isinstance(error, QueryError) else []
            more = "".join(f"\n  {line}" for line in (*excerpt.splitlines(), error.hint, *advice) if line)
            raise CliError(f"{error.what}{where}{more}") from error


def _discard_output() -> None:
    """Let what is still to be written go nowhere, so that it fails no second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class CommandGroup(click.Group):
    """Commands of one name."""

    command_class = Command
    group_class = type  # groups in it are of its own kind


def is_web_address(text: str) -> bool:
    """Whether it is an absolute address of the web."""
    return bool(re.fullmatch(r"https?://[!-~]+", text)) and is_iri(text)


def web_address(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    """An absolute web address, or nothing."""
    if url and not is_web_address(url):
        raise click.BadParameter(f"{url!r} is no absolute web address")
    return url


def refuse_source_as_output(output: str | None, sources: tuple[str, ...]) -> None:
    """Refuse to write over a source."""
    if output and output != "-" and any(Path(output).resolve() == Path(source).resolve() for source in sources):
        raise CliError(f"{output}: this is a source\n  Write to another file.")


@contextmanager
def open_output(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears only when the block has ended well."""
    if path is None or path == "-":
        yield sys.stdout.buffer
        return
    target = Path(path).resolve()
    try:
        # A device or a pipe is written, not replaced.
        with target.open("wb") if target.exists() and not target.is_file() else atomic_write(target) as file:
            yield file
    except OSError as error:
        raise CliError(
            f"{path}: cannot be written: {error.strerror}\n  Check the folder, its rights and its free space."
        ) from error


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; nothing in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_findings(report: Report) -> None:
    """Tell of findings beside what the command gives."""
    from cybilgraph.validation.outputs import OUTPUTS

    OUTPUTS["text"](report, sys.stderr)


def _known_kind(kind: str) -> str:
    """A suffix with its full stop, in lower case; it must be one that is read."""
    if not kind:
        return ""
    from cybilgraph.readers import READERS

    suffix = f".{kind.lower().removeprefix('.')}"
    if suffix not in READERS:
        known = ", ".join(each.removeprefix(".") for each in READERS if each)
        raise click.BadParameter(f"{kind!r} is not read. Known are {known}.")
    return suffix
