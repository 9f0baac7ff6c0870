"""``cybilgraph verify``: check that a running site is consistent."""

from __future__ import annotations

import sys

import click

from cybilgraph.cli.common import CONFORMS, VIOLATIONS, Command
from cybilgraph.model.findings import escape_controls


@click.command(cls=Command)
@click.argument("url", metavar="URL")
@click.option(
    "-f",
    "--format",
    "name",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the report.",
)
@click.option(
    "--quick", is_flag=True, help="Download one dump instead of every file, and compare only a part of a large one."
)
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Maximum seconds without data."
)
def verify(url: str, name: str, quick: bool, timeout: float) -> None:
    """Verify the site at URL: checksums match, and endpoint, dumps, changes and descriptions agree.

    It checks what users of the data rely on: checksums and counts, that all dumps have the same statements, that the
    changes lead from the previous release to this one, content negotiation, the descriptions of resources, files and
    dataset, and the results of the example queries.

    Anyone can verify any site: all requests use HTTP. The exit code is 0 if every check passes,
    1 if one fails, 2 if the site does not respond.

    \b
    Example:
      cybilgraph verify https://example.org
    """
    from cybilgraph.sync.fetch import Site
    from cybilgraph.sync.verification import Check
    from cybilgraph.sync.verification import verify as run

    def print_check(check: Check) -> None:
        if name == "text":
            mark = "ok   " if check.passes else "FAILS"
            click.echo(escape_controls(f"{mark} {check.name}: {check.message}"))

    with Site(url, timeout, attempts=3) as site:
        result = run(site, quick, print_check)
    if name == "json":
        click.echo(result.as_json())
    else:
        failed = sum(not check.passes for check in result.checks)
        summary = "all checks pass" if result.passes else f"{failed} of {len(result.checks)} checks fail"
        click.echo(f"Release {result.release} of {result.url}: {summary}")
    sys.exit(CONFORMS if result.passes else VIOLATIONS)
