"""Estimates of the resources that a number of records needs, extrapolated linearly from measurements.

The measurements are in data/reference/sizing.json, which tests/bench/sizing.py writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cybilgraph.model.resources import REFERENCE

_MEASUREMENTS = REFERENCE / "sizing.json"


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
class ResourceNeeds:
    """The resources that a number of records needs, in bytes and seconds.

    ``extrapolation`` is the ratio to the largest measured number of records.
    """

    records: int
    extrapolation: float
    statements: float
    sources: float
    release: float
    building: float
    memory: float
    seconds: float
    serving: float


@dataclass(frozen=True, slots=True)
class CapacityModel:
    """The measurements: when, where and with how many records they were taken, and a line through each quantity."""

    day: str
    software: str
    python: str
    processors: int
    measured: tuple[int, ...]
    lines: Mapping[str, FittedLine]

    def need(self, records: int, processors: int) -> ResourceNeeds:
        """Estimate the needs of a number of records on a machine with a number of processors."""
        at = {name: line.value_at(records) for name, line in self.lines.items()}
        return ResourceNeeds(
            records=records,
            extrapolation=records / self.measured[-1],
            statements=at["statements"],
            sources=at["sources"],
            release=at["release"],
            building=at["release"] + at["temporary"],
            memory=at["main_memory"] + processors * at["worker_memory"],
            seconds=at["main_seconds"] + at["worker_seconds"] / processors,
            serving=at["serve_memory"],
        )


def load_capacity_model(path: Path = _MEASUREMENTS) -> CapacityModel:
    """Load the measurements."""
    document = json.loads(path.read_text(encoding="utf-8"))
    points = sorted(document["points"], key=lambda point: int(point["records"]))
    few, many = points[-2:]
    more = many["records"] - few["records"]
    return CapacityModel(
        document["day"],
        document["software"],
        document["python"],
        document["processors"],
        tuple(point["records"] for point in points),
        {
            # More records never need less; a decrease in the measurements is noise.
            name: FittedLine(many["records"], max(many[name], few[name]), max((many[name] - few[name]) / more, 0.0))
            for name in many.keys() - {"records"}
        },
    )


_COLUMNS = (
    "records",
    "statements",
    "sources",
    "release",
    "disk to build",
    "memory to build",
    "time to build",
    "memory to serve",
    "extrapolation",
)
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


def describe_needs(model: CapacityModel, counts: Iterable[int], processors: int) -> Iterable[str]:
    """Yield lines of text with the needs of these numbers of records, and the calculation."""
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for count in counts:
        need = model.need(count, processors)
        rows.append(
            (
                f"{need.records:,}",
                _number(need.statements),
                *map(_bytes, (need.sources, need.release, need.building, need.memory)),
                _time(need.seconds),
                _bytes(need.serving),
                f"{need.extrapolation:,.0f} times" if need.extrapolation >= 1.5 else "none",
            )
        )
    yield from _aligned(rows)
    measured = " and ".join(f"{count:,}" for count in model.measured[-2:])
    yield ""
    yield (
        f"Measured on {model.day} with {measured} generated records, on {model.processors} processors, "
        f"with version {model.software} on Python {model.python}."
    )
    largest = model.measured[-1]
    details = [("", f"with {largest:,}", "per further record")]
    for name, label in _LABELS.items():
        line = model.lines[name]
        write = _bytes if name not in ("statements", "main_seconds", "worker_seconds") else _number
        details.append((label, write(line.value), write(line.per_record)))
    yield from _aligned(details, first_left=True)
    yield ""
    yield f"Each figure for N records is the one for {largest:,} plus (N - {largest:,}) times the increase per record."
    yield "Disk to build: the release and temporary files, in addition to the sources."
    yield f"Memory to build: the main process and {processors} workers, each as large as the largest measured one."
    yield f"Time to build: CPU seconds of the main process, plus those of the workers divided by {processors}."
    yield "Memory to serve: with the default --store-memory. A larger store stays on disk."


def _aligned(rows: Sequence[Sequence[str]], first_left: bool = False) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if first_left and not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _number(value: float) -> str:
    """Format a number with about three significant digits."""
    for size, word in ((1e12, " trillion"), (1e9, " billion"), (1e6, " million")):
        if value >= size:
            return f"{_three_digits(value / size)}{word}"
    return f"{value:,.0f}" if value >= 100 else _three_digits(value)


def _bytes(value: float) -> str:
    for size, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= size:
            return f"{_three_digits(value / size)} {unit}"
    return f"{value:.0f} B"


def _time(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds)} seconds"


def _three_digits(value: float) -> str:
    """Format a number of at most about a thousand with no more than three digits."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
