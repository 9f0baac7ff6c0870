"""Answers SPARQL, from a release on this machine or from an endpoint anywhere.

What the rest of the product knows of engines is here: a query and a format go in, an
``Answer`` comes out, or a ``QueryError``. An answer is complete or there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cybilgraph.formats import Format


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: ``content`` is ``format``'s serialisation of it."""

    format: Format
    content: bytes


class Engine(Protocol):
    """What plugs in as an engine."""

    def answer(self, query: str, formats: tuple[Format, ...], timeout: float | None = None) -> Answer:
        """Answer a query in the first of ``formats`` that fits what the query returns.

        ``timeout`` in seconds may only shorten the engine's own deadline. Raises QueryError.
        """
        ...

    def close(self) -> None:
        """Let go of workers and files."""
        ...
