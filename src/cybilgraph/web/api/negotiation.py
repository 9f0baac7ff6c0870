"""Which of our formats a client wants: by ``format=``, by suffix, or by Accept (RFC 9110, section 12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from cybilgraph.errors import FormatMismatch
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format, find_formats
from cybilgraph.runtime.bounded_cache import cache_short

HTML = "text/html"
#: Characters of a wish that are told to who wished it.
_MAX_MESSAGE_CHARS = 200
#: By the suffix of an address, the format of RDF; what programs call JSON is JSON-LD there.
SUFFIXES = {fmt.suffix: fmt for fmt in GRAPH_FORMATS} | {"json": BY_NAME["jsonld"]}


@cache_short(entries=1024, longest=1_000)
def negotiate(formats: tuple[Format, ...], accept: str, name: str = "", *, html: bool = False) -> tuple[Format, ...]:
    """The acceptable formats, best first; an empty tuple stands for the HTML page.

    ``name`` is that of ``format=``, and goes before the header ``accept``. Equal wishes are settled
    by the order of ``formats``. Raises FormatMismatch where nothing that the client accepts is on offer.
    """
    if name:
        if name.strip().lower() == "html" and html:
            return ()
        if asked := tuple(fmt for fmt in find_formats(name) if fmt in formats):
            return asked
        raise _mismatch(f"There is no format {name[:_MAX_MESSAGE_CHARS]!r} here", formats)
    accepted = _parse_accept(accept)
    if not accepted:
        return formats
    quality = {fmt: _quality(fmt, accepted) for fmt in formats}
    best = max(quality.values(), default=0)
    # A browser names text/html itself; "*/*" and "text/*" alone are of programs that take anything.
    if html and HTML in _named(accepted) and accepted.quality(HTML) >= max(best, 0.001):
        return ()
    acceptable = sorted((fmt for fmt in formats if quality[fmt] > 0), key=lambda fmt: -quality[fmt])
    if not acceptable:
        raise _mismatch(f"Nothing here is of the kind {accept[:_MAX_MESSAGE_CHARS]!r}", formats)
    return tuple(acceptable)


def negotiate_rdf(suffix: str, accept: str, name: str = "") -> Format | None:
    """The format of RDF in which a client wants what a page tells: by suffix, ``format=`` or Accept. None stands
    for the page, which who takes anything gets, too. Raises FormatMismatch.
    """
    if suffix:
        return SUFFIXES[suffix]
    accepted = _parse_accept(accept)
    if not name and not any(_quality(fmt, accepted) > accepted.quality(HTML) for fmt in GRAPH_FORMATS):
        return None
    return next(iter(negotiate(GRAPH_FORMATS, accept, name, html=True)), None)


def split_suffix(path: str, suffixes: Collection[str] = SUFFIXES) -> tuple[str, str]:
    """A path without its suffix, and the suffix, where that is one of these; else the path, and nothing."""
    stem, dot, suffix = path.rpartition(".")
    return (stem, suffix) if dot and suffix in suffixes else (path, "")


def _parse_accept(accept: str) -> MIMEAccept:
    """The header without parameters of media types: none tells our formats apart (``charset``, ``header``)."""
    return MIMEAccept((value.partition(";")[0], q) for value, q in parse_accept_header(accept, MIMEAccept))


def _quality(fmt: Format, accepted: MIMEAccept) -> float:
    """A range like ``text/*`` is held against the type that is sent; the others count where they are named."""
    ours, *others = fmt.media_types
    named = _named(accepted)
    return max([accepted.quality(ours), *(accepted.quality(other) for other in others if other in named)])


def _named(accepted: MIMEAccept) -> set[str]:
    return {value.lower() for value, _ in accepted}


def _mismatch(what: str, formats: Iterable[Format]) -> FormatMismatch:
    return FormatMismatch(what, "On offer: " + ", ".join(f"{fmt.name} ({fmt.media_type})" for fmt in formats))
