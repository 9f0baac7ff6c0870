"""A partner's copy of the graph of a site: taken whole first, then kept equal by what has changed.

    DIR/
    ├── graph.nq     the graph: N-Quads in the order of their bytes
    └── state.json   where it is from, its release, and the SHA-256 of graph.nq

After each step the copy is proven: a dump by the site's SHA256SUMS, a patch by the checksum of the sorted
graph that the site tells. What is held stays as it is until the next is proven.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from cybilgraph.errors import AnswerLost, FetchError, HarvestError, PatchError
from cybilgraph.model.formats import BY_NAME, Format, FormatKind
from cybilgraph.rdf.dumps import FULL_DUMPS
from cybilgraph.rdf.serialisation import is_in_earlier_graph, serialise
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed
from cybilgraph.runtime.files import atomic_write, parse_checksums, sha256_of
from cybilgraph.sync.fetch import HttpResponse, Site, got_web_page
from cybilgraph.sync.patches import ADDED, HashedLines, apply_patch, read_patch, sort_lines

_GRAPH, _STATE = "graph.nq", "state.json"
#: How often a dump is taken anew that is not what its checksum says.
_MAX_DOWNLOADS = 3
_BLOCK_BYTES = 1 << 20
_RELEASE = re.compile(r"[0-9]{1,9}")
#: A release lists about 30 files with names of at most 40 characters.
_MAX_FILES, _MAX_NAME = 1_000, 200
#: Graphs compress to a tenth. What is this much larger than its download is there to fill the disk.
_MAX_RATIO, _SMALL_BYTES = 200, 10_000_000
#: Lines are sorted in memory.
_MAX_LINE_BYTES = 16_000_000
#: So much of a file tells whether it is a web page.
_SNIFF_BYTES = 4096
_KEPT_HINT = "What was held before is held on. Try it again later, or tell the publisher."


@dataclass(frozen=True, slots=True)
class HarvestState:
    """What is held. ``etag`` is of the last answer on what has changed since this release."""

    url: str
    release: int
    sha256: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Harvest:
    """What was done: ``how`` is ``unchanged``, ``changes`` or ``full``; ``reason`` is why it was taken whole
    though something was held.
    """

    how: str
    state: HarvestState
    added: int = 0
    removed: int = 0
    reason: str = ""

    def __str__(self) -> str:
        told = f"Release {self.state.release} of {self.state.url}"
        match self.how:
            case "unchanged":
                return f"{told}: the copy is up to date"
            case "changes":
                return f"{told}: the copy is up to date ({self.added:,} statements came, {self.removed:,} went)"
            case _:
                return f"{told}: taken whole, {self.added:,} statements" + (f": {self.reason}" if self.reason else "")


def harvest(site: Site, into: Path, formats: Sequence[str] = ()) -> Harvest:
    """Make the graph in a folder equal to that of a site, and write it in further ``formats``, too.

    Raises HarvestError, FetchError: what was held before is held on.
    """
    with _locked(into):
        previous = _read_state(into, site.url)
        done = _update(site, into, previous) if previous else _download_full(site, into)
        for name in formats:
            _write(into, BY_NAME[name], overwrite=done.how != "unchanged")
        return done


@contextmanager
def _locked(into: Path) -> Iterator[None]:
    try:
        into.mkdir(parents=True, exist_ok=True)
        with FileLock(into / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise HarvestError(f"Another harvest into {into} is running", "Wait until it has ended.") from error
    except OSError as error:
        raise HarvestError(
            f"{into} cannot be written: {error.strerror or error}",
            "Check its rights and the free space. What was held before is held on.",
        ) from error


def _read_state(into: Path, url: str) -> HarvestState | None:
    """What is held of this site, as far as it is told."""
    try:
        state = HarvestState(**json.loads((into / _STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return state if state.url == url and (into / _GRAPH).is_file() else None


# ---- what has changed ------------------------------------------------------------------------


def _update(site: Site, into: Path, previous: HarvestState) -> Harvest:
    reason = ""
    if sha256_of(into / _GRAPH) != previous.sha256:
        reason = "the graph that was held had been changed"
    for _ in range(0 if reason else _MAX_DOWNLOADS):
        try:
            return _apply_changes(site, into, previous)
        except PatchError as error:  # broken on its way, or in itself: that is seen when it is asked for again
            reason = error.what
        except AnswerLost as error:  # it was asked for again and again; a dump is a file, which can be gone on with
            reason = error.what
            break
    return replace(_download_full(site, into), reason=reason)


def _apply_changes(site: Site, into: Path, previous: HarvestState) -> Harvest:
    """Apply what has changed since what is held. Raises PatchError where that cannot be, or is not right."""
    patch, aside = into / ".changes", into / ".new"
    patch.unlink(missing_ok=True)
    headers = {"Accept": "text/x-rdf-patch", **({"If-None-Match": previous.etag} if previous.etag else {})}
    reply = site.download(f"/changes.rdfp?since={previous.release}", patch, headers)
    if reply.status == 304 and previous.etag:
        return Harvest("unchanged", previous)
    if reply.status != 200:
        reasons = {404: "the site does not know the release that was held", 410: "the release that was held is gone"}
        raise PatchError(reasons.get(reply.status, f"changes are answered with status {reply.status}"))
    try:
        if _is_page(reply, patch):
            raise PatchError("changes are answered with a web page, perhaps a login")
        _check_digest(reply, patch)
        with patch.open("rb") as file:
            header, changes = read_patch(iter(partial(file.readline, _MAX_LINE_BYTES), b""))
            if header.since != previous.release:
                raise PatchError("the patch is since another release")
            counted = _CountedChanges(changes)
            new = HashedLines(apply_patch(sort_lines(into / _GRAPH), counted))
            with aside.open("wb") as output:
                output.writelines(new)
            if new.sha256 != header.sha256:
                raise PatchError("the graph after the patch was not the one of the site")
        # The answer is conditional on the release that was held; there is one for the next when it is asked for.
        etag = reply.headers.get("ETag", "") if header.until == previous.release else ""
        state = HarvestState(site.url, header.until, new.sha256, etag)
        changed = new.sha256 != previous.sha256
        _swap(into, aside, state)
        return Harvest("changes" if changed else "unchanged", state, counted.added, counted.removed)
    finally:
        for left in (patch, aside):
            left.unlink(missing_ok=True)


def _is_page(reply: HttpResponse, file: Path) -> bool:
    with file.open("rb") as content:
        return replace(reply, body=content.read(_SNIFF_BYTES)).is_page


def _check_digest(reply: HttpResponse, file: Path) -> None:
    """Hold a file against the header Repr-Digest, where there is one (RFC 9530)."""
    told = reply.headers.get("Repr-Digest", "")
    if told.startswith("sha-256=:") and base64.b64encode(bytes.fromhex(sha256_of(file))).decode() not in told:
        raise PatchError("the patch is not what the site has sent")


class _CountedChanges:
    """Changes that are counted while they are read."""

    def __init__(self, changes: Iterator[tuple[bytes, bytes]]) -> None:
        self._changes = changes
        self.added = self.removed = 0

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        for kind, line in self._changes:
            if kind == ADDED:
                self.added += 1
            else:
                self.removed += 1
            yield kind, line


# ---- the whole -------------------------------------------------------------------------------


def _download_full(site: Site, into: Path) -> Harvest:
    """Take the dump of the current release. Raises HarvestError, FetchError, also where a web page comes instead."""
    reason = ""
    for attempt in range(_MAX_DOWNLOADS):
        try:
            release, sums = _list_files(site)
            names = [name for name in FULL_DUMPS if name in sums]
            name = names[attempt % len(names)]  # where one is corrupt, another may be good
            packed = into / f".full-{release}-{sums[name][:16]}"
            _remove_partial_downloads(into, keep=packed.name)
            address = f"/release/{release}/{name}"
            reply = site.download(address, packed)
        except HarvestError as error:
            reason = error.what
            continue
        except FetchError as error:
            if not reason:
                raise
            raise HarvestError(f"{reason}; then {error.what}", _KEPT_HINT) from error
        if reply.status != 200:
            reason = f"{site.url}{address} is answered with status {reply.status}"
            continue
        if (digest := sha256_of(packed)) != sums[name]:
            is_page = _is_page(reply, packed)
            packed.unlink()
            if is_page:
                raise got_web_page(f"{site.url}{address}")
            reason = (
                f"{site.url}{address} came whole and is corrupt: "
                f"its SHA-256 is {digest[:16]}…, and SHA256SUMS says {sums[name][:16]}…"
            )
            continue
        return _install_dump(site, into, packed, name, release)
    raise HarvestError(reason, _KEPT_HINT)


def _list_files(site: Site) -> tuple[int, dict[str, str]]:
    """The current release, and the checksums of its files. Raises HarvestError where no dump is among them,
    FetchError.
    """
    reply = site.get("/latest/SHA256SUMS")
    if reply.status == 200 and reply.is_page:
        raise got_web_page(f"{site.url}/latest/SHA256SUMS")
    release = reply.headers.get("Cybilgraph-Release", "")
    sums = parse_checksums(reply.body.decode("utf-8", "replace"))
    if len(sums) > _MAX_FILES or any(len(name) > _MAX_NAME for name in sums):
        raise HarvestError(
            f"{site.url}/latest/SHA256SUMS lists {len(sums):,} files, the longest name has "
            f"{max(map(len, sums))} characters: at most {_MAX_FILES:,} and {_MAX_NAME} are read",
            _KEPT_HINT,
        )
    if reply.status == 200 and _RELEASE.fullmatch(release) and any(name in sums for name in FULL_DUMPS):
        return int(release), sums
    raise HarvestError(
        f"{site.url}/latest/SHA256SUMS names no dump that is known here (status {reply.status})", _KEPT_HINT
    )


def _install_dump(site: Site, into: Path, packed: Path, name: str, release: int) -> Harvest:
    raw, aside = into / ".raw", into / ".new"
    try:
        with open_decompressed(packed, name) as plain, raw.open("wb") as out:
            _copy(plain, out, min(site.limits.bytes, packed.stat().st_size * _MAX_RATIO + _SMALL_BYTES))
        lines = 0
        with aside.open("wb") as sorted_:
            digested = HashedLines(sort_lines(raw))
            for line in digested:
                sorted_.write(line)
                lines += 1
        state = HarvestState(site.url, release, digested.sha256)
        _swap(into, aside, state)
    except DECOMPRESSION_ERRORS as error:
        raise HarvestError(f"{name} cannot be unpacked, though its checksum is right", "Tell the publisher.") from error
    except _Unfit as error:
        raise HarvestError(f"{site.url}/release/{release}/{name} {error}", _KEPT_HINT) from error
    finally:
        for left in (raw, aside, packed):
            left.unlink(missing_ok=True)
    return Harvest("full", state, added=lines)


class _Unfit(Exception):
    """The content of a file is too large."""


def _copy(plain: IO[bytes], output: IO[bytes], most: int) -> None:
    """Copy lines. Raises _Unfit where all have more than ``most`` bytes, or one is too long."""
    size = line = 0
    while block := plain.read(_BLOCK_BYTES):
        size += len(block)
        first = block.find(b"\n")
        if line + (len(block) if first < 0 else first) > _MAX_LINE_BYTES:
            raise _Unfit(f"has a line of more than {_MAX_LINE_BYTES:,} bytes")
        line = line + len(block) if first < 0 else len(block) - 1 - block.rfind(b"\n")
        if size > most:
            raise _Unfit(f"unpacks to more than {most:,} bytes, the limit for a file of its size")
        output.write(block)


def _remove_partial_downloads(into: Path, keep: str) -> None:
    """Leave nothing of a download that was broken off but the one that can be gone on with."""
    for left in into.glob(".full-*"):
        if not left.name.startswith(keep):
            left.unlink()


def _swap(into: Path, aside: Path, state: HarvestState) -> None:
    """Hold the new graph. Where this is broken off in the middle, the next harvest takes the whole."""
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(into / _GRAPH)
    with atomic_write(into / _STATE) as file:
        file.write(json.dumps(asdict(state), indent=1).encode() + b"\n")


def _write(into: Path, fmt: Format, overwrite: bool) -> None:
    """The graph in another format; one that has no graphs holds the present only."""
    target = into / f"graph.{fmt.suffix}"
    if fmt.name == "nquads" or (target.exists() and not overwrite):
        return
    with (into / _GRAPH).open("rb") as lines, atomic_write(target) as output:
        only = (line for line in lines if fmt.kind is FormatKind.DATASET or not is_in_earlier_graph(line))
        serialise(only, fmt, output)
