"""Actors and their roles in sentences."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.readers import Input, read_input
from tests.support.prose import about, check_roles, places, read_derived, roles


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "It is funded by the European Union and implemented by INTERPOL.",
            {("eu", "funder"), ("interpol", "implementer")},
        ),
        (
            "It is delivered by Torchlight in partnership with FIRST.",
            {("torchlight", "implementer"), ("first", "partner")},
        ),
        ("It is funded by Australia.", {("government-of-australia", "funder")}),
        ("UNODC and ENISA were invited to speak.", set()),
        (
            "A joint project of the European Union and the Council of Europe.",
            {("eu", "unspecified"), ("coe", "unspecified")},
        ),
        ("The first project was led by example.", set()),
        ("It was not funded by the World Bank.", set()),
        ("Unlike the project run by INTERPOL, this one is led by UNODC.", set()),
        ("The European Union provided EUR 5 million.", {("eu", "funder")}),
        ("Financial support comes from the World Bank.", {("world-bank", "funder")}),
        ("ITU and FIRST will train national CSIRTs.", {("itu", "implementer"), ("first", "implementer")}),
        # Partners.
        ("The project works with the University of Oxford.", {("university-of-oxford", "partner")}),
        (
            "The team works closely with the Asia Foundation and Torchlight.",
            {("asia-foundation", "partner"), ("torchlight", "partner")},
        ),
        ("It reaches schools through partners such as the ITU and FIRST.", {("itu", "partner"), ("first", "partner")}),
        ("The project works with regional bodies such as the Pacific Islands Forum.", {("pif", "partner")}),
        ("It was prepared with INTERPOL.", {("interpol", "partner")}),
        # Coordinated subjects share a role.
        (
            "Together with INTERPOL and ENISA, the Council of Europe delivered the training.",
            {("coe", "implementer"), ("interpol", "implementer"), ("enisa", "implementer")},
        ),
        (
            "The OAS funded the project together with Global Affairs Canada and Microsoft.",
            {("oas", "funder"), ("gac", "funder"), ("microsoft", "funder")},
        ),
        ("Training was delivered by organisations such as the OAS.", {("oas", "implementer")}),
        (
            "It is funded by donors such as the World Bank and the Netherlands.",
            {("world-bank", "funder"), ("government-of-the-netherlands", "funder")},
        ),
        # Clients and suppliers.
        ("The review was carried out for the World Bank.", {("world-bank", "funder")}),
        ("It received in-kind contributions from Microsoft.", {("microsoft", "funder")}),
        ("Microsoft contributed licences in kind.", {("microsoft", "funder")}),
        ("This is a joint project with INTERPOL.", {("interpol", "unspecified")}),
        ("The lead partner is Expertise France.", {("expertise-france", "implementer")}),
        ("Expertise France is the lead partner.", {("expertise-france", "implementer")}),
        ("It is funded by the private sector and implemented by the ITU.", {("itu", "implementer")}),
        # A kind of organisation, and an organisation yet to be created, are not actors.
        ("The project set up a national CSIRT in Rwanda and trained its staff.", set()),
        ("The National CSIRT in Rwanda will be set up. The CSIRT delivers services to ministries.", set()),
        ("It supports the establishment of a National Computer Incident Response Team in Malawi.", set()),
        ("It supports the establishment of the new National Cyber Security Agency in Rwanda.", set()),
        ("It set up the national response team, RespoCERT, with advice of APNIC.", {("apnic", "implementer")}),
        # Actors of other projects, and indirect mentions.
        ("Through a separate action, the European Union funds equipment.", set()),
        ("Between February and May, UNODC taught it.", {("unodc", "implementer")}),
        (
            "INTERPOL and ENISA run projects of their own. A review that UNODC wrote in 2019 served as the baseline.",
            set(),
        ),
        ("UNODC wrote a guide to the UN framework.", {("unodc", "implementer")}),
        ("Donations were made by Microsoft and members of FIRST.", {("microsoft", "funder")}),
        # Arrivals, payments and commissions; and actors in the position of a subject.
        ("Assessors came from INTERPOL and the OSCE.", {("interpol", "implementer"), ("osce", "implementer")}),
        ("A review was commissioned by the Commonwealth Secretariat.", {("commonwealth-secretariat", "funder")}),
        (
            "It was made possible by contributions from the Governments of France and Norway and from Microsoft.",
            {("government-of-france", "funder"), ("government-of-norway", "funder"), ("microsoft", "funder")},
        ),
        (
            "It was run by Internet Without Borders, Digital Rights Kenya and Plan International.",
            {
                ("internet-without-borders", "implementer"),
                ("digital-rights-kenya", "implementer"),
                ("plan-international", "implementer"),
            },
        ),
        (
            "Schools were visited, and Vodafone Fiji is a partner for the distribution.",
            {("vodafone-fiji", "partner")},
        ),
        ("UNICEF Timor-Leste picked up the tab.", {("unicef", "funder")}),
        ("Ransomware stopped the payments of the Department of Finance of Fiji.", set()),
        (
            "The World Bank lent the Government of Ghana funds to build a centre.",
            {("world-bank", "funder"), ("government-of-ghana", "beneficiary")},
        ),
        ("Since 2022 the United States has also been a sponsor.", {("us-government", "funder")}),
        (
            "While the State Department is the team's primary sponsor, others pay.",
            {("us-department-of-state", "funder")},
        ),
        ("The exercise was led by INTERPOL. CERT-EU observed.", {("interpol", "implementer")}),
        ("ENISA observed the exercise.", set()),
        ("ITU could not deliver the training, so CREST delivered it.", {("crest", "implementer")}),
        ("The World Bank declined to fund it; CREST trained the staff.", {("crest", "implementer")}),
        (
            "It was run under the auspices of the Pacific Islands Chiefs of Police.",
            {("pacific-islands-chiefs-of-police", "unspecified")},
        ),
        ("A laboratory came courtesy of Canada.", {("government-of-canada", "funder")}),
        ("It is taught by mentors who work for Microsoft, Cisco and Trend Micro.", set()),
        ("UNODC came to Kathmandu twice as partners in the project.", set()),
        ("The OSCE Gender Issues Department conducted the course.", {("osce", "implementer")}),
        ("It ran with a grant that the FCDO gave.", {("fcdo", "funder")}),
        ("The principal counterpart and partner was INTERPOL.", {("interpol", "partner")}),
        ("PaCSON is a network of officials from the Pacific.", set()),
        (
            "It was led by CSEC (Cyber Security Excellence Centre).",
            {("cyber-security-excellence-centre", "implementer")},
        ),
        ("It was funded by the government of the United Kingdom.", {("uk-government", "funder")}),
        ("CREST has been awarded a grant by Microsoft.", {("crest", "implementer"), ("microsoft", "funder")}),
        ("It was funded by the Foreign Commonwealth & Development Office.", {("fcdo", "funder")}),
        (
            "KICTANet in collaboration with the Association of Women in ICT conducted it.",
            {("kictanet", "implementer"), ("association-of-women-in-ict", "partner")},
        ),
        (
            "UNODC thanked the European Union and Finland for funding the course.",
            {("eu", "funder"), ("government-of-finland", "funder")},
        ),
        ("It is a joint European Union – Council of Europe project.", {("eu", "unspecified"), ("coe", "unspecified")}),
        (
            "GPD teamed up with CIPESA to convene people who had never met.",
            {("gpd", "implementer"), ("cipesa", "partner")},
        ),
        ("It is paid by the Digital Development Partnership (DDP).", set()),
        (
            "It expanded its support to the Royal Government of Bhutan (RGoB). It trains the RGoB.",
            {("government-of-bhutan", "beneficiary")},
        ),
        (
            "The World Bank trained the Supreme Court of Fiji and the Global Action on Cybercrime.",
            {("world-bank", "implementer"), ("supreme-court-fiji", "beneficiary")},
        ),
        ("The team joined forces with NATO.", {("nato", "partner")}),
        (
            "UNODC, in partnership with INTERPOL and the OAS, has trained judges.",
            {("unodc", "implementer"), ("interpol", "partner"), ("oas", "partner")},
        ),
        ("It is a World Bank–funded project.", {("world-bank", "funder")}),
        (
            "Officers of the Prosecutor General's Office of Fiji were trained.",
            {("prosecutor-general-s-office-fiji", "beneficiary")},
        ),
        ("CaribNOG is a partner of the project.", {("caribnog", "partner")}),
        (
            "UNODC runs it. Australia, through its Attorney-General's Department, meets the costs of the workshop.",
            {("unodc", "implementer"), ("government-of-australia", "funder")},
        ),
        (
            "It is funded by Japan through the Foo Fund and by Norway.",
            {("government-of-japan", "funder"), ("government-of-norway", "funder")},
        ),
    ],
)
def test_finds_roles(text: str, expected: set[tuple[str, str]]) -> None:
    check_roles(about("A project", text), expected)


def test_lead_partner_in_a_country_is_partner() -> None:
    record = about("A project", "In Rwanda the lead partner is the Cyber Authority.")
    assert roles(record) == {("cyber-authority-rwanda", "partner")}


def test_place_of_an_office_is_not_an_actor() -> None:
    text = "It is run by the Foo Trust in Bucharest, Romania, and by UNODC in Geneva, Switzerland, and funded by Japan."
    assert roles(about("A project", text)) == {
        ("foo-trust", "implementer"), ("unodc", "implementer"), ("government-of-japan", "funder"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        # A project is not an actor.
        ("Grid Guard is a joint programme managed by INTERPOL. Grid Guard delivers courses.", {("interpol", "implementer")}),
        ("The ENDURO project is managed by INTERPOL. ENDURO delivers courses.", {("interpol", "implementer")}),
        ("UNODC runs it. The UNODC programme is new. UNODC delivers courses.", {("unodc", "implementer")}),
        # A programme in brackets is not another actor.
        ("It is a Joint project of the EU (Neighbourhood Plan programme 2014) and the Council of Europe.", {("eu", "unspecified"), ("coe", "unspecified")}),
        # "Ministries" of any country are not actors.
        ("It works with Ministries of Justice.", set()),
        ("In Nairobi, the ITU in coordination with UNODC and private sector partners, leads courses.", {("itu", "implementer"), ("unodc", "partner")}),
        # A part that is not listed stands for the whole.
        ("It is delivered by INTERPOL's Cyber Directorate.", {("interpol", "implementer")}),
        # An authority of a beneficiary country may deliver.
        ("UNODC runs courses. The Kenya Data Authority runs a portal.", {("unodc", "implementer"), ("data-authority-kenya", "implementer")}),
        ("The Kenya Data Authority runs courses.", {("data-authority-kenya", "implementer")}),
        ("ITU worked with the Kenya Data Authority.", {("itu", "implementer"), ("data-authority-kenya", "beneficiary")}),
        # The only actor in a clause about money is the funder.
        ("All the expenses of the travellers are a matter for the World Bank.", {("world-bank", "funder")}),
        ("GFCE administers the grants.", {("gfce", "extending")}),
        ("The European Union Delegation to Nigeria funded the conference.", {("eu", "funder")}),
        ("UNODC Regional Office delivers courses.", {("unodc", "implementer")}),
        ("PaCSON members benefit.", set()),
        ("UNODC reviews how to establish a national Kenya Data Authority.", {("unodc", "implementer")}),
        # Those who request help benefit from it.
        ("At the request of the Kenya Data Authority, UNODC wrote a law.", {("unodc", "implementer"), ("data-authority-kenya", "beneficiary")}),
        ("UNODC delivers campaigns among the members of the GFCE.", {("unodc", "implementer")}),
        ("The Commonwealth Secretariat provided training with money from the World Bank.", {("commonwealth-secretariat", "implementer"), ("world-bank", "funder")}),
    ],
)  # fmt: skip
def test_infers_roles(sentence: str, expected: set[tuple[str, str]]) -> None:
    check_roles(about("Courses in Kenya", sentence), expected)


@pytest.mark.parametrize("item", ["A guide written with the support of NRD", "Toolkit with the support of NRD"])
def test_support_in_writing_is_a_role(item: str) -> None:
    text = f"A course\n\nSummary\n\nIt ended.\n\nOutputs\n\n• {item}"
    [record] = read_input(Input("page.txt", data=text.encode()))
    check_roles(derive(record), {("nrd-cyber-security", "unspecified")})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Quotations and beneficiaries.
        (
            "ITU is running workshops in Fiji. “The collaboration with ITU is dear to us,” said the mayor of Suva.",
            {("itu", "implementer")},
        ),
        (
            "FIRST, which is old, cultivates skills in Fiji. It wrote lessons for regular training sessions at FIRST.",
            {("first", "implementer")},
        ),
        # A currency sign, a passive, and intermediaries of money.
        ("Canada has put $300,000 towards the laboratory of Fiji.", {("government-of-canada", "funder")}),
        ("Canada helped fund the laboratory of Fiji.", {("government-of-canada", "funder")}),
        ("The laboratory of Fiji was financed thanks to the support of the OAS.", {("oas", "funder")}),
        ("The course for Fiji is financed through the ECOWAS Peace Fund.", {("ecowas-peace-fund", "funder")}),
        ("UNDP Fiji has agreed to provide $2 million for the schools of Fiji.", {("undp", "funder")}),
        # An apposition with the role of a donor, partner or implementer.
        ("Sida, donor of the programme, visited Fiji.", {("sida", "funder")}),
        (
            "On behalf of Expertise France, the implementing agency, she opened the course for Fiji.",
            {("expertise-france", "implementer")},
        ),
        # An agent far from the verb, or after a noun.
        ("Forty officers of Fiji were trained last week in Suva by INTERPOL.", {("interpol", "implementer")}),
        ("The training of 40 officers in Fiji by INTERPOL ended in May.", {("interpol", "implementer")}),
        # The time of an event between a name and its verb.
        ("The ITU on Tuesday organised a workshop for officials in Fiji.", {("itu", "unspecified")}),
        ("The ITU this week organised a workshop for officials in Fiji.", {("itu", "unspecified")}),
        (
            "The workshop for officials of Fiji was co-organised by ITU with FIRST.",
            {("itu", "unspecified"), ("first", "unspecified")},
        ),
    ],
)
def test_finds_roles_in_news_texts(text: str, expected: set[tuple[str, str]]) -> None:
    check_roles(about("A project for the region", text), expected)


def test_negated_payment_gives_no_funder() -> None:
    record = about("Training", "Not funded by the EU but by the UK, it helps Fiji.")
    check_roles(record, {("uk-government", "funder")})
    assert places(about("Training", "Experts of the US state of Georgia taught the police of Fiji.")) == {"FJ"}


def test_delivered_body_is_not_an_actor() -> None:
    text = "CyberSafe Days, delivered by UNODC, teach Fiji with Norwegian funding."
    check_roles(about("Training", text), {("unodc", "implementer"), ("government-of-norway", "funder")})


@pytest.mark.parametrize(
    "text",
    [
        "UNODC says that ransomware cost Costa Rica $30 million.",
        "A World Bank study estimates that fraud costs Ghana $5 million a year.",
        "According to a report of the OAS, the cost of cybercrime has reached $8 billion in Brazil.",
        "IBM's report puts losses at $4 million.",
        "Deloitte found that Kenya lost $200 million to cybercrime.",
        "INTERPOL arrested a gang that stole $4 million from banks in Côte d'Ivoire.",
        "The EU has fined Meta €1 billion.",
        "Losses in Kenya reached $300 million last year.",
        "The attack cost Costa Rica $30 million.",
        "Hackers demanded $10 million from the Costa Rican government.",
        "INTERPOL seized $130 million in stolen funds.",
    ],
)
def test_lost_money_is_not_funding(text: str) -> None:
    record = about("A project", text)
    check_roles(record, set())
    assert not places(record)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The EU funded a project to reduce losses of $5 million.", {("eu", "funder")}),
        ("Fraud costs Ghana $5 million a year, so UNODC trains police.", {("unodc", "implementer")}),
        ("Australia gave $3 million after attacks cost Samoa $30 million.", {("government-of-australia", "funder")}),
        ("The cybercrime project of the Council of Europe costs €3 million.", {("coe", "funder")}),
        ("Norway meets the cost of cybercrime training, $2 million.", {("government-of-norway", "funder")}),
    ],
)
def test_funding_next_to_losses_is_found(text: str, expected: set[tuple[str, str]]) -> None:
    check_roles(about("A project", text), expected)


def test_country_name_alone_is_not_an_organisation() -> None:
    assert not roles(about("A project", "The American state of Georgia delivered the training."))
    assert places(about("A project", "It helps Kenya $5 million further.")) == {"KE"}
    assert not places(about("A project", "It was held for US $5 million."))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is jointly implemented and funded by UNDP in Kenya.", {("undp", "funder"), ("undp", "implementer")}),
        (
            "It is co-funded and co-implemented by GIZ and UNDP.",
            {("giz", "funder"), ("giz", "implementer"), ("undp", "funder"), ("undp", "implementer")},
        ),
        (
            "It is co-financed by the Council of Europe, which also implements it.",
            {("coe", "funder"), ("coe", "implementer")},
        ),
        (
            "The UK and Estonia jointly finance and implement it.",
            {("uk-government", "funder"), ("government-of-estonia", "funder")},
        ),
        (
            "MITRE, under contract to the U.S. Department of State, advised Botswana.",
            {("mitre", "implementer"), ("us-department-of-state", "funder")},
        ),
        ("The authorities of Georgia and the CoE have agreed to implement the project.", {("coe", "implementer")}),
        (
            "EU contribution: €4,222,222. It is a joint EU/CoE project.",
            {("eu", "funder"), ("coe", "unspecified")},
        ),
        ("Funding was provided by Norway.", {("government-of-norway", "funder")}),
    ],
)
def test_coordinated_roles(text: str, expected: set[tuple[str, str]]) -> None:
    check_roles(about("A project", text), expected)


@pytest.mark.parametrize(
    "text",
    [
        "CERT-MU is the responsible authority and received most of the equipment.",
        "NRD Cyber Security assessed CERT-MU and trained its staff.",
    ],
)
def test_listed_authority_of_beneficiary_country_benefits(text: str) -> None:
    assert ("cert-mu", "beneficiary") in roles(about("Equipment for Mauritius", text))
    assert "cert-mu" not in dict(roles(about("Equipment for Uganda", text)))


@pytest.mark.parametrize(
    "text",
    [
        "Alumni of Oxford University implement the project.",
        "Former staff of the World Bank funded the library.",
        "A subsidiary of Deloitte finances the project.",
        "Experts of projects funded by the European Union took part.",
    ],
)
def test_what_others_did_is_not_counted_for_an_organisation(text: str) -> None:
    found = about("A library in Tonga", text).participations
    assert not [link for link in found if link.basis.counts]


def test_government_is_not_a_second_funder_beside_its_own_body() -> None:
    record = read_derived("A library in Tonga\n\nFunders\nFCDO\n\nSummary\nThe UK paid for a post in Suva.\n")
    assert [link.actor.key for link in record.participations if link.role == "funder"] == ["fcdo"]
