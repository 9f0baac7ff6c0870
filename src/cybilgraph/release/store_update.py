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
from cybilgraph.release.chunks import Cut
from cybilgraph.release.graph_file import GRAPH, piece_of
from cybilgraph.release.manifest import STORE, Release
from cybilgraph.runtime.files import sha256_of
from cybilgraph.sparql.store import change_store

#: A store is carried on so many times, and while no more of the graph than this is different.
_TIMES, _MOST = 30, 0.25

_Run = tuple[set[bytes], set[bytes]]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The release before, the pieces of its graph, and what a piece is known by."""

    release: Release
    cuts: list[Cut]
    known: Callable[[bytes], bytes]

    @property
    def times(self) -> int:
        """How many builds have carried its store on."""
        return int(self.release.manifest.get("carried", 0))

    def carry(self, cuts: list[Cut], graph: Path, store: Path) -> int | None:
        """Make the store of a graph, of these pieces, from the earlier one; the number of its quads. None, and no
        store, where it is to be made anew. Raises OSError.
        """
        before, now = ({cut.known for cut in pieces} for pieces in (self.cuts, cuts))
        different = sum(cut.size for cut in cuts if cut.known not in before)
        if self.times >= _TIMES or different > _MOST * sum(cut.size for cut in cuts):
            return None
        if not self._copied(store):
            shutil.rmtree(store)
            return None
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb")) for path in (self.release.folder / GRAPH, graph)]
            try:
                return change_store(
                    store,
                    (gone - come for gone, come in self._runs(files, (self.cuts, cuts), (now, before))),
                    (come - gone for gone, come in self._runs(files, (self.cuts, cuts), (now, before))),
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
        self, files: Sequence[IO[bytes]], pieces: tuple[list[Cut], list[Cut]], others: tuple[set[bytes], set[bytes]]
    ) -> Iterator[_Run]:
        """The lines of pieces that only the earlier graph has, and that only this one has, where it is different.
        Raises FileDamaged.
        """
        old, new = (self._parted(file, cuts, there) for file, cuts, there in zip(files, pieces, others, strict=True))
        for gone in old:
            yield gone, next(new, set())
        yield from ((set(), come) for come in new)

    def _parted(self, file: IO[bytes], cuts: list[Cut], there: set[bytes]) -> Iterator[set[bytes]]:
        """The lines of the pieces of one graph that the other has not, as far as they stand between two pieces that
        both have: as often as there are such, in both the same.
        """
        start, lines = 0, set[bytes]()
        for cut in cuts:
            if cut.known in there:
                yield lines
                lines = set()
            else:
                piece = piece_of(file, start, cut.size)
                if self.known(piece) != cut.known:
                    raise FileDamaged(f"{file.name} is not what was built")
                lines.update(piece.splitlines(keepends=True))
            start += cut.size
        yield lines
