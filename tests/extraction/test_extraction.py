"""Claims from prose: an example for each phrase, and difficult cases."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from cybilgraph import read
from cybilgraph.extraction import derive
from cybilgraph.extraction.actors import find_phrase_roles
from cybilgraph.extraction.context import context_features
from cybilgraph.extraction.organisation_names import find_non_organisations
from cybilgraph.extraction.phrases import APART, RELATIONS, Matcher, phrases
from cybilgraph.extraction.prefilter import first_words, parse, required_words
from cybilgraph.extraction.role_model import decide_roles, role_probabilities
from cybilgraph.extraction.scopes import find_scopes
from cybilgraph.extraction.sentences import split_sentences
from cybilgraph.extraction.spans import ACTOR, DEMONYM, NAME, PLACE, PROJECT
from cybilgraph.model.gazetteer import load_gazetteer
from cybilgraph.model.record import Basis, Contact, Record
from cybilgraph.model.resources import REFERENCE
from cybilgraph.readers import Input, find_inputs, read_input
from tests.conftest import SAMPLES, SEED

with (REFERENCE / "phrases.csv").open(encoding="utf-8", newline="") as _file:
    PHRASES = list(csv.DictReader(_file))
ACTORS = ("INTERPOL", "UNODC", "ENISA", "OSCE")
PLACES = ("Kenya", "Fiji", "Peru")
with (REFERENCE / "theme-cues.csv").open(encoding="utf-8", newline="") as _file:
    CUES = list(csv.DictReader(_file))
STAND_INS = {
    ACTOR: ACTORS,
    PLACE: PLACES,
    DEMONYM: ("Kenyan", "Fijian"),
    NAME: ("Accra", "Lyon"),
    PROJECT: ("G0411",),
}


def page(title: str, *summary: str) -> Record:
    text = "\n\n".join([title, "Summary", *summary])
    [record] = read_input(Input("page.txt", data=text.encode()))
    return record


def about(title: str, *summary: str) -> Record:
    return derive(page(title, *summary))


def phrase_roles_of(title: str, *summary: str) -> dict[str, str]:
    """Return the roles according to phrases, whatever their probabilities."""
    record, names = page(title, *summary), load_gazetteer()
    parts = list(split_sentences(record, names))
    beneficiary_countries = {scope.concept.key for scope in find_scopes(record, parts, names)}
    found = find_phrase_roles(record, parts, beneficiary_countries, names)
    return dict(roles(record)) | {key: role for key, by_role in found.items() for role in by_role}


def roles(record: Record) -> set[tuple[str, str]]:
    return {(link.actor.key, link.role) for link in record.participations}


def places(record: Record) -> set[str]:
    return {link.concept.key for link in record.scopes if link.concept.kind != "theme"}


def themes(record: Record) -> set[str]:
    return {link.concept.key for link in record.scopes if link.concept.kind == "theme"}


@pytest.mark.parametrize("row", PHRASES, ids=lambda row: row["example"])
def test_phrase_matches_its_example(row: dict[str, str]) -> None:
    text = row["example"]
    named = []
    for mark, names in STAND_INS.items():
        for name in names:
            if mark in text:
                text = text.replace(mark, name, 1)
                named.append(name)
    says = row["says"]
    record = about("A project", text)
    if says in ("elsewhere", "compare"):
        assert not places(record)
    elif says in ("place", "listed"):
        assert len(places(record)) == len(named)
    elif says == "aside":
        assert not roles(record)
    elif says == APART:
        assert not record.relations
    elif says in RELATIONS:
        assert [(link.kind, link.project.key) for link in record.relations] == [(says, "G0411")]
    else:
        says = {"counterpart": "partner", "client": "funder", "acts": "implementer"}.get(says, says)
        found = phrase_roles_of("A project", text)
        states = {"Kenyan": "Kenya", "Fijian": "Fiji"}
        acting = {
            name.lower() if name in ACTORS else f"government-of-{states.get(name, name).lower()}" for name in named
        }
        assert found.keys() <= acting
        assert says in found.values()
        if "commissioned" not in text:  # the government pays, and the other actor delivers
            assert set(found.values()) == {says}
            assert found.keys() == acting - {"government-of-kenya"} or says != "implementer"


def test_every_phrase_has_its_own_example() -> None:
    assert len({row["example"] for row in PHRASES}) == len(PHRASES) == len(phrases())


def test_matcher_finds_every_possible_position_of_a_phrase() -> None:
    matcher = Matcher()
    for row in PHRASES:
        marked = row["example"].lower()
        tries = matcher.candidates(marked)
        fits = {
            (phrase.number, at)
            for phrase in phrases()
            for at, begin in enumerate(marked)
            if (begin in phrase.marks if phrase.marks else not marked[at - 1 : at].isalnum())
            and phrase.pattern.match(marked, at)
        }
        assert fits
        assert fits <= tries, row["example"]
        assert len(tries) < 30


@pytest.mark.parametrize(
    ("pattern", "first", "needs"),
    [
        ("(?>fraud|theft) ◆", {"fraud", "theft"}, [{"fraud", "theft"}, {"◆"}]),
        ("costs? (?:of|from) ◆", {"cost"}, [{"cost"}, {"◆"}]),
        ("(?:co-?)?(?:funded|paid for) by [◆◈]", {"co", "funded", "paid for"}, [{"funded", "paid for"}, {"◆", "◈"}]),
        (r"(?:train|coach)\w*\b(?! (?:never|course)) ◇", {"train", "coach"}, [{"train", "coach"}, {"◇"}]),
        (r"(?:grants?|\w+ly) of {named}(?=, again)", {"grant", ""}, [{"◎"}]),
        ("us\\$ (?:[0-9]{1,3} ){0,2}million|€ given", {"us$ ", "€ given"}, [{"million", "€ given"}]),
        ("(?:in favour|(?:on|in) behalf) of", {"in favour", "on", "in"}, [{"in favour", " behalf"}]),
    ],
)
def test_prefilter_finds_first_and_required_words(pattern: str, first: set[str], needs: list[set[str]]) -> None:
    group = parse(pattern, {"named": [["◎"]]})
    assert first_words(group) == first
    assert required_words(group) == needs


def test_seed_record() -> None:
    [record] = read_input(next(find_inputs([SEED])))
    record = derive(record)
    assert roles(record) == {
        ("oas-cicte", "implementer"),
        ("gpd", "implementer"),
        ("government-of-belize", "beneficiary"),
    }
    assert places(record) == {"BZ"}, "the Ambassador of Belize to the USA brings no country"
    lines = SEED.read_text(encoding="utf-8").splitlines()
    for link in (*record.participations, *record.scopes):
        assert link.basis is Basis.DERIVED
        for evidence in link.evidence:
            assert evidence.place
            line = lines[evidence.place.line - 1].replace("\u00a0", " ")
            assert line[evidence.place.column - 1 :].startswith(evidence.quote)
    quotes = {link.actor.key: link.evidence[0].quote for link in record.participations}
    assert quotes["oas-cicte"].startswith("OAS/CICTE provided the Government of Belize")
    assert quotes["gpd"].startswith("GPD supported the process by developing")


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
        ("The OSCE Transnational Threats Department conducted the course.", {("osce", "implementer")}),
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
            {("world-bank", "implementer"), ("supreme-court-of-fiji", "beneficiary")},
        ),
        ("The team joined forces with NATO.", {("nato", "partner")}),
        (
            "UNODC, in partnership with INTERPOL and the OAS, has trained judges.",
            {("unodc", "implementer"), ("interpol", "partner"), ("oas", "partner")},
        ),
        ("It is a World Bank–funded project.", {("world-bank", "funder")}),
        (
            "Officers of the Prosecutor General's Office of Fiji were trained.",
            {("prosecutor-general-s-office-of-fiji", "beneficiary")},
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
    assert roles(about("A project", text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The project was led by Tom Baker of the ITU.", {("itu", "implementer")}),
        ("Tom Baker, from the OAS, trained judges.", {("oas", "implementer")}),
        ("Maria Garcia (ITU) led the training.", {("itu", "implementer")}),
        ("The training was delivered by Prof. Baker of Oxford University.", {("university-of-oxford", "implementer")}),
        ("It was funded by Tom Baker and the ITU.", {("itu", "funder")}),
        ("Tom Baker leads the project.", set()),
        ("Dr. Baker delivered the training.", set()),
        ("H.E. Baker delivered the training.", set()),
        ("Anna-Lena Baker delivered the training.", set()),
        ("Tevita Losa delivered the training.", set()),  # the contact
        ("It is funded by Craig Newmark Philanthropies.", {("craig-newmark-philanthropies", "funder")}),
        ("It is delivered by the firm Baker Tilly.", {("baker-tilly", "implementer")}),
        ("It is delivered by the Anna Lindh Foundation.", {("anna-lindh-foundation", "implementer")}),
    ],
)
def test_persons_are_not_actors(text: str, expected: set[tuple[str, str]]) -> None:
    record = replace(page("A project", text), contacts=(Contact("Tevita Losa"),))
    assert roles(derive(record)) == expected


@pytest.mark.parametrize(
    ("text", "actors", "countries"),
    [
        ("The project supports the Government of Belize.", {"government-of-belize"}, {"BZ"}),
        ("The project supports the Government of Belize in drafting a law.", {"government-of-belize"}, {"BZ"}),
        (
            "It will assist the Ministry of Justice of Samoa in drafting a law.",
            {"ministry-of-justice-of-samoa"},
            {"WS"},
        ),
        ("It trains the staff of the Ministry of Justice in Sri Lanka.", {"ministry-of-justice"}, {"LK"}),
        ("The project works with the Ministry of Justice in Sri Lanka.", {"ministry-of-justice"}, {"LK"}),
        ("It trains regulators such as the Ministry of Justice of Samoa.", {"ministry-of-justice-of-samoa"}, {"WS"}),
        (
            "Training was provided to the Ministry of Interior of Senegal and the Senegalese Data Protection Commission.",
            {"ministry-of-interior-of-senegal", "senegalese-data-protection-commission"},
            {"SN"},
        ),
        ("The assessment of Senegal was conducted for the Ministry of Interior.", {"ministry-of-interior"}, {"SN"}),
    ],
)
def test_finds_beneficiaries_and_their_countries(text: str, actors: set[str], countries: set[str]) -> None:
    record = about("A project", text)
    assert roles(record) == {(actor, "beneficiary") for actor in actors}
    assert places(record) == countries


@pytest.mark.parametrize("text", ["Spain's INCIBE delivered the training.", "It was delivered by Spain’s INCIBE."])
def test_country_of_implementer_is_not_a_beneficiary(text: str) -> None:
    record = about("A project", text)
    assert roles(record) == {("incibe", "implementer")}
    assert not places(record)


def test_lead_partner_in_a_country_is_partner() -> None:
    record = about("A project", "In Rwanda the lead partner is the Cyber Authority.")
    assert roles(record) == {("cyber-authority", "partner")}


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("CMM Review - Samoa", "It was compared with work in Tonga.", {"WS"}),
        ("A project", "It supports Kenya and Fiji with experts from Estonia.", {"KE", "FJ"}),
        ("A project", "It helps ASEAN member states.", set()),
        ("A project for ASEAN", "It helps them all.", {"asean"}),
        ("A project", "The UK Home Office ran it in Sierra Leone.", {"SL"}),
        ("A project", "Nigeria's police took part.", {"NG"}),
        ("A project", "Fiji was not part of it.", set()),
        ("A project", "The Netherlands pays, and Kenya's police take part.", {"KE"}),
        ("A project", "UK experts taught officers in Kenya.", {"KE"}),
        ("Support from Estonia to Ukraine", "x", {"UA"}),
        ("A project", "It works in St. Lucia and Sao Tome and Principe.", {"LC", "ST"}),
        ("A project in Niger", "x", {"NE"}),
        ("A project in Guinea-Bissau", "x", {"GW"}),
    ],
)
def test_finds_places(title: str, text: str, expected: set[str]) -> None:
    assert places(about(title, text)) >= expected
    if expected:
        assert {key for key in places(about(title, text)) if len(key) == 2} == {
            key for key in expected if len(key) == 2
        }


@pytest.mark.parametrize(
    ("title", "heading", "text", "expected"),
    [
        ("Courses for the Pacific", "Context", "Experts from Fiji, Samoa and Tonga took part.", {"FJ", "WS", "TO"}),
        ("Courses for the Pacific", "Context", "Members are Australia, Fiji, Samoa and New Zealand.", {"FJ", "WS"}),
        ("Courses for the Pacific", "Context", "Fiji and Samoa had adopted a law in 2015.", set()),
        ("Courses for the Pacific", "Context", "Fiji, Samoa and ITU spoke at the launch.", set()),
        ("Courses for the Pacific", "Context", "It followed attacks on Albania and Costa Rica.", set()),
        ("Courses for the Pacific", "Outcomes", "Fiji and Samoa adopted a law.", {"FJ", "WS"}),
        ("Courses for the Pacific", "Outputs", "Fiji: a policy brief\n\nSamoa: a policy brief", {"FJ", "WS"}),
        ("Courses for the Pacific", "Activities", "• A course in Fiji\n\n• A course in Samoa", {"FJ", "WS"}),
        ("Courses for the Pacific", "Activities", "• A course in Fiji", set()),
        ("Courses for the Pacific", "Activities", "• Regional workshops in Fiji and Samoa", set()),
        ("Courses", "Outputs", "Model laws were adapted for Lesotho, Eswatini and Botswana.", {"LS", "SZ", "BW"}),
        ("Courses", "Outcomes", "Graduates found work in Nigeria.", {"NG"}),
        ("Courses", "Activities", "Training with experts from France, Estonia and Spain", set()),
        ("Courses", "Activities", "Visits to Estonia, Ghana and Malawi", {"GH", "MW"}),
        ("Courses in Kenya", "Activities", "Courses for officials from Ghana and Malawi", {"KE"}),
        ("Courses for the Pacific", "Outcomes", "It strengthens the Fijian and Samoan institutions.", {"FJ", "WS"}),
        (
            "Courses for Africa",
            "Context",
            "The UK's overseas cooperation programme assisted Ghana and Togo.",
            {"GH", "TG"},
        ),
    ],
)
def test_finds_countries_listed_in_any_section(title: str, heading: str, text: str, expected: set[str]) -> None:
    record = about(title, "It helps officials.", heading, text)
    assert {key for key in places(record) if len(key) == 2} == expected


@pytest.mark.parametrize(
    ("title", "text", "expected"),
    [
        ("A project in Fiji", "Fiji was the first in the Pacific to have a team.", {"FJ"}),
        ("A project in Fiji", "It is open to officials of the Pacific.", {"FJ", "pacific"}),
        ("A project", "It trains officers from West and Central Africa.", {"011", "017"}),
        ("Courses for North, West and Central Africa", "x", {"015", "011", "017"}),
        ("Get Safe Online in the Caribbean", "x", {"029"}),
        ("Korean Courses for Asia", "Officials came from Kenya.", {"142", "KE"}),
        ("A team in Greece", "It was compared with Kenya.", {"GR"}),
        ("A project", "France and Senegal opened a school.", {"SN"}),
    ],
)
def test_finds_regions_and_skips_donors(title: str, text: str, expected: set[str]) -> None:
    assert places(about(title, text)) == expected


@pytest.mark.parametrize("row", CUES, ids=lambda row: row["theme"])
def test_theme_cues_match_their_examples(row: dict[str, str]) -> None:
    assert themes(about(row["example"], "x")) == {row["theme"]}


def test_topic_is_derived_only_if_none_is_named() -> None:
    assert themes(about("Cybercrime Workshops for Judges", "x")) == {"cybercrime-training"}
    assert themes(about("Cyber Diplomacy Courses for Banks", "x")) == {"cbms-norms-and-diplomacy"}
    assert themes(about("Themes\n\nCIIP\n\nCourses for Banks", "x")) != {"education-and-training"}


def test_list_items_are_places() -> None:
    record = about("A project", "In Africa:", "• Kenya (priority)", "• Congo-Brazzaville;", "Estonia advises.")
    assert places(record) == {"KE", "CG", "002"}


def test_stated_links_are_not_duplicated() -> None:
    text = "A project\n\nFunders\n\nEuropean Union\n\nCountries\n\nKenya\n\nSummary\n\nFunded by the European Union in Kenya.\n"
    [record] = read_input(Input("page.txt", data=text.encode()))
    record = derive(record)
    assert [(link.actor.key, link.basis) for link in record.participations] == [("eu", Basis.STATED)]
    assert [(link.concept.key, link.basis) for link in record.scopes] == [("KE", Basis.STATED)]


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "Kenya and " * 30_000,
        "(" * 100_000,
        "in " * 100_000 + "Kenya",
        "UNODC, " * 30_000,
        "UNODC fraud costs $ " * 15_000,
    ],
)
def test_text_without_full_stops_takes_bounded_time(text: str) -> None:
    about("A project", text)  # pytest's timeout applies


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("It follows the project “A Course for Judges”.", "follows"),
        ("It is a continuation of the earlier project “A Course for Judges”.", "follows"),
        ("It is part of the programme “A Course for Judges”.", "part_of"),
        ("It is part of the “A Course for Judges”.", "part_of"),
        ("See also the project “A Course for Judges”.", "related"),
        ("See also “A Course for Judges”.", "related"),
        ("It builds upon “A Course for Judges”.", "follows"),
        ("It is the successor to “A Course for Judges”.", "follows"),
    ],
)
def test_finds_related_projects_by_title(text: str, kind: str) -> None:
    record = about("A project", text)
    assert [(link.kind, link.project.key) for link in record.relations] == [(kind, "a-course-for-judges")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It has no connection with G0555, and is related to G0556.", [("related", "G0556")]),
        ("It is the second phase of G0411, not of G0414.", [("follows", "G0411")]),
        ("It should not be confused with the project “A Course for Judges”.", []),
        ("It builds not only on G0411.", [("related", "G0411")]),
        ("It was followed by G0411.", [("related", "G0411")]),
        ("See also “A Guide for Judges”.", []),
    ],
)
def test_distinguishes_relations_from_other_mentions(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(link.kind, link.project.key) for link in about("A project", text).relations] == expected


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("August 2019-January 2020. It ran well.", "2019-08", "2020-01"),
        ("The project ran from 2013-14 until FY21/22.", "2013", "2022"),
        ("It ran from Sept. 2019 until Sept 2021.", "2019-09", "2021-09"),
        ("INTERPOL taught police officers in Kenya (FY21/22).", "2021", "2022"),
        ("In 2018 UNODC reviewed the law of Kenya.", "2018", "2018"),
        ("It began in March 2020.", "2020-03", None),
        ("It ran from April 30 to June 2, 2018.", "2018-04-30", "2018-06-02"),
    ],
)
def test_finds_dates_in_sentences(text: str, start: str, end: str | None) -> None:
    record = about("A project", text)
    assert (record.start and record.start.value, record.end and record.end.value) == (start, end)
    assert record.start
    assert record.start.evidence


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("It was delivered by the Counsil of Europe.", "coe"),
        ("It was delivered by Global Partner Digital.", "gpd"),
    ],
)
def test_misspelt_names_are_used_and_reported(text: str, key: str) -> None:
    record = about("A project", text)
    assert (key, "implementer") in roles(record)
    assert any(finding.rule.endswith("near-name") for finding in record.findings)


@pytest.mark.parametrize(
    ("sentence", "printed", "key"),
    [
        ("It trains the judges of Maldova and Ukraine.", "Maldova", "MD"),
        ("It helps the Government of Maldova with a law.", "Maldova", "MD"),
        ("It trains judges in the Domincan Republic.", "Domincan Republic", "DO"),
        ("It trains judges in Antigua and Barbada.", "Antigua and Barbada", "AG"),
        ("It trains judges in Papua New Guniea, which asked for them.", "Papua New Guniea", "PG"),
    ],
)
def test_misspelt_countries_are_used_and_reported_at_their_place(sentence: str, printed: str, key: str) -> None:
    record = about("A project", sentence)
    assert key in {scope.concept.key for scope in record.scopes}
    [found] = record.findings
    assert (found.text, found.line, found.column) == (printed, 5, sentence.index(printed) + 1)


@pytest.mark.parametrize(
    "name",
    ["Nakuru", "Kenyatta University", "North Sudan", "Colombie", "Zambia", "Iceland", "Ginea", "maldova", "Mauritius"],
)
def test_other_words_are_not_taken_for_misspelt_names(name: str) -> None:
    assert not about("A project", f"Courses are held in {name}.").findings


@pytest.mark.parametrize("country", ["Samoa", "the Government of Samoa", "Moldova", "the Government of Maldova"])
def test_aim_with_another_country_is_reported(country: str) -> None:
    text = f"Cybercrime training in Belize\nAim\nTo support {country} in writing a law."
    [record] = read_input(Input("page.txt", data=text.encode()))
    assert "aim-of-another-country" in {found.rule.rpartition("#")[2] for found in derive(record).findings}


@pytest.mark.parametrize("name", ["Governments of Fiji and Kenya", "Council of Europe's"])
def test_word_endings_are_not_typos(name: str) -> None:
    assert not about("A project", f"It was delivered by the {name} experts.").findings


def test_name_may_begin_with_lower_case_letter() -> None:
    text = "It was delivered by the eFoo Academy and l’École Nationale."
    assert {key for key, _ in roles(about("A project", text))} == {"efoo-academy", "lecole-nationale"}


def test_introduced_abbreviations_are_recognised_afterwards() -> None:
    record = about("A project", "It is funded by the Foo Trust (FT).", "FT delivers the courses.")
    assert roles(record) == {("foo-trust", "funder"), ("foo-trust", "implementer")}


def test_place_of_an_office_is_not_an_actor() -> None:
    text = "It is run by the Foo Trust in Bucharest, Romania, and by UNODC in Geneva, Switzerland, and funded by Japan."
    assert roles(about("A project", text)) == {
        ("foo-trust", "implementer"), ("unodc", "implementer"), ("government-of-japan", "funder"),
    }  # fmt: skip


def test_pilot_phase_belongs_to_the_project() -> None:
    record = about("A project", "It began with a pilot in Samoa and Tonga, and now reaches Niue.")
    assert places(record) == {"WS", "TO", "NU"}


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
    ("sentence", "expected"),
    [
        # A project is not an actor.
        ("Grid Guard is a joint programme managed by INTERPOL. Grid Guard delivers courses.", {("interpol", "implementer")}),
        # A programme in brackets is not another actor.
        ("It is a Joint project of the EU (Neighbourhood Plan programme 2014) and the Council of Europe.", {("eu", "unspecified"), ("coe", "unspecified")}),
        # "Ministries" of any country are not actors.
        ("It works with Ministries of Justice.", set()),
        ("In Nairobi, the ITU in coordination with UNODC and private sector partners, leads courses.", {("itu", "implementer"), ("unodc", "partner")}),
        # A part that is not listed stands for the whole.
        ("It is delivered by INTERPOL's Cyber Directorate.", {("interpol", "implementer")}),
        # An authority of a beneficiary country benefits next to other implementers, and delivers on its own.
        ("UNODC runs courses. The Kenya Data Authority runs a portal.", {("unodc", "implementer"), ("kenya-data-authority", "beneficiary")}),
        ("The Kenya Data Authority runs courses.", {("kenya-data-authority", "implementer")}),
        ("ITU worked with the Kenya Data Authority.", {("itu", "implementer"), ("kenya-data-authority", "beneficiary")}),
        # The only actor in a clause about money is the funder.
        ("All the expenses of the travellers are a matter for the World Bank.", {("world-bank", "funder")}),
        ("GFCE administers the grants.", {("gfce", "extending")}),
        ("The European Union Delegation to Nigeria funded the conference.", {("eu", "funder")}),
        ("UNODC Regional Office delivers courses.", {("unodc", "implementer")}),
        ("PaCSON members benefit.", set()),
        ("UNODC reviews how to establish a national Kenya Data Authority.", {("unodc", "implementer")}),
        # Those who request help benefit from it.
        ("At the request of the Kenya Data Authority, UNODC wrote a law.", {("unodc", "implementer"), ("kenya-data-authority", "beneficiary")}),
        ("UNODC delivers campaigns among the members of the GFCE.", {("unodc", "implementer")}),
        ("The Commonwealth Secretariat provided training with money from the World Bank.", {("commonwealth-secretariat", "implementer"), ("world-bank", "funder")}),
    ],
)  # fmt: skip
def test_infers_roles(sentence: str, expected: set[tuple[str, str]]) -> None:
    assert roles(about("Courses in Kenya", sentence)) == expected


def test_context_features() -> None:
    features = context_features("the courses for ◇ were taught by the ◆, ◈ and ◎ with money that ◆ gave")
    places = sorted(features)
    assert features[places[1]] == features[places[2]] == features[places[3]], (
        "names side by side share what is around them"
    )
    assert {"at by", "behind doing by", "name before", "then money"} <= set(features[places[1]])
    assert {"at word", "then giving at once"} <= set(features[places[4]])


@pytest.mark.parametrize(
    ("phrase_roles", "role_probabilities", "roles"),
    [
        ({}, {"funder": 0.4, "partner": 0.45}, set()),
        ({}, {"funder": 0.6, "partner": 0.7}, {"partner"}),
        ({}, {"funder": 0.7, "implementer": 0.8}, {"funder", "implementer"}),
        ({}, {"funder": 0.6, "implementer": 0.8}, {"implementer"}),
        ({"funder": 0.95}, {"funder": 0.6, "implementer": 0.9}, {"funder"}),
        ({"partner": 0.75}, {"funder": 0.1, "partner": 0.45}, set()),
        ({"partner": 0.85}, {"funder": 0.1, "partner": 0.05}, {"partner"}),
        ({"implementer": 0.9}, {"implementer": 0.3}, {"implementer"}),
        ({"implementer": 0.9}, {"implementer": 0.2}, set()),
        ({"partner": 0.85}, {"funder": 0.9, "partner": 0.2}, {"funder"}),
        ({"partner": 0.95}, {"funder": 0.9, "partner": 0.2}, {"partner"}),
    ],
)
def test_decides_roles_from_phrases_and_probabilities(
    phrase_roles: dict[str, float], role_probabilities: dict[str, float], roles: set[str]
) -> None:
    assert decide_roles(phrase_roles, role_probabilities).keys() == roles


def test_confidence_of_roles_without_phrase_is_their_probability() -> None:
    record = about("Courses in Kenya", "The trainers of the courses come out of Torchlight.")
    assert roles(record) == {("torchlight", "implementer")}
    [link] = record.participations
    assert not phrase_roles_of("Courses in Kenya", "The trainers of the courses come out of Torchlight.")
    assert link.evidence[0].quote == "The trainers of the courses come out of Torchlight."
    assert 0.5 <= link.evidence[0].confidence <= 0.95
    assert max(role_probabilities([]).values()) <= 0.5, "nothing seen speaks for nothing"


def test_derived_links_read_back_add_nothing() -> None:
    record = about("Courses in Kenya", "UNODC delivers courses.", "The trainers of the courses come out of Torchlight.")
    assert roles(record) >= {("unodc", "implementer")}
    assert derive(record).participations == record.participations


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
        ("It helps the Ministry of Interior of Fiji and Fijian Data Commission.", "fijian-data-commission"),
        ("It is paid for by the Good Governance Fund of the UK Government.", "good-governance-fund"),
        ("Luxembourg House of Cybersecurity and Excellium are partners.", "excellium"),
        ("It is run by the Ministry of ICT and Innovation and Fiji Data Society Authority (FDSA).", "fiji-data-society-authority"),
        ("It was attended by the Ministry of Health, General Audit Office, High Data Council and others.", "high-data-council"),
        ("It was organised by the Bureau of Cyber Affairs and Digital Rules of the Senate.", "bureau-of-cyber-affairs-and-digital-rules-of-the-senate"),
        ("It is a grant of the Internet Society Foundation.", "internet-society-foundation"),
        ("It was held with the United Nations Economic and Social Commission for the Coast.", "united-nations-economic-and-social-commission-for-the-coast"),
        ("It was delivered by Africa Quantitative Studies (AQS).", "africa-quantitative-studies"),
        ("It is organised by the Fiji National Computer Emergency Readiness Team.", "fiji-national-computer-emergency-readiness-team"),
        ("Hosting the African IGF Secretariat (in cooperation with UNODC and others).", "african-igf-secretariat"),
    ],
)  # fmt: skip
def test_unlisted_names_are_complete(text: str, name: str) -> None:
    [*_, sentence] = split_sentences(page("Courses", text), load_gazetteer())
    assert name in {actor.key for one in sentence.names if (actor := one.of("actor"))}


@pytest.mark.parametrize(
    ("first", "last", "precision", "recall", "country"),
    [
        (1, 500, 0.97, 0.93, 0.98),
        (901, 960, 0.95, 0.86, 0.95),
        (961, 999, 0.95, 0.83, 0.99),
        (1001, 1012, 0.92, 0.8, 0.94),
        (1021, 1026, 0.95, 0.95, 0.99),
        (1041, 1078, 0.96, 0.93, 0.96),
    ],
)
def test_labelled_texts_reach_expected_precision_and_recall(
    first: int, last: int, precision: float, recall: float, country: float
) -> None:
    """The results that tests/bench/mentions.py prints for actors with roles and for countries; all texts were
    used for training.
    """
    counts = {"actors": [0, 0, 0], "countries": [0, 0, 0]}
    for path in sorted((SAMPLES / "labelled").glob("*.txt")):
        if not first <= int(path.name.partition("-")[0]) <= last:
            continue
        [record] = read(path)
        labels = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        countries = {(link.concept.key,) for link in record.scopes if link.concept.kind == "country"}
        for field, found in (("actors", roles(record)), ("countries", countries)):
            true = {(label,) if isinstance(label, str) else tuple(label) for label in labels[field]}
            for index, part in enumerate((found & true, found - true, true - found)):
                counts[field][index] += len(part)
    for field, least_right, least_found in (("actors", precision, recall), ("countries", country, country)):
        right, wrong, missed = counts[field]
        assert right / (right + wrong) >= least_right, field
        assert right / (right + missed) >= least_found, field


def test_countries_listed_with_the_title_country_are_beneficiaries() -> None:
    record = about("Course for judges of Chad", "Judges of Chad, Niger and Guinea were trained.")
    assert places(record) == {"TD", "NE", "GN"}
    assert places(about("Course for judges of Chad", "Judges of Chad have visited Rwanda and Benin.")) == {"TD"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The project helps the fishers of Lake Chad and the navies of the Gulf of Guinea.", set()),
        ("The course was held in Benin City, in Niger State and in Atlanta, Georgia.", set()),
        ("It trained the police of the State of Georgia.", set()),
        ("Judges were trained in Trinidad, Colorado.", set()),
        ("Experts of New Mexico met those of the Gulf of Oman and of Georgia Tech.", set()),
        ("It was funded by Air Jordan.", {("air-jordan", "funder")}),
        ("Students were the Guinea pigs of the course.", set()),
        ("Estonian companies wrote it.", set()),
        ("It was delivered by Mexico City's UNAM.", {("unam", "implementer")}),
        ("The project supports Ecobank Chad.", set()),
    ],
)
def test_names_that_contain_a_country_are_not_the_country(text: str, expected: set[tuple[str, str]]) -> None:
    record = about("A project", text)
    assert (places(record), roles(record)) == (set(), expected)


def test_ambiguous_country_name_is_reported() -> None:
    record = about("A course", "It trains judges in Kenya, Congo and Rwanda.", "Judges of the Congo came.")
    assert places(record) == {"KE", "CG", "RW"}
    [found] = record.findings
    assert found.rule.endswith("#ambiguous-name")
    assert (found.line, found.column) == (5, 28)
    assert "Democratic Republic of the Congo" in found.message
    record = about("A course", "It trains judges in Congo-Brazzaville and the Democratic Republic of Congo.")
    assert places(record) == {"CG", "CD"}
    assert not record.findings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It trains judges in England and Wales.", {"GB"}),
        ("It trains judges in Kenya and New South Wales.", {"KE"}),
        ("It trains judges in Peru, and was held in British Columbia and the District of Columbia.", {"PE"}),
        ("It trains judges in Columbia and Peru.", {"CO", "PE"}),
    ],
)
def test_parts_of_countries_belong_to_their_country(text: str, expected: set[str]) -> None:
    record = about("A course", text)
    assert places(record) == expected
    assert [found.rule.rpartition("#")[2] for found in record.findings] == ["near-name"] * ("CO" in expected)


def test_short_name_with_typo() -> None:
    record = about("A course", "It is funded by the World Bnak.")
    assert roles(record) == {("world-bank", "funder")}
    assert [found.rule.rpartition("#")[2] for found in record.findings] == ["near-name"]


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/cybercrime-training/",
        "www.cybercrime.example",
        "cybercrime-training.example.org",
        "cybercrime@example.org",
        "cybercrime.example.org.",
    ],
)
def test_address_gives_no_theme(address: str) -> None:
    assert not [link for link in about("A page", f"More is at {address}").scopes if link.concept.kind == "theme"]
    assert [link for link in about("A page", "It is about cybercrime.").scopes if link.concept.kind == "theme"]


@pytest.mark.parametrize("item", ["A guide written with the support of NRD", "Toolkit with the support of NRD"])
def test_support_in_writing_is_a_role(item: str) -> None:
    text = f"A course\n\nSummary\n\nIt ended.\n\nOutputs\n\n• {item}"
    [record] = read_input(Input("page.txt", data=text.encode()))
    assert roles(derive(record)) == {("nrd-cyber-security", "unspecified")}


def test_countries_of_authorities_are_used_if_no_place_is_known() -> None:
    assert places(about("A course", "UNODC guided the Ministry of Justice of Fiji through a first inventory.")) == {
        "FJ"
    }
    assert places(about("Korean agency trains police", "It trains officers from Fiji.")) == {"FJ"}


def test_excluded_countries_are_not_places() -> None:
    assert places(about("A course", "China has been excluded.", "It trains officers from Fiji and Peru.")) == {
        "FJ",
        "PE",
    }


MANY = (
    "Kenya, Ghana, Nigeria, Togo, Benin, Mali, Niger, Senegal, Gambia, Liberia, Sierra Leone, Guinea, Cameroon, Gabon, "
    "Chad, Uganda, Rwanda, Burundi, Tanzania, Malawi, Zambia, Zimbabwe"
)


def test_long_lists_are_read_completely() -> None:
    assert len(places(about("Training", f"It trained participants from {MANY} and Namibia."))) == 23
    actors = "UNODC, INTERPOL, World Bank, ENISA, FIRST, APNIC, LACNIC, AFRINIC, RIPE NCC, ICANN, UNIDIR, OSCE"
    text = f"It is funded by {actors}, MITRE, GIZ, USAID, JICA and KOICA."
    assert sum(role == "funder" for _, role in roles(about("Training", text))) == 17


@pytest.mark.parametrize(
    ("paragraphs", "expected"),
    [
        (("It is funded by the following donors:", "the Netherlands", "World Bank"), "funder"),
        (("The project’s partners are:", "the Netherlands", "World Bank"), "partner"),
        (("Its partners include: the Netherlands and the World Bank.",), "partner"),
    ],
)
def test_introduction_gives_role_to_each_item(paragraphs: tuple[str, ...], expected: str) -> None:
    record = about("Training", *paragraphs, "It taught Fiji.")
    assert roles(record) == {("government-of-the-netherlands", expected), ("world-bank", expected)}
    assert {link.evidence[0].quote for link in record.participations} <= set(paragraphs)


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
        (
            "The partners of the project for Fiji, ITU and FIRST, met in May.",
            {("itu", "partner"), ("first", "partner")},
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
    assert roles(about("A project for the region", text)) == expected


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The third Steering Committee meeting of ITU took place in Fiji.", {"itu"}),
        ("It was organised by the e-Governance Academy (eGA) within the EU-funded project.", {"ega", "eu"}),
        ("UNICEF and FIRST, on Tuesday, were there.", {"unicef", "first"}),
        ("It was taught by the United Nations Children's Fund (UNICEF) Fiji and others.", {"unicef"}),
        ("It was run by the Commission for the Coast (UN-COAST) and others.", {"commission-for-the-coast"}),
    ],
)
def test_finds_exactly_these_names(text: str, names: set[str]) -> None:
    [*_, sentence] = split_sentences(page("Courses", text), load_gazetteer())
    assert {actor.key for name in sentence.names if (actor := name.of("actor"))} == names


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("The Delegation to Kenya and Uganda praised the schools of Fiji.", {"FJ"}),
        ("It is to share Estonia's expertise with the ministries of Fiji.", {"FJ"}),
        ("Representatives from Fiji, Tonga and Samoa, as well as UNICEF, came together.", {"FJ", "TO", "WS"}),
        ("Representatives from Fiji came.", set()),
    ],
)
def test_participants_countries_differ_from_speakers(text: str, countries: set[str]) -> None:
    assert places(about("A project for the region", text)) == countries


def test_negated_payment_gives_no_funder() -> None:
    record = about("Training", "Not funded by the EU but by the UK, it helps Fiji.")
    assert roles(record) == {("uk-government", "funder")}
    assert places(about("Training", "Experts of the US state of Georgia taught the police of Fiji.")) == {"FJ"}


def test_delivered_body_is_not_an_actor() -> None:
    text = "CyberSafe Days, delivered by UNODC, teach Fiji with Norwegian funding."
    assert roles(about("Training", text)) == {("unodc", "implementer"), ("government-of-norway", "funder")}


def test_unlisted_name_does_not_end_a_list() -> None:
    record = about("Training", "It trained participants from Kenya, Zanzibar, Ghana, I.R. Iran and Togo.")
    assert places(record) == {"KE", "GH", "IR", "TG"}


def test_counted_groups_and_bodies_in_several_countries() -> None:
    assert places(about("Training", "The project covers the 15 ECOWAS member states and Mauritania.")) == {
        "ecowas",
        "MR",
    }
    text = "GIZ implements it on behalf of the Ministry of Foreign Affairs of Japan in Georgia, Moldova and Ukraine."
    assert places(about("Training", text)) == {"GE", "MD", "UA"}


def test_donor_in_a_list_of_beneficiaries_is_a_beneficiary() -> None:
    assert places(about("Training", "It trained officials of Kenya, Ghana, Japan and Togo.")) == {
        "KE",
        "GH",
        "JP",
        "TG",
    }
    assert places(about("Training", "It trained officials of Kenya, Japan and Sweden.")) == {"KE"}


def test_region_of_trainers_is_not_a_beneficiary() -> None:
    text = "Trainers from UNODC and from police forces of Africa taught it."
    assert not places(about("A course", text))
    assert places(about("Rapid support for Fiji under Team Europe", text)) == {"FJ"}


def test_region_may_begin_with_lower_case_letter() -> None:
    assert places(about("A course", "It trains administrations of sub-Saharan Africa.")) == {"202"}


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
    assert not roles(record)
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
    assert roles(about("A project", text)) == expected


def test_country_name_alone_is_not_an_organisation() -> None:
    assert not roles(about("A project", "The American state of Georgia delivered the training."))
    assert places(about("A project", "It helps Kenya $5 million further.")) == {"KE"}
    assert not places(about("A project", "It was held for US $5 million."))


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("It is implemented by GIZ in Ghana.", {"GH"}),
        ("It is implemented by GIZ and Expertise France in Ghana.", {"GH"}),
        ("It is implemented by GIZ, UNDP and INTERPOL in Ghana.", {"GH"}),
        ("It is implemented by UNODC and INTERPOL in Ghana and Togo.", {"GH", "TG"}),
        ("It is implemented by the British Council and GIZ in Nepal, and trains judges.", {"NP"}),
        ("It is implemented by DCAF and RACVIAC in Albania.", {"AL"}),
        ("It is funded by Estonia and UNDP in Kenya.", {"KE"}),
        ("It is funded by the Ford Foundation in Kenya.", {"KE"}),
        ("It is implemented by UNDP and funded by the Ford Foundation in Tanzania.", {"TZ"}),
        ("Training was given to police in Lagos, Nigeria.", {"NG"}),
        ("It was implemented by UNODC in Vienna, Austria.", set()),
        ("UNDP in Kenya delivered it.", set()),
    ],
)
def test_country_after_implementer_or_funder(text: str, countries: set[str]) -> None:
    assert places(about("A project", text)) == countries


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
            {
                (government, role)
                for government in ("uk-government", "government-of-estonia")
                for role in ("funder", "implementer")
            },
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
    assert roles(about("A project", text)) == expected


@pytest.mark.parametrize(
    "text", ["This project is part of GLACY+ (GI-07).", "It is part of the “GLACY+” programme (GI-07)."]
)
def test_code_after_project_name(text: str) -> None:
    assert [(link.kind, link.project.key) for link in about("A project", text).relations] == [("part_of", "GI-07")]
