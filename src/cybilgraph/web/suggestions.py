"""Suggested edits: a folder in which they wait until a curator accepts or rejects them.

    DIR/            mode 0700, all files 0600: only the curator may read suggestions and their senders
    ├── .client.key   the key of the hashes that identify senders
    ├── 20270131T120000-1f2e3d4c.json   a pending suggestion
    ├── accepted/   suggestions that became decisions
    └── rejected/   rejected suggestions, each with the reason

Suggestions are untrusted input, including all names and paths in them. Accepting one adds decisions, one for each
field that it changes, and writes nothing else; the graph changes with the next build.
"""

from __future__ import annotations

import difflib
import json
import re
import secrets
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from filelock import FileLock

from cybilgraph.errors import SourceError, SuggestionError, SuggestionQuota, SuggestionsFull
from cybilgraph.identity import Identities
from cybilgraph.identity.decision_layer import find_fault
from cybilgraph.identity.decisions import LINK_KINDS, Decision, Decisions, Verdict, append_decisions, is_link
from cybilgraph.identity.edits import decide_edit
from cybilgraph.model.fields import BY_NAME
from cybilgraph.model.record import Record
from cybilgraph.readers import READERS, Input, read_input
from cybilgraph.readers.input_formats import INPUT_FORMATS, guess_suffix
from cybilgraph.readers.inputs import MAX_PAGE_BYTES
from cybilgraph.release.forgotten import MIN_NAME_LETTERS
from cybilgraph.runtime.files import atomic_write, create_key, private_folder, read_key

