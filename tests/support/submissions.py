"""A small submission to the checker, and the output requested of it."""

from __future__ import annotations

from cybilgraph.web.checker import Submission
from tests.conftest import SEED

JSON = "api/json"
SMALL = Submission("a.txt", SEED.read_bytes())
