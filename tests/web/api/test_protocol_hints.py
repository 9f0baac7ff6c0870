"""Query hints over HTTP: in a header, on the page, and in the problem details of a stopped query."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from cybilgraph.sparql import Hint
from cybilgraph.sparql.remote_engine import RemoteEngine
from cybilgraph.web.api.protocol import hint_headers
from tests.conftest import run
from tests.support.http_client import get, http

pytestmark = pytest.mark.slow

EMPTY = "SELECT ?p\n{ ?p cyb:country country:BLZ }"
HINT = "There is no country:BLZ. Did you mean country:BZ (Belize)?"
#: A list of strings with parameters that are tokens or numbers (RFC 8941, sections 3.1 and 4.2).
_ITEM = r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"(?:;[a-z]+=[a-z0-9]+)*'
LIST = re.compile(rf"{_ITEM}(?:, {_ITEM})*")


def test_only_empty_answers_have_hints(server: str) -> None:
    for _ in range(2):  # first from the engine, then from the cache
        reply = get(server, EMPTY)
        assert reply.headers["cybilgraph-advice"] == f'"{HINT}";why=empty;line=2'
        assert "Cybilgraph-Advice" in reply.headers["access-control-expose-headers"]
    assert "cybilgraph-advice" not in get(server, "SELECT ?p { ?p cyb:country country:BZ }").headers
    assert http(f"{server}/sparql?{urlencode({'query': EMPTY})}", "HEAD").headers["cybilgraph-advice"]


@pytest.mark.parametrize(
    "text", ['"é" \\ 😀', "two\r\nlines: Set-Cookie: x", "\x00\x7f", "x" * 5000, "plain"], ids=range(5)
)
def test_header_is_a_valid_list_of_strings_for_any_text(text: str) -> None:
    sent = hint_headers([Hint("empty", "first", 1), Hint("slow", text)])["cybilgraph-advice"]
    assert LIST.fullmatch(sent)
    assert len(sent) <= 2000
    assert hint_headers([]) == {}


def test_hostile_names_are_escaped_in_the_header(server: str) -> None:
    query = 'SELECT * { ?p cyb:country "Bel\\r\\nize\\u0000é\\"\\\\" ; dcterms:title "\\n\\nX"@en }'
    sent = get(server, query).headers["cybilgraph-advice"]
    assert LIST.fullmatch(sent)


def test_page_shows_hints(server: str) -> None:
    page = get(server, EMPTY, accept="text/html").body.decode()
    assert f"<li>Line 2: {HINT}</li>" in page
    full = get(server, "SELECT ?p { ?p cyb:country country:BZ }", accept="text/html").body.decode()
    assert 'id="advice"' not in full


def test_explain_button_shows_hints(server: str) -> None:
    page = get(server, "SELECT ?p { ?p cyb:country country:BZ }", accept="text/html", explain="yes").body.decode()
    assert "No problems found" in page
    assert "Belize" not in page.partition('id="answer"')[2], "the query is not run"
    endless = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?a"
    assert "share no variable" in get(server, endless, accept="text/html", explain="yes").body.decode()


def test_long_explanation_does_not_delay_other_pages(server: str) -> None:
    steps = f"SELECT * {{ ?s {'a/' * 999}a ?o }}"
    with ThreadPoolExecutor(1) as thread:
        explained = thread.submit(get, server, steps, accept="text/html", explain="yes")
        pages = 0
        while not explained.done():
            assert http(f"{server}/queries", Accept="text/html").status == 200
            pages += 1
        assert explained.result().status == 400
    assert pages > 5, "if it delayed other pages, only those before and after it would be answered"


def test_query_over_time_limit_has_hints(server: str) -> None:
    slow = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(STR(?c) < STR(?f) && STR(?i) < STR(?a)) }"
    reply = get(server, slow, timeout="0.5")
    assert re.match(r'"[^"]*share no variable[^"]*";why=slow', reply.headers["cybilgraph-advice"])
    problem = json.loads(reply.body)
    assert "share no variable" in problem["advice"][0]
    assert "hint" not in problem, "general advice next to the cause"
    for accept in ("text/html", "text/plain"):
        assert get(server, slow, accept=accept, timeout="0.5").body.decode().count("share no variable") == 1


@pytest.mark.parametrize("query", ["SELECT ?é {\n\t?é ?b “x” }", f'ASK {{ ?a ?b "{"é" * 200}" ?c ?d ?e }}'])
def test_syntax_error_has_its_position_for_every_way_of_sending(server: str, query: str) -> None:
    direct = {"Content_Type": "application/sparql-query"}
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    replies = [
        get(server, query),
        http(f"{server}/sparql", "POST", query.encode(), **direct),
        http(f"{server}/sparql", "POST", urlencode({"query": query}).encode(), **form),
    ]
    [problem] = {reply.body: json.loads(reply.body) for reply in replies}.values()
    line, caret = problem["excerpt"].split("\n")
    assert line[len(caret) - 1 :].startswith(("“x”", "?c ?d"))
    assert problem["hint"]


def test_explain_works_with_endpoint_and_release(server: str, releases: object) -> None:
    assert run("query", EMPTY, "--from", releases, "--explain").stdout.decode() == f"line 2: {HINT}\n"
    remote = run("query", EMPTY, "--from", f"{server}/sparql", "--explain")
    assert remote.stdout.decode() == f"line 2: {HINT}\n"
    assert b"No problems found" in run("query", "ASK {}", "--from", f"{server}/sparql", "--explain").stdout
    engine = RemoteEngine(f"{server}/sparql")
    assert engine.explain("SELECT * { ?p cyb:accountable ?a }") == ()
    engine.close()
    empty = run("query", EMPTY, "--from", releases)
    assert HINT in empty.stderr.decode()
    wrong = run("query", "SELECT ?a, ?b { ?a ?b ?c }", "--from", releases)
    assert "         ^\n  The columns of a SELECT are not separated" in wrong.stderr.decode()
