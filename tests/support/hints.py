"""The format of answers whose hints are tested."""

from __future__ import annotations

from cybilgraph.model.formats import BY_NAME

JSON = (BY_NAME["json"],)
