"""``cybilgraph load``: load a release into another SPARQL server."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import Command, progress_bar, web_address
from cybilgraph.web.server.settings import ENVIRONMENT_PREFIX


@click.command(cls=Command, context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX})
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
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
    """Load the current release of DIR into any SPARQL 1.1 server, for cybilgraph serve --endpoint.

    Sends graph by graph over the Graph Store HTTP Protocol, then checks the counts. A second run
    resumes where the first one stopped. Other graphs on the server are not changed.

    \b
    Examples:
      cybilgraph load build/releases --endpoint http://localhost:7878/query --graph-store http://localhost:7878/store
      cybilgraph serve build/releases --endpoint http://localhost:7878/query
    """
    from cybilgraph.release import Releases
    from cybilgraph.sparql.endpoint_client import Credentials, Endpoint
    from cybilgraph.sync.graph_store import load as run

    login = Credentials.of(credentials)
    with progress_bar("Loading") as on_progress:
        done = run(
            Releases(folder).current(),
            Endpoint(endpoint, login),
            graph_store or endpoint,
            login,
            resend=resend,
            on_progress=on_progress,
        )
    sent = f"{done.sent:,} statements sent" if done.sent else "already up to date"
    click.echo(
        f"Release {done.release:04d} is at {endpoint}: {done.statements:,} statements, "
        f"and {done.graphs:,} graphs of earlier captures ({sent})"
    )
