"""The command line: parse arguments, call one function, print, set the exit code."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cybilgraph import __version__
from cybilgraph.errors import CybilgraphError, QuerySyntaxError
from cybilgraph.files import written_whole
from cybilgraph.findings import SEVERITIES, Severity, visible
from cybilgraph.formats import BY_NAME, GRAPH_FORMATS, Format
from cybilgraph.vocab import short

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cybilgraph.engine import Answer, Engine
    from cybilgraph.findings import Report
    from cybilgraph.fixes import Mended
    from cybilgraph.readers import Input

#: check: no violation; violations; the work could not be done.
CONFORMS, VIOLATIONS, FAILED = 0, 1, 2

_RDF = [fmt.name for fmt in GRAPH_FORMATS]
_SOURCES = click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
_KIND = click.option(
    "--as",
    "kind",
    default="",
    metavar="SUFFIX",
    callback=lambda *given: _known_kind(given[2]),
    help="Read standard input as such a file: csv.",
)


class _Failure(click.ClickException):
    """An error of ours as click shows it."""

    exit_code = FAILED

    def show(self, file: Any = None) -> None:
        click.echo(visible(f"cybilgraph: {self.format_message()}", lines=True), err=True, file=file)


class _Command(click.Command):
    """A command whose help keeps the line breaks of its examples, and that turns our errors
    into messages.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CybilgraphError as error:
            where = (
                f" (line {error.line}, column {error.column})"
                if isinstance(error, QuerySyntaxError) and error.line
                else ""
            )
            hint = f"\n  {error.hint}" if error.hint else ""
            raise _Failure(f"{error.what}{where}{hint}") from error


class _Group(click.Group):
    command_class = _Command
    group_class = type  # groups in it are of its own kind


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="cybilgraph")
def main() -> None:
    """A linked-data knowledge graph of cyber capacity-building projects.

    \b
    A SOURCE is a file, a folder (read with all that it holds) or - for standard input.
    Each command explains itself: cybilgraph build --help
    """


