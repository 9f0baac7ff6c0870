"""Curators' passwords, sessions and attempts to log in."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from werkzeug.exceptions import TooManyRequests

from cybilgraph.errors import CuratorError
from cybilgraph.web import curator_logins
from cybilgraph.web.curator_logins import IDLE_SECONDS, MAX_SECONDS, MAX_SESSIONS, CuratorAccess, CuratorFile
from tests.conftest import run
from tests.support.curators import PASSWORDS
from tests.support.operations import until


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the slow hash, and return the passwords that were compared."""
    compared: list[str] = []

    def check(stored: str, password: str) -> bool:
        compared.append(password)
        return stored == f"hash of {password}"

    monkeypatch.setattr(curator_logins, "generate_password_hash", lambda password, _: f"hash of {password}")
    monkeypatch.setattr(curator_logins, "check_password_hash", check)
    return compared


@pytest.fixture
def file(tmp_path: Path, hashed: list[str]) -> CuratorFile:
    file = CuratorFile(tmp_path / "curators.json")
    for name, password in PASSWORDS.items():
        file.add(name, password)
    return file


@pytest.fixture
def access(file: CuratorFile, clock: Clock) -> CuratorAccess:
    return CuratorAccess(file, clock=clock)


def log_in(access: CuratorAccess, name: str = "Ana", address: str = "192.0.2.1") -> str:
    session_id = access.log_in(name, PASSWORDS[name], address)
    assert session_id
    return session_id


@pytest.mark.slow
def test_commands_add_list_and_remove_curators(tmp_path: Path) -> None:
    path = tmp_path / "curators.json"
    at = ("--curators", path)
    assert run("curators", "add", "Ana", *at, given=b"correct horse battery\n").returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"scrypt:32768:8:3$" in path.read_bytes()
    assert b"horse" not in path.read_bytes()
    assert CuratorAccess(CuratorFile(path)).log_in("Ana", "correct horse battery", "192.0.2.1")
    assert not CuratorAccess(CuratorFile(path)).log_in("Ana", "correct horse batterY", "192.0.2.1")
    assert run("curators", "add", "Bea Ruiz", *at, given="no rule but length: ñ".encode()).returncode == 0
    assert run("curators", "list", *at).stdout.decode().split("\n") == ["Ana", "Bea Ruiz", ""]
    assert run("curators", "remove", "Ana", *at).returncode == 0
    again = run("curators", "remove", "Ana", *at)
    assert (again.returncode, b"There is no curator called 'Ana'" in again.stderr) == (2, True)
    assert list(CuratorFile(path).read()) == ["Bea Ruiz"]


@pytest.mark.parametrize(
    ("name", "password", "what"),
    [
        ("Cy", "x" * 11, "too easy"),
        ("Cy", "", "too easy"),
        ("Cy", "x" * 1_001, "too long"),
        ("Maximiliana Ruiz", "maximiliana ruiz", "too easy"),
        ("ANA", "correct horse battery", "There is already a curator called 'Ana'"),
        ("", "correct horse battery", "not a valid name"),
        ("\n", "correct horse battery", "not a valid name"),
        ("Cy\x1b[2J", "correct horse battery", "not a valid name"),
        ("x" * 101, "correct horse battery", "not a valid name"),
    ],
)
def test_weak_passwords_and_confusing_names_are_refused(file: CuratorFile, name: str, password: str, what: str) -> None:
    before = file.read()
    with pytest.raises(CuratorError, match=what):
        file.add(name, password)
    assert file.read() == before


@pytest.mark.parametrize("password", ["x" * 12, "x" * 1_000, " leading and trailing ", "密码密码密码密码密码密码"])
def test_passwords_of_any_composition_are_accepted_unchanged(file: CuratorFile, password: str) -> None:
    file.add("Cy", password)
    assert CuratorAccess(file).log_in("Cy", password, "192.0.2.1")
    assert not CuratorAccess(file).log_in("Cy", password[:-1], "192.0.2.1")


def test_file_that_others_can_read_is_refused(file: CuratorFile, tmp_path: Path) -> None:
    (tmp_path / "curators.json").chmod(0o640)
    with pytest.raises(CuratorError, match="Other users can read"):
        file.read()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"Ana": 1}', b"\xff"])
def test_damaged_file_is_refused(file: CuratorFile, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "curators.json").write_bytes(content)
    with pytest.raises(CuratorError, match="not a valid file of curators"):
        file.read()


