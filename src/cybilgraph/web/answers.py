"""Answers that are kept: a release never changes, so an answer is good as long as its release is.

Each has a strong ETag (RFC 9110, section 8.8.3) that is known before the query runs: who has the
answer already is told so at no cost.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import zstandard
from cachetools import LRUCache
from werkzeug.http import parse_accept_header

from cybilgraph import __version__, queries
from cybilgraph.caches import cache_short
from cybilgraph.engine import ALL, Answer, Content, Graphs
from cybilgraph.engine.pooled import PooledEngine
from cybilgraph.formats import Format
from cybilgraph.web.making import waiting
from cybilgraph.workers.turns import Caller, settle

#: In order of preference; what is shorter than _WORTH bytes is not compressed.
_ENCODERS: dict[str, Callable[[int], Any]] = {
    "zstd": lambda size: zstandard.ZstdCompressor(3).compressobj(size=size),
    "gzip": lambda _: zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS),
}
_WORTH = 1_000
#: What is longer takes milliseconds to compress.
_LONG = 50_000
CODINGS = tuple(_ENCODERS)
#: A single answer takes no more than this part of what is kept as it is; packed, no more than that part.
_SHARE, _PACKED_SHARE = 8, 4
#: So many questions are known whose answers are not kept.
_UNKEPT = 1_000
#: Bytes of memory that an answer takes beside its content.
_BOOKKEEPING = 1_000


def _encoded(body: Content, coding: str) -> bytes:
    compressor = _ENCODERS[coding](body.size)
    return b"".join([*map(compressor.compress, body.blocks()), compressor.flush()])


@cache_short(entries=256, longest=1_000)
def encoding(accepted: str) -> str:
    """The content coding that a client takes (RFC 9110, section 12.5.3), by its header; empty for none."""
    wishes = parse_accept_header(accepted)
    quality = {name: wishes.quality(name) for name in _ENCODERS}
    best = max(quality, key=lambda name: quality[name])
    return best if quality[best] > 0 else ""


class Question(NamedTuple):
    """What decides the bytes of an answer over one release, and what follows from it.

    ``digest`` (BLAKE2b, 20 bytes) stands for the question in caches: a stranger's query may be long.
    """

    query: str
    formats: tuple[Format, ...]
    graphs: Graphs
    is_volatile: bool
    digest: bytes

    @classmethod
    def of(cls, query: str, formats: tuple[Format, ...], graphs: Graphs = ALL) -> Question:
        """With the one format that the answer will have, however long the list of wishes: who wishes for
        much and who wishes for little have one answer. Takes time linear in the length of the query.
        """
        gives_graph = queries.gives_graph(query)
        first = next((fmt for fmt in formats if fmt.carries_graph == gives_graph), None)
        chosen = (first,) if first else formats
        names = "\n".join([*graphs.default, "", *graphs.named, "", *(fmt.name for fmt in chosen)])
        text = f"{names}\0{query}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(text, digest_size=20).digest()
        return cls(query, chosen, graphs, queries.is_volatile(query), digest)


class _Packed(Content):
    """The bytes of a large answer, in memory as Zstandard: tables and graphs take a tenth or a twentieth so."""

    def __init__(self, body: Content, most: int) -> None:
        """Raises OverflowError where they take more than ``most`` bytes also so."""
        super().__init__()
        self.size = body.size
        compressor = zstandard.ZstdCompressor(3).compressobj(size=body.size)
        packed = bytearray()
        for block in body.blocks():
            packed += compressor.compress(block)
            if len(packed) > most:
                raise OverflowError
        self.packed = bytes(packed + compressor.flush())

    @property
    def in_memory(self) -> int:
        """Bytes of memory that it takes."""
        return len(self.packed)

    def blocks(self) -> Iterator[bytes]:
        """All of it, unpacked, some at a time."""
        yield from zstandard.ZstdDecompressor().read_to_iter(self.packed)


@dataclass(slots=True)
class Kept:
    """An answer that is wholly in memory, in each content coding that was asked for; a large one is packed, and
    has no ``content``.
    """

    answer: Answer
    content: bytes | None
    encoded: dict[str, bytes] = field(default_factory=dict)
    #: Called when it takes more memory than before.
    on_growth: Callable[[], object] = lambda: None

    @classmethod
    def of(cls, answer: Answer, room: int) -> Kept | None:
        """An answer, if it is small enough to be kept in so much room. A large one takes time to pack."""
        if not is_large(answer, room):
            return cls(answer, answer.content)
        try:
            body = _Packed(answer.body, room // _PACKED_SHARE)
        except OverflowError:
            return None
        answer.body.close()
        return cls(replace(answer, body=body), None, {"zstd": body.packed})

    def in_coding(self, name: str) -> tuple[bytes | None, str]:
        """The content, and the coding that it has in truth; None where it has none, and comes in blocks."""
        if not name or self.answer.body.size < _WORTH:
            return self.content, ""
        if name not in self.encoded:
            self.encoded[name] = _encoded(self.answer.body, name)
            self.on_growth()
        return self.encoded[name], name

    def at_hand(self, name: str) -> bool:
        """Whether it takes no time to have it in this coding."""
        return not name or name in self.encoded or self.answer.body.size < _LONG

    def size(self) -> int:
        """Bytes of memory, those of all codings and of the bookkeeping included."""
        return len(self.content or b"") + sum(map(len, self.encoded.values())) + _BOOKKEEPING


def is_large(answer: Answer, room: int) -> bool:
    """Whether an answer is too large to be kept as it is."""
    return answer.body.size > max(room // _SHARE, _WORTH)


class Answers:
    """An engine over one release, and its answers as far as ``room`` bytes hold them. Safe for several threads."""

    def __init__(self, engine: PooledEngine, release: str, room: int) -> None:
        """``release`` tells this release, and how its answers are ordered, from every other."""
        self.engine = engine
        self._tag = f"{__version__}/{release}".encode()
        self._room = room
        # By the digests of questions.
        self._kept: LRUCache[bytes, Kept] = LRUCache(max(room, 1), getsizeof=Kept.size)
        self._unkept: LRUCache[bytes, bool] = LRUCache(_UNKEPT)
        self._lock = threading.Lock()
        self._running: dict[bytes, asyncio.Future[None]] = {}
        self.hits = self.misses = 0

    def etag(self, question: Question) -> str:
        """The ETag of the answer without its coding; empty where the same question may have another
        answer tomorrow, or where no answer is given now.
        """
        if self.engine.refused or question.is_volatile:
            return ""
        return hashlib.blake2b(self._tag + b"\0" + question.digest, digest_size=12).hexdigest()

    def known(self, question: Question) -> Kept | None:
        """The answer, if it is kept. What was made of a store that is doubted may be wrong."""
        if self.engine.refused:
            return None
        with self._lock:
            kept = self._kept.get(question.digest)
        if kept:
            self.hits += 1
        return kept

    def keeps(self, question: Question) -> bool:
        """Whether the answer is kept; nobody has asked for it by that."""
        with self._lock:
            return question.digest in self._kept

    def find(self, question: Question, timeout: float | None = None, caller: Caller | None = None) -> Kept | Answer:
        """The answer; kept, unless it is large or is of this moment only. Raises QueryError."""
        if kept := self.known(question):
            return kept
        self.misses += 1
        with waiting():
            graphs = question.graphs
            answer = self.engine.answer(question.query, question.formats, timeout, graphs=graphs, caller=caller)
        return self._keep(question, answer)

    def at_once(self, question: Question) -> Kept | Answer | None:
        """The answer, if the engine has it in a moment; for an event loop."""
        answer = self.engine.at_once(question.query, question.formats, graphs=question.graphs)
        if not answer:
            return None
        self.misses += 1
        return self._keep(question, answer)

    async def find_soon(self, question: Question, timeout: float, caller: Caller, threads: Executor) -> Kept | Answer:
        """As ``find``, on an event loop. What is being answered already is not asked again: it is waited for,
        unless the answer will not be kept.
        """
        if (running := self._running.get(question.digest)) and question.digest not in self._unkept:
            began = time.monotonic()
            await asyncio.wait([running], timeout=timeout)
            timeout = max(timeout - (time.monotonic() - began), 0.001)
        if kept := self.known(question):
            return kept
        self.misses += 1
        mine = self._running.setdefault(question.digest, asyncio.get_running_loop().create_future())
        try:
            answer = await self.engine.answer_soon(
                question.query, question.formats, timeout, graphs=question.graphs, caller=caller, threads=threads
            )
            if is_large(answer, self._room):
                return await asyncio.get_running_loop().run_in_executor(threads, self._keep, question, answer)
            return self._keep(question, answer)
        finally:
            if self._running.get(question.digest) is mine:
                del self._running[question.digest]
            settle(mine)

    def _keep(self, question: Question, answer: Answer) -> Kept | Answer:
        """The answer; kept, unless it is too large or is of this moment only."""
        kept, digest = Kept.of(answer, self._room), question.digest
        with self._lock:
            if kept and kept.size() <= self._room and not question.is_volatile:
                kept.on_growth = partial(self._recount, digest)
                self._kept[digest] = kept
            else:
                self._unkept[digest] = True
        return kept or answer

    def _recount(self, digest: bytes) -> None:
        """Count the bytes of an answer again, and forget it where there is no room for it any more."""
        with self._lock:
            if (kept := self._kept.pop(digest, None)) and kept.size() <= self._room:
                self._kept[digest] = kept

    def forget(self) -> None:
        """Keep nothing of what was answered until now."""
        with self._lock:
            self._kept.clear()

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        return int(self._kept.currsize)