@main.command()
@_SOURCES
@click.option(
    "-f", "--format", "name", type=click.Choice(_RDF), default="turtle", show_default=True, help="RDF format."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write here, not to standard output.")
def convert(sources: tuple[str, ...], name: str, output: str | None) -> None:
    """Turn records into RDF.

    \b
    Example:
      cybilgraph convert data/records/belize-G0020.txt -f turtle
    """
    from cybilgraph import pipeline

    _not_a_source(output, sources)
    with _output(output) as out, _progress("Converting") as progress:
        report = pipeline.convert(sources, BY_NAME[name], out, progress)
        if not report.records:
            _report(report)
            raise _Failure("No record could be read; nothing was written\n  Give a file or folder of saved pages.")
    if report.findings:
        _report(report)
    sys.exit(FAILED if report.unread else CONFORMS)


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from cybilgraph.validation.outputs.as_json import schema

        click.echo(json.dumps(schema(), ensure_ascii=False, indent=2))
        context.exit()


@main.command()
@_SOURCES
@click.option(
    *("-f", "--format", "name"),
    type=click.Choice(["text", "json", "html", "sarif", "junit", "github", "turtle", "csv"]),
    default="text",
    show_default=True,
    help="Format of the report.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write here, not to standard output.")
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in SEVERITIES]),
    default="violation",
    show_default=True,
    help="The least that makes the exit code 1.",
)
@click.option(
    "--lang", type=click.Choice(["en", "es", "fr"]), default="en", show_default=True, help="Language of the report."
)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Check as on this day: 2024-01-31.")
@click.option("--since", default="", metavar="COMMIT", help="Only files that have changed since, as git tells it.")
@_KIND
@click.option(
    "--engine",
    type=click.Choice(["fast", "pyshacl", "both"]),
    default="fast",
    show_default=True,
    help="SHACL engine; both: fail where they disagree.",
)
@click.option(
    "--shapes", multiple=True, metavar="FILE", help="Check any RDF against these shapes, not ours. May be repeated."
)
@click.option("--fix", is_flag=True, help="Mend in the files what can be mended for certain, and show the change.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option(
    "--json-schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of -f json.",
)
def check(
    sources: tuple[str, ...],
    name: str,
    output: str | None,
    fail_on: str,
    lang: str,
    as_of: datetime | None,
    since: str,
    kind: str,
    engine: str,
    shapes: tuple[str, ...],
    fix: bool,
    diff: bool,
) -> None:
    """Tell what is wrong or missing in records, and where.

    With --shapes, the sources are RDF of any kind, and together one graph. Nothing is fetched:
    owl:imports is not followed.

    Exit code: 0 all is well (warnings are allowed, unless --fail-on says else), 1 it is not,
    2 nothing could be read, the shapes cannot be used, or the engines disagree. Where COMMIT is on
    another branch, --since counts from where the two parted.

    \b
    Examples:
      cybilgraph check data/records
      cybilgraph check data/records -f html -o report.html --lang es
      cybilgraph check data/records --since origin/main -f github --fail-on warning
      cat projects.csv | cybilgraph check - --as csv
      cybilgraph check data/records --fix
      cybilgraph check --shapes shapes.ttl data.ttl
    """
    from cybilgraph import pipeline, rules
    from cybilgraph.validation.outputs import OUTPUTS

    _not_a_source(output, sources)
    if shapes and (fix or diff):
        raise _Failure("Only records can be mended\n  Leave --fix and --diff out where you give --shapes.")
    with _progress("Checking") as progress:
        day = as_of.date() if as_of else None
        if shapes:
            report = pipeline.check_rdf(
                *sources, shapes=shapes, engine=engine, since=since, kind=kind, excerpts=True, progress=progress
            )
        else:
            if fix or diff:
                _mend(pipeline.mend(*sources, engine=engine, as_of=day, since=since, kind=kind), write=fix and not diff)
                if diff:
                    return
            report = pipeline.check(
                *sources, engine=engine, as_of=day, since=since, kind=kind, excerpts=True, progress=progress
            )
    report.fail_on = Severity(fail_on)
    report.language = lang
    report.findings = [rules.in_language(finding, lang) for finding in report.findings]
    if name == "text" and output in (None, "-"):
        OUTPUTS[name](report, sys.stdout)
    else:
        with _output(output) as out:
            text = io.TextIOWrapper(out, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
            OUTPUTS[name](report, text)
            text.detach()
    if since and not report.sources:
        click.echo(f"No file at these places has changed since {visible(since)}.", err=True)
        sys.exit(CONFORMS)
    nothing_read = report.unread == report.sources and not report.records
    sys.exit(FAILED if nothing_read else CONFORMS if report.passes else VIOLATIONS)


def _mend(mended: Iterable[tuple[Input, Mended]], write: bool) -> None:
    """Show the change of each file, and write it; what was not certain after all is told of."""
    for given, change in mended:
        if write and change.applied:
            if given.path is None:
                raise _Failure("Standard input cannot be mended\n  Give files, or take the change from --diff.")
            with _output(str(given.path)) as out:
                out.write(change.content)
        click.echo(visible(change.diff(), lines=True), nl=False, err=write)
        for left in change.refused:
            place = f"{change.name}:{left.line}:{left.column}"
            click.echo(visible(f"{place}: “{left.old}” is yours to mend: “{left.new}” does not fit in."), err=True)


@main.command()
@_SOURCES
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of releases.")
@click.option("--strict", is_flag=True, help="Make no release if any rule is broken.")
def build(sources: tuple[str, ...], into: Path, strict: bool) -> None:
    """Build a release: the graph, its store, its report; it is made current when it is whole.

    A server that runs goes on with the release that it started with, until it is started again.

    \b
    Example:
      cybilgraph build data/records --into build/releases
    """
    from cybilgraph import pipeline
    from cybilgraph.validation.outputs.words import summary, tally

    with _progress("Building") as progress:
        release, report = pipeline.build(sources, into, strict=strict, progress=progress)
    console = Console(highlight=False, markup=False)
    counts = release.manifest["counts"]
    console.print(
        f"Release {release.number:04d} in {into}: {counts['projects']:,} projects, {counts['quads']:,} statements",
        soft_wrap=True,
    )
    console.print(f"Checked {summary(report)}", soft_wrap=True)
    for line in tally(report):
        console.print(line, soft_wrap=True)
    if report.findings:
        again = visible(f"cybilgraph check {' '.join(sources)}")
        console.print(f"Each of them, with its line: {again}", soft_wrap=True)


@main.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen at.")
@click.option(
    "--suggestions", type=click.Path(file_okay=False, path_type=Path), help="Take suggested edits, and keep them here."
)
@click.option(
    "--rate", type=click.IntRange(1), default=240, show_default=True, help="Records a minute that one client may check."
)
def serve(folder: Path, host: str, port: int, suggestions: Path | None, rate: int) -> None:
    """Serve the current release of DIR: pages, data, a SPARQL endpoint and the check of records, until stopped.

    \b
    Example:
      cybilgraph serve build/releases --port 8000
      curl 'http://127.0.0.1:8000/sparql' --data-urlencode 'query=ASK { ?s ?p ?o }'
    """
    from cybilgraph.web import server

    server.serve(folder, host, port, announce=lambda text: click.echo(text), suggestions=suggestions, rate=rate)


@main.command()
@click.argument("query", metavar="FILE|NAME|TEXT")
@click.option(
    "--from", "place", required=True, metavar="DIR|URL", help="Folder of releases, or address of an endpoint."
)
@click.option(
    "-f", "--format", "name", type=click.Choice(["table", *BY_NAME]), default=None, help="Default: a table, or Turtle."
)
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of a parameter; may be repeated."
)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds after which to give up.")
def query(query: str, place: str, name: str | None, parameters: tuple[str, ...], timeout: float | None) -> None:
    """Ask a release or an endpoint: a query in a file, a query by name, or SPARQL text.

    \b
    Examples:
      cybilgraph query example-projects-in-country --param country=BZ --from build/releases
      cybilgraph query 'SELECT ?t { ?p dcterms:title ?t }' --from http://127.0.0.1:8000/sparql
    """
    from cybilgraph import queries

    text = _query_text(query, parameters)
    queries.guard(text)
    engine = _engine(place)
    try:
        answer = engine.answer(text, _formats(name), timeout)
    finally:
        engine.close()
    if name in (None, "table") and answer.format.name == "json":
        _table(answer)
    else:
        sys.stdout.buffer.write(answer.content)


