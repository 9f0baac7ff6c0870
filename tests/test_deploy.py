"""What `cybilgraph deploy` prints is sound, as far as that can be told without a machine of its own."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cybilgraph import settings
from tests.conftest import ROOT, run, running_server


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    file = tmp_path / "cybilgraph.service"
    file.write_bytes(run("deploy", "systemd", tmp_path / "my releases").stdout)
    return file


def analyse(*arguments: object) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on this machine")
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True)


def test_systemd_takes_the_unit(unit: Path) -> None:
    checked = analyse("verify", "--man=no", "--recursive-errors=no", unit)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_unit_is_hardened(unit: Path) -> None:
    judged = analyse("security", "--offline=yes", "--threshold=25", "--no-pager", unit)
    assert judged.returncode == 0, judged.stdout


def test_the_unit_starts_what_there_is(unit: Path) -> None:
    [start] = re.findall(r"^ExecStart=(.*)", unit.read_text(), re.MULTILINE)
    program, *arguments = shlex.split(start)
    assert Path(program).exists()
    assert arguments == ["serve", str(unit.parent / "my releases"), "--log-format", "json"]
    kept = int(re.findall(r"TimeoutStopSec=(\d+)", unit.read_text())[0])
    assert kept > settings.Settings().stop_seconds


@pytest.fixture
def steps() -> list[tuple[str, str]]:
    """The instructions of the Containerfile."""
    text = re.sub(r"^#.*\n", "", run("deploy", "container").stdout.decode(), flags=re.MULTILINE)
    return [(step.split(None, 1)[0], step.split(None, 1)[1]) for step in text.replace("\\\n", "").splitlines() if step]


def test_the_container_runs_as_nobody_with_known_settings(steps: list[tuple[str, str]]) -> None:
    names = [name for name, _ in steps]
    last = names[len(names) - names[::-1].index("FROM") :]
    assert {"USER", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT"} <= set(last)
    assert dict(steps)["USER"].isdigit()
    known = {f"{settings.PREFIX}_{row.name.upper()}" for row in settings.names()}
    assert set(re.findall(r"CYBILGRAPH_\w+", " ".join(told for _, told in steps))) <= known
    assert json.loads(dict(steps)["ENTRYPOINT"]) == ["cybilgraph", "serve", "/releases"]


def test_the_container_is_made_of_what_the_package_is_made_of(steps: list[tuple[str, str]]) -> None:
    copied = [source for name, told in steps if name == "COPY" and "--from" not in told for source in told.split()[:-1]]
    assert all((ROOT / source).exists() for source in copied)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    needed = {path.split("/")[0] for path in build["targets"]["wheel"]["force-include"]}
    assert needed | {"src", "pyproject.toml", "README.md", "LICENSE", "requirements.txt"} == set(copied)


def test_the_container_has_the_pinned_versions(steps: list[tuple[str, str]]) -> None:
    [pattern] = re.findall(r"grep -oE '(.*?)'", next(told for name, told in steps if name == "RUN"))
    found = subprocess.run(
        ["grep", "-oE", pattern, str(ROOT / "requirements.txt")], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(found) > 20
    assert len(found) == len(re.findall(r"^\S", (ROOT / "requirements.txt").read_text(), re.MULTILINE))


def test_the_health_of_the_container_is_that_of_the_server(steps: list[tuple[str, str]], releases: Path) -> None:
    check = json.loads(dict(steps)["HEALTHCHECK"].partition("CMD ")[2])
    server = running_server(releases)
    environment = {"CYBILGRAPH_PORT": str(server.port)}
    with server:
        for _ in range(100):
            asked = subprocess.run([sys.executable, *check[1:]], env=environment, capture_output=True)
            if not asked.returncode:
                break
        assert asked.returncode == 0
    assert subprocess.run([sys.executable, *check[1:]], env=environment, capture_output=True).returncode
