"""The code that a page gives for a query is run, as a visitor would run it."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from urllib.parse import urlencode

import pytest

from cybilgraph.web import programs
from tests.web.test_sparql import BROWSER, http

#: Whatever stands in a query, it comes whole to the endpoint.
QUERIES = {
    "table": "SELECT ?code { project:G0020 dcterms:identifier ?code }",
    "quotes": """SELECT (CONCAT('"', ?c, "'") AS ?code) { project:G0020 dcterms:identifier ?c } # `$HOME ${x} """
    + "\"\"\"'''",
    "escapes": r"""SELECT ("G0020\t\\)-\"" AS ?code) {}""",
    "lines": "SELECT ?code\n{ project:G0020 dcterms:identifier ?code }\n# ÿ ✓\n\n",
    "graph": "CONSTRUCT { project:G0020 dcterms:identifier ?code } { project:G0020 dcterms:identifier ?code }",
}


def code(server: str, query: str) -> dict[str, str]:
    page = http(f"{server}/sparql/use?{urlencode({'query': query})}", Accept=BROWSER).body.decode()
    found = re.findall(r'<pre data-code="(.*?)"[^>]*>(.*?)</pre>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in found}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize(
    ("language", "command"),
    [
        ("curl", ("sh", "-c")),
        ("Python", (sys.executable, "-c")),
        ("JavaScript", ("node", "--input-type=module", "-e")),
        ("R", ("Rscript", "-e")),
    ],
)
def test_it_runs(server: str, query: str, language: str, command: tuple[str, ...]) -> None:
    needed = "curl" if language == "curl" else command[0]
    if not shutil.which(needed):
        pytest.skip(f"no {needed} on this machine")
    text = code(server, query)[language]
    result = subprocess.run([*command, text], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    counted = {"Python": "1 statements", "R": "1"} if query.startswith("CONSTRUCT") else {}
    assert counted.get(language, "G0020") in result.stdout


def test_every_language_is_given_and_the_query_is_not_run(server: str) -> None:
    given = code(server, "SELECT ?x { ?x ?y ?z . ?a ?b ?c . ?d ?e ?f }")
    assert given.keys() == {"citation", *programs.LANGUAGES.values()}
    assert "release 1" in given["citation"]


def test_no_query_and_updates_are_refused(server: str) -> None:
    assert http(f"{server}/sparql/use").status == 400
    assert http(f"{server}/sparql/use?query=CLEAR+ALL").status == 403


def test_no_end_of_a_text_can_stand_in_a_query() -> None:
    text = programs._heredoc("QUERY\nQUERY_")
    assert text.endswith("\nQUERY__")
    assert programs._r('a)"b)-"').startswith('r"--(')
