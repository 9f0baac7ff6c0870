"""Curators' decisions about claims, values, records and organisations, in files that only grow.

A file is CSV with one decision on each line, so that a line can be added without reading the others, branches of git
that add lines can be merged, and every spreadsheet program opens it. Nothing is changed or deleted: a later decision
on the same subject replaces an earlier one, and ``undo`` withdraws one. Each curator has a file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import pickle
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from dataclasses import field as attribute
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Self

from cybilgraph.errors import DecisionError
from cybilgraph.model.fields import BY_NAME, FieldKind
from cybilgraph.model.findings import Finding
from cybilgraph.model.gazetteer import load_gazetteer, slug
from cybilgraph.model.rules import finding
from cybilgraph.model.values import value
from cybilgraph.readers.tabular import escape_formula, unescape_formula
from cybilgraph.runtime.files import append_line, locked_folder, rewrite
from cybilgraph.runtime.spill import TemporaryDatabase

#: Subjects other than fields: whether another record describes the same project, and which organisation an actor is.
SAME, ACTOR = "record", "actor"
#: The longest name of a curator.
MAX_WHO_CHARS = 100
#: The name of a curator who must not be named.
UNNAMED = "A curator"
#: Kinds of field with one decision for each value; all others have one for the whole field.
LINK_KINDS = (FieldKind.ACTORS, FieldKind.SCOPES, FieldKind.PROJECTS)
#: Written into a new folder, so that git keeps the lines of both branches.
_ATTRIBUTES = "*.csv merge=union\n"
_ESCAPED = re.compile(r"\\(.)")
_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
#: A cell that a message may repeat, since it cannot be a name or sentence from a record.
_WORD = re.compile(r"[\w.:+-]{0,30}", re.ASCII)
_MAX_CELL_CHARS = 1_000_000
_NOT_UTF8 = re.compile("[\0\ud800-\udfff]")
#: A file with more broken lines than this is not a file of decisions.
_MAX_BROKEN_LINES = 100
_SCHEMA = """
CREATE TABLE decision (
    id TEXT, hash TEXT, record TEXT, subject TEXT, moment TEXT, file TEXT, line INTEGER, pickled BLOB,
    PRIMARY KEY (id, hash)) WITHOUT ROWID;
CREATE INDEX by_record ON decision (record, subject, moment);
CREATE INDEX by_moment ON decision (moment, file, line);
CREATE TABLE undone (id TEXT, pickled BLOB);
CREATE INDEX undone_by_id ON undone (id);
"""
#: Of lines with one id that say different things, all but the first do not apply.
_CONTRADICTING = """
SELECT id, hash, pickled FROM decision JOIN (SELECT id, count(*) AS count FROM decision GROUP BY id) USING (id)
WHERE count > 1 ORDER BY file, line
"""
_LATEST = """
SELECT pickled, (SELECT pickled FROM undone WHERE undone.id = decision.id ORDER BY rowid DESC LIMIT 1)
FROM decision ORDER BY moment DESC, file DESC, line DESC LIMIT ? OFFSET ?
"""
_BY_ID = "SELECT pickled FROM decision WHERE id = ? AND id NOT IN (SELECT id FROM undone)"
_UNDONE_OF_NONE = "SELECT pickled FROM undone WHERE id NOT IN (SELECT id FROM decision)"
_IN_FORCE = """
SELECT pickled FROM (
    SELECT pickled, moment, file, line, row_number() OVER (
        PARTITION BY subject ORDER BY moment DESC, file DESC, line DESC) AS place
    FROM decision WHERE record = ? AND id NOT IN (SELECT id FROM undone))
