"""Hidden persons are removed from records, with their addresses and numbers in prose."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cybilgraph import pipeline, read
from cybilgraph.readers.contacts import REDACTED, address_pattern, phone_patterns, redact_contacts
from cybilgraph.release import Releases
from tests.conftest import RECORDS, SEED, graph_of, run
from tests.support.erasure import EMAIL, NAME, PROSE, everything

pytestmark = pytest.mark.slow


def test_build_without_contacts_omits_persons(tmp_path: Path) -> None:
    assert run("build", SEED, RECORDS / "cmm-review-samoa.txt", "--into", tmp_path, "--no-contacts").returncode == 0
    release = Releases(tmp_path).current()
    release.verify()
    text = everything(release.folder)
    assert NAME.encode() not in text
    assert EMAIL.encode() not in text
    assert b"<https://w3id.org/cybilgraph/id/project/G0020/contact/1>" not in graph_of(release.folder)
    assert release.source(hashlib.sha256(SEED.read_bytes()).hexdigest()) is None
    assert release.manifest["counts"]["projects"] == 2


def test_contact_does_not_become_an_actor(tmp_path: Path) -> None:
    source = tmp_path / "project.txt"
    source.write_text("A project\n\nSummary\n\nTevita Losa delivers the training.\n\nContact\n\nTevita Losa\n")
    assert next(iter(read(source))).contacts[0].name == "Tevita Losa"
    pipeline.build([source], tmp_path / "without", contacts=False)
    pipeline.build([source], tmp_path / "forgotten")
    Releases(tmp_path / "forgotten").erase("Tevita Losa")
    for folder in ("without", "forgotten"):
        graph = graph_of(Releases(tmp_path / folder).current().folder).decode()
        assert "tevita-losa" not in graph


def test_build_without_contacts_redacts_addresses_and_numbers_in_prose(tmp_path: Path) -> None:
    source = tmp_path / "project.txt"
    source.write_text(PROSE)
    release, _ = pipeline.build([source], tmp_path / "into", contacts=False)
    text = everything(release.folder).lower()
    for words in (b"tevita", b"losa", b"555 12", b"partner.example.org", b"example [dot]"):
        assert words not in text, words
    assert b"or ([contact left out]), or call [contact left out]." in text
    graph = graph_of(release.folder).decode()
    assert '"The Council of Europe delivers it with [contact left out]."' in graph, (
        "the quote is redacted like its paragraph"
    )
    assert 'ontology#line> "7"' in graph, "the line number is the original one"


def test_number_is_redacted_from_prose_in_other_spellings(tmp_path: Path) -> None:
    source = tmp_path / "project.txt"
    source.write_text(PROSE.replace("or call +676 555 12 34", "or call 00676-5551234, or (555) 12-34"))
    release, _ = pipeline.build([source], tmp_path / "without", contacts=False)
    folder = tmp_path / "into"
    pipeline.build([source], folder)
    assert b"555" in everything(folder)
    pipeline.build([source, SEED], folder)
    erasures = Releases(folder).erase("Tevita Losa")
    assert all(erasures[number].found for number in (1, 2))
    for text in (everything(release.folder), everything(folder)):
        assert b"5551234" not in text
        assert b"12-34" not in text
        assert b"or call [contact left out], or [contact left out]." in text


TWO_NUMBERS = """A project

Summary

It helps Fiji, is available at example.org\uff0c and has 0712 345 999.
Call 0712 345 678 or 0733345679, write JRoe\uff20example.org or jroe at example dot org.

Contact

