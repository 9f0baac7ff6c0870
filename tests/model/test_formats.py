"""Formats are found by name, file suffix and media type."""

from __future__ import annotations

import pytest

from cybilgraph.model.formats import BY_NAME, FORMATS, find_formats, media_type_of


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("turtle", ["turtle"]),
        (" TTL ", ["turtle"]),
        ("application/x-trig", ["trig"]),
        ("json", ["jsonld", "json"]),
        ("xml", ["rdfxml", "xml"]),
        ("pdf", []),
        ("", []),
    ],
)
def test_finds_formats_that_a_client_may_mean(name: str, found: list[str]) -> None:
    assert [fmt.name for fmt in find_formats(name)] == found


def test_formats_of_one_kind_share_no_name_suffix_or_media_type() -> None:
    for is_graph in (True, False):
        names = [
            name
            for fmt in FORMATS
            if fmt.carries_graph is is_graph
            for name in {fmt.name, fmt.suffix, *fmt.media_types, *fmt.also}
        ]
        assert len(names) == len(set(names))


def test_only_text_types_state_their_character_set() -> None:
    assert BY_NAME["turtle"].content_type == "text/turtle; charset=utf-8"
    assert BY_NAME["jsonld"].content_type == "application/ld+json"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("cybilgraph.ttl", "text/turtle; charset=utf-8"),
        ("cybilgraph.ttl.gz", "application/gzip"),
        ("cybilgraph.nq.zst", "application/zstd"),
        ("projects.csv", "text/csv; charset=utf-8"),
        ("projects.parquet", "application/vnd.apache.parquet"),
        ("network.graphml", "application/xml"),
        ("countries.geojson", "application/geo+json"),
        ("manifest.json", "application/json"),
        ("SHA256SUMS", "text/plain; charset=utf-8"),
    ],
)
def test_media_type_follows_the_last_suffix(name: str, media_type: str) -> None:
    assert media_type_of(name) == media_type
