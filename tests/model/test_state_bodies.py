"""Bodies of states are distinguished by their state, however it is printed."""

from __future__ import annotations

import pytest

from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Basis, Named, Participation, Scope, Text
from cybilgraph.model.state_bodies import find_actor, is_state_body, parse_actor_name, qualify, successor_key
from cybilgraph.readers.printed_names import find


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("MINISTRY OF JUSTICE OF KOSOVO", "ministry-of-justice-kosovo"),
        ("ministry of justice of the gambia", "ministry-of-justice-gambia"),
        ("kenyan ministry of justice", "ministry-of-justice-kenya"),
        ("ministry of health of the republic of china", "ministry-of-health-of-the-republic-of-china"),
        ("Ministry of Justice (Kosovo)", "ministry-of-justice-kosovo"),
        ("Kosovo's Ministry of Justice", "ministry-of-justice-kosovo"),
        ("Kosovo’s Ministry of Justice", "ministry-of-justice-kosovo"),
        ("the Ministry of Justice of the Republic of Kosovo", "ministry-of-justice-kosovo"),
        ("Ministry of Justice (Spain)", "ministry-of-justice-spain"),
        ("Ministry of Justice of the Kingdom of Spain", "ministry-of-justice-spain"),
        ("the Spanish Ministry of Justice", "ministry-of-justice-spain"),
        ("Ministry of Justice, Spain", "ministry-of-justice-spain"),
        ("Spain - Ministry of Justice", "ministry-of-justice-spain"),
        ("Nauru Police Force", "police-force-nauru"),
        ("the Attorney General's Chambers of Samoa", "attorney-general-s-chambers-samoa"),
        ("Prime Minister's Office (Fiji)", "prime-minister-s-office-fiji"),
        ("Prime Minister’s Office (Fiji)", "prime-minister-s-office-fiji"),
        ("Ministère de l'Intérieur (Bénin)", "ministere-de-l-interieur-benin"),
        ("Ministère de l’Intérieur (Bénin)", "ministere-de-l-interieur-benin"),
        ("Ministry of Finance & Planning (Kenya)", "ministry-of-finance-and-planning-kenya"),
        ("Ministry of Finance (MoF, Kenya)", "ministry-of-finance-kenya"),
        ("Regional Office (Nairobi, Kenya)", "regional-office-nairobi-kenya"),
        ("Ministerio de Justicia del Estado Plurinacional de Bolivia", "ministerio-de-justicia-bolivia"),
        (
            "Ministry of Justice (Congo, Democratic Republic of)",
            "ministry-of-justice-democratic-republic-of-the-congo",
        ),
        ("Belize's Ministry of National Security", "ministry-of-national-security-belize"),
        ("CERT Tonga", "cert-tonga"),
        ("Tonga CERT", "cert-tonga"),
        ("Police Nationale du Niger", "police-nationale-niger"),
        ("Ministry of Information (Sierra Leone)", "ministry-of-information-sierra-leone"),
        ("Office of Cyber Security (UK)", "office-of-cyber-security-united-kingdom"),
        ("Norwegian Institute of International Affairs (NUPI)", "norwegian-institute-of-international-affairs"),
        ("Regional Office (Bangkok and Hanoi)", "regional-office-bangkok-and-hanoi"),
        ("Regional Office (Bangkok)", "regional-office-bangkok"),
        ("Ministerio de Justicia (España)", "ministerio-de-justicia-spain"),
        ("Ministerio de Justicia de España", "ministerio-de-justicia-spain"),
        ("Ministerio de Justicia, España", "ministerio-de-justicia-spain"),
        ("Ministério da Justiça do Brasil", "ministerio-da-justica-brazil"),
        ("Ministerio de Justicia de Papúa Nueva Guinea", "ministerio-de-justicia-papua-new-guinea"),
        ("Ministère des Affaires étrangères d'Espagne", "ministere-des-affaires-etrangeres-spain"),
        ("Ministère de la Justice de l’Allemagne", "ministere-de-la-justice-germany"),
        ("Ministère de la Justice d'Haïti", "ministere-de-la-justice-haiti"),
        ("Ministère de la Défense des Pays-Bas", "ministere-de-la-defense-netherlands"),
        ("Ministerio del Interior, República del Perú", "ministerio-del-interior-peru"),
        ("Ministerio del Interior de la República del Perú", "ministerio-del-interior-peru"),
        ("Ministerio del Interior (Perú)", "ministerio-del-interior-peru"),
        ("Ministère de la Justice de la République du Cameroun", "ministere-de-la-justice-cameroon"),
        ("Ministère de la Justice du Royaume d’Espagne", "ministere-de-la-justice-spain"),
        ("Ministerio del Interior, República de China", "ministerio-del-interior-republica-de-china"),
        ("Police nationale (RDC)", "police-nationale-democratic-republic-of-the-congo"),
        ("Police nationale (RCI)", "police-nationale-cote-d-ivoire"),
        ("Ministère de la Justice (RDC)", "ministere-de-la-justice-democratic-republic-of-the-congo"),
        ("Regulatory Directorate for Communications (RDC)", "regulatory-directorate-for-communications"),
        ("Regional Court Inspectorate (RCI)", "regional-court-inspectorate"),
        ("Ministry of Justice (CH)", "ministry-of-justice-ch"),
        ("Ministry of Justice (MoJ), Kosovo", "ministry-of-justice-kosovo"),
        ("Ministry of Justice (MoJ) (Spain)", "ministry-of-justice-spain"),
        ("Ministry of Justice (Spain) (MoJ)", "ministry-of-justice-spain"),
        ("Ministerio de Justicia (MJ) (España)", "ministerio-de-justicia-spain"),
        ("Ministère de la Justice (RDC) (MJ)", "ministere-de-la-justice-democratic-republic-of-the-congo"),
        ("Ministry of Justice (Spain) (Madrid)", "ministry-of-justice-spain-madrid"),
        ("Regional Office (Nairobi) (RO)", "regional-office-nairobi"),
        ("Instituto Nacional de Ciberseguridad (Incibe)", "instituto-nacional-de-ciberseguridad"),
        ("Institute of Computing (IC)", "institute-of-computing"),
        ("Ministry of Justice", "ministry-of-justice"),
        # Parts of a state have bodies of their own.
        ("Ministry of Justice (Scotland)", "ministry-of-justice-scotland"),
        ("the Scottish Ministry of Justice", "ministry-of-justice-scotland"),
        ("Ministry of Justice (England)", "ministry-of-justice-england"),
        ("Ministry of Justice of England and Wales", "ministry-of-justice-england-and-wales"),
        ("Wales - Ministry of Justice", "ministry-of-justice-wales"),
        ("Ministry of Justice of Northern Ireland", "ministry-of-justice-northern-ireland"),
        ("Ministry of Justice (Northern Ireland)", "ministry-of-justice-northern-ireland"),
        ("Ministry of Justice (Great Britain)", "ministry-of-justice-united-kingdom"),
        # No body of a state, or not of this one.
        ("Bank of Ghana", "bank-of-ghana"),
        ("Austrian Institute of Technology", "austrian-institute-of-technology"),
        ("University of Fiji", "university-of-fiji"),
        ("Ministry of Justice of Congo", "ministry-of-justice-of-congo"),
        ("Ministère de la Justice du Congo", "ministere-de-la-justice-du-congo"),
        ("Universidad de España", "universidad-de-espana"),
        ("Save the Children (España)", "save-the-children-espana"),
        ("Ministry of Justice of the Republic of China", "ministry-of-justice-of-the-republic-of-china"),
    ],
)
def test_state_is_part_of_the_key_of_its_bodies(name: str, key: str) -> None:
    assert parse_actor_name(name).key == key


