"""The README is true: each command is run as printed, and prints what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, run, running_server

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", README, re.DOTALL)
COMMANDS = [block for block in BLOCKS if not block[0].startswith("make")]


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().splitlines())


@pytest.mark.parametrize(("command", "output"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_a_command_prints_what_the_readme_says(command: str, output: str, releases: Path, server: str) -> None:
    if command.startswith("curl") and shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    command = command.replace("build/releases", str(releases)).replace("http://127.0.0.1:8000", server)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["bash", "-c", f"{command} 2>&1"], cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    assert trimmed(result.stdout) == trimmed(output)


def test_python_prints_what_the_readme_says() -> None:
    program = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    expected = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert program
    assert expected
    result = subprocess.run([sys.executable, "-c", program[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert trimmed(result.stdout) == trimmed(expected[1])


def test_make_demo_prints_what_the_readme_says(tmp_path: Path) -> None:
    [expected] = [output for command, output in BLOCKS if command == "make demo"]
    address = running_server(tmp_path).url  # a free port
    target = ["make", "-s", "demo", f"RELEASES={tmp_path / 'releases'}", f"PORT={address.rpartition(':')[2]}"]
    process = subprocess.Popen(
        target, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout
    shown = ""
    deadline = time.monotonic() + 60
    while "Ctrl-C" not in shown and time.monotonic() < deadline:
        shown += process.stdout.readline()
    os.killpg(process.pid, 15)
    process.wait(timeout=20)
    process.stdout.close()
    shown = shown.replace(str(tmp_path / "releases"), "build/releases").replace(address, "http://127.0.0.1:8000")
    # The number of statements changes with every line of the ontology.
    shown, expected = (re.sub(r"[\d,]+ statements", "N statements", text) for text in (shown, expected))
    assert trimmed(shown) == trimmed(expected)


def test_every_link_leads_somewhere() -> None:
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data" / "README.md"):
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (path.parent / link).exists(), (path, link)


def test_the_demo_does_not_depend_on_the_day(tmp_path: Path) -> None:
    """Some rules take an end or a start for long past; the demo says of which day it is."""
    [day] = re.findall(r"^demo: AS_OF = --as-of (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = run("build", "data/records", "--into", tmp_path / "then", "--as-of", "2024-06-01").stdout.decode()
    assert "[open-end-long-past]" not in shown
    shown = run("build", "data/records", "--into", tmp_path / "now", "--as-of", day).stdout.decode()
    assert "[open-end-long-past]" in shown


def test_each_guarantee_of_the_security_policy_names_its_tests() -> None:
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+ \| (`tests/.+`) \|$", policy.partition("## What is guaranteed")[2], re.MULTILINE)
    assert len(rows) > 10
    for file in re.findall(r"`(.+?)`", " ".join(rows)):
        assert (ROOT / file).is_file(), file
    assert len(policy.encode()) <= 5_000
