"""Parts that commands share: errors, source arguments, output files and progress bars."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cybilgraph.errors import CybilgraphError, QueryError, QuerySyntaxError
from cybilgraph.model.findings import escape_ci_commands, escape_controls
from cybilgraph.model.overlay import OVERLAY_VARIABLE, use_overlay
from cybilgraph.model.site_profile import SiteProfile, read_profile
from cybilgraph.model.vocabulary import use_base
from cybilgraph.rdf.ntriples import is_iri
from cybilgraph.runtime.files import atomic_write

#: Exit codes: success, findings, and a command that could not do its work.
CONFORMS, VIOLATIONS, FAILED = 0, 1, 2
#: Exit code after Ctrl-C: 128 plus the signal number, as in a shell.
_INTERRUPTED = 130

#: Where the operators of a site find out what visits them, unless the user gives a contact.
DEFAULT_CONTACT = "https://w3id.org/cybilgraph"
EXISTING_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)
ANY_FOLDER = click.Path(file_okay=False, path_type=Path)
FOLDER = click.argument("folder", metavar="DIR", type=ANY_FOLDER)
SOURCES = click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
DECISIONS = click.option(
    "--decisions",
    type=EXISTING_FOLDER,
    metavar="DIR",
    help="Apply the curators' decisions in DIR, which take precedence over the records.",
)


def _use_reference(_context: click.Context, _parameter: click.Parameter, folder: Path | None) -> None:
    if folder:
        use_overlay(folder)


def reference_option(name: str = "--reference") -> Callable[[Any], Any]:
    """Return the option for a deployment's own reference data, which worker processes then use as well."""
    return click.option(
        name, "own_reference", type=EXISTING_FOLDER, metavar="DIR", expose_value=False, callback=_use_reference,
        envvar=OVERLAY_VARIABLE, show_envvar=True,
        help="Also use the tables in DIR (actors.csv, groups.csv, themes.csv …); rows replace ours with the same key.",
    )  # fmt: skip


#: The environment variable that names the site file.
SITE_VARIABLE = "CYBILGRAPH_SITE"
SITE = click.option(
    "--site", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", envvar=SITE_VARIABLE, show_envvar=True,
    help="TOML file that describes your site: its base of IRIs, title, publisher, contact, licence and rights.",
)  # fmt: skip


def use_site(site: Path | None) -> SiteProfile:
    """Read a site file, and use its base in this process. Raises SiteError."""
    profile = read_profile(site)
    use_base(profile.base)
    return profile


DECISIONS_TO_ADD = click.option(
    "--decisions", type=ANY_FOLDER, required=True, metavar="DIR", help="Folder of the curators' decisions."
)
WHO = click.option("--who", required=True, metavar="NAME", help="Your name, which is published with your decisions.")
OUTPUT = click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Write to this file instead of standard output."
)


def choice_option(*names: str, choices: Iterable[str], default: str | None, what: str) -> Callable[[Any], Any]:
    """Return an option with a fixed set of values."""
    return click.option(*names, type=click.Choice([*choices]), default=default, show_default=True, help=what)


def format_option(choices: Iterable[str], default: str | None, what: str) -> Callable[[Any], Any]:
    """Return the option -f of a command, whose parameter is ``name``."""
    return choice_option("-f", "--format", "name", choices=choices, default=default, what=what)


def print_safely(text: str, *, lines: bool = False, nl: bool = True, err: bool = False) -> None:
    """Print text that may come from records, with its control characters and CI commands escaped."""
    click.echo(escape_ci_commands(escape_controls(text, lines=lines)), nl=nl, err=err)


class _DayType(click.DateTime):
    """A calendar day, with an error message that shows the expected form."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx).date()
        except click.BadParameter:
            self.fail(f"{value!r} is not a date. Give year, month and day, for example 2024-01-31.", param, ctx)


AS_OF = click.option(
    "--as-of", type=_DayType(["%Y-%m-%d"]), metavar="DAY", help="Use DAY as today's date, for example 2024-01-31."
)


class CliError(click.ClickException):
    """An error that click prints as a message."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(
            escape_ci_commands(escape_controls(f"cybilgraph: {self.format_message()}", lines=True)), err=True, file=file
        )


