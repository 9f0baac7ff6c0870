"""No regular expression takes more than linear time, since most of them scan untrusted text."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import cybilgraph
from tests.support.slow_patterns import METHODS, USES, slow_text

#: The depth of the search in containers and in results of functions without arguments.
_DEPTH = 5
_CACHED = type(cache(len))


@dataclass(frozen=True)
class Found:
    """A pattern with its module, its name or text, and its uses."""

    module: str
    name: str
    pattern: re.Pattern[Any]
    uses: frozenset[str]


def module_names() -> list[str]:
    """Return the names of all modules of the package."""
    found = (module.name for module in pkgutil.walk_packages(cybilgraph.__path__, "cybilgraph."))
    return [name for name in found if not name.endswith("__main__")]


def patterns_in(value: object, depth: int = _DEPTH) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns in a value: a container, an object, or a cached function without arguments."""
    if isinstance(value, re.Pattern):
        yield value
    elif not depth or isinstance(value, str | bytes | int | float | ModuleType):
        return
    elif isinstance(value, Mapping):
        for inner in (*value.keys(), *value.values()):
            yield from patterns_in(inner, depth - 1)
    elif isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from patterns_in(inner, depth - 1)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from patterns_in(getattr(value, field.name, None), depth - 1)
    elif isinstance(value, type) and value.__module__.startswith("cybilgraph."):
        for inner in vars(value).values():
            if not callable(inner):
                yield from patterns_in(inner, depth - 1)
    elif isinstance(value, _CACHED) and not inspect.signature(value).parameters:
        yield from patterns_in(value(), depth - 1)


def uses_in(source: str) -> dict[str, frozenset[str]]:
    """Return how a source text uses patterns, by the name of the pattern or of the container it is in."""
    found: dict[str, set[str]] = defaultdict(set)
    aliases: list[tuple[str, str]] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(ast.Name(name), method) if method in METHODS:
                found[name].add(METHODS[method])
            case ast.Attribute(ast.Subscript(ast.Name(name)), method) if method in METHODS:
                found[name].add(METHODS[method])
            case ast.For(target, ast.Name(name)) | ast.comprehension(target, ast.Name(name)):
                aliases += ((inner.id, name) for inner in ast.walk(target) if isinstance(inner, ast.Name))
            case ast.Assign([ast.Name(alias)], ast.IfExp(_, ast.Name(name), ast.Name(other))):
                aliases += ((alias, name), (alias, other))
    for alias, name in aliases:
        found[name] |= found.get(alias, set())
    return {name: frozenset(uses) for name, uses in found.items()}


@cache
def own_patterns() -> list[Found]:
    """Return each pattern of the package once, with all its uses."""
    places: dict[re.Pattern[Any], tuple[str, str]] = {}
    uses: dict[re.Pattern[Any], set[str]] = defaultdict(set)
    for module in map(importlib.import_module, module_names()):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        used = uses_in(source)
        for name, value in vars(module).items():
            if isinstance(value, type | ModuleType) and getattr(value, "__module__", "") != module.__name__:
                continue
            for pattern in patterns_in(value):
                places.setdefault(pattern, (module.__name__, name))
                uses[pattern] |= used.get(name, frozenset())
        for pattern, how in inline_patterns(source):
            places.setdefault(pattern, (module.__name__, f"{pattern.pattern!r:.40}"))
            uses[pattern].add(how)
    return [Found(*place, pattern, frozenset(uses[pattern] or set(USES))) for pattern, place in places.items()]


def inline_patterns(source: str) -> Iterator[tuple[re.Pattern[Any], str]]:
    """Yield the patterns that a source text passes to functions of ``re`` as literals, and their uses."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in METHODS
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield re.compile(node.args[0].value), METHODS[node.func.attr]


#: The texts of bounded length that some patterns scan, by the module and name of the pattern.
BOUNDED = {
    ("cybilgraph.extraction.persons", "_BODY_BEFORE"): "the 40 characters before a name",
    ("cybilgraph.extraction.locations", "_COMPASS_POINTS"): "a sentence, which has at most 1,500 characters",
    ("cybilgraph.extraction.prefilter", "_TOKEN"): "the table of phrases, which is ours",
}


@pytest.mark.slow
@pytest.mark.parametrize("module", module_names())
def test_patterns_take_linear_time(module: str) -> None:
    found = [one for one in own_patterns() if one.module == module and (module, one.name) not in BOUNDED]
    slow = [(one.name, how) for one in found for how in sorted(one.uses) if slow_text(one.pattern, how)]
    assert not slow, "these patterns take more than linear time"


OLD_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\\n\r]|\\.)*")|(?P<name>(?:\w(?:[\w.]*\w)?)?:)|(?P<word>\w+)|(?P<other>.)""", re.DOTALL
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "how"),
    [
        (re.compile(r"\).*service", re.IGNORECASE | re.DOTALL), "search"),
        (OLD_TOKEN, "finditer"),
        (re.compile(r"\s+$"), "search"),
        (re.compile(r"<([^>]*)>"), "search"),
        (re.compile(rb"[a-z]+@"), "finditer"),
        (re.compile(r"(\w+)\s*=\s*(.*);"), "search"),
        (re.compile(r"\w*\d*!"), "match"),
        (re.compile(r"(a+)+b"), "match"),
        (re.compile(r"(?:a|a)*b"), "fullmatch"),
    ],
    ids=lambda given: str(getattr(given, "pattern", given))[:20],
)
def test_backtracking_pattern_is_detected(pattern: re.Pattern[Any], how: str) -> None:
    """The test above can fail: it detects backtracking."""
    assert slow_text(pattern, how)


@pytest.mark.slow
def test_patterns_are_collected_from_all_modules() -> None:
    places = {(one.module.removeprefix("cybilgraph."), one.name) for one in own_patterns()}
    assert len(places) > 200
    wanted = (
        *[("sparql.lexer", "_TOKEN"), ("sparql.lexer", "_STRINGS"), ("model.dates", "_FORMS")],
        *[("readers.input_formats", "_PATTERNS"), ("extraction.themes", "load_cues")],
    )
    assert places.issuperset(wanted), "in modules, dicts, tuples and results of cached functions"
    assert {(module.removeprefix("cybilgraph."), name) for module, name in BOUNDED} <= places
