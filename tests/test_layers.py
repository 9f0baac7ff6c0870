"""Imports point from higher layers to lower ones; test modules import from tests/support, never from each other."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "cybilgraph"
#: The layers of docs/architecture.md, lowest first. Packages in the same layer do not import each other.
LAYERS = (
    ("errors", "version"),
    ("runtime",),
    ("model",),
    ("extraction",),
    ("readers",),
    ("rdf",),
    ("identity",),
    ("sparql",),
    ("validation",),
    ("release",),
    ("pipeline",),
    ("sync",),
    ("web",),
    ("cli",),
)
LAYER = {package: layer for layer, packages in enumerate(LAYERS) for package in packages}
#: The packages that may import each third-party package; "" is the top-level package.
HOMES = {
    "SPARQLWrapper": {"sparql"},
    "a2wsgi": {"web"},
    "ahocorasick_rs": {"model", "extraction"},
    "arro3": {"rdf"},
    "cachetools": {"runtime", "sparql", "web"},
    "click": {"cli"},
    "distributed": {"runtime"},
    "filelock": {"release", "sync", "web"},
    "flask": {"web"},
    "fsspec": {"readers"},
    "granian": {"web"},
    "hatchling": {"web"},
    "httpcore": {"runtime"},
    "httpx": {"runtime", "sync"},
    "jinja2": {"validation", "web"},
    "lxml": {"rdf", "readers", "sync", "validation"},
    "markdown_it": {"web"},
    "markupsafe": {"web"},
    "mdit_py_plugins": {"web"},
    "openpyxl": {"rdf", "readers"},
    "phonenumbers": {"readers"},
    "prometheus_client": {"web"},
    "protego": {"sync"},
    "pyoxigraph": {"model", "rdf", "readers", "sparql", "validation"},
    "pyparsing": {"validation"},
    "pyroaring": {"release"},
    "pyshacl": {"validation"},
    "rapidfuzz": {"identity", "model", "release"},
    "rdflib": {"", "rdf", "validation", "web"},
    "rich": {"cli", "validation"},
    "shacl": {"validation"},
    "slugify": {"model"},
    "warcio": {"readers", "sync"},
    "werkzeug": {"web"},
    "yaml": {"rdf", "readers"},
    "zstandard": {"rdf", "runtime", "web"},
}
FILES = sorted(path for path in SOURCE.rglob("*.py") if "node_modules" not in path.parts)


def package_of(path: Path) -> str:
    """Return the package that a file belongs to; empty for the top-level package."""
    first = path.relative_to(SOURCE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def repeated(names: Iterator[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def test_every_package_has_a_layer() -> None:
    assert {package_of(path) for path in FILES} - {""} == LAYER.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_to_lower_layers(path: Path) -> None:
    here = package_of(path)
    for name in imports(path):
        root, _, rest = name.partition(".")
        if root == "cybilgraph" and here:
            there = rest.partition(".")[0]
            if there in LAYER and there != here:
                assert LAYER[there] < LAYER[here], f"{here} imports {there}, which is not below it"
        elif root not in sys.stdlib_module_names and root != "cybilgraph":
            assert here in HOMES[root], f"{root} is imported in {here or 'the package'}, not in {HOMES[root]}"


def test_module_names_are_unique() -> None:
    assert not repeated(path.stem for path in FILES if path.stem not in ("__init__", "__main__"))


def test_public_class_names_are_unique() -> None:
    assert not repeated(
        node.name
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )


def test_test_modules_are_not_imported() -> None:
    """Renaming or splitting a test module must not break another."""
    shared = {
        str(path.relative_to(ROOT)): name
        for path in (ROOT / "tests").rglob("*.py")
        for name in imports(path)
        if any(part.startswith("test_") for part in name.split("."))
    }
    assert not shared, "move what they share to tests/support"
