"""The unit and the Containerfile that `cybilgraph deploy` prints are valid, as far as tests can show."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cybilgraph.model.vocabulary import BASE
from cybilgraph.web.server import settings
from tests.conftest import ROOT, SEED, run, running_server
from tests.support.http_client import http
from tests.support.operations import until
from tests.support.simulated_portal import SimulatedPortal


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


@pytest.mark.slow
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


def test_builds_with_podman_keep_the_health_check() -> None:
    builds = re.findall(r"podman build .*", run("deploy", "container").stdout.decode())
    assert builds
    assert all("--format docker" in command for command in builds), "Podman's default format has no health check"


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


def update_units(folder: Path, *options: object) -> dict[str, Path]:
    """Return the units that the script of `deploy timer` would install, by name."""
    script = run("deploy", "timer", *options).stdout.decode()
    found = re.findall(r"cat > /etc/systemd/system/(\S+) << 'UNIT'\n(.*?)\nUNIT\n", script, re.DOTALL)
    for name, text in found:
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
    assert subprocess.run(["sh", "-n"], input=script, text=True).returncode == 0
    return {name: folder / name for name, _ in found}


def test_systemd_accepts_the_timer(tmp_path: Path) -> None:
    address = "https://example.org/projects/?a=%20$b;c"
    given = (
        address,
        "--pages",
        "/srv/my pages",
        "--into",
        "/srv/releases",
        "--user",
        "root",
        "--contact",
        "me@example.org",
    )
    units = update_units(tmp_path, *given, "--report-to", "data@example.org")
    assert units.keys() == {f"cybilgraph-update{name}" for name in (".service", ".timer", "-failed.service")}
    checked = analyse("verify", "--man=no", "--recursive-errors=no", *units.values())
    assert (checked.returncode, checked.stderr) == (0, "")
    service = units["cybilgraph-update.service"].read_text()
    starts = [shlex.split(line) for line in re.findall(r"^ExecStart=:(.*)", service, re.MULTILINE)]
    assert starts[0][1:] == [
        "collect",
        address.replace("%", "%%"),
        "--into",
        "/srv/my pages",
        "--contact",
        "me@example.org",
    ]
    assert starts[1][1:] == ["build", "/srv/my pages", "--into", "/srv/releases", "--wait"]
    result = analyse("security", "--offline=yes", "--threshold=40", "--no-pager", units["cybilgraph-update.service"])
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("kind", ["timer", "cron"])
def test_update_builds_for_the_site_and_gives_its_contact(kind: str, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    lines = ('title = "A"', 'description = "B"', 'publisher.name = "C"', 'contact.email = "data@example.org"')
    site.write_text("\n".join(lines), encoding="utf-8")
    made = [part for name in ("decisions", "reference") for part in (f"--{name}", tmp_path / name)]
    for folder in made[1::2]:
        Path(folder).mkdir()
    options = ("https://example.org", "--pages", "/a", "--into", "/b", "--site", site, *made)
    script = run("deploy", kind, *options).stdout.decode().replace('"', "")
    assert "--contact data@example.org" in script
    assert f"--into /b --wait --site {site} {' '.join(map(str, made))}" in script


def proxy(kind: str, folder: Path, port: int = 8000) -> Path:
    """Write the configuration of a proxy, and return its path."""
    path = folder / kind
    path.write_bytes(run("deploy", kind, "https://data.example.org", "--port", port).stdout)
    return path


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    own = proxy("nginx", tmp_path).read_text()
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in own, "a client must not choose its address"
    assert "location /metrics { return 404; }" in own
    for tool in ("nginx", "openssl"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} on this machine")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    new = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=data.example.org")
    subprocess.run([*new, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    own = re.sub(r"/etc/letsencrypt/\S+/(?:fullchain|privkey)", lambda found: str(key.with_suffix("")), own)
    own = own.replace(f"ssl_certificate {key}", f"ssl_certificate {certificate}")
    (tmp_path / "whole.conf").write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{own}}}\n")
    checked = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "whole.conf"], capture_output=True, text=True
    )
    assert "syntax is ok" in checked.stderr, checked.stderr


@pytest.mark.slow
def test_caddy_forwards_to_the_site_but_not_its_metrics(releases: Path, tmp_path: Path) -> None:
    if shutil.which("caddy") is None:
        pytest.skip("no caddy on this machine")
    server = running_server(releases, "--trusted-proxy", "127.0.0.1")
    with server as url, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        file = proxy("caddy", tmp_path, server.port)
        file.write_text(
            f"{{\n\tadmin off\n}}\n{file.read_text().replace('data.example.org {', f'http://127.0.0.1:{port} {{')}"
        )
        command = ["caddy", "run", "--adapter", "caddyfile", "--config", file]
        with subprocess.Popen(command, env=os.environ | {"HOME": str(tmp_path)}, stderr=subprocess.DEVNULL) as caddy:
            try:
                until(lambda: is_open(port))
                assert http(f"http://127.0.0.1:{port}/healthz").status == 200
                assert http(f"http://127.0.0.1:{port}/metrics").status == 404
                assert http(f"{url}/metrics").status == 200
            finally:
                caddy.terminate()


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    "path", ["id/project/G0020", "id/actor/caf%C3%A9", "sparql?query=ASK%20%7B%7D", "ontology", ""]
)
def test_permanent_iri_keeps_its_path_and_query(path: str) -> None:
    rules = run("deploy", "w3id", "https://data.example.org").stdout.decode()
    [condition] = re.findall(r'RewriteCond %{THE_REQUEST} "(.*)"', rules)
    match = re.search(condition, f"GET {urlsplit(BASE).path}{path} HTTP/1.1")
    assert match
    assert "RewriteRule ^ https://data.example.org/%1 [" in rules
    assert match[1] == path


@pytest.mark.parametrize("url", ["http://a.example", "https://a.example/b", "https://a.example;x", "https://a"])
def test_only_the_url_of_a_host_is_accepted(url: str) -> None:
    for kind in ("nginx", "caddy", "w3id"):
        refused = run("deploy", kind, url)
        assert refused.returncode == 2
        assert b"must consist of https:// and a host" in refused.stderr


@pytest.mark.slow
def test_the_cron_line_collects_and_builds_and_reports_only_problems(tmp_path: Path) -> None:
    with SimulatedPortal(2) as portal:
        folders = ("--pages", tmp_path / "100% pages", "--into", tmp_path / "releases")
        lines = run("deploy", "cron", portal.url, *folders, "--records", SEED, "--report-to", "data@example.org")
        mail, line = lines.stdout.decode().splitlines()
        assert mail == "MAILTO=data@example.org"
        command = re.fullmatch(r"17 3 \* \* \* (.*)", line)
        assert command

        def update() -> subprocess.CompletedProcess[str]:
            shell = command[1].replace(r"\%", "%").replace("--quiet", "--quiet --rate 1000")
            return subprocess.run(["sh", "-c", shell], capture_output=True, text=True)

        done = update()
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert b"0001" in run("releases", tmp_path / "releases").stdout
        portal.pages["/projects/project-001/"] = lambda page: page.send(b"no", 403)
        done = update()
        assert "project-001/ (status 403)" in done.stdout
        assert b"0002" in run("releases", tmp_path / "releases").stdout
        portal.pages["/robots.txt"] = lambda page: page.send(b"no", 500, Retry_After="999")
        done = update()
        assert done.returncode == 1
        assert "/robots.txt asks to retry in 999 seconds" in done.stderr
        assert b"0003" not in run("releases", tmp_path / "releases").stdout


@pytest.mark.parametrize("options", [("--report-to", "a;b"), ("--report-to", "$(x)"), ("--user", "a b")])
def test_words_for_a_shell_are_refused(options: tuple[str, str]) -> None:
    done = run("deploy", "timer", "https://example.org", "--pages", "/a", "--into", "/b", *options)
    assert done.returncode == 2
    assert b"is not" in done.stderr
