"""Read documents with one project or a list of projects: JSON (RFC 8259), JSON Lines and YAML 1.2.

The keys are those of ``cybilgraph template schema``. Values are read as written: in YAML, ``NO`` is Norway
and ``2018-10`` is a month.
"""

from __future__ import annotations

import io
import json
import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count, islice
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any

import yaml

from cybilgraph.errors import SourceError
from cybilgraph.model.fields import FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.record import Place, Record, Text
from cybilgraph.model.rules import finding
from cybilgraph.readers.cells import Cell, find_field, read_cell, read_cells, unknown_name_finding
from cybilgraph.readers.inputs import Input
from cybilgraph.readers.text import clean, decode

MAX_DOCUMENT_BYTES = 50_000_000
#: The maximum number of values in a document: each takes about 200 bytes in JSON and 600 in YAML.
MAX_VALUES, MAX_NODES = 3_000_000, 1_000_000
_HINT = "For an example, run: cybilgraph template json (or yaml, schema)"
#: Keys of a list of records.
_LISTS = ("projects", "records")
#: Keys of a contact, besides name and e-mail, whose values become its note.
_NOTES = ("note", "position", "role", "phone", "telephone", "tel", "mobile", "fax")
#: The maximum nesting depth; records contain only lists of small objects.
_MAX_DEPTH = 20
_TOO_MANY = "more than"
_TOO_DEEP = f"nested too deeply: more than {_MAX_DEPTH} levels"
_NESTING_HINT = "Nest lists and objects as in this example: cybilgraph template yaml"
#: The start of a list of projects.
_LIST = re.compile(r'\s*(?:\{\s*(?:"\$schema"\s*:\s*"[^"]*"\s*,\s*)?"(?:projects|records)"\s*:\s*)?\[\s*')
#: The maximum number of unknown keys reported; the values of all are kept in the description.
_MAX_REPORTED = 100
#: A lone surrogate such as "\\ud800", which cannot be encoded.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def read_json(input_file: Input) -> Iterator[Record]:
    """Yield the records of a JSON document: one object, a list of objects, or one object per line.

    Raises SourceError if the text is not JSON or contains no object.
    """
    findings: list[Finding] = []
    text = _decode_document(input_file, findings)
    damage: json.JSONDecodeError | RecursionError | None = None
    try:
        value, end = _Decoder(_places(text)).raw_decode(text, len(text) - len(text.lstrip()))
    except (json.JSONDecodeError, RecursionError) as error:
        damage = error.with_traceback(None)  # drop the frames, which hold everything read so far
    if damage:
        yield from _read_up_to_damage(input_file, text, findings)
        raise _json_error(input_file, damage) from damage
    if text[end:].strip():
        yield from _json_lines(input_file, text, findings)
    else:
        yield from _records(input_file, [value], findings)


