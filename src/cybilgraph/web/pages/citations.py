"""Citations of projects and query results, as text and for reference managers.

The formats (BibTeX, RIS as Zotero reads it, and CSL-JSON 1.0) are so small that writing them takes less code than
adapting a library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from urllib.parse import urlencode

from flask import Blueprint, request
from flask.wrappers import Response
from werkzeug.exceptions import BadRequest

from cybilgraph.model.findings import escape_controls
from cybilgraph.model.vocabulary import iri_of, own_iri
from cybilgraph.web.api.current_request import pin_release, profile, serving

blueprint = Blueprint("citations", __name__)

#: Paths that can be cited: resources, query results, charts, comparisons and searches. No part of one is "..", which
#: leads elsewhere.
_CITABLE = re.compile(
    r"(?![^?]*/\.)/(?:id/|sparql\?|queries/|api/queries/|pictures/|compare\?|search\?)[\w/?&=%.+~:@!$'()*,;-]{1,8000}",
    re.ASCII,
)
_MAX_TITLE_CHARS = 500
_SPECIAL = re.compile(r"[\\{}$&#^_%~]")
_IN_LATEX = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}


@dataclass(frozen=True, slots=True)
class Citation:
    """A citation of what a path of this site returns in a release; ``day`` is the day of the release."""

    title: str
    path: str
    release: int
    day: date
    accessed: date

    @property
    def url(self) -> str:
        """The permanent URL: the IRI of one of the site's own resources in this release, or an address at this site.

        The IRIs of countries and other shared concepts lead to another site, which has other releases.
        """
        path = self.path[1:]
        if not path.startswith("id/"):
            return f"{request.host_url}{path}"
        iri = iri_of(path) if iri_of(path).startswith(own_iri()) else f"{request.host_url}{path}"
        return f"{iri}{'&' if '?' in path else '?'}release={self.release}"

    @property
    def doi(self) -> str:
        """The DOI of the dataset; empty if it has none."""
        return profile().doi

    @property
    def author(self) -> str:
        """The publisher of the dataset."""
        return profile().publisher_name

    @property
    def key(self) -> str:
        """A key that only the same resource or answer in the same release has."""
        path, _, query = self.path.partition("?")
        name = path.removeprefix("/id/").removeprefix("project/").removeprefix("/")
        digest = f"-{sha256(query.encode()).hexdigest()[:8]}" if query else ""
        return re.sub(r"[^A-Za-z0-9]+", "-", f"{profile().name}-{name}{digest}-{self.release}")

    @property
    def text(self) -> str:
        """The citation as text."""
        doi = f" https://doi.org/{self.doi}" if self.doi else ""
        dataset = ", ".join(dict.fromkeys((self.author, profile().name)))
        where = f"{dataset}, release {self.release} ({self.day}).{doi} {self.url}"
        return f"“{self.title}”. {where} (accessed {self.accessed})."

    @property
    def formats(self) -> dict[str, tuple[str, str, Callable[[Citation], str]]]:
        """The formats by name: the title, the media type and the writer of each."""
        return _FORMATS


def _bibtex(citation: Citation) -> str:
    fields = {
        "author": f"{{{_latex(citation.author)}}}",
        "title": f"{{{_latex(citation.title)}}}",
        "year": f"{citation.day.year}",
        "note": f"Release {citation.release} of {citation.day}",
        "url": citation.url,
        "urldate": f"{citation.accessed}",
        "doi": citation.doi,
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{citation.key},\n{lines}\n}}\n"


def _latex(text: str) -> str:
    return _SPECIAL.sub(lambda found: _IN_LATEX.get(found[0], f"\\{found[0]}"), text)


def _ris(citation: Citation) -> str:
    fields = [
        ("TY", "DATA"),
        ("TI", citation.title),
        ("AU", citation.author),
        ("PY", f"{citation.day.year}"),
        ("DA", citation.day.strftime("%Y/%m/%d")),
        ("ET", f"Release {citation.release}"),
        ("UR", citation.url),
        ("Y2", citation.accessed.strftime("%Y/%m/%d")),
        ("DO", citation.doi),
        ("ER", ""),
    ]
    return "".join(f"{tag}  - {value}\r\n" for tag, value in fields if value or tag == "ER")


def _csl(citation: Citation) -> str:
    entry = {
        "id": citation.key,
        "type": "dataset",
        "title": citation.title,
        "author": [{"literal": citation.author}],
        "issued": _csl_date(citation.day),
        "accessed": _csl_date(citation.accessed),
        "version": f"{citation.release}",
        "URL": citation.url,
        **({"DOI": citation.doi} if citation.doi else {}),
    }
    return json.dumps([entry], ensure_ascii=False, indent=1) + "\n"


def _csl_date(day: date) -> dict[str, list[list[int]]]:
    return {"date-parts": [[day.year, day.month, day.day]]}


_FORMATS: dict[str, tuple[str, str, Callable[[Citation], str]]] = {
    "bib": ("BibTeX", "application/x-bibtex; charset=utf-8", _bibtex),
    "ris": ("RIS", "application/x-research-info-systems; charset=utf-8", _ris),
    "csl.json": ("CSL-JSON", "application/vnd.citationstyles.csl+json", _csl),
}


def citation_of(title: str, path: str) -> Citation:
    """Return the citation of what is at a path, in the release of this request."""
    release = serving().release
    shown = escape_controls(" ".join(title.split()))[:_MAX_TITLE_CHARS]
    day = date.fromisoformat(release.manifest["created"][:10])
    return Citation(shown, path, release.number, day, datetime.now(UTC).date())


def cite_page(title: str) -> Citation | None:
    """Return the citation of the page of this request, in its release; None if its URL is too long."""
    arguments = [pair for pair in request.args.items(multi=True) if pair[0] != "release"]
    path = f"{request.path}?{urlencode([*arguments, ('release', serving().release.number)])}"
    return citation_of(title, path) if _CITABLE.fullmatch(path) else None


@blueprint.get("/cite")
def cite() -> Response:
    """Return the citation of a path of this site (``of``) under a title, as a file for reference managers."""
    path, title = request.args.get("of", ""), request.args.get("title", "")
    name = request.args.get("format", "bib")
    if not _CITABLE.fullmatch(path):
        raise BadRequest(
            "Only resources, queries, charts, comparisons and searches can be cited, such as of=/id/project/G0020"
        )
    if not title.strip():
        raise BadRequest("Give a title, such as title=Projects+in+Belize")
    if name not in _FORMATS:
        raise BadRequest(f"There is no format {name[:50]!r}. Use one of {', '.join(_FORMATS)}")
    pin_release(request.args.get("release", ""))
    citation = citation_of(title, path)
    _, media_type, write = _FORMATS[name]
    headers = {"Content-Disposition": f'attachment; filename="{citation.key[:80]}.{name}"'}
    return Response(write(citation), content_type=media_type, headers=headers)
