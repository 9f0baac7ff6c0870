"""An erased contact is in no file of any release, and later builds do not restore it."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner

from cybilgraph import pipeline, read
from cybilgraph.cli.releases import forget
from cybilgraph.readers.contacts import REDACTED, address_pattern, phone_patterns, redact_contacts
from cybilgraph.release import Release, Releases
from cybilgraph.release.erasure import mentions
from cybilgraph.release.search import SearchIndex, SearchQuery
from tests.conftest import RECORDS, SEED, graph_of, run, running_server
from tests.web.api.test_protocol import send

#: The contact of the seed record, whose name occurs in no other record.
[_CONTACT] = next(iter(read(SEED))).contacts
NAME, EMAIL = _CONTACT.name, _CONTACT.email


def everything(folder: Path) -> bytes:
    """Return the decompressed content of all files in a folder, except stores."""
    parts = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.parent.name == "store":
            continue
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        elif path.suffix == ".zst":
            content = zstandard.ZstdDecompressor().stream_reader(content).read()
        elif path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                content = b"".join(archive.read(name) for name in archive.namelist())
        parts.append(content)
    return b"\n".join(parts)


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


PROSE = """A project

Summary

It helps Fiji.
Write to Tevita.Losa@example.org, or (tevita.losa [at] example [dot] org), or call +676 555 12 34.
The Council of Europe delivers it with others@partner.example.org.

Contact

