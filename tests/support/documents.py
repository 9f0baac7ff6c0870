"""The documents of the project and their code blocks; docs/recipes/documentation.md describes the convention."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from markdown_it import MarkdownIt

from cybilgraph.cli import main
from tests.conftest import ROOT

#: The address that documents give to the site.
SITE = "http://127.0.0.1:8000"
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "data/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
_MARKDOWN = MarkdownIt("js-default")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block: ``line`` is that of its opening fence; ``words`` follow the language in the info string."""

    document: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def exit_code(self) -> int:
        """The exit code that the last command must have."""
        return next((int(word.removeprefix("exit=")) for word in self.words if word.startswith("exit=")), 0)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a console block; ``output`` is empty if none is shown."""

    text: str
    output: str


def blocks(document: Path) -> Iterator[Block]:
    for token in _MARKDOWN.parse(document.read_text(encoding="utf-8")):
        if token.type == "fence":
            language, *words = token.info.split() or [""]
            assert token.map
            yield Block(document, token.map[0] + 1, language, tuple(words), token.content)


def commands(block: Block) -> list[Command]:
    """Return the commands of a console block. Raises ValueError if it does not begin with one."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif not found:
            raise ValueError(f"{block.place}: a console block begins with a command ($ …)")
        elif not found[-1][1] and found[-1][0][-1].endswith("\\"):
            found[-1][0].append(line)
        else:
            found[-1][1].append(line)
    return [Command("\n".join(text), "\n".join(output)) for text, output in found]


def matches(expected: str, shown: str) -> bool:
    """Return whether ``shown`` matches the output in a document, where ``…`` is any text, or any lines if alone."""
    pattern = ""
    for line in _trimmed(expected).splitlines():
        pattern += r"(?:[^\n]*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
    return re.fullmatch(pattern, f"{_trimmed(shown)}\n") is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip("\n").splitlines())


def misuse(text: str) -> str:
    """Return why a command line is wrong: an unknown script, command or option. Empty if nothing is found."""
    script = re.match(r"\.venv/bin/python (\S+\.py)\b", text)
    if script and not (ROOT / script[1]).is_file():
        return f"there is no script {script[1]!r} in: {text}"
    words = shlex.split(text, comments=True)
    if words[:1] != ["cybilgraph"]:
        return ""
    command: click.Command = main
    for word in words[1:]:
        if isinstance(command, click.Group):
            if word not in command.commands:
                return f"there is no command {word!r} in: {text}"
            command = command.commands[word]
        elif word.startswith("-") and word != "-":
            known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
            if word.partition("=")[0] not in known:
                return f"there is no option {word!r} in: {text}"
    return ""