@main.command()
@click.argument("form", type=click.Choice(["csv", "xlsx", "json", "yaml", "schema"]))
@click.argument("sources", nargs=-1, metavar="[SOURCE…]")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write here, not to standard output.")
def template(form: str, sources: tuple[str, ...], output: str | None) -> None:
    """Write a form to fill in: with an example, or with the records of the sources.

    What is filled in can be read as it is: cybilgraph check projects.xlsx. "schema" is the
    JSON Schema of the forms in JSON and YAML.

    \b
    Examples:
      cybilgraph template xlsx -o projects.xlsx
      cybilgraph template yaml data/records/belize-G0020.txt
    """
    from cybilgraph import pipeline

    if form == "xlsx" and output is None and sys.stdout.isatty():
        raise _Failure("A workbook is no text for a terminal\n  Name a file: -o projects.xlsx")
    with _output(output) as out, _progress("Reading") as progress:
        report = pipeline.fill(sources, form, out, progress)
        if sources and not report.records:
            _report(report)
            raise _Failure("No record could be read; nothing was written\n  Give files or folders of records.")
    if report.findings:
        _report(report)
    sys.exit(FAILED if report.unread else CONFORMS)


@main.group()
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
    from cybilgraph.suggestions import Suggestions

    for given in Suggestions(folder).waiting():
        comment = f"  {given.comment.splitlines()[0]}" if given.comment else ""
        click.echo(visible(f"{given.id}  {given.project}  {given.title}{comment}"))


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
    from cybilgraph.suggestions import Suggestions, current, difference, is_changed
    from cybilgraph.validation.outputs import OUTPUTS

    given = Suggestions(folder).get(name)
    now = current(given, records)
    sender = " ".join(filter(None, (given.sender, f"<{given.email}>" if given.email else ""))) or "nobody named"
    _say(f"{given.project}: {given.title}", f"Sent {given.time} by {sender}", *given.comment.splitlines(), "")
    if not given.base.is_source:
        _say(f"The record was read from {given.base.file}, which the release has not kept as a file of its own.")
        _say(f"Accepted, the suggestion becomes the file {given.target} beside it.", "")
    if reason := is_changed(given, records):
        _say(f"Beware: {reason}. Since then, without the suggestion:", "")
        _say(*difference(given.base.text, now or "", "when the edit began", given.target), "")
        _say("The suggestion, against what the edit began with:", "")
        _say(*difference(given.base.text, given.text, "when the edit began", "suggested"), "")
    else:
        before = given.base.text if now is None else now
        _say(*difference(before, given.text, given.target if now is not None else "the form", "suggested"), "")
    checked = pipeline.check_input(Input(given.name, given=given.text.encode(errors="replace")))
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
    from cybilgraph.suggestions import Suggestions

    written = Suggestions(folder).accept(name, records, force)
    _say(f"Written: {written}")


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
    from cybilgraph.suggestions import Suggestions

    Suggestions(folder).reject(name, reason)


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(visible(line))


