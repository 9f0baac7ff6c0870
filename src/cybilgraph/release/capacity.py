"""Estimates of the resources that a number of records needs, extrapolated linearly from measurements.

The measurements are in data/reference/sizing.json, which tests/bench/sizing.py writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cybilgraph.model.resources import REFERENCE

_MEASUREMENTS = REFERENCE / "sizing.json"
#: Units of each kind of quantity, the largest first.
_COUNTS = ((1e12, " trillion"), (1e9, " billion"), (1e6, " million"), (0, ""))
_BYTES = ((1e15, " PB"), (1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (0, " B"))
_SECONDS = ((86_400, " days"), (3_600, " hours"), (60, " minutes"), (0, " seconds"))
_LABELS = {
    "statements": "statements",
    "sources": "sources",
    "release": "release",
    "store": "of which store",
    "dumps": "of which downloads",
    "temporary": "temporary files",
    "main_seconds": "CPU seconds of the main process",
    "worker_seconds": "CPU seconds of all workers",
    "main_memory": "memory of the main process",
    "worker_memory": "memory of the largest worker",
    "serve_memory": "memory of a server",
}


@dataclass(frozen=True, slots=True)
class FittedLine:
    """A straight line through the two largest measurements of a quantity."""

    records: int
    value: float
    #: The increase per additional record.
    per_record: float

    def value_at(self, records: int) -> float:
        """Return the value for a number of records, at least zero."""
        return max(self.value + (records - self.records) * self.per_record, 0.0)


@dataclass(frozen=True, slots=True)
class CapacityModel:
    """The measurements, the numbers of records with which they were taken, and a line through each quantity."""

    document: Mapping[str, Any]
    measured: Sequence[int]
    lines: Mapping[str, FittedLine]

    def need(self, records: int, processors: int) -> dict[str, float]:
        """Estimate the needs of a number of records on a machine with a number of processors, in bytes and seconds.

        The extrapolation is the ratio to the largest measured number of records.
        """
        at = {name: line.value_at(records) for name, line in self.lines.items()}
        return {
            "records": records,
            "statements": at["statements"],
            "sources": at["sources"],
            "release": at["release"],
            "disk to build": at["release"] + at["temporary"],
            "memory to build": at["main_memory"] + processors * at["worker_memory"],
            "time to build": at["main_seconds"] + at["worker_seconds"] / processors,
            "memory to serve": at["serve_memory"],
            "extrapolation": records / self.measured[-1],
        }


def load_capacity_model(path: Path = _MEASUREMENTS) -> CapacityModel:
    """Load the measurements."""
    document = json.loads(path.read_text(encoding="utf-8"))
    points = sorted(document["points"], key=lambda point: int(point["records"]))
    few, many = points[-2:]
    more = many["records"] - few["records"]
    lines = {
        # More records never need less; a decrease in the measurements is noise.
        name: FittedLine(many["records"], max(many[name], few[name]), max((many[name] - few[name]) / more, 0.0))
        for name in many.keys() - {"records"}
    }
    return CapacityModel(document, [point["records"] for point in points], lines)


def describe_needs(model: CapacityModel, counts: Iterable[int], processors: int) -> Iterable[str]:
    """Yield lines of text with the needs of these numbers of records, and the calculation."""
    needs = [model.need(count, processors) for count in counts]
    yield from _aligned([[*needs[0]], *([_format(*item) for item in need.items()] for need in needs)])
    measured = " and ".join(f"{count:,}" for count in model.measured[-2:])
    yield ""
    yield (
        f"Measured on {model.document['day']} with {measured} generated records, on {model.document['processors']} "
        f"processors, with version {model.document['software']} on Python {model.document['python']}."
    )
    largest = model.measured[-1]
    details = [["", f"with {largest:,}", "per further record"]]
    for name, label in _LABELS.items():
        line = model.lines[name]
        details.append([label, _format(name, line.value), _format(name, line.per_record)])
    yield from _aligned(details, first_left=True)
    yield ""
    yield f"Each figure for N records is the one for {largest:,} plus (N - {largest:,}) times the increase per record."
    yield "Disk to build: the release and temporary files, in addition to the sources."
    yield f"Memory to build: the main process and {processors} workers, each as large as the largest measured one."
    yield f"Time to build: CPU seconds of the main process, plus those of the workers divided by {processors}."
    yield "Memory to serve: with the default --store-memory. A larger store stays on disk."


def _aligned(rows: Sequence[Sequence[str]], first_left: bool = False) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]) if first_left else first.rjust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()


def _format(name: str, value: float) -> str:
    match name:
        case "records":
            return f"{value:,}"
        case "extrapolation":
            return f"{value:,.0f} times" if value >= 1.5 else "none"
        case "statements" | "main_seconds" | "worker_seconds":
            return _scale(value, _COUNTS)
        case "time to build":
            return _scale(value, _SECONDS, least=2)
    return _scale(value if value >= 1_000 else round(value), _BYTES)


def _scale(value: float, units: Iterable[tuple[float, str]], least: float = 1) -> str:
    """Format a value with at most about three digits, in the largest unit of which it has at ``least`` so many."""
    size, unit = next((size, unit) for size, unit in units if value >= least * size)
    scaled = value / (size or 1)
    return (f"{scaled:,.0f}" if scaled >= 10 else f"{scaled:.2g}") + unit
