"""Claims derived from sentences name their field and quote their source."""

from __future__ import annotations

from cybilgraph.pipeline import check_input
from cybilgraph.readers import Input
from cybilgraph.web.checker.check_worker import derived_claims

PAGE = b"A project\n\nCybil code: G0999\n\nSummary\n\nUNODC helped Belize. The project started in May 2018.\n"


def claims(name: str, content: bytes) -> list[dict[str, object]]:
    return list(derived_claims(check_input(Input(name, data=content)).records))


def test_claim_has_its_field_quote_and_place() -> None:
    found = claims("page.txt", PAGE)
    assert {claim["project"] for claim in found} == {"G0999"}
    country = next(claim for claim in found if claim["field"] == "country")
    assert (country["name"], country["quote"], country["line"]) == ("Belize", "UNODC helped Belize.", 7)
    assert country["column"] == 1
    start = next(claim for claim in found if claim["field"] == "start")
    assert (start["name"], start["quote"]) == ("May 2018", "The project started in May 2018.")


def test_claim_uses_the_name_of_the_gazetteer() -> None:
    names = {claim["name"] for claim in claims("page.txt", PAGE)}
    assert "United Nations Office on Drugs and Crime" in names
    assert "UNODC" not in names


def test_claim_from_a_table_has_no_column() -> None:
    found = claims("page.csv", b"title,code,summary\nA project,G0999,UNODC helped Belize.\n")
    assert found
    assert {(claim["line"], claim["column"]) for claim in found} == {(2, 0)}


def test_stated_fields_are_not_claims() -> None:
    assert claims("page.csv", b"title,code,countries\nA project,G0999,Belize\n") == []