#: The maximum number of pending suggestions per client.
MAX_OF_CLIENT = 10
#: The field of a request to remove something.
REMOVAL = "removal"
#: What ``forget`` does to suggestions that mention a person.
REMOVED, KEPT = "removed", "kept, because nothing was erased, or not everything. Reject it when the removal is complete"
ACCEPTED, REJECTED = "accepted", "rejected"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
_MAX_FILE_BYTES = 4 * MAX_PAGE_BYTES
_LOCK_TIMEOUT_SECONDS = 5.0
_LOCK, _KEY = ".lock", ".client.key"
#: The exceptions that reading a damaged suggestion raises.
_DAMAGED = (OSError, ValueError, TypeError, KeyError, RecursionError)
#: The longest comment, and the longest name or address.
MAX_COMMENT_CHARS, MAX_NAME_CHARS = 2_000, 200
#: The longest project key in a message.
_MAX_KEY_CHARS = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class EditBase:
    """The starting point of an edit: ``text``, and the record's source file with its checksum.

    ``is_source`` is false if the text is a form filled in from the graph, because the release did not keep the file or
    the file has other records as well.
    """

    file: str
    sha256: str
    text: str
    is_source: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A suggested edit: a new ``text`` for the record of ``project``; the suffix of ``name`` selects its reader.

    Or, if it has a ``field``, an answer to whether a claim is right: its ``text`` is yes or no. ``field`` and ``value``
    are those of a decision, ``basis`` is how the claim is known, and the text of ``base`` its sentences.

    Or, if the field is ``REMOVAL``, a request to remove a person from the data, whose name or e-mail address is the
    ``value``; or, without a value, to remove the project.

    ``client`` is a keyed hash of the sender's network. Like ``sender`` and ``email``, it is deleted as soon as a
    curator accepts or rejects the suggestion.
    """

    project: str
    title: str
    name: str
    base: EditBase
    text: str
    comment: str = ""
    sender: str = ""
    email: str = ""
    client: str = ""
    id: str = ""
    time: str = ""
    reason: str = ""
    field: str = ""
    value: str = ""
    basis: str = ""

    @property
    def is_removal(self) -> bool:
        """Whether this is a request to remove something."""
        return self.field == REMOVAL


@dataclass
class SuggestionQueue:
    """The suggestions in one folder, with limits on how many may be pending. Safe for use by threads and processes."""

    folder: Path
    max_pending: int = 200
    max_of_project: int = 20
    max_of_client: int = MAX_OF_CLIENT
    _senders: dict[str, tuple[str, str]] = field(default_factory=dict)

    def secure(self) -> None:
        """Restrict the folder and all suggestions in it to their owner. Raises SuggestionsFull."""
        with self._locked():
            for folder in self._folders():
                private_folder(folder)
                for path in folder.iterdir():
                    is_ours = _ID.fullmatch(path.stem) or path.name in (_LOCK, _KEY)
                    if is_ours and not path.is_symlink() and path.stat().st_mode & 0o077:
                        path.chmod(0o600)

    def send(self, suggestion: Suggestion, network: str = "") -> Suggestion:
        """Add a suggestion from a network to the queue; without a network, the limit per client does not apply.

        Raises SuggestionError if it is not a valid edit, SuggestionQuota if too many from this network are pending,
        SuggestionsFull if too many for this project or in total are pending.
        """
        ensure_valid(suggestion)
        with self._locked():
            client = self._hashed(network) if network else ""
            self._ensure_capacity(suggestion.project, client)
            now = datetime.now(UTC)
            name, time = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", now.isoformat("T", "seconds")
            queued = replace(suggestion, id=name, time=time, client=client)
            self._write(self.folder, queued)
        return queued

    def _ensure_capacity(self, project: str, client: str) -> None:
        # A pending file never changes, so each is read only once.
        self._senders = {name: self._senders.get(name) or self._project_and_client(name) for name in self.ids()}
        senders = list(self._senders.values())
        if client and sum(other == client for _, other in senders) >= self.max_of_client:
            raise SuggestionQuota(
                f"{self.max_of_client} suggestions from your network are already waiting for a curator",
                "Try again when a curator has reviewed some of them.",
            )
        if sum(other == project for other, _ in senders) >= self.max_of_project:
            raise SuggestionsFull(
                f"{self.max_of_project} suggestions for this project are already waiting for a curator",
                "Try again in a few days.",
            )
        if len(senders) >= self.max_pending:
            raise SuggestionsFull("Too many suggestions are waiting for a curator", "Try again in a few days.")

    def _project_and_client(self, name: str) -> tuple[str, str]:
        """Return the project and the client of a suggestion; both are empty if it is damaged."""
        try:
            found = _parsed((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        except _DAMAGED:
            return "", ""
        return found.project, found.client

    def forget(self, mentions: Callable[[str], bool]) -> dict[str, str]:
        """Delete every suggestion, pending or reviewed, that ``mentions`` a person.

        If only the sender's name or address does, delete only these. Pending requests to remove the person are kept
        until ``delete_kept``. Returns what was done, by id. Raises SuggestionsFull.
        """
        done: dict[str, str] = {}
        with self._locked():
            for folder in self._folders():
                for part in folder.glob(".*.part"):  # left by a killed process
                    part.unlink()
                for path in sorted(folder.glob("*.json")):
                    if _ID.fullmatch(path.stem) and not path.is_symlink() and (action := self._forget(path, mentions)):
                        done[path.stem] = action
        return done

    def delete_kept(self, done: Mapping[str, str]) -> dict[str, str]:
        """Delete the requests that ``forget`` kept, and return them like it. Raises SuggestionsFull."""
        kept = [name for name, action in done.items() if action == KEPT]
        with self._locked():
            for name in kept:
                (self.folder / f"{name}.json").unlink(missing_ok=True)
        return dict.fromkeys(kept, REMOVED)

    def _forget(self, path: Path, mentions: Callable[[str], bool]) -> str:
        text = path.read_text(encoding="utf-8", errors="replace")
        suggestion = None
        texts = [text]
        with suppress(ValueError, TypeError, KeyError, RecursionError):  # search all of a damaged file
            suggestion = replace(_parsed(text), id=path.stem)
            texts = [suggestion.project, suggestion.title, suggestion.name, suggestion.text, suggestion.comment]
            texts += [suggestion.value, suggestion.reason, suggestion.base.file, suggestion.base.text]
        if any(map(mentions, texts)):
            if suggestion and suggestion.is_removal and mentions(suggestion.value) and path.parent == self.folder:
                return KEPT
            path.unlink()
            return REMOVED
        if suggestion and (mentions(suggestion.sender) or mentions(suggestion.email)):
            self._write(path.parent, replace(suggestion, sender="", email=""))
            return "sender removed"
        return ""

    def pending(self) -> Iterator[Suggestion]:
        """Yield the pending suggestions, oldest first. Raises SuggestionError for a damaged one."""
        yield from map(self.get, self.ids())

    def get(self, name: str) -> Suggestion:
        """Return a pending suggestion by its id. Raises SuggestionError."""
        path = self.folder / f"{name}.json"
        if not _ID.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise SuggestionError(
                f"No suggestion {name!r} is pending in {self.folder}", "To list them: cybilgraph suggestions list"
            )
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                raise SuggestionError(f"{path} is too large for a suggestion", "Delete the file.")
            found = _parsed(path.read_text(encoding="utf-8"))
        except _DAMAGED as error:
            raise SuggestionError(f"{path} is damaged", "Delete the file.") from error
        return replace(found, id=name)

    def accept(
        self,
        name: str,
        records: Path,
        decisions: Path,
        who: str,
        force: bool = False,
        columns: Collection[str] = (),
    ) -> list[Decision]:
        """Add the decisions of a suggestion to a folder of decisions, and return them.

        ``records`` is the folder of the records. With ``columns``, only decisions on these fields are added. Raises
        SuggestionError if one of the fields has been edited elsewhere since the edit began, unless ``force`` is true;
        and always if the suggestion does not change them, or its text is not a record of the same project in the same
        format. Raises DecisionError.
        """
        with self._locked():
            suggestion = self.get(name)
            found, conflicts = propose_decisions(suggestion, records, decisions, who)
            changed = list(dict.fromkeys(map(column_of, found)))
            if unchanged := [column for column in columns if column not in changed]:
                raise SuggestionError(
                    f"The suggestion does not change {', '.join(unchanged)}", f"It changes: {', '.join(changed)}."
                )
            if columns:
                found = [one for one in found if column_of(one) in columns]
                conflicts = [column for column in conflicts if column in columns]
            if conflicts and not force:
                raise SuggestionError(
                    f"{', '.join(conflicts)}: changed elsewhere since the edit began",
                    f"See both changes: cybilgraph suggestions show {self.folder} {name} --records {records}\n"
                    "  Reject the suggestion, accept only other fields with --field, or replace the other changes with "
                    "--force.",
                )
            added = append_decisions(decisions, _prepare(found, decisions))
            self._archive(suggestion, ACCEPTED)
        return added

    def accept_some(self, name: str, decisions: Path, chosen: list[Decision], known: Iterable[str]) -> list[Decision]:
        """Add the decisions of a suggestion that a curator chose, knowing of conflicts in the columns ``known``.

        Raises SuggestionError if there is now another conflict, DecisionError.
        """
        with self._locked():
            suggestion = self.get(name)
            if conflicts := set(decided_since(suggestion, chosen, decisions)).difference(known):
                raise SuggestionError(
                    f"{', '.join(sorted(conflicts))}: another curator has since decided on this",
                    "Review the suggestion again.",
                )
            added = append_decisions(decisions, _prepare(chosen, decisions))
            self._archive(suggestion, ACCEPTED)
        return added

    def reject(self, name: str, reason: str) -> None:
        """Reject a suggestion with a reason. Raises SuggestionError."""
        with self._locked():
            self._archive(replace(self.get(name), reason=reason), REJECTED)

    def _archive(self, suggestion: Suggestion, where: str) -> None:
        """Move a reviewed suggestion, and delete its sender, who is no longer needed."""
        self._write(self.folder / where, replace(suggestion, sender="", email="", client=""))
        (self.folder / f"{suggestion.id}.json").unlink()

    def _folders(self) -> list[Path]:
        return [folder for where in ("", ACCEPTED, REJECTED) if (folder := self.folder / where).is_dir()]

    def _hashed(self, network: str) -> str:
        path = self.folder / _KEY
        try:
            return read_key(path).hash(network)
        except (OSError, ValueError):  # with a new key, pending suggestions no longer count towards client limits
            return create_key(path).hash(network)

    def ids(self) -> list[str]:
        """Return the ids of the pending suggestions, oldest first."""
        return sorted(path.stem for path in self.folder.glob("*.json") if _ID.fullmatch(path.stem))

    def _write(self, folder: Path, suggestion: Suggestion) -> None:
        content = json.dumps(asdict(suggestion), ensure_ascii=False, indent=1).encode(errors="replace") + b"\n"
        try:
            private_folder(folder)
            for part in folder.glob(".*.part"):  # left by a killed process
                part.unlink(missing_ok=True)
            with atomic_write(folder / f"{suggestion.id}.json", mode=0o600) as file:
                file.write(content)
        except OSError as error:
            raise SuggestionsFull(
                f"The suggestion cannot be stored: {error.strerror}", "Try again when the disk has free space."
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            private_folder(self.folder)
            with FileLock(self.folder / _LOCK, timeout=_LOCK_TIMEOUT_SECONDS, mode=0o600):
                yield
        except OSError as error:  # including Timeout
            raise SuggestionsFull(
                f"The suggestions in {self.folder} cannot be used: {error}",
                "The folder must belong to the user of this process, and nobody else may have access. If so, try again "
                "in a moment.",
            ) from error


def propose_decisions(
    suggestion: Suggestion, records: Path, decisions: Path | None, who: str
) -> tuple[list[Decision], list[str]]:
    """Return the decisions that accept a suggestion, and the columns that have been edited elsewhere since it began.

    What the record says about a field that curators have decided on does not matter. Raises SuggestionError as
    ``SuggestionQueue.accept`` does, DecisionError.
    """
    with Decisions(decisions) as earlier:
        made = {one.field for one in earlier.of(suggestion.project)}
    settled = [name for name in made if name in BY_NAME and BY_NAME[name].kind not in LINK_KINDS]

    def now(before: Record) -> Record:
        present = _record_in_folder(suggestion, records, before)
        return replace(present, **{name: getattr(before, name) for name in settled})

    found, conflicts = decide_suggestion(suggestion, now, who)
    return found, list(dict.fromkeys([*conflicts, *decided_since(suggestion, found, decisions)]))


def decide_suggestion(
    suggestion: Suggestion, now: Callable[[Record], Record], who: str
) -> tuple[list[Decision], list[str]]:
    """Return the decisions that accept a suggestion, and the columns that differ in the record as it is ``now``.

    ``now`` returns that record from the one before the edit. Raises SuggestionError as ``SuggestionQueue.accept`` does.
    """
    if suggestion.is_removal:
        raise SuggestionError("This is a request for a removal, which no decision can make", removal_step(suggestion))
    if suggestion.field:
        return [decide_answer(suggestion, who)], []
    ensure_valid(suggestion)
    name, base = suggestion.name, suggestion.base.text
    ensure_same_project(name, base, records_in(name, suggestion.text))
    before, after = (next(records_in(name, text)) for text in (base, suggestion.text))
    why = suggestion.comment
    found, conflicts = decide_edit(suggestion.project, before, after, now(before), who, suggestion.sender, why)
    if not found:
        raise SuggestionError("The record already says everything that the suggestion changes", "Reject it.")
    return found, conflicts


def removal_step(request: Suggestion, releases: str = "RELEASES", queue: str = "SUGGESTIONS") -> str:
    """Return what the operator does to fulfil a request for a removal; ``forget`` deletes the request as well."""
    if request.value:
        return f"Run: cybilgraph forget {releases} {shlex.quote(request.value)} --suggestions {queue}"
    return (
        "Delete the record, build again and prune the releases that contain it. Then reject the request, and give the "
        "removal as the reason."
    )


def decide_answer(suggestion: Suggestion, who: str) -> Decision:
    """Return the decision that accepts an answer to whether a claim is right."""
    return Decision(
        record=suggestion.project,
        field=suggestion.field,
        value=suggestion.value,
        verdict=Verdict(suggestion.text),
        who=who,
        suggested_by=suggestion.sender,
        why=suggestion.comment,
        basis=suggestion.basis,
        sentence=suggestion.base.text,
    )


def column_of(one: Decision) -> str:
    """Return the column of a decision's field; some roles have none."""
    return BY_NAME[one.field].column if one.field in BY_NAME else one.field


