"""The rules page: every rule with its message and examples, in the reader's language."""

from __future__ import annotations

import os
import re
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest
import rdflib

from cybilgraph.model.rules import catalogue
from cybilgraph.model.vocabulary import RULES
from cybilgraph.validation.rule_handbook import CATEGORIES, load_handbook
from tests.conftest import CYBILGRAPH
from tests.support.http_client import BROWSER, http

pytestmark = pytest.mark.slow


def test_handbook_lists_every_rule_once() -> None:
    entries = [entry.name for chapter in load_handbook().values() for entry in chapter]
    assert sorted(entries) == sorted(catalogue())
    assert set(CATEGORIES) == {rule.category for rule in catalogue().values()}


def test_page_lists_every_rule_with_its_message(server: str) -> None:
    page = http(f"{server}/rules", Accept=BROWSER).body.decode()
    for entries in load_handbook().values():
        for entry in entries:
            assert f'id="{entry.name}"' in page
            assert escape(entry.message, quote=False).replace('"', "&#34;") in page
    assert page.index(">Violation<") < page.index(">Warning<") < page.index(">Information<")
    assert 'href="/rules"' in http(f"{server}/", Accept=BROWSER).body.decode()


@pytest.mark.parametrize(
    ("path", "language", "words"),
    [
        ("/rules/end-after-start", "", "The project ends (…) before it starts."),
        ("/rules/end-after-start?lang=es", "fr", "El proyecto termina (…) antes de empezar."),
        ("/rules/end-after-start", "fr-CA,en;q=0.5", "Le projet finit (…) avant de commencer."),
        ("/rules/end-after-start?lang=xx", "de", "The project ends (…) before it starts."),
    ],
)
def test_rule_is_shown_in_the_reader_language(server: str, path: str, language: str, words: str) -> None:
    reply = http(f"{server}{path}", Accept=BROWSER, **{"Accept-Language": language})
    page = reply.body.decode()
    assert reply.status == 200
    assert f"<h1>{words}</h1>" in page
    assert f'<html lang="{reply.headers["content-language"]}">' in page
    assert "Accept-Language" in reply.headers["vary"]


def test_failing_line_is_marked(server: str) -> None:
    page = http(f"{server}/rules/end-after-start", Accept=BROWSER).body.decode()
    assert '<span class="at">3</span>To: Mar 2017</mark>' in page
    assert page.count("<mark") == 1


@pytest.mark.parametrize("name", ["title", "scope-basis", "unknown-shape-term", "encoding"])
def test_commands_on_the_page_find_the_failing_line(server: str, name: str, tmp_path: Path) -> None:
    page = http(f"{server}/rules/{name}", Accept=BROWSER).body.decode()
    commands = unescape(re.findall(r'<pre tabindex="0">(curl .*?)</pre>', page, re.DOTALL)[0])
    assert catalogue()[name].bad.command in commands
    path = f"{Path(CYBILGRAPH[0]).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-ec", commands], cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    assert f"[{name}]" in result.stdout
    [line] = [line for line in result.stdout.splitlines() if line.endswith(f"[{name}]") and "×" not in line]
    assert line.split()[0].split(":")[0] == str(catalogue()[name].bad.line)


def test_page_has_the_command_and_file_of_every_rule(server: str) -> None:
    page = unescape(http(f"{server}/rules", Accept=BROWSER).body.decode())
    for rule in catalogue().values():
        address = f"/rules/{rule.name}/{rule.bad.file}"
        assert f"curl -fsSO {server}{address}\n{rule.bad.command}</pre>" in page
    for sample in (catalogue()["encoding"].bad, catalogue()["encoding"].good):
        assert http(f"{server}/rules/encoding/{sample.file}").body == sample.content


@pytest.mark.parametrize(
    "path", ["no-such-rule", "no-such-rule/title-bad.csv", "title/title-bad.txt", "title/../title"]
)
def test_unknown_rule_or_example_gets_404(server: str, path: str) -> None:
    assert http(f"{server}/rules/{path}", Accept=BROWSER).status == 404


def test_rule_iri_redirects_browsers_and_returns_turtle(server: str) -> None:
    page = http(f"{server}/shapes", Accept=BROWSER).body.decode()
    assert 'id="end-after-start"' in page
    for path in ("/shapes", "/shapes.ttl"):
        reply = http(f"{server}{path}", Accept="text/turtle")
        assert reply.content_type == "text/turtle; charset=utf-8"
        graph = rdflib.Graph().parse(data=reply.body, format="turtle")
        assert (rdflib.URIRef(f"{RULES}end-after-start"), None, None) in graph
