"""The documentation is correct: commands print the documented output, snippets run, links work, nothing is out of date.

docs/recipes/documentation.md describes the kinds of code blocks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.parse
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from cybilgraph.cli.serve import serve
from cybilgraph.model.site_profile import read_profile
from tests.conftest import PAGES, ROOT, Demo, run
from tests.support.documents import DOCUMENTS, SITE, Block, blocks, commands, matches, misuse
from tests.support.http_client import http

# The first of these tests in each run waits for a build of all sample data.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RUNTIMES = {
    "python": [sys.executable, "-c"],
    "r": ["Rscript", "-e"],
    "javascript": ["node", "--input-type=module", "-e"],
}
LANGUAGES = {*RUNTIMES, "console", "sparql", "yaml", "toml", "text"}
DOCS = ROOT / "docs"
#: The size limits of the top-level documents in bytes.
SIZES = {"README.md": 8_000, "CONTRIBUTING.md": 10_000, "SECURITY.md": 7_000}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


class Reader:
    """Runs the code blocks of a document in order, in a separate folder, and collects failures."""

    def __init__(self, folder: Path, releases: Path, server: str) -> None:
        self.folder, self.server = folder, server
        records = folder / "data" / "records"
        records.mkdir(parents=True)
        for page in PAGES:
            shutil.copy(page, records)
        shutil.copytree(releases, folder / "build" / "releases")
        self.faults: list[str] = []
        self.missing: set[str] = set()

    def run(self, arguments: list[str]) -> tuple[int, str]:
        """Run a program; return its exit code and output, with the server's URL replaced by the documented one."""
        result = subprocess.run(
            [argument.replace(SITE, self.server) for argument in arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        )
        return result.returncode, result.stdout.replace(self.server, SITE)

    def follow(self, block: Block, following: Block | None) -> None:
        match block.language:
            case _ if "no-run" in block.words:
                self._parse(block)
            case "console":
                self._console(block)
            case "sparql":
                query = urllib.parse.urlencode({"query": block.text})
                reply = http(f"{self.server}/sparql?{query}", Accept="text/csv")
                if reply.status != 200 or reply.body.count(b"\n") < 2:
                    self.faults.append(f"{block.place}: the query finds nothing, or fails: {reply.body.decode()}")
            case "yaml":
                yaml.safe_load(block.text)
            case "toml":
                self._settings(block)
            case language if language in RUNTIMES:
                expected = following.text if following and following.language == "text" else ""
                self._program(block, RUNTIMES[language], expected)

    def _parse(self, block: Block) -> None:
        if block.language == "console":
            self.faults += [f"{block.place}: {why}" for row in commands(block) if (why := misuse(row.text))]

    def _console(self, block: Block) -> None:
        rows = commands(block)
        for number, row in enumerate(rows):
            program = row.text.split()[0]
            if program == "make":
                continue  # see test_documented_make_targets_exist and test_make_demo_prints_the_output_in_the_readme
            if shutil.which(program) is None and program != "cybilgraph":
                self.missing.add(program)
                continue
            code, shown = self.run(["bash", "-o", "pipefail", "-c", row.text])
            if "| head" in row.text and code == 141:  # `head` closed the pipe (SIGPIPE)
                code = 0
            wanted = block.exit_code if number == len(rows) - 1 else 0
            if code != wanted:
                self.faults.append(f"{block.place}: {row.text}\nexits with {code}, not {wanted}:\n{shown}")
            elif row.output and not matches(row.output, shown):
                self.faults.append(f"{block.place}: {row.text}\nprints:\n{shown}")

    def _program(self, block: Block, runtime: list[str], expected: str) -> None:
        if shutil.which(runtime[0]) is None:
            self.missing.add(runtime[0])
            return
        code, shown = self.run([*runtime, block.text])
        if code or not shown.strip() or (expected and not matches(expected, shown)):
            self.faults.append(f"{block.place}: exits with {code} and prints:\n{shown}")

    def _settings(self, block: Block) -> None:
        if "site" in block.words:
            file = self.folder / "site.toml"
            file.write_text(block.text, encoding="utf-8")
            read_profile(file)
            return
        tomllib.loads(block.text)
        file = self.folder / "settings.toml"
        file.write_text(block.text, encoding="utf-8")
        result = CliRunner().invoke(serve, ["--config", str(file), "no-such-folder"])
        if "Usage:" in result.output:
            self.faults.append(f"{block.place}: {result.output}")


WITH_CODE = [path for path in DOCUMENTS if any(block.language != "text" for block in blocks(path))]


@pytest.mark.parametrize("document", WITH_CODE, ids=named)
def test_code_blocks_produce_the_documented_output(
    document: Path, demo: Demo, demo_server: str, tmp_path: Path
) -> None:
    reader = Reader(tmp_path, demo.releases, demo_server)
    found = list(blocks(document))
    for block, following in zip(found, [*found[1:], None], strict=True):
        reader.follow(block, following)
    assert not reader.faults, "\n\n".join(reader.faults)
    if reader.missing:
        pytest.skip(f"not on this machine: {', '.join(sorted(reader.missing))}; all other blocks hold")


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_code_blocks_have_a_known_language(document: Path) -> None:
    for block in blocks(document):
        assert block.language in LANGUAGES, f"{block.place}: unknown kind of block {block.language!r}"
        unknown = [word for word in block.words if not re.fullmatch(r"no-run|site|exit=\d+", word)]
        assert not unknown, f"{block.place}: {unknown}"


@pytest.mark.parametrize(
    ("expected", "shown", "is_match"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\n…", "a\nb\nc", True),
        ("a\n…", "a", True),
        ("…\nc", "a\nb\nc", True),
        ("a … c", "a b c", True),
        ("a … c", "a b\nc", False),
        ("a", "a\nb", False),
        ("a.c", "abc", False),
    ],
)
def test_ellipsis_matches_text_or_lines(expected: str, shown: str, is_match: bool) -> None:
    assert matches(expected, shown) is is_match


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("cybilgraph serve build/releases --port 80", ""),
        ("cybilgraph suggestions accept DIR ID --records data", ""),
        ("curl --no-such-option", ""),
        (".venv/bin/python tests/bench/grades.py", ""),
        (".venv/bin/python tests/bench/no.py", "no script 'tests/bench/no.py'"),
        ("cybilgraph sevre build", "no command 'sevre'"),
        ("cybilgraph serve build --prot 80", "no option '--prot'"),
    ],
)
def test_commands_that_are_not_run_are_parsed(text: str, why: str) -> None:
    assert why in misuse(text)
    assert bool(why) == bool(misuse(text))