def _prepare(found: list[Decision], folder: Path) -> list[Decision]:
    """Return decisions as they are stored. Raises SuggestionError if one of them cannot be applied, DecisionError.

    The text on which an earlier decision about the same field is based is that of the record, not the decided value.
    """
    for one in found:
        if fault := find_fault(one):
            raise SuggestionError(
                f"{column_of(one)}: {fault}", "Accept only the other fields, or reject the suggestion with this reason."
            )
    with Decisions(folder) as decided:
        made = [old for record in {one.record for one in found} for old in decided.of(record)]
    checksums = {(old.record, old.field): old.sha256 for old in made if not is_link(old.field)}
    return [replace(one, sha256=checksums.get((one.record, one.field)) or one.sha256) for one in found]


def decided_since(suggestion: Suggestion, found: list[Decision], decisions: Path | None) -> list[str]:
    """Return the columns on which curators have decided since a suggestion was sent. Raises DecisionError."""
    with Decisions(decisions) as earlier:
        later = {one.subject for one in earlier.of(suggestion.project) if one.when > suggestion.time}
    return [column_of(one) for one in found if one.subject in later]


def _record_in_folder(suggestion: Suggestion, records: Path, before: Record) -> Record:
    """Return what the file of the record says now. Raises SuggestionError if it no longer describes the project."""
    path = _path_below(records, suggestion.base.file)
    try:
        found = record_of(suggestion, before, read_input(Input(path.name, path=path)))
    except SourceError as error:
        raise SuggestionError(f"{path} cannot be read: {error.what}", error.hint) from error
    if found:
        return found
    raise SuggestionError(
        f"{path} no longer describes {suggestion.project[:_MAX_KEY_CHARS]}",
        "Give the folder of records that the release was built from, or reject the suggestion.",
    )


