"""``cybilgraph serve``: serve a release over HTTP."""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Callable
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import click

from cybilgraph.cli.common import ANY_FOLDER, FOLDER, Command, is_web_address, use_site
from cybilgraph.model.overlay import OVERLAY_VARIABLE
from cybilgraph.web.server.settings import ENVIRONMENT_PREFIX, Settings, all_settings, option_name

#: A value in the file must have its setting's type, because click would convert it silently.
_COMPATIBLE_TYPES = ((bool, bool), (list, tuple))

#: A setting of earlier versions, which scripts may still pass.
_WITHDRAWN = "look-seconds"
#: Scheme, host and port without a path, because the server's links start at the root of its host.
_ORIGIN = re.compile(r"https?://(?=.{1,253}(?::|/|\Z))(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")


def _load_config(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    if path is None:
        return
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as TOML: {error}") from error
    _warn_withdrawn(context, _, values.pop(_WITHDRAWN, None))
    known = {option_name(row).removeprefix("--"): row for row in all_settings()}
    for name, value in values.items():
        if name not in known:
            raise click.BadParameter(f"{path}: there is no setting {name!r}. Settings: {', '.join(known)}.")
        if any(isinstance(value, kind) is not isinstance(known[name].default, of) for kind, of in _COMPATIBLE_TYPES):
            raise click.BadParameter(f"{path}: {name} = {value!r} has the wrong type.")
    context.default_map = {known[name].name: value for name, value in values.items()}


def _warn_withdrawn(_context: click.Context, _parameter: click.Parameter, value: object) -> None:
    if value is not None:
        click.echo(
            f"{_WITHDRAWN} no longer has any effect. To verify the files of releases: cybilgraph releases DIR --all",
            err=True,
        )


def _warn_unknown_settings(context: click.Context) -> None:
    """Warn about environment variables with our prefix that name no setting, such as misspelt ones."""
    known = [parameter.name.upper() for parameter in context.command.params if parameter.name]
    names = [
        name.removeprefix(f"{ENVIRONMENT_PREFIX}_") for name in os.environ if name.startswith(f"{ENVIRONMENT_PREFIX}_")
    ]
    others = (OVERLAY_VARIABLE.removeprefix(f"{ENVIRONMENT_PREFIX}_"),)  # for other commands
    for name in sorted(set(names) - set(known) - set(others)):
        hint = "".join(f" Did you mean {ENVIRONMENT_PREFIX}_{alike}?" for alike in get_close_matches(name, known, 1))
        click.echo(f"{ENVIRONMENT_PREFIX}_{name} has no effect: there is no such setting.{hint}", err=True)


class _Seconds(click.FloatRange):
    """A range of numbers that also rejects NaN, which passes every comparison of ``FloatRange``."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is not a number.", param, ctx) if math.isnan(seconds) else seconds


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for row in reversed(all_settings()):
        name, minimum, maximum = option_name(row), row.metadata["minimum"], row.metadata["maximum"]
        common: dict[str, Any] = {"help": row.metadata["what"], "default": row.default, "show_envvar": True}
        common["show_default"] = row.default is not None and not isinstance(row.default, tuple)
        match row.default:
            case bool():
                name += f"/--no-{name.removeprefix('--')}"
            case tuple():
                common |= {"multiple": True, "help": f"{common['help']} May be repeated."}
            case int():
                common["type"] = click.IntRange(minimum, maximum)
            case float():
                common["type"] = _Seconds(minimum, maximum)
            case None:
                is_file = row.metadata["is_file"]
                common["type"] = click.Path(dir_okay=False, path_type=Path) if is_file else ANY_FOLDER
            case _:
                common["type"] = click.Choice(choices) if (choices := row.metadata["choices"]) else str
        command = click.option(name, row.name, **common)(command)
    return command


@click.command(cls=Command, context_settings={"auto_envvar_prefix": ENVIRONMENT_PREFIX})
@FOLDER
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_load_config,
    show_envvar=True,
    help="TOML file with settings, named like the flags: port = 8000.",
)
@click.option(f"--{_WITHDRAWN}", hidden=True, expose_value=False, callback=_warn_withdrawn)
@_options
def serve(folder: Path, **values: Any) -> None:
    """Serve the current release of DIR as a website and an API.

    Serves web pages, data, a SPARQL endpoint and record checks. Flags override environment variables, which override
    the --config file.

    \b
    Example:
      cybilgraph serve build/releases --port 8000
      curl 'http://127.0.0.1:8000/sparql' --data-urlencode 'query=ASK { ?s ?p ?o }'
    """
    from cybilgraph.web.server import http_server

    _warn_unknown_settings(click.get_current_context())
    addresses = [("--service", service) for service in values["service"]]
    addresses += [(f"--{name}", values[name]) for name in ("endpoint", "licence")]
    for name, address in addresses:
        if address and not is_web_address(address):
            raise click.BadParameter(f"{address!r} is not an absolute URL", param_hint=name)
    if values["public_url"] and not _ORIGIN.fullmatch(values["public_url"]):
        raise click.BadParameter(
            f"{values['public_url']!r} must consist of a scheme and a host, without a path. Example: https://data.example.org",
            param_hint="--public-url",
        )
    for proxy in values["trusted_proxy"]:
        try:
            ip_network(proxy, strict=False)
        except ValueError as error:
            raise click.BadParameter(
                f"{proxy!r} is not an IP address or network. Example: 10.0.0.0/8", param_hint="--trusted-proxy"
            ) from error
    if values["curators"] and not values["decisions"]:
        raise click.BadParameter("it needs --decisions DIR, where decisions are stored", param_hint="--curators")
    if values["site"]:
        use_site(values["site"])  # the release must have the same base
    http_server.serve(folder, Settings(**values), announce=lambda text: click.echo(text))
