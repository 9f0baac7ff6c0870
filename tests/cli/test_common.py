"""The command line as people use it: messages, exit codes, pipes and missing files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cybilgraph.cli import main
from tests.conftest import RECORDS, SEED, run


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_has_an_example(command: str) -> None:
    text = run(command, "--help").stdout.decode()
    assert "Example:\n" in text or "Examples:\n" in text
    assert f"cybilgraph {command}" in text


@pytest.mark.parametrize(("command", "default"), [("collect", "that of --site, or"), ("build", "on without --site;")])
def test_help_shows_a_described_default_in_single_brackets(command: str, default: str) -> None:
    assert f"[default: {default}" in " ".join(run(command, "--help").stdout.decode().split())


def test_command_line_starts_without_the_libraries_that_only_some_commands_need() -> None:
    code = (
        "import sys, cybilgraph.cli; print(*{'flask', 'httpx', 'lxml', 'openpyxl', 'pyoxigraph'} & sys.modules.keys())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"\n"


def test_standard_input_has_a_size_limit() -> None:
    result = run("check", "-", given=SEED.read_bytes() + b"\nx" * 400_000)
    assert result.returncode == 2
    assert b"larger than" in result.stdout


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check", "/nowhere"), "no such file or folder"),
        (("build", "/nowhere", "--into", "x"), "no such file or folder"),
        (("serve", "/nowhere"), "contains no release"),
        (("query", "ASK {}", "--from", "/nowhere"), "contains no release"),
        (("query", "ASK {}", "--from", "http://127.0.0.1:9/sparql"), "does not respond"),
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