WHERE place = 1 ORDER BY moment, file, line
"""


class Verdict(StrEnum):
    """What a curator decided."""

    YES = "yes"  # it is so, whether or not a record says it
    NO = "no"  # it is not so
    INSTEAD = "instead"  # the new field or value applies instead
    UNDO = "undo"  # the decision with the id in ``new_value`` no longer applies


@value(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision; the attributes up to ``sha256`` are the columns of its file.

    ``record`` is the key of the project; empty if the decision is about an actor in all records. ``field`` is the name
    of the field, the role of an actor, ``SAME`` or ``ACTOR``. ``value`` is the key of what the field links to, or its
    name if it is not in the reference data; for other fields, the value at the time of the decision. An empty
    ``new_field`` or ``new_value`` means that it stays the same. If an actor is another one (``INSTEAD``), ``new_value``
    is the key or name of that one.

    ``basis`` is how the claim was known when it was decided, and ``sentence`` its quotes, one per line. ``sha256`` is
    the checksum of the sentence or, for a field without claims, of the value. It shows whether the text has changed
    since then, even if the sentence itself is not kept.
    """

    id: str = ""
    record: str = ""
    field: str
    value: str = ""
    verdict: Verdict
    new_field: str = ""
    new_value: str = ""
    who: str
    suggested_by: str = ""
    when: str = ""
    why: str = ""
    basis: str = ""
    sentence: str = ""
    sha256: str = ""
    file: str = attribute(default="", compare=False)
    line: int = attribute(default=0, compare=False)

    @property
    def subject(self) -> str:
        """What the decision is about, within its record: a field, or a field and a value."""
        return f"{self.field} {self.value}" if is_link(self.field) or self.field in (SAME, ACTOR) else self.field

    @property
    def published_value(self) -> str:
        """The value as findings may repeat it: empty if it was rejected or replaced and may name a person."""
        may_name_person = not is_link(self.field) or not is_listed(kind_of(self.field), self.value)
        return "" if may_name_person and self.verdict is not Verdict.YES else self.value

    @property
    def sentences(self) -> list[str]:
        """The quotes on which the decision is based."""
        return self.sentence.split("\n") if self.sentence else []

    def agrees(self, other: Decision) -> bool:
        """Return whether another decision on the same subject has the same answer."""
        return (self.verdict, self.new_field, self.new_value) == (other.verdict, other.new_field, other.new_value)

    def simplified(self) -> Decision:
        """Return the decision, or a “yes” if it replaces a link with the same link."""
        is_same = self.new_field in ("", self.field) and self.new_value in ("", self.value)
        if self.verdict is Verdict.INSTEAD and is_link(self.field) and is_same:
            return replace(self, verdict=Verdict.YES, new_field="", new_value="")
        return self

    def undo(self, who: str = "") -> Decision:
        """Return the decision that withdraws this one, by the same curator or another one."""
        return Decision(
            record=self.record, field=self.field, verdict=Verdict.UNDO, new_value=self.id, who=who or self.who
        )

    def renew(self, basis: str, sha256: str) -> Decision:
        """Return the same decision, to be made again about a text that has changed since."""
        return replace(self, id="", when="", suggested_by="", basis=basis, sentence="", sha256=sha256)

    def finding(self, rule: str, **values: object) -> Finding:
        """Return a finding about this decision."""
        text = self.published_value
        return finding(rule, self.file, values, line=self.line, record=self.record, label=self.field, text=text)


COLUMNS = tuple(one.name for one in fields(Decision) if one.name not in ("file", "line"))


def is_link(name: str) -> bool:
    """Return whether a field links to resources, each with a claim of its own."""
    row = BY_NAME.get(name)
    return row.kind in LINK_KINDS if row else load_gazetteer().get("role", name) is not None


def kind_of(name: str) -> str:
    """Return the kind of resource that a field or role links to."""
    kind = BY_NAME[name].kind if name in BY_NAME else FieldKind.ACTORS
    return {FieldKind.ACTORS: "actor", FieldKind.PROJECTS: "project"}.get(kind, name)


def is_listed(kind: str, key: str) -> bool:
    """Return whether the key of a resource is from the reference data and not made from a printed name."""
    names = load_gazetteer()
    return kind != "project" and (names.get(kind, key) is not None or (kind == "actor" and key in names.governments))


