"""The unit and the Containerfile that `cybilgraph deploy` prints are valid, as far as tests can show."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cybilgraph.web.server import settings
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


def test_systemd_accepts_the_unit(unit: Path) -> None:
    checked = analyse("verify", "--man=no", "--recursive-errors=no", unit)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_unit_is_hardened(unit: Path) -> None:
    result = analyse("security", "--offline=yes", "--threshold=25", "--no-pager", unit)
    assert result.returncode == 0, result.stdout


def test_the_unit_starts_the_installed_program(unit: Path) -> None:
    [start] = re.findall(r"^ExecStart=(.*)", unit.read_text(), re.MULTILINE)
    program, *arguments = shlex.split(start.removeprefix(":"))
    assert Path(program).exists()
    assert arguments == ["serve", str(unit.parent / "my releases"), "--log-format", "json"]
    timeout = int(re.findall(r"TimeoutStopSec=(\d+)", unit.read_text())[0])
    assert timeout > settings.Settings().stop_seconds


@pytest.mark.parametrize(
    "name",
    [
        b"a b",
        b"x\nExecStartPre=/bin/false\n[Install]",
        b"x\rUser=root",
        b'" /etc "',
        b"' /etc '",
        b"back\\slash\\",
        b"%h%n%%",
        b"$HOME ${HOME} $$",
        b"\\x0a\\n",
        b"\xff\xc3",
        "\u2028\u202eü".encode(),
        b"; /bin/false ;",
        b"{stop}",
    ],
)
def test_folder_name_stays_one_word_in_the_unit(name: bytes, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(name)
    (tmp_path / "cybilgraph.service").write_bytes(run("deploy", "systemd", folder).stdout)
    lines = (tmp_path / "cybilgraph.service").read_text(encoding="utf-8").splitlines()
    plain = run("deploy", "systemd", tmp_path / "plain").stdout.decode().splitlines()
    assert [line for line in lines if "ExecStart" not in line] == [line for line in plain if "ExecStart" not in line]
    [start] = [line for line in lines if line.startswith("ExecStart=:")]
    found = re.fullmatch(r'ExecStart=:"[^"]*" serve "((?:[^"\\]|\\.)*)" --log-format json', start)
    assert found
    # Decode as systemd does (systemd.syntax(7), Quoting; systemd.unit(5), Specifiers).
    word = re.sub(rb'\\x([0-9a-f]{2})|\\([\\"])|%(%)', _unescape, os.fsencode(found[1]))
    assert word == os.fsencode(folder)
    checked = analyse("verify", "--man=no", "--recursive-errors=no", tmp_path / "cybilgraph.service")
    assert (checked.returncode, checked.stderr) == (0, "")


def _unescape(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else found[2] or found[3]


@pytest.fixture
def steps() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile."""
    text = re.sub(r"^#.*\n", "", run("deploy", "container").stdout.decode(), flags=re.MULTILINE)
    return [(step.split(None, 1)[0], step.split(None, 1)[1]) for step in text.replace("\\\n", "").splitlines() if step]


def test_the_container_runs_as_nobody_with_known_settings(steps: list[tuple[str, str]]) -> None:
    names = [name for name, _ in steps]
    last = names[len(names) - names[::-1].index("FROM") :]
    assert {"USER", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT"} <= set(last)
    assert dict(steps)["USER"].isdigit()
    known = {f"{settings.ENVIRONMENT_PREFIX}_{row.name.upper()}" for row in settings.all_settings()}
    assert set(re.findall(r"CYBILGRAPH_\w+", " ".join(arguments for _, arguments in steps))) <= known
    assert json.loads(dict(steps)["ENTRYPOINT"]) == ["cybilgraph", "serve", "/releases"]


def test_the_container_copies_everything_the_package_needs(steps: list[tuple[str, str]]) -> None:
    copies = [arguments for name, arguments in steps if name == "COPY" and "--from" not in arguments]
    copied = [source for arguments in copies for source in arguments.split()[:-1]]
    assert all((ROOT / source).exists() for source in copied)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    needed = {path.split("/")[0] for path in build["targets"]["wheel"]["force-include"]}
    assert needed | {"src", "pyproject.toml", "README.md", "LICENSE", "requirements-serve.txt"} == set(copied)


def test_the_container_installs_only_with_hashes(steps: list[tuple[str, str]]) -> None:
    commands = [command for name, line in steps if name == "RUN" for command in line.split("&&")]
    installs = [command for command in commands if "pip install" in command]
    assert len(installs) == 2
    assert {"--require-hashes", "/source/requirements-serve.txt"} <= set(installs[0].split())
    assert {"--no-index", "--no-deps", "--no-build-isolation", "/source"} <= set(installs[1].split())


def test_the_base_image_can_be_pinned_by_digest(steps: list[tuple[str, str]]) -> None:
    text = run("deploy", "container").stdout.decode()
    assert next(step for step in steps if step[0] == "ARG")[1].startswith("PYTHON_IMAGE=")
    assert {arguments.split()[0] for name, arguments in steps if name == "FROM"} == {"${PYTHON_IMAGE}"}
    assert "--build-arg PYTHON_IMAGE=NAME@sha256:DIGEST" in text
    assert not re.search(r"sha256:[0-9a-f]", text), "the template must not contain a digest"
    assert "--read-only" in text


def test_the_container_installs_the_tested_versions() -> None:
    def pinned(file: str) -> dict[str, str]:
        rows = re.split(r"\n(?=\S)", (ROOT / file).read_text(encoding="utf-8").strip())
        return {re.split(r"==|\[", row)[0]: row for row in rows}

    served, tested = pinned("requirements-serve.txt"), pinned("requirements.txt")
    assert len(served) > 30
    assert all("--hash=sha256:" in row for row in served.values())
    assert all(_versions(tested[name]) == _versions(row) for name, row in served.items())
    needed, waiting = set(), ["cybilgraph", "hatchling"]
    while waiting:
        name = waiting.pop()
        for requirement in map(Requirement, metadata.requires(name) or ()):
            other = canonicalize_name(requirement.name)
            if other not in needed and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
                needed.add(other)
                waiting.append(other)
    assert needed | {"hatchling"} <= served.keys()


def _versions(row: str) -> set[str]:
    """Return the version and hashes of a requirement; its Python marker depends on the other pins."""
    return set(re.findall(r"==[^ ;]+|sha256:\w+", row.replace("'", " ")))


@pytest.mark.slow
def test_the_health_check_reports_the_state_of_the_server(steps: list[tuple[str, str]], releases: Path) -> None:
    check = json.loads(dict(steps)["HEALTHCHECK"].partition("CMD ")[2])
    server = running_server(releases)
    environment = {"CYBILGRAPH_PORT": str(server.port)}
    with server:
        for _ in range(100):
            result = subprocess.run([sys.executable, *check[1:]], env=environment, capture_output=True)
            if not result.returncode:
                break
        assert result.returncode == 0
    assert subprocess.run([sys.executable, *check[1:]], env=environment, capture_output=True).returncode


def test_each_number_of_records_has_an_estimate() -> None:
    shown = run("sizing", "--records", 50_000, "--records", 7_000_000, "--processors", 4).stdout.decode()
    assert "50,000" in shown
    assert "7,000,000" in shown


def test_no_records_are_refused() -> None:
    refused = run("sizing", "--records", 0)
    assert refused.returncode == 2
    assert b"--records" in refused.stderr
