"""Finds regular expressions that take more than linear time, with texts derived from their structure.

For each repetition in a pattern, a text has what leads to it, what it repeats, many times, and something that
fails behind. Such a text is what an attacker sends; a pattern that backtracks takes at least quadratic time on it.

Times are compared because ``re`` does not count its steps, and calls nothing that a profiler could count: a whole search
is one call.
"""

from __future__ import annotations

import re
import re._constants as code  # type: ignore[import-not-found]  # as the compiler has them
import re._parser as parser  # type: ignore[import-not-found]
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice, product
from types import FrameType
from typing import Any

#: Lengths of texts, in characters: each is four times the one before. Linear time grows by 4, quadratic time by 16.
SIZES = (2_000, 8_000)
GROWTH = 8.0
#: What takes fewer seconds for the shorter text is not measured again: quadratic time would be ten times as long.
FAST = 0.001
#: Seconds after which a pattern is taken to never end.
ENDLESS = 3.0
#: Repetitions with a lower bound are constant.
_MANY = 400
_SAMPLES, _MAX_TEXTS = 5, 100
_COMMON = "a 0A\n.-,/_:<\"'(\\é"
_SUFFIXES = ("", "\x00", "!\n", "aA ")

Use = Callable[[re.Pattern[Any], Any], object]


def _exhaust(pattern: re.Pattern[Any], text: Any) -> None:
    for _ in pattern.finditer(text):
        pass


#: How patterns are used: by the methods that behave alike.
USES: dict[str, Use] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: pattern.search(text),
    "finditer": _exhaust,
}
METHODS = {name: name for name in USES} | dict.fromkeys(("sub", "subn", "split", "findall"), "finditer")


class Endless(Exception):
    """A pattern has exceeded its time limit."""


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise Endless in a block after this many seconds; the regex engine checks for signals."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def seconds(use: Callable[[Any], object], text: Any, runs: int) -> float:
    """Return the minimum processor time of several runs, since other load on the machine only adds to it."""
    best = ENDLESS
    for _ in range(runs):
        began = time.thread_time()
        try:
            with _limited(ENDLESS):
                use(text)
        except Endless:
            return ENDLESS
        best = min(best, time.thread_time() - began)
        if best > 0.05:
            break
    return best