def read_yaml(input_file: Input) -> Iterator[Record]:
    """Yield the records of a YAML file: a mapping, a list of mappings, or one mapping per document.

    Raises SourceError if the text is not YAML, uses aliases or contains no mapping.
    """
    findings: list[Finding] = []
    text = _decode_document(input_file, findings)
    try:
        values = _parse_yaml(input_file, text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        yield from _read_before_line(input_file, text, mark.line if mark else 0, findings)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", "") or str(error).split("\n", 1)[0][:200]
        if "nesting depth" in problem:
            raise SourceError(f"{input_file.name}{where}: {_TOO_DEEP}", _NESTING_HINT) from error
        raise SourceError(f"{input_file.name}{where}: invalid YAML: {problem}", _HINT) from error
    yield from _records(input_file, values, findings)


def _read_before_line(input_file: Input, text: str, line: int, findings: list[Finding]) -> Iterator[Record]:
    """Yield the complete projects before the damaged line of a YAML list."""
    lines = text.splitlines(keepends=True)[: line + 1]
    indents = {number: item.end() for number, each in enumerate(lines) if (item := re.match(r" {0,2}- ", each))}
    outermost = min(indents.values(), default=0)
    last = max((number for number, indent in indents.items() if indent == outermost), default=0)
    with suppress(yaml.YAMLError, SourceError):
        yield from _records(input_file, _parse_yaml(input_file, "".join(lines[:last])), findings)


def _read_up_to_damage(input_file: Input, text: str, findings: list[Finding]) -> Iterator[Record]:
    """Yield the projects of a list up to the point where it ends early or is damaged."""
    decoder = _Decoder(_places(text))
    start = _LIST.match(text)
    at = start.end() if start else len(text)
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            return
        with suppress(SourceError):  # this value is no project, but the next may be
            yield from _records(input_file, [value], findings)
            findings = []
        at += len(text[at : at + 1_000]) - len(text[at : at + 1_000].lstrip(" \t\r\n,"))


def _decode_document(input_file: Input, findings: list[Finding]) -> str:
    with input_file.open(MAX_DOCUMENT_BYTES) as file:
        return decode(input_file, file.read(), findings)


def _json_lines(input_file: Input, text: str, findings: list[Finding]) -> Iterator[Record]:
    """Read one object per line. Other lines are reported and do not affect the rest."""
    first_error: SourceError | None = None
    errors = 0
    for number, ended in enumerate(io.StringIO(text), start=1):
        line = ended.rstrip("\n")
        if not line.strip():
            continue
        if number > MAX_VALUES:
            where = f"{input_file.name}:{number}"
            raise SourceError(f"{where}: more than {MAX_VALUES:,} lines", "Split it into smaller files.")
        try:
            value = _Decoder(Place(number).after).decode(line)
            for record in _records(input_file, [value], findings):
                findings = []
                yield record
        except (json.JSONDecodeError, RecursionError) as error:
            errors += 1
            first_error = first_error or _json_error(input_file, error, number)
        except SourceError as error:
            errors += 1
            what = error.what.replace(input_file.name, f"{input_file.name}:{number}", 1)
            first_error = first_error or SourceError(what, error.hint)
    if first_error:
        more = f" (and {errors - 1:,} more lines)" if errors > 1 else ""
        raise SourceError(f"{first_error.what}{more}", first_error.hint)


def _json_error(input_file: Input, error: json.JSONDecodeError | RecursionError, line: int = 1) -> SourceError:
    if isinstance(error, RecursionError):
        return SourceError(f"{input_file.name}: invalid JSON: it is nested too deeply", _HINT)
    before = error.doc[: error.pos].rstrip(" \t\r\n")
    kind = {"}": "object", "]": "array"}.get(error.doc[error.pos : error.pos + 1])
    if kind and before.endswith(","):  # as Python 3.13 reports it
        error = json.JSONDecodeError(f"Illegal trailing comma before end of {kind}", error.doc, len(before) - 1)
    where = f"{input_file.name}:{line + error.lineno - 1}:{error.colno}"
    if error.msg.startswith(_TOO_MANY):
        return SourceError(f"{where}: {error.msg}", "Split it into smaller files.")
    return SourceError(f"{where}: invalid JSON: {error.msg}", _HINT)


# ---- values with their places --------------------------------------------------------------


class _PlacedText(str):
    __slots__ = ("place",)
    place: Place

    def __new__(cls, value: str, place: Place) -> _PlacedText:
        text = super().__new__(cls, value)
        text.place = place
        return text


class _RepeatedKey(str):
    """The name of a key that occurred before in the same object."""

    __slots__ = ("key",)
    key: str

    def __new__(cls, key: str, times: int) -> _RepeatedKey:
        name = super().__new__(cls, f"{key} (again, {times})")
        name.key = key
        return name


def _places(text: str) -> Callable[[int], Place]:
    """Return a function that maps offsets in the text to places."""
    starts = array("Q", [0])
    starts.extend(match.end() for match in re.finditer("\n", text))

    def place(offset: int) -> Place:
        line = bisect_right(starts, offset)
        return Place(line, offset - starts[line - 1] + 1)

    return place


class _Decoder(json.JSONDecoder):
    """A JSON decoder whose texts have places, and whose numbers and booleans are texts as written."""

    def __init__(self, place: Callable[[int], Place]) -> None:
        super().__init__(parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_unique_keys)
        values = count(1)

        def placed(scan_once: Any, text: str, at: int) -> tuple[Any, int]:
            if next(values) > MAX_VALUES:
                raise json.JSONDecodeError(f"{_TOO_MANY} {MAX_VALUES:,} values", text, at)
            value, after = scan_once(text, at)
            if value is None or isinstance(value, list | dict):
                return value, after
            written = _SURROGATE.sub("\ufffd", value) if text[at] == '"' else text[at:after]
            return _PlacedText(written, place(at)), after

        def parse_array(opened: tuple[str, int], scan_once: Any) -> Any:
            return JSONArray(opened, partial(placed, scan_once))

        def parse_object(opened: tuple[str, int], strict: bool, scan_once: Any, *others: Any) -> Any:
            return JSONObject(opened, strict, partial(placed, scan_once), *others)

        self.parse_array, self.parse_object = parse_array, parse_object
        # The C scanner does not call parse_array and parse_object.
        self.scan_once = partial(placed, py_make_scanner(self))


def _unique_keys(pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Build a mapping in which repeated keys are kept under new names, to be reported."""
    found: dict[str, Any] = {}
    times: Counter[str] = Counter()  # avoids counting again for each key
    for raw_key, value in pairs:
        name = key = _SURROGATE.sub("\ufffd", str(raw_key))
        while name in found:
            times[key] += 1
            name = _RepeatedKey(key, times[key])
        found[name] = value
    return found


def _parse_yaml(input_file: Input, text: str) -> list[Any]:
    """Return the values of a YAML text. Every scalar is the text as written.

    Raises SourceError for aliases and deep nesting, which no record needs but attacks use.
    """
    values: list[list[Any]] = [[]]  # those of the stream, and of each open collection
    for number, event in enumerate(yaml.parse(text, yaml.CSafeLoader)):
        assert event.start_mark
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        where = f"{input_file.name}:{place.line}"
        if number > MAX_NODES:
            raise SourceError(f"{where}: more than {MAX_NODES:,} values", "Split it into smaller files.")
        if isinstance(event, yaml.AliasEvent):
            raise SourceError(f"{where}: aliases (*{event.anchor}) are not supported", "Write the value itself.")
        if isinstance(event, yaml.ScalarEvent):
            is_blank = not event.style and event.value in ("", "~", "null")  # libyaml's name for plain style is empty
            values[-1].append(None if is_blank else _PlacedText(event.value, place))
        elif isinstance(event, yaml.CollectionStartEvent):
            values.append([])
            if len(values) > _MAX_DEPTH + 1:
                raise SourceError(f"{where}: {_TOO_DEEP}", _NESTING_HINT)
        elif isinstance(event, yaml.CollectionEndEvent):
            inner: Any = values.pop()
            if isinstance(event, yaml.MappingEndEvent):
                pairs = zip(inner[::2], inner[1::2], strict=True)
                inner = _unique_keys((key, value) for key, value in pairs if not isinstance(key, list | dict))
            values[-1].append(inner)
    return values[0]


# ---- values → cells → records --------------------------------------------------------------


def _documents(input_file: Input, value: Any) -> Iterator[dict[str, Any]]:
    """Yield the projects in a value: an object, a list of objects, or an object that contains such a list."""
    if isinstance(value, dict) and not any(find_field(key) for key in value):
        lists = [each for name, each in value.items() if getattr(name, "key", name) in _LISTS]
        value = [record for each in lists for record in _as_list(each)] if lists else value
    bad: list[Any] = []
    for record in value if isinstance(value, list) else [value]:
        if isinstance(record, dict):
            yield record
        else:
            bad.append(record)
    if bad:
        more = f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
        raise SourceError(f"{input_file.name}: found {str(bad[0])[:60]!r}{more} instead of a project", _HINT)


def _records(input_file: Input, values: Iterable[Any], findings: list[Finding]) -> Iterator[Record]:
    found = 0
    empty: list[int] = []
    documents = (document for value in values for document in _documents(input_file, value))
    for number, document in enumerate(documents, start=1):
        start = _first_place(document) or Place(1)
        cells = [_cell(str(name), value, start) for name, value in document.items() if not name.startswith("$")]
        repeated = list(islice(_find_repeated_keys(document, start), _MAX_REPORTED))
        repeated_names = {name for name, _ in repeated}
        unknown = (cell for cell in cells if cell.name not in repeated_names and find_field(cell.name) is None)
        odd = [unknown_name_finding(input_file, cell.name, cell.place) for cell in islice(unknown, _MAX_REPORTED)]
        odd += [
            finding("second-key", input_file.name, {"name": name.key}, label=name.key, place=place)
            for name, place in repeated
        ]
        if not any(cell.lines for cell in cells):
            empty.append(number)
        elif record := read_cells(input_file, cells, findings + odd):
            findings = []
            found += 1
            yield record
    if not found:
        raise SourceError(f"{input_file.name}: contains no project", _HINT)
    if empty:
        more = f" (and {len(empty) - 1:,} more)" if len(empty) > 1 else ""
        raise SourceError(f"{input_file.name}: project number {empty[0]:,} has no values{more}", _HINT)


def _find_repeated_keys(value: Any, place: Place) -> Iterator[tuple[_RepeatedKey, Place]]:
    """Yield the repeated keys at any depth, each with the place of its value."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(item, dict | list):
            yield from _find_repeated_keys(item, place)
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(name, _RepeatedKey):
                yield name, _first_place(item) or place


def _first_place(value: Any) -> Place | None:
    """Return the place of the first text in a value."""
    if isinstance(value, _PlacedText):
        return value.place
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(_first_place, inner)), None)


