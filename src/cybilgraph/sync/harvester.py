"""Keeps a copy of a site's graph up to date: downloads the full dump first, then applies patches.

    DIR/
    ├── graph.nq     the graph: N-Quads in byte order
    └── state.json   its origin, release and SHA-256

Each step is verified: a dump with the site's SHA256SUMS, a patch with the checksum of the resulting graph in its
header. The copy is replaced only after verification.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections import Counter
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
from cybilgraph.release import Releases
from cybilgraph.release.graph_file import COPY
from cybilgraph.runtime.compression import DECOMPRESSION_ERRORS, open_decompressed
from cybilgraph.runtime.files import atomic_write, parse_checksums, sha256_of
from cybilgraph.sync.fetch import HttpResponse, Site, got_web_page
from cybilgraph.sync.patches import ADDED, REMOVED, HashedLines, apply_patch, read_patch, sort_lines

_GRAPH, _STATE = COPY, "state.json"
#: Downloads of a dump whose checksum is wrong.
_MAX_DOWNLOADS = 3
_RELEASE = re.compile(r"[0-9]{1,9}")
#: Releases list about 30 files with names of at most 40 characters.
_MAX_FILES, _MAX_NAME = 1_000, 200
#: Graphs compress to about a tenth; a much larger ratio indicates a decompression bomb.
_MAX_RATIO, _SMALL_BYTES = 200, 10_000_000
#: Lines are sorted in memory, so their length is limited.
_MAX_LINE_BYTES = 16_000_000
#: Beginning of a file in which to look for signs of a web page.
_SNIFF_BYTES = 4096
_KEPT_HINT = "The previous copy is unchanged. Try again later, or tell the publisher."


@dataclass(frozen=True, slots=True)
class HarvestState:
    """The state of a copy. ``etag`` is that of the last response about changes since this release."""

    url: str
    release: int
    sha256: str
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Harvest:
    """The result of a harvest: ``how`` is ``unchanged``, ``changes`` or ``full``.

    ``reason`` explains a full download in spite of an earlier copy.
    """

    how: str
    state: HarvestState
    added: int = 0
    removed: int = 0
    reason: str = ""

    def __str__(self) -> str:
        name = f"Release {self.state.release} of {self.state.url}"
        if self.how == "full":
            reason = f", because {self.reason}" if self.reason else ""
            return f"{name}: downloaded completely, {self.added:,} statements{reason}"
        counts = f" ({self.added:,} statements added, {self.removed:,} removed)" if self.how == "changes" else ""
        return f"{name}: the copy is up to date{counts}"


def harvest(site: Site, into: Path, formats: Sequence[str] = ()) -> Harvest:
    """Update the copy of a site's graph in a folder, and also write it in further ``formats``.

    Raises HarvestError, FetchError; the previous copy then stays unchanged.
    """
    if Releases(into).numbers:
        raise HarvestError(f"{into} is a folder of releases, not of a copy", "Give another folder (--into).")
    with _locked(into):
        previous = _read_state(into, site.url)
        done = _update(site, into, previous) if previous else _download_full(site, into)
        if formats:
            site.use_base()  # tells which graphs have earlier captures
        for name in formats:
            _write(into, BY_NAME[name], overwrite=done.how != "unchanged")
        return done


@contextmanager
def open_copy(folder: Path) -> Iterator[IO[bytes]]:
    """Open the lines of the copy in a folder. Raises HarvestError if there is none."""
    try:
        with (folder / _GRAPH).open("rb") as lines:
            yield lines
    except OSError as error:
        raise HarvestError(
            f"{folder / _GRAPH} cannot be read: {error.strerror}", "Make a copy: cybilgraph harvest URL --into DIR"
        ) from error


@contextmanager
def _locked(into: Path) -> Iterator[None]:
    try:
        into.mkdir(parents=True, exist_ok=True)
        with FileLock(into / ".lock", timeout=0):
            yield
    except Timeout as error:
        raise HarvestError(f"Another harvest into {into} is running", "Wait until it has finished.") from error
    except OSError as error:
        raise HarvestError(
            f"{into} cannot be written: {error.strerror or error}",
            "Check its permissions and the free space. The previous copy is unchanged.",
        ) from error


def _read_state(into: Path, url: str) -> HarvestState | None:
    """Read the state of the copy, or return None if there is no usable one. Raises HarvestError for another site's."""
    try:
        state = HarvestState(**json.loads((into / _STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if not (into / _GRAPH).is_file():
        return None
    if state.url != url:
        raise HarvestError(
            f"{into} contains a copy of {state.url}, not of {url}",
            f"Give another folder (--into). If the site has moved, delete {into / _STATE}.",
        )
    return state


# ---- changes ---------------------------------------------------------------------------------


def _update(site: Site, into: Path, previous: HarvestState) -> Harvest:
    is_intact = sha256_of(into / _GRAPH) == previous.sha256
    reason = "the local copy had been changed"
    for _ in range(_MAX_DOWNLOADS if is_intact else 0):
        try:
            return _apply_changes(site, into, previous)
        except PatchError as error:  # perhaps damaged in transit, so try again
            reason = error.what
        except AnswerLost as error:  # after several attempts; unlike a patch, a dump can be resumed
            reason = error.what
            break
    return replace(_download_full(site, into), reason=reason)


def _apply_changes(site: Site, into: Path, previous: HarvestState) -> Harvest:
    """Download and apply the changes since the previous state. Raises PatchError, also if the new graph is wrong."""
    patch, new_graph = into / ".changes", into / ".new"
    patch.unlink(missing_ok=True)
    headers = {"Accept": "text/x-rdf-patch", **({"If-None-Match": previous.etag} if previous.etag else {})}
    reply = site.download(f"/changes.rdfp?since={previous.release}", patch, headers)
    if reply.status == 304 and previous.etag:
        return Harvest("unchanged", previous)
    if reply.status != 200:
        reasons = {
            404: "the site does not know the release of the copy",
            410: "the site no longer has the release of the copy",
        }
        raise PatchError(reasons.get(reply.status, f"the request for changes returned status {reply.status}"))
    try:
        if _is_page(reply, patch):
            raise PatchError("the request for changes returned a web page, perhaps a login page")
        _check_digest(reply, patch)
        counts: Counter[bytes] = Counter()
        with patch.open("rb") as file, new_graph.open("wb") as output:
            header, changes = read_patch(iter(partial(file.readline, _MAX_LINE_BYTES), b""))
            if header.since != previous.release:
                raise PatchError("the patch is for another release")
            new = HashedLines(apply_patch(sort_lines(into / _GRAPH), _counted(changes, counts)))
            output.writelines(new)
        if new.sha256 != header.sha256:
            raise PatchError("the patched graph did not match the site's checksum")
        # The ETag applies to changes since the previous release, so it is useful only if the release is unchanged.
        etag = reply.headers.get("ETag", "") if header.until == previous.release else ""
        state = HarvestState(site.url, header.until, new.sha256, etag)
        _replace_copy(into, new_graph, state)
        how = "changes" if new.sha256 != previous.sha256 else "unchanged"
        return Harvest(how, state, counts[ADDED], counts[REMOVED])
    finally:
        for path in (patch, new_graph):
            path.unlink(missing_ok=True)


def _is_page(reply: HttpResponse, file: Path) -> bool:
    with file.open("rb") as content:
        return replace(reply, body=content.read(_SNIFF_BYTES)).is_page


def _check_digest(reply: HttpResponse, file: Path) -> None:
    """Check a file against the header Repr-Digest, if there is one (RFC 9530)."""
    digest = reply.headers.get("Repr-Digest", "")
    if digest.startswith("sha-256=:") and base64.b64encode(bytes.fromhex(sha256_of(file))).decode() not in digest:
        raise PatchError("the patch was damaged in transit")


def _counted(changes: Iterator[tuple[bytes, bytes]], counts: Counter[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for kind, line in changes:
        counts[kind] += 1
        yield kind, line


# ---- full download ---------------------------------------------------------------------------


def _download_full(site: Site, into: Path) -> Harvest:
    """Download the dump of the current release. Raises HarvestError, FetchError, also for a web page instead of it."""
    reason = ""
    for attempt in range(_MAX_DOWNLOADS):
        try:
            release, name, compressed = _download_dump(site, into, attempt)
        except HarvestError as error:
            reason = error.what
        except FetchError as error:
            if not reason:
                raise
            raise HarvestError(f"{reason}; then {error.what}", _KEPT_HINT) from error
        else:
            return _install_dump(site, into, compressed, name, release)
    raise HarvestError(reason, _KEPT_HINT)


def _download_dump(site: Site, into: Path, attempt: int) -> tuple[int, str, Path]:
    """Download a dump and verify it; return its release, its name and the file. Raises HarvestError, FetchError."""
    release, sums = _list_files(site)
    names = [name for name in FULL_DUMPS if name in sums]
    name = names[attempt % len(names)]  # if one is corrupt, another may be intact
    compressed = into / f".full-{release}-{sums[name][:16]}"
    for interrupted in into.glob(".full-*"):  # except the one that can be resumed
        if not interrupted.name.startswith(compressed.name):
            interrupted.unlink()
    address = f"/release/{release}/{name}"
    reply = site.download(address, compressed)
    if reply.status != 200:
        raise HarvestError(f"{site.url}{address} returned status {reply.status}")
    if (digest := sha256_of(compressed)) != sums[name]:
        is_page = _is_page(reply, compressed)
        compressed.unlink()
        if is_page:
            raise got_web_page(f"{site.url}{address}")
        raise HarvestError(
            f"{site.url}{address} was downloaded completely but is corrupt: "
            f"its SHA-256 is {digest[:16]}… instead of {sums[name][:16]}… (SHA256SUMS)"
        )
    return release, name, compressed


def _list_files(site: Site) -> tuple[int, dict[str, str]]:
    """Return the current release and its files' checksums. Raises HarvestError if there is no dump; FetchError."""
    reply = site.get("/latest/SHA256SUMS")
    if reply.status == 200 and reply.is_page:
        raise got_web_page(f"{site.url}/latest/SHA256SUMS")
    release = reply.headers.get("Cybilgraph-Release", "")
    sums = parse_checksums(reply.body.decode("utf-8", "replace"))
    if len(sums) > _MAX_FILES or any(len(name) > _MAX_NAME for name in sums):
        raise HarvestError(
            f"{site.url}/latest/SHA256SUMS lists {len(sums):,} files, the longest name has "
            f"{max(map(len, sums))} characters; the limits are {_MAX_FILES:,} and {_MAX_NAME}",
            _KEPT_HINT,
        )
    if reply.status == 200 and _RELEASE.fullmatch(release) and any(name in sums for name in FULL_DUMPS):
        return int(release), sums
    raise HarvestError(f"{site.url}/latest/SHA256SUMS lists no supported dump (status {reply.status})", _KEPT_HINT)


def _install_dump(site: Site, into: Path, compressed: Path, name: str, release: int) -> Harvest:
    raw, new_graph = into / ".raw", into / ".new"
    limit = min(site.limits.bytes, compressed.stat().st_size * _MAX_RATIO + _SMALL_BYTES)
    try:
        with open_decompressed(compressed, name) as plain, raw.open("wb") as output:
            _copy_lines(plain, output, limit, f"{site.url}/release/{release}/{name}")
        new = HashedLines(sort_lines(raw))
        with new_graph.open("wb") as output:
            output.writelines(new)
        state = HarvestState(site.url, release, new.sha256)
        _replace_copy(into, new_graph, state)
    except DECOMPRESSION_ERRORS as error:
        raise HarvestError(
            f"{name} cannot be decompressed, although its checksum is right", "Tell the publisher."
        ) from error
    finally:
        for file in (raw, new_graph, compressed):
            file.unlink(missing_ok=True)
    return Harvest("full", state, added=new.count)


def _copy_lines(plain: IO[bytes], output: IO[bytes], limit: int, address: str) -> None:
    """Copy lines. Raises HarvestError if they have more than ``limit`` bytes, or one is too long."""
    size = 0
    for line in iter(partial(plain.readline, _MAX_LINE_BYTES + 1), b""):
        size += len(line)
        if len(line) > _MAX_LINE_BYTES and not line.endswith(b"\n"):
            raise HarvestError(f"{address} has a line of more than {_MAX_LINE_BYTES:,} bytes", _KEPT_HINT)
        if size > limit:
            raise HarvestError(
                f"{address} decompresses to more than {limit:,} bytes, the limit for a file of its size", _KEPT_HINT
            )
        output.write(line)


def _replace_copy(into: Path, new_graph: Path, state: HarvestState) -> None:
    """Replace the copy and its state. If this is interrupted, the next harvest downloads the full dump."""
    with new_graph.open("rb") as file:
        os.fsync(file.fileno())
    new_graph.replace(into / _GRAPH)
    with atomic_write(into / _STATE) as file:
        file.write(json.dumps(asdict(state), indent=1).encode() + b"\n")


def _write(into: Path, fmt: Format, overwrite: bool) -> None:
    """Write the graph in another format; one without named graphs gets only the current statements."""
    target = into / f"graph.{fmt.suffix}"
    if fmt.name == "nquads" or (target.exists() and not overwrite):
        return
    with (into / _GRAPH).open("rb") as lines, atomic_write(target) as output:
        selected = (line for line in lines if fmt.kind is FormatKind.DATASET or not is_in_earlier_graph(line))
        serialise(selected, fmt, output)