class Command(click.Command):
    """A command that turns our exceptions into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises CliError for our own errors and for failures to write to standard output."""
        if sys.stdout is None:
            raise CliError(
                "Standard output is closed\n  Leave it open, or name a file with -o if the command has that option."
            )
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # Python would flush at exit, too late to report an error
        except (KeyboardInterrupt, click.Abort):
            click.echo("Aborted!", err=True)
            sys.exit(_INTERRUPTED)
        except BrokenPipeError:  # the reader, such as head, has closed the pipe
            _discard_output()
            sys.exit(CONFORMS)
        except OSError as error:
            _discard_output()
            raise CliError(f"Cannot write the output: {error.strerror}\n  Check that the disk has space.") from error
        except CybilgraphError as error:
            where, excerpt, hints = "", "", []
            if isinstance(error, QuerySyntaxError):
                where = f" (line {error.line}, column {error.column})" if error.line else ""
                excerpt = error.excerpt
            if isinstance(error, QueryError):
                hints = [text for _, text, _ in error.hints if text != error.hint]
            more = "".join(f"\n  {line}" for line in (*excerpt.splitlines(), error.hint, *hints) if line)
            raise CliError(f"{error.what}{where}{more}") from error


def _discard_output() -> None:
    """Redirect buffered output to the null device, so that the flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class CommandGroup(click.Group):
    """A group whose commands are of class ``Command``."""

    command_class = Command
    group_class = type  # click: subgroups are of this class, too


def is_web_address(text: str) -> bool:
    """Return whether the text is an absolute HTTP(S) URL."""
    return bool(re.fullmatch(r"https?://[!-~]+", text)) and is_iri(text)


def web_address(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    """Return an option's value, or reject it if it is not an absolute URL."""
    if url and not is_web_address(url):
        raise click.BadParameter(f"{url!r} is not an absolute URL. Example: https://data.example.org/sparql")
    return url


def web_addresses(_: click.Context, __: click.Parameter, urls: tuple[str, ...]) -> tuple[str, ...]:
    """Return the addresses of sites, or reject those that are not absolute URLs."""
    for url in urls:
        if not is_web_address(url):
            raise click.BadParameter(f"{url!r} is not an absolute URL. Example: https://portal.example.org/projects/")
    return urls


def contact_address(_: click.Context, __: click.Parameter, contact: str | None) -> str | None:
    """Return a contact, or reject one that is neither a URL nor an e-mail address."""
    if contact and not is_web_address(contact) and not re.fullmatch(r"[!-?A-~]+@[!-?A-~]+", contact):
        raise click.BadParameter(f"{contact!r} is neither a URL nor an e-mail address.")
    return contact


class DescribedDefault(click.Option):
    """An option whose default is described in words, which click would put into parentheses."""

    def get_help_extra(self, ctx: click.Context) -> click.types.OptionHelpExtra:
        """Return the parts of the help text that follow in brackets."""
        extra = super().get_help_extra(ctx)
        extra["default"] = str(self.show_default)
        return extra


def contact_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option for how the operators of a site can reach the user; see ``contact_or_default``."""
    return click.option(
        "--contact",
        cls=DescribedDefault,
        metavar="URL|EMAIL",
        callback=contact_address,
        show_default=f"that of --site, or {DEFAULT_CONTACT}",
        help="How the operators of the sites can reach you; sent in the User-Agent header.",
    )(command)


def contact_or_default(contact: str | None, site: Path | None) -> str:
    """Return the given contact, else that of the site, else the default. Raises SiteError."""
    profile = read_profile(site)
    return contact or profile.contact_email or profile.publisher_iri or profile.base or DEFAULT_CONTACT


def refuse_source_as_output(output: str | None, sources: tuple[str, ...]) -> None:
    """Raise ``CliError`` if the output would overwrite a source."""
    if output and output != "-" and any(Path(output).resolve() == Path(source).resolve() for source in sources):
        raise CliError(f"{output}: the output would overwrite this source\n  Write to another file.")


@contextmanager
def open_output(path: str | None) -> Iterator[BinaryIO]:
    """Open standard output, or a file that appears only if the block succeeds."""
    if path is None or path == "-":
        yield sys.stdout.buffer
        return
    target = Path(path).resolve()
    try:
        # Devices and pipes cannot be replaced atomically.
        with target.open("wb") if target.exists() and not target.is_file() else atomic_write(target) as file:
            yield file
    except OSError as error:
        raise CliError(
            f"{path}: cannot be written: {error.strerror}\n  Check the folder, its permissions and its free space."
        ) from error


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar if standard error is a terminal; yield the function that updates it."""
    console = Console(stderr=True)
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
