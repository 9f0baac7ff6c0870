"""Caches of functions whose size in bytes is bounded, even if callers pass long texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def cache_short(entries: int, longest: int) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Cache up to ``entries`` results of a function, but none for texts of more than ``longest`` characters.

    ``functools.lru_cache`` bounds only the number of results, so that a client could fill it with long texts.
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        cached = lru_cache(entries)(function)

        @wraps(function)
        def call(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
            for value in (*arguments, *named.values()) if named else arguments:
                if isinstance(value, str) and len(value) > longest:
                    return function(*arguments, **named)
            return cached(*arguments, **named)  # type: ignore[arg-type]  # unhashable arguments raise TypeError

        return call

    return decorate
