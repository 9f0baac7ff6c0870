"""Decisions take precedence over captures, hold when the text changes, and are reported then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cybilgraph.identity.decision_layer import find_fault
from cybilgraph.identity.decisions import Decision, Verdict
from cybilgraph.model.record import Record
from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, FOAF, ORG, PROV, RDF, SCHEMA, SKOS, thing_iri
from tests.support.decided import CANADA, COUNCIL, KEY, PAGE, POSSIBLE_PAGE, Decided, decide, decision

PROJECT, RECORD = f"<{BASE}id/project/{KEY}>", f"<{BASE}record/{KEY}>"
FUNDER = decision("funder", "government-of-canada", basis="derived", sentence=CANADA)
COE = decision("implementer", "coe", basis="derived", sentence=COUNCIL)
ANA = f"<{thing_iri('curator', 'ana')}>"
MOVED = PAGE.replace(CANADA, "The Government of Canada funded the work.")
#: The page, saved again on another date.
RESAVED = PAGE.replace("Status", "Updated: 2030-01-31\nStatus")


def actor(key: str) -> str:
    return f"<{thing_iri('actor', key)}>"


def verdicts(found: Decided) -> list[str]:
    return [line.split('"')[1] for line in found.lines if f"<{CYB.verdict}>" in line]


def with_verdict(one: Decision, verdict: Verdict, **more: str) -> Decision:
    return replace(one, verdict=verdict, **more)  # type: ignore[arg-type]


def test_confirmed_claim_names_its_curator_and_keeps_its_quote(tmp_path: Path) -> None:
    found = decide(tmp_path, [FUNDER])
    claim = found.claims()["funder", "government-of-canada"]
    assert (claim.basis, claim.sentences) == ("confirmed", [CANADA])
    assert found.has(PROJECT, f"<{CYB.funder}>", actor("government-of-canada"))
    assert found.has(f"<{claim.node}>", f"<{PROV.wasAttributedTo}>", ANA)
    assert found.has(f"<{claim.node}>", f"<{PROV.generatedAtTime}>")
    assert found.has(ANA, f"<{FOAF.name}>", '"Ana"')
    assert sum(line.startswith(f"<{claim.node}> <{CYB.basis}>") for line in found.lines) == 1
    assert (verdicts(found), found.rules) == (["confirmed"], [])


def test_rejected_claim_disappears_with_its_link_and_evidence(tmp_path: Path) -> None:
    found = decide(tmp_path, [with_verdict(FUNDER, Verdict.NO)])
    assert ("funder", "government-of-canada") not in found.claims()
    assert not any("government-of-canada" in line for line in found.lines if line.startswith(PROJECT[:-1]))
    assert (verdicts(found), found.rules) == (["rejected"], [])
    [node] = [line.split(" ")[2] for line in found.lines if f"{RECORD} <{CYB.decision}>" in line]
    assert found.has(node, f"<{RDF.object}>", actor("government-of-canada"))


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"new_field": "partner"}, ("partner", "coe")),
        ({"new_value": "oas-cicte"}, ("implementer", "oas-cicte")),
        ({"new_value": "Some New Agency"}, ("implementer", "some-new-agency")),
        ({"new_field": "unspecified", "new_value": "Council of Europe"}, ("unspecified", "coe")),
    ],
)
def test_corrected_claim_has_the_quote_of_the_old_one(
    tmp_path: Path, new: dict[str, str], expected: tuple[str, str]
) -> None:
    found = decide(tmp_path, [with_verdict(COE, Verdict.INSTEAD, **new)])
    claims = found.claims()
    assert ("implementer", "coe") not in claims
    assert (claims[expected].basis, claims[expected].sentences) == ("confirmed", [COUNCIL])
    assert (verdicts(found), found.rules) == (["corrected"], [])
    if expected[1] == "some-new-agency":
        assert found.has(actor("some-new-agency"), f"<{SKOS.prefLabel}>", '"Some New Agency"')


@pytest.mark.parametrize("verdict", [Verdict.YES, Verdict.NO, Verdict.INSTEAD])
def test_decision_holds_for_a_newer_capture(tmp_path: Path, verdict: Verdict) -> None:
    new = {"new_field": "partner"} if verdict is Verdict.INSTEAD else {}
    first = decide(tmp_path, [with_verdict(FUNDER, verdict, **new)])
    again = decide(tmp_path, [], PAGE, RESAVED)
    assert {name: one.basis for name, one in again.claims().items()} == {
        name: one.basis for name, one in first.claims().items()
    }
    assert "decision-review" not in again.rules


@pytest.mark.parametrize(
    ("verdict", "basis"), [(Verdict.YES, "confirmed"), (Verdict.NO, None), (Verdict.INSTEAD, None)]
)
def test_changed_sentence_is_reported_and_flips_nothing(tmp_path: Path, verdict: Verdict, basis: str | None) -> None:
    new = {"new_field": "partner"} if verdict is Verdict.INSTEAD else {}
    found = decide(tmp_path, [with_verdict(FUNDER, verdict, **new)], MOVED)
    claim = found.claims().get(("funder", "government-of-canada"))
    assert (claim and claim.basis) == basis
    assert found.rules == ["decision-review"]
    assert f": {KEY} · funder government-of-canada" in found.findings[0].message, "a listed name"
    assert (found.findings[0].file, found.findings[0].line, found.findings[0].record) == ("ana.csv", 2, KEY)


STATED = PAGE.replace("Funders\n", "Funders\n\nGovernment of Canada\n")


@pytest.mark.parametrize("page", [MOVED, PAGE.replace(CANADA, ""), STATED])
@pytest.mark.parametrize("verdict", [Verdict.YES, Verdict.NO, Verdict.INSTEAD])
def test_renewed_decision_applies_to_the_present_text(tmp_path: Path, verdict: Verdict, page: str) -> None:
    new = {"new_field": "partner"} if verdict is Verdict.INSTEAD else {}
    one = with_verdict(FUNDER, verdict, **new)
    first = decide(tmp_path, [one], page)
    for found in first.findings:
        values = dict(found.values)
        renewed = decide(tmp_path, [one.renew(values["basis"], values["sha256"])], page)
        assert (renewed.rules, renewed.claims().keys()) == ([], first.claims().keys())


@pytest.mark.parametrize("verdict", [Verdict.YES, Verdict.NO])
def test_renewed_decision_is_reviewed_when_the_text_changes_again(tmp_path: Path, verdict: Verdict) -> None:
    one = with_verdict(FUNDER, verdict)
    values = dict(decide(tmp_path, [one], MOVED).findings[0].values)
    again = decide(
        tmp_path,
        [one.renew(values["basis"], values["sha256"])],
        PAGE.replace(CANADA, "The work was financed by the Government of Canada."),
    )
    assert again.rules == ["decision-review"]


def test_claim_that_a_page_now_states_is_reviewed_if_it_was_rejected(tmp_path: Path) -> None:
    rejected = decide(tmp_path / "a", [with_verdict(FUNDER, Verdict.NO)], STATED)
    assert ("funder", "government-of-canada") not in rejected.claims()
    assert rejected.rules == ["decision-review"]


def test_confirmed_claim_stays_when_its_sentence_is_gone(tmp_path: Path) -> None:
    found = decide(tmp_path, [FUNDER], PAGE.replace(CANADA, ""))
    assert found.claims()["funder", "government-of-canada"].basis == "confirmed"
    assert found.has(PROJECT, f"<{CYB.funder}>", actor("government-of-canada"))
    assert found.rules == ["decision-review"]


def test_claim_is_added_that_no_capture_has(tmp_path: Path) -> None:
    found = decide(
        tmp_path, [decision("theme", "cybercrime"), decision("funder", "A New Fund"), decision("region", "29")]
    )
    bases = {name: one.basis for name, one in found.claims().items()}
    for name in (("theme", "cybercrime"), ("funder", "a-new-fund"), ("region", "029")):
        assert bases[name] == "confirmed"
    assert found.has(actor("a-new-fund"), f"<{SKOS.prefLabel}>", '"A New Fund"')
    assert not found.has(RECORD, f"<{CYB.leftBlank}>", f"<{CYB.funder}>")
    assert found.rules == []


def value(found: Decided, term: str) -> list[str]:
    return [line.split(" ", 2)[2] for line in found.lines if line.startswith(f"{PROJECT} <{term}> ")]


def test_value_replaces_that_of_every_capture(tmp_path: Path) -> None:
    decisions = [
        decision("end", "Mar 2020", Verdict.INSTEAD, new_value="30 Apr 2021"),
        decision("title", "", Verdict.INSTEAD, new_value="Another title"),
        decision("status", "Finished", Verdict.INSTEAD, new_value="Ongoing", when="2027-01-31T12:00:00+00:00"),
        decision("summary", "", Verdict.INSTEAD, new_value="One.\nTwo."),
        decision("outcomes", "", Verdict.INSTEAD, new_value="• A law\n• A course"),
        decision("code", KEY, Verdict.INSTEAD, new_value="G0021"),
    ]
    found = decide(tmp_path, decisions, PAGE, RESAVED)
    assert value(found, CYB.end) == ['"2021-04-30"^^<http://www.w3.org/2001/XMLSchema#date> .']
    assert value(found, DCTERMS.title) == ['"Another title"@en .']
    assert value(found, CYB.status) == [f"<{thing_iri('status', 'ongoing')}> ."]
    assert value(found, CYB.statusAsOf) == ['"2027-01-31"^^<http://www.w3.org/2001/XMLSchema#date> .']
    assert value(found, DCTERMS.abstract) == ['"One.\\n\\nTwo."@en .']
    assert len(value(found, CYB.outcome)) == 2
    assert value(found, DCTERMS.identifier) == ['"G0021" .']
    dating = f"<{BASE}id/project/{KEY}/dating/end>"
    assert found.has(dating, f"<{CYB.basis}>", f"<{thing_iri('basis', 'confirmed')}>")
    assert found.has(dating, f"<{PROV.wasAttributedTo}>", ANA)


def test_sum_of_money_replaces_all_others(tmp_path: Path) -> None:
    page = PAGE.replace("Funders\n", "Budget: EUR 5\n\nFunders\n", 1)
    found = decide(tmp_path, [decision("funding", "", Verdict.INSTEAD, new_value="EUR 6 (2019)\nUSD 7")], page)
    nodes = sorted(line.partition("/funding/")[2].partition("/")[0] for line in value(found, SCHEMA.amount))
    assert nodes == ["budget-eur-6-2019-01-01-2019-12-31", "budget-usd-7"]
    node = f"<{BASE}id/project/{KEY}/funding/budget-usd-7>"
    assert found.has(node, f"<{CYB.basis}>", f"<{thing_iri('basis', 'confirmed')}>")
    assert not any("budget-eur-5" in line for line in found.lines)
    assert found.rules == ["decision-review"]


def test_rejected_value_is_left_out(tmp_path: Path) -> None:
    found = decide(tmp_path, [decision("end", "2020-03", Verdict.NO)])
    assert value(found, CYB.end) == value(found, f"{CYB.end}AsPrinted") == []
    assert (verdicts(found), found.rules) == (["rejected"], [])


def test_value_of_the_source_that_changes_later_is_reported(tmp_path: Path) -> None:
    one = decision("end", "Mar 2020", Verdict.INSTEAD, new_value="Apr 2021", sha256="")
    assert decide(tmp_path, [one]).rules == []
    assert decide(tmp_path, [], PAGE.replace("Mar 2020", "April 2021")).rules == []  # now both agree
    changed = decide(tmp_path, [], PAGE.replace("Mar 2020", "May 2022"))
    assert changed.rules == ["decision-review"]
    assert value(changed, CYB.end) == ['"2021-04"^^<http://www.w3.org/2001/XMLSchema#gYearMonth> .']
    values = dict(changed.findings[0].values)
    renewed = decide(tmp_path, [one.renew("", values["sha256"])], PAGE.replace("Mar 2020", "May 2022"))
    assert (renewed.rules, value(renewed, CYB.end)) == ([], value(changed, CYB.end))


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (decision("end", "", Verdict.INSTEAD, new_value="after the rains"), "cannot be read as end"),
        (decision("theme", "no such theme"), "there is no theme 'no such theme'"),
        (decision("funder", "coe", Verdict.INSTEAD, new_field="theme", new_value="nothing"), "there is no theme"),
        (decision("country", "Belise"), "there is no country"),
    ],
)
def test_decision_that_cannot_be_applied_is_reported_and_publishes_nothing_that_it_replaces(
    tmp_path: Path, one: Decision, reason: str
) -> None:
    found = decide(tmp_path / "a", [one])
    assert found.rules == ["decision-unread"]
    assert reason in found.findings[0].message
    assert reason in find_fault(one)
    rejected = [replace(one, verdict=Verdict.NO)] if one.verdict is Verdict.INSTEAD else []
    plain = decide(tmp_path / "b", rejected)
    assert found.lines == [line for line in plain.lines if "/decision/" not in line and not line.startswith(ANA)]


def test_rejected_value_stays_out_if_a_later_decision_cannot_be_applied(tmp_path: Path) -> None:
    for new in ({"field": "end", "new_value": "banana"}, {"field": "status", "new_value": "Bogus"}):
        later = decision(new["field"], "", Verdict.INSTEAD, new_value=new["new_value"])
        found = decide(tmp_path / new["field"], [decision(new["field"], "", Verdict.NO), later])
        assert "decision-unread" in found.rules
        assert value(found, getattr(CYB, new["field"])) == []


def test_last_decision_on_a_subject_applies_until_it_is_undone(tmp_path: Path) -> None:
    first = replace(FUNDER, id="20270131T120000-00000001", when="2027-01-31T12:00:00+00:00")
    later = replace(
        with_verdict(first, Verdict.NO), id="20270131T120001-00000002", when="2027-01-31T12:00:01Z", who="Bea"
    )
    assert ("funder", "government-of-canada") not in decide(tmp_path, [first, later]).claims()
    undo = decision("funder", "", Verdict.UNDO, new_value=later.id)
    assert decide(tmp_path, [undo]).claims()["funder", "government-of-canada"].basis == "confirmed"
    both = decide(tmp_path, [decision("funder", "", Verdict.UNDO, new_value=first.id)])
    assert both.claims()["funder", "government-of-canada"].basis == "derived"


def test_decision_follows_a_project_to_its_new_key(tmp_path: Path) -> None:
    untitled = PAGE.replace("Cybil Code: G0020\n", "")
    old = replace(FUNDER, record="cybercrime-training-for-belize")
    assert decide(tmp_path, [old], untitled).claims(old.record)["funder", "government-of-canada"].basis == "confirmed"
    assert decide(tmp_path, [], PAGE).claims()["funder", "government-of-canada"].basis == "confirmed"


def test_decision_about_an_unknown_record_is_reported(tmp_path: Path) -> None:
    assert decide(tmp_path, [replace(FUNDER, record="G0404")]).rules == ["decision-of-none"]


def test_hidden_curator_is_not_named(tmp_path: Path) -> None:
    def redact(record: Record) -> Record:
        return replace(record, contacts=())

    found = decide(tmp_path, [FUNDER], redact=redact)
    assert not any("ana" in line.casefold().split("canada")[0] and "curator" in line for line in found.lines)
    assert found.has(f"<{thing_iri('curator', 'a-curator')}>", f"<{FOAF.name}>", '"A curator"')


# Actors and records


def about_actor(value: str, verdict: Verdict, new: str = "") -> Decision:
    return Decision(field="actor", value=value, verdict=verdict, new_value=new, who="Ana")


AGENCY = PAGE.replace("CTO", "Some Agency\nOther Office").replace("Funders\n", "Funders\n\nSome Agency\n")


def test_actor_that_is_another_one_gives_it_its_claims_and_names(tmp_path: Path) -> None:
    found = decide(tmp_path, [about_actor("Some Agency", Verdict.INSTEAD, "cto")], AGENCY)
    assert {("implementer", "cto"), ("funder", "cto")} <= found.claims().keys()
    assert found.has(PROJECT, f"<{CYB.funder}>", actor("cto"))
    assert found.has(actor("cto"), f"<{SKOS.altLabel}>", '"Some Agency"')
    assert [line for line in found.lines if "some-agency" in line] == [
        f"{actor('some-agency')} <{DCTERMS.isReplacedBy}> {actor('cto')} ."
    ]


def test_decision_about_a_claim_follows_an_actor(tmp_path: Path) -> None:
    moved = about_actor("some-agency", Verdict.INSTEAD, "cto")
    found = decide(tmp_path, [moved, decision("funder", "Some Agency", Verdict.NO, basis="stated")], AGENCY)
    assert not {key for name, key in found.claims() if name == "funder"} & {"cto", "some-agency"}
    assert found.rules == []
    none = decide(
        tmp_path / "none", [about_actor("some-agency", Verdict.NO), decision("funder", "some-agency")], AGENCY
    )
    assert not any("some-agency" in line for line in none.lines)


def test_last_decision_applies_whether_it_names_an_actor_by_key_or_name(tmp_path: Path) -> None:
    by_key = decision("implementer", "coe", Verdict.NO, when="2027-01-31T12:00:00+00:00")
    by_name = decision("implementer", "Council of Europe", when="2027-01-31T12:00:01+00:00")
    assert decide(tmp_path, [by_key, by_name]).claims()["implementer", "coe"].basis == "confirmed"


def test_claim_of_both_actors_remains_one(tmp_path: Path) -> None:
    both = AGENCY.replace("Other Office", "CTO")
    found = decide(tmp_path, [about_actor("some-agency", Verdict.INSTEAD, "cto")], both)
    node = found.claims()["implementer", "cto"].node
    assert sum(line.startswith(f"<{node}> <{CYB.actor}>") for line in found.lines) == 1
    assert sum(line.startswith(f"<{node}> <{CYB.basis}>") for line in found.lines) == 1


def test_name_rejected_as_organisation_has_no_claims(tmp_path: Path) -> None:
    found = decide(tmp_path, [about_actor("some-agency", Verdict.NO)], AGENCY)
    assert not any("some-agency" in line for line in found.lines)
    assert ("implementer", "other-office") in found.claims()


def test_name_that_has_become_one_of_a_listed_organisation_rejects_nothing(tmp_path: Path) -> None:
    found = decide(tmp_path, [about_actor("Conseil de l'Europe", Verdict.NO)], AGENCY)
    assert found.rules == ["decision-unread"]
    assert ("implementer", "coe") in found.claims()
    rejected = decide(tmp_path / "named", [about_actor("Council of Europe", Verdict.NO)], AGENCY)
    assert ("implementer", "coe") not in rejected.claims()


def test_chain_of_actors_ends_at_the_last(tmp_path: Path) -> None:
    chain = [
        about_actor("some-agency", Verdict.INSTEAD, "Other Office"),
        about_actor("other-office", Verdict.INSTEAD, "cto"),
    ]
    found = decide(tmp_path, chain, AGENCY)
    assert {key for name, key in found.claims() if name == "implementer"} == {"coe", "cto"}


def test_organisation_of_its_own_has_the_details_given(tmp_path: Path) -> None:
    found = decide(
        tmp_path, [about_actor("some-agency", Verdict.YES, "type=government; country=BZ; parent=cto")], AGENCY
    )
    agency = actor("some-agency")
    assert found.has(agency, f"<{ORG.classification}>", f"<{thing_iri('actor-type', 'government')}>")
    assert found.has(agency, f"<{CYB.seat}>", f"<{thing_iri('country', 'BZ')}>")
    assert found.has(agency, f"<{ORG.subOrganizationOf}>", actor("cto"))
    assert found.has(agency, f"<{SKOS.prefLabel}>", '"Some Agency"')
    wrong = decide(tmp_path, [about_actor("other-office", Verdict.YES, "colour=red")], AGENCY)
    assert wrong.rules == ["decision-unread"]


def test_decisions_join_and_separate_records(tmp_path: Path) -> None:
    table = "code,title,start,end,countries\nG0101,Training of judges,2018,2019,Belize\nG0102,Training of judge,2018,2019,Belize\n"
    assert "duplicate-suspected" in decide(tmp_path / "none", [], table, suffix="csv").rules
    same = decision("record", "G0102", record="G0101")
    joined = decide(tmp_path / "same", [same], table, suffix="csv")
    assert sum(f"<{CYB.Project}> ." in line for line in joined.lines if line.endswith(" .")) >= 1
    assert joined.has(f"<{thing_iri('project', 'G0101')}>", f"<{DCTERMS.isReplacedBy}>") or joined.has(
        f"<{thing_iri('project', 'G0102')}>", f"<{DCTERMS.isReplacedBy}>"
    )
    apart = decide(tmp_path / "distinct", [with_verdict(same, Verdict.NO)], table, suffix="csv")
    assert apart.rules == []


# Possible claims: found in prose, but not certain enough for a direct link


@pytest.mark.parametrize(
    ("field", "key", "terms"),
    [
        ("implementer", "apnic", [CYB.implementer]),
        ("beneficiary", "ministry-of-finance-belize", [CYB.beneficiary]),
        ("audience", "small-businesses", [CYB.audience, CYB.beneficiary]),
    ],
)
def test_possible_claim_counts_once_confirmed_and_disappears_once_rejected(
    tmp_path: Path, field: str, key: str, terms: list[str]
) -> None:
    target = thing_iri("audience" if field == "audience" else "actor", key)
    links = {f"{PROJECT} <{term}> <{target}> ." for term in terms}
    before = decide(tmp_path / "none", [], POSSIBLE_PAGE)
    claim = before.claims()[field, key]
    assert claim.basis == "possible"
    assert links.isdisjoint(before.lines)
    one = decision(field, key, basis="possible", sentence="\n".join(claim.sentences))
    confirmed = decide(tmp_path / "yes", [one], POSSIBLE_PAGE)
    assert replace(claim, basis="confirmed") == confirmed.claims()[field, key]
    assert links <= set(confirmed.lines)
    assert confirmed.rules == []
    rejected = decide(tmp_path / "no", [with_verdict(one, Verdict.NO)], POSSIBLE_PAGE)
    assert (field, key) not in rejected.claims()
    assert links.isdisjoint(rejected.lines)
    assert rejected.rules == []


def test_possible_claim_with_another_role_keeps_the_quotes_of_its_new_role(tmp_path: Path) -> None:
    found = decide(tmp_path, [decision("implementer", "apnic", Verdict.INSTEAD, new_field="partner")], POSSIBLE_PAGE)
    before = decide(tmp_path / "none", [], POSSIBLE_PAGE).claims()
    assert {before[role, "apnic"].basis for role in ("implementer", "partner")} == {"possible"}
    assert ("implementer", "apnic") not in found.claims()
    assert found.claims()["partner", "apnic"] == replace(before["partner", "apnic"], basis="confirmed")
    assert found.has(PROJECT, f"<{CYB.partner}>", actor("apnic"))
    quote = f"<{before['partner', 'apnic'].node}/evidence/1>"
    assert sum(line.startswith(f"{quote} <{CYB.confidence}>") for line in found.lines) == 1
    unspecified = decide(
        tmp_path / "b", [decision("implementer", "itu", Verdict.INSTEAD, new_field="unspecified")], POSSIBLE_PAGE
    )
    assert unspecified.claims()["unspecified", "itu"].sentences == before["implementer", "itu"].sentences
    assert not any(line.startswith(PROJECT) and line.endswith(f"{actor('itu')} .") for line in unspecified.lines)
