"""Unlisted organisations are recognised by the words of their names."""

from __future__ import annotations

import pytest

from cybilgraph.extraction.organisation_names import find_non_organisations
from cybilgraph.extraction.sentences import split_sentences
from tests.support.prose import about, page, roles


def test_name_may_begin_with_lower_case_letter() -> None:
    for school in ("l’École Nationale", "l'École Nationale"):
        text = f"It was delivered by the eFoo Academy and {school}."
        assert {key for key, _ in roles(about("A project", text))} == {"efoo-academy", "l-ecole-nationale"}


def test_abbreviations_of_things_are_not_actors() -> None:
    """They are introduced after words in lower case or a word such as "framework", but not after a body's name
    in lower case.
    """
    text = "It writes national cyber incident scales (NCIS) and a Risk Rating Framework (RRF)."
    assert roles(about("A project", text, "It supports NCIS in each state. UNODC provided RRF with advice.")) == {
        ("unodc", "implementer")
    }
    assert not list(find_non_organisations("The data protection authority (DPA) has a Foo Trust (FT)."))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It was made by the Kyrgyz NGO Civil Initiative on Internet Policy.", "civil-initiative-on-internet-policy"),
        ("The scheme was designed by the association Cyber Sisters.", "cyber-sisters"),
        ("It was taught by the Spanish National Centre for the Protection of Critical Infrastructures.", "spanish-national-centre-for-the-protection-of-critical-infrastructures"),
        ("It was taught by ChildFund Papua New Guinea.", "childfund-papua-new-guinea"),
        ("It helps the Office of the Security Council, the Data Agency and the Cyber Bureau.", "data-agency"),
        ("Advice to the State Committee of Information Technologies and Communications.", "state-committee-of-information-technologies-and-communications"),
        ("It was run with the British High Commission in Nairobi.", "british-high-commission-in-nairobi"),
        ("It was run by the U.S. Embassy in San José.", "u-s-embassy-in-san-jose"),
        ("It was taught by experts of the Gendarmerie nationale.", "gendarmerie-nationale"),
        ("It was set up with the Central Bank of Fiji and LinkPay.", "linkpay"),
        ("Mentoring of the CSIRT of the Coast by experts.", "csirt-of-the-coast"),
        ("MISA Zimbabwe runs a clinic.", "misa-zimbabwe"),
        ("PNG now has a National Cyber Security Centre.", "national-cyber-security-centre"),
        ("It helps the Ministry of Interior of Fiji and Fijian Data Commission.", "data-commission-fiji"),
        ("It is paid for by the Good Governance Fund of the UK Government.", "good-governance-fund"),
        ("Luxembourg House of Cybersecurity and Excellium are partners.", "excellium"),
        ("It is run by the Ministry of ICT and Innovation and Fiji Data Society Authority (FDSA).", "fiji-data-society-authority"),
        ("It was attended by the Ministry of Health, General Audit Office, High Data Council and others.", "high-data-council"),
        ("It was organised by the Bureau of Cyber Affairs and Digital Rules of the Senate.", "bureau-of-cyber-affairs-and-digital-rules-of-the-senate"),
        ("It is a grant of the Internet Society Foundation.", "internet-society-foundation"),
        ("It was held with the United Nations Economic and Social Commission for the Coast.", "united-nations-economic-and-social-commission-for-the-coast"),
        ("It was delivered by Africa Quantitative Studies (AQS).", "africa-quantitative-studies"),
        ("It is organised by the Fiji National Computer Emergency Readiness Team.", "national-computer-emergency-readiness-team-fiji"),
        ("It is paid for by the Bureau of Freedom, Human Rights and Labour (BFHR).", "bureau-of-freedom-human-rights-and-labour"),
        ("It was held with the Badan Riset dan Inovasi Nasional.", "badan-riset-dan-inovasi-nasional"),
        ("It trains the University of Somewhere and the Foo Institutet.", "foo-institutet"),
        ("Hosting the African IGF Secretariat (in cooperation with UNODC and others).", "african-igf-secretariat"),
    ],
)  # fmt: skip
def test_unlisted_names_are_complete(text: str, name: str) -> None:
    [*_, sentence] = split_sentences(page("Courses", text))
    assert name in {actor.key for one in sentence.names if (actor := one.of("actor"))}


def test_currency_of_an_amount_is_not_a_name() -> None:
    [*_, sentence] = split_sentences(page("Courses", "It is funded with SDR 3.1 million by SDR."))
    assert [sentence.marked.index(name.mark) for name in sentence.names] == [sentence.marked.rindex(".") - 1]
