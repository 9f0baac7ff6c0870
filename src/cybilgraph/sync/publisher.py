"""A release → a folder at any address of fsspec; its manifest comes last, and without one it is no release."""

from __future__ import annotations

import json
from collections.abc import Callable

from cybilgraph.errors import ReleaseError
from cybilgraph.readers.filesystems import RemoteFolder
from cybilgraph.release import CHECKSUMS, CURRENT, MANIFEST, Release


def publish(release: Release, address: str, on_progress: Callable[[int, int], None] | None = None) -> int:
    """Copy a release to ``ADDRESS/NUMBER``, and name it in ``ADDRESS/current``; how many files were copied.

    A release that is there already gets only what it lacks; one that was made anew since (somebody was to be
    forgotten) replaces what is there. ``on_progress`` are the files that are there, and all. Raises ReleaseError where
    the release is damaged, or another one or other files are there; AddressError.
    """
    release.verify()
    folder, name = RemoteFolder(address), f"{release.number:04d}"
    manifest = (release.folder / MANIFEST).read_bytes()
    previous = folder.read(f"{name}/{MANIFEST}")
    if previous and previous != manifest:
        _delete_previous(previous, release, folder, name)
    wanted = {
        file: (release.folder / file).stat().st_size for file in (*release.manifest["files"], CHECKSUMS, MANIFEST)
    }
    there = folder.sizes(name)
    if strange := sorted(there.keys() - wanted.keys()):
        raise ReleaseError(
            f"{folder.shown}/{name} has files that are not of this release: {strange[0]}", _other_folder_hint()
        )
    if previous != manifest:
        there = {}  # whatever a run that was stopped has left
    lacking = [file for file, size in wanted.items() if there.get(file) != size]
    for number, file in enumerate(lacking, len(wanted) - len(lacking) + 1):
        folder.put(release.folder / file, f"{name}/{file}")
        if on_progress:
            on_progress(number, len(wanted))
    if wanted != folder.sizes(name):
        raise ReleaseError(f"{folder.shown}/{name} does not hold what was copied there", "Publish it again.")
    folder.write(f"{release.number}\n".encode(), CURRENT)
    return len(lacking)


def _delete_previous(previous: bytes, release: Release, folder: RemoteFolder, name: str) -> None:
    """Delete the earlier make of a release, the manifest first. Raises ReleaseError where it is another release."""
    try:
        earlier = json.loads(previous)
        same = earlier["created"] == release.manifest["created"]
        files = [str(file) for file in earlier["files"]]
    except (ValueError, KeyError, TypeError):
        return  # a manifest that was cut off: nothing has taken it for a release
    if not same:
        raise ReleaseError(f"{folder.shown}/{name} is another release of this number", _other_folder_hint())
    there = folder.sizes(name)
    for file in (MANIFEST, *(file for file in files if file in there)):
        folder.delete(f"{name}/{file}")


def _other_folder_hint() -> str:
    return "Publish to an address of its own, or remove what is there."
