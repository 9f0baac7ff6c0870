"""Code snippets that run a query with curl, Python, R and JavaScript, safe to copy and run.

A query can come from an untrusted link, and its code passes through a browser and often a terminal. Browsers turn
each carriage return into a line break, and terminals obey control characters, so neither may reach the code.
"""

from __future__ import annotations

import json
import re
import shlex

from flask import render_template

from cybilgraph.sparql import query_analysis

_LINE_END = re.compile(r"\r\n?")
#: Characters that control a terminal, end a line in some languages, or change the direction of text.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def snippets(query: str, endpoint: str, release: int) -> dict[str, str]:
    """Return code in each language that sends a query for one release to the endpoint."""
    graph = query_analysis.returns_graph(query)
    query = portable(query)
    code = {}
    for language, quote in LANGUAGES.items():
        address = _shell(endpoint) if language == "curl" else json.dumps(endpoint)
        values = {"query": quote(query), "endpoint": address, "release": release, "graph": graph}
        code[language] = render_template(f"snippets/{language.lower()}.txt", **values).strip()
    return code


def portable(query: str) -> str:
    """Normalise the line ends of a query and escape its unsafe characters (SPARQL 1.1, section 19.2)."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04X}", _LINE_END.sub("\n", query)).strip()


def _shell(text: str) -> str:
    # Unlike POSIX shells, fish treats a backslash in single quotes as an escape. In double quotes all shells do.
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


#: How to quote a query in each language, in display order.
LANGUAGES = {"curl": _shell, "Python": _python, "R": _r, "JavaScript": _javascript}
