"""A release's graph, report and kept sources → the same without one contact, by name or e-mail address."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from cybilgraph.engine.store import is_of_version
from cybilgraph.ntriples import plain
from cybilgraph.vocab import VCARD

_NAMED = (f"<{VCARD.fn}>".encode(), f"<{VCARD.hasEmail}>".encode())


def without(release: Path, folder: Path, who: str, *, always: bool) -> dict[str, Any] | None:
    """Write graph.nq and sources.zip of a release into another folder, without a contact, and give its report
    without it; None where nothing was left out, unless it is given ``always``. Raises OSError.
    """
    words = who.strip().casefold()
    nodes = _nodes(release / "graph.nq", words)
    with (release / "graph.nq").open("rb") as lines, (folder / "graph.nq").open("xb") as output:
        output.writelines(line for line in lines if not _touches(line, nodes))
    kept = _sources(release / "sources.zip", folder / "sources.zip", words)
    report: dict[str, Any] = json.loads((release / "report.json").read_text(encoding="utf-8"))
    findings = [found for found in report["findings"] if words not in json.dumps(found, ensure_ascii=False).casefold()]
    if not always and not nodes and not kept and len(findings) == len(report["findings"]):
        return None
    counts = Counter(found["severity"] for found in findings)
    return report | {"findings": findings, "counts": {name: counts[name] for name in report["counts"]}}


def mentions(graph: Path, who: str) -> int:
    """How many statements have a name or an e-mail address in their text."""
    words = who.strip().casefold()
    with graph.open("rb") as lines:
        return sum(words in plain(line.decode().split(" ", 2)[2]).casefold() for line in lines)


def _graph(line: bytes) -> bytes:
    return line.rsplit(b" ", 2)[1] if is_of_version(line) else b""


def _nodes(graph: Path, words: str) -> set[tuple[bytes, bytes]]:
    """The contacts of this name or address, each with the graph that it is in."""
    found = set()
    with graph.open("rb") as lines:
        for line in lines:
            subject, predicate, rest = line.split(b" ", 2)
            if predicate in _NAMED:
                value = plain(rest.split(b" ", 1)[0].decode() if rest.startswith(b"<") else rest.decode())
                if value.removeprefix("mailto:").strip().casefold() == words:
                    found.add((subject, _graph(line)))
    return found


def _touches(line: bytes, nodes: set[tuple[bytes, bytes]]) -> bool:
    """Whether a statement is about one of the nodes, or leads to it."""
    if not nodes or b"/contact/" not in line:
        return False
    graph = _graph(line)
    subject, _, rest = line.split(b" ", 2)
    return (subject, graph) in nodes or (rest.split(b" ", 1)[0], graph) in nodes


def _sources(path: Path, target: Path, words: str) -> bool:
    """The kept sources, without those that have the words."""
    changed = False
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as output:
        for entry in archive.infolist():
            content = archive.read(entry)
            if words in content.decode("utf-8", "replace").casefold():
                changed = True
            else:
                output.writestr(entry, content)
    return changed
