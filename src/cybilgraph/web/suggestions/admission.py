"""What may be taken for a suggestion: an edit of the record that it began with, in the same format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cybilgraph.errors import SourceError, SuggestionError
from cybilgraph.identity import Identities
from cybilgraph.model.record import Record
from cybilgraph.readers import READERS, Input, read_input
from cybilgraph.readers.input_kinds import KINDS, guess_suffix
from cybilgraph.readers.inputs import MAX_PAGE_BYTES

if TYPE_CHECKING:
    from cybilgraph.web.suggestions import Suggestion

#: Characters of what is written beside the record.
MAX_COMMENT_CHARS, MAX_NAME_CHARS = 2_000, 200
#: Characters of a project's key in a message.
_MAX_KEY = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def normalise_line_ends(text: str) -> str:
    """A text with the line ends of this system's own."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def ensure_valid(given: Suggestion) -> None:
    """Raise SuggestionError where something that is sent is no suggestion; its text is not read as a record."""
    if len(given.text.encode(errors="replace")) > MAX_PAGE_BYTES:
        raise SuggestionError(
            f"The record is larger than {MAX_PAGE_BYTES:,} bytes", "A project page is a few kilobytes."
        )
    if normalise_line_ends(given.text).strip() == normalise_line_ends(given.base.text).strip():
        raise SuggestionError("Nothing was changed", "Change the record, and send it then.")
    if len(given.comment) > MAX_COMMENT_CHARS:
        raise SuggestionError(f"The comment is longer than {MAX_COMMENT_CHARS:,} characters", "Say it shorter.")
    if max(len(given.sender), len(given.email)) > MAX_NAME_CHARS:
        raise SuggestionError(f"Name or address is longer than {MAX_NAME_CHARS} characters", "Leave it out.")
    _ensure_printable(given)
    _ensure_same_format(given)


def ensure_same_project(name: str, base: str, edited: Iterable[Record]) -> None:
    """Check that edited records are one record of the project that the text ``base`` describes.

    ``name`` selects the reader of ``base`` by its suffix. Raises SuggestionError.
    """
    try:
        after = list(edited)
        before = list(records_in(name, base))
    except SourceError as error:
        raise SuggestionError("It can no longer be read as a record", error.what) from error
    if not after:
        raise SuggestionError("It can no longer be read as a record", "See the findings.")
    if len(after) > 1:
        raise SuggestionError(
            f"It has become {len(after)} records, and is of one project", "Suggest an edit of each from its own page."
        )
    with Identities() as identities:
        for record in (*before, *after):
            identities.add(record)
        if len(identities) > 1:
            raise SuggestionError(
                "It no longer describes the same project: "
                f"it was {before[0].key[:_MAX_KEY]}, and would be {after[0].key[:_MAX_KEY]}",
                "Leave its code, or where it has none its title, as it was; say in the comment what is wrong with it.",
            )


def records_in(name: str, text: str) -> Iterator[Record]:
    """Read a text as the records of a file of this name. Raises SourceError."""
    return read_input(Input(name, data=text.encode(errors="replace")))


def _ensure_printable(given: Suggestion) -> None:
    """What the file has already may stay."""
    known = set(_CONTROL.findall(normalise_line_ends(given.base.text)))
    for number, line in enumerate(normalise_line_ends(given.text).split("\n"), start=1):
        if odd := next((char for char in _CONTROL.findall(line) if char not in known), ""):
            raise SuggestionError(
                f"Line {number} holds a character that cannot be seen (U+{ord(odd):04X})",
                "Delete the line and type it anew: a program may have put it there.",
            )


def _ensure_same_format(given: Suggestion) -> None:
    own = Input(given.name).suffix
    looks, looked = (guess_suffix(text.encode(errors="replace")) for text in (given.text, given.base.text))
    # YAML is told from text by its first lines alone, which an edit may change.
    allowed = (own, looked, ".txt") if READERS.get(own) is READERS[".yaml"] else (own, looked)
    if READERS[looks] not in [READERS.get(suffix) for suffix in allowed]:
        was, now = (next((kind.title for kind in KINDS if kind.suffix == each), each) for each in (looked, looks))
        raise SuggestionError(f"The record was {was}, and this is {now}", "Change the words, and leave the format.")
