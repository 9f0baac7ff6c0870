"""Features from the words around a name."""

from __future__ import annotations

from cybilgraph.extraction.role_features import context_features


def test_names_side_by_side_share_their_context_features() -> None:
    features = context_features("the courses for ◇ were taught by the ◆, ◈ and ◎ with money that ◆ gave")
    places = sorted(features)
    assert features[places[1]] == features[places[2]] == features[places[3]], (
        "names side by side share what is around them"
    )
    assert {"at by", "behind doing by", "name before", "then money"} <= set(features[places[1]])
    assert {"at word", "then giving at once"} <= set(features[places[4]])
