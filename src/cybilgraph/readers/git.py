"""Find the files that have changed since a git commit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from cybilgraph.errors import SourceError
from cybilgraph.readers.inputs import Input

#: Prevents git from running programs that a repository's own settings name.
_SAFE = ("-c", "core.fsmonitor=false", "--no-optional-locks")


def changed_since(commit: str, inputs: Iterable[Input]) -> Iterator[Input]:
    """Yield the inputs that were changed, added or renamed since a commit, or are untracked.

    For a commit on another branch, changes count since the common ancestor. Ignored files are skipped.
    Raises SourceError if git is not installed, if a file is not in a repository, or if its repository does
    not have this commit.
    """
    changed: dict[str, set[Path]] = {}  # by repository root
    roots: dict[Path, str] = {}  # repository roots by folder
    for input_file in inputs:
        if input_file.path is None:
            raise SourceError(f"{input_file.name}: git cannot tell whether it has changed", "Give files or folders.")
        folder = input_file.path.parent
        if folder not in roots:
            roots[folder] = _run_git(folder, "rev-parse", "--show-toplevel").removesuffix("\n")
        root = roots[folder]
        if root not in changed:
            changed[root] = set(_changed_paths(Path(root), commit))
        if folder.resolve() / input_file.path.name in changed[root]:
            yield input_file


def _changed_paths(root: Path, commit: str) -> Iterator[Path]:
    """Yield the files of a repository that differ from a commit."""
    verify = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    known = _run_git(root, *verify, may_fail=True)
    if not known:
        raise SourceError(
            f"{root}: unknown commit {commit!r}",
            "Use a branch, tag or commit such as main, origin/main or HEAD~1. A shallow clone may not have it.",
        )
    ours = _run_git(root, "merge-base", known.strip(), "HEAD", may_fail=True) or known
    for arguments in (
        ("diff", "--name-only", "-z", "--no-ext-diff", "--find-renames", "--diff-filter=d", ours.strip(), "--"),
        ("ls-files", "--others", "--exclude-standard", "-z", "--"),
    ):
        yield from (root.resolve() / name for name in _run_git(root, *arguments).split("\0") if name)


def _run_git(folder: Path, *arguments: str, may_fail: bool = False) -> str:
    """Run git and return its output, or an empty string if it fails and may. File names keep their bytes."""
    program = shutil.which("git")
    if program is None:
        raise SourceError("Git is not installed, but is needed to find changed files", "Install git.")
    result = subprocess.run(  # noqa: S603
        [program, "-C", os.fspath(folder.absolute()), *_SAFE, *arguments], capture_output=True, check=False
    )
    if result.returncode and not may_fail:
        reason = result.stderr.decode(errors="replace").strip().split("\n")[0].removeprefix("fatal: ")
        raise SourceError(
            f"{folder}: git cannot list the changed files: {reason}", "The files must be in a git repository."
        )
    return "" if result.returncode else os.fsdecode(result.stdout)
