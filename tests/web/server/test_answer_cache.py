"""The answer cache: one answer per query and coding, within a size limit, and no volatile answers."""

from __future__ import annotations

import asyncio
import gc
import gzip
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import Any, cast
from urllib.parse import quote

import pytest
import zstandard

from cybilgraph.errors import FormatMismatch
from cybilgraph.model.formats import BY_NAME, FORMATS
from cybilgraph.release import Release
from cybilgraph.release.graph_file import GRAPH
from cybilgraph.runtime.scheduler import Caller, Deadline
from cybilgraph.sparql import Answer, Dataset
from cybilgraph.sparql.embedded_engine import EmbeddedEngine, QueryLimits
from cybilgraph.web.api.protocol import Request, build_reply, parse_request
from cybilgraph.web.server.answer_cache import AnswerCache, CachedAnswer, CacheKey, choose_coding
from tests.support.operations import until

pytestmark = pytest.mark.slow

TITLES = "SELECT ?p ?t { ?p dcterms:title ?t } ORDER BY ?t"
CSV, JSON, TURTLE = (BY_NAME[name] for name in ("csv", "json", "turtle"))


@pytest.fixture
def answers(engine: EmbeddedEngine) -> AnswerCache:
    return AnswerCache(engine, "1/abc", 1_000_000)


def test_clients_with_different_accept_lists_share_an_answer(answers: AnswerCache) -> None:
    first = answers.find(CacheKey.of(TITLES, (JSON, CSV)))
    assert answers.find(CacheKey.of(TITLES, (TURTLE, JSON))) is first
    assert answers.find(CacheKey.of(TITLES, FORMATS)) is first
    assert answers.find(CacheKey.of(TITLES, (CSV, JSON))) is not first
    assert (answers.hits, answers.misses) == (2, 2)
    with pytest.raises(FormatMismatch):
        answers.find(CacheKey.of(TITLES, (TURTLE,)))


def test_each_coding_has_the_same_content_and_is_computed_once(answers: AnswerCache) -> None:
    kept = answers.find(CacheKey.of(TITLES, (CSV,)))
    assert isinstance(kept, CachedAnswer)
    assert kept.encoded_as("") == (kept.content, "")
    assert gzip.decompress(kept.encoded_as("gzip")[0]) == kept.content
    assert zstandard.decompress(kept.encoded_as("zstd")[0]) == kept.content
    assert kept.encoded_as("gzip")[0] is kept.encoded_as("gzip")[0]
    small = answers.find(CacheKey.of("ASK {}", (CSV,)))
    assert isinstance(small, CachedAnswer)
    assert small.encoded_as("gzip") == (b"true", "")


def test_fast_path_answers_are_cached(release: Release) -> None:
    engine = EmbeddedEngine(release.store, QueryLimits(store=10**9), graph=release.folder / GRAPH)
    answers = AnswerCache(engine, "1/abc", 1_000_000)
    question = CacheKey.of("SELECT ?p ?o { project:G0020 ?p ?o }", FORMATS)
    until(lambda: engine.answer_fast(question.query, FORMATS))  # once it is loaded
    found = answers.find_fast(question)
    assert found
    assert answers.get(question) is found
    assert (answers.hits, answers.misses) == (1, 1)
    assert answers.find_fast(CacheKey.of(TITLES, FORMATS)) is None
    assert answers.misses == 1
    engine.close()


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.1, gzip", "gzip"),
        ("*", "zstd"),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("br", ""),
    ],
)
def test_coding_is_chosen_from_accept_encoding(accepted: str, coding: str) -> None:
    assert choose_coding(accepted) == coding


def test_etag_depends_on_every_input(engine: EmbeddedEngine) -> None:
    graphs = (Dataset(), Dataset(default=("x:a",)), Dataset(named=("x:a",)), Dataset(default=("x:a", "x:b")))
    questions = [
        CacheKey.of(query, (fmt,), graph) for query, fmt, graph in product((TITLES, "ASK {}"), (CSV, JSON), graphs)
    ]
    tags = [AnswerCache(engine, release, 0).etag(question) for release in ("1/abc", "2/abc") for question in questions]
    assert len(set(tags)) == len(tags) == 32
    assert "" not in tags


@pytest.mark.parametrize(
    "query", ["SELECT (NOW() AS ?n) {}", "SELECT (r\\u0061nd ( ) AS ?n) {}", "SELECT (UUID() AS ?n) {}"]
)
def test_volatile_answers_are_not_cached(answers: AnswerCache, query: str) -> None:
    assert answers.etag(CacheKey.of(query, (CSV,))) == ""
    if "u0061" not in query:  # this engine rejects it, but others may not
        assert answers.find(CacheKey.of(query, (CSV,))) is not answers.find(CacheKey.of(query, (CSV,)))
    assert answers.size == 0


def test_cache_stays_within_its_size(engine: EmbeddedEngine) -> None:
    answers = AnswerCache(engine, "1", 50_000)
    for number in range(200):
        kept = answers.find(CacheKey.of(f"SELECT ({number} AS ?n) {{}}", (CSV,)))
        assert isinstance(kept, CachedAnswer)
        assert kept.content == f"n\r\n{number}\r\n".encode()
        assert answers.size <= 50_000
    assert answers.get(CacheKey.of("SELECT (199 AS ?n) {}", (CSV,)))
    assert answers.get(CacheKey.of("SELECT (1 AS ?n) {}", (CSV,))) is None


