"""The findings of a build in the file of a release: a JSON document with one finding per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cybilgraph.errors import FileDamaged
from cybilgraph.validation.outputs.as_json import fields_of

_INDENT = "  "


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report, which is faster than as indented JSON. Raises OSError."""
    encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=fields_of)
    with path.open("w", encoding="utf-8") as file:
        previous = "{"
        for name in sorted(report):
            file.write(f"{previous}\n {encoder.encode(name)}: ")
            previous = ","
            if name == "findings":
                file.write("[")
                file.writelines(
                    f"{',' * (at > 0)}\n{_INDENT}{encoder.encode(one)}" for at, one in enumerate(report[name])
                )
                file.write("\n ]")
            else:
                file.write(encoder.encode(report[name]))
        file.write("\n}\n")


def read_findings(path: Path, **wanted: str) -> Iterator[dict[str, Any]]:
    """Yield the findings of a report in which these fields have these values. Raises OSError, FileDamaged."""
    texts = [json.dumps(value, ensure_ascii=False) for value in wanted.values()]
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                # Searching is faster than parsing, and most lines do not contain the values.
                if line.startswith(f"{_INDENT}{{") and all(text in line for text in texts):
                    found = json.loads(line.rstrip("\n,"))
                    if wanted.items() <= found.items():
                        yield found
    except ValueError as error:
        raise FileDamaged(f"{path} is damaged: {error}", "Build the release again.") from error
