"""Names of organisations are recognised by their words."""

from __future__ import annotations

import pytest

from cybilgraph.model.organisations import (
    is_organisation_name,
    is_population,
    is_public_authority,
    may_contain_comma,
    strip_legal_form,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ministry of Justice", True),
        ("University of Oxford", True),
        ("TZ-CERT", True),
        ("Computer Emergency Readiness Team", True),
        ("Nairobi", False),
        ("National Strategy", False),
    ],
)
def test_recognises_organisations(name: str, expected: bool) -> None:
    assert is_organisation_name(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ministry of Justice", True),
        ("Supreme Court of Fiji", True),
        ("KE-CIRT", True),
        ("National University of Samoa", False),
        ("Chamber of Commerce", False),
        ("CSIRTs", False),
        ("Microsoft", False),
    ],
)
def test_recognises_public_authorities(name: str, expected: bool) -> None:
    assert is_public_authority(name) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ministry of Trade", True),
        ("Kenya Communications Commission for Trade", True),
        ("World Bank", False),
        ("The Ministry", False),
    ],
)
def test_names_of_ministries_may_contain_commas(name: str, expected: bool) -> None:
    assert may_contain_comma(name) is expected


@pytest.mark.parametrize(
    ("name", "stripped"),
    [
        ("Deloitte Consulting LLP", "Deloitte"),
        ("DAI Global, LLC", "DAI"),
        ("Torchlight Group Ltd.", "Torchlight"),
        ("Global", "Global"),
        ("Global Partners Digital", "Global Partners Digital"),
    ],
)
def test_legal_forms_are_stripped_from_names_of_firms(name: str, stripped: str) -> None:
    assert strip_legal_form(name) == stripped


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Women diplomats", True),
        ("Women in policy and diplomacy", True),
        ("125,000 young people in Africa", True),
        ("Law enforcement agencies in Central America", True),
        ("Low- and middle-income client countries of the World Bank", True),
        ("Police, prosecutors and law makers of the Pacific", True),
        ("SMEs in Kenya", True),
        ("NGOs", True),
        ("Police forces of the Pacific", True),
        ("Police of 49 African countries", True),
        ("Public administrations of the Western Balkans", True),
        ("Jóvenes de Honduras", True),
        ("Mujeres rurales", True),
        ("Jueces y fiscales", True),
        ("PME du Sénégal", True),
        ("Étudiants en informatique", True),
        ("the population of Fiji", True),
        ("la población", True),
        ("Population rurale du Sénégal", True),
        ("Population Services International", False),
        ("United Nations Population Fund", False),
        ("Armed Forces of Ukraine", False),
        ("Jóvenes contra la Violencia", False),
        ("Students union of Fiji", False),
        ("Fiscalía General", False),
        ("Ministry of Women", False),
        ("National Council of Students", False),
        ("Central Election Commission of Georgia", False),
        ("Cyber Police of Ukraine", False),
    ],
)
def test_recognises_populations(name: str, expected: bool) -> None:
    assert is_population(name) is expected
