"""Records become RDF or a release, and no file is damaged."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
from pathlib import Path

import pytest
import rdflib

from tests.conftest import CYBILGRAPH, PAGES, SEED, run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["turtle", "ntriples", "nquads", "trig", "jsonld", "rdfxml"])
def test_convert_writes_valid_rdf(name: str, tmp_path: Path) -> None:
    result = run("convert", SEED, "-f", name, "-o", tmp_path / "out")
    assert result.returncode == 0
    assert result.stdout == b""
    parser = {"jsonld": "json-ld", "rdfxml": "xml", "ntriples": "nt"}.get(name, name)
    dataset = rdflib.Dataset(default_union=True)
    dataset.parse(tmp_path / "out", format=parser)
    assert len(dataset) == len(run("convert", SEED, "-f", "ntriples").stdout.splitlines())


@pytest.mark.slow
def test_convert_reads_standard_input() -> None:
    given = SEED.read_bytes()
    piped = run("convert", "-", "-f", "ntriples", given=given).stdout
    assert b"id/project/G0020>" in piped
    assert piped.replace(b"<stdin>", b"belize-G0020.txt") == run("convert", SEED, "-f", "ntriples").stdout


@pytest.mark.slow
def test_stated_only_extracts_nothing_from_prose(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_text("A project\n\nSummary\n\nIt is funded by the European Union in Kenya.\n", encoding="utf-8")
    for name in ("ntriples", "iati"):
        assert b"European Union" in run("convert", page, "-f", name).stdout.replace(b"/eu>", b"European Union")
        stated = run("convert", page, "-f", name, "--stated-only")
        assert stated.returncode == 0
        assert b"/actor/eu" not in stated.stdout
        assert b"KE" not in stated.stdout
    run("build", page, "--into", tmp_path / "into", "--stated-only")
    query = "ASK { ?project cyb:funder ?funder }"
    assert run("query", query, "--from", tmp_path / "into").stdout == b"no\n"
    run("build", page, "--into", tmp_path / "into")
    assert run("query", query, "--from", tmp_path / "into").stdout == b"yes\n"


def test_convert_reports_unwritable_output() -> None:
    result = run("convert", SEED, "-o", "/nowhere/out.ttl")
    assert result.returncode == 2
    assert b"/nowhere/out.ttl: cannot be written" in result.stderr


@pytest.mark.slow
def test_convert_never_damages_sources_or_existing_output(tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    page.write_bytes(SEED.read_bytes())
    refused = run("convert", page, "-o", page)
    assert refused.returncode == 2
    assert page.read_bytes() == SEED.read_bytes()
    good, link = tmp_path / "good.ttl", tmp_path / "link.ttl"
    good.write_text("good", encoding="utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    assert run("convert", tmp_path / "empty.txt", "-o", good).returncode == 2
    assert good.read_text(encoding="utf-8") == "good"
    link.symlink_to(good)
    assert run("convert", page, "-o", link).returncode == 0
    assert link.is_symlink()
    assert "cyb:Project" in good.read_text(encoding="utf-8")
    assert run("convert", page, "-o", "/dev/null").returncode == 0
    assert not Path("/dev/null").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.txt", "good.ttl", "link.ttl", "page.txt"]


@pytest.mark.slow
def test_build_prints_a_summary_and_query_answers(tmp_path: Path) -> None:
    built = run("build", *PAGES, "--into", tmp_path)
    assert built.returncode == 0
    assert "Release 0001" in built.stdout.decode()
    assert "14 projects" in built.stdout.decode()
    assert "15 records from 15 sources: 0 violations" in built.stdout.decode()
    assert built.stderr == b"", "no progress bar in a pipe"
    table = run("query", "example-projects-in-country", "--param", "country=Guyana", "--from", tmp_path)
    assert "Cyber4Dev" in table.stdout.decode()
    assert table.stderr.decode().strip() == "1 row"
    assert run("query", "ASK { ?s ?p ?o }", "--from", tmp_path).stdout == b"yes\n"
    own = tmp_path / "own.rq"
    own.write_text("# title: Own\nSELECT ('[bold]x[/bold]' AS ?x) {}", encoding="utf-8")
    assert b"[bold]x[/bold]" in run("query", own, "--from", tmp_path).stdout
    assert run("query", "DESCRIBE project:G0020", "--from", tmp_path, "-f", "turtle").stdout.startswith(b"@prefix")
    long = f"ASK {{ ?s ?p '{'x' * 3000}' }}"
    assert run("query", long, "--from", tmp_path).stdout == b"no\n"
    wrong = run("query", "SELECT ?s WHERE { ?s ex:p ?o }", "--from", tmp_path)
    assert wrong.returncode == 2
    assert "line 1" in wrong.stderr.decode()
    assert "ex:" in wrong.stderr.decode()


@pytest.mark.slow
def test_command_printed_by_build_can_be_copied(tmp_path: Path) -> None:
    source = tmp_path / "a page; touch planted $(touch planted).txt"
    source.write_text("A project\n\nStatus: Finishd\n", encoding="utf-8")
    site = tmp_path / "site.toml"
    site.write_text('title = "Hub"\ndescription = "Projects."\npublisher.name = "Hub"\n', encoding="utf-8")
    for more in ((), ("--site", str(site))):
        done = run("build", source, *more, "--into", tmp_path / "releases" / str(len(more)))
        [line] = [line for line in done.stdout.decode().splitlines() if "cybilgraph check" in line]
        assert shlex.split(line.partition(": ")[2]) == ["cybilgraph", "check", str(source), *more]


def test_strict_build_creates_no_release_on_a_violation(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("A project\nFrom: 2020\nTo: 2019\n", encoding="utf-8")
    result = run("build", tmp_path / "page.txt", "--into", tmp_path / "into", "--strict")
    assert result.returncode == 2
    assert "page.txt:3" in result.stderr.decode()
    assert not (tmp_path / "into" / "current").exists()


@pytest.mark.slow
def test_terminal_shows_a_progress_bar(tmp_path: Path) -> None:
    lead, follow = pty.openpty()
    process = subprocess.Popen(
        [*CYBILGRAPH, "build", *map(str, PAGES), "--into", str(tmp_path)],
        stdout=follow,
        stderr=follow,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(follow)
    shown = b""
    try:
        while chunk := os.read(lead, 65536):
            shown += chunk
    except OSError:  # a closed terminal raises an error at its other end
        pass
    os.close(lead)
    assert process.wait() == 0
    assert b"Building" in shown
    assert b"15/15" in shown


def test_day_of_the_rules_needs_the_reference_data() -> None:
    result = run("convert", SEED, "--as-of", "2026-01-31")
    assert result.returncode == 2
    assert b"--as-of needs --reference" in result.stderr
