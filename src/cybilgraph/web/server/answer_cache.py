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

from cybilgraph.model.formats import Format
from cybilgraph.runtime.bounded_cache import cache_short
from cybilgraph.runtime.scheduler import Caller, settle
from cybilgraph.sparql import QUERY_DATASET, Answer, AnswerBody, Dataset, queries
from cybilgraph.sparql.pooled import PooledEngine
from cybilgraph.version import __version__
from cybilgraph.web.server.render_queue import yield_turn

#: In order of preference; what is shorter than _WORTH bytes is not compressed.
_ENCODERS: dict[str, Callable[[int], Any]] = {
    "zstd": lambda size: zstandard.ZstdCompressor(3).compressobj(size=size),
    "gzip": lambda _: zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS),
}
_MIN_COMPRESSED_BYTES = 1_000
#: What is longer takes milliseconds to compress.
_SLOW_COMPRESSION_BYTES = 50_000
CODINGS = tuple(_ENCODERS)
#: A single answer takes no more than this part of what is kept as it is; packed, no more than that part.
_MAX_ANSWER_SHARE, _MAX_COMPRESSED_SHARE = 8, 4
#: So many questions are known whose answers are not kept.
_MAX_UNCACHED_KEYS = 1_000
#: Bytes of memory that an answer takes beside its content.
_BOOKKEEPING = 1_000


def _encoded(body: AnswerBody, coding: str) -> bytes:
    compressor = _ENCODERS[coding](body.size)
    return b"".join([*map(compressor.compress, body.blocks()), compressor.flush()])


@cache_short(entries=256, longest=1_000)
def choose_coding(accepted: str) -> str:
    """The content coding that a client takes (RFC 9110, section 12.5.3), by its header; empty for none."""
    preferences = parse_accept_header(accepted)
    quality = {name: preferences.quality(name) for name in _ENCODERS}
    best = max(quality, key=lambda name: quality[name])
    return best if quality[best] > 0 else ""


class CacheKey(NamedTuple):
    """What decides the bytes of an answer over one release, and what follows from it.

    ``digest`` (BLAKE2b, 20 bytes) stands for the question in caches: a stranger's query may be long.
    """

    query: str
    formats: tuple[Format, ...]
    graphs: Dataset
    is_volatile: bool
    digest: bytes

    @classmethod
    def of(cls, query: str, formats: tuple[Format, ...], graphs: Dataset = QUERY_DATASET) -> CacheKey:
        """With the one format that the answer will have, however long the list of wishes: who wishes for
        much and who wishes for little have one answer. Takes time linear in the length of the query.
        """
        gives_graph = queries.returns_graph(query)
        first = next((fmt for fmt in formats if fmt.carries_graph == gives_graph), None)
        chosen = (first,) if first else formats
        names = "\n".join([*graphs.default, "", *graphs.named, "", *(fmt.name for fmt in chosen)])
        text = f"{names}\0{query}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(text, digest_size=20).digest()
        return cls(query, chosen, graphs, queries.is_volatile(query), digest)


class _CompressedBody(AnswerBody):
    """The bytes of a large answer, in memory as Zstandard: tables and graphs take a tenth or a twentieth so."""

    def __init__(self, body: AnswerBody, max_bytes: int) -> None:
        """Raises OverflowError where they take more than ``max_bytes`` bytes also so."""
        super().__init__()
        self.size = body.size
        compressor = zstandard.ZstdCompressor(3).compressobj(size=body.size)
        compressed = bytearray()
        for block in body.blocks():
            compressed += compressor.compress(block)
            if len(compressed) > max_bytes:
                raise OverflowError
        self.compressed = bytes(compressed + compressor.flush())

    @property
    def in_memory(self) -> int:
        """Bytes of memory that it takes."""
        return len(self.compressed)

    def blocks(self) -> Iterator[bytes]:
        """All of it, unpacked, some at a time."""
        yield from zstandard.ZstdDecompressor().read_to_iter(self.compressed)


