"""Records into RDF, into forms, into a release."""

from __future__ import annotations

import shlex
import sys
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from cybilgraph.cli.frame import (
    AS_OF,
    CONFORMS,
    FAILED,
    SOURCES,
    Command,
    Failure,
    check_output,
    progress_bar,
    tell_of,
    writing,
)
from cybilgraph.findings import visible
from cybilgraph.formats import BY_NAME, GRAPH_FORMATS

_IATI = "iati"
_RDF = [fmt.name for fmt in GRAPH_FORMATS]


@click.command(cls=Command)
@SOURCES
@click.option(
    "-f",
    "--format",
    "name",
    type=click.Choice([*_RDF, _IATI]),
    default="turtle",
    show_default=True,
    help="RDF format, or IATI 2.03.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write here, not to standard output.")
def convert(sources: tuple[str, ...], name: str, output: str | None) -> None:
    """Turn records into RDF, or into IATI activities.

    \b
    Example:
      cybilgraph convert data/records/belize-G0020.txt -f turtle
    """
    from cybilgraph import pipeline

    check_output(output, sources)
    with writing(output) as out, progress_bar("Converting") as progress:
        if name == _IATI:
            report = pipeline.convert_to_iati(sources, out, progress)
        else:
            report = pipeline.convert(sources, BY_NAME[name], out, progress)
        if not report.records:
            tell_of(report)
            raise Failure("No record could be read; nothing was written\n  Give a file or folder of saved pages.")
    if report.findings:
        tell_of(report)
    sys.exit(FAILED if report.unread else CONFORMS)


@click.command(cls=Command)
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
        raise Failure("A workbook is no text for a terminal\n  Name a file: -o projects.xlsx")
    with writing(output) as out, progress_bar("Reading") as progress:
        report = pipeline.fill(sources, form, out, progress)
        if sources and not report.records:
            tell_of(report)
            raise Failure("No record could be read; nothing was written\n  Give files or folders of records.")
    if report.findings:
        tell_of(report)
    sys.exit(FAILED if report.unread else CONFORMS)


@click.command(cls=Command)
@SOURCES
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), required=True, metavar="DIR", help="Folder of releases."
)
@click.option("--strict", is_flag=True, help="Make no release if any rule is broken.")
@click.option("--wait", is_flag=True, help="Wait while another build into DIR runs, and do not give up.")
@click.option(
    "--dumps/--no-dumps", default=True, show_default=True, help="Make files to take away, in all syntaxes, and tables."
)
@click.option("--contacts/--no-contacts", default=True, show_default=True, help="Have the contacts of projects in it.")
@click.option(
    "--cluster", default="", metavar="ADDRESS|local:N",
    help="Work on a cluster of Dask (tls://HOST:8786, certificates from Dask's configuration), or on N processes.",
)  # fmt: skip
@AS_OF
def build(
    sources: tuple[str, ...],
    into: Path,
    strict: bool,
    wait: bool,
    dumps: bool,
    contacts: bool,
    cluster: str,
    as_of: datetime | None,
) -> None:
    """Build a release: the graph, its store, its report; it is made current when it is whole.

    A server that runs serves it a second later, without a request being lost.

    \b
    Example:
      cybilgraph build data/records --into build/releases
    """
    from cybilgraph import pipeline
    from cybilgraph.validation.outputs.words import summary, tally

    with progress_bar("Building") as progress:
        release, report = pipeline.build(
            sources,
            into,
            strict,
            as_of.date() if as_of else None,
            progress,
            wait=wait,
            dumps=dumps,
            contacts=contacts,
            cluster=cluster,
        )
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
        again = visible(f"cybilgraph check {shlex.join(sources)}")
        console.print(f"Each of them, with its line: {again}", soft_wrap=True)