def test_many_brackets_are_parsed() -> None:
    assert parse_actor_name("Ministry of Justice" + " (MJ)" * 10_000).country is None


def test_code_is_not_the_state_of_a_body() -> None:
    assert parse_actor_name("VU Ministry of Justice").country is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Kosovo's Ministry of Justice", "Ministry of Justice (Kosovo)"),
        ("Fiji Police Force", "Fiji Police Force"),
        ("Ministry of Justice (Spain)", "Ministry of Justice (Spain)"),
        ("Ministry of Justice (MoJ) (Spain)", "Ministry of Justice (Spain)"),
        ("Ministry of Justice (Spain) (MoJ)", "Ministry of Justice (Spain)"),
    ],
)
def test_label_contains_the_state(name: str, label: str) -> None:
    assert parse_actor_name(name).label == label


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Ministry of Foreign Affairs (Estonia)", "estonia-mfa"),
        ("National Cyber Security Centre of the United Kingdom", "uk-ncsc"),
        ("Jamaica's National Crime Agency", "national-crime-agency-jamaica"),
        ("Government of Belize", "government-of-belize"),
        ("the Belizean Government", "government-of-belize"),
        ("Belize Government", "government-of-belize"),
        ("Royal Government of Bhutan", "government-of-bhutan"),
        ("Government of the Bahamas", "government-of-the-bahamas"),
        ("Government of Bahamas", "government-of-the-bahamas"),
        ("Government of Northern Ireland", "northern-ireland-executive"),
        ("Government of England", "uk-government"),
        ("Home Office (Scotland)", "home-office-scotland"),
        ("Home Office (UK)", "uk-home-office"),
        ("NCSC (NZ)", "nz-ncsc"),
        ("New Zealand's NCSC", "nz-ncsc"),
        ("National Cyber Security Centre (NZ)", "nz-ncsc"),
        # Bodies of a state of the United States
        ("Georgia National Guard", "georgia-national-guard"),
        ("Georgia Bureau of Investigation", "georgia-bureau-of-investigation"),
        ("Georgian National Guard", "national-guard-georgia"),
        ("National Guard (Georgia)", "national-guard-georgia"),
    ],
)
def test_listed_body_of_the_state_is_found(name: str, key: str) -> None:
    assert find_actor(name).key == key


