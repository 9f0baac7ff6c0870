"""Which of our formats a client wants: by ``format=``, by suffix, or by Accept (RFC 9110, section 12)."""

from __future__ import annotations

from collections.abc import Sequence

from flask import request

from cybilgraph.errors import FormatMismatch
from cybilgraph.formats import Format, called

HTML = "text/html"


def wanted(formats: Sequence[Format], html: bool) -> tuple[Format, ...]:
    """The acceptable formats, best first; an empty tuple stands for the HTML page.

    Equal wishes are settled by the order of ``formats``. Raises FormatMismatch where nothing
    that the client accepts is on offer.
    """
    if name := request.values.get("format"):
        if name == "html" and html:
            return ()
        if asked := tuple(fmt for fmt in called(name) if fmt in formats):
            return asked
        raise _mismatch(f"There is no format {name!r} here", formats)
    accept = request.accept_mimetypes
    if not accept:
        return tuple(formats)
    quality = {fmt: max(accept.quality(media_type) for media_type in fmt.media_types) for fmt in formats}
    best = max(quality.values(), default=0)
    # A browser names text/html itself; "*/*" alone is a program that takes anything.
    if html and accept.quality(HTML) > 0 and accept.quality(HTML) >= best and _named(HTML):
        return ()
    acceptable = sorted((fmt for fmt in formats if quality[fmt] > 0), key=lambda fmt: -quality[fmt])
    if not acceptable:
        raise _mismatch(f"Nothing here is of the kind {request.headers['Accept']!r}", formats)
    return tuple(acceptable)


def _named(media_type: str) -> bool:
    return any(value in (media_type, "text/*") for value, _ in request.accept_mimetypes)


def _mismatch(what: str, formats: Sequence[Format]) -> FormatMismatch:
    return FormatMismatch(what, "On offer: " + ", ".join(f"{fmt.name} ({fmt.media_type})" for fmt in formats))
