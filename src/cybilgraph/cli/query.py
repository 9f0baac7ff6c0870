"""``cybilgraph query`` and ``queries``: query a release or an endpoint."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from cybilgraph.cli.common import SITE, Command, format_option, use_site
from cybilgraph.errors import CybilgraphError
from cybilgraph.model.findings import escape_controls
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.vocabulary import shorten

if TYPE_CHECKING:
    from cybilgraph.sparql import Answer, Hint


class _GraphType(click.types.StringParamType):
    def get_missing_message(self, *_: Any, **__: Any) -> str:
        """Say what to give (the interface of click)."""
        return "Give a folder of releases (--from build/releases) or the URL of an endpoint."


@click.command(cls=Command)
@click.argument("query", metavar="FILE|NAME|TEXT")
@click.option(
    "--from",
    "place",
    type=_GraphType(),
    required=True,
    metavar="DIR|URL",
    help="Folder of releases, or URL of an endpoint.",
)
@format_option(("table", *BY_NAME), None, "Output format. Default: a table, or Turtle for a graph.")
@click.option(
    "--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of a query parameter. May be repeated."
)
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Time limit in seconds.")
@click.option(
    "--credentials",
    default="",
    metavar="FILE",
    help="File with one line of credentials for the endpoint: USER:PASSWORD, or a token.",
)
@SITE
@click.option("--explain", is_flag=True, help="Do not run the query: explain why it may be empty or slow.")
def query(
    query: str,
    place: str,
    name: str | None,
    parameters: tuple[str, ...],
    timeout: float | None,
    credentials: str,
    site: Path | None,
    *,
    explain: bool,
) -> None:
    """Query a release or an endpoint.

    The query is a file, the name of a query, or SPARQL text.

    \b
    Examples:
      cybilgraph query example-projects-in-country --param country=BZ --from build/releases
      cybilgraph query 'SELECT ?t { ?p dcterms:title ?t }' --from http://127.0.0.1:8000/sparql
      cybilgraph query 'SELECT ?p { ?p cyb:implementor ?a }' --from build/releases --explain
    """
    from cybilgraph.release.open_graph import open_engine
    from cybilgraph.sparql import guard

    if site:
        use_site(site)
    names = ("json", "turtle") if name is None else ("json" if name == "table" else name,)
    try:
        engine = open_engine(place, timeout, credentials)  # before the query, because it sets the base
    except CybilgraphError:
        guard.guard(_query_text(query, parameters))  # a wrong query is explained first
        raise
    with closing(engine):
        text = _query_text(query, parameters)
        guard.guard(text)
        if explain:
            _print_hints(engine.explain(text))
            return
        answer = engine.answer(text, tuple(BY_NAME[each] for each in names), timeout)
    if answer.hints:
        _print_hints(answer.hints, err=True)
    if name in (None, "table") and answer.format.name == "json":
        _print_table(answer)
    else:
        sys.stdout.buffer.writelines(answer.body.blocks())


@click.command("queries", cls=Command)
def list_queries() -> None:
    """List the named queries and their parameters.

    \b
    Example:
      cybilgraph queries
    """
    from cybilgraph.sparql.queries import example_queries

    for example in example_queries():
        parameters = " ".join(f"--param {parameter.name}=…" for parameter in example.parameters)
        click.echo(f"{example.name}  {parameters}".rstrip())
        click.echo(f"    {example.title}")


def _query_text(query: str, parameters: tuple[str, ...]) -> str:
    from cybilgraph.sparql import queries

    values: dict[str, list[str]] = {}
    for parameter in parameters:
        key, equals, value = parameter.partition("=")
        if not equals:
            raise click.BadParameter(f"{parameter!r} is not NAME=VALUE", param_hint="--param")
        values.setdefault(key, []).append(value)
    found = queries.find_query(query)
    return found.bind(values) if values else found.text


def _print_hints(hints: tuple[Hint, ...], *, err: bool = False) -> None:
    for hint in hints:
        line = f"line {hint.line}: " if hint.line else ""
        click.echo(line + escape_controls(hint.text), err=err)
    if not hints:
        click.echo("No problems found in this query.", err=err)


def _print_table(answer: Answer) -> None:
    from rich.table import Table
    from rich.text import Text

    result = json.loads(answer.content)
    if "boolean" in result:
        click.echo("yes" if result["boolean"] else "no")
        return
    columns, rows = result["head"]["vars"], result["results"]["bindings"]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        texts = {name: shorten(term["value"]) if term["type"] == "uri" else term["value"] for name, term in row.items()}
        # A Text, because rich reads square brackets in a str as markup.
        table.add_row(*(Text(escape_controls(texts.get(column, ""))) for column in columns))
    # Lines in a pipe must not be cut or folded to a terminal's width.
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 100_000).print(table)
    Console(stderr=True, highlight=False, markup=False).print(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")
