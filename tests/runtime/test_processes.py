"""Memory that is freed returns to the system, threads share the rest, and processes end with their parents."""

from __future__ import annotations

import mmap
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cybilgraph.runtime.processes import address_space_bytes, resident_bytes

COUNT_ARENAS = """
import ctypes, threading
from cybilgraph.runtime.processes import limit_kept_memory, release_free_memory
if {limited}:
    limit_kept_memory()
library, barrier = ctypes.CDLL(None), threading.Barrier(16)
library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def work():
    taken = [library.malloc(10_000) for _ in range(100)]
    barrier.wait()
    for each in taken:
        library.free(each)
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
release_free_memory()
library.fdopen.restype = ctypes.c_void_p
library.malloc_info(0, ctypes.c_void_p(library.fdopen(1, b"w")))
library.fflush(None)
"""


def count_arenas(*, limited: bool) -> int:
    """The arenas of a process in which 16 threads took memory."""
    command = [sys.executable, "-c", COUNT_ARENAS.format(limited=limited)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_two_arenas() -> None:
    assert count_arenas(limited=False) > 2, "else this test means nothing"
    assert count_arenas(limited=True) == 2


#: Frees blocks of growing size, then keeps a small one behind each of many large ones.
FREE_BLOCKS = """
import os
from cybilgraph.runtime.processes import limit_kept_memory, resident_bytes
limit_kept_memory()
for size in range(100_000, 3_000_000, 100_000):
    bytes(bytearray(size))
before, small, large = resident_bytes(os.getpid()), [], []
for number in range(100):
    large.append(b"x" * 1_900_000)
    small.append(b"x" * 50_000)
del large
print(resident_bytes(os.getpid()) - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the parameters are those of glibc")
def test_freed_large_blocks_return_to_the_system() -> None:
    """Without the limit, nearly 200 MB are kept, at least if the heap of the process grows without a gap."""
    kept = subprocess.run([sys.executable, "-c", FREE_BLOCKS], capture_output=True, check=True).stdout
    assert int(kept) < 30_000_000


def test_address_space_includes_untouched_pages() -> None:
    before, resident = address_space_bytes(os.getpid()), resident_bytes(os.getpid())
    with mmap.mmap(-1, 100_000_000, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        assert address_space_bytes(os.getpid()) >= before + 100_000_000
        assert resident_bytes(os.getpid()) < resident + 50_000_000
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert address_space_bytes(ended.pid) == 0


#: Starts a child that watches its parent, prints its process id once it does, and waits.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
POLLING = """
import time
from cybilgraph.runtime.processes import exit_with_parent
exit_with_parent()
print("ready", flush=True)
time.sleep(300)
"""
BY_THE_KERNEL = """
import os, time
from cybilgraph.runtime.processes import kill_with_parent
kill_with_parent(os.getppid())
print("ready", flush=True)
time.sleep(300)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("child", [POLLING, BY_THE_KERNEL], ids=["polling", "kernel"])
def test_child_ends_when_its_parent_is_killed(child: str) -> None:
    command = [sys.executable, "-c", PARENT, child]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        process = int(parent.stdout.readline())
        os.kill(process, 0)
        parent.kill()
    while _is_running(process):
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())  # empty for a process that has ended
    except OSError:
        return False