def record_of(suggestion: Suggestion, before: Record, records: Iterable[Record]) -> Record | None:
    """Return the first of these records that describes the project of a suggestion."""
    return next((record for record in records if record.key in (suggestion.project, before.key)), None)


def unified_diff(before: str, after: str, name: str, other: str) -> list[str]:
    """Return the lines of a unified diff."""
    return list(difflib.unified_diff(before.split("\n"), after.split("\n"), name, other, lineterm=""))


def _parsed(text: str) -> Suggestion:
    """Parse the file of a suggestion. Raises ValueError, TypeError or KeyError if it is invalid."""
    found = json.loads(text)
    base = found.pop("base")
    if not all(isinstance(value, str) for value in (*found.values(), base["file"], base["sha256"], base["text"])):
        raise ValueError("a value is not a string")
    return Suggestion(**found, base=EditBase(**base))


def _path_below(records: Path, name: str) -> Path:
    """Return the path of a file in a folder by an untrusted relative path. Raises SuggestionError."""
    parts = PurePosixPath(name).parts
    odd = "\\" in name or "\0" in name or not parts or any(part.startswith((".", "/")) for part in parts)
    root = records.resolve()
    target = root.joinpath(*parts) if not odd else root
    if odd or target.resolve() != target or not target.is_file():
        raise SuggestionError(
            f"{name!r} is not a record file in {records}",
            "Give the folder of records that the release was built from, such as --records data/records",
        )
    return target


