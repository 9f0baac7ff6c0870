"""Bodies of requests that are too large."""

from __future__ import annotations

from flask import request

#: A body that is too large, but not larger than this, is taken in before it is refused: a client that
#: is still sending would else find its connection broken, and not the answer that says why.
_MAX_TAKEN = 16_000_000


def drain(most: int) -> bool:
    """Whether the body of this request is said to be larger than ``most`` bytes; if so, it is taken in."""
    size = request.content_length or 0
    while most < size <= _MAX_TAKEN and request.environ["wsgi.input"].read(100_000):
        pass
    return size > most
