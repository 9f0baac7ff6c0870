"""What is wrong or missing in records, or in any RDF; and the mends."""

from __future__ import annotations

import io
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from cybilgraph.cli.common import (
    AS_OF,
    CONFORMS,
    FAILED,
    KIND,
    SOURCES,
    VIOLATIONS,
    CliError,
    Command,
    open_output,
    progress_bar,
    refuse_source_as_output,
)
from cybilgraph.model.findings import SEVERITIES, Severity, escape_ci_commands, escape_controls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cybilgraph.model.findings import Report
    from cybilgraph.readers import Input
    from cybilgraph.validation.fixes import FixedFile


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from cybilgraph.validation.outputs.as_json import schema

        click.echo(json.dumps(schema(), ensure_ascii=False, indent=2))
        context.exit()


def _parse_commit(given: str | None) -> str:
    """What a script has left empty names no commit, and must not mean all files."""
    if given is not None and not given.strip():
        raise click.BadParameter("it is empty. Give a branch, a tag or a commit, or leave --since out.")
    return given or ""


@click.command(cls=Command)
@SOURCES
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
@AS_OF
@click.option(
    "--since",
    metavar="COMMIT",
    callback=lambda *given: _parse_commit(given[2]),
    help="Only files that have changed since, as git tells it.",
)
@click.option(
    "--among",
    multiple=True,
    metavar="PLACE",
    help="Hold the records against those here, too, and tell what they break together. May be repeated.",
)
@KIND
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
@click.option(
    "--graph", is_flag=True, help="Check RDF as the graph that it is against our shapes, and do not read it as records."
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
    among: tuple[str, ...],
    kind: str,
    engine: str,
    shapes: tuple[str, ...],
    graph: bool,
    fix: bool,
    diff: bool,
) -> None:
    """Tell what is wrong or missing in records, and where.

    With --shapes or --graph, the sources are RDF, and together one graph, in which all that the
    shapes are about is checked, and not only projects. Nothing is fetched: owl:imports is not
    followed.

    Exit code: 0 all is well (warnings are allowed, unless --fail-on says else), 1 it is not
    (with --fix: what is left when all is mended, and with --diff: what would be left),
    2 nothing could be read, a mended file could not be written, the shapes cannot be used, or the
    engines disagree. Where COMMIT is on another branch, --since counts from where the two parted;
    the other files are still read, for what they break together with the changed ones.

    \b
    Examples:
      cybilgraph check data/records
      cybilgraph check data/records -f html -o report.html --lang es
      cybilgraph check data/records --since origin/main -f github --fail-on warning
      cat projects.csv | cybilgraph check - --as csv
      cybilgraph check data/records --fix
      cybilgraph check --shapes shapes.ttl data.ttl
      cybilgraph check --graph data.ttl
    """
    from cybilgraph import pipeline
    from cybilgraph.model import rules

    refuse_source_as_output(output, sources)
    all_written = True
    if shapes and graph:
        raise CliError("--graph checks against our shapes, and --shapes against others\n  Give one of them.")
    if (shapes or graph) and (fix or diff):
        raise CliError("Only records can be mended\n  Leave --fix and --diff out where you give --shapes or --graph.")
    if fix and not diff and "-" in sources:
        raise CliError("Standard input cannot be mended\n  Give files, or take the change from --diff.")
    if (shapes or graph) and among:
        raise CliError("--among is for records\n  Where you give --shapes or --graph, give all files as sources.")
    with progress_bar("Checking") as progress:
        day = as_of.date() if as_of else None
        if shapes or graph:
            report = pipeline.check_rdf(
                *sources,
                shapes=shapes,
                engine=engine,
                as_of=day,
                since=since,
                kind=kind,
                language=lang,
                excerpts=True,
                progress=progress,
            )
        else:
            if fix or diff:
                mending = pipeline.fix_files(
                    *sources, engine=engine, as_of=day, since=since, kind=kind, among=among, progress=progress
                )
                all_written = _show_fixes(mending.changes, write=fix and not diff)
                report = mending.report
            if not (fix or diff) or not all_written:
                report = pipeline.check(
                    *sources,
                    engine=engine,
                    as_of=day,
                    since=since,
                    kind=kind,
                    among=among,
                    excerpts=True,
                    progress=progress,
                )
    report.fail_on = Severity(fail_on)
    report.language = lang
    if not diff:
        report.findings = [rules.translate(finding, lang) for finding in report.findings]
        _write_report(report, name, output)
    if since and not report.sources:
        click.echo(f"No file at these places has changed since {escape_controls(since)}.", err=True)
        sys.exit(CONFORMS)
    nothing_read = report.unread == report.sources and not report.records
    sys.exit(FAILED if nothing_read or not all_written else CONFORMS if report.passes else VIOLATIONS)


def _write_report(report: Report, name: str, output: str | None) -> None:
    """Write the report in the format of this name, there or to standard output."""
    from cybilgraph.validation.outputs import OUTPUTS

    if name == "text" and output in (None, "-"):
        OUTPUTS[name](report, sys.stdout)
        return
    with open_output(output) as out:
        text = io.TextIOWrapper(out, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
        OUTPUTS[name](report, text)
        text.detach()


def _show_fixes(mended: Iterable[tuple[Input, FixedFile]], write: bool) -> bool:
    """Show the change of each file, and write it; what was not certain after all is told of. Whether
    all could be written: one that could not is told of, and the others go on.
    """
    all_written = True
    for given, change in mended:
        if write and change.applied:
            try:
                _write(given, change.content)
            except CliError as failure:
                failure.show()
                all_written = False
                continue
        click.echo(escape_ci_commands(escape_controls(change.diff(), lines=True)), nl=False, err=write)
        for left in change.refused:
            place = f"{change.name}:{left.line}{f':{left.column}' if left.column else ''}"
            said = f"{place}: “{left.old}” is yours to mend: “{left.new}” does not fit in."
            click.echo(escape_ci_commands(escape_controls(said)), err=True)
    return all_written


def _write(given: Input, content: bytes) -> None:
    assert given.path  # or it was refused
    # Another file would take its place, whatever its own rights are.
    if not given.path.stat().st_mode & 0o222:
        raise CliError(f"{given.path}: not mended, since it is read-only\n  Let it be written, or mend it by hand.")
    with open_output(str(given.path)) as out:
        out.write(content)
