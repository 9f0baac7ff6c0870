"""``cybilgraph publish``: copy a release to a remote folder."""

from __future__ import annotations

from pathlib import Path

import click

from cybilgraph.cli.common import Command, progress_bar


@click.command(cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("address", metavar="ADDRESS")
def publish(folder: Path, address: str) -> None:
    """Copy the current release of DIR to a remote folder: s3://, gs://, sftp:// or any other fsspec URL.

    The manifest is copied last, so that a partial copy does not count as a release. A second run copies
    only the missing files. Copied back to a disk, the folder works like any other folder of releases.

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