def test_invalid_hash_is_reported(tmp_path: Path) -> None:
    (tmp_path / "curators.json").write_bytes(b'{"Ana": "scrypt:many:8:3$salt$hash"}')
    (tmp_path / "curators.json").chmod(0o600)
    access = CuratorAccess(CuratorFile(tmp_path / "curators.json"))
    with pytest.raises(CuratorError, match="invalid hash"):
        access.log_in("Ana", "a long password", "192.0.2.1")


def test_session_ends_when_idle_and_at_its_maximum(access: CuratorAccess, clock: Clock) -> None:
    idle, busy = log_in(access), log_in(access)
    began = clock.now
    while clock.now + IDLE_SECONDS - 1 < began + MAX_SECONDS:
        clock.now += IDLE_SECONDS - 1
        assert access.session(busy)
    assert not access.session(idle)
    clock.now = began + MAX_SECONDS
    assert not access.session(busy)


def test_session_ends_at_logout_removal_and_change_of_password(access: CuratorAccess, file: CuratorFile) -> None:
    out, kept = log_in(access), log_in(access, "Bea")
    access.log_out(out)
    assert not access.session(out)
    other = log_in(access)
    assert access.session(other)
    file.add("Ana", "another password")
    assert not access.session(other)
    assert access.session(kept)
    file.remove("Bea")
    assert not access.session(kept)
    file.add("Bea", PASSWORDS["Bea"] + "!")
    assert not access.session(kept)


def test_oldest_session_ends_beyond_the_maximum(access: CuratorAccess) -> None:
    other = log_in(access, "Bea")
    sessions = [log_in(access) for _ in range(MAX_SESSIONS + 1)]
    assert [bool(access.session(one)) for one in sessions] == [False, *[True] * MAX_SESSIONS]
    assert access.session(other)
    assert len(set(sessions)) == len(sessions)
    assert all(len(one) == 43 for one in sessions), "256 bits in base 64"


def test_a_thousand_wrong_passwords_are_hardly_hashed(access: CuratorAccess, hashed: list[str]) -> None:
    refused = 0
    for number in range(1_000):
        try:
            assert not access.log_in("Ana", f"wrong {number}", "192.0.2.1")
        except TooManyRequests:
            refused += 1
    assert (len(hashed), refused) == (10, 990)


def test_name_is_limited_over_all_addresses_but_not_for_its_curator(
    access: CuratorAccess, hashed: list[str], clock: Clock
) -> None:
    log_in(access, address="198.51.100.7")
    attempts = len(hashed)
    refused = 0
    for number in range(1_000):
        try:
            assert not access.log_in("Ana", "wrong", f"2001:db8:{number:x}::1")
        except TooManyRequests:
            refused += 1
    assert (len(hashed) - attempts, refused) == (20 - attempts, 980 + attempts)
    log_in(access, address="198.51.100.7")
    log_in(access, "Bea", address="203.0.113.1")
    with pytest.raises(TooManyRequests):
        access.log_in("Ana", PASSWORDS["Ana"], "203.0.113.1")
    clock.now += 30
    log_in(access, address="203.0.113.1")


def test_flood_of_logins_leaves_room_for_curators_and_does_not_use_up_their_attempts(
    access: CuratorAccess, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(access, address="198.51.100.7")
    is_over = threading.Event()

    def check(stored: str, password: str) -> bool:
        hashed.append(password)
        return stored == f"hash of {password}" if password in PASSWORDS.values() else is_over.wait(250)

    monkeypatch.setattr(curator_logins, "check_password_hash", check)
    with ThreadPoolExecutor(4) as threads:
        flood = [threads.submit(access.log_in, f"nobody {n}", "wrong", f"192.0.2.{n}") for n in range(4)]
        until(lambda: sum(one.done() for one in flood) == 2)  # refused
        for _ in range(20):
            with pytest.raises(TooManyRequests, match="at the moment"):
                access.log_in("Bea", PASSWORDS["Bea"], "203.0.113.1")
        log_in(access, address="198.51.100.7")
        is_over.set()
    log_in(access, "Bea", address="203.0.113.1")


def test_unknown_name_costs_the_same_and_is_not_logged(file: CuratorFile, hashed: list[str]) -> None:
    events: list[str] = []
    access = CuratorAccess(file, events.append)
    assert not access.log_in("my secret", "a wrong password", "192.0.2.1")
    assert not access.log_in("Ana", "a wrong password", "192.0.2.1")
    assert hashed == ["a wrong password", "a wrong password"]
    log_in(access)
    assert events == [
        "Login refused: an unknown name from 192.0.2.1",
        "Login refused: Ana from 192.0.2.1",
        "Login: Ana from 192.0.2.1",
    ]
