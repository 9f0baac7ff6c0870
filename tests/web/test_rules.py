"""The page of rules: every rule with its words and examples, in the reader's language."""

from __future__ import annotations

from html import escape

import pytest
import rdflib

from cybilgraph.rules import catalogue
from cybilgraph.validation.handbook import PROMISES, handbook
from cybilgraph.vocab import RULES
from tests.web.test_sparql import BROWSER, http


def test_the_handbook_has_every_rule_once() -> None:
    entries = [entry.name for chapter in handbook() for entry in chapter.entries]
    assert sorted(entries) == sorted(catalogue())
    assert set(PROMISES) == {rule.promise for rule in catalogue().values()}


def test_the_page_lists_every_rule_with_its_message(server: str) -> None:
    page = http(f"{server}/rules", Accept=BROWSER).body.decode()
    for chapter in handbook():
        for entry in chapter.entries:
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
def test_a_rule_in_the_language_of_the_reader(server: str, path: str, language: str, words: str) -> None:
    reply = http(f"{server}{path}", Accept=BROWSER, **{"Accept-Language": language})
    page = reply.body.decode()
    assert reply.status == 200
    assert f"<h1>{words}</h1>" in page
    assert f'<html lang="{reply.headers["content-language"]}">' in page
    assert "Accept-Language" in reply.headers["vary"]


def test_the_bad_line_is_marked(server: str) -> None:
    page = http(f"{server}/rules/end-after-start", Accept=BROWSER).body.decode()
    assert '<span class="at">3</span>To: Mar 2017</mark>' in page
    assert page.count("<mark") == 1


def test_an_unknown_rule_is_a_404(server: str) -> None:
    assert http(f"{server}/rules/no-such-rule", Accept=BROWSER).status == 404


def test_the_iri_of_a_rule_leads_people_to_the_page_and_programs_to_turtle(server: str) -> None:
    page = http(f"{server}/shapes", Accept=BROWSER).body.decode()
    assert 'id="end-after-start"' in page
    for path in ("/shapes", "/shapes.ttl"):
        reply = http(f"{server}{path}", Accept="text/turtle")
        assert reply.content_type == "text/turtle; charset=utf-8"
        graph = rdflib.Graph().parse(data=reply.body, format="turtle")
        assert (rdflib.URIRef(f"{RULES}end-after-start"), None, None) in graph
