"""Decode the body of a check request: JSON, a form, an uploaded file, or the record itself.

Request bodies are decoded in check workers only, because decoding takes time and memory and holds the interpreter lock.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from cybilgraph.errors import SourceError
from cybilgraph.model.formats import BY_NAME as RDF_FORMATS
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.rdf.forms import WRITERS, edit_yaml
from cybilgraph.readers import READERS, Input, read_input
from cybilgraph.readers.input_formats import BY_NAME, INPUT_FORMATS, InputFormat, guess_suffix, input_name
from cybilgraph.readers.text import decode, find_codec


class Output(StrEnum):
    """An output that a client may request; the name of a format follows those that end in a slash."""

    API = "api/"  # the report, with the extra outputs requested, and always as JSON if no record was read
    RDF = "rdf/"  # the graph
    FORM = "form/"  # the records as a form
    PAGE = "page"  # the parts of the report that the page shows, as JSON
    CELLS = "cells"  # the text of each field of the record by column, as the edit form has it, as JSON
    TEXT = "text"  # the text of the record unless it is too long for the page
    FILE = "file"  # the file that a download button of the form requests
    #: Why the record is not a valid edit of ``Submission.base``: a JSON list of problem and hint, or empty if it is.
    EDIT = "edit"
    #: What a suggested edit of ``Submission.base`` changes: its diff, decisions and conflicts, or why it has none.
    DECISIONS = "decisions"


#: Extra outputs that can be included in a JSON report.
EXTRA_OUTPUTS = ("turtle", "derived", "table")
#: The report that is the workbook itself with marked cells, which only a workbook can have.
MARKED = "xlsx"
#: Downloads that the form offers: the record as sent, and the output of the checker and suffix for each other format.
SOURCE = "source"
DOWNLOADS = {
    **{name: (f"{Output.FORM}{name}", name) for name in WRITERS if name != "schema"},
    **{name: (f"{Output.RDF}{name}", RDF_FORMATS[name].suffix) for name in ("turtle", "jsonld")},
    "marked": (f"{Output.API}{MARKED}", MARKED),
}
#: What the names of the fields of the edit form begin with, before the column.
CELL = "cell-"
_MAX_FIELDS = 1_000
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_FORMS = (_FORM, _MULTIPART)
_ANY = ("", "application/octet-stream", "text/plain")
_SUFFIXES = frozenset(READERS) - {""}
_LINE_END = re.compile(r"\r\n?")
#: An XML encoding declaration. Decoded text is passed on in UTF-8, where it would be wrong.
_XML_ENCODING = re.compile(r"""\A(\s*<\?xml\b[^>]*?)(\bencoding\s*=\s*["'][\w.-]*["'])""")

_UTF_8 = ("utf-8", "utf8", "us-ascii")
_UTF_16 = ("utf-16", "utf-16le", "utf-16be")


@dataclass(frozen=True, slots=True)
class Upload:
    """The raw body of a request, with its Content-Type and the query string of its URL.

    ``is_form`` is set if a form of this site sent it. Its text is then an edit of ``base`` and is read under ``name``,
    if these are given.
    """

    content: bytes
    content_type: str
    arguments: str = ""
    is_form: bool = False
    base: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """A record to check.

    The suffix of ``name`` selects the reader. ``language`` is the language of the findings, ``as_of`` an ISO 8601 date,
    or empty for today, and ``base`` the text before the edit. ``extras`` are extra outputs, ``fix`` is the position
    (line:column) of a fix to apply, and ``fields`` are the fields of the page's form. ``edit`` has the
    attributes of a suggested edit and, as ``current`` and ``current_name``, the record as it is now.
    """

    name: str
    content: bytes
    language: str = LANGUAGES[0]
    as_of: str = ""
    base: str = ""
    extras: tuple[str, ...] = ()
    fix: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    edit: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> InputFormat:
        """The kind of record. Raises UnsupportedMediaType."""
        source = Input(self.name, data=self.content)
        if kinds := [kind for kind in INPUT_FORMATS if kind.suffix == source.suffix]:
            return kinds[0]
        reader = READERS[source.suffix]  # an alternative suffix (.htm, .yml)
        kinds = [kind for kind in INPUT_FORMATS if READERS[kind.suffix] is reader]
        if not kinds:
            raise UnsupportedMediaType(f"{source.suffix} files can only be checked on the command line")
        guess = guess_suffix(source.data or b"")
        return next((kind for kind in kinds if kind.suffix == guess), kinds[0])

    @property
    def text(self) -> str | None:
        """The record as text; None if it is not text (a workbook)."""
        if not self.kind.is_text:
            return None
        content = self.content
        try:
            return _LINE_END.sub("\n", decode(Input(self.name, data=content), content, []))
        except SourceError:
            return None

    @property
    def file_name(self) -> str:
        """The name of the file that a button of the form requests; empty if none was requested."""
        wanted = self.fields.get("download")
        if not wanted:
            return ""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", self.name.rpartition(".")[0]).strip("-") or "record"
        if wanted == SOURCE:
            return f"{stem}{self.kind.suffix}"
        return f"{stem}{'-checked' if wanted == 'marked' else ''}.{DOWNLOADS[wanted][1]}"

    @property
    def file_output(self) -> str:
        """The output of the checker that this file contains; empty for the record as sent."""
        wanted = self.fields.get("download", SOURCE)
        return "" if wanted == SOURCE else DOWNLOADS[wanted][0]


def decode_upload(upload: Upload) -> Submission:
    """Decode the body of a request. Raises BadRequest, RequestEntityTooLarge, UnsupportedMediaType."""
    media_type, parameters = parse_options_header(upload.content_type)
    media_type = media_type.lower()
    return (_decode_page_form if upload.is_form else _decode_api_body)(upload, media_type, parameters)


def _decode_api_body(upload: Upload, media_type: str, parameters: Mapping[str, str]) -> Submission:
    options: dict[str, Any] = dict(reversed(parse_qsl(upload.arguments, keep_blank_values=True)))
    options.pop("format", None)  # of the report
    if media_type in _FORMS:
        fields, file = _decode_form(upload.content, media_type, parameters)
        options |= fields
        if file is not None:
            content = _in_utf8(file.stream.read(), file.mimetype_params)
            return _sent(content, {"name": file.filename or "", **options}, file.mimetype)
        if "text" not in options:
            raise BadRequest("No record was sent. The form needs a file in 'file' or a text in 'text'")
        return _sent(_text(options), options, "")
    content = _in_utf8(upload.content, parameters)
    if media_type == "application/json" and (envelope := _envelope(content)) is not None:
        return _sent(_text(envelope), options | envelope, "")
    if media_type not in _ANY and not any(media_type in kind.media_types for kind in INPUT_FORMATS):
        known = ", ".join(dict.fromkeys(kind.media_types[0] for kind in INPUT_FORMATS))
        raise UnsupportedMediaType(
            f"The media type {media_type!r} is not supported. Use one of: {known}, {', '.join(_FORMS)}"
        )
    return _sent(content, options, media_type)


def _decode_page_form(upload: Upload, media_type: str, parameters: Mapping[str, str]) -> Submission:
    """Decode the page's form: the uploaded file if there is one, or else the text."""
    fields, file = _decode_form(upload.content, media_type, parameters)
    options: dict[str, Any] = dict(fields)
    if (wanted := fields.get("download")) and wanted not in (SOURCE, *DOWNLOADS):
        raise BadRequest(f"There is no download format {wanted[:40]!r}")
    content = _text(options)
    if upload.base and (cells := submitted_cells(fields)):
        record = next(iter(read_input(Input(upload.name, data=upload.base.encode(errors="replace")))))
        content = edit_yaml(record, cells)
    elif file is not None and file.filename:
        content = file.stream.read()
        options["name"] = file.filename
    if upload.name:
        options |= {"name": upload.name, "format": ""}
    sent = _sent(content, options, "")
    return replace(sent, base=upload.base, fields=fields)


def _decode_form(body: bytes, media_type: str, parameters: Mapping[str, str]) -> tuple[dict[str, str], Any]:
    """Decode the named fields of a form (the first of each name) and its file. Raises RequestEntityTooLarge."""
    too_many = RequestEntityTooLarge(f"The form has more than {_MAX_FIELDS:,} parts")
    if media_type == _FORM and body.count(b"&") >= _MAX_FIELDS:
        raise too_many
    # Workers cannot open files: all parts stay in memory.
    parser = FormDataParser(lambda *_, **__: io.BytesIO(), max_form_memory_size=None, max_form_parts=_MAX_FIELDS)
    try:
        _, fields, files = parser.parse(io.BytesIO(body), media_type, len(body), dict(parameters))
    except RequestEntityTooLarge:
        raise too_many from None
    # werkzeug's name of a part without a name is None.
    return {name: text for name, text in fields.items() if name is not None}, files.get("file")


def submitted_cells(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of the fields of the edit form by column; none if another form was submitted."""
    return {
        name.removeprefix(CELL): _LINE_END.sub("\n", text) for name, text in fields.items() if name.startswith(CELL)
    }


def record_from_bytes(content: bytes, name: str, language: str = LANGUAGES[0]) -> Submission:
    """Return a record of the release. The suffix of ``name`` selects its reader."""
    return _sent(content, {"name": name, "lang": language}, "")


def _in_utf8(content: bytes, parameters: Mapping[str, str]) -> bytes:
    """Re-encode text from the charset of its media type to UTF-8. A workbook is returned unchanged.

    Raises UnsupportedMediaType if the charset is unknown, and BadRequest if the text is not in it.
    """
    charset = parameters.get("charset", "").strip().lower()
    if not charset or content.startswith(b"PK") or charset in _UTF_8:  # the reader reports invalid UTF-8 with its line
        return content
    codec = charset if charset in _UTF_16 else find_codec(charset)
    try:
        text = content.decode(codec)
    except LookupError:
        raise UnsupportedMediaType(f"The encoding {charset[:40]!r} is not known. Send the record in UTF-8") from None
    except UnicodeError as error:
        raise BadRequest(f"The record is not in the encoding {charset!r}: {error}") from None
    # The byte order mark overrides any encoding that the text declares.
    return codecs.BOM_UTF8 + _without_encoding_declaration(text).encode(errors="replace")


def _without_encoding_declaration(text: str) -> str:
    return _XML_ENCODING.sub(lambda found: found[1] + " " * len(found[2]), text)


def _envelope(content: bytes) -> dict[str, Any] | None:
    """Return the JSON object whose ``text`` is the record; None if the JSON is the record itself or is not valid."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and "text" in found else None


def _text(options: dict[str, Any]) -> bytes:
    text = options.get("text", "")
    if not isinstance(text, str):
        raise BadRequest("'text' must be a string")
    return _without_encoding_declaration(_LINE_END.sub("\n", text)).encode(errors="replace")


def _sent(content: bytes, options: dict[str, Any], media_type: str) -> Submission:
    if not content.strip():
        raise BadRequest("No record was sent: the text or file is empty")
    name, format_name = _option(options, "name"), _option(options, "format")
    if format_name and format_name not in BY_NAME:
        raise BadRequest(f"There is no record format {format_name!r}. Use one of: {', '.join(BY_NAME)}")
    language = _option(options, "lang") or LANGUAGES[0]
    if language not in LANGUAGES:
        raise BadRequest(f"lang must be one of {', '.join(LANGUAGES)}, not {language!r}")
    as_of = _option(options, "as_of")
    try:
        as_of = as_of and date.fromisoformat(as_of).isoformat()
    except ValueError:
        raise BadRequest(f"as_of must be a date such as 2026-12-31, not {as_of!r}") from None
    name = input_name(name, format_name, media_type, content, _SUFFIXES)
    sent = Submission(name, content, language, as_of, extras=_extras(options), fix=_option(options, "fix"))
    _ = sent.kind  # raises if the server does not read such files
    return sent


def _option(options: dict[str, Any], name: str) -> str:
    value = options.get(name) or ""
    if not isinstance(value, str):
        raise BadRequest(f"'{name}' must be a string")
    return value.strip()


def _extras(options: dict[str, Any]) -> tuple[str, ...]:
    include = options.get("include") or []
    include = include.split(",") if isinstance(include, str) else include
    if not isinstance(include, list) or not all(name in EXTRA_OUTPUTS for name in include):
        raise BadRequest(f"'include' must be a list of: {', '.join(EXTRA_OUTPUTS)}")
    return tuple(dict.fromkeys(include))
