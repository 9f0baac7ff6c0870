"""The page with the stored text of a record's source, with an anchor for each line."""

from __future__ import annotations

from collections.abc import Iterable

from flask import render_template

from cybilgraph.release.sources import LINES_PER_PAGE, SOURCES, has_text, read_text_page
from cybilgraph.sparql import queries
from cybilgraph.web.api.current_request import page_in_url, query_rows, release_with_intact, site
from cybilgraph.web.pages.resource_view import Resource, line_url

_NOT_STORED = "This release does not contain the text of this source."


def readable_sources(sources: Iterable[str]) -> set[str]:
    """Return the sources whose text the site shows."""
    return {row["source"] for row in _rows(sources) if not _reason(row)}


def source_page(view: Resource) -> str:
    """Show the text of a source, or why it is not shown."""
    row = next(iter(_rows([view.iri])), {})
    reason = _reason(row)
    page = None
    if not reason:
        path = release_with_intact(SOURCES).folder / SOURCES
        page = read_text_page(path, row["sha256"], row["file"], page_in_url())
        reason = "" if page else _NOT_STORED

    def first_line(number: int) -> int:
        return (number - 1) * LINES_PER_PAGE + 1

    def url_of_page(number: int) -> str:
        return line_url(view.iri, str(first_line(number)))

    return render_template(
        "source.html", view=view, row=row, reason=reason, page=page, first_line=first_line, url_of_page=url_of_page
    )


def _rows(sources: Iterable[str]) -> list[dict[str, str]]:
    sources = list(sources)
    return query_rows(queries.load_query("page-source-text").bind({"source": sources})) if sources else []


def _reason(row: dict[str, str]) -> str:
    """Return why the text of a source is not shown; empty if it is."""
    if not site("source_texts"):
        return "This site does not show source texts."
    if not row:
        return "No record in this release comes from this source."
    if row["corrected"] == "true":
        return "Curators have corrected what this source says, so its text is not shown."
    folder = release_with_intact(SOURCES).folder
    return "" if has_text(folder / SOURCES, row["sha256"], row["file"]) else _NOT_STORED