def test_listed_body_is_found_with_an_abbreviation_that_is_not_listed() -> None:
    listed = find_actor("Digital Security Authority (Cyprus)")
    assert listed.row
    assert find_actor("Digital Security Authority (Cyprus) (DSACY)") == listed


@pytest.mark.parametrize("name", ["Scottish Police", "Police Scotland", "Ministry of Justice (Northern Ireland)"])
def test_body_of_a_part_is_seated_in_the_state(name: str) -> None:
    country = parse_actor_name(name).country
    assert country
    assert country.key == "GB"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Kingdom of Spain", "government-of-spain"),
        ("the Swiss Confederation", "government-of-switzerland"),
        ("French Republic", "government-of-france"),
        ("Government of the Swiss Confederation", "government-of-switzerland"),
        ("Oriental Republic of Uruguay", "government-of-uruguay"),
    ],
)
def test_official_name_of_a_state_is_its_government(name: str, key: str) -> None:
    entry = find("actor", name)
    assert entry
    assert entry.key == key


@pytest.mark.parametrize(("name", "key"), [("Scotland", "scottish-government"), ("England", "uk-government")])
def test_part_of_a_state_acts_by_its_government(name: str, key: str) -> None:
    entry = find("actor", name)
    assert entry
    assert entry.key == key


def test_listed_body_is_found_by_its_name_and_state_apart() -> None:
    assert find_actor("CERT (Tonga)").row["country"] == "TO"


def test_only_unmistakable_bodies_need_no_state() -> None:
    assert is_state_body("Ministry of Justice")
    assert is_state_body("National Cyber Security Centre")
    for name in (
        "Communications Authority",
        "Cyber Security Agency",
        "Data Protection Authority",
        "Office of the President",
        "Police Academy",
    ):
        assert is_state_body(name)
    for name in ("Department of Computer Science", "Communications Commission", "Security Council"):
        assert not is_state_body(name)
    assert is_state_body("Communications Commission", owned=True)


def participation(name: str, role: str) -> Participation:
    entry = load_gazetteer().find("actor", name)
    actor = Named("actor", entry.key if entry else parse_actor_name(name).key, Text(name), entry is not None)
    return Participation(actor, role, Basis.STATED)


def keys(links: list[Participation], *countries: str) -> list[str]:
    scopes = [Scope(Named("country", key, Text(key)), Basis.STATED) for key in countries]
    return [link.actor.key for link in qualify(tuple(links), scopes)]


