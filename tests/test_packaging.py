"""The packages are complete, pinned by hash, and contain no local paths."""

from __future__ import annotations

import doctest
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import cybilgraph
from cybilgraph.readers.page_layout import RIGHTS
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def tracked() -> list[Path]:
    if shutil.which("git") is None:
        pytest.skip("no git on this machine")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_wheel_contains_the_data_folders(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    script = (
        "import cybilgraph, pathlib, sys; from cybilgraph.model import resources; from cybilgraph.sparql import queries\n"
        "assert str(pathlib.Path(cybilgraph.__file__)).startswith(sys.argv[1]), cybilgraph.__file__\n"
        "assert len(queries.example_queries()) >= 15 and len(list(resources.shape_files())) >= 4\n"
        "assert all(file.is_file() for file in resources.ONTOLOGY_FILES)\n"
        "pages = [*resources.RECORDS.glob('*.txt')]; assert len(pages) == 15\n"
        "assert cybilgraph.check(*pages).conforms\n"
        "from cybilgraph.validation.outputs import OUTPUTS\n"
        "OUTPUTS['html'](cybilgraph.check(*pages), open('report.html', 'w', encoding='utf-8'))\n"
        "from flask import Flask; from cybilgraph.web.application import create_app; from cybilgraph.web.pages import documentation\n"
        "assert len([documentation.load(address) for address in documentation.addresses()]) > 20\n"
    )
    command = [sys.executable, "-c", script, str(unpacked)]
    subprocess.run(command, check=True, cwd=tmp_path, env={"PYTHONPATH": str(unpacked), "PATH": ""})


def test_wheel_contains_bundled_scripts_without_their_sources(tmp_path: Path) -> None:
    if not (ROOT / "src/cybilgraph/web/static/built/query.js").is_file():
        pytest.skip("the scripts were not bundled: no npm on this machine (make setup tells)")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel], [sdist] = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "cybilgraph/web/static/built/query.js" in names
    assert not [name for name in names if "web/frontend" in name]
    with tarfile.open(sdist) as archive:
        sources = {name.partition("/")[2] for name in archive.getnames()}
    assert {"src/cybilgraph/web/frontend/package-lock.json", "src/cybilgraph/web/static/built/query.js"} <= sources
    assert not [name for name in sources if "node_modules" in name]


def test_install_without_node_prints_one_line(tmp_path: Path) -> None:
    web = tmp_path / "web"
    shutil.copytree(
        ROOT / "src/cybilgraph/web/frontend", web / "frontend", ignore=shutil.ignore_patterns("node_modules")
    )
    # A Python without other programs in its folder, so that npm is not found there.
    alone = tmp_path / "bin" / "python"
    alone.parent.mkdir()
    script = "import runpy, sys; sys.executable = sys.argv[1]; runpy.run_path(sys.argv[2], run_name='__main__')"
    command = [sys.executable, "-c", script, str(alone), str(web / "frontend" / "build.py")]
    result = subprocess.run(command, env={"PATH": ""}, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == [
        "The site's scripts were not bundled: npm (Node.js) was not found. The site falls back to plain forms."
    ]
    assert not (web / "static").exists()


def test_npm_packages_are_pinned_by_hash_without_registry() -> None:
    folder = ROOT / "src/cybilgraph/web/frontend"
    wanted = json.loads((folder / "package.json").read_text())
    for version in (wanted["dependencies"] | wanted["devDependencies"]).values():
        assert re.fullmatch(r"[0-9.]+", version)
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert all(package.get("integrity") for name, package in packages.items() if name)
    assert not any("resolved" in package for package in packages.values())


def test_bill_of_materials_lists_the_packages_in_the_scripts() -> None:
    """`make sbom` runs this command; the other half lists requirements-serve.txt."""
    if not (npm := shutil.which("npm")):
        pytest.skip("no npm on this machine")
    command = [npm, "sbom", "--package-lock-only", "--omit=dev", "--sbom-format", "cyclonedx", "--offline"]
    folder = ROOT / "src/cybilgraph/web/frontend"
    written = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    listed = {(row["name"], row["version"]) for row in written["components"]}
    assert set(package["dependencies"].items()) <= listed
    assert not {name for name, _ in listed} & package["devDependencies"].keys()


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-serve.txt", "requirements-sbom.txt"])
def test_requirements_are_pinned_by_hash_without_registry(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(requirements) > 20
    assert all(re.match(r"[a-z0-9_.-]+==\S+", requirement) for requirement in requirements)
    assert text.count("--hash=sha256:") >= len(requirements)


def test_no_file_mentions_a_registry_or_local_paths() -> None:
    hosts = re.compile(
        "|".join((r"pypi\.o" + "rg", r"pythonhosted\.o" + "rg", r"registry\.npmjs", r"deb\.debian\.o" + "rg"))
    )
    here = (f"{ROOT.parent}/", f"{Path.home()}/")
    for path in tracked():
        text = path.read_bytes().decode(errors="replace")
        assert not hosts.search(text), path
        assert not any(place in text for place in here), path


def test_only_the_seed_record_contains_personal_data() -> None:
    """E-mail addresses occur only in the seed record, in examples, and in fictitious samples."""
    address = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
    for path in tracked():
        if path.suffix == ".png":
            continue
        for found in address.findall(path.read_bytes().decode(errors="replace")):
            allowed = path.name == "belize-G0020.txt" or found.endswith(("example.org", "y.z", "email.protected"))
            assert allowed, (path, found)


def test_seed_record_contains_the_rights_statement() -> None:
    assert RIGHTS in (ROOT / "data" / "records" / "belize-G0020.txt").read_text(encoding="utf-8")


def test_example_of_the_python_api_runs(monkeypatch: object) -> None:
    assert doctest.testmod(cybilgraph).failed == 0
