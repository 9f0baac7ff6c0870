"""``cybilgraph convert``, ``template``, ``build`` and ``shapes``: turn records into RDF, forms or a release."""

from __future__ import annotations

import os
import shlex
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from cybilgraph.cli.common import (
    ANY_FOLDER,
    AS_OF,
    CONFORMS,
    DECISIONS,
    FAILED,
    OUTPUT,
    SITE,
    SOURCES,
    CliError,
    Command,
    DescribedDefault,
    format_option,
    open_output,
    progress_bar,
    reference_option,
    refuse_source_as_output,
    use_site,
)
from cybilgraph.model.findings import escape_controls
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS
from cybilgraph.model.overlay import OVERLAY_VARIABLE

if TYPE_CHECKING:
    from cybilgraph.model.findings import Report

_IATI = "iati"
_STATED_ONLY = click.option(
    "--stated-only", is_flag=True, help="Include only what the records state; extract nothing from their prose."
)


@click.command(cls=Command)
@SOURCES
@format_option([*(fmt.name for fmt in GRAPH_FORMATS), _IATI], "turtle", "RDF format, or IATI 2.03.")
@OUTPUT
@_STATED_ONLY
@click.option("--reference", is_flag=True, help="Add the reference data and the date that SHACL rules need.")
@reference_option("--own-reference")
@SITE
@AS_OF
def convert(
    sources: tuple[str, ...],
    name: str,
    output: str | None,
    stated_only: bool,
    reference: bool,
    site: Path | None,
    as_of: date | None,
) -> None:
    """Convert records to RDF or to IATI activities.

    \b
    Example:
      cybilgraph convert data/records/belize-G0020.txt -f turtle
    """
    from cybilgraph import pipeline

    if as_of and not reference:
        raise click.UsageError("--as-of needs --reference: it is the date that the rules need")
    refuse_source_as_output(output, sources)
    with open_output(output) as out, progress_bar("Converting") as progress:
        fmt = BY_NAME[name] if name != _IATI else None
        profile = use_site(site)
        others = pipeline.reference_triples(as_of) if reference else []
        report = pipeline.convert(sources, fmt, out, progress, stated_only=stated_only, others=others, profile=profile)
        _report(report, needs_records=True)
    sys.exit(FAILED if report.unread else CONFORMS)


@click.command(cls=Command)
@click.argument("form", type=click.Choice(["csv", "xlsx", "json", "yaml", "schema"]))
@click.argument("sources", nargs=-1, metavar="[SOURCE…]")
@SITE
@OUTPUT
def template(form: str, sources: tuple[str, ...], site: Path | None, output: str | None) -> None:
    """Write a form with an example or existing records.

    Without a source, the form contains an example. Other commands read a completed form directly, such as
    cybilgraph check projects.xlsx. "schema" writes the JSON Schema of the JSON and YAML forms.

    \b
    Examples:
      cybilgraph template xlsx -o projects.xlsx
      cybilgraph template yaml data/records/belize-G0020.txt
    """
    from cybilgraph import pipeline

    if form == "xlsx" and output is None and sys.stdout.isatty():
        raise CliError("A workbook cannot be shown in a terminal\n  Name a file: -o projects.xlsx")
    use_site(site)
    with open_output(output) as out, progress_bar("Reading") as progress:
        report = pipeline.write_form(sources, form, out, progress)
        _report(report, needs_records=bool(sources))
    sys.exit(FAILED if report.unread else CONFORMS)


def _report(report: Report, *, needs_records: bool) -> None:
    """Print the findings to standard error, separate from the output. Raises CliError if there is no record."""
    from cybilgraph.validation.outputs import OUTPUTS

    has_failed = needs_records and not report.records
    if report.findings or has_failed:
        OUTPUTS["text"](report, sys.stderr)
    if has_failed:
        raise CliError("No record could be read; nothing was written\n  Give files or folders of records.")


@click.command(cls=Command)
@SOURCES
@click.option("--into", type=ANY_FOLDER, required=True, metavar="DIR", help="Folder of releases.")
@click.option("--strict", is_flag=True, help="Create no release if a record violates a rule.")
@click.option("--wait", is_flag=True, help="Wait for another build into DIR to finish instead of giving up.")
@click.option(
    "--dumps/--no-dumps",
    default=True,
    show_default=True,
    help="Write downloads: dumps in several RDF syntaxes, and tables.",
)
@click.option(
    "--contacts/--no-contacts",
    cls=DescribedDefault,
    default=None,
    show_default="on without --site; otherwise, as the site file says",
    help="Include the contacts of projects.",
)
@_STATED_ONLY
@DECISIONS
@reference_option()
@SITE
@click.option(
    "--cluster", default="", metavar="ADDRESS|local:N",
    help="Use a Dask cluster (tls://HOST:8786, certificates from Dask's configuration), or N local processes.",
)  # fmt: skip
@AS_OF
def build(sources: tuple[str, ...], into: Path, site: Path | None, **options: Any) -> None:
    """Build a release: graph, store and report.

    It becomes current once it is complete. A running server switches to it within about a second, without losing a
    request.

    \b
    Example:
      cybilgraph build data/records --into build/releases
    """
    from cybilgraph import pipeline
    from cybilgraph.validation.outputs.wording import summary, tally

    profile = use_site(site)
    with progress_bar("Building") as progress:
        release, report = pipeline.build(sources, into, progress=progress, profile=profile, **options)
    console = Console(highlight=False, markup=False)
    counts = release.manifest["counts"]
    size = f"{counts['projects']:,} projects, {counts['quads']:,} statements"
    console.print(f"Release {release.number:04d} in {into}: {size}", soft_wrap=True)
    console.print(f"Checked {summary(report)}", soft_wrap=True)
    for line in tally(report):
        console.print(line, soft_wrap=True)
    if report.findings:
        same = {
            "--decisions": options["decisions"],
            "--reference": os.environ.get(OVERLAY_VARIABLE),
            "--site": site,
        }
        more = [str(part) for option, path in same.items() if path for part in (option, path)]
        command = escape_controls(f"cybilgraph check {shlex.join([*sources, *more])}")
        console.print(f"To list the findings with their lines: {command}", soft_wrap=True)


@click.command(cls=Command)
@OUTPUT
@AS_OF
@reference_option()
@SITE
@click.option(
    "--publisher", is_flag=True, help="Add the shapes for publishers: names and checksums of files, line numbers."
)
def shapes(output: str | None, as_of: date | None, site: Path | None, publisher: bool) -> None:
    """Write the rules as SHACL shapes (Turtle).

    The output includes the reference data and the date that the shapes need. With it, any SHACL engine that supports
    SPARQL constraints reports what "check" reports, except findings about reading the files. Its data graph must also
    contain the reference data: see "convert --reference".

    \b
    Example:
      cybilgraph shapes -o shapes.ttl
    """
    from cybilgraph import pipeline

    use_site(site)
    with open_output(output) as out:
        out.write(pipeline.shapes_bundle(as_of, publisher))
