"""Claims are reviewed in order of doubt, decisions apply to the next release, and hold in all later ones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from cybilgraph import pipeline
from cybilgraph.cli import main
from cybilgraph.errors import SourceError
from cybilgraph.identity.decision_layer import Claim, read_claims
from cybilgraph.identity.decisions import Decision, Decisions, Verdict, append_decisions
from cybilgraph.model.vocabulary import BASE, CYB, thing_iri
from cybilgraph.pipeline.review_queue import (
    ROLES,
    OpenClaim,
    changed_decisions,
    import_sheet,
    name_span,
    open_claims,
    unlisted_actors,
)
from cybilgraph.rdf.serialisation import is_in_earlier_graph
from cybilgraph.release import Release, Releases
from cybilgraph.release.graph_file import GRAPH, open_lines
from cybilgraph.release.manifest import REPORT
from tests.conftest import CYBILGRAPH, RECORDS
from tests.support.curators import Terminal, curated_site
from tests.support.decided import CANADA, PAGE, decision

pytestmark = pytest.mark.slow


def lines_of(release: Release) -> list[str]:
    with open_lines(release.folder / GRAPH) as lines:
        return [line.decode().rstrip("\n") for line in lines if not is_in_earlier_graph(line)]


def claims_of(release: Release, record: str) -> dict[tuple[str, str], Claim]:
    project = thing_iri("project", record)
    return read_claims([line for line in lines_of(release) if line.startswith(f"<{project}")], project)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return pipeline.build([RECORDS], tmp_path_factory.mktemp("releases"), dumps=False)[0]


@pytest.mark.parametrize(
    ("text", "name", "key", "marked"),
    [
        ("Funded by the ITU.", "International Telecommunication Union", "itu", "ITU"),
        ("It helps the ministry of Finance in Belize", "Ministry of Finance (Belize)", "x", "ministry of Finance"),
        ("It helps others.", "Ministry of Finance (Belize)", "x", ""),
    ],
)
def test_name_is_marked_in_any_of_its_forms(text: str, name: str, key: str, marked: str) -> None:
    assert text[slice(*name_span(text, name, key, "funder"))] == marked


def place(one: OpenClaim) -> tuple[str, str, str]:
    return one.record, one.claim.field, one.claim.key


def test_claims_come_in_order_of_doubt_with_a_tenth_at_random(release: Release, tmp_path: Path) -> None:
    queue = open_claims(release, tmp_path, 30, 0)
    places = list(map(place, queue))
    assert len(places) == len(set(places)) == 30
    assert {one.claim.basis for one in queue} == {"derived", "possible"}
    rest = [one.claim.confidence for number, one in enumerate(queue) if number % 10 != 5]
    assert rest == sorted(rest, key=lambda confidence: abs(confidence - 0.5))
    assert places == list(map(place, open_claims(release, tmp_path, 30, 0)))
    other = list(map(place, open_claims(release, tmp_path, 30, 1)))
    assert [number for number, (one, two) in enumerate(zip(places, other, strict=True)) if one != two][:1] == [5]
    append_decisions(tmp_path, [one.decide("Ana", Verdict.YES) for one in queue])
    assert set(places).isdisjoint(map(place, open_claims(release, tmp_path, 1_000, 0)))


def test_other_links_of_the_project_have_names(release: Release, tmp_path: Path) -> None:
    known = {link for one in open_claims(release, tmp_path, 1_000, 0) for link in one.known}
    assert ("audience", "National CSIRT officials") in known


# In a terminal


def review(release: Release, folder: Path, keys: str, *more: str) -> str:
    arguments = ["review", str(release.folder.parent), "--decisions", str(folder), "--who", "Ana", *more]
    result = CliRunner().invoke(main, arguments, input=keys)
    assert result.exit_code == 0, result.output
    return result.output


def in_force(folder: Path) -> list[Decision]:
    with Decisions(folder) as decided:
        return [one for record in ("", *decided.records()) for one in decided.of(record)]


@pytest.fixture
def first(release: Release, tmp_path: Path) -> Release:
    """A folder of releases with one release, because others add to that of ``release``."""
    releases = Releases(release.folder.parent)
    releases.activate(1)
    return releases.get(1)


def actor_claims(queue: list[OpenClaim]) -> tuple[list[OpenClaim], list[OpenClaim]]:
    """Return the claims before the first four in a row about organisations, and the rest."""
    is_actor = [one.claim.field in ROLES for one in queue]
    start = next(at for at in range(len(queue)) if all(is_actor[at : at + 4]))
    return queue[:start], queue[start:]


def test_keys_decide_skip_and_undo(first: Release, tmp_path: Path) -> None:
    queue, total = open_claims(first, tmp_path, 200, 0), len(open_claims(first, tmp_path, 1_000, 0))
    before, queue = "s" * len(actor_claims(queue)[0]), actor_claims(queue)[1]
    said = review(first, tmp_path, f"{before}ynr3sxuuyq")
    assert "Organisations that deliver the project." in said
    assert f"1 of {min(total, 200)}" in said
    assert queue[0].claim.sentences[0][:20] in said.replace("\n", " ")
    assert "Also:" in said
    made = {(one.record, one.subject): (one.verdict, one.new_field) for one in in_force(tmp_path)}
    # The third was skipped back to by the first "u", and undone by the second, then confirmed.
    assert made == {
        (one.record, f"{one.claim.field} {one.subject}"): verdict
        for one, verdict in zip(queue, [(Verdict.YES, ""), (Verdict.NO, ""), (Verdict.YES, "")], strict=False)
    }
    assert "3 decided" in said
    assert f"1 of {min(total - 3, 200)}" in review(first, tmp_path, "q"), "it continues where it ended"


def test_claim_that_another_curator_decides_meanwhile_is_skipped(tmp_path: Path) -> None:
    site = curated_site(tmp_path, 1)
    one, two, *_ = open_claims(Releases(site.releases).current(), site.decisions, 200, 0)
    terminal = Terminal(site, "Ana")
    assert terminal.ask()
    append_decisions(site.decisions, [one.decide("Bea", Verdict.NO), two.decide("Bea", Verdict.NO)])
    terminal.press("y")
    assert terminal.ask()
    assert "Not stored. Bea has decided on this in the meantime" in terminal.shown
    assert terminal.shown.count("Bea has decided") == 2, "the second claim is not asked about"
    terminal.press("n")
    assert terminal.ask()
    terminal.press("u")
    assert terminal.ask()
    terminal.press("y")
    assert terminal.ask()
    terminal.press("q")
    assert not terminal.ask()
    assert [(made.who, made.verdict) for made in in_force(site.decisions)] == [
        ("Bea", Verdict.NO),
        ("Bea", Verdict.NO),
        ("Ana", Verdict.YES),
    ]


def test_decisions_with_a_changed_text_come_first(tmp_path: Path) -> None:
    folder, page = tmp_path / "decisions", tmp_path / "page.txt"
    append_decisions(folder, [decision("funder", "government-of-canada", basis="derived", sentence=CANADA)])
    append_decisions(folder, [decision("end", "2020-03", Verdict.INSTEAD, new_value="Apr 2021", who="Bea")])
    new = "The Government of Canada funded the work."
    page.write_text(PAGE.replace(CANADA, new).replace("Mar 2020", "May 2022"), encoding="utf-8")

    def build() -> Release:
        return pipeline.build([page], tmp_path / "releases", decisions=folder, dumps=False)[0]

    def reports(release: Release) -> int:
        return (release.folder / REPORT).read_text(encoding="utf-8").count("#decision-review")

    release = build()
    assert reports(release) == 2
    said = review(release, folder, "kwuwq")
    assert (f"Then: “{CANADA}”" in said, f"Now:  “{new}”" in said) == (True, True)
    assert [(one.field, one.who) for one in in_force(folder)] == [("funder", "Ana")], (
        "Ana has withdrawn what Bea decided"
    )
    assert reports(build()) == 0
    assert "Then:" not in review(release, folder, "q"), "nothing is asked twice"


def test_present_sentence_of_a_corrected_claim_is_shown(tmp_path: Path) -> None:
    folder, page = tmp_path / "decisions", tmp_path / "page.txt"
    made = decision(
        "funder", "government-of-canada", Verdict.INSTEAD, new_field="partner", basis="derived", sentence=CANADA
    )
    append_decisions(folder, [made])
    new = "The Government of Canada funded the work."
    page.write_text(PAGE.replace(CANADA, new), encoding="utf-8")
    release, _ = pipeline.build([page], tmp_path / "releases", decisions=folder, dumps=False)[:2]
    [changed] = changed_decisions(release, folder)
    assert changed.sentences == (new,)


def test_another_actor_is_chosen_by_name(first: Release, tmp_path: Path) -> None:
    before, _ = actor_claims(open_claims(first, tmp_path, 200, 0))
    skip = "s" * len(before)
    said = review(first, tmp_path, f"{skip}aA Body of No List\nn\nUNODC\nq")
    assert "A Body of No List (a-body-of-no-list): not in the reference data" in said
    assert "UNODC" in said or "United Nations Office on Drugs" in said
    [made] = in_force(tmp_path)
    assert (made.verdict, made.new_value) == (Verdict.INSTEAD, "unodc")


def test_end_of_input_ends_the_session_and_keeps_decisions(first: Release, tmp_path: Path) -> None:
    assert "1 decided" in review(first, tmp_path, "y")
    assert len(in_force(tmp_path)) == 1


def test_unlisted_organisations_are_reviewed(first: Release, tmp_path: Path) -> None:
    actors = unlisted_actors(first, tmp_path, 10)
    assert [one.count for one in actors] == sorted((one.count for one in actors), reverse=True)
    said = review(first, tmp_path, "n" + "azzz\nCouncil of Europe\n" + "ogovernment\nBelize\n\n" + "q", "--names")
    assert actors[0].name in said
    assert "There is no actor with this name. Try again" in said
    made = {one.value: (one.verdict, one.new_value) for one in in_force(tmp_path)}
    values = [one.decide("Ana", Verdict.NO).value for one in actors[:3]]
    assert made == dict(
        zip(
            values,
            [(Verdict.NO, ""), (Verdict.INSTEAD, "coe"), (Verdict.YES, "type=government; country=BZ")],
            strict=True,
        )
    )
    left = {one.key for one in unlisted_actors(first, tmp_path, 10)}
    assert not left & {one.key for one in actors[:3]}


def test_claims_are_decided_in_a_workbook(first: Release, tmp_path: Path) -> None:
    book, folder = tmp_path / "claims.xlsx", tmp_path / "decisions"
    exported = CliRunner().invoke(
        main,
        ["review", str(first.folder.parent), "--decisions", str(folder), "--export", str(book), "--limit", "5"],
    )
    assert exported.output.startswith("5 claims written")
    sheet = openpyxl.load_workbook(book)
    header = [cell.value for cell in sheet.worksheets[0][1]]
    for row, verdict in ((2, "Yes"), (3, "no"), (4, "instead")):
        sheet.worksheets[0].cell(row, header.index("verdict") + 1).value = verdict
    sheet.worksheets[0].cell(4, header.index("new_field") + 1).value = "partner"
    sheet.save(book)
    assert "3 decisions added; 0 had been added before" in review(first, folder, "", "--import", str(book))
    queue = {(one.record, one.subject): one for one in open_claims(first, tmp_path / "none", 5, 0)}
    for made in in_force(folder):
        one = queue[made.record, made.value]
        assert (made.sentence, made.basis) == ("\n".join(one.claim.sentences), one.claim.basis)
    assert import_sheet(first, book, folder, "Ana") == (0, 3, [])
    sheet.worksheets[0].cell(3, header.index("verdict") + 1).value = "yes"
    sheet.save(book)
    skipped = CliRunner().invoke(
        main, ["review", str(first.folder.parent), "--decisions", str(folder), "--who", "Bea", "--import", str(book)]
    )
    assert "0 decisions added; 2 had been added before.\nSkipped, because Ana has decided otherwise: " in skipped.output
    assert import_sheet(first, book, folder, "Ana") == (1, 2, []), "her own decision is replaced"


def test_wrong_cells_of_a_workbook_are_named(first: Release, tmp_path: Path) -> None:
    book, folder = tmp_path / "claims.xlsx", tmp_path / "decisions"
    sheet = openpyxl.Workbook()
    for row in (
        ["record", "title", "field", "value", "verdict", "new_field", "new_value"],
        ["G0020", "", "funder", "coe", "perhaps"],
        ["", "", "funder", "coe", "yes"],
        ["G0020", "", "country", "TO", "instead", "", "Tongo"],
        ["G0020", "", "funder", "coe", "instead", "payer"],
        ["G0020", "", "funder", "coe", "instead"],
        ["G0020", "", "colour", "coe", "no"],
        ["G0020", "", "country", "", "no"],
        ["G9999", "", "funder", "coe", "yes"],
        ["G0020", "", "funder", "coe", "instead", "partner"],
    ):
        sheet.worksheets[0].append(row)
    sheet.save(book)
    with pytest.raises(SourceError) as raised:
        import_sheet(first, book, folder, "Ana")
    assert [line.strip().partition(";")[0] for line in raised.value.what.splitlines()[1:]] == [
        "E2 (verdict): 'perhaps' is not a verdict",
        "A3 (record): empty",
        "G4 (new_value): there is no country 'Tongo'",
        "F5 (new_field): 'payer' is not a role or kind of link, such as " + ", ".join(ROLES) + " or country",
        "E6 (verdict): instead needs the correct role in new_field or the correct name in new_value",
        "C7 (field): 'colour' is not a role or kind of link, such as " + ", ".join(ROLES) + " or country",
        "D8 (value): there is no country ''",
        "A9 (record): the release has no project 'G9999'",
    ]
    assert "; did you mean " in raised.value.what
    assert in_force(folder) == [], "all or none"
    (table := tmp_path / "claims.csv").write_text("record,field,value,verdict\n\nG0020,funder,coe,maybe\n")
    with pytest.raises(SourceError, match=r"line 3 \(verdict\): 'maybe'"):
        import_sheet(first, table, folder, "Ana")
    table.write_text("record,field,value\nG0020,funder,coe\n")
    with pytest.raises(SourceError, match="no column verdict"):
        import_sheet(first, table, folder, "Ana")


def test_same_role_again_confirms_the_claim(first: Release, tmp_path: Path) -> None:
    [one, *_] = [one for one in open_claims(first, tmp_path, 200, 0) if one.claim.field in ROLES]
    role = one.claim.field
    assert one.decide("Ana", Verdict.INSTEAD, new_field=role).verdict is Verdict.YES
    assert one.decide("Ana", Verdict.INSTEAD, new_value=one.subject).verdict is Verdict.YES
    (sheet := tmp_path / "claims.csv").write_text(
        f"record,field,value,verdict,new_field\n{one.record},{role},{one.subject},instead,{role}\n"
    )
    assert import_sheet(first, sheet, tmp_path / "decisions", "Ana") == (1, 0, [])
    assert [(made.verdict, made.new_field) for made in in_force(tmp_path / "decisions")] == [(Verdict.YES, "")]


def test_review_without_a_terminal_says_what_to_do_instead(first: Release, tmp_path: Path) -> None:
    command = [*CYBILGRAPH, "review", str(first.folder.parent), "--decisions", str(tmp_path), "--who", "Ana"]
    done = subprocess.run(command, input=b"y", capture_output=True, start_new_session=True, check=False)
    assert done.returncode == 2
    assert b"This command needs an interactive terminal" in done.stderr
    assert b"--export FILE.xlsx" in done.stderr


def test_check_and_build_report_unusable_decisions(tmp_path: Path) -> None:
    (tmp_path / "D").mkdir()
    (tmp_path / "D" / "a.csv").write_text("id,field,verdict,who,when\nx,colour,yes,Ana,2027-01-31T12:00:00Z\n")
    page = str(RECORDS / "belize-G0020.txt")
    result = CliRunner().invoke(main, ["check", page, "--decisions", str(tmp_path / "D")])
    assert result.exit_code == 1
    assert "there is no field or role 'colour'" in result.output
    refused = CliRunner().invoke(main, ["check", page, "--diff", "--decisions", str(tmp_path / "D")])
    assert refused.exit_code == 2
    release, report = pipeline.build([page], tmp_path / "R", dumps=False, contacts=False, decisions=tmp_path / "D")
    [found] = [found for found in report.findings if found.rule.endswith("#decision-unread")]
    assert (found.file, found.line) == ("", 0), "the file is named after a curator"
    assert not any(f"> <{CYB.decision}> <{BASE}record" in line for line in lines_of(release))
