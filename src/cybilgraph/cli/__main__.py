"""Run ``cybilgraph`` as ``python -m cybilgraph.cli``."""

from cybilgraph.cli import main

main()