def test_documented_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        used = set(re.findall(r"(?:`|\$ )make ([a-z]+)", document.read_text(encoding="utf-8")))
        assert used <= targets, (named(document), used - targets)


def test_make_demo_prints_the_output_in_the_readme(demo: Demo) -> None:
    [expected] = [
        row.output
        for block in blocks(ROOT / "README.md")
        if block.language == "console"
        for row in commands(block)
        if row.text == "make demo"
    ]
    assert matches(expected, demo.output), demo.output


def test_demo_output_does_not_depend_on_the_date(tmp_path: Path) -> None:
    """Some rules compare dates with today, so the demo builds as of a fixed date."""
    [day] = re.findall(r"^demo: AS_OF = --as-of (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = run("build", *PAGES, "--into", tmp_path / "then", "--as-of", "2024-06-01").stdout.decode()
    assert "[open-end-long-past]" not in shown
    shown = run("build", *PAGES, "--into", tmp_path / "now", "--as-of", day).stdout.decode()
    assert "[open-end-long-past]" in shown


@pytest.mark.parametrize("name", SIZES)
def test_top_level_documents_stay_within_their_size(name: str) -> None:
    assert (ROOT / name).stat().st_size <= SIZES[name]


def test_generated_reference_is_up_to_date() -> None:
    result = subprocess.run(
        [sys.executable, str(DOCS / "update_reference.py"), "--check"], capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_examples_name_no_real_portal() -> None:
    """Each site serves these documents as its own, and readers copy the commands."""
    shared = [path for path in DOCUMENTS if path.parent != ROOT and path.name != "README.md"]
    assert len(shared) > 20
    assert not [named(path) for path in shared if "cybilportal.org" in path.read_text(encoding="utf-8")]


def test_tables_named_in_recipes_exist() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("src", "tests", "data")
        for path in (ROOT / folder).rglob("*.py")
    ) + "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").glob("cybilgraph/web/frontend/*.js"))
    names = {
        name
        for path in (*(DOCS / "recipes").glob("*.md"), ROOT / "CONTRIBUTING.md")
        for name in re.findall(r"`([A-Z][A-Z_]{3,})`", path.read_text(encoding="utf-8"))
    }
    assert "FIELDS" in names
    kinds_of_words = {"KIND", "ROLE", "TYPE", "NAME"}
    assert not [
        name for name in names - kinds_of_words if not re.search(rf"^(export )?(const )?{name}\b", sources, re.M)
    ]


def test_files_named_in_guidance_for_contributors_exist() -> None:
    package = ROOT / "src" / "cybilgraph"
    scripts = (ROOT / "data" / "reference").glob("*.py")
    modules = {path.name for path in (*package.rglob("*.py"), *scripts)}
    named = {
        name
        for path in (*(DOCS / "recipes").glob("*.md"), DOCS / "architecture.md", ROOT / "CONTRIBUTING.md")
        for name in re.findall(
            r"`([a-z][\w./-]*\.(?:css|csv|html|js|md|py|rq|svg|ttl))`", path.read_text(encoding="utf-8")
        )
        if not re.search("[A-Z]{3}", name)  # a placeholder
    }
    assert {"connections.py", "web/pages/explore.py"} <= named
    missing = {
        name
        for name in named
        if ("/" in name or name.endswith(".py"))
        if name not in modules
        if not any((folder / name).is_file() for folder in (ROOT, package, package / "web"))
    }
    assert not missing


def test_all_sparql_server_urls_are_in_one_table() -> None:
    text = (DOCS / "reference" / "engines.md").read_text(encoding="utf-8")
    assert len(set(re.findall(r"`(https?://HOST[^`]*)`", text))) == 11


def test_changelog_versions_have_dates() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}", heading) for heading in headings[1:])


def test_security_guarantees_name_existing_tests() -> None:
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+ \| (`tests/.+`) \|$", policy.partition("## Guarantees")[2], re.MULTILINE)
    assert len(rows) > 10
    assert not [file for file in re.findall(r"`(.+?)`", " ".join(rows)) if not (ROOT / file).is_file()]


def test_queries_and_ontology_call_evidence_by_its_name() -> None:
    texts = [*(ROOT / "queries").glob("*.rq"), *(ROOT / "ontology").glob("*.ttl")]
    assert [path.name for path in texts if re.search(r"found\s+(#\s+)?in the text", path.read_text("utf-8"))] == []