Tevita Losa
tevita.losa@example.org
Tel: +676 555 12 34
"""


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


#: One number in the forms that people use.
SPELLINGS = (
    *("+44 20 7946 0958", "+442079460958", "0044 20 7946 0958", "+44 (0)20 7946-0958", "(020) 7946 0958"),
    *(
        "020 7946 0958",
        "02079460958",
        "+44.20.7946.0958",
        "20 7946 0958",
        "020/79460958",
        "+44_20_7946_0958",
        "020 7946 0958/9",
        "\uff0b\uff14\uff14 \uff12\uff10 \uff17\uff19\uff14\uff16 \uff10\uff19\uff15\uff18",
        "+44\u00a020\u00a079460958",
    ),
)
_OTHERS = ("+44 20 7946 0959", "+44 20 7946 09581", "120 7946 0958 7", "2018-2020", "EUR 20,794,609", "CVE-2079-460958")


@pytest.mark.parametrize("printed", ["+44 20 7946 0958", "(020) 7946-0958", "0044 20 79460958"])
def test_number_matches_all_its_spellings(printed: str) -> None:
    numbers = phone_patterns(f"Head of programmes, Tel. {printed}, 2018-2020")
    for spelling in SPELLINGS:
        assert redact_contacts(f"Call {spelling}.", lambda _: False, numbers) == f"Call {REDACTED}.", spelling
        assert redact_contacts(f"Call ({spelling}) 24", lambda _: False, numbers).endswith(f"{REDACTED}) 24"), spelling
    for other in _OTHERS:
        assert redact_contacts(f"Call {other}.", lambda _: False, numbers) == f"Call {other}.", other


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


def test_number_without_a_person_is_not_a_name(tmp_path: Path) -> None:
    source = tmp_path / "project.txt"
    source.write_text("A project\n\nSummary\n\nIt helps.\n\nContact\n\n0712 345 678 / 0733 345 679\n")
    [contact] = next(iter(read(source))).contacts
    assert (contact.name, contact.note) == ("", "0712 345 678 / 0733 345 679")


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


_OTHER_LINK = "https://www.example.org/0712/345?at=www.example.org"


@pytest.mark.parametrize(("link", "words"), _IN_LINKS)
def test_contact_data_in_links_is_redacted(tmp_path: Path, link: str, words: str) -> None:
    source, folder = tmp_path / "project.txt", tmp_path / "into"
    in_prose = TWO_NUMBERS.replace("It helps Fiji", f"It helps {link} Fiji")
    source.write_text(f"{in_prose}\nLinks\n\nHer page <{link}>\nAnother <{_OTHER_LINK}>\n")
    release, _ = pipeline.build([source], tmp_path / "without", contacts=False, dumps=False)
    pipeline.build([source], folder, dumps=False)
    assert not Releases(folder).erase("Jane Roe")[1].remaining
    for text in (everything(release.folder), everything(folder)):
        assert words.encode() not in text
        assert f"It helps {REDACTED} Fiji".encode() in text
        assert b"Her page" in text
        assert f"<{_OTHER_LINK}>".encode() in text, "a similar link is unchanged"


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
        ("Write others@example.org of a project", "write-of-a-project"),
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
    for words in (b"345-678", b"345 678", b"jroe", b"others"):
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


@pytest.mark.parametrize("space", ["\u00a0", "\u2009", "\u202f", "\u200b", "\u3000", "\u2060", "\u00ad", "\u2011"])
def test_number_matches_with_unusual_spaces(space: str) -> None:
    for spaced in ("020 7946 0958", "+44 20 7946 0958"):
        odd = spaced.replace(" ", space)
        for note, printed in ((spaced, odd), (odd, spaced), (odd, odd)):
            assert (
                redact_contacts(f"Call {printed}.", lambda _: False, phone_patterns(f"Tel. {note}"))
                == f"Call {REDACTED}."
            )


def test_address_is_erased_from_prose_and_a_name_in_prose_is_reported(tmp_path: Path) -> None:
    source, folder = tmp_path / "project.txt", tmp_path / "into"
    source.write_text(PROSE)
    pipeline.build([source], folder)
    source.write_text(PROSE.partition("Contact")[0])  # the address is only in the prose, not in a contact
    pipeline.build([source, SEED], folder)
    done = run("forget", folder, "TEVITA.LOSA@example.org")
    assert done.returncode == 0
    [note] = done.stderr.decode().splitlines()
    assert note.startswith("Not searched: suggested edits (give --suggestions DIR), record files, server logs, ")
    assert done.stdout.count(b"was rebuilt without the contact") == 2
    text = everything(folder).lower()
    assert b"losa" not in text
    assert b"others@partner.example.org" in text
    for number in (1, 2):
        Releases(folder).get(number).verify()
    again, _ = pipeline.build([source, SEED], folder)
    assert b"losa" not in everything(again.folder).lower()
    source.write_text(PROSE.replace("It helps Fiji.", "Ana Veikune helps Fiji."))
    pipeline.build([source], folder)
    named = run("forget", folder, "Ana Veikune")
    assert named.returncode == 1
    assert b"Release 0004 still contains the text in statements about project:" in named.stderr


def test_remaining_name_is_reported_after_erasure_by_address(tmp_path: Path) -> None:
    source, folder = tmp_path / "project.txt", tmp_path / "into"
    source.write_text(PROSE.replace("It helps Fiji.", "Tevita Losa helps Fiji."))
    pipeline.build([source], folder, dumps=False)
    erasures = Releases(folder).erase("tevita.losa@example.org")
    assert erasures[1].found
    assert erasures[1].remaining


def test_contact_matches_all_spellings(tmp_path: Path) -> None:
    source, folder = tmp_path / "project.txt", tmp_path / "into"
    source.write_text(PROSE.replace("It helps Fiji.", "It has tevita.losa%40example.org."))
    pipeline.build([source], folder, dumps=False)
    erasures = Releases(folder).erase("tevita   LOSA")
    assert (erasures[1].found, len(erasures[1].remaining)) == (True, 1), "the remaining address is reported"
    for who in ("mailto:Tevita.Losa@example.org", "<tevita.losa@example.org>", "T. Losa <tevita.losa@example.org>"):
        assert who in Releases(folder).erased_hashes()
    for text in ("Tevita\nLosa", "Tevita&nbsp;Losa", "tevita%20losa", "tevita.losa&#64;example.org"):
        assert mentions(text, {"tevita losa", "tevita.losa@example.org"}), text
    assert mentions("Tevita.Losa  [at] example (dot) org", {"tevita.losa@example.org"})
    assert "fewer than 3 letters" in CliRunner().invoke(forget, [str(folder), "L. O"]).output


def test_erased_contact_is_in_no_release(tmp_path: Path) -> None:
    for sources in ([SEED], [RECORDS / "cmm-review-samoa.txt"], [SEED, RECORDS / "cmm-review-samoa.txt"]):
        pipeline.build(sources, tmp_path)
    before = {number: Releases(tmp_path).get(number) for number in (1, 2, 3)}
    assert NAME.encode() in everything(tmp_path)
    with running_server(tmp_path) as url:
        dump = "/release/1/cybilgraph.nq.gz"
        assert NAME.encode() in gzip.decompress(send(url, "GET", dump).body)
        assert NAME.encode() in send(url, "GET", "/id/project/G0020.ttl?release=1").body
        lines = run("forget", tmp_path, f" {NAME.upper()} ").stdout.decode().splitlines()
        assert lines == [
            "Release 0001 was rebuilt without the contact.",
            "Release 0003 was rebuilt without the contact.",
        ]
        assert NAME.encode() not in gzip.decompress(send(url, "GET", dump).body)
        for _ in range(100):  # until the running server has switched
            if NAME.encode() not in send(url, "GET", "/id/project/G0020.ttl").body:
                break
            time.sleep(0.1)
        else:
            raise AssertionError
    text = everything(tmp_path)
    assert NAME.encode() not in text
    assert EMAIL.encode() not in text
    for number in (1, 3):
        release = Releases(tmp_path).get(number)
        release.verify()
        with closing(SearchIndex(release.search)) as index:
            assert index.find(SearchQuery("belize")).total == 1, "the search still works"
        assert release.manifest["forgotten"] == 1
        assert release.manifest["created"] == before[number].manifest["created"]
        assert release.manifest["counts"]["quads"] == len(graph_of(release.folder).splitlines())
        assert 0 < before[number].manifest["counts"]["quads"] - release.manifest["counts"]["quads"] < 6
        findings = json.loads((release.folder / "report.json").read_text(encoding="utf-8"))["findings"]
        assert len(findings) == sum(release.manifest["counts"]["findings"].values())
    assert Releases(tmp_path).get(2).manifest == before[2].manifest
    assert Releases(tmp_path).current_number() == 3
    again, _ = pipeline.build([SEED], tmp_path)
    assert NAME.encode() not in everything(again.folder), "a record that still names it does not bring it back"
    assert run("forget", tmp_path, NAME).stdout.startswith(b"No release contains this contact")


def test_damaged_release_does_not_get_valid_checksums(tmp_path: Path) -> None:
    release, _ = pipeline.build([SEED], tmp_path)
    with (release.folder / "identities.csv").open("a") as file:
        file.write("x,y\n")
    sums = (release.folder / "SHA256SUMS").read_bytes()
    whole, _ = pipeline.build([SEED], tmp_path)
    result = run("forget", tmp_path, EMAIL)
    assert (result.returncode, result.stdout) == (1, b"Release 0002 was rebuilt without the contact.\n")
    assert b"Release 0001 is damaged: identities.csv has a wrong checksum: left unchanged" in result.stderr
    assert f"remove {release.folder}" in result.stderr.decode()
    assert EMAIL.encode() not in graph_of(whole.folder), "intact releases are rebuilt"
    Releases(tmp_path).get(2).verify()
    assert (release.folder / "SHA256SUMS").read_bytes() == sums
    assert not list(tmp_path.glob(".building-*"))
    assert EMAIL in Releases(tmp_path).erased_hashes()


def test_forget_refuses_a_missing_folder(tmp_path: Path) -> None:
    refused = run("forget", tmp_path / "mistyped", NAME)
    assert (refused.returncode, b"There is no folder" in refused.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_interrupted_replacement_is_completed(release: Release, tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path, dumps=False)
    (tmp_path / "0001").rename(tmp_path / ".replacing-0001")  # killed between the two steps
    Releases(tmp_path).erase("Nobody")
    Releases(tmp_path).current().verify()