@dataclass(slots=True)
class CachedAnswer:
    """An answer that is wholly in memory, in each content coding that was asked for; a large one is packed, and
    has no ``content``.
    """

    answer: Answer
    content: bytes | None
    encoded: dict[str, bytes] = field(default_factory=dict)
    #: Called when it takes more memory than before.
    on_growth: Callable[[], object] = lambda: None

    @classmethod
    def of(cls, answer: Answer, max_bytes: int) -> CachedAnswer | None:
        """An answer, if it is small enough to be kept in so much room. A large one takes time to pack."""
        if not is_large(answer, max_bytes):
            return cls(answer, answer.content)
        try:
            body = _CompressedBody(answer.body, max_bytes // _MAX_COMPRESSED_SHARE)
        except OverflowError:
            return None
        answer.body.close()
        return cls(replace(answer, body=body), None, {"zstd": body.compressed})

    def encoded_as(self, name: str) -> tuple[bytes | None, str]:
        """The content, and the coding that it has in truth; None where it has none, and comes in blocks."""
        if not name or self.answer.body.size < _MIN_COMPRESSED_BYTES:
            return self.content, ""
        if name not in self.encoded:
            self.encoded[name] = _encoded(self.answer.body, name)
            self.on_growth()
        return self.encoded[name], name

    def is_ready_in(self, name: str) -> bool:
        """Whether it takes no time to have it in this coding."""
        return not name or name in self.encoded or self.answer.body.size < _SLOW_COMPRESSION_BYTES

    def size(self) -> int:
        """Bytes of memory, those of all codings and of the bookkeeping included."""
        return len(self.content or b"") + sum(map(len, self.encoded.values())) + _BOOKKEEPING


def is_large(answer: Answer, max_bytes: int) -> bool:
    """Whether an answer is too large to be kept as it is."""
    return answer.body.size > max(max_bytes // _MAX_ANSWER_SHARE, _MIN_COMPRESSED_BYTES)


class AnswerCache:
    """An engine over one release, and its answers as far as ``max_bytes`` bytes hold them. Safe for several threads."""

    def __init__(self, engine: PooledEngine, release: str, max_bytes: int) -> None:
        """``release`` tells this release, and how its answers are ordered, from every other."""
        self.engine = engine
        self._tag = f"{__version__}/{release}".encode()
        self._max_bytes = max_bytes
        # By the digests of questions.
        self._answers: LRUCache[bytes, CachedAnswer] = LRUCache(max(max_bytes, 1), getsizeof=CachedAnswer.size)
        self._uncached: LRUCache[bytes, bool] = LRUCache(_MAX_UNCACHED_KEYS)
        self._lock = threading.Lock()
        self._running: dict[bytes, asyncio.Future[None]] = {}
        self.hits = self.misses = 0

    def etag(self, key: CacheKey) -> str:
        """The ETag of the answer without its coding; empty where the same question may have another
        answer tomorrow, or where no answer is given now.
        """
        if self.engine.refusal_reason or key.is_volatile:
            return ""
        return hashlib.blake2b(self._tag + b"\0" + key.digest, digest_size=12).hexdigest()

    def get(self, key: CacheKey) -> CachedAnswer | None:
        """The answer, if it is kept. What was made of a store that is doubted may be wrong."""
        if self.engine.refusal_reason:
            return None
        with self._lock:
            cached = self._answers.get(key.digest)
        if cached:
            self.hits += 1
        return cached

    def contains(self, key: CacheKey) -> bool:
        """Whether the answer is kept; nobody has asked for it by that."""
        with self._lock:
            return key.digest in self._answers

    def find(self, key: CacheKey, timeout: float | None = None, caller: Caller | None = None) -> CachedAnswer | Answer:
        """The answer; kept, unless it is large or is of this moment only. Raises QueryError."""
        if cached := self.get(key):
            return cached
        self.misses += 1
        with yield_turn():
            graphs = key.graphs
            answer = self.engine.answer(key.query, key.formats, timeout, graphs=graphs, caller=caller)
        return self._keep(key, answer)

    def find_fast(self, key: CacheKey) -> CachedAnswer | Answer | None:
        """The answer, if the engine has it in a moment; for an event loop."""
        answer = self.engine.answer_fast(key.query, key.formats, graphs=key.graphs)
        if not answer:
            return None
        self.misses += 1
        return self._keep(key, answer)

    async def find_async(
        self, key: CacheKey, timeout: float, caller: Caller, threads: Executor
    ) -> CachedAnswer | Answer:
        """As ``find``, on an event loop. What is being answered already is not asked again: it is waited for,
        unless the answer will not be kept.
        """
        if (running := self._running.get(key.digest)) and key.digest not in self._uncached:
            began = time.monotonic()
            await asyncio.wait([running], timeout=timeout)
            timeout = max(timeout - (time.monotonic() - began), 0.001)
        if cached := self.get(key):
            return cached
        self.misses += 1
        own_future = self._running.setdefault(key.digest, asyncio.get_running_loop().create_future())
        try:
            answer = await self.engine.answer_async(
                key.query, key.formats, timeout, graphs=key.graphs, caller=caller, threads=threads
            )
            if is_large(answer, self._max_bytes):
                return await asyncio.get_running_loop().run_in_executor(threads, self._keep, key, answer)
            return self._keep(key, answer)
        finally:
            if self._running.get(key.digest) is own_future:
                del self._running[key.digest]
            settle(own_future)

    def _keep(self, key: CacheKey, answer: Answer) -> CachedAnswer | Answer:
        """The answer; kept, unless it is too large or is of this moment only."""
        cached, digest = CachedAnswer.of(answer, self._max_bytes), key.digest
        with self._lock:
            if cached and cached.size() <= self._max_bytes and not key.is_volatile:
                cached.on_growth = partial(self._recount, digest)
                self._answers[digest] = cached
            else:
                self._uncached[digest] = True
        return cached or answer

    def _recount(self, digest: bytes) -> None:
        """Count the bytes of an answer again, and forget it where there is no room for it any more."""
        with self._lock:
            if (cached := self._answers.pop(digest, None)) and cached.size() <= self._max_bytes:
                self._answers[digest] = cached

    def clear(self) -> None:
        """Keep nothing of what was answered until now."""
        with self._lock:
            self._answers.clear()

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        return int(self._answers.currsize)
