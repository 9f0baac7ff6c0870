"""Caches that take a bounded number of bytes, whatever texts they are asked about."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def cache_short(entries: int, longest: int) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Cache up to ``entries`` results of a function, but none for a text of more than ``longest`` characters.

    ``functools.lru_cache`` bounds only the number of results: a stranger could fill it with long texts.
    """

    def decorate(function: Callable[Given, Result]) -> Callable[Given, Result]:
        cached = lru_cache(entries)(function)

        @wraps(function)
        def call(*given: Given.args, **named: Given.kwargs) -> Result:
            for value in (*given, *named.values()):
                if isinstance(value, str) and len(value) > longest:
                    return function(*given, **named)
            return cached(*given, **named)  # type: ignore[arg-type]  # a call that cannot be hashed raises TypeError

        return call

    return decorate
