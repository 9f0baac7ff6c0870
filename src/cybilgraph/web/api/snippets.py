"""A query as code for curl, Python, R and JavaScript that is safe to copy and run.

A query can come from anybody's link, and its copy goes through a browser and often a terminal. Browsers turn each
carriage return into the end of a line, and terminals obey control characters: neither may reach the code.
"""

from __future__ import annotations

import json
import re
import shlex

from flask import render_template

from cybilgraph.sparql import queries

#: In the order in which they are shown: the template's name, and what it is called.
LANGUAGES = {"curl": "curl", "python": "Python", "r": "R", "javascript": "JavaScript"}
_LINE_END = re.compile(r"\r\n?")
#: Characters that steer a terminal, end a line in some languages, or reverse the direction of text.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def snippets(query: str, endpoint: str, release: int) -> dict[str, str]:
    """Code in each language that sends the query to the ``endpoint``, for one release."""
    graph = queries.returns_graph(query)
    query = portable(query)
    quoted = {"curl": _shell, "python": _python, "r": _r, "javascript": _javascript}
    return {
        language: render_template(
            f"programs/{name}.txt",
            query=quoted[name](query),
            endpoint=_shell(endpoint) if name == "curl" else json.dumps(endpoint),
            release=release,
            graph=graph,
        ).strip()
        for name, language in LANGUAGES.items()
    }


def portable(query: str) -> str:
    """The query with plain line ends, and with an escape for each unsafe character (SPARQL 1.1, section 19.2)."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04X}", _LINE_END.sub("\n", query)).strip()


def _shell(text: str) -> str:
    # Unlike POSIX shells, fish takes a backslash for an escape in single quotes. In double quotes all of them do.
    return shlex.quote(text).replace("\\", "'\"\\\\\"'")


def _python(query: str) -> str:
    return repr(query) if '"""' in query or query.endswith(("\\", '"')) else f'r"""\n{query}\n"""'


def _r(query: str) -> str:
    dashes = ""
    while f'){dashes}"' in query:
        dashes += "-"
    return f'r"{dashes}(\n{query}\n){dashes}"'


def _javascript(query: str) -> str:
    plain = not ("`" in query or "${" in query or "\\" in query)
    return f"`\n{query}\n`" if plain else json.dumps(query, ensure_ascii=False)
