"""A query as ready code: curl, Python, R, JavaScript. The query stands in each as it was written."""

from __future__ import annotations

import json
import re

from flask import render_template

from cybilgraph import queries

#: In the order in which they are shown: the template's name, and what it is called.
LANGUAGES = {"curl": "curl", "python": "Python", "r": "R", "javascript": "JavaScript"}
#: What ends a raw string of R, if as many dashes began it.
_R_END = re.compile(r'\)(-*+)"')


def snippets(query: str, endpoint: str, release: int) -> dict[str, str]:
    """Code in each language that asks the ``endpoint`` this query over one release."""
    query = query.strip().replace("\r\n", "\n")
    quoted = {"curl": _heredoc, "python": _python, "r": _r, "javascript": _javascript}
    return {
        language: render_template(
            f"programs/{name}.txt",
            query=quoted[name](query),
            endpoint=endpoint,
            release=release,
            graph=queries.gives_graph(query),
        ).strip()
        for name, language in LANGUAGES.items()
    }


def _heredoc(query: str) -> str:
    mark = "QUERY"
    lines = set(query.split("\n"))
    while mark in lines:
        mark += "_"
    return f"<<'{mark}'\n{query}\n{mark}"


def _python(query: str) -> str:
    plain = not ('"""' in query or query.endswith(("\\", '"')) or "\r" in query)
    return f'r"""\n{query}\n"""' if plain else repr(query)


def _r(query: str) -> str:
    taken = set(_R_END.findall(query))
    dashes = ""
    while dashes in taken:
        dashes += "-"
    return f'r"{dashes}(\n{query}\n){dashes}"'


def _javascript(query: str) -> str:
    plain = not ("`" in query or "${" in query or "\\" in query)
    return f"`\n{query}\n`" if plain else json.dumps(query, ensure_ascii=False)
