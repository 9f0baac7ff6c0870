"""A release into another server."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import Command, progress_bar, web_address
from cybilgraph.web.server.settings import ENVIRONMENT_PREFIX


@click.command(cls=Command, context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX})
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--endpoint", required=True, metavar="URL", callback=web_address, show_envvar=True, help="Where it answers queries."
)
@click.option(
    "--graph-store", metavar="URL", callback=web_address, show_envvar=True,
    help="Where it takes graphs, if that is another address.",
)  # fmt: skip
@click.option(
    "--credentials", default="", metavar="FILE", show_envvar=True,
    help="File with what it asks for, in one line: USER:PASSWORD, or a token.",
)  # fmt: skip
@click.option("--anew", is_flag=True, help="Send also what an earlier run has sent.")
def load(folder: Path, endpoint: str, graph_store: str | None, credentials: str, *, anew: bool) -> None:
    """Load the current release of DIR into any server of SPARQL 1.1, for cybilgraph serve --endpoint.

    It goes by the Graph Store HTTP Protocol, graph by graph, and is counted afterwards. A second run
    goes on where the first one stopped. Graphs of other names are left alone.

    \b
    Examples:
      cybilgraph load build/releases --endpoint http://localhost:7878/query --graph-store http://localhost:7878/store
      cybilgraph serve build/releases --endpoint http://localhost:7878/query
    """
    from cybilgraph.release import Releases
    from cybilgraph.sparql.endpoint import Credentials, Endpoint
    from cybilgraph.sync.graph_store import load as run

    known = Credentials.of(credentials)
    with progress_bar("Loading") as on_progress:
        done = run(
            Releases(folder).current(),
            Endpoint(endpoint, known),
            graph_store or endpoint,
            known,
            resend=anew,
            on_progress=on_progress,
        )
    what = f"{done.sent:,} statements sent" if done.sent else "all of it was there"
    click.echo(
        f"Release {done.release:04d} is at {endpoint}: {done.statements:,} statements, "
        f"and {done.graphs:,} graphs of earlier captures ({what})"
    )
