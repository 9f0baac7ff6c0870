"""Records are compared with the related ones only, in linear time."""

from __future__ import annotations

from cybilgraph.model.vocabulary import BASE, CYB, DCTERMS, RDF
from cybilgraph.validation.cross_record import CrossRecordGroups
from tests.support.findings import find, rules


def _project(number: int, *more: str) -> list[str]:
    iri = f"<{BASE}id/project/P{number}>"
    return [f"{iri} <{RDF.type}> <{CYB.Project}> .", *(f"{iri} {line} ." for line in more)]


def test_only_related_records_are_yielded_and_together() -> None:
    with CrossRecordGroups("") as across:
        for number in range(1_000):
            across.add(
                _project(number, f'<{DCTERMS.title}> "Title {number}"@en', f'<{CYB.aim}> "Aim"@en'), b"%d" % number
            )
        across.add(_project(1_000, f'<{DCTERMS.title}> "title 7"@en'), b"same")
        across.add(_project(1_001, f"<{DCTERMS.isPartOf}> <{BASE}id/project/P1>"), b"part")
        across.add(_project(1_002, f"<{DCTERMS.isPartOf}> <{BASE}id/project/NONE>"), b"alone")
        [batch] = across.batches()
    assert [payload for _, payload in batch] == [b"1", b"part", b"7", b"same"]
    assert not any(CYB.aim in line for lines, _ in batch for line in lines)


def test_many_records_with_one_code_are_compared_in_parts() -> None:
    """Each is compared with some others, not with all, so that the work is not quadratic."""
    with CrossRecordGroups("") as across:
        for number in range(300):
            project = f"<{BASE}id/project/P{number}>"
            across.add([f'{project} <{DCTERMS.identifier}> "G0001" .'], str(number).encode())
        parts = [[int(number) for _, number in batch] for batch in across.batches()]
    assert {number for part in parts for number in part} == set(range(300))
    assert all(len(part) < 60 and part[:2] == [0, 1] for part in parts)


def test_one_different_record_among_many_with_its_code_is_reported() -> None:
    many = [f"G0001,Training number {number},2018,Belize,," for number in range(120)]
    found = rules(find(*many, "G0001,Cyber strategy,2021,Samoa,,"))
    assert ("code-of-two", len(many) + 2) in found
    assert found.count(("code-of-two", 2)) == 1


def test_each_of_many_projects_with_one_title_is_reported_once() -> None:
    """One finding per pair would be 380."""
    found = rules(find(*(f"G{number:04},Training of judges,2018,Belize,," for number in range(1, 21))))
    assert [line for rule, line in found if rule == "same-title-same-dates"] == list(range(2, 22))