def _cell(name: str, value: Any, start: Place) -> Cell:
    """Return the cell of a key. An empty value counts as left blank."""
    place = _first_place(value) or start
    row = find_field(name)
    if isinstance(value, list):
        value = [item for item in value if item is not None]  # skip blank items
    if value in (None, "", [], {}):
        return Cell(name, place, blank=True)
    if isinstance(value, str):
        if row is not None and row.kind not in (FieldKind.PROSE, FieldKind.ITEMS):
            return read_cell(name, value, place)
        value = value.splitlines()
    return Cell(name, place, [line for item in _as_list(value) for line in _lines(item, place) if line.text])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _lines(item: Any, place: Place) -> Iterator[Text]:
    """Yield the lines of a list item: a text, a contact, a link, or items below a subheading."""
    place = _first_place(item) or place
    if not isinstance(item, dict):
        if line := clean(item if isinstance(item, str) else json.dumps(item)):
            yield Text(line, place)
    elif item.keys() == {"under", "items"}:
        yield Text(f"{clean(str(item['under']))}:", place)
        for inner in _as_list(item["items"]):
            yield from (Text(f"• {line.text}", line.place) for line in _lines(inner, place))
    elif item.keys() <= {"name", "email", *_NOTES}:
        parts = (str(item.get("name") or ""), f"<{item['email']}>" if item.get("email") else "")
        yield Text(clean(" ".join(part for part in parts if part)), place)
        notes = (clean(str(note)) for name in _NOTES for note in _as_list(item.get(name)) if note)
        yield from (Text(f"({note})", place) for note in notes)
    elif item.keys() <= {"text", "url"}:
        url = f"<{item['url']}>" if item.get("url") else ""
        yield Text(clean(f"{item.get('text') or ''} {url}"), place)
    else:
        yield Text(clean(json.dumps(item, ensure_ascii=False)), place)
