"""The version of this package, as its metadata give it."""

from importlib.metadata import version

__version__ = version("cybilgraph")
