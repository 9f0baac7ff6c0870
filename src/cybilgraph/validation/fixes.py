"""Fixes → the text of a file with them applied: a fix is applied where the words that it replaces
stand, and refused where they do not, so that nothing is changed by guess.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import unified_diff

from cybilgraph.model.findings import Fix
from cybilgraph.readers.text import guess_encoding

#: What separates the cells of a table, or quotes them: a value that has it would shift the row.
_TABLE_SPECIAL = re.compile(r"[\",;\t|\n]")
#: What a plain scalar of YAML may not hold.
_YAML_SPECIAL = re.compile(r": | #|^[\s\-?:,\[\]{}#&*!|>'\"%@`]|:$")


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A text before and after, what became of each fix, and the text as the bytes of its file."""

    name: str
    before: str
    after: str
    content: bytes
    applied: tuple[Fix, ...]
    refused: tuple[Fix, ...]

    def reverted(self) -> FixedFile:
        """The text as it was, with every fix refused."""
        mark, encoding = guess_encoding(self.content)
        content = mark + self.before.encode(encoding, errors="surrogateescape")
        return FixedFile(self.name, self.before, self.before, content, (), self.applied + self.refused)

    def diff(self) -> str:
        """The change as a unified diff; empty where there is none."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        lines = unified_diff(before, after, f"a/{self.name}", f"b/{self.name}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def apply_fixes(name: str, content: bytes, fixes: Iterable[Fix]) -> FixedFile:
    """Apply fixes to the file of this name; its encoding and the ends of its lines stay."""
    mark, encoding = guess_encoding(content)
    text = content[len(mark) :].decode(encoding, errors="surrogateescape")
    write = _WRITERS.get(name.rpartition(".")[2].lower(), str)
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    applied, refused = [], []
    # From the end of a line to its beginning, so that no place moves before its turn.
    for fix in sorted(set(fixes), key=lambda fix: (fix.line, fix.column), reverse=True):
        new = write(fix.new)
        line = lines[fix.line - 1] if 0 < fix.line <= len(lines) else ""
        span = _find_words(line, fix)
        if new is None or span is None or not _fits(new, encoding):
            refused.append(fix)
        else:
            lines[fix.line - 1] = line[: span[0]] + new + line[span[1] :]
            applied.append(fix)
    after = "".join(lines)
    mended = mark + after.encode(encoding, errors="surrogateescape")
    return FixedFile(name, text, after, mended, tuple(reversed(applied)), tuple(reversed(refused)))


def _fits(new: str, encoding: str) -> bool:
    try:
        new.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _find_words(line: str, fix: Fix) -> tuple[int, int] | None:
    """Where the words stand in the line: at the place, else where they stand but once. Spaces were
    made single when they were read.
    """
    old = r"\s+".join(map(re.escape, fix.old.split()))
    words = re.compile(rf"(?<!\w){old}(?!\w)")
    if at := words.match(line, fix.column - 1):
        return at.span()
    found = [match.span() for match in words.finditer(line)]
    return found[0] if len(found) == 1 else None


def _in_table(new: str) -> str | None:
    return None if _TABLE_SPECIAL.search(new) else new


def _in_yaml(new: str) -> str | None:
    return None if _YAML_SPECIAL.search(new) or "\\" in new else new


def _in_quotes(new: str) -> str:
    return json.dumps(new, ensure_ascii=False)[1:-1]


#: suffix → how a value is written in such a file, None where it cannot be without more; as it is elsewhere
_WRITERS: dict[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("csv", "tsv"), _in_table),
    **dict.fromkeys(("yaml", "yml"), _in_yaml),
    **dict.fromkeys(("json", "jsonl", "ndjson", "jsonld", "ttl", "nt", "nq", "trig"), _in_quotes),
    **dict.fromkeys(("html", "htm", "xhtml", "xml", "iati", "rdf"), html.escape),
}