def normalise_line_ends(text: str) -> str:
    """Convert all line ends to ``\\n``."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def ensure_valid(suggestion: Suggestion) -> None:
    """Check the fields of a suggestion without parsing its text as a record. Raises SuggestionError."""
    if suggestion.is_removal:
        _ensure_valid_removal(suggestion)
        return
    if suggestion.field:
        if suggestion.text not in (Verdict.YES, Verdict.NO):
            raise SuggestionError("The answer is neither yes nor no", "Use the buttons of the project page.")
        return
    before, after = normalise_line_ends(suggestion.base.text), normalise_line_ends(suggestion.text)
    if len(suggestion.text.encode(errors="replace")) > MAX_PAGE_BYTES:
        raise SuggestionError(
            f"The record is larger than {MAX_PAGE_BYTES:,} bytes", "A project page is normally a few kilobytes long."
        )
    if before.strip() == after.strip():
        raise SuggestionError("The record is unchanged", "Edit the record before you send it.")
    _ensure_short(suggestion)
    known = set(_CONTROL.findall(before))  # invisible characters of the original may stay
    for number, line in enumerate(after.split("\n"), start=1):
        if invisible := next((char for char in _CONTROL.findall(line) if char not in known), ""):
            raise SuggestionError(
                f"Line {number} contains an invisible character (U+{ord(invisible):04X})",
                "Delete the line and type it again: a program may have inserted the character.",
            )
    _ensure_same_format(suggestion)


def _ensure_short(suggestion: Suggestion) -> None:
    if len(suggestion.comment) > MAX_COMMENT_CHARS:
        raise SuggestionError(f"The comment is longer than {MAX_COMMENT_CHARS:,} characters", "Shorten it.")
    if max(len(suggestion.sender), len(suggestion.email), len(suggestion.value)) > MAX_NAME_CHARS:
        raise SuggestionError(
            f"The name or e-mail address is longer than {MAX_NAME_CHARS} characters", "Shorten or omit it."
        )


def _ensure_valid_removal(request: Suggestion) -> None:
    _ensure_short(request)
    if not (request.value or (request.project and request.comment)):
        raise SuggestionError(
            "The request does not say what to remove", "Give a name or an e-mail address, or why to remove the project."
        )
    if request.value and (not request.value.isprintable() or sum(map(str.isalpha, request.value)) < MIN_NAME_LETTERS):
        raise SuggestionError(
            f"A name or e-mail address is one line with at least {MIN_NAME_LETTERS} letters", "Give the full name."
        )
    if request.value.startswith("-"):
        raise SuggestionError("A name does not begin with a hyphen", "Delete the hyphen.")


def ensure_same_project(name: str, base: str, edited: Iterable[Record]) -> None:
    """Check that there is a single edited record, of the project that the text ``base`` describes.

    The suffix of ``name`` selects the reader of ``base``. Raises SuggestionError.
    """
    try:
        after = list(edited)
        before = list(records_in(name, base))
    except SourceError as error:
        raise SuggestionError("The text can no longer be read as a record", error.what) from error
    if not after:
        raise SuggestionError("The text can no longer be read as a record", "See the findings.")
    if len(after) > 1:
        raise SuggestionError(
            f"The text has become {len(after)} records instead of one",
            "Suggest an edit of each project from its own page.",
        )
    with Identities() as identities:
        for record in (*before, *after):
            identities.add(record)
        if len(identities) > 1:
            raise SuggestionError(
                "The text no longer describes the same project: "
                f"it was {before[0].key[:_MAX_KEY_CHARS]}, and would be {after[0].key[:_MAX_KEY_CHARS]}",
                "Keep its code or, if it has none, its title, and explain in the comment what is wrong with it.",
            )


def records_in(name: str, text: str) -> Iterator[Record]:
    """Read a text as the records of a file of this name. Raises SourceError."""
    return read_input(Input(name, data=text.encode(errors="replace")))


def _ensure_same_format(suggestion: Suggestion) -> None:
    own = Input(suggestion.name).suffix
    texts = (suggestion.base.text, suggestion.text)
    before, after = (guess_suffix(text.encode(errors="replace")) for text in texts)
    # Only its first lines distinguish YAML from text, and an edit may change them.
    allowed = (own, before, ".txt") if READERS.get(own) is READERS[".yaml"] else (own, before)
    if READERS[after] not in [READERS.get(suffix) for suffix in allowed]:
        titles = {kind.suffix: kind.title for kind in INPUT_FORMATS}
        what = f"The format changed from {titles.get(before, before)} to {titles.get(after, after)}"
        raise SuggestionError(what, "Edit the values, and keep the format of the record.")
