"""An erased contact is in no file of any release, and later builds do not restore it."""

from __future__ import annotations

import gzip
import json
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from cybilgraph import pipeline, read
from cybilgraph.cli.releases import forget
from cybilgraph.identity.decisions import Decision, Verdict, append_decisions
from cybilgraph.rdf.dumps import MAY_REACH
from cybilgraph.readers.contacts import REDACTED, phone_patterns, redact_contacts
from cybilgraph.release import Release, Releases
from cybilgraph.release.erasure import mentions
from cybilgraph.release.forgotten import read_forgotten
from cybilgraph.release.search import SearchIndex, SearchQuery
from cybilgraph.release.sources import SOURCES, iterate_text_pages
from tests.conftest import RECORDS, SEED, graph_of, run, running_server
from tests.support.erasure import EMAIL, NAME, PROSE, everything
from tests.support.http_client import send

pytestmark = pytest.mark.slow

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


def test_number_without_a_person_is_not_a_name(tmp_path: Path) -> None:
    source = tmp_path / "project.txt"
    source.write_text("A project\n\nSummary\n\nIt helps.\n\nContact\n\n0712 345 678 / 0733 345 679\n")
    [contact] = next(iter(read(source))).contacts
    assert (contact.name, contact.note) == ("", "0712 345 678 / 0733 345 679")


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
        assert who in read_forgotten(folder)
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
        assert b"mayReach" in gzip.decompress(release.served_files()[MAY_REACH].read_bytes())
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


def test_page_of_a_table_that_names_a_contact_is_erased(tmp_path: Path) -> None:
    """Other pages of the text remain."""
    rows = [f"Project {number},\n" for number in range(1, 600)]
    table = tmp_path / "projects.csv"
    table.write_text(f"title,contacts\n{''.join(rows)}Last,Tevita Losa <tevita@example.org>\n", encoding="utf-8")
    built, _ = pipeline.build([table], tmp_path / "releases")
    assert "Tevita" in "".join(text for _, _, text in iterate_text_pages(built.folder / SOURCES))
    run("forget", tmp_path / "releases", "Tevita Losa")
    pages = list(iterate_text_pages(built.folder / SOURCES))
    assert [number for _, number, _ in pages] == [1]
    assert "Tevita" not in pages[0][2]


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
    assert EMAIL in read_forgotten(tmp_path)


def test_forget_refuses_a_missing_folder(tmp_path: Path) -> None:
    refused = run("forget", tmp_path / "mistyped", NAME)
    assert (refused.returncode, b"There is no folder" in refused.stderr) == (2, True)
    assert not list(tmp_path.iterdir())


def test_interrupted_replacement_is_completed(release: Release, tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path, dumps=False)
    (tmp_path / "0001").rename(tmp_path / ".replacing-0001")  # killed between the two steps
    Releases(tmp_path).erase("Nobody")
    Releases(tmp_path).current().verify()


def test_contact_is_erased_from_decisions_which_still_apply(tmp_path: Path) -> None:
    folder, decisions = tmp_path / "releases", tmp_path / "decisions"
    by_contact = Decision(
        record="G0020",
        field="funder",
        value="itu",
        verdict=Verdict.YES,
        who=NAME,
        why=f"By {EMAIL}",
        sentence="ITU pays.",  # which the record does not say, so that a finding names the curator
    )
    about = Decision(record="G0020", field="partner", value=NAME, verdict=Verdict.NO, who="Ana", suggested_by=NAME)
    append_decisions(decisions, [by_contact])
    before, _ = pipeline.build([SEED], folder, decisions=decisions, dumps=False)
    assert f'> "{NAME}" .'.encode() in graph_of(before.folder)
    assert f"since {NAME} decided" in (before.folder / "report.json").read_text(encoding="utf-8")
    append_decisions(decisions, [about])
    done = run("forget", folder, EMAIL, "--decisions", decisions)
    assert done.returncode == 1, "a decision still needs the name"
    assert "2 decisions were changed. Earlier versions in git still contain the contact." in done.stdout.decode()
    said = done.stderr.decode()
    assert "Release 0001 still contains" not in said
    graph = graph_of(folder / "0001")
    assert NAME.lower().encode() not in everything(folder / "0001").lower()
    assert graph.count(b'curator/a-curator> <http://xmlns.com/foaf/0.1/name> "A curator"') == 1
    assert b"/participation/itu/funder> <http://www.w3.org/ns/prov#wasAttributedTo>" in graph
    assert f"{decisions / 'ana.csv'}, line 2 still names the contact, to keep the name out of releases." in said
    assert "curators' decisions" not in said
    assert everything(decisions).decode().count(NAME) == 1
    release, _ = pipeline.build([SEED], folder, decisions=decisions, dumps=False)
    text = everything(release.folder).lower()
    assert EMAIL.encode() not in text
    assert NAME.lower().encode() not in text
    assert b"participation/itu/funder" in text, "the decision still applies"
