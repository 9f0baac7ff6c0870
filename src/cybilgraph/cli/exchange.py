"""``cybilgraph collect``, ``publish``, ``load``, ``harvest`` and ``verify``: exchange with other servers and sites."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click

from cybilgraph.cli.common import (
    ANY_FOLDER,
    CONFORMS,
    EXISTING_FOLDER,
    FAILED,
    FOLDER,
    SITE,
    VIOLATIONS,
    CliError,
    Command,
    contact_option,
    contact_or_default,
    format_option,
    print_safely,
    progress_bar,
    web_address,
    web_addresses,
)
from cybilgraph.model.findings import escape_controls
from cybilgraph.model.formats import GRAPH_FORMATS
from cybilgraph.model.site_profile import read_profile
from cybilgraph.web.server.settings import ENVIRONMENT_PREFIX


@click.command(cls=Command)
@FOLDER
@click.argument("address", metavar="ADDRESS")
def publish(folder: Path, address: str) -> None:
    """Copy the current release of DIR to a remote folder.

    ADDRESS is an s3://, gs://, sftp:// or other fsspec URL. The manifest is copied last, so that a partial copy does
    not count as a release. A second run copies only the missing files. Copied back to a disk, the folder works like any
    other folder of releases.

    \b
    Example:
      cybilgraph publish build/releases s3://bucket/releases
    """
    from cybilgraph.readers.filesystems import is_address
    from cybilgraph.release import Releases
    from cybilgraph.sync.publisher import publish as run

    if not is_address(address):
        raise click.BadParameter(f"{address!r} is not a URL. Example: s3://bucket/releases", param_hint="ADDRESS")
    release = Releases(folder).current()
    with progress_bar("Publishing") as on_progress:
        copied = run(release, address, on_progress)
    outcome = f"{copied:,} files copied" if copied else "already up to date"
    click.echo(f"Release {release.number:04d} is published ({outcome}).")


@click.command(cls=Command, context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX})
@FOLDER
@click.option(
    "--endpoint", required=True, metavar="URL", callback=web_address, show_envvar=True, help="Query endpoint."
)
@click.option(
    "--graph-store", metavar="URL", callback=web_address, show_envvar=True,
    help="Graph Store endpoint, if it differs from the query endpoint.",
)  # fmt: skip
@click.option(
    "--credentials", default="", metavar="FILE", show_envvar=True,
    help="File with one line of credentials: USER:PASSWORD, or a token.",
)  # fmt: skip
@click.option("--resend", "--anew", is_flag=True, help="Send everything again, including what an earlier run has sent.")
def load(folder: Path, endpoint: str, graph_store: str | None, credentials: str, *, resend: bool) -> None:
    """Load the current release into another SPARQL server.

    Any SPARQL 1.1 server works; cybilgraph serve --endpoint then sends queries there. Sends graph by graph over the
    Graph Store HTTP Protocol, then checks the counts. A second run resumes where the first one stopped. Other graphs on
    the server are not changed.

    \b
    Examples:
      cybilgraph load build/releases --endpoint http://localhost:7878/query --graph-store http://localhost:7878/store
      cybilgraph serve build/releases --endpoint http://localhost:7878/query
    """
    from cybilgraph.release import Releases
    from cybilgraph.sparql.endpoint_client import Credentials, Endpoint
    from cybilgraph.sync.graph_store import load as run

    login = Credentials.of(credentials)
    current, queries = Releases(folder).current(), Endpoint(endpoint, login)
    with progress_bar("Loading") as on_progress:
        done = run(current, queries, graph_store or endpoint, login, resend=resend, on_progress=on_progress)
    sent = f"{done.sent:,} statements sent" if done.sent else "already up to date"
    click.echo(
        f"Release {done.release:04d} is at {endpoint}: {done.statements:,} statements, "
        f"and {done.graphs:,} graphs of earlier versions ({sent})"
    )


@click.command(cls=Command)
@click.argument("url", metavar="URL")
@click.option("--into", type=ANY_FOLDER, required=True, help="Folder for the copy.")
@click.option(
    "-f", "--format", "formats", type=click.Choice([fmt.name for fmt in GRAPH_FORMATS]), multiple=True,
    help="Also write the graph in this format. May be repeated.",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Maximum seconds without data."
)
@click.option("--attempts", type=click.IntRange(1), default=6, show_default=True, help="Maximum attempts per request.")
@click.option(
    "--allow-host", "hosts", metavar="HOST[:PORT]", multiple=True,
    help="Also follow redirects to this host. May be repeated.",
)  # fmt: skip
@click.option(
    "--max-gigabytes", type=click.FloatRange(0, min_open=True), default=100.0, show_default=True,
    help="Refuse a larger graph, compressed or not.",
)  # fmt: skip
@SITE
@click.option("-q", "--quiet", is_flag=True, help="Print nothing on success.")
def harvest(
    url: str,
    into: Path,
    formats: tuple[str, ...],
    timeout: float,
    attempts: int,
    hosts: tuple[str, ...],
    max_gigabytes: float,
    site: Path | None,
    quiet: bool,
) -> None:
    """Keep a copy of the graph of the site at URL.

    The first run downloads it; later runs apply only the changes. The copy is DIR/graph.nq (sorted N-Quads). Checksums
    verify it after each step, and it is replaced atomically. The exit code is 0 if the copy equals the site's graph,
    and 2 if the harvest failed; the previous copy then stays in place.

    \b
    Examples:
      cybilgraph harvest https://example.org --into copy
      17 4 * * *  cybilgraph harvest https://example.org --into /srv/copy --quiet
    """
    from cybilgraph.sync.fetch import Limits, Site
    from cybilgraph.sync.harvester import harvest as run

    limits, contact = Limits(bytes=int(max_gigabytes * 1e9)), read_profile(site).contact_email
    with Site(url, timeout, attempts, allowed_hosts=hosts, limits=limits, contact=contact) as client:
        done = run(client, into, formats)
    if not quiet:
        click.echo(str(done))


@click.command(cls=Command)
@FOLDER
@click.argument("copy", metavar="COPY", type=EXISTING_FOLDER)
@format_option(("text", "csv"), "text", "Readable text, or a table.")
def overlap(folder: Path, copy: Path, name: str) -> None:
    """List what a release shares with that of another site.

    The release is the current one in DIR, and COPY the folder of a harvest. Two projects are listed together if they
    have the same code, IATI identifier or owl:sameAs, and two organisations that take part in projects if they have the
    same owl:sameAs. Nothing is merged.

    \b
    Examples:
      cybilgraph harvest https://example.org --into copy
      cybilgraph overlap build/releases copy
    """
    from cybilgraph.readers.tabular import escape_formula
    from cybilgraph.release import Releases
    from cybilgraph.release.graph_file import GRAPH, open_lines
    from cybilgraph.sync.harvester import open_copy
    from cybilgraph.sync.overlap import find_matches

    with open_lines(Releases(folder).current().folder / GRAPH) as ours, open_copy(copy) as theirs:
        found = find_matches(ours, theirs)
    if name == "csv":
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerow(("kind", "by", "ours", "theirs", "our_name", "their_name"))
        for one in found:
            cells = (one.kind, "; ".join(one.by), one.ours.iri, one.theirs.iri, one.ours.name, one.theirs.name)
            rows.writerow(map(escape_formula, cells))
        return
    for one in found:
        other = f" (there: {one.theirs.name})" if one.theirs.name != one.ours.name else ""
        print_safely(f"{one.kind}  {one.ours.name}{other}, by {' and '.join(one.by)}")
        print_safely(f"    {one.ours.iri}\n    {one.theirs.iri}", lines=True)
    counts = {kind: len({one.ours.iri for one in found if one.kind == kind}) for kind in ("project", "organisation")}
    shared = " and ".join(f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in counts.items())
    click.echo(f"Both have {shared}.", err=True)


@click.command(cls=Command)
@click.argument("urls", metavar="URL…", nargs=-1, required=True, callback=web_addresses)
@click.option("--into", type=ANY_FOLDER, required=True, metavar="DIR", help="Folder of web archives.")
@click.option(
    "--rate", type=click.FloatRange(0, 1000, min_open=True), default=1.0, show_default=True,
    help="Maximum requests per second. A slower Crawl-delay in robots.txt takes precedence.",
)  # fmt: skip
@click.option(
    "--match", metavar="GLOB", multiple=True, default=("*/projects/*",), show_default=True,
    help="Collect only pages whose path matches this pattern. May be repeated.",
)  # fmt: skip
@contact_option
@SITE
@click.option("--max-pages", type=click.IntRange(1), default=20_000, show_default=True, help="Maximum pages per host.")
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=30.0, show_default=True,
    help="Maximum seconds without data. A whole page may take at most four times as long; a slower one counts as "
    "failed, so that it cannot hold up the run.",
)  # fmt: skip
@click.option("--attempts", type=click.IntRange(1), default=4, show_default=True, help="Maximum attempts per page.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing unless pages are unavailable.")
def collect(
    urls: tuple[str, ...], into: Path, *, quiet: bool, contact: str | None, site: Path | None, **options: Any
) -> None:
    """Download project pages of websites into web archives.

    Other commands read these archives (WARC). Obeys robots.txt, sends one request at a time, and never leaves the host.
    Takes the pages from the site's sitemaps, or else follows links from URL. A second run downloads only what has
    changed, and records which pages are gone. An interrupted run continues where it stopped.

    Exit code: 0, or 1 if some pages were unavailable, or 2 if a site could not be collected.

    \b
    Examples:
      cybilgraph collect https://portal.example.org/projects/ --into pages --contact data@example.org
      cybilgraph collect https://example.org --into pages --match '*/what-we-do/*' --rate 0.5
      cybilgraph build pages data/records --into build/releases
    """
    from cybilgraph.sync.collector import CollectOptions, CollectSummary
    from cybilgraph.sync.collector import collect as run

    def on_notice(notice: str) -> None:
        if not quiet:
            click.echo(notice, err=True)

    collecting = CollectOptions(contact=contact_or_default(contact, site), **options)
    with progress_bar("Collecting") as on_progress:
        results = list(run(urls, into, collecting, on_progress, on_notice))
    code = CONFORMS
    for done in results:
        if not isinstance(done, CollectSummary):
            CliError(f"{done.what}\n  {done.hint}").show()
            code = FAILED
            continue
        code = max(code, VIOLATIONS if done.is_partial else CONFORMS)
        if done.is_partial or not quiet:
            print_safely(str(done), lines=True)
    sys.exit(code)


@click.command(cls=Command)
@click.argument("url", metavar="URL")
@format_option(("text", "json"), "text", "Format of the report.")
@click.option(
    "--quick", is_flag=True, help="Download one dump instead of every file, and compare only a part of a large one."
)
@click.option(
    "--timeout", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Maximum seconds without data."
)
def verify(url: str, name: str, quick: bool, timeout: float) -> None:
    """Verify that the data of the site at URL are consistent.

    Checks what users of the data rely on: checksums and counts, that all dumps have the same statements, that the
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
            mark = "ok   " if check.passes else "FAIL "
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