def test_body_without_state_belongs_to_the_only_country() -> None:
    ministry = participation("Ministry of Justice", "partner")
    assert keys([ministry], "XK") == ["ministry-of-justice-kosovo"]
    assert keys([ministry], "XK", "ES") == ["ministry-of-justice"]
    assert keys([ministry, participation("Estonian Ministry of Defence", "partner")], "XK")[0] == "ministry-of-justice"


@pytest.mark.parametrize("name", ["Communications Authority", "Data Protection Authority", "Office of the President"])
def test_bare_bodies_of_two_states_are_two_actors(name: str) -> None:
    body = participation(name, "partner")
    assert keys([body], "KE") == [f"{body.actor.key}-kenya"]
    assert keys([body], "GH") == [f"{body.actor.key}-ghana"]


def test_helped_body_belongs_to_the_only_country_whoever_pays() -> None:
    links = [participation("Ministry of Justice", "beneficiary"), participation("FCDO", "funder")]
    assert keys(links, "XK") == ["ministry-of-justice-kosovo", "fcdo"]


def test_paying_body_without_state_may_be_that_of_a_donor() -> None:
    funder, partner, helped = (
        participation("Ministry of Foreign Affairs", role) for role in ("funder", "partner", "beneficiary")
    )
    assert keys([funder, partner], "KE") == ["ministry-of-foreign-affairs"] * 2
    assert keys([funder, helped], "KE") == ["ministry-of-foreign-affairs-kenya"] * 2


def test_listed_body_of_another_state_is_not_the_one_helped() -> None:
    links = [participation("Federal Foreign Office", "beneficiary"), participation("FCDO", "funder")]
    assert keys(links, "AT") == ["federal-foreign-office-austria", "fcdo"]
    assert keys(links, "DE") == ["german-federal-foreign-office", "fcdo"]
    assert keys([participation("Department of Foreign Affairs and Trade", "beneficiary")], "PG") == [
        "department-of-foreign-affairs-and-trade"
    ]
    named = [participation("Ministry of Foreign Affairs of Estonia", "beneficiary"), participation("DFAT", "partner")]
    assert keys(named, "AT") == ["estonia-mfa", "dfat"]


def test_listed_body_of_another_state_is_not_in_a_project_that_a_country_pays_itself() -> None:
    office = participation("Federal Foreign Office", "implementer")
    assert keys([office], "AT") == ["german-federal-foreign-office"]
    assert keys([office, participation("Government of France", "funder")], "AT")[0] == "german-federal-foreign-office"
    austria = Participation(Named("actor", "government-of-austria", Text("Austria")), "funder", Basis.STATED)
    assert keys([office, austria], "AT") == ["federal-foreign-office", "government-of-austria"]
    donor = participation("Department of Foreign Affairs and Trade", "funder")
    assert keys([donor], "FJ") == ["dfat"]


def test_body_without_state_is_the_one_named_with_it() -> None:
    links = [participation("Ministry of Justice", "partner"), participation("Ministry of Justice of Spain", "funder")]
    assert keys(links) == ["ministry-of-justice-spain", "ministry-of-justice-spain"]
    assert keys([*links, participation("Kosovo's Ministry of Justice", "partner")])[0] == "ministry-of-justice"
    links[1] = participation("Scottish Ministry of Justice", "funder")
    assert keys(links) == ["ministry-of-justice", "ministry-of-justice-scotland"]


def test_earlier_key_gives_way_to_that_of_the_printed_name() -> None:
    assert successor_key("ministry-of-justice", ["", "Ministry of Justice (Spain)"]) == "ministry-of-justice-spain"
    former = "ministerio-de-justicia-de-espana"
    assert successor_key(former, ["Ministerio de Justicia de España"]) == "ministerio-de-justicia-spain"
    assert successor_key("ministry-of-justice", ["Ministry of Justice"]) == "ministry-of-justice"
    assert successor_key("kingdom-of-spain", ["Kingdom of Spain"]) == "government-of-spain"
    assert successor_key("another", ["Ministry of Justice (Spain)"]) == "another"
