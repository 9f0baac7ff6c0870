"""``cybilgraph deploy`` and ``sizing``: configuration for permanent operation, and the resources it needs."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import click

from cybilgraph.cli.common import (
    ANY_FOLDER,
    DECISIONS,
    EXISTING_FOLDER,
    FOLDER,
    SITE,
    CliError,
    Command,
    CommandGroup,
    contact_option,
    contact_or_default,
    use_site,
    web_addresses,
)
from cybilgraph.model.vocabulary import own_iri
from cybilgraph.web.server.settings import Settings

_TEMPLATES = Path(__file__).with_name("deployment")
_PROGRAM = Path(sys.executable).with_name("cybilgraph")
#: The service manager waits a little longer than the server waits for requests in progress.
_STOP_SECONDS = Settings().stop_seconds + 10


@click.group(cls=CommandGroup)
def deploy() -> None:
    """Print configurations for a server and for regular updates.

    \b
    Examples:
      cybilgraph deploy systemd /srv/releases
      cybilgraph deploy nginx https://data.example.org
      cybilgraph deploy timer https://portal.example.org/projects/ --pages /srv/pages --into /srv/releases
    """


@deploy.command()
@FOLDER
def systemd(folder: Path) -> None:
    """Print a systemd unit that serves the releases in DIR.

    \b
    Example:
      cybilgraph deploy systemd /srv/releases > /etc/systemd/system/cybilgraph.service
      systemctl enable --now cybilgraph
    """
    quoted = {"program": _quoted(_PROGRAM), "folder": _quoted(folder.resolve())}
    click.echo(_template("cybilgraph.service").format(**quoted, stop=_STOP_SECONDS), nl=False)


def _update_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what an update collects and builds."""
    for option in (
        click.option("--report-to", metavar="EMAIL", default="root", show_default=True, callback=_plain_word,
                     help="Address or local user to notify if an update fails."),
        contact_option,
        SITE,
        DECISIONS,
        click.option("--reference", type=EXISTING_FOLDER, metavar="DIR",
                     help="Also use the reference data in DIR."),
        click.option("--records", type=click.Path(path_type=Path), multiple=True, metavar="SOURCE",
                     help="Other records to build. May be repeated."),
        click.option("--into", type=ANY_FOLDER, required=True, metavar="DIR", help="Folder of releases."),
        click.option("--pages", type=ANY_FOLDER, required=True, metavar="DIR", help="Folder of web archives."),
        click.argument("urls", metavar="URL…", nargs=-1, required=True, callback=web_addresses),
    ):  # fmt: skip
        command = option(command)
    return command


def _build_options(**files: Path | None) -> list[str]:
    """Return the options of a build that name files or folders."""
    return [part for name, path in files.items() if path for part in (f"--{name}", str(path.resolve()))]


def _plain_word(_: click.Context, __: click.Parameter, address: str) -> str:
    """Return the name of a user or an e-mail address, or reject one that a shell could interpret."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+@-]*", address):
        raise click.BadParameter(f"{address!r} is not a name or an e-mail address: use letters, digits and . _ + - @")
    return address


@deploy.command()
@_update_options
@click.option("--user", metavar="NAME", default="cybilgraph", show_default=True, callback=_plain_word,
              help="System user that runs the update.")  # fmt: skip
def timer(
    urls: tuple[str, ...],
    pages: Path,
    into: Path,
    contact: str | None,
    site: Path | None,
    decisions: Path | None,
    reference: Path | None,
    records: tuple[Path, ...],
    report_to: str,
    user: str,
) -> None:
    """Print a script that sets up nightly updates with systemd.

    An update collects the pages, builds a release and makes it current. If it fails, the current release stays, and the
    report is sent by mail, or else logged.

    \b
    Example:
      cybilgraph deploy timer https://portal.example.org/projects/ --pages /srv/pages --into /srv/releases | sudo sh
    """
    own, sources = [pages.resolve(), into.resolve()], [pages.resolve(), *(folder.resolve() for folder in records)]
    options = _build_options(site=site, decisions=decisions, reference=reference)
    script = _template("update.sh").format(
        program=_quoted(_PROGRAM),
        urls=" ".join(map(_quoted, urls)),
        pages=_quoted(own[0]),
        releases=_quoted(own[1]),
        sources=" ".join(map(_quoted, sources)),
        options="".join(f" {_quoted(part)}" for part in options),
        writable=" ".join(map(_quoted, own)),
        folders=" ".join(shlex.quote(str(folder)) for folder in own),
        contact=_quoted(contact_or_default(contact, site)),
        user=user,
        report_to=report_to,
    )
    click.echo(script, nl=False)


@deploy.command()
@_update_options
def cron(
    urls: tuple[str, ...],
    pages: Path,
    into: Path,
    contact: str | None,
    site: Path | None,
    decisions: Path | None,
    reference: Path | None,
    records: tuple[Path, ...],
    report_to: str,
) -> None:
    """Print crontab lines that update a site every night.

    They collect the pages, build a release and make it current. If pages are unavailable or the update fails, cron
    sends the output by mail. The example replaces the whole crontab; if yours has other lines, add these two with
    crontab -e.

    \b
    Example:
      cybilgraph deploy cron https://portal.example.org/projects/ --pages /srv/pages --into /srv/releases | crontab -
    """
    program, archive, releases = map(str, (_PROGRAM, pages.resolve(), into.resolve()))
    contact = contact_or_default(contact, site)
    collect = shlex.join([program, "collect", *urls, "--into", archive, "--contact", contact, "--quiet"])
    sources = [archive, *(str(folder.resolve()) for folder in records)]
    options = _build_options(site=site, decisions=decisions, reference=reference)
    build = shlex.join([program, "build", *sources, "--into", releases, "--wait", *options])
    # With exit code 1, some pages were unavailable, whose earlier captures remain. In a crontab, % ends the command.
    line = f"{collect}; [ $? -le 1 ] && {build} > /dev/null".replace("%", r"\%")
    if not line.isprintable():
        raise CliError("A crontab cannot hold line breaks or control characters\n  Use other names, or deploy timer.")
    click.echo(f"MAILTO={report_to}\n17 3 * * * {line}")


def _quoted(path: Path | str) -> str:
    """Quote a path as one word of a systemd command line without variable expansion.

    Sources: systemd.syntax(7), systemd.unit(5), systemd.service(5).
    """

    def escaped(char: str) -> str:
        if char == "%":
            return "%%"
        if char in '\\"':
            return f"\\{char}"
        # A line break would end the setting, and systemd rejects a unit that is not UTF-8.
        return char if char.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(char))

    return f'"{"".join(map(escaped, str(path)))}"'


def _site_host(_: click.Context, __: click.Parameter, url: str) -> str:
    """Return the host of a site's public URL, or reject one with a path, a port or without TLS."""
    if not (match := re.fullmatch(r"https://((?=.{1,253}/?\Z)(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+)/?", url)):
        raise click.BadParameter(f"{url!r} must consist of https:// and a host. Example: https://data.example.org")
    return match[1].lower()


