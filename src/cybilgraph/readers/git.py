"""Which files have changed since a commit, as git tells it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from cybilgraph.errors import SourceError
from cybilgraph.readers.inputs import Input

#: What a repository's own settings may make git run is not run.
_SAFE = ("-c", "core.fsmonitor=false", "--no-optional-locks")


def changed_since(commit: str, inputs: Iterable[Input]) -> Iterator[Input]:
    """Those of the inputs that were changed, added or renamed since a commit, or are not tracked yet.

    Where the commit is on another branch, since that and ours parted. What git ignores is passed
    over. Raises SourceError where there is no git, where a file lies in no repository, and where
    its repository knows no such commit.
    """
    changed: dict[str, set[Path]] = {}  # by the root of a repository
    roots: dict[Path, str] = {}  # by folder
    for input_file in inputs:
        if input_file.path is None:
            raise SourceError(f"{input_file.name}: git knows nothing of it", "Give files or folders.")
        folder = input_file.path.parent
        if folder not in roots:
            roots[folder] = _run_git(folder, "rev-parse", "--show-toplevel").removesuffix("\n")
        root = roots[folder]
        if root not in changed:
            changed[root] = set(_changed_paths(Path(root), commit))
        if folder.resolve() / input_file.path.name in changed[root]:
            yield input_file


def _changed_paths(root: Path, commit: str) -> Iterator[Path]:
    """The files of a repository that differ from a commit."""
    known = _run_git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}", may_fail=True
    )
    if not known:
        raise SourceError(
            f"{root}: git knows no commit {commit!r}",
            "Give a branch, a tag or a commit: main, origin/main, HEAD~1. A shallow clone may lack it.",
        )
    ours = _run_git(root, "merge-base", known.strip(), "HEAD", may_fail=True) or known
    for arguments in (
        ("diff", "--name-only", "-z", "--no-ext-diff", "--find-renames", "--diff-filter=d", ours.strip(), "--"),
        ("ls-files", "--others", "--exclude-standard", "-z", "--"),
    ):
        yield from (root.resolve() / name for name in _run_git(root, *arguments).split("\0") if name)


def _run_git(folder: Path, *arguments: str, may_fail: bool = False) -> str:
    """What git says; nothing where it fails and may. Names are as the file system has them."""
    program = shutil.which("git")
    if program is None:
        raise SourceError("There is no git on this machine, which tells what has changed", "Install git.")
    result = subprocess.run(  # noqa: S603
        [program, "-C", os.fspath(folder.absolute()), *_SAFE, *arguments], capture_output=True, check=False
    )
    if result.returncode and not may_fail:
        said = result.stderr.decode(errors="replace").strip().split("\n")[0].removeprefix("fatal: ")
        raise SourceError(f"{folder}: git cannot tell what has changed: {said}", "Check files of a git repository.")
    return "" if result.returncode else os.fsdecode(result.stdout)
