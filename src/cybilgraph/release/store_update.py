"""Updates the store of the previous release for a new one, if little has changed.

An updated store keeps the strings of deleted statements, although no query finds them. It is therefore rebuilt after a
number of updates, and when a contact is erased (see ``Releases.erase``).
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

#: Updates after which a store is rebuilt, and the share of the graph that may differ.
_MAX_UPDATES, _MAX_CHANGED_SHARE = 30, 0.25

_Run = tuple[set[bytes], set[bytes]]


@dataclass(frozen=True, slots=True)
class PreviousRelease:
    """The previous release, the chunks of its graph, and the function that computes the digest of a chunk."""

    release: Release
    chunks: list[Chunk]
    chunk_digest: Callable[[bytes], bytes]

    @property
    def update_count(self) -> int:
        """Number of builds that have updated its store."""
        return int(self.release.manifest.get("carried", 0))

    def update_store(self, chunks: list[Chunk], graph: Path, store: Path) -> int | None:
        """Create the store for a graph of these chunks from the earlier store, and return its number of quads.

        Return None, and create nothing, if the store must be rebuilt. Raises OSError.
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
                    (removed - added for removed, added in self._runs(files, (self.chunks, chunks), (now, before))),
                    (added - removed for removed, added in self._runs(files, (self.chunks, chunks), (now, before))),
                )
            except FileDamaged:
                shutil.rmtree(store)
                return None

    def _copied(self, store: Path) -> bool:
        """Copy the earlier store; return whether its files exist and their checksums match."""
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
        """Yield the removed and added lines of each difference between the graphs. Raises FileDamaged."""
        old, new = (
            self._unmatched_lines(file, chunks, other_digests)
            for file, chunks, other_digests in zip(files, chunk_lists, others, strict=True)
        )
        for removed in old:
            yield removed, next(new, set())
        yield from ((set(), added) for added in new)

    def _unmatched_lines(self, file: IO[bytes], chunks: list[Chunk], other_digests: set[bytes]) -> Iterator[set[bytes]]:
        """Yield the lines of chunks that the other graph lacks, one set before each common chunk and one at the end.

        Both graphs have the same common chunks and therefore yield the same number of sets.
        """
        start, lines = 0, set[bytes]()
        for chunk in chunks:
            if chunk.digest in other_digests:
                yield lines
                lines = set()
            else:
                lines_of_chunk = read_chunk(file, start, chunk.size)
                if self.chunk_digest(lines_of_chunk) != chunk.digest:
                    raise FileDamaged(f"{file.name} differs from what was built")
                lines.update(lines_of_chunk.splitlines(keepends=True))
            start += chunk.size
        yield lines
