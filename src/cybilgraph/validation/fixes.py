"""Applies fixes to the text of a file. A fix whose words are not found at its position is refused."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import unified_diff

from cybilgraph.model.findings import Fix
from cybilgraph.readers.text import guess_encoding

#: Separators and quotation marks of tables; a value with one of them could shift the row.
_TABLE_SPECIAL = re.compile(r"[\",;\t|\n]")
#: Not allowed in a plain YAML scalar.
_YAML_SPECIAL = re.compile(r"\\|: | #|^[\s\-?:,\[\]{}#&*!|>'\"%@`]|:$")


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A file's text before and after fixes, its byte order mark and encoding, and the fixes applied and refused."""

    name: str
    before: str
    after: str
    mark: bytes
    encoding: str
    applied: tuple[Fix, ...]
    refused: tuple[Fix, ...]

    @property
    def content(self) -> bytes:
        """The new bytes of the file."""
        return self.mark + self.after.encode(self.encoding, errors="surrogateescape")

    def reverted(self) -> FixedFile:
        """Return the original text with every fix refused."""
        return replace(self, after=self.before, applied=(), refused=self.applied + self.refused)

    def diff(self) -> str:
        """Return the change as a unified diff, or "" if there is none."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        lines = unified_diff(before, after, f"a/{self.name}", f"b/{self.name}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def apply_fixes(name: str, content: bytes, fixes: Iterable[Fix]) -> FixedFile:
    """Apply fixes to the content of a file, keeping its encoding and line endings."""
    mark, encoding = guess_encoding(content)
    text = content[len(mark) :].decode(encoding, errors="surrogateescape")
    write = _WRITERS.get(name.rpartition(".")[2].lower(), str)
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    applied, refused = [], []
    # Apply from the end to the beginning, so that earlier positions stay valid.
    for fix in sorted(set(fixes), key=lambda fix: (fix.line, fix.column), reverse=True):
        new = write(fix.new)
        line = lines[fix.line - 1] if 0 < fix.line <= len(lines) else ""
        span = _find_words(line, fix)
        if new is None or span is None or new.encode(encoding, "ignore").decode(encoding) != new:  # not encodable
            refused.append(fix)
        else:
            lines[fix.line - 1] = line[: span[0]] + new + line[span[1] :]
            applied.append(fix)
    return FixedFile(name, text, "".join(lines), mark, encoding, tuple(reversed(applied)), tuple(reversed(refused)))


def _find_words(line: str, fix: Fix) -> tuple[int, int] | None:
    """Return the span of the words in the line: at the position, or else at their only occurrence.

    Matches any white space, because readers collapse it to single spaces.
    """
    old = r"\s+".join(map(re.escape, fix.old.split()))
    words = re.compile(rf"(?<!\w){old}(?!\w)")
    if at := words.match(line, fix.column - 1):
        return at.span()
    found = [match.span() for match in words.finditer(line)]
    return found[0] if len(found) == 1 else None


def _unless(special: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda new: None if special.search(new) else new


def _in_quotes(new: str) -> str:
    return json.dumps(new, ensure_ascii=False)[1:-1]


#: By suffix, the function that encodes a value for such a file, or returns None if quoting would be needed.
_WRITERS: dict[str, Callable[[str], str | None]] = {
    **dict.fromkeys(("csv", "tsv"), _unless(_TABLE_SPECIAL)),
    **dict.fromkeys(("yaml", "yml"), _unless(_YAML_SPECIAL)),
    **dict.fromkeys(("json", "jsonl", "ndjson", "jsonld", "ttl", "nt", "nq", "trig"), _in_quotes),
    **dict.fromkeys(("html", "htm", "xhtml", "xml", "iati", "rdf"), html.escape),
}
