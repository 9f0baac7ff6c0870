"""Decode what a client sent to be checked: JSON, a form, a file, or the bare record.

Only check workers do this with the bodies of requests: decoding takes time and memory, and holds the interpreter.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from cybilgraph.errors import SourceError
from cybilgraph.model.formats import BY_NAME as RDF_FORMATS
from cybilgraph.model.rules import LANGUAGES
from cybilgraph.rdf.forms import WRITERS
from cybilgraph.readers import READERS, Input
from cybilgraph.readers.input_kinds import BY_NAME, KINDS, InputKind, guess_suffix, input_name
from cybilgraph.readers.text import decode, find_codec
from cybilgraph.web.checker import FORM_OUTPUT, RDF_OUTPUT, Submission, Upload

#: What can be asked for beside a report in JSON.
EXTRA_OUTPUTS = ("turtle", "derived")
#: What the form can give back: the record as it was sent; and in each form and as RDF: output of the checker, suffix.
SOURCE = "source"
DOWNLOADS = {
    **{name: (f"{FORM_OUTPUT}{name}", name) for name in WRITERS if name != "schema"},
    **{name: (f"{RDF_OUTPUT}{name}", RDF_FORMATS[name].suffix) for name in ("turtle", "jsonld")},
}
_MAX_FIELDS = 1_000
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_FORMS = (_FORM, _MULTIPART)
_ANY = ("", "application/octet-stream", "text/plain")
_SUFFIXES = frozenset(READERS) - {""}
_LINE_END = re.compile(r"\r\n?")
#: The encoding of its file that XML declares: a text has none, and is sent on in UTF-8.
_XML_ENCODING = re.compile(r"""\A(\s*<\?xml\b[^>]*?)(\bencoding\s*=\s*["'][\w.-]*["'])""")

_UTF_8 = ("utf-8", "utf8", "us-ascii")
_UTF_16 = ("utf-16", "utf-16le", "utf-16be")


@dataclass(frozen=True, slots=True)
class SentRecord:
    """A decoded submission: what to check, and what else the client asked for.

    ``fix`` is the place, as line:column, of a fix to apply. ``fields`` are those of the page's form.
    """

    submission: Submission
    extras: tuple[str, ...] = ()
    fix: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> InputKind:
        """What kind of record it is. Raises UnsupportedMediaType."""
        given = Input(self.submission.name, data=self.submission.content)
        return next((kind for kind in KINDS if kind.suffix == given.suffix), None) or _kind_of(given)

    @property
    def text(self) -> str | None:
        """The record as text; None where it is none (a workbook)."""
        if not self.kind.is_text:
            return None
        content = self.submission.content
        try:
            return _LINE_END.sub("\n", decode(Input(self.submission.name, data=content), content, []))
        except SourceError:
            return None

    @property
    def file_name(self) -> str:
        """The name of the file that a button of the form asks for; empty where none does."""
        wanted = self.fields.get("download")
        if not wanted:
            return ""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", self.submission.name.rpartition(".")[0]).strip("-") or "record"
        return f"{stem}{self.kind.suffix}" if wanted == SOURCE else f"{stem}.{DOWNLOADS[wanted][1]}"

    @property
    def file_output(self) -> str:
        """The output of the checker that this file is; empty where it is the record as it was sent."""
        wanted = self.fields.get("download", SOURCE)
        return "" if wanted == SOURCE else DOWNLOADS[wanted][0]


def decode_upload(upload: Upload) -> SentRecord:
    """Decode the body of a request. Raises BadRequest, RequestEntityTooLarge, UnsupportedMediaType."""
    media_type, parameters = parse_options_header(upload.content_type)
    media_type = media_type.lower()
    return (_decode_page_form if upload.is_form else _decode_api_body)(upload, media_type, parameters)


def _decode_api_body(upload: Upload, media_type: str, parameters: Mapping[str, str]) -> SentRecord:
    """Decode what a program sent."""
    options: dict[str, Any] = dict(reversed(parse_qsl(upload.arguments, keep_blank_values=True)))
    options.pop("format", None)  # of the report
    if media_type in _FORMS:
        fields, file = _decode_form(upload.content, media_type, parameters)
        options |= fields
        if file is not None:
            content = _in_utf8(file.stream.read(), file.mimetype_params)
            return _sent(content, {"name": file.filename or "", **options}, file.mimetype)
        if "text" not in options:
            raise BadRequest("No record was sent: the form has neither a part 'file' nor a field 'text'")
        return _sent(_text(options), options, "")
    content = _in_utf8(upload.content, parameters)
    if media_type == "application/json" and (asked := _envelope(content)) is not None:
        return _sent(_text(asked), options | asked, "")
    if media_type not in _ANY and not any(media_type in kind.media_types for kind in KINDS):
        known = ", ".join(dict.fromkeys(kind.media_types[0] for kind in KINDS))
        raise UnsupportedMediaType(f"No record is of the type {media_type!r}. Known are: {known}, {', '.join(_FORMS)}")
    return _sent(content, options, media_type)


def _decode_page_form(upload: Upload, media_type: str, parameters: Mapping[str, str]) -> SentRecord:
    """Decode what the page's form sent: the text, or the file where one was chosen."""
    fields, file = _decode_form(upload.content, media_type, parameters)
    options: dict[str, Any] = dict(fields)
    if (wanted := fields.get("download")) and wanted not in (SOURCE, *DOWNLOADS):
        raise BadRequest(f"There is no download {wanted[:40]!r}")
    content = _text(options)
    if file is not None and file.filename:
        content = file.stream.read()
        options["name"] = file.filename
    if upload.name:
        options |= {"name": upload.name, "format": ""}
    sent = _sent(content, options, "")
    return replace(sent, submission=replace(sent.submission, base=upload.base), fields=fields)


def _decode_form(body: bytes, media_type: str, parameters: Mapping[str, str]) -> tuple[dict[str, str], Any]:
    """Decode the fields of a form, the first of each name, and its file. Raises RequestEntityTooLarge."""
    too_many = RequestEntityTooLarge(f"The form has more than {_MAX_FIELDS:,} parts")
    if media_type == _FORM and body.count(b"&") >= _MAX_FIELDS:
        raise too_many
    # Workers open no file: all parts stay in memory.
    parser = FormDataParser(lambda *_, **__: io.BytesIO(), max_form_memory_size=None, max_form_parts=_MAX_FIELDS)
    try:
        _, fields, files = parser.parse(io.BytesIO(body), media_type, len(body), dict(parameters))
    except RequestEntityTooLarge:
        raise too_many from None
    return fields.to_dict(), files.get("file")


def record_from_bytes(content: bytes, name: str, language: str = LANGUAGES[0]) -> SentRecord:
    """A record of the release, under a name whose suffix selects its reader."""
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
    sent = SentRecord(Submission(name, content, language, as_of), _extras(options), _option(options, "fix"))
    _ = sent.kind  # raises where the server reads no such files
    return sent


def _kind_of(given: Input) -> InputKind:
    """The kind of a file whose suffix is another name of it (.htm, .yml)."""
    reader = READERS[given.suffix]
    kinds = [kind for kind in KINDS if READERS[kind.suffix] is reader]
    if not kinds:
        raise UnsupportedMediaType(f"Files whose names end in {given.suffix} are read from the command line only")
    return next((kind for kind in kinds if kind.suffix == guess_suffix(given.data or b"")), kinds[0])


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
