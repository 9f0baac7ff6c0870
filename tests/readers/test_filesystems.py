"""Sources on remote file systems give the same release as a folder, or a clear error."""

from __future__ import annotations

import shutil
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from cybilgraph import pipeline
from cybilgraph.errors import AddressError
from cybilgraph.readers import find_inputs
from cybilgraph.readers.filesystems import is_address, local_copies
from cybilgraph.release.graph_file import GRAPH
from tests.conftest import PAGES, RECORDS, SEED, graph_of, run


@pytest.fixture
def memory() -> Iterator[str]:
    system = fsspec.filesystem("memory")
    yield "memory://records"
    system.rm("/", recursive=True)


class _Pages(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "secret" in self.path and "signature=right" not in self.path:
            self.send_error(403)
        else:
            super().do_GET()

    do_HEAD = do_GET  # noqa: N815  it sends a body, too, which is read past


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Yield a folder and the address at which a server provides it."""
    folder = tmp_path / "web"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
def test_release_from_addresses_equals_that_from_folder(releases: Path, memory: str, tmp_path: Path) -> None:
    archive, folder = tmp_path / "records.zip", tmp_path / "records"
    folder.mkdir()
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in PAGES:
            shutil.copy(path, folder)
            zipped.write(path, f"in/{path.name}")
    fsspec.filesystem("memory").put(f"{folder}/", "/records/", recursive=True)
    for number, address in enumerate((memory, f"{folder.as_uri()}/", f"zip://in::{archive.as_uri()}")):
        built, report = pipeline.build([address], tmp_path / str(number), dumps=False)
        assert report.unread == 0
        for name in (GRAPH, "report.json", "sources.sqlite"):
            assert (built.folder / name).read_bytes() == (releases / "0001" / name).read_bytes()


@pytest.mark.slow
def test_file_over_http_is_checked_built_and_converted(web: tuple[Path, str]) -> None:
    folder, url = web
    shutil.copy(SEED, folder / "secret.txt")
    address = f"{url}/secret.txt?signature=right"
    report = pipeline.check(address)
    assert {(file.name, file.uri) for file in report.files} == {("secret.txt", f"{url}/secret.txt")}
    built, _ = pipeline.build([address], folder / "into", dumps=False)
    here, _ = pipeline.build([folder / "secret.txt"], folder / "here", dumps=False)
    assert graph_of(built.folder) == graph_of(here.folder)
    converted = run("convert", address, "-f", "ntriples")
    assert converted.returncode == 0, converted.stderr
    assert converted.stdout == run("convert", folder / "secret.txt", "-f", "ntriples").stdout


def test_files_with_same_name_are_distinguished_by_address(web: tuple[Path, str], memory: str) -> None:
    folder, url = web
    shutil.copy(SEED, folder / "page.txt")
    system = fsspec.filesystem("memory")
    system.pipe("/records/a/page.txt", b"A project\n")
    with local_copies([f"{url}/page.txt", f"{memory}/a", f"{memory}/a/page.txt"]) as places:
        inputs = list(find_inputs(places))
    names = ["page.txt", "memory://records/a/page.txt"]
    assert [input_file.name for input_file in inputs[:2]] == names
    assert [input_file.uri for input_file in inputs] == [f"{url}/page.txt", names[1], names[1]]
    assert not any(input_file.path and input_file.path.exists() for input_file in inputs), (
        "copies are gone with the block"
    )


@pytest.mark.slow
def test_unavailable_files_are_reported(web: tuple[Path, str], tmp_path: Path, memory: str) -> None:
    folder, url = web
    (folder / "secret.txt").write_text("A project")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as zipped:
        zipped.writestr("../outside.txt", "A project")
    for address, words in (
        (f"{memory}/nowhere", "not found"),
        (f"{url}/nowhere.csv", "not found"),
        (f"{url}/secret.txt?signature=wrong", "permission denied"),
        (f"{url}/", "does not name a file"),
        ("http://me:password@localhost:9/a.csv", "cannot be accessed"),
        ("nonsense://a", "Protocol not known: nonsense"),
        (f"zip://::{(tmp_path / 'evil.zip').as_uri()}", "outside that folder"),
        (f"zip://::{(folder / 'secret.txt').as_uri()}", "not a zip file"),
    ):
        with pytest.raises(AddressError, match=words) as error:
            pipeline.build([address], tmp_path / "into")
        assert error.value.hint
        assert "password" not in str(error.value)
        assert "signature" not in str(error.value)
    assert b"Check the address" in run("build", f"{url}/nowhere.csv", "--into", tmp_path / "into").stderr
    assert not (tmp_path / "outside.txt").exists()
    assert not (tmp_path / "into" / "current").exists()


@pytest.mark.parametrize(("missing", "words"), [("fsspec", r"cybilgraph\[remote\]"), ("s3fs", "Install s3fs")])
def test_missing_package_is_named(missing: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (missing, "fsspec.core" if missing == "fsspec" else missing):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(AddressError, match=words), local_copies(["s3://bucket/records"]):
        pass


@pytest.mark.parametrize("place", ["data/records", "-", "/a/b:c.txt", "page.txt", RECORDS, "1://a", ":://"])
def test_other_strings_are_not_addresses(place: str | Path) -> None:
    assert not is_address(place)
    with local_copies([place]) as here:
        assert here == [place]