_HOST = click.argument("host", metavar="URL", callback=_site_host)
_PORT = click.option(
    "--port", type=click.IntRange(1, 65_535), default=Settings().port, show_default=True, help="Port of the server."
)


@deploy.command()
@_HOST
@_PORT
def nginx(host: str, port: int) -> None:
    """Print an nginx configuration for the site at URL.

    \b
    Example:
      cybilgraph deploy nginx https://data.example.org > /etc/nginx/conf.d/cybilgraph.conf
    """
    from cybilgraph.web.application import MAX_BODY_BYTES

    click.echo(_template("nginx.conf").format(host=host, port=port, body_bytes=MAX_BODY_BYTES), nl=False)


@deploy.command()
@_HOST
@_PORT
def caddy(host: str, port: int) -> None:
    """Print a Caddy configuration for the site at URL.

    \b
    Example:
      cybilgraph deploy caddy https://data.example.org > /etc/caddy/Caddyfile
    """
    from cybilgraph.web.application import MAX_BODY_BYTES

    click.echo(_template("Caddyfile").format(host=host, port=port, body_bytes=MAX_BODY_BYTES), nl=False)


@deploy.command()
@_HOST
@SITE
def w3id(host: str, site: Path | None) -> None:
    """Print the .htaccess for w3id.org that redirects IRIs to URL.

    With --site, the IRIs are those of the site, whose base must begin with https://w3id.org/.

    \b
    Example:
      cybilgraph deploy w3id https://data.example.org > .htaccess
    """
    use_site(site)
    base = urlsplit(own_iri())
    if base.hostname != "w3id.org":
        raise CliError(f"{own_iri()} is not at w3id.org\n  It needs no redirection: serve it at its own host.")
    name = base.path.strip("/")
    click.echo(_template("w3id.htaccess").format(url=f"https://{host}", name=name), nl=False)


@deploy.command()
def container() -> None:
    """Print a Containerfile that builds from the source folder."""
    click.echo(_template("Containerfile").format(stop=_STOP_SECONDS), nl=False)


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@click.command(cls=Command)
@click.option(
    "--records",
    "counts",
    multiple=True,
    type=click.IntRange(1, 10**12),
    default=(10_000, 1_000_000, 100_000_000),
    help="Number of records. May be repeated.",
)
@click.option(
    "--processors", type=click.IntRange(1, 100_000), default=8, show_default=True, help="Processors used for the build."
)
def sizing(counts: tuple[int, ...], processors: int) -> None:
    """Estimate disk space, memory and time for N records.

    The estimates come from measurements. Figures beyond the measured sizes are linear extrapolations, not guarantees.

    \b
    Example:
      cybilgraph sizing --records 50000 --processors 4
    """
    from cybilgraph.release.capacity import describe_needs, load_capacity_model

    for line in describe_needs(load_capacity_model(), counts, processors):
        click.echo(line)
