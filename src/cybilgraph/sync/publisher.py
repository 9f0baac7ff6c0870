"""Copies a release to a folder at any fsspec URL, with the manifest last, so that a partial copy is not a release."""

from __future__ import annotations

import json
from collections.abc import Callable

from cybilgraph.errors import ReleaseError
from cybilgraph.readers.filesystems import RemoteFolder
from cybilgraph.release import CHECKSUMS, CURRENT, MANIFEST, Release

_OTHER_FOLDER_HINT = "Publish to another address, or remove that folder."


def publish(release: Release, address: str, on_progress: Callable[[int, int], None] = lambda *_: None) -> int:
    """Copy a release to ``ADDRESS/NUMBER``, name it in ``ADDRESS/current``, and return the number of files copied.

    Copies only missing files of an existing copy, and replaces the copy of a release that was rebuilt since (to erase a
    contact). ``on_progress`` receives the number of files copied and the total. Raises ReleaseError if the release is
    damaged, or the folder contains another release or other files; AddressError.
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
    existing = folder.sizes(name)
    if others := sorted(existing.keys() - wanted.keys()):
        raise ReleaseError(
            f"{folder.shown}/{name} contains files that do not belong to this release: {others[0]}",
            _OTHER_FOLDER_HINT,
        )
    if previous != manifest:
        existing = {}  # do not trust what an interrupted run has left
    missing = [file for file, size in wanted.items() if existing.get(file) != size]
    for number, file in enumerate(missing, len(wanted) - len(missing) + 1):
        folder.put(release.folder / file, f"{name}/{file}")
        on_progress(number, len(wanted))
    if wanted != folder.sizes(name):
        raise ReleaseError(f"{folder.shown}/{name} does not contain what was copied there", "Publish it again.")
    folder.write(f"{release.number}\n".encode(), CURRENT)
    return len(missing)


def _delete_previous(previous: bytes, release: Release, folder: RemoteFolder, name: str) -> None:
    """Delete an earlier build of the same release, manifest first. Raises ReleaseError if it is another release."""
    try:
        earlier = json.loads(previous)
        is_same = earlier["created"] == release.manifest["created"]
        files = [str(file) for file in earlier["files"]]
    except (ValueError, KeyError, TypeError):
        return  # a truncated manifest, which is not a release
    if not is_same:
        raise ReleaseError(f"{folder.shown}/{name} is a different release with this number", _OTHER_FOLDER_HINT)
    existing = folder.sizes(name)
    for file in (MANIFEST, *(file for file in files if file in existing)):
        folder.delete(f"{name}/{file}")