Jane Roe
jroe@example.org
Mobile: 0712 345 678 / 0733 345 679
"""


@pytest.mark.parametrize(
    "numbers",
    [
        "Mobile: 0712 345 678 / 0733 345 679",
        "0712 345 678 / 0733 345 679",
        "0712 345 678/0733 345 679",
        "0712 345 678, 0733 345 679",
        "0712 345 678 or 0733 345 679",
    ],
)
def test_every_number_of_a_contact_is_redacted(tmp_path: Path, numbers: str) -> None:
    source, folder = tmp_path / "project.txt", tmp_path / "into"
    source.write_text(TWO_NUMBERS.replace("Mobile: 0712 345 678 / 0733 345 679", numbers))
    [contact] = next(iter(read(source))).contacts
    assert (contact.name, contact.note) == ("Jane Roe", numbers)
    release, _ = pipeline.build([source], tmp_path / "without", contacts=False, dumps=False)
    pipeline.build([source], folder, dumps=False)
    assert not Releases(folder).erase("Jane Roe")[1].remaining
    for text in (everything(release.folder), everything(folder)):
        for words in (b"345 678", b"345679", b"345 679", b"jroe", b"JRoe", b"example dot"):
            assert words not in text, words
        kept = "It helps Fiji, is available at example.org\uff0c and has 0712 345 999."
        assert kept.encode() in text, "the rest of the text is unchanged"
        assert f"Call {REDACTED} or {REDACTED}, write {REDACTED} or {REDACTED}.".encode() in text


def test_redacted_address_is_not_in_new_keys_and_old_keys_are_reported(tmp_path: Path) -> None:
    source, folder = tmp_path / "project.txt", tmp_path / "into"
    source.write_text(TWO_NUMBERS + "\nImplementers\n\nTotally New Body, jroe@example.org\n")
    release, _ = pipeline.build([source], tmp_path / "without", contacts=False, dumps=False)
    graph = graph_of(release.folder).decode()
    assert "/id/actor/totally-new-body>" in graph
    assert "jroe" not in graph
    pipeline.build([source], folder, dumps=False)
    assert any("/actor/totally-new-body-jroe" in about for about in Releases(folder).erase("Jane Roe")[1].remaining)


#: Links with a number or an address of the contact, and the part that must be redacted.
_IN_LINKS = (
    ("tel:+254712345678", "712345678"),
    ("https://example.org/?tel=%2B254712345678", "712345678"),
    ("https://example.org/people/call-0712-345-678-now", "345-678"),
    ("https://example.org/?m=jroe%40example.org", "jroe"),
    ("https://example.org/?mail=jroe@example.org&x=1", "jroe"),
    ("https://example.org/people/jroe-example-org", "jroe"),
    ("mailto:jroe%40example.org", "jroe"),
    ("www.example.org/?m=jroe%40example.org", "jroe"),
)

_OTHER_LINK = "https://www.example.org/0712/345?at=www.example.org&of="


def test_contact_data_in_links_is_redacted(tmp_path: Path) -> None:
    sources, folder = tmp_path / "sources", tmp_path / "into"
    sources.mkdir()
    for number, (link, _) in enumerate(_IN_LINKS):
        in_prose = TWO_NUMBERS.replace("A project", f"Project {number}").replace(
            "helps", f"helps in case {number} {link}"
        )
        links = f"Links\n\nHer page {number} <{link}>\nAnother <{_OTHER_LINK}{number}>\n"
        (sources / f"{number}.txt").write_text(f"{in_prose}\n{links}")
    release, _ = pipeline.build([sources], tmp_path / "without", contacts=False, dumps=False)
    pipeline.build([sources], folder, dumps=False)
    assert not Releases(folder).erase("Jane Roe")[1].remaining
    for text in (everything(release.folder), everything(folder)):
        for number, (link, words) in enumerate(_IN_LINKS):
            assert words.encode() not in text, link
            assert f"It helps in case {number} {REDACTED} Fiji".encode() in text, link
            assert f"Her page {number}".encode() in text, link
            assert f"<{_OTHER_LINK}{number}>".encode() in text, "a similar link is unchanged"


def test_similar_link_is_not_redacted() -> None:
    known = [address_pattern("info@example.org"), *phone_patterns("0712 345 678")]
    for link in (
        "https://info.example.org/",
        "https://www.example.org/?next=http://info.example.org",
        "www.example.org/info",
        "https://example.org/10712345678/0712/345/679",
        "https://example.org/@info",
    ):
        assert redact_contacts(f"See {link}, and", "info@example.org".__eq__, known) == f"See {link}, and"


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Call 0712-345-678 for a project", "call-for-a-project"),
        ("Write JRoe@example.org of a project", "write-of-a-project"),
        ("Write kudu@example.org of a project", "write-of-a-project"),
        ("A 0712 project", "a-0712-project"),
        ("0712 345 678", "unnamed"),
    ],
)
def test_project_key_omits_redacted_text(tmp_path: Path, title: str, key: str) -> None:
    source, other = tmp_path / "project.txt", tmp_path / "other.txt"
    source.write_text(TWO_NUMBERS.replace("A project", title))
    other.write_text(f"Another\n\nContact\n\nJane Roe\nMobile: 0712 345 678\n\nFollows\n\n{title}\n")
    release, _ = pipeline.build([source, other], tmp_path / "without", contacts=False, dumps=False)
    graph = graph_of(release.folder).decode()
    assert f"<https://w3id.org/cybilgraph/id/project/{key}> " in graph
    assert f"ontology#follows> <https://w3id.org/cybilgraph/id/project/{key}> ." in graph, (
        "links to the project still work"
    )
    text = everything(release.folder).lower()
    for words in (b"345-678", b"345 678", b"jroe", b"kudu"):
        assert words not in text


def test_slug_given_by_a_page_is_redacted(tmp_path: Path) -> None:
    source = tmp_path / "project.yaml"
    source.write_text(
        "title: A project\nslug: call-0712-345-678-jroe-example-org\naddress: https://example.org/call-0712-345-678\n"
        "contacts: Jane Roe, jroe@example.org, 0712 345 678\n"
    )
    release, _ = pipeline.build([source], tmp_path / "into", contacts=False, dumps=False)
    text = everything(release.folder)
    assert b"/id/project/call> " in text
    assert b"345-678" not in text
    assert b"jroe" not in text


def test_number_in_an_old_key_is_reported_and_later_builds_omit_it(tmp_path: Path) -> None:
    source, folder = tmp_path / "project.txt", tmp_path / "into"
    source.write_text(TWO_NUMBERS.replace("A project", "Call 0712-345-678 for a project"))
    pipeline.build([source], folder, dumps=False)
    assert "https://w3id.org/cybilgraph/id/project/call-0712-345-678-for-a-project" in (
        Releases(folder).erase("Jane Roe")[1].remaining
    )
    again, _ = pipeline.build([source], folder, dumps=False)
    assert b"345-678" not in everything(again.folder)


def test_international_number_without_a_contact_is_redacted(tmp_path: Path) -> None:
    source = tmp_path / "project.txt"
    call = "Call +44\u00a020\u20097946\u20090958, +676\u202f555\u202f12\u202f34 or tel:020-7946-0958"
    kept = "for GLACY+ 2018, +500 000 people, ISO 27001:2013 or 020 7946 0958."
    source.write_text(f"A project\n\nSummary\n\n{call} {kept}\n")
    release, _ = pipeline.build([source], tmp_path / "without", contacts=False, dumps=False)
    text = everything(release.folder)
    assert f'"Call {REDACTED}, {REDACTED} or {REDACTED} {kept}"'.encode() in text
    assert b"tel:" not in text, "nor in the stored page"
    pipeline.build([source], tmp_path / "into", dumps=False)
    assert b"tel:020" in everything(tmp_path / "into"), "nothing is redacted unless somebody is hidden"
