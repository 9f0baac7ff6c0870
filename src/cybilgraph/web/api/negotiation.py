"""Content negotiation: select formats by ``format=``, by suffix, or by Accept (RFC 9110, section 12)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from cybilgraph.errors import FormatMismatch
from cybilgraph.model.formats import BY_NAME, GRAPH_FORMATS, Format, find_formats
from cybilgraph.runtime.bounded_cache import cache_short

HTML = "text/html"
#: The longest excerpt of a request in an error message.
_MAX_MESSAGE_CHARS = 200
#: RDF formats by URL suffix; ``json`` means JSON-LD.
SUFFIXES = {fmt.suffix: fmt for fmt in GRAPH_FORMATS} | {"json": BY_NAME["jsonld"]}


@cache_short(entries=1024, longest=1_000)
def negotiate(formats: tuple[Format, ...], accept: str, name: str = "", *, html: bool = False) -> tuple[Format, ...]:
    """Return the acceptable formats, best first; an empty tuple means the HTML page.

    ``name`` is the value of ``format=`` and takes precedence over the header ``accept``. The order of ``formats``
    breaks ties. Raises FormatMismatch if the client accepts none of them.
    """
    if name:
        if name.strip().lower() == "html" and html:
            return ()
        if matches := tuple(fmt for fmt in find_formats(name) if fmt in formats):
            return matches
        raise _mismatch(f"The format {name[:_MAX_MESSAGE_CHARS]!r} is not available here", formats)
    accepted = _parse_accept(accept)
    if not accepted:
        return formats
    quality = {fmt: _quality(fmt, accepted) for fmt in formats}
    best = max(quality.values(), default=0)
    # Browsers name text/html explicitly; "*/*" or "text/*" alone come from API clients that accept anything.
    if html and HTML in _named(accepted) and accepted.quality(HTML) >= max(best, 0.001):
        return ()
    acceptable = sorted((fmt for fmt in formats if quality[fmt] > 0), key=lambda fmt: -quality[fmt])
    if not acceptable:
        raise _mismatch(f"None of the available formats matches Accept: {accept[:_MAX_MESSAGE_CHARS]!r}", formats)
    return tuple(acceptable)


def negotiate_rdf(suffix: str, accept: str, name: str = "") -> Format | None:
    """Return the RDF format in which a client wants a page's data, by suffix, ``format=`` or Accept.

    None means the HTML page, which clients that accept anything get as well. Raises FormatMismatch.
    """
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    name = suffix or name
    accepted = _parse_accept(accept)
    if not name and not any(_quality(fmt, accepted) > accepted.quality(HTML) for fmt in GRAPH_FORMATS):
        return None
    return next(iter(negotiate(GRAPH_FORMATS, accept, name, html=True)), None)


def split_suffix(path: str, suffixes: Collection[str] = SUFFIXES) -> tuple[str, str]:
    """Split off the suffix of a path if it is one of these; else return the path and ""."""
    stem, dot, suffix = path.rpartition(".")
    return (stem, suffix) if dot and suffix in suffixes else (path, "")


def _parse_accept(accept: str) -> MIMEAccept:
    """Parse Accept without media type parameters (``charset``, ``header``); no format depends on them."""
    return MIMEAccept((value.partition(";")[0], q) for value, q in parse_accept_header(accept, MIMEAccept))


def _quality(fmt: Format, accepted: MIMEAccept) -> float:
    """Return a format's quality: wildcards match only its main media type, its other types must be named."""
    ours, *others = fmt.media_types
    named = _named(accepted)
    return max([accepted.quality(ours), *(accepted.quality(other) for other in others if other in named)])


def _named(accepted: MIMEAccept) -> set[str]:
    return {value.lower() for value, _ in accepted}


def _mismatch(what: str, formats: Iterable[Format]) -> FormatMismatch:
    return FormatMismatch(what, "Available: " + ", ".join(f"{fmt.name} ({fmt.media_type})" for fmt in formats))
