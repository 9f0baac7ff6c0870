"""The cache of answers. A release never changes, so an answer stays valid as long as its release is served.

The strong ETag of an answer (RFC 9110, section 8.8.3) is known before its query runs, so clients that have the
answer already get 304 at no cost.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import zstandard
from cachetools import LRUCache
from werkzeug.http import parse_accept_header

from cybilgraph.model.formats import Format
from cybilgraph.runtime.bounded_cache import cache_short
from cybilgraph.runtime.scheduler import Caller, Deadline, settle
from cybilgraph.sparql import QUERY_DATASET, Answer, AnswerBody, Dataset, query_analysis
from cybilgraph.sparql.pooled_engine import PooledEngine
from cybilgraph.version import __version__
from cybilgraph.web.server.render_queue import yield_turn

#: Content codings in order of preference.
_ENCODERS: dict[str, Callable[[int], Any]] = {
    "zstd": lambda size: zstandard.ZstdCompressor(3).compressobj(size=size),
    "gzip": lambda _: zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS),
}
#: Shorter answers are not compressed.
_MIN_COMPRESSED_BYTES = 1_000
#: Compressing longer answers takes milliseconds.
_SLOW_COMPRESSION_BYTES = 50_000
CODINGS = tuple(_ENCODERS)
#: An answer may take up at most one eighth of the cache uncompressed, or one quarter compressed.
_MAX_ANSWER_SHARE, _MAX_COMPRESSED_SHARE = 8, 4
#: The number of keys remembered as not cacheable.
_MAX_UNCACHED_KEYS = 1_000
#: Bytes of memory that an answer takes in addition to its content.
_OVERHEAD_BYTES = 1_000
#: The most cached answers, however small: each takes three objects, which full garbage collections traverse.
_MAX_ANSWERS = 10_000


def _encoded(body: AnswerBody, coding: str, max_bytes: float = math.inf) -> bytes:
    """Compress a body. Raises OverflowError if it still takes more than ``max_bytes``."""
    compressor, compressed = _ENCODERS[coding](body.size), bytearray()
    for block in body.blocks():
        compressed += compressor.compress(block)
        if len(compressed) > max_bytes:
            raise OverflowError
    return bytes(compressed + compressor.flush())


@cache_short(entries=256, longest=1_000)
def choose_coding(accepted: str) -> str:
    """Choose the content coding for an Accept-Encoding header (RFC 9110, section 12.5.3); empty means none."""
    preferences = parse_accept_header(accepted)
    quality = {name: preferences.quality(name) for name in _ENCODERS}
    best = max(quality, key=lambda name: quality[name])
    return best if quality[best] > 0 else ""


class CacheKey(NamedTuple):
    """The inputs that determine the bytes of an answer within a release.

    Caches use ``digest`` (BLAKE2b, 20 bytes) as the key, since an untrusted query may be long.
    """

    query: str
    formats: tuple[Format, ...]
    graphs: Dataset
    is_volatile: bool
    digest: bytes

    @classmethod
    def of(cls, query: str, formats: tuple[Format, ...], graphs: Dataset = QUERY_DATASET) -> CacheKey:
        """Return the key of a query, reduced to the one format that the answer will have.

        Clients with different lists of acceptable formats thus share an answer. Takes time linear in the length of
        the query.
        """
        is_graph = query_analysis.returns_graph(query)
        first = next((fmt for fmt in formats if fmt.carries_graph == is_graph), None)
        chosen = (first,) if first else formats
        names = "\n".join([*graphs.default, "", *graphs.named, "", *(fmt.name for fmt in chosen)])
        text = f"{names}\0{query}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(text, digest_size=20).digest()
        return cls(query, chosen, graphs, query_analysis.is_volatile(query), digest)


class _CompressedBody(AnswerBody):
    """The body of a large answer, compressed in memory (Zstandard) to a tenth or a twentieth of its size."""

    def __init__(self, size: int, compressed: bytes) -> None:
        super().__init__()
        self.size = size
        self.compressed = compressed

    @property
    def in_memory(self) -> int:
        """The size in memory, in bytes."""
        return len(self.compressed)

    def blocks(self) -> Iterator[bytes]:
        """Decompress the body block by block."""
        yield from zstandard.ZstdDecompressor().read_to_iter(self.compressed)


@dataclass(slots=True)
class CachedAnswer:
    """An answer in memory, in each content coding that was requested.

    A large answer is compressed; its ``content`` is None.
    """

    answer: Answer
    content: bytes | None
    encoded: dict[str, bytes] = field(default_factory=dict)
    #: Called with ``digest`` when the answer takes more memory than before.
    on_growth: Callable[[bytes], object] = lambda _: None
    digest: bytes = b""

    @classmethod
    def of(cls, answer: Answer, max_bytes: int) -> CachedAnswer | None:
        """Return a cached form of an answer for a cache of ``max_bytes``; None if it is too large.

        Compressing a large answer takes time.
        """
        if not is_large(answer, max_bytes):
            content = answer.content
            if answer.body.in_memory < len(content):  # its file is deleted once the answer is sent
                answer = replace(answer, body=AnswerBody().end(content))
            return cls(answer, content)
        try:
            compressed = _encoded(answer.body, "zstd", max_bytes // _MAX_COMPRESSED_SHARE)
        except OverflowError:
            return None
        answer.body.close()
        body = _CompressedBody(answer.body.size, compressed)
        return cls(replace(answer, body=body), None, {"zstd": compressed})

    def encoded_as(self, name: str) -> tuple[bytes | None, str]:
        """Return the content and its actual coding; the content is None if it has to be streamed in blocks."""
        if not name or self.answer.body.size < _MIN_COMPRESSED_BYTES:
            return self.content, ""
        if name not in self.encoded:
            self.encoded[name] = _encoded(self.answer.body, name)
            self.on_growth(self.digest)
        return self.encoded[name], name

    def is_ready_in(self, name: str) -> bool:
        """Return whether the answer is available in this coding without delay."""
        return not name or name in self.encoded or self.answer.body.size < _SLOW_COMPRESSION_BYTES

    def size(self) -> int:
        """Return the size in memory in bytes, including all codings and the overhead."""
        return len(self.content or b"") + sum(map(len, self.encoded.values())) + _OVERHEAD_BYTES


def is_large(answer: Answer, max_bytes: int) -> bool:
    """Return whether an answer is too large to be cached uncompressed."""
    return answer.body.size > max(max_bytes // _MAX_ANSWER_SHARE, _MIN_COMPRESSED_BYTES)


class AnswerCache:
    """An engine for one release with a cache of ``max_bytes`` for its answers. Thread-safe."""

    def __init__(self, engine: PooledEngine, release: str, max_bytes: int) -> None:
        """Create an empty cache; ``release`` identifies the release and the order of its rows."""
        self.engine = engine
        self._tag = f"{__version__}/{release}".encode()
        self._max_bytes = max_bytes
        # By CacheKey.digest.
        least = max_bytes // _MAX_ANSWERS
        self._answers: LRUCache[bytes, CachedAnswer] = LRUCache(
            max(max_bytes, 1), getsizeof=lambda cached: max(cached.size(), least)
        )
        self._uncached: LRUCache[bytes, bool] = LRUCache(_MAX_UNCACHED_KEYS)
        self._lock = threading.Lock()
        self._on_growth = self._recount  # one object for all answers
        self._running: dict[bytes, asyncio.Future[None]] = {}
        self.hits = self.misses = 0

    def etag(self, key: CacheKey) -> str:
        """Return the ETag of an answer without its coding.

        It is empty if the answer depends on the time of the request, or if the engine refuses queries now.
        """
        if self.engine.refusal_reason or key.is_volatile:
            return ""
        return hashlib.blake2b(self._tag + b"\0" + key.digest, digest_size=12).hexdigest()

    def get(self, key: CacheKey) -> CachedAnswer | None:
        """Return the answer if it is cached; else None."""
        if self.engine.refusal_reason:  # answers from a damaged store may be wrong
            return None
        with self._lock:
            cached = self._answers.get(key.digest)
        if cached:
            self.hits += 1
        return cached

    def contains(self, key: CacheKey) -> bool:
        """Return whether the answer is cached, without counting as a use of it."""
        with self._lock:
            return key.digest in self._answers

    def find(self, key: CacheKey, timeout: float | None = None, caller: Caller | None = None) -> CachedAnswer | Answer:
        """Return the answer, and cache it unless it is too large or volatile. Raises QueryError."""
        if cached := self.get(key):
            return cached
        self.misses += 1
        with yield_turn():
            graphs = key.graphs
            answer = self.engine.answer(key.query, key.formats, timeout, graphs=graphs, caller=caller)
        return self._keep(key, answer)

    def find_fast(self, key: CacheKey) -> CachedAnswer | Answer | None:
        """Return the answer if the engine's fast path has it, else None; safe to call on the event loop."""
        answer = self.engine.answer_fast(key.query, key.formats, graphs=key.graphs)
        if not answer:
            return None
        self.misses += 1
        return self._keep(key, answer)

    async def find_async(
        self, key: CacheKey, deadline: Deadline, caller: Caller, threads: Executor
    ) -> CachedAnswer | Answer:
        """Do the same as ``find`` on the event loop.

        If the same query is already running, wait for its answer instead of running it again, unless the answer
        will not be cached.
        """
        if (running := self._running.get(key.digest)) and key.digest not in self._uncached:
            await asyncio.wait([running], timeout=deadline.seconds_left)
        if cached := self.get(key):
            return cached
        self.misses += 1
        own_future = self._running.setdefault(key.digest, asyncio.get_running_loop().create_future())
        try:
            answer = await self.engine.answer_async(
                key.query, key.formats, deadline, graphs=key.graphs, caller=caller, threads=threads
            )
            if is_large(answer, self._max_bytes):
                return await asyncio.get_running_loop().run_in_executor(threads, self._keep, key, answer)
            return self._keep(key, answer)
        finally:
            if self._running.get(key.digest) is own_future:
                del self._running[key.digest]
            settle(own_future)

    def _keep(self, key: CacheKey, answer: Answer) -> CachedAnswer | Answer:
        """Cache an answer unless it is too large or volatile, and return it."""
        cached, digest = CachedAnswer.of(answer, self._max_bytes), key.digest
        with self._lock:
            if cached and cached.size() <= self._max_bytes and not key.is_volatile:
                cached.on_growth, cached.digest = self._on_growth, digest
                self._answers[digest] = cached
            else:
                self._uncached[digest] = True
        return cached or answer

    def _recount(self, digest: bytes) -> None:
        """Update the size of an answer, and drop it if it no longer fits."""
        with self._lock:
            if (cached := self._answers.pop(digest, None)) and cached.size() <= self._max_bytes:
                self._answers[digest] = cached

    def clear(self) -> None:
        """Drop all cached answers."""
        with self._lock:
            self._answers.clear()

    @property
    def size(self) -> int:
        """The size of the cached answers in bytes."""
        return int(self._answers.currsize)
