"""A running site, proven."""

from __future__ import annotations

import sys

import click

from cybilgraph.cli.common import CONFORMS, VIOLATIONS, Command
from cybilgraph.model.findings import escape_controls


@click.command(cls=Command)
@click.argument("url", metavar="URL")
@click.option(
    "-f", "--format", "name", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Report."
)
@click.option("--quick", is_flag=True, help="Take one dump, and not every file; of a large one, compare less.")
@click.option("--timeout", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Seconds without a byte.")
def verify(url: str, name: str, quick: bool, timeout: float) -> None:
    """Prove the site at URL: endpoint, dumps, pages, descriptions and changes agree, and checksums hold.

    Anyone can prove any site: all is asked over HTTP. The exit code is 0 where everything holds,
    1 where something does not, 2 where the site does not answer.

    \b
    Example:
      cybilgraph verify https://example.org
    """
    from cybilgraph.sync.fetch import Site
    from cybilgraph.sync.verification import Check, Outcome
    from cybilgraph.sync.verification import verify as run

    def print_check(check: Check) -> None:
        if name == "text":
            mark = "ok   " if check.outcome is Outcome.HOLDS else "FAILS"
            click.echo(escape_controls(f"{mark} {check.name}: {check.says}"))

    with Site(url, timeout, attempts=3) as site:
        found = run(site, quick, print_check)
    if name == "json":
        click.echo(found.as_json())
    else:
        fails = sum(check.outcome is Outcome.FAILS for check in found.checks)
        end = "everything holds" if found.holds else f"{fails} of {len(found.checks)} checks fail"
        click.echo(f"Release {found.release} of {found.url}: {end}")
    sys.exit(CONFORMS if found.holds else VIOLATIONS)
