"""A request → the record that it brings, and what is wished of it: JSON, a form, a file, or the bare record."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import json, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from cybilgraph.errors import SourceError
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.readers import READERS, Input
from cybilgraph.readers.input_kinds import BY_NAME, KINDS, InputKind, guess_suffix, input_name
from cybilgraph.readers.text import decode, find_codec
from cybilgraph.web.checker import Submission

#: A saved page with its scripts and styles has some hundred kilobytes.
MAX_UPLOAD_BYTES = 2_000_000
#: What can be asked for beside a report in JSON.
EXTRA_OUTPUTS = ("turtle", "derived")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_ANY = ("", "application/octet-stream", "text/plain")
_SUFFIXES = frozenset(READERS) - {""}
_LINE_END = re.compile(r"\r\n?")
#: The encoding of its file that XML declares: a text has none, and is sent on in UTF-8.
_XML_ENCODING = re.compile(r"""\A(\s*<\?xml\b[^>]*?)(\bencoding\s*=\s*["'][\w.-]*["'])""")

_UTF_8 = ("utf-8", "utf8", "us-ascii")
_UTF_16 = ("utf-16", "utf-16le", "utf-16be")


@dataclass(frozen=True, slots=True)
class SentRecord:
    """What a request brings. ``text`` is the record as text, or nothing where it is none (a workbook).

    ``fix`` is the place, as line:column, of a mend that is to be applied.
    """

    submission: Submission
    kind: InputKind
    text: str | None
    extras: tuple[str, ...] = ()
    fix: str = ""

    def changed(self, content: bytes) -> SentRecord:
        """The same with another content."""
        submission = replace(self.submission, content=content)
        text = _as_text(Input(submission.name, given=content), self.kind)
        return replace(self, submission=submission, text=text, fix="")


def read_api_request() -> SentRecord:
    """What a program sends. Raises BadRequest, UnsupportedMediaType."""
    options: dict[str, Any] = dict(request.args.items())
    options.pop("format", None)  # of the report
    media_type = request.mimetype
    if media_type in _FORMS:
        options |= request.form.to_dict()
        file = request.files.get("file")
        if file is not None:
            content = _in_utf8(file.read(), file.mimetype_params)
            return _sent(content, {"name": file.filename or "", **options}, file.mimetype)
        if "text" not in options:
            raise BadRequest("No record was sent: the form has neither a part 'file' nor a field 'text'")
        return _sent(_text(options), options, "")
    content = _in_utf8(request.get_data(), request.mimetype_params)
    if media_type == "application/json" and (asked := _envelope(content)) is not None:
        return _sent(_text(asked), options | asked, "")
    if media_type not in _ANY and not any(media_type in kind.media_types for kind in KINDS):
        known = ", ".join(dict.fromkeys(kind.media_types[0] for kind in KINDS))
        raise UnsupportedMediaType(f"No record is of the type {media_type!r}. Known are: {known}, {', '.join(_FORMS)}")
    return _sent(content, options, media_type)


def read_form_request() -> SentRecord:
    """What the page's form sends: the text, or the file where one was chosen. Raises BadRequest."""
    options: dict[str, Any] = request.form.to_dict()
    file = request.files.get("file")
    if file is not None and file.filename:
        return _sent(file.read(), options | {"name": file.filename}, "")
    return _sent(_text(options), options, "")


def record_from_text(text: str, name: str, language: str = LANGUAGES[0]) -> SentRecord:
    """A record that is not of this request, under a name whose suffix tells its reader."""
    return record_from_bytes(text.encode(errors="replace"), name, language)


def record_from_bytes(content: bytes, name: str, language: str = LANGUAGES[0]) -> SentRecord:
    """The same, as the bytes of a file."""
    return _sent(content, {"name": name, "lang": language}, "")


def _in_utf8(content: bytes, parameters: Mapping[str, str]) -> bytes:
    """A text in the encoding that its media type names, in UTF-8. A workbook has none, and stays.

    Raises UnsupportedMediaType where no encoding of this name is known, BadRequest where the text is not in it.
    """
    charset = parameters.get("charset", "").strip().lower()
    if not charset or content.startswith(b"PK"):
        return content
    if charset in _UTF_8:  # what is not in it after all is told of with its line, when it is read
        return content
    codec = charset if charset in _UTF_16 else find_codec(charset)
    try:
        text = content.decode(codec)
    except LookupError:
        raise UnsupportedMediaType(f"No encoding {charset[:40]!r} is known. Send the record in UTF-8") from None
    except UnicodeError as error:
        raise BadRequest(f"The record is not in the encoding {charset!r}: {error}") from None
    # The mark tells readers so, whatever the text says of itself.
    return codecs.BOM_UTF8 + _without_encoding_declaration(text).encode(errors="replace")


def _without_encoding_declaration(text: str) -> str:
    return _XML_ENCODING.sub(lambda found: found[1] + " " * len(found[2]), text)


def _envelope(content: bytes) -> dict[str, Any] | None:
    """The JSON object that has the record as its ``text``; None where the JSON is a record itself, or none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "text" in found else None


def _text(options: dict[str, Any]) -> bytes:
    text = options.get("text", "")
    if not isinstance(text, str):
        raise BadRequest("'text' is the record as a string")
    return _without_encoding_declaration(_LINE_END.sub("\n", text)).encode(errors="replace")


def _sent(content: bytes, options: dict[str, Any], media_type: str) -> SentRecord:
    if not content.strip():
        raise BadRequest("No record was sent: it is empty")
    name, asked = _option(options, "name"), _option(options, "format")
    if asked and asked not in BY_NAME:
        raise BadRequest(f"There is no format {asked!r} of records. Known are: {', '.join(BY_NAME)}")
    language = _option(options, "lang") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise BadRequest(f"Findings are said in {', '.join(LANGUAGES)}, and not in {language!r}")
    as_of = _option(options, "as_of")
    try:
        as_of = as_of and date.fromisoformat(as_of).isoformat()
    except ValueError:
        raise BadRequest(f"as_of is a day, as 2026-12-31, and not {as_of!r}") from None
    name = input_name(name, asked, media_type, content, _SUFFIXES)
    given = Input(name, given=content)
    kind = next((kind for kind in KINDS if kind.suffix == given.suffix), None) or _kind_of(given)
    return SentRecord(
        Submission(name, content, language, as_of),
        kind,
        _as_text(given, kind),
        _extras(options),
        _option(options, "fix"),
    )


def _kind_of(given: Input) -> InputKind:
    """The kind of a file whose suffix is another name of it (.htm, .yml)."""
    reader = READERS[given.suffix]
    kinds = [kind for kind in KINDS if READERS[kind.suffix] is reader]
    if not kinds:
        raise UnsupportedMediaType(f"Files whose names end in {given.suffix} are read from the command line only")
    return next((kind for kind in kinds if kind.suffix == guess_suffix(given.given or b"")), kinds[0])


def _option(options: dict[str, Any], name: str) -> str:
    value = options.get(name) or ""
    if not isinstance(value, str):
        raise BadRequest(f"'{name}' is a string")
    return value.strip()


def _extras(options: dict[str, Any]) -> tuple[str, ...]:
    asked = options.get("include") or []
    asked = asked.split(",") if isinstance(asked, str) else asked
    if not isinstance(asked, list) or not all(name in EXTRA_OUTPUTS for name in asked):
        raise BadRequest(f"'include' has some of: {', '.join(EXTRA_OUTPUTS)}")
    return tuple(dict.fromkeys(asked))


def _as_text(given: Input, kind: InputKind) -> str | None:
    if not kind.is_text:
        return None
    try:
        return _LINE_END.sub("\n", decode(given, given.given or b"", []))
    except SourceError:
        return None
