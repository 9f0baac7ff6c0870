"""The command line: parse arguments, call one function, print, set the exit code."""

from __future__ import annotations

import click

from cybilgraph.cli.actors import actors, match
from cybilgraph.cli.check import check
from cybilgraph.cli.common import CommandGroup
from cybilgraph.cli.convert import build, convert, shapes, template
from cybilgraph.cli.curator_accounts import curators
from cybilgraph.cli.deploy import deploy, sizing
from cybilgraph.cli.exchange import collect, harvest, load, overlap, publish, verify
from cybilgraph.cli.query import list_queries, query
from cybilgraph.cli.releases import activate, diff, forget, prune, releases, rollback
from cybilgraph.cli.review import review
from cybilgraph.cli.serve import serve
from cybilgraph.cli.suggested_edits import suggestions
from cybilgraph.version import __version__


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="cybilgraph")
def main() -> None:
    """Build, check, query and serve a knowledge graph of cyber capacity-building projects.

    \b
    A SOURCE is a file, a folder (read recursively) or - for standard input;
    build, check and convert also accept fsspec URLs (https://, s3://, zip://…).
    Each command has its own help: cybilgraph build --help
    """


for command in (
    *(collect, convert, check, build),
    *(releases, activate, rollback, prune, forget, diff),
    *(publish, harvest, verify, load, overlap),
    *(serve, deploy, query, list_queries, template, shapes, review, suggestions, actors, match, curators, sizing),
):
    main.add_command(command)
