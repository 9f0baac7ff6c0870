"""``python -m cybilgraph.cli`` is ``cybilgraph``."""

from cybilgraph.cli import main

main()
