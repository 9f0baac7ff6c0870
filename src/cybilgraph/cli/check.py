"""``cybilgraph check``: report errors and gaps in records or in any RDF, and fix what can be fixed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cybilgraph.cli.common import (
    AS_OF,
    CONFORMS,
    DECISIONS,
    FAILED,
    OUTPUT,
    SITE,
    SOURCES,
    VIOLATIONS,
    CliError,
    Command,
    choice_option,
    format_option,
    open_output,
    print_safely,
    progress_bar,
    reference_option,
    refuse_source_as_output,
    use_site,
)
from cybilgraph.model.findings import SEVERITIES, Severity, escape_controls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cybilgraph.model.findings import Fix, Report
    from cybilgraph.readers import Input
    from cybilgraph.validation.fixes import FixedFile, FixedWorkbook


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from cybilgraph.validation.outputs.as_json import schema

        click.echo(json.dumps(schema(), ensure_ascii=False, indent=2))
        context.exit()


def _parse_commit(_context: click.Context, _: click.Parameter, commit: str | None) -> str:
    """Reject an empty commit, such as an unset variable of a script: it must not mean all files."""
    if commit is not None and not commit.strip():
        raise click.BadParameter("the value is empty. Give a branch, tag or commit, or omit --since.")
    return commit or ""


def _known_kind(_context: click.Context, _: click.Parameter, kind: str) -> str:
    """Return a file suffix with its dot in lower case, or reject one that no reader supports."""
    if not kind:
        return ""
    from cybilgraph.readers import READERS

    suffix = f".{kind.lower().removeprefix('.')}"
    if suffix not in READERS:
        known = ", ".join(each.removeprefix(".") for each in READERS if each)
        raise click.BadParameter(f"{kind!r} is not a supported file type. Supported: {known}.")
    return suffix


@click.command(cls=Command)
@SOURCES
@format_option(
    ("text", "json", "html", "sarif", "junit", "github", "turtle", "csv", "xlsx"), "text", "Format of the report."
)
@OUTPUT
@choice_option(
    "--fail-on",
    choices=[severity.value for severity in SEVERITIES],
    default="violation",
    what="Lowest severity that makes the exit code 1.",
)
@choice_option("--lang", choices=("en", "es", "fr"), default="en", what="Language of the report.")
@AS_OF
@click.option(
    "--since",
    metavar="COMMIT",
    callback=_parse_commit,
    help="Check only files that have changed since this commit, according to git.",
)
@click.option(
    "--among",
    multiple=True,
    metavar="PLACE",
    help="Also compare the records with those in PLACE, and report conflicts between them. May be repeated.",
)
@DECISIONS
@reference_option()
@SITE
@click.option(
    "--as",
    "kind",
    default="",
    metavar="SUFFIX",
    callback=_known_kind,
    help="File type of standard input, for example csv.",
)
@choice_option(
    "--engine",
    choices=("fast", "pyshacl", "both"),
    default="fast",
    what='SHACL engine; "both" runs both and fails if they disagree.',
)
@click.option(
    "--shapes",
    multiple=True,
    metavar="FILE",
    help="Check any RDF against these shapes instead of ours. May be repeated.",
)
@click.option("--graph", is_flag=True, help="Check RDF directly against our shapes, without reading it as records.")
@click.option("--inferred", is_flag=True, help="Also list what was inferred from the text, as info findings.")
@click.option("--fix", is_flag=True, help="Apply the safe fixes to the files, and show the changes.")
@click.option(
    "--proposals", is_flag=True, help="With --fix or --diff: also apply each “Did you mean …?”. Review the changes."
)
@click.option("--diff", is_flag=True, help="Show what --fix would change, without changing anything.")
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
    among: tuple[str, ...],
    decisions: Path | None,
    shapes: tuple[str, ...],
    graph: bool,
    inferred: bool,
    fix: bool,
    proposals: bool,
    diff: bool,
    site: Path | None,
    **common: Any,
) -> None:
    """Report what is wrong or missing in records, and where.

    With --shapes or --graph, the sources are RDF and form one graph. Every node that the shapes
    target is checked, not only projects. Nothing is downloaded: owl:imports is ignored.

    Exit code: 0 if no finding reaches the severity of --fail-on (by default, warnings pass), 1 if
    one does (with --fix, counting only findings that remain; with --diff, those that would remain),
    2 if nothing could be read, a fixed file could not be written, the shapes are unusable or the
    engines disagree. If COMMIT is on another branch, --since compares with the merge base. Unchanged
    files are still read, to find conflicts between them and the changed ones.

    \b
    Examples:
      cybilgraph check data/records
      cybilgraph check data/records -f html -o report.html --lang es
      cybilgraph check data/records --inferred
      cybilgraph check data/records --since origin/main -f github --fail-on warning
      cat projects.csv | cybilgraph check - --as csv
      cybilgraph check data/records --fix
      cybilgraph check projects.xlsx -f xlsx -o marked.xlsx
      cybilgraph check --shapes shapes.ttl data.ttl
      cybilgraph check --graph data.ttl
    """
    from cybilgraph import pipeline
    from cybilgraph.model import rules

    refuse_source_as_output(output, sources)
    all_written = True
    is_direct = bool(shapes or graph)
    if shapes and graph:
        raise CliError("--graph and --shapes cannot be combined\n  --graph uses our shapes, --shapes your own.")
    if is_direct and (fix or diff):
        raise CliError("Only records can be fixed\n  Omit --fix and --diff when you use --shapes or --graph.")
    if proposals and not (fix or diff):
        raise CliError("--proposals has no effect on its own\n  Use it with --fix, or with --diff to see the changes.")
    if name == "xlsx" and (is_direct or diff or not _is_one_workbook(sources)):
        raise CliError(
            "-f xlsx marks the cells of one workbook\n  Give one .xlsx file, without --shapes, --graph and --diff."
        )
    if inferred and (is_direct or fix or diff):
        raise CliError("--inferred only reports\n  Omit --fix, --diff, --shapes and --graph.")
    if fix and not diff and "-" in sources:
        raise CliError("Standard input cannot be fixed\n  Give files, or apply the output of --diff.")
    if is_direct and among:
        raise CliError("--among works only with records\n  With --shapes or --graph, give all files as sources.")
    if decisions and (is_direct or fix or diff):
        raise CliError("--decisions needs records to check\n  Omit it with --shapes, --graph, --fix or --diff.")
    use_site(site)
    with progress_bar("Checking") as progress:
        common["progress"] = progress
        if is_direct:
            report = pipeline.check_rdf(*sources, shapes=shapes, language=lang, excerpts=True, **common)
        else:
            if fix or diff:
                fixed = pipeline.fix_files(*sources, among=among, proposals=proposals, **common)
                all_written = _show_fixes(fixed.changes, write=fix and not diff)
                report = fixed.report
            if not (fix or diff) or not all_written:
                report = pipeline.check(
                    *sources, among=among, excerpts=True, list_inferred=inferred, decisions=decisions, **common
                )
    report.fail_on = Severity(fail_on)
    report.language = lang
    if not diff:
        report.findings = [rules.translate(finding, lang) for finding in report.findings]
        if name == "xlsx":
            _write_marked_workbook(report, Path(sources[0]), output)
        else:
            _write_report(report, name, output)
    if common["since"] and not report.sources:
        click.echo(f"No source has changed since {escape_controls(common['since'])}.", err=True)
        sys.exit(CONFORMS)
    nothing_read = report.unread == report.sources and not report.records
    sys.exit(FAILED if nothing_read or not all_written else CONFORMS if report.passes else VIOLATIONS)


def _write_report(report: Report, name: str, output: str | None) -> None:
    from cybilgraph.validation.outputs import OUTPUTS

    if name == "text" and output in (None, "-"):
        OUTPUTS[name](report, sys.stdout)
        return
    with open_output(output) as out:
        text = io.TextIOWrapper(out, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
        OUTPUTS[name](report, text)
        text.detach()


def _is_one_workbook(sources: tuple[str, ...]) -> bool:
    return len(sources) == 1 and Path(sources[0]).suffix.lower() == ".xlsx" and not Path(sources[0]).is_dir()


def _write_marked_workbook(report: Report, source: Path, output: str | None) -> None:
    from cybilgraph.validation.marked_workbook import mark_workbook

    marked = mark_workbook(source.read_bytes(), report)
    with open_output(output) as out:
        out.write(marked)


def _show_fixes(changes: Iterable[tuple[Input, FixedFile | FixedWorkbook]], write: bool) -> bool:
    """Show the diff of each file and the fixes that did not apply; optionally write the files.

    Return whether every file could be written. A failure is printed and does not stop the others.
    """
    all_written = True
    for source, change in changes:
        if write and change.applied:
            try:
                _write(source, change.content)
            except CliError as failure:
                failure.show()
                all_written = False
                continue
        print_safely(change.diff(), lines=True, nl=False, err=write)
        for fix in change.refused:
            position = f"{change.name}:{_position(source, fix)}"
            print_safely(f"{position}: “{fix.old}” could not be replaced with “{fix.new}”. Edit it by hand.", err=True)
    return all_written


def _position(source: Input, fix: Fix) -> str:
    from cybilgraph.readers.cells import cell_name
    from cybilgraph.readers.excerpts import WORKBOOKS

    if source.suffix in WORKBOOKS:
        return cell_name(fix.line, fix.column)
    return f"{fix.line}{f':{fix.column}' if fix.column else ''}"


def _write(source: Input, content: bytes) -> None:
    assert source.path  # standard input was refused before
    # An atomic replacement needs no write permission on the old file, so check it here.
    if not source.path.stat().st_mode & 0o222:
        raise CliError(f"{source.path}: not fixed, because it is read-only\n  Make it writable, or edit it by hand.")
    with open_output(str(source.path)) as out:
        out.write(content)
