"""Sentences in which readers have seen facts of the project that are those of others, and names that are none."""

from __future__ import annotations

import pytest

from cybilgraph.extraction import derive
from cybilgraph.readers import Input, read_input
from tests.support.prose import about, check_roles


@pytest.mark.parametrize(
    "text",
    [
        "It drafted a national strategy for 2021-2024.",
        "Seven teams had joined by the end of 2019.",
        "It continues what the OAS has done since 2020.",
        "The OAS has held workshops since 2011.",
        "The project may end in 2023.",
        "The project might then start early in 2023.",
        "After its start in July 2016, the team answered 300 calls.",
    ],
)
def test_dates_of_others_are_not_those_of_the_project(text: str) -> None:
    record = about("Advice to Georgia", text)
    assert (record.start, record.end) == (None, None)


@pytest.mark.parametrize(
    ("title", "text", "wrong"),
    [
        ("Courses", "The idea came in Germany's year at the head of the G7.", {"DE", "g7"}),
        ("Courses", "Born of Germany's year at the head of the G7, it carries out an action plan.", {"DE"}),
        ("Courses", "Money for courses was promised at a summit of the United States and Africa.", {"US"}),
        ("Agreement of Israel and the World Bank on cybersecurity", "It teaches officials.", {"IL"}),
        ("Portal", "Its analysts in Britain assess the reports.", {"GB"}),
        ("Courses in Fiji", "Canada's contribution was generous.", {"CA"}),
        ("Courses for South-East Asia", "It trains judges, as it had done in East Africa.", {"eastern-africa", "014"}),
        ("Courses for South-East Asia", "The Netherlands and Japan paid for the courses.", {"NL", "JP"}),
        ("Courses in Hanoi", "Viet Nam, Laos and Cambodia are members of ASEAN.", {"VN", "LA", "KH"}),
        ("Courses in Fiji", "Participants from Burundi and Uganda may apply later.", {"BI", "UG"}),
        ("Courses in Mali", "Trainers were recruited in Senegal and prepared for a week.", {"SN"}),
    ],
)
def test_donors_and_earlier_places_are_not_counted(title: str, text: str, wrong: set[str]) -> None:
    counted = {link.concept.key for link in about(title, text).scopes if link.basis.counts}
    assert not counted & wrong


def test_difference_from_another_project_is_about_this_one() -> None:
    record = about("Courses in Ecuador", "Unlike its predecessor, this project is funded by LACNIC.")
    assert [(link.actor.key, link.role) for link in record.participations] == [("lacnic", "funder")]
    other = about("Courses in Ecuador", "Unlike this project, its predecessor was funded by LACNIC.")
    assert ("lacnic", "funder") not in {(link.actor.key, link.role) for link in other.participations}


@pytest.mark.parametrize(
    "text",
    [
        "GFCE members share tools.",
        "Pooled fund under the Bank's partnership that pays for assessments.",
        "A pooled fund pays for the courses. Pooled funds are managed by others.",
        "Women and previous funding were discussed.",
        "Internet exchange points, parliamentary affairs and a security operations centre were visited.",
        "It follows an Oxford maturity review.",
        "Cybercrime@Octopus helps states.",
    ],
)
def test_mere_mentions_and_things_are_not_counted(text: str) -> None:
    check_roles(about("A project", text), set())


@pytest.mark.parametrize(
    "amount", ["US$ 420,000", "USD 420,000", "€1.2 million", "1.2 million euros", "EUR 1.2 million from the donors"]
)
def test_amount_under_funding_is_not_a_funder(amount: str) -> None:
    [record] = read_input(
        Input("a.txt", data=f"A project\n\nFunding: {amount}\n\nSummary\n\nIt helps Fiji.\n".encode())
    )
    assert not record.participations
    assert [finding.rule.rpartition("#")[2] for finding in record.findings] == ["not-a-name"]
    assert amount in {text.text for text in record.description}
    assert not any(link.basis.counts for link in derive(record).participations)


@pytest.mark.parametrize(
    "name",
    [
        "State Service of Special Communications and Information Protection of Ukraine",
        "Ministry of Meteorology, Energy, Information, Disaster Management, Environment, Communications and Climate Change",
        "3M",
        "MI5",
    ],
)
def test_long_and_numbered_names_are_names(name: str) -> None:
    [record] = read_input(Input("a.txt", data=f"A project\n\nPartners: {name}\n\nSummary\n\nIt helps Fiji.\n".encode()))
    assert [link.actor.printed.text for link in record.participations] == [name]
