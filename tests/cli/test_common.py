"""The command line as people use it: messages, exit codes, pipes and missing files."""

from __future__ import annotations

import json
import os
import pty
import shlex
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import rdflib

from cybilgraph import pipeline
from cybilgraph.cli import main
from tests.conftest import CYBILGRAPH, RECORDS, SEED, run, running_server

needs_pgrep = pytest.mark.skipif(shutil.which("pgrep") is None, reason="no pgrep on this machine (Debian: procps)")


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_has_an_example(command: str) -> None:
    text = run(command, "--help").stdout.decode()
    assert "Example:\n" in text or "Examples:\n" in text
    assert f"cybilgraph {command}" in text


@pytest.mark.parametrize("name", ["turtle", "ntriples", "nquads", "trig", "jsonld", "rdfxml"])
def test_convert_writes_valid_rdf(name: str, tmp_path: Path) -> None:
    result = run("convert", SEED, "-f", name, "-o", tmp_path / "out")
    assert result.returncode == 0
    assert result.stdout == b""
    parser = {"jsonld": "json-ld", "rdfxml": "xml", "ntriples": "nt"}.get(name, name)
    dataset = rdflib.Dataset(default_union=True)
    dataset.parse(tmp_path / "out", format=parser)
    assert len(dataset) == len(run("convert", SEED, "-f", "ntriples").stdout.splitlines())


def test_convert_reads_standard_input() -> None:
    given = SEED.read_bytes()
    piped = run("convert", "-", "-f", "ntriples", given=given).stdout
    assert b"id/project/G0020>" in piped
    assert piped.replace(b"<stdin>", b"belize-G0020.txt") == run("convert", SEED, "-f", "ntriples").stdout


def test_convert_reports_unwritable_output() -> None:
    result = run("convert", SEED, "-o", "/nowhere/out.ttl")
    assert result.returncode == 2
    assert b"/nowhere/out.ttl: cannot be written" in result.stderr


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


def test_standard_input_has_a_size_limit() -> None:
    result = run("check", "-", given=SEED.read_bytes() + b"\nx" * 400_000)
    assert result.returncode == 2
    assert b"larger than" in result.stdout


def test_check_reports_the_warning_of_the_seed_record() -> None:
    result = run("check", SEED)
    assert result.returncode == 0
    text = result.stdout.decode()
    assert "17:1" in text
    assert "No funder given" in text
    assert "1 record from 1 source: 0 violations, 1 warning" in text


def test_check_names_the_line_of_a_wrong_date(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text(SEED.read_text(encoding="utf-8").replace("To: Mar 2020", "To: Mar 2017"), encoding="utf-8")
    result = run("check", bad)
    assert result.returncode == 1
    assert "15:5" in result.stdout.decode()
    report = json.loads(run("check", bad, "-f", "json").stdout)
    assert report["conforms"] is False
    assert report["counts"] == {"violation": 1, "warning": 1, "info": 0}
    assert [finding["line"] for finding in report["findings"]] == [15, 17]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "photo.jpg",
            b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01" * 50,
            "unsupported file type '.jpg'",
        ),
        ("photo.txt", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01" * 50, "not a text file"),
        ("empty.txt", b"", "the file is empty"),
        ("blank.txt", b"\n \n\t\n", "the file is empty"),
        ("big.txt", b"x" * 6_000_000, "larger than"),
    ],
)
def test_unreadable_file_is_reported(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    result = run("check", path)
    assert result.returncode == 2
    assert message in result.stdout.decode()
    result = run("convert", path)
    assert result.returncode == 2
    assert message in result.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "/nowhere"), "no such file or folder"),
        (("build", "/nowhere", "--into", "x"), "no such file or folder"),
        (("serve", "/nowhere"), "contains no release"),
        (("query", "ASK {}", "--from", "/nowhere"), "contains no release"),
        (("query", "ASK {}", "--from", "http://127.0.0.1:9/sparql"), "does not answer"),
        (("query", "example-nothing", "--from", "x"), "There is no query"),
        (("query", "nothing.rq", "--from", "x"), "no such file"),
        (("query", "DELETE WHERE { ?s ?p ?o }", "--from", "x"), "read-only"),
        (("query", "example-projects-in-country", "--param", "BZ", "--from", "x"), "not NAME=VALUE"),
        (("query", "example-projects-in-country", "--param", "country=Belise", "--from", "x"), "Did you mean Belize"),
        (("query", str(RECORDS), "--from", "x"), "no SELECT, ASK"),
        ((), "Commands:"),
    ],
)
def test_wrong_use_is_explained(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert message in (result.stderr + result.stdout).decode()


def test_build_prints_a_summary_and_query_answers(tmp_path: Path) -> None:
    built = run("build", RECORDS, "--into", tmp_path)
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


def test_command_printed_by_build_can_be_copied(tmp_path: Path) -> None:
    source = tmp_path / "a page; touch planted $(touch planted).txt"
    source.write_text("A project\n\nStatus: Finishd\n", encoding="utf-8")
    done = run("build", source, "--into", tmp_path / "releases")
    [line] = [line for line in done.stdout.decode().splitlines() if "cybilgraph check" in line]
    assert shlex.split(line.partition(": ")[2]) == ["cybilgraph", "check", str(source)]


def test_strict_build_creates_no_release_on_a_violation(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("A project\nFrom: 2020\nTo: 2019\n", encoding="utf-8")
    result = run("build", tmp_path / "page.txt", "--into", tmp_path / "into", "--strict")
    assert result.returncode == 2
    assert "page.txt:3" in result.stderr.decode()
    assert not (tmp_path / "into" / "current").exists()


@needs_pgrep
def test_no_process_outlives_a_killed_server(tmp_path: Path) -> None:
    pipeline.build([SEED], tmp_path)
    server = running_server(tmp_path)
    server.__enter__()
    server.process.kill()
    server.process.wait()
    server.output.close()
    deadline = time.monotonic() + 10
    while subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True).stdout:
        assert time.monotonic() < deadline, "processes outlive their server"
        time.sleep(0.1)


def test_queries_lists_parameters() -> None:
    text = run("queries").stdout.decode()
    assert "example-projects-in-country  --param country=…" in text


def test_terminal_shows_a_progress_bar(tmp_path: Path) -> None:
    lead, follow = pty.openpty()
    process = subprocess.Popen(
        [*CYBILGRAPH, "build", str(RECORDS), "--into", str(tmp_path)],
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


@needs_pgrep
def test_serve_prints_its_address_and_stops_on_interrupt(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    pipeline.build([SEED], releases)
    server = running_server(releases)
    with server as url:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
            pass
        second = run("serve", releases, "--port", url.rpartition(":")[2])
        assert second.returncode == 2
        assert b"Address already in use" in second.stderr
        children = subprocess.run(
            ["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True
        ).stdout.split()
        os.killpg(server.process.pid, signal.SIGINT)  # as Ctrl-C does
        assert server.process.wait(timeout=20) == 0
        shown = server.log
        assert f"Serving release 0001 at {url}/" in shown
        assert "Traceback" not in shown
    assert children
    deadline = time.monotonic() + 10
    while subprocess.run(["pgrep", "-f", f"engine.worker {releases}"], capture_output=True).stdout:
        assert time.monotonic() < deadline, "query workers outlive their server"
        time.sleep(0.1)
