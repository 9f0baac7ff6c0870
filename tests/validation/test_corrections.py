"""Findings suggest a correction, and a fix where it is certain."""

from __future__ import annotations

import io

import pytest

from cybilgraph import pipeline
from cybilgraph.model.example_workbooks import write_example_workbook
from cybilgraph.pipeline import check_inputs
from cybilgraph.readers import Input
from cybilgraph.validation.fixes import apply_fixes
from cybilgraph.validation.outputs import OUTPUTS


@pytest.mark.parametrize(
    ("printed", "fix", "meant"),
    [
        ("OAS/CICTEE", "OAS/CICTE", ""),
        ("Inter-American Comittee against Terrorism", "Inter-American Committee against Terrorism", ""),
        ("Goverment of Australia", "Government of Australia", ""),
        ("Goverment of Austrla", "", "Government of Australia"),  # or Austria
        ("Goverment of Nigera", "", "Government of Nigeria"),  # or Niger
        ("Government of Keny", "", "Government of Kenya"),
        ("OASS", "", "OAS"),
        ("UNODCC", "", "UNODC"),
        ("Kenya Police", "", ""),
        ("XYZA", "", ""),
    ],
)
def test_unambiguous_name_is_fixed_with_its_own_spelling(printed: str, fix: str, meant: str) -> None:
    page = f"A project\n\nFunders\n{printed}\n"
    found = check_inputs([Input("a.txt", data=page.encode())]).findings
    assert [finding.fix.new for finding in found if finding.fix] == [fix] * bool(fix)
    reported = [finding for finding in found if finding.rule.endswith("#known-actor")]
    assert [dict(finding.values).get("meant", "") for finding in reported] == [meant] * (not fix)


@pytest.mark.parametrize(
    ("title", "printed", "suggestion", "proposal"),
    [
        ("A training in Tonga", "Tongo", "Did you mean Tonga?", ["Tonga"]),
        ("A training", "Tongo", "Several names are similar: Togo, Congo, Tonga. Write the right one.", []),
        ("A training", '"Fiji,Tonga"', "Did you mean Fiji; Tonga?", ["Fiji; Tonga"]),
        ("A training", "Belise", "Did you mean Belize?", ["Belize"]),
        ("A training", "Nigera", "Several names are similar: Nigeria, Niger. Write the right one.", []),
    ],
)
def test_misspelt_country_gets_a_proposal_only_if_one_country_is_closest(
    title: str, printed: str, suggestion: str, proposal: list[str]
) -> None:
    found = check_inputs([Input("a.csv", data=f"title,countries\n{title},{printed}\n".encode())]).findings
    [country] = [finding for finding in found if finding.rule.endswith("#country-type")]
    assert country.suggestion == suggestion
    assert [finding.proposal.new for finding in found if finding.proposal] == proposal


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        *((day, "no-such-day") for day in ("2021-02-31", "31/02/2020", "30 February 2022", "29 Feb 2023")),
        *((day, "no-such-month") for day in ("2021-13-31", "2021-00", "13/2020", "01/13/2020", "31.13.2020")),
        *((words, "") for words in ("after the rains", "31", "32 May 2020", "2021-13-32")),
    ],
)
def test_day_or_month_that_does_not_exist_is_distinguished_from_an_unreadable_date(printed: str, advice: str) -> None:
    found = check_inputs([Input("a.csv", data=f"title,start\nA training,{printed}\n".encode())]).findings
    [date] = [finding for finding in found if finding.rule.endswith("#date-form")]
    assert date.advice == advice


@pytest.mark.parametrize("cell", ["Tongo; Tonga", "Tonga; Tongo", "Fiji; Tongo; Tonga"])
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
def test_misspelt_name_beside_the_right_one_is_deleted(name: str, cell: str) -> None:
    table = f"title,countries\nA training,{cell}\n"
    content = write_example_workbook(table) if name.endswith(".xlsx") else table.encode()
    found = check_inputs([Input(name, data=content)], excerpts=True).findings
    [country] = [finding for finding in found if finding.rule.endswith("#country-type")]
    assert country.suggestion.startswith("Tonga is already in this list. Delete “Tongo”")
    assert country.proposal
    assert country.proposal.new == ""
    change = apply_fixes(name, content, [country.proposal]).diff()
    assert (
        f"+{'A training,' if name == 'a.csv' else ''}{cell.replace('Tongo; ', '').replace('; Tongo', '')}\n" in change
    )


@pytest.mark.parametrize("cell", ["Sprng 2021", "=2000+18"])
def test_cell_with_an_unread_value_is_not_called_empty(cell: str) -> None:
    """It gets one finding, about its value."""
    table = write_example_workbook(f"title,status,end\nA training,Finished,{cell}\n")
    found = check_inputs([Input("a.xlsx", data=table)]).findings
    assert [one.rule.rpartition("#")[2] for one in found if one.cell_name == "C2"] == [
        "formula-without-value" if cell.startswith("=") else "date-form"
    ]


