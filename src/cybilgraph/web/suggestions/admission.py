"""Validation of suggestions: an edit must describe the same project in the same format as before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from cybilgraph.errors import SourceError, SuggestionError
from cybilgraph.identity import Identities
from cybilgraph.model.record import Record
from cybilgraph.readers import READERS, Input, read_input
from cybilgraph.readers.input_formats import INPUT_FORMATS, guess_suffix
from cybilgraph.readers.inputs import MAX_PAGE_BYTES

if TYPE_CHECKING:
    from cybilgraph.web.suggestions import Suggestion

#: The longest comment, and the longest name or address.
MAX_COMMENT_CHARS, MAX_NAME_CHARS = 2_000, 200
#: The longest project key in a message.
_MAX_KEY_CHARS = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def normalise_line_ends(text: str) -> str:
    """Convert all line ends to ``\\n``."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def ensure_valid(suggestion: Suggestion) -> None:
    """Check the fields of a suggestion without parsing its text as a record. Raises SuggestionError."""
    if len(suggestion.text.encode(errors="replace")) > MAX_PAGE_BYTES:
        raise SuggestionError(
            f"The record is larger than {MAX_PAGE_BYTES:,} bytes", "A project page normally has a few kilobytes."
        )
    if normalise_line_ends(suggestion.text).strip() == normalise_line_ends(suggestion.base.text).strip():
        raise SuggestionError("The record is unchanged", "Edit the record before you send it.")
    if len(suggestion.comment) > MAX_COMMENT_CHARS:
        raise SuggestionError(f"The comment is longer than {MAX_COMMENT_CHARS:,} characters", "Shorten it.")
    if max(len(suggestion.sender), len(suggestion.email)) > MAX_NAME_CHARS:
        raise SuggestionError(
            f"The name or e-mail address is longer than {MAX_NAME_CHARS} characters", "Shorten or omit it."
        )
    _ensure_printable(suggestion)
    _ensure_same_format(suggestion)


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


def _ensure_printable(suggestion: Suggestion) -> None:
    """Check that an edit adds no invisible characters; those in the original may stay."""
    known = set(_CONTROL.findall(normalise_line_ends(suggestion.base.text)))
    for number, line in enumerate(normalise_line_ends(suggestion.text).split("\n"), start=1):
        if invisible := next((char for char in _CONTROL.findall(line) if char not in known), ""):
            raise SuggestionError(
                f"Line {number} has an invisible character (U+{ord(invisible):04X})",
                "Delete the line and type it again: a program may have inserted the character.",
            )


def _ensure_same_format(suggestion: Suggestion) -> None:
    own = Input(suggestion.name).suffix
    texts = (suggestion.base.text, suggestion.text)
    before, after = (guess_suffix(text.encode(errors="replace")) for text in texts)
    # Only its first lines distinguish YAML from text, and an edit may change them.
    allowed = (own, before, ".txt") if READERS.get(own) is READERS[".yaml"] else (own, before)
    if READERS[after] not in [READERS.get(suffix) for suffix in allowed]:
        old, new = (
            next((kind.title for kind in INPUT_FORMATS if kind.suffix == each), each) for each in (before, after)
        )
        raise SuggestionError(
            f"The format changed from {old} to {new}", "Edit the values, and keep the format of the record."
        )
