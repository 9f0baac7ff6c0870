"""A release into a folder at an address."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import Command, progress_bar


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("address", metavar="ADDRESS")
def publish(folder: Path, address: str) -> None:
    """Copy the current release of DIR to a folder at an address: s3://, gs://, sftp:// and others of fsspec.

    Its manifest comes last: what is copied in part is no release. A second run copies what is lacking.
    Copied back to a disk, it is a folder of releases like any other.

    \b
    Example:
      cybilgraph publish build/releases s3://bucket/releases
    """
    from cybilgraph.readers.filesystems import is_address
    from cybilgraph.release import Releases
    from cybilgraph.sync.publisher import publish as run

    if not is_address(address):
        raise click.BadParameter(f"{address!r} is no address. Example: s3://bucket/releases", param_hint="ADDRESS")
    release = Releases(folder).current()
    with progress_bar("Publishing") as told:
        copied = run(release, address, told)
    what = f"{copied:,} files copied" if copied else "all of it was there"
    click.echo(f"Release {release.number:04d} is at the address ({what}).")