def checksum(text: str) -> str:
    """Return the checksum of a sentence or value; empty if the text is."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest() if text else ""


def describe_decision(one: Decision) -> str:
    """Return a decision in one line."""
    new = " ".join(filter(None, (one.new_field, one.new_value)))
    after = f" → {new}" if one.verdict is Verdict.INSTEAD else f": {one.verdict}"
    return f"{one.record or 'all records'} · {one.field} {one.value}".rstrip() + after


def append_decisions(folder: Path, decisions: Iterable[Decision]) -> list[Decision]:
    """Add decisions to the file of their curator, all or none, and return them with id and time.

    They are on disk when the function returns, and other writers may add lines at the same time. Raises DecisionError.
    """
    added = []
    for one in decisions:
        now = datetime.now(UTC)
        name, when = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", now.isoformat(timespec="milliseconds")
        added.append(
            replace(one, id=one.id or name, when=one.when or when, sha256=one.sha256 or checksum(one.sentence))
        )
    for one in added:
        if not slug(one.who):
            raise DecisionError("A decision needs the name of its curator", "Give it with --who.")
        if not one.who.isprintable() or len(one.who) > MAX_WHO_CHARS:
            raise DecisionError(f"The name of a curator is one line of up to {MAX_WHO_CHARS} characters", "Shorten it.")
        if any(len(getattr(one, name)) > _MAX_CELL_CHARS for name in COLUMNS):
            raise DecisionError(
                f"A decision on {one.record} contains a text of more than {_MAX_CELL_CHARS:,} characters",
                "Shorten it in the record itself.",
            )
    for who in {one.who for one in added}:
        lines = "".join(_line(getattr(one, name) for name in COLUMNS) for one in added if one.who == who)
        path = folder / f"{slug(who)}.csv"
        try:
            _create(folder)
            append_line(path, lines.encode(errors="replace"), first=_line(COLUMNS).encode("utf-8-sig"))
        except OSError as error:
            raise _unwritable(path, error) from error
    return added


@contextmanager
def deciding(folder: Path) -> Iterator[None]:
    """Let others who decide in this folder wait until the end of the block. Raises DecisionError."""
    try:
        _create(folder)
        with locked_folder(folder):
            yield
    except OSError as error:
        raise _unwritable(folder, error) from error


def _create(folder: Path) -> None:
    if not decision_files(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not (attributes := folder / ".gitattributes").exists():
            attributes.write_text(_ATTRIBUTES)


def _unwritable(path: Path, error: OSError) -> DecisionError:
    return DecisionError(f"{path} cannot be written: {error.strerror}", "Check the folder and its free space.")


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(
        escape_formula(cell.replace("\\", "\\\\").replace("\r", "").replace("\n", "\\n")) for cell in cells
    )
    return text.getvalue()


def _cell(text: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], unescape_formula(text))


def read_decisions(folder: Path, text: str = "") -> Iterator[Decision | Finding]:
    """Yield the decisions of a folder, and a finding for each line that is not a decision; only lines with ``text``.

    Raises DecisionError.
    """
    try:
        for path in decision_files(folder):
            # Old versions of Excel end lines with CR.
            with path.open(encoding="utf-8", errors="surrogateescape", newline=None) as file:
                yield from _read_lines(path, file, text)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: OSError) -> DecisionError:
    return DecisionError(f"{error.filename or folder} cannot be read: {error.strerror}", "Check its permissions.")


def decision_files(folder: Path) -> list[Path]:
    """Return the files of a folder of decisions, in order; none if there is no folder. Raises OSError."""
    try:  # unlike glob, iterdir does not skip a folder that this process may not read
        return sorted(
            path for path in folder.iterdir() if path.suffix.casefold() == ".csv" and not path.name.startswith(".")
        )
    except FileNotFoundError:
        return []


def _read_lines(
    path: Path, lines: Iterable[str], text: str = "", header: list[str] | None = None, first: int = 1
) -> Iterator[Decision | Finding]:
    """Yield the decisions in lines of a file; ``first`` is the number of the first line.

    ``header`` has the column names from a line above, and is updated if these lines contain another header.
    """
    header = [] if header is None else header
    csv.field_size_limit(2 * _MAX_CELL_CHARS + 2)  # global; an escaped character takes two
    broken = 0
    text = text.replace("\\", "\\\\").replace('"', '""')
    for number, raw in enumerate(lines, start=first):
        if text not in raw and not ("verdict" in raw and "field" in raw):
            continue
        cells: list[str] = []
        try:
            cells = _split(raw.rstrip("\n"), len(header))
            if not any(cells):
                continue
            if "verdict" in cells and "field" in cells:  # again after two new files were merged
                header[:] = cells
            else:
                yield _parse(path.name, number, header, cells)
        except (ValueError, csv.Error) as error:
            broken += 1
            if broken > _MAX_BROKEN_LINES:
                raise DecisionError(
                    f"{path}, line {number}: {error}; {_MAX_BROKEN_LINES} earlier lines are not decisions either",
                    "Restore the file, or move it to another folder if it is not a file of decisions.",
                ) from error
            verdict = dict(zip(header, map(str.strip, cells), strict=False)).get("verdict", "")
            is_yes = verdict == Verdict.YES
            yield finding("decision-unread", path.name, {"reason": error, "is_yes": is_yes}, line=number)


def _split(line: str, columns: int) -> list[str]:
    """Split a line: ours have commas, and those of a spreadsheet program may have another separator.

    Raises ValueError if it is not in UTF-8, csv.Error.
    """
    line = line.removeprefix("\ufeff")  # also in the middle of a file, after a merge
    if _NOT_UTF8.search(line):
        raise ValueError("this part of the file is not UTF-8: save the file as “CSV UTF-8”")
    found: list[list[str]] = []
    for separator in ",;\t":
        found.append(next(csv.reader([line], delimiter=separator), []))
        if len(found[-1]) == columns:
            return found[-1]
    return found[0] if columns else max(found, key=len)


def _parse(file: str, line: int, header: list[str], cells: list[str]) -> Decision:
    """Parse the cells of a line. Raises ValueError with the reason if they are not a decision."""
    if not header:
        raise ValueError("no line above it has the column names")
    if len(cells) < len(header):
        raise ValueError(f"it has only {len(cells)} of {len(header)} columns")
    given = {
        column: _cell(cell if column == "sentence" else cell.strip())  # its checksum includes spaces
        for column, cell in zip(header, cells, strict=False)
        if column in COLUMNS
    }
    for column in ("id", "field", "verdict", "who", "when"):
        if not given.get(column):
            raise ValueError(f"it has no {column}")
    if given["verdict"] not in list(Verdict):
        raise ValueError(f"the verdict{_quoted(given['verdict'])} is not one of {', '.join(Verdict)}")
    if not _ID.fullmatch(given["id"]):
        raise ValueError("its id must consist of 1 to 64 letters, digits, dots, hyphens and underscores")
    try:
        moment = datetime.fromisoformat(given["when"]).astimezone(UTC)
    except ValueError:
        raise ValueError(
            f"{_quoted(given['when']).strip() or 'the value of when'} is not a time such as 2027-01-31T12:00:00Z"
        ) from None
    given["when"] = moment.isoformat(timespec="milliseconds")
    values: dict[str, Any] = given | {"verdict": Verdict(given["verdict"])}
    found = Decision(**values, file=file, line=line)
    if found.sentence and found.sha256 and found.sha256 != checksum(found.sentence):
        raise ValueError("the sentence is not the one that was decided on: its checksum differs")
    if found.verdict is Verdict.UNDO:
        return found
    is_field = (row := BY_NAME.get(found.field)) and row.term
    if not is_field and not is_link(found.field) and found.field not in (SAME, ACTOR):
        raise ValueError(f"there is no field or role{_quoted(found.field)}")
    if (found.field == ACTOR) is bool(found.record):
        raise ValueError("a decision about an actor must not have a record, and any other decision must have one")
    if found.verdict is Verdict.INSTEAD and not (found.new_field or found.new_value):
        raise ValueError("it has neither a new_field nor a new_value")
    if found.new_field not in ("", found.field) and not (is_link(found.field) and is_link(found.new_field)):
        raise ValueError(f"there is no role or kind of link{_quoted(found.new_field)} that its new_field could name")
    return found


def forget_person(folder: Path, mentions: Callable[[str], bool]) -> tuple[int, list[str]]:
    """Remove a person from the decisions of a folder; return how many were changed, and which lines still name them.

    Names of curators and senders, reasons, quotes and former values go; their checksums stay. What a decision needs in
    order to apply stays, too: without it, the next build would publish what was rejected. Raises DecisionError.
    """
    changed, remaining = 0, []

    def is_named(one: Decision, *names: str) -> bool:
        return any(
            mentions(text) or mentions(text.replace("-", " ")) for text in (getattr(one, name) for name in names)
        )

    def forget(path: Path, content: bytes) -> bytes:
        nonlocal changed
        lines, before = [_line(COLUMNS)], changed
        text = content.decode("utf-8-sig", errors="surrogateescape")
        raw_lines = io.StringIO(text, newline=None).readlines()
        for one in _read_lines(path, raw_lines):
            if isinstance(one, Finding):  # nobody knows what it says
                lines.append(raw := f"{raw_lines[one.line - 1].rstrip()}\n")
                is_remaining = mentions(raw)
            else:
                new = _without_person(one, is_named)
                changed += new != one
                lines.append(_line(getattr(new, name) for name in COLUMNS))
                is_remaining = is_named(new, *COLUMNS)
            if is_remaining:
                remaining.append(f"{path}, line {len(lines)}")
        return "".join(lines).encode("utf-8-sig", errors="surrogateescape") if changed > before else content

    try:
        for path in decision_files(folder):
            rewrite(path, partial(forget, path))
            if mentions(path.stem.replace("-", " ")):
                unnamed = folder / f"{slug(UNNAMED)}.csv"
                header = _line(COLUMNS).encode("utf-8-sig")
                append_line(unnamed, path.read_bytes().removeprefix(header), first=header)
                path.unlink()
                remaining = [place.replace(str(path), str(unnamed)) for place in remaining]
    except OSError as error:
        raise DecisionError(f"{folder} cannot be written: {error.strerror}", "Check its permissions.") from error
    return changed, remaining


def _without_person(one: Decision, is_named: Callable[..., bool]) -> Decision:
    new: dict[str, Any] = {name: "" for name in ("suggested_by", "why", "sentence") if is_named(one, name)}
    if is_named(one, "who"):
        new["who"] = UNNAMED
    if not is_link(one.field) and one.field not in (SAME, ACTOR) and is_named(one, "value"):
        new |= {"value": "", "sha256": one.sha256 or checksum(one.value)}
    return replace(one, **new)


def _quoted(cell: str) -> str:
    """Return a cell for a message, which is published: empty if it may be a name or sentence of another column."""
    return f" {cell!r}" if _WORD.fullmatch(cell) else ""


class Decisions:
    """A context manager with the decisions of a folder that are in force, in a temporary file."""

    def __init__(self, folder: Path | None, text: str = "") -> None:
        """Read a folder, or only the lines with a text; without a folder, there are no decisions.

        Raises DecisionError.
        """
        self._base = TemporaryDatabase(_SCHEMA)
        #: Findings about lines that are not decisions, or contradict others.
        self._unread: list[Finding] = []
        if folder:
            try:
                self._take(read_decisions(folder, text))
            except BaseException:
                self._base.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    @property
    def findings(self) -> list[Finding]:
        """Findings about lines that do not apply."""
        reason = "there is no decision with the id in the column new_value"
        return [*self._unread, *self._reported(self._base.rows(_UNDONE_OF_NONE), reason)]

    @property
    def lost_rejections(self) -> list[Finding]:
        """Findings about lines that may have rejected something, which a release would then publish again."""
        return [one for one in self._unread if ("is_yes", "True") not in one.values]

    def _take(self, found: Iterable[Decision | Finding]) -> None:
        """Add decisions and findings."""
        undone: list[tuple[str, bytes]] = []

        def rows() -> Iterator[tuple[object, ...]]:
            for one in found:
                if isinstance(one, Finding):
                    self._unread.append(one)
                elif one.verdict is Verdict.UNDO:
                    undone.append((one.new_value, pickle.dumps(one)))
                else:
                    content = checksum(repr([getattr(one, name) for name in COLUMNS]))
                    yield one.id, content, one.record, one.subject, one.when, one.file, one.line, pickle.dumps(one)

        self._base.fill("INSERT OR IGNORE INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows())
        self._base.fill("INSERT INTO undone VALUES (?, ?)", undone)
        known: set[str] = set()
        for name, content, pickled in list(self._base.rows(_CONTRADICTING)):
            if name in known:
                reason = "an earlier line with the same id says something else"
                self._unread += self._reported([(pickled,)], reason)
                self._base.run("DELETE FROM decision WHERE id = ? AND hash = ?", name, content)
            known.add(name)

    def _reported(self, rows: Iterable[tuple[bytes]], reason: str) -> Iterator[Finding]:
        for (pickled,) in rows:
            one: Decision = pickle.loads(pickled)  # noqa: S301 - see _take
            yield one.finding("decision-unread", reason=reason, is_yes=one.verdict is Verdict.YES)

    def records(self) -> Iterator[str]:
        """Yield the key of each record with decisions, in order."""
        query = "SELECT DISTINCT record FROM decision WHERE record <> '' ORDER BY record"
        return (record for (record,) in self._base.rows(query))

    def of(self, record: str) -> list[Decision]:
        """Return the decisions in force on a record, or on actors in all records (""), the oldest first."""
        return [pickle.loads(pickled) for (pickled,) in self._base.rows(_IN_FORCE, record)]  # noqa: S301 - see _take

    def same_records(self) -> Iterator[tuple[str, str]]:
        """Yield the keys of each two records that describe one project."""
        return (pair for pair, verdict in self._pairs() if verdict is Verdict.YES)

    def distinct_records(self) -> set[frozenset[str]]:
        """Return the keys of each two records that describe different projects."""
        return {frozenset(pair) for pair, verdict in self._pairs() if verdict is Verdict.NO}

    def _pairs(self) -> Iterator[tuple[tuple[str, str], Verdict]]:
        for record in self.records():
            yield from (((record, one.value), one.verdict) for one in self.of(record) if one.field == SAME)


@dataclass(slots=True)
class _ReadFile:
    """What was read of a file: the number and the checksum of its bytes, its lines, and the names of its columns."""

    size: int = 0
    digest: bytes = b""
    lines: int = 0
    header: list[str] = attribute(default_factory=list)

    def continues(self, content: bytes) -> bool:
        """Return whether the file has only grown, by complete lines."""
        is_complete = len(content) == self.size or content[: self.size].endswith(b"\n")
        return is_complete and hashlib.sha256(content[: self.size]).digest() == self.digest


class DecisionLog(Decisions):
    """The decisions of a folder to which others add, too. It reads only what was added. Threads must take turns."""

    def __init__(self, folder: Path) -> None:
        """Read nothing yet: call ``refresh``."""
        super().__init__(None)
        self._folder = folder
        self._state: list[tuple[str, int, int, int]] = []
        self._files: dict[str, _ReadFile] = {}

    def refresh(self) -> bool:
        """Read what has changed in the folder, and return whether anything has. Raises DecisionError."""
        try:
            stats = [(path.name, path.stat()) for path in decision_files(self._folder)]
            state = [(name, file.st_ino, file.st_size, file.st_mtime_ns) for name, file in stats]
            if state == self._state:
                return False
            contents = {name: (self._folder / name).read_bytes() for name, *_ in state}
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        if not all(name in contents and file.continues(contents[name]) for name, file in self._files.items()):
            self._base.run("DELETE FROM decision")
            self._base.run("DELETE FROM undone")
            self._files.clear()
            self._unread.clear()
        for name, content in contents.items():
            file = self._files.setdefault(name, _ReadFile())
            if len(content) > file.size:
                added = content[file.size :].decode(errors="surrogateescape")
                lines = io.StringIO(added, newline=None).readlines()
                self._take(_read_lines(self._folder / name, lines, header=file.header, first=file.lines + 1))
                file.size, file.digest = len(content), hashlib.sha256(content).digest()
                file.lines += len(lines)
        self._state = state
        return True

    def latest(self, skip: int, count: int) -> tuple[list[tuple[Decision, Decision | None]], int]:
        """Return some decisions, newest first, each with the one that withdrew it, and the number of all."""
        rows = self._base.rows(_LATEST, count, skip)
        found = [(pickle.loads(one), pickle.loads(undo) if undo else None) for one, undo in rows]  # noqa: S301
        return found, int(self._base.value("SELECT count(*) FROM decision"))

    def find(self, name: str) -> Decision | None:
        """Return the decision with an id, unless it was withdrawn."""
        found = self._base.value(_BY_ID, name)
        return pickle.loads(found) if found else None  # noqa: S301
