"""Organisations that a deployment adds and merges take effect in every command, on the site and in its workers."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cybilgraph.model.vocabulary import BASE
from cybilgraph.release import Releases
from tests.conftest import run, running_server
from tests.support.operations import until

HEADER = "code,title,funders,implementers,countries,summary\n"
RECORDS = (
    "G0901,Courses in Fiji,Bula Trust,GFCE,Fiji,The courses are delivered by the Bula Trust.\n"
    "G0902,Courses in Tonga,Access Now,Bula Foundation,Tonga,The courses are funded by Access Now.\n"
    "G0903,Advice in Samoa,GFCE,,Samoa,The project is implemented by Access Now.\n"
)


def actors(*arguments: object) -> str:
    done = run("actors", *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def projects_by_actor(releases: Path) -> Counter[str]:
    """Return the number of projects that each actor funds or implements."""
    query = "SELECT ?actor ?project { ?project cyb:funder|cyb:implementer ?actor }"
    rows = run("query", query, "--from", releases, "-f", "csv").stdout.decode().splitlines()[1:]
    return Counter(actor.rpartition("/")[2] for actor, _ in {tuple(row.split(",")) for row in rows})


def rules(*arguments: object) -> list[str]:
    found = json.loads(run("check", *arguments, "-f", "json").stdout)["findings"]
    return [one["rule"] for one in found]


def ask(url: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str, bytes]:
    """Return the status of an answer, where it redirects to, and its content."""
    with contextlib.closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=200)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers.get("Location", ""), response.read()


def get(url: str, path: str) -> tuple[int, str]:
    return ask(url, "GET", path)[:2]


@pytest.mark.slow
def test_merged_actors_redirect_and_their_counts_add_up(tmp_path: Path) -> None:
    source, own, releases = tmp_path / "projects.csv", tmp_path / "own", tmp_path / "releases"
    source.write_text(HEADER + RECORDS, encoding="utf-8")
    actors("add", "Bula Foundation", "--type", "civil-society", "--country", "FJ", "--reference", own)
    assert run("build", source, "--into", releases, "--reference", own).returncode == 0
    before = projects_by_actor(releases)
    assert before == {"bula-trust": 1, "gfce": 2, "access-now": 2, "bula-foundation": 1}
    assert "Merged Bula Trust into bula-foundation" in actors(
        "merge", "Bula Trust", "bula-foundation", "--unlisted", "--reference", own
    )
    actors("merge", "access-now", "gfce", "--reference", own)
    built = run("build", source, "--into", releases, "--reference", own)
    assert f"--reference {own}" in built.stdout.decode(), "the command that lists the findings"
    after = projects_by_actor(releases)
    assert after == {"bula-foundation": 2, "gfce": 3}, "one project names both GFCE and Access Now"

    release = Releases(releases).current()
    assert release.reference() == {"actors.csv": (own / "actors.csv").read_text(encoding="utf-8")}
    assert "reference/actors.csv" in release.manifest["files"]
    dump = next(path for name, path in release.served_files().items() if name == "cybilgraph.nt.gz")
    lines = gzip.decompress(dump.read_bytes()).decode()
    for old, new in (("bula-trust", "bula-foundation"), ("access-now", "gfce")):
        pointer = f"<{BASE}id/actor/{old}> <http://purl.org/dc/terms/isReplacedBy> <{BASE}id/actor/{new}> ."
        assert pointer in lines
        assert f" <{BASE}id/actor/{old}> ." not in lines
    changes = run("diff", releases, 1, 2).stdout.decode()
    assert "“Bula Trust” → “Bula Foundation”" in changes

    server = running_server(releases)
    with server as url:
        assert get(url, "/id/actor/bula-trust") == (301, "/id/actor/bula-foundation")
        assert get(url, "/id/actor/access-now.ttl") == (301, "/id/actor/gfce.ttl")
        assert get(url, "/id/actor/gfce")[0] == 200
        assert get(url, "/id/actor/never-named")[0] == 404
        body = f"{HEADER}G0904,Courses,Bula Trust,,Fiji,\n".encode()
        answer = ask(url, "POST", "/api/check?format=json", body, Content_Type="text/csv")[2]
        found = json.loads(answer)["findings"]
        assert not [one for one in found if one["rule"].endswith("known-actor")], "check workers know the names"

        # A name that is neither listed nor in a record any more is gone.
        own.joinpath("actors.csv").unlink()
        source.write_text(HEADER + RECORDS.splitlines(keepends=True)[2], encoding="utf-8")
        assert run("build", source, "--into", releases, "--reference", own).returncode == 0
        until(lambda: "Release 0003 is now being served" in server.log)
        assert get(url, "/id/actor/bula-foundation")[0] == 410
        until(lambda: "Release 0003 was built with other reference data" in server.log)


@pytest.mark.slow
def test_every_process_uses_the_own_names(tmp_path: Path) -> None:
    """Also the worker processes that read prose, and commands that get the folder from the environment."""
    own, pages = tmp_path / "own", tmp_path / "pages"
    actors("add", "Zeta Foundation", "--alias", "Zeta Ring", "--type", "civil-society", "--reference", own)
    pages.mkdir()
    for number in range(600):  # more than one process reads at once
        text = f"Course {number}\n\nSummary\nThe course is delivered by Zeta Ring in Fiji.\n"
        (pages / f"{number}.txt").write_text(text, encoding="utf-8")
    query = (
        "SELECT (COUNT(DISTINCT ?project) AS ?n) "
        "{ ?project cyb:participation [ cyb:role role:implementer ; cyb:actor actor:zeta-foundation ] }"
    )
    counts = []
    for options, variables in ((("--reference", str(own)), {}), ((), {"CYBILGRAPH_REFERENCE": str(own)}), ((), {})):
        releases = tmp_path / f"releases-{len(counts)}"
        assert run("build", pages, "--into", releases, "--no-dumps", *options, **variables).returncode == 0
        counts.append(run("query", query, "--from", releases, "-f", "csv").stdout.decode().split()[1])
    assert counts == ["600", "600", "0"]


@pytest.mark.slow
def test_check_and_convert_use_the_own_names(tmp_path: Path) -> None:
    source, own = tmp_path / "projects.csv", tmp_path / "own"
    source.write_text(f"{HEADER}G0904,Courses,Bula Trust,,Fiji,\n", encoding="utf-8")
    actors("add", "Bula Foundation", "--type", "civil-society", "--alias", "Bula Trust", "--reference", own)
    assert [rule for rule in rules(source) if rule.endswith("known-actor")]
    assert not [rule for rule in rules(source, "--reference", own) if rule.endswith("known-actor")]
    turtle = run("convert", source, "--own-reference", own, "--reference").stdout.decode()
    assert "actor:bula-foundation" in turtle
    assert "actor:bula-trust" not in turtle
    assert "actor:bula-foundation" in run("shapes", "--reference", own).stdout.decode().replace(
        f"<{BASE}id/actor/bula-foundation>", "actor:bula-foundation"
    )


@pytest.mark.slow
def test_wrong_row_stops_a_command_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "actors.csv").write_text("id,name,type\nbula,Bula,society\n", encoding="utf-8")
    done = run("check", "data/records/belize-G0020.txt", "--reference", tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'actors.csv'}, line 1: the column" in done.stderr.decode()


def test_former_iri_in_rdf_is_read_as_the_present_actor(tmp_path: Path) -> None:
    own, source = tmp_path / "own", tmp_path / "a.ttl"
    actors("merge", "access-now", "gfce", "--reference", own)
    source.write_text(
        f"@prefix cyb: <{BASE}ontology#> . @prefix dcterms: <http://purl.org/dc/terms/> .\n"
        f'<{BASE}id/project/G0905> a cyb:Project ; dcterms:title "Courses"@en ; '
        f"cyb:funder <{BASE}id/actor/access-now> .\n",
        encoding="utf-8",
    )
    lines = run("convert", source, "--own-reference", own, "-f", "ntriples").stdout.decode()
    assert f"<{BASE}ontology#funder> <{BASE}id/actor/gfce>" in lines
    assert f"<{BASE}ontology#funder> <{BASE}id/actor/access-now>" not in lines


@pytest.mark.slow
def test_erasing_a_person_keeps_the_own_names(tmp_path: Path) -> None:
    own, source, releases = tmp_path / "own", tmp_path / "a.csv", tmp_path / "releases"
    actors("merge", "access-now", "gfce", "--reference", own)
    source.write_text("title,contacts\nCourses,Ana Bula <ana@example.org>\n", encoding="utf-8")
    assert run("build", source, "--contacts", "--into", releases, "--no-dumps", "--reference", own).returncode == 0
    before = Releases(releases).current().reference()
    assert run("forget", releases, "ana@example.org").returncode == 0
    release = Releases(releases).current()
    assert release.manifest["forgotten"] == 1
    assert release.reference() == before != {}