def slow_text(pattern: re.Pattern[Any], how: str) -> str:
    """Return the beginning of a text on which this use of a pattern takes more than linear time; empty if none is found."""
    use = partial(USES[how], pattern)
    for before, unit, behind in attack_texts(pattern):
        short, long = (_text(pattern, before + unit * (size // len(unit)) + behind) for size in SIZES)
        if grows(use, short, long):
            return repr(short[:60])
    return ""


def grows(use: Callable[[Any], object], short: Any, long: Any) -> bool:
    """Return whether ``long``, four times the length of ``short``, takes at least GROWTH times as long every time."""
    for runs in (1, 2, 4):
        before = seconds(use, short, runs)
        if before >= ENDLESS:
            return True
        if before < FAST or seconds(use, long, runs) < GROWTH * before:
            return False
    return True


def _text(pattern: re.Pattern[Any], text: str) -> Any:
    return text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def attack_texts(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """The parts of texts for a pattern: before the repetition, the repeated part, and after it."""
    text = pattern.pattern.decode("latin-1") if isinstance(pattern.pattern, bytes) else pattern.pattern
    tree = parser.parse(text, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    sampler = _Sampler(tree)
    found = dict.fromkeys(chain(_of_repetitions(sampler, tree, ("",)), _of_letters(sampler)))
    return islice((parts for parts in found if parts[1]), _MAX_TEXTS * len(_SUFFIXES))


def _of_letters(sampler: _Sampler) -> Iterator[tuple[str, str, str]]:
    letters = sampler.letters[:8]
    for unit in (*letters, *map("".join, product(letters[:6], repeat=2))):
        yield "", unit, ""
        yield "", unit, "\x00"


def _of_repetitions(sampler: _Sampler, tree: Iterable[Any], before: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield the parts of texts for all repetitions in a sequence that follows ``before``."""
    led = before
    for operation, given in tree:
        if operation in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
            _, most, body = given
            if most >= _MANY:
                for unit, lead in product(sampler.sequence(body), led[:2]):
                    for suffix in _SUFFIXES:
                        yield lead, unit, suffix
                    if lead:
                        yield "", lead + unit, "\x00"
                        yield "", lead, unit + "\x00"
            yield from _of_repetitions(sampler, body, led)
        else:
            for inner in _inner(operation, given):
                yield from _of_repetitions(sampler, inner, led)
        led = tuple(islice((a + b for a, b in product(led, sampler.one(operation, given)[:2])), 3)) or led


def _inner(operation: Any, given: Any) -> Iterator[Any]:
    if operation is code.SUBPATTERN:
        yield given[-1]
    elif operation is code.BRANCH:
        yield from given[1]
    elif operation in (code.ASSERT, code.ASSERT_NOT):
        yield given[1]
    elif operation is code.ATOMIC_GROUP:
        yield given
    elif operation is code.GROUPREF_EXISTS:
        yield from (part for part in given[1:] if part is not None)


class _Sampler:
    """Creates texts that parts of a pattern match."""

    def __init__(self, tree: Any) -> None:
        found: dict[str, None] = {}
        self._collect(tree, found)
        self.letters = [*found]

    def _collect(self, tree: Iterable[Any], found: dict[str, None]) -> None:
        for operation, given in tree:
            if operation in (code.LITERAL, code.NOT_LITERAL):
                found[chr(given)] = None
            elif operation is code.IN:
                found.update(dict.fromkeys(chr(value) for kind, value in given if kind is code.LITERAL))
            elif operation in (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT):
                self._collect(given[2], found)
            for inner in _inner(operation, given):
                self._collect(inner, found)

    def sequence(self, tree: Iterable[Any]) -> list[str]:
        """Return some texts that a sequence matches."""
        texts = [""]
        for operation, given in tree:
            each = self.one(operation, given)
            if len(texts) == 1:
                texts = [texts[0] + one for one in each]
            else:
                texts = [text + each[number % len(each)] for number, text in enumerate(texts)]
            texts = texts[:_SAMPLES]
        return texts

    def one(self, operation: Any, given: Any) -> list[str]:
        """Some texts that one part matches; the empty one where it takes nothing, or is not known."""
        match operation:
            case code.LITERAL:
                return [chr(given)]
            case code.NOT_LITERAL | code.ANY | code.IN:
                return self._characters(operation, given)
            case code.MAX_REPEAT | code.MIN_REPEAT | code.POSSESSIVE_REPEAT:
                least, most, body = given
                count = min(max(least, 1), most, 50)
                return [text * count for text in self.sequence(body)] or [""]
            case code.BRANCH:
                each = [self.sequence(part)[:2] for part in given[1]]
                return [text for texts in zip(*each, strict=False) for text in texts][:_SAMPLES] or [""]
            case code.SUBPATTERN:
                return self.sequence(given[-1])
            case code.ATOMIC_GROUP:
                return self.sequence(given)
        return [""]

    def _characters(self, operation: Any, given: Any) -> list[str]:
        """Characters of a class: letters of the pattern first, which other parts may match, too."""
        tree = parser.SubPattern(parser.State(), [(operation, given)])
        matches = re._compiler.compile(tree, re.DOTALL).fullmatch  # type: ignore[attr-defined]
        ranges = (chr(value[0]) for kind, value in given if kind is code.RANGE) if operation is code.IN else ()
        found = dict.fromkeys(char for char in (*self.letters, *_COMMON, *ranges) if matches(char))
        return [*found][:3] + [*found][-2:] or [""]
