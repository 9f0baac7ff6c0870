"""Claims from prose: an example for each phrase, and difficult cases."""

from __future__ import annotations

import json

import pytest

from cybilgraph import read
from cybilgraph.extraction import derive
from cybilgraph.model.record import Basis
from cybilgraph.readers import Input, find_inputs, read_input
from tests.conftest import SAMPLES, SEED
from tests.support.prose import about, check_roles, places, roles


def test_links_of_the_seed_record_are_derived_and_quote_their_evidence() -> None:
    [record] = read_input(next(find_inputs([SEED])))
    record = derive(record)
    roles = {("oas-cicte", "implementer"), ("gpd", "implementer"), ("government-of-belize", "beneficiary")}
    check_roles(record, roles)
    assert places(record) == {"BZ"}, "the Ambassador of Belize to the USA brings no country"
    lines = SEED.read_text(encoding="utf-8").splitlines()
    for link in (*record.participations, *record.scopes):
        assert link.basis in (Basis.DERIVED, Basis.POSSIBLE)
        for evidence in link.evidence:
            assert evidence.place
            line = lines[evidence.place.line - 1].replace("\u00a0", " ")
            assert line[evidence.place.column - 1 :].startswith(evidence.quote)
    quotes = {link.actor.key: link.evidence[0].quote for link in record.participations if link.role == "implementer"}
    assert quotes["oas-cicte"].startswith("OAS/CICTE provided the Government of Belize")
    assert quotes["gpd"].startswith("GPD supported the process by developing")


@pytest.mark.parametrize(
    "sentence",
    [
        "Microsoft finance le programme au Ghana.",
        "Interpol implementa talleres en Colombia.",
        "La OEA capacitó a funcionarios de Paraguay.",
        "Le projet est financé par la Banque mondiale et mis en œuvre par Expertise France au Sénégal.",
    ],
)
def test_nothing_is_derived_from_spanish_and_french_prose(sentence: str) -> None:
    record = about("A project", sentence)
    assert not record.participations
    assert not record.scopes


def test_spanish_name_in_an_english_sentence_is_derived() -> None:
    record = about("A project", "It was delivered by the Universidad de los Andes in Colombia.")
    assert {link.role for link in record.participations} == {"implementer"}
    assert places(record) == {"CO"}


def test_stated_links_are_not_duplicated() -> None:
    text = "A project\n\nFunders\n\nEuropean Union\n\nCountries\n\nKenya\n\nSummary\n\nFunded by the European Union in Kenya.\n"
    [record] = read_input(Input("page.txt", data=text.encode()))
    record = derive(record)
    assert [(link.actor.key, link.basis) for link in record.participations] == [("eu", Basis.STATED)]
    assert [(link.concept.key, link.basis) for link in record.scopes] == [("KE", Basis.STATED)]


def test_population_in_prose_is_an_audience() -> None:
    record = about("Courses in Kenya", "The beneficiaries are Small Businesses.")
    assert not roles(record)
    [audience] = [link for link in record.scopes if link.concept.kind == "audience"]
    assert (audience.concept.key, audience.basis) == ("small-businesses", Basis.POSSIBLE)
    assert audience.evidence


@pytest.mark.slow
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


def test_derived_links_read_back_add_nothing() -> None:
    record = about("Courses in Kenya", "UNODC delivers courses.", "The trainers of the courses come out of Torchlight.")
    assert roles(record) >= {("unodc", "implementer")}
    assert derive(record).participations == record.participations


@pytest.mark.slow
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
    """Counted links have the precision, and counted and possible ones the recall. All texts were used for training."""
    counts = {"actors": [0, 0, 0, 0], "countries": [0, 0, 0, 0]}
    for path in sorted((SAMPLES / "labelled").glob("*.txt")):
        if not first <= int(path.name.partition("-")[0]) <= last:
            continue
        [record] = read(path)
        labels = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        actors = {(link.actor.key, link.role): link.basis for link in record.participations}
        countries = {(link.concept.key,): link.basis for link in record.scopes if link.concept.kind == "country"}
        for field, found in (("actors", actors), ("countries", countries)):
            true = {(label,) if isinstance(label, str) else tuple(label) for label in labels[field]}
            counted = {link for link, basis in found.items() if basis.counts}
            for index, part in enumerate((counted & true, counted, found.keys() & true, true)):
                counts[field][index] += len(part)
    for field, least_right, least_found in (("actors", precision, recall), ("countries", country, country)):
        right, counted, kept, due = counts[field]
        assert right / counted >= least_right, field
        assert kept / due >= least_found, field


MANY = (
    "Kenya, Ghana, Nigeria, Togo, Benin, Mali, Niger, Senegal, Gambia, Liberia, Sierra Leone, Guinea, Cameroon, Gabon, "
    "Chad, Uganda, Rwanda, Burundi, Tanzania, Malawi, Zambia, Zimbabwe"
)


def test_long_lists_are_read_completely() -> None:
    assert len(places(about("Training", f"It trained participants from {MANY} and Namibia."))) == 23
    actors = "UNODC, INTERPOL, World Bank, ENISA, FIRST, APNIC, LACNIC, AFRINIC, RIPE NCC, ICANN, UNIDIR, OSCE"
    text = f"It is funded by {actors}, MITRE, GIZ, USAID, JICA and KOICA."
    assert sum(role == "funder" for _, role in roles(about("Training", text))) == 17