@main.command("queries")
def list_queries() -> None:
    """List the queries that can be asked by name.

    \b
    Example:
      cybilgraph queries
    """
    from cybilgraph.queries import examples

    for example in examples():
        parameters = " ".join(f"--param {parameter.name}=…" for parameter in example.parameters)
        click.echo(f"{example.name}  {parameters}".rstrip())
        click.echo(f"    {example.title}")


def _query_text(query: str, parameters: tuple[str, ...]) -> str:
    from cybilgraph import queries

    values: dict[str, list[str]] = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise click.BadParameter(f"{parameter!r} is not NAME=VALUE", param_hint="--param")
        values.setdefault(key, []).append(value)
    if _is_file(query):
        try:
            found = queries.parse(Path(query).stem, Path(query).read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise _Failure(f"{query}: not a text in UTF-8\n  A query is a text file, usually named *.rq.") from error
    elif re.fullmatch(r"[\w-]+", query):
        found = queries.load(query)
    elif query.endswith(".rq"):
        raise _Failure(f"{query}: no such file\n  cybilgraph queries lists the queries that can be asked by name.")
    else:
        found = queries.parse("the query", query)
    return found.bind(values) if values else found.text


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte: a query
        return False


def _engine(place: str) -> Engine:
    if re.match(r"https?://", place):
        from cybilgraph.engine.remote import RemoteEngine

        return RemoteEngine(place)
    from cybilgraph.engine.embedded import EmbeddedEngine, Limits
    from cybilgraph.release import Releases

    return EmbeddedEngine(Releases(Path(place)).current().store, Limits(workers=1))


def _formats(name: str | None) -> tuple[Format, ...]:
    if name is None:
        return (BY_NAME["json"], BY_NAME["turtle"])
    return (BY_NAME["json" if name == "table" else name],)


def _table(answer: Answer) -> None:
    from rich.table import Table
    from rich.text import Text

    result = json.loads(answer.content)
    if "boolean" in result:
        click.echo("yes" if result["boolean"] else "no")
        return
    columns, rows = result["head"]["vars"], result["results"]["bindings"]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text and not str: square brackets in a value are no markup.
        table.add_row(*(Text(_shown(row[column])) if column in row else "" for column in columns))
    # In a pipe nothing is cut or folded: the reader there has no width.
    console = (
        Console(highlight=False, markup=False)
        if sys.stdout.isatty()
        else Console(highlight=False, markup=False, width=100_000)
    )
    console.print(table)
    Console(stderr=True, highlight=False, markup=False).print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")


def _shown(term: dict[str, str]) -> str:
    return visible(short(term["value"]) if term["type"] == "uri" else term["value"])


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


def _not_a_source(output: str | None, sources: tuple[str, ...]) -> None:
    if output and output != "-" and any(Path(output).resolve() == Path(source).resolve() for source in sources):
        raise _Failure(f"{output}: this is a source\n  Write to another file.")


@contextmanager
def _output(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears only when the block has ended well."""
    if path is None or path == "-":
        yield sys.stdout.buffer
        return
    target = Path(path).resolve()
    try:
        # A device or a pipe is written, not replaced.
        with target.open("wb") if target.exists() and not target.is_file() else written_whole(target) as file:
            yield file
    except OSError as error:
        raise _Failure(
            f"{path}: cannot be written: {error.strerror}\n  Check the folder, its rights and its free space."
        ) from error


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; nothing in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _report(report: Report) -> None:
    """Tell of findings beside what the command gives."""
    from cybilgraph.validation.outputs import OUTPUTS

    OUTPUTS["text"](report, sys.stderr)


if __name__ == "__main__":
    main()
