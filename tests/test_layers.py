"""Imports point down the table of floors, never up and never sideways."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "cybilgraph"
#: Lowest first. Modules of one floor do not import each other; those of one package may.
FLOORS = (
    ("caches",),
    ("vocab", "errors", "ntriples", "formats", "values", "files", "packed"),
    (
        "addresses",
        "clock",
        "fetch",
        "fields",
        "findings",
        "graphs",
        "keyed",
        "patches",
        "remembered",
        "resources",
        "scratch",
        "sources",
        "settings",
        "workers",
    ),
    ("record", "organisations", "rules", "sizing", "workbook"),
    ("reference", "dates"),
    ("readers", "mentions", "queries", "identity"),
    ("activities", "describe", "discretion", "fixes", "mending", "templates", "validation", "engine", "search"),
    ("dumps", "forgetting"),
    ("assemble", "checking", "intake", "foreign", "release"),
    ("preparing",),
    ("changes", "harvest", "loading", "pipeline", "publishing", "suggestions"),
    ("checker", "verify"),
    ("web",),
    ("cli",),
)
FLOOR = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}
#: Each third-party package has one home.
HOMES = {
    "ahocorasick_rs": {"reference", "mentions"},
    "arro3": {"dumps"},
    "click": {"cli"},
    "distributed": {"workers"},
    "defusedxml": {"readers"},
    "filelock": {"harvest", "release", "suggestions"},
    "flask": {"web"},
    "fsspec": {"addresses"},
    "granian": {"web"},
    "jinja2": {"validation"},
    "markdown_it": {"web"},
    "mdit_py_plugins": {"web"},
    "openpyxl": {"readers", "workbook"},
    "lxml": {"activities", "readers", "validation", "verify"},
    "phonenumbers": {"readers"},
    "prometheus_client": {"web"},
    "pyoxigraph": {"engine", "foreign", "readers", "rules", "validation"},
    "pyshacl": {"validation"},
    "pyroaring": {"search"},
    "rapidfuzz": {"reference", "search"},
    "rdflib": {"", "validation", "web"},
    "rich": {"cli", "validation"},
    "shacl": {"validation"},
    "slugify": {"reference"},
    "SPARQLWrapper": {"engine"},
    "urllib3": {"fetch"},
    "werkzeug": {"web"},
    "zstandard": {"dumps", "packed", "web"},
    "yaml": {"readers", "templates"},
}


def module_of(path: Path) -> str:
    """The module or package of the table that a file belongs to; empty for the package itself."""
    first = path.relative_to(SOURCE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = sorted(SOURCE.rglob("*.py"))


def test_every_module_has_a_floor() -> None:
    assert {module_of(path) for path in FILES} - {""} == FLOOR.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    here = module_of(path)
    for name in imports(path):
        root, _, rest = name.partition(".")
        if root == "cybilgraph" and here:
            there = rest.partition(".")[0]
            if there in FLOOR and there != here:
                assert FLOOR[there] < FLOOR[here], f"{here} imports {there}, which is not below it"
        if root in HOMES:
            assert here in HOMES[root], f"{root} is imported in {here or 'the package'}, not in {HOMES[root]}"