def test_codings_count_towards_the_cache_size(engine: EmbeddedEngine) -> None:
    """Codings count when they are computed, even if they compress badly."""
    answers = AnswerCache(engine, "1", 60_000)
    found: dict[CacheKey, CachedAnswer] = {}
    for number in range(20):
        key = CacheKey.of(f"SELECT (SHA512(STR(?o)) AS ?n) {{ ?s skos:prefLabel ?o }} LIMIT {number + 40}", (CSV,))
        kept = answers.find(key)
        assert isinstance(kept, CachedAnswer)
        found[key] = kept
        for coding in ("", "gzip", "zstd"):
            kept.encoded_as(coding)
            cached = [answer for key, answer in found.items() if answers.contains(key)]
            sizes = [len(one.content or b"") + sum(map(len, one.encoded.values())) for one in cached]
            assert sum(sizes) <= answers.size <= 60_000
        assert answers.get(key) is kept
    assert len(cached) < len(found)


def test_number_of_answers_is_limited_however_small_they_are(release: Release) -> None:
    """Full garbage collections, which stop the server, traverse the cached answers."""
    engine = EmbeddedEngine(release.store, QueryLimits(store=10**9), graph=release.folder / GRAPH)
    answers = AnswerCache(engine, "1/abc", 64_000_000)
    until(lambda: engine.answer_fast("SELECT ?p ?o { project:G0020 ?p ?o }", FORMATS))  # once it is loaded
    keys = [CacheKey.of(f"SELECT ?p ?o {{ project:G0020 ?p ?o }} # {number}", (CSV,)) for number in range(11_000)]
    gc.collect()
    before = len(gc.get_objects())
    assert all(map(answers.find_fast, keys))
    gc.collect()
    assert len(gc.get_objects()) - before <= 3 * 10_000 + 1_000
    assert not answers.contains(keys[0])
    assert answers.contains(keys[-9_000])
    engine.close()


def test_cached_answer_outlives_its_file(engine: EmbeddedEngine) -> None:
    """The file of a large answer is closed when the first response has been sent."""
    answers = AnswerCache(engine, "1/abc", 100_000_000)
    question = CacheKey.of("SELECT * { ?a ?b ?c . ?c ?d ?e } LIMIT 20000", (JSON,))
    found = answers.find(question)
    assert isinstance(found, CachedAnswer)
    assert found.answer.body.size > 1_100_000
    found.answer.body.close()
    again = answers.find(question)
    assert again is found
    assert b"".join(again.answer.body.blocks()) == found.content


def test_cache_keeps_no_query_texts(engine: EmbeddedEngine) -> None:
    answers = AnswerCache(engine, "1", 60_000)
    tracemalloc.start()
    for number in range(20):
        answers.find(CacheKey.of(f"SELECT ({number} AS ?n) {{}} # {100_000 * 'x'}", (CSV,)))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answers.size > 20_000, "all answers are cached"
    assert used < 500_000


class CountingEngine:
    """An engine that counts how many queries it answers at the same time."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self._running = self.peak = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def answer_async(self, *arguments: Any, **options: Any) -> Answer:
        self._running += 1
        self.peak = max(self.peak, self._running)
        try:
            return await self._engine.answer_async(*arguments, **options)
        finally:
            self._running -= 1


@pytest.mark.parametrize(("query", "most"), [("SELECT * { ?s ?p ?o } LIMIT 3000", 3), ("ASK {}", 1)])
def test_no_request_waits_for_an_uncacheable_answer(engine: EmbeddedEngine, query: str, most: int) -> None:
    counting = CountingEngine(engine)
    answers, key = AnswerCache(cast(EmbeddedEngine, counting), "1", 50_000), CacheKey.of(query, (CSV,))
    answers.find(key)  # reveals whether it is too large
    answers.clear()

    async def ask_thrice(threads: ThreadPoolExecutor) -> None:
        await asyncio.gather(*(answers.find_async(key, Deadline(20), Caller("x"), threads) for _ in range(3)))

    with ThreadPoolExecutor(3) as threads:
        asyncio.run(ask_thrice(threads))
    assert counting.peak == most


def test_large_answer_is_cached_compressed(engine: EmbeddedEngine) -> None:
    question = CacheKey.of("SELECT ?s ?p { ?s ?p ?o } LIMIT 3000", (CSV,))
    plain = engine.answer(question.query, (CSV,)).content
    room = len(
        plain
    )  # an eighth of it is too small for the answer, a quarter is large enough for the compressed answer
    answers = AnswerCache(engine, "1/abc", room)

    async def asked(threads: ThreadPoolExecutor) -> CachedAnswer | Answer:
        return await answers.find_async(question, Deadline(20), Caller("x"), threads)

    with ThreadPoolExecutor(1) as threads:
        found = asyncio.run(asked(threads))
    assert answers.get(question) is found
    assert isinstance(found, CachedAnswer)
    assert found.content is None
    assert found.encoded_as("") == (None, "")
    assert found.answer.content == plain
    assert zstandard.decompress(found.encoded_as("zstd")[0] or b"") == plain
    assert gzip.decompress(found.encoded_as("gzip")[0] or b"") == plain
    assert found.is_ready_in("gzip")
    assert 0 < answers.size < room // 2
    request = Request("GET", f"query={quote(question.query)}&format=csv", {})
    asked_for = parse_request(request)
    assert asked_for
    whole = build_reply(asked_for, request, found, "tag")
    assert b"".join(whole.blocks or ()) == plain
    assert whole.headers["content-length"] == str(len(plain))
    compressed = build_reply(asked_for, replace(request, headers={"accept-encoding": "zstd"}), found, "tag")
    assert (compressed.content, compressed.blocks) == (found.encoded["zstd"], None)
    assert (compressed.headers["content-encoding"], compressed.headers["etag"]) == ("zstd", '"tag-zstd"')
