"""Edits to a folder of records, and the content of the release that is built from it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

#: The day on which the test releases are built.
DAY = date(2026, 1, 31)


def content(release: Path) -> dict[str, bytes]:
    """Return the files of a release, except databases and files with a build time."""
    return {
        path.relative_to(release).as_posix(): path.read_bytes()
        for path in sorted(release.rglob("*"))
        if path.is_file()
        if path.parent.name != "store" and path.stem not in ("manifest", "SHA256SUMS", "void", "dcat")
    }


def changed(pages: Path) -> None:
    page = pages / "belize-G0020.txt"
    page.write_text(page.read_text(encoding="utf-8").replace("From:", "Region:\n\nAtlantis\n\nFrom:"), encoding="utf-8")


def added(pages: Path) -> None:
    (pages / "new.txt").write_text("A new project\nSummary\nIt is funded by UNODC in Kenya.\n", encoding="utf-8")


def removed(pages: Path) -> None:
    (pages / "belize-G0020-older.txt").unlink()