def test_cell_with_a_placeholder_is_not_called_empty() -> None:
    report = check_inputs([Input("a.csv", data=b"title,themes,funders\nA training,n/a,\n")], excerpts=False)
    text = io.StringIO()
    OUTPUTS["text"](report, text)
    lines = [line.strip() for line in text.getvalue().splitlines()]
    assert "funders: empty" in lines
    assert "themes" in lines
    assert "themes: empty" not in lines
    assert "→ Fill in the column “themes”." not in lines
    advice = "The text in the column “themes” does not look like names, so it was added to the description."
    assert f"→ {advice} Write names there, separated by ;." in lines
    assert not any("Give one name per line" in line for line in lines), "one sentence about one cell"


ADDRESSES = {
    "a.csv": "title,code,links,contacts\nA training,G9400,The law <{link}>,A Name <{email}>\n",
    "a.txt": "A training\n\nCybil code: G9400\n\nContact\nA Name <{email}>\n\nRead more\nThe law <{link}>\n",
}


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    ("link", "email", "fixes"),
    [
        ("htp://example.org/a", "name@@example.org", {"http://example.org/a", "name@example.org"}),
        ("https//example.org", "name@@example", {"https://example.org"}),
        ("www.example.org", "name@example", set()),
    ],
)
def test_invalid_addresses_are_reported(name: str, link: str, email: str, fixes: set[str]) -> None:
    content = ADDRESSES[name].format(link=link, email=email).encode()
    found = check_inputs([Input(name, data=content)], excerpts=True).findings
    by_rule = {finding.rule.partition("#")[2]: finding for finding in found}
    assert by_rule["web-link-address"].text == link
    assert "contact-email-form" in by_rule
    assert {finding.fix.new for finding in by_rule.values() if finding.fix} == fixes


def test_addresses_are_distinguished_from_similar_text() -> None:
    text = "A training\n\nContact\nA Name @example\na@example.org\n\nRead more\nThe and/or law\nhttps://example.org/a\n"
    found = check_inputs([Input("a.txt", data=text.encode())]).findings
    assert not {"web-link-address", "contact-email-form"} & {finding.rule.partition("#")[2] for finding in found}


def test_unknown_term_gets_a_suggestion() -> None:
    data = b"""@prefix cyb: <https://w3id.org/cybilgraph/ontology#> .
<https://w3id.org/cybilgraph/id/project/G0020> a cyb:Project ; cyb:implementor "GFCE" ; cyb:qwertz "x" ;
    cyb:countries "Fiji" .
<https://example.org/a> a cyb:Projekt ; cyb:fundr "The X Fund" ."""
    found = {
        one.label: dict(one.values).get("meant", "")
        for one in pipeline.check_input(Input("a.ttl", data=data)).report.findings
        if one.rule.endswith("#unknown-term")
    }
    assert found == {
        "cyb:Projekt": "cyb:Project",
        "cyb:implementor": "cyb:implementer",
        "cyb:qwertz": "",
        "cyb:countries": "cyb:country",
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "A training\n\nStatus: Finished\nFrom: 2018\nTo: soon\n"),
        ("a.yaml", "title: A training\nstatus: Finished\nstart: 2018\nend: soon\n"),
        ("a.csv", "title,status,start,end\nA training,Finished,2018,soon\n"),
    ],
)
def test_date_that_cannot_be_read_is_not_also_missing(name: str, text: str) -> None:
    found = check_inputs([Input(name, data=text.encode())]).findings
    rules = {finding.rule.partition("#")[2] for finding in found}
    assert "date-form" in rules
    assert "finished-has-end" not in rules


def test_missing_end_is_reported_at_its_heading() -> None:
    text = "A training\n\nStatus: Finished\nFrom: 2018\nTo:\n"
    found = check_inputs([Input("a.txt", data=text.encode())]).findings
    [missing] = [finding for finding in found if finding.rule.endswith("#finished-has-end")]
    assert (missing.line, missing.label) == (5, "To")


def test_records_of_one_page_with_two_titles_are_reported_as_such() -> None:
    table = "title,address\n{},https://cybilportal.org/projects/training-in-fiji\n"
    titles = {"a.csv": "Training in Fiji", "b.csv": "Training of judges"}
    inputs = [Input(name, data=table.format(title).encode()) for name, title in titles.items()]
    [found] = [one for one in check_inputs(inputs).findings if one.rule.endswith("#same-title")]
    assert found.message.startswith("a.csv describes a project with the same title or page.")
