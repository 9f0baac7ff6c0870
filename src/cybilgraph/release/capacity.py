"""What so many records need: straight lines through measured figures, with how they were reckoned.

The figures are in data/reference/sizing.json, which tests/bench/sizing.py writes.
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
    """A straight line through the two largest measurements of one figure."""

    records: int
    value: float
    #: What each further record adds.
    per_record: float

    def value_at(self, records: int) -> float:
        """The figure of so many records; never below zero."""
        return max(self.value + (records - self.records) * self.per_record, 0.0)


@dataclass(frozen=True, slots=True)
class ResourceNeeds:
    """What a number of records needs, in bytes and seconds. ``extrapolation``: how many times the measured number."""

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
    """The measured figures: when and where they were taken, of how many records, and the line of each."""

    day: str
    software: str
    python: str
    processors: int
    measured: tuple[int, ...]
    lines: Mapping[str, FittedLine]

    def need(self, records: int, processors: int) -> ResourceNeeds:
        """What so many records need on a machine with so many processors."""
        at = {name: line.value_at(records) for name, line in self.lines.items()}
        return ResourceNeeds(
            records=records,
            extrapolation=records / self.measured[-1],
            statements=at["statements"],
            sources=at["sources"],
            release=at["release"],
            building=at["release"] + at["prepared"] + at["temporary"],
            memory=at["main_memory"] + processors * at["worker_memory"],
            seconds=at["main_seconds"] + at["worker_seconds"] / processors,
            serving=at["serve_memory"],
        )


def load_capacity_model(path: Path = _MEASUREMENTS) -> CapacityModel:
    """The figures that were measured."""
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
            # More records never need less: what was less was chance.
            name: FittedLine(many["records"], max(many[name], few[name]), max((many[name] - few[name]) / more, 0.0))
            for name in many.keys() - {"records"}
        },
    )


#: The columns of the table of needs: its title, and how the value is written.
_COLUMNS = (
    "records",
    "statements",
    "sources",
    "release",
    "disk to build",
    "memory to build",
    "time to build",
    "memory to serve",
    "beyond the measured",
)
_WORDS = {
    "statements": "statements",
    "sources": "sources",
    "release": "release",
    "store": "of it the store",
    "dumps": "of it files to take away",
    "prepared": "what is kept for the next build",
    "temporary": "temporary files",
    "main_seconds": "seconds of one processor",
    "worker_seconds": "seconds that all processors share",
    "main_memory": "memory of the build",
    "worker_memory": "and of its largest worker",
    "serve_memory": "memory of a server",
}


def describe_needs(figures: CapacityModel, counts: Iterable[int], processors: int) -> Iterable[str]:
    """The needs of these numbers of records as lines of text, and how they were reckoned."""
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for count in counts:
        need = figures.need(count, processors)
        rows.append(
            (
                f"{need.records:,}",
                _number(need.statements),
                *map(_bytes, (need.sources, need.release, need.building, need.memory)),
                _time(need.seconds),
                _bytes(need.serving),
                f"{need.extrapolation:,.0f} times" if need.extrapolation >= 1.5 else "no",
            )
        )
    yield from _aligned(rows)
    measured = " and ".join(f"{count:,}" for count in figures.measured[-2:])
    yield ""
    yield (
        f"Measured on {figures.day} with {measured} made records, on {figures.processors} processors, "
        f"by version {figures.software} on Python {figures.python}."
    )
    largest = figures.measured[-1]
    details = [("", f"with {largest:,}", "each more")]
    for name, words in _WORDS.items():
        line = figures.lines[name]
        write = _bytes if name not in ("statements", "main_seconds", "worker_seconds") else _number
        details.append((words, write(line.value), write(line.per_record)))
    yield from _aligned(details, first_left=True)
    yield ""
    yield f"A figure of N records is that with {largest:,}, and (N - {largest:,}) times what each more adds."
    yield "Disk to build: the release, what is kept for the next build, and temporary files; sources come on top."
    yield f"Memory to build: the build, and {processors} workers, each as large as the largest process was."
    yield f"Time to build: seconds of one processor, and those that all share, divided by {processors}."
    yield "Memory to serve: with --store-memory as it is by default. A store that is larger stays on disk."


def _aligned(rows: Sequence[Sequence[str]], first_left: bool = False) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if first_left and not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _number(value: float) -> str:
    """With three digits that mean something."""
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
    """A number below a thousand or little above, with no more than three digits, as far as that goes."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
