"""The store of a release, made from that of the release before by what is different, where that is little.

A store keeps the words of statements that are gone, where no query finds them. So it is made anew after some
builds, and where it was carried on, a contact that is to be forgotten makes it anew (see ``Releases.forget``).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cybilgraph.errors import FileDamaged
from cybilgraph.release.chunks import Chunk
from cybilgraph.release.graph_file import GRAPH, read_chunk
from cybilgraph.release.manifest import STORE, Release
from cybilgraph.runtime.files import sha256_of
from cybilgraph.sparql.store import update_store

#: A store is carried on so many times, and while no more of the graph than this is different.
_MAX_UPDATES, _MAX_CHANGED_SHARE = 30, 0.25

_Run = tuple[set[bytes], set[bytes]]


@dataclass(frozen=True, slots=True)
class PreviousRelease:
    """The release before, the pieces of its graph, and what a piece is known by."""

    release: Release
    chunks: list[Chunk]
    chunk_digest: Callable[[bytes], bytes]

    @property
    def update_count(self) -> int:
        """How many builds have carried its store on."""
        return int(self.release.manifest.get("carried", 0))

    def update_store(self, chunks: list[Chunk], graph: Path, store: Path) -> int | None:
        """Make the store of a graph, of these pieces, from the earlier one; the number of its quads. None, and no
        store, where it is to be made anew. Raises OSError.
        """
        before, now = ({chunk.digest for chunk in chunk_lists} for chunk_lists in (self.chunks, chunks))
        different = sum(chunk.size for chunk in chunks if chunk.digest not in before)
        if self.update_count >= _MAX_UPDATES or different > _MAX_CHANGED_SHARE * sum(chunk.size for chunk in chunks):
            return None
        if not self._copied(store):
            shutil.rmtree(store)
            return None
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in (self.release.folder / GRAPH, graph)]
            try:
                return update_store(
                    store,
                    (gone - come for gone, come in self._runs(files, (self.chunks, chunks), (now, before))),
                    (come - gone for gone, come in self._runs(files, (self.chunks, chunks), (now, before))),
                )
            except FileDamaged:
                shutil.rmtree(store)
                return None

    def _copied(self, store: Path) -> bool:
        """Whether the files of the earlier store could be copied, and are what was built."""
        store.mkdir()
        for name, digest in self.release.manifest["files"].items():
            if name.startswith(f"{STORE}/") and not name.startswith(f"{STORE}/LOG"):
                try:
                    copy = shutil.copyfile(self.release.folder / name, store / Path(name).name)
                except FileNotFoundError:
                    return False
                if sha256_of(copy) != digest:
                    return False
        return True

    def _runs(
        self,
        files: Sequence[IO[bytes]],
        chunk_lists: tuple[list[Chunk], list[Chunk]],
        others: tuple[set[bytes], set[bytes]],
    ) -> Iterator[_Run]:
        """The lines of pieces that only the earlier graph has, and that only this one has, where it is different.
        Raises FileDamaged.
        """
        old, new = (
            self._parted(file, chunks, other_digests)
            for file, chunks, other_digests in zip(files, chunk_lists, others, strict=True)
        )
        for gone in old:
            yield gone, next(new, set())
        yield from ((set(), come) for come in new)

    def _parted(self, file: IO[bytes], chunks: list[Chunk], other_digests: set[bytes]) -> Iterator[set[bytes]]:
        """The lines of the pieces of one graph that the other has not, as far as they stand between two pieces that
        both have: as often as there are such, in both the same.
        """
        start, lines = 0, set[bytes]()
        for chunk in chunks:
            if chunk.digest in other_digests:
                yield lines
                lines = set()
            else:
                lines_of_chunk = read_chunk(file, start, chunk.size)
                if self.chunk_digest(lines_of_chunk) != chunk.digest:
                    raise FileDamaged(f"{file.name} is not what was built")
                lines.update(lines_of_chunk.splitlines(keepends=True))
            start += chunk.size
        yield lines
