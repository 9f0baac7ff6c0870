"""Measure how fast each format is read, with the same records in every format.

The records have values in all fields. Text and HTML use one file per record, the other formats one file for all.
HTML and IATI are written here, as simply as real sites write them, the others by our own writers. IATI has no elements
for themes or links to partners, and so contains slightly less. Only reading is measured (process time, on one core);
each format must return all records with their titles.

    python tests/bench/formats.py [NUMBER_OF_RECORDS]
"""

from __future__ import annotations

import gc
import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from html import escape
from pathlib import Path
from time import process_time

from generated import records

from cybilgraph.model.fields import FIELDS, FieldKind
from cybilgraph.model.formats import BY_NAME
from cybilgraph.model.record import Record
from cybilgraph.rdf.description import describe
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.rdf.serialisation import serialise
from cybilgraph.readers import find_inputs, read_input

_LISTS = (FieldKind.ACTORS, FieldKind.SCOPES, FieldKind.ITEMS)
_IATI_STATUS = {"planned": 1, "ongoing": 2, "finished": 3, "cancelled": 5, "suspended": 6}
_IATI_ROLES = {"funder": 1, "implementer": 4}


def labelled(record: Record) -> Iterator[tuple[str, list[str]]]:
    """Yield labels with the lines below them, as on a page; the first is the title."""
    for row in FIELDS:
        if not row.column or row.kind in (FieldKind.RECORD, FieldKind.CONTACTS, FieldKind.LINKS, FieldKind.PROJECTS):
            continue
        values = list(record.values(row.name))
        if row.kind is FieldKind.ACTORS:
            values = [value.actor.printed for value in values]
        elif row.kind is FieldKind.SCOPES:
            values = [value.concept.printed for value in values]
        elif row.kind in (FieldKind.DATE, FieldKind.CHOICE):
            values = [value.printed for value in values]
        if values:
            yield row.column.title(), [value.text for value in values]


def text_page(record: Record) -> str:
    (_, [title]), *rest = labelled(record)
    lines = ["Project", title, "About"]
    for label, values in rest:
        bullet = "  • " if label in ("Outcomes", "Outputs", "Activities") else ""
        lines += (
            [label, *(f"{bullet}{value}" for value in values)]
            if len(values) > 1 or bullet
            else [f"{label}: {values[0]}"]
        )
    return "\n\n".join(lines) + "\n"


def html_page(record: Record) -> str:
    (_, [title]), *rest = labelled(record)
    parts = [
        f"<!DOCTYPE html><html lang='en'><head><title>{escape(title)}</title></head><body><main><h1>{escape(title)}</h1>"
    ]
    for label, values in rest:
        items = "".join(f"<li>{escape(value)}</li>" for value in values)
        parts.append(f"<h3>{escape(label)}</h3><ul>{items}</ul>")
    return "\n".join([*parts, "</main></body></html>"])


def iati(all_records: Iterable[Record]) -> bytes:
    """Write an IATI activity for each record."""
    return "".join(['<iati-activities version="2.03">', *map(_activity, all_records), "</iati-activities>"]).encode()


def _activity(record: Record) -> str:
    def element(tag: str, text: str, more: str = "") -> str:
        return f"<{tag}{more}><narrative>{escape(text)}</narrative></{tag}>"

    assert record.title
    assert record.code
    parts = [
        '<iati-activity xml:lang="en">',
        f"<iati-identifier>XM-EXAMPLE-{record.code.text}</iati-identifier>",
        element("reporting-org", "An Example", ' ref="XM-EXAMPLE" type="40"'),
        element("title", record.title.text),
    ]
    for number, name in ((1, "summary"), (2, "aim"), (4, "description")):
        parts += [element("description", part.text, f' type="{number}"') for part in record.values(name)]
    for link in record.participations:
        if role := _IATI_ROLES.get(link.role):
            parts.append(element("participating-org", link.actor.printed.text, f' role="{role}"'))
    parts.append(f'<other-identifier ref="{record.code.text}" type="A9"/>')
    if record.status:
        parts.append(f'<activity-status code="{_IATI_STATUS[record.status.key]}"/>')
    parts += [
        f'<activity-date type="{number}" iso-date="{date.value}-01"/>'
        for number, date in ((2, record.start), (4, record.end))
        if date
    ]
    parts += [f'<recipient-country code="{scope.concept.key}"/>' for scope in record.values("country")]
    parts += [f'<result type="2">{element("title", outcome.text)}</result>' for outcome in record.outcomes]
    return "".join([*parts, "</iati-activity>"])


def rdf(name: str) -> Callable[[Iterable[Record]], bytes]:
    def write(all_records: Iterable[Record]) -> bytes:
        output = io.BytesIO()
        serialise((f"{line}\n".encode() for record in all_records for line in describe(record)), BY_NAME[name], output)
        return output.getvalue()

    return write


#: Writers by suffix: of one file for all records, and of one file per record.
ONE_FILE = {
    **{f".{name}": WRITERS[name] for name in ("csv", "xlsx", "json", "yaml")},
    ".iati": iati,
    ".ttl": rdf("turtle"),
    ".nt": rdf("ntriples"),
}
EACH = {".txt": text_page, ".html": html_page}


def write(suffix: str, all_records: list[Record], folder: Path) -> None:
    if suffix in ONE_FILE:
        (folder / f"all{suffix}").write_bytes(ONE_FILE[suffix](all_records))
    else:
        for record in all_records:
            (folder / f"{record.key}{suffix}").write_text(EACH[suffix](record), encoding="utf-8")


def main(number: int) -> None:
    """Write, read and time each format."""
    generated = list(records(number))
    titles = {record.title.text for record in generated if record.title}
    print(f"reading {number:,} records (process time)")
    print(f"{'format':8} {'s':>7} {'records/s':>10} {'MB':>7} {'MB/s':>6}")
    for suffix in (*EACH, *ONE_FILE):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(suffix, generated, folder)
            size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            gc.collect()
            begin = process_time()
            found = [record for given in find_inputs([folder]) for record in read_input(given)]
            seconds = process_time() - begin
        lost = titles - {record.title.text for record in found if record.title}
        assert len(found) == number, f"{suffix}: {len(found)} records of {number}"
        assert not lost, f"{suffix}: {len(lost)} titles are missing, such as {lost.pop()!r}"
        print(f"{suffix[1:]:8} {seconds:7.2f} {number / seconds:10,.0f} {size:7.2f} {size / seconds:6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
