"""Printed lists of names are split, and each name is looked up."""

from __future__ import annotations

import pytest

from cybilgraph.model.record import Place
from cybilgraph.readers import Input, read_input
from tests.support.pages import read


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("Algeria, Jordan and Morocco", ["DZ", "JO", "MA"]),
        ("Trinidad and Tobago", ["TT"]),
        ("Antigua & Barbuda; Belize", ["AG", "BZ"]),
        ("Kenya and Atlantis", ["kenya-and-atlantis"]),
    ],
)
def test_splits_several_values_on_one_line(line: str, keys: list[str]) -> None:
    record = read(f"A project\nCountries\n{line}\nSummary\nText.")
    assert [link.concept.key for link in record.scopes] == keys
    assert record.scopes[-1].concept.printed.place == Place(3, 1 + line.find(record.scopes[-1].concept.printed.text))


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("Microsoft, World Bank, ITU", ["itu", "microsoft", "world-bank"]),
        ("EU (80%), Council of Europe (20%)", ["coe", "eu"]),
        ("Department of Justice", ["department-of-justice"]),
        ("European Commission (DG INTPA), Germany and France", None),
        ("DAI Global, LLC", ["dai"]),
        ("Foreign, Commonwealth and Development Office", ["fcdo"]),
        ("U.S. Department of State", ["us-department-of-state"]),
        ("Zambia Authority of Things (ZAT)", ["zambia-authority-of-things"]),
        ("New Zeland", ["government-of-new-zealand"]),
        ("Japón, Países Bajos", ["government-of-japan", "government-of-the-netherlands"]),
        ("Royaume-Uni; Etats-Unis", ["uk-government", "us-government"]),
        ("Gobierno de Japón", ["government-of-japan"]),
        ("Gouvernement de la France", ["government-of-france"]),
        (
            "Ministry of Justice; Ministry of Interior, Ministry of Finance",
            ["ministry-of-finance", "ministry-of-interior", "ministry-of-justice"],
        ),
        ("Ministry of Trade, Industry and Commerce", ["ministry-of-trade-industry-and-commerce"]),
        (
            "Ministry of Justice and Ministry of Trade, Industry and Commerce",
            ["ministry-of-justice", "ministry-of-trade-industry-and-commerce"],
        ),
        (
            "ITU, UNODC and the relevant subordinated institutions (INTERPOL, Office of Foo, Academy of Bar, OAS)",
            ["academy-of-bar", "interpol", "itu", "oas", "office-of-foo", "unodc"],
        ),
        ("ITU (Arab States, Africa)", ["itu"]),
        ("Department of Networks, Ministry of Justice", ["department-of-networks-ministry-of-justice"]),
        ("United Kingdom - Foreign, Commonwealth & Development Office (UK FCDO)", ["fcdo"]),
        ("National Police, Niger", ["national-police-niger"]),
        ("Police of England and Wales", ["police-england-and-wales"]),
        ("Law Society of England and Wales", ["law-society-of-england-and-wales"]),
        ("National Police and Nigeria", ["government-of-nigeria", "national-police"]),
        ("Kenya Police, Uganda", ["government-of-uganda", "police-kenya"]),
    ],
)
def test_splits_lists_of_actors(line: str, keys: list[str] | None) -> None:
    found = sorted(link.actor.key for link in read(f"A page\n\nFunders\n\n{line}\n").participations)
    assert found == (keys or ["european-commission", "government-of-france", "government-of-germany"])


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        ("Albania, Bosnia and Herzegovina, Turkey and Kosovo*", ["AL", "BA", "TR", "XK"]),
        ("Antigua & Barbuda and Trinidad and Tobago, Belize", ["AG", "BZ", "TT"]),
        ("49", []),
        ("up to 49 African countries", []),
    ],
)
def test_splits_lists_of_countries(line: str, keys: list[str]) -> None:
    """Countries with "and" in their names are separated, and a number is not a country."""
    found = [link.concept.key for link in read(f"A page\n\nCountries: {line}\n\nSummary\n\nIt helps.\n").scopes]
    assert sorted(found) == keys


def test_unknown_name_does_not_prevent_splitting_countries() -> None:
    record = read("A page\n\nCountries\n\nChad, Wakanda, Niger\n")
    assert sorted(scope.concept.key for scope in record.scopes) == ["NE", "TD", "wakanda"]


@pytest.mark.parametrize(
    ("printed", "keys"),
    [
        ("Iran's National Cyber Directorate", ["national-cyber-directorate-iran"]),
        ("Spain's Ministry of Foreign Affairs", ["ministry-of-foreign-affairs-spain"]),
        ("Uganda's Cyber Security Authority", ["cyber-security-authority-uganda"]),
        ("National Cyber Security Centre (LT)", ["national-cyber-security-centre-lt"]),
        ("National Cyber Security Centre (CZ)", ["national-cyber-security-centre-cz"]),
        ("National Cyber Security Centre (NCSC)", ["national-cyber-security-centre"]),
        ("Department of Foreign Affairs and Trade, Ireland", ["department-of-foreign-affairs-and-trade-ireland"]),
        ("Federal Foreign Office, Austria", ["federal-foreign-office-austria"]),
        ("Federal Foreign Office, Germany", ["german-federal-foreign-office"]),
        ("Home Office, Kenya", ["home-office-kenya"]),
        ("World Bank, Kenya", ["government-of-kenya", "world-bank"]),
    ],
)
def test_body_of_a_state_is_not_the_listed_one_of_another(printed: str, keys: list[str]) -> None:
    table = f'title,implementers\nA project,"{printed}"\n'.encode()
    [record] = read_input(Input("a.csv", data=table))
    assert sorted(one.actor.key for one in record.participations) == keys
    assert not [found for found in record.findings if found.rule == "near-name"]
