"""Confines a worker process: whatever its work tries, the kernel refuses what its policy does not grant.

``restrict_files`` runs before a worker opens what it needs, ``restrict_calls`` after that. The second proves from
inside that the kernel refuses; a worker in which it does not never begins to work. On Linux it is done by seccomp (a
filter of system calls, seccomp(2)) and Landlock (rules for paths and ports, landlock(7)), elsewhere by a limit on
open files alone; ``missing_protection`` tells the operator what that leaves open.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import resource
import socket
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Policy:
    """What a worker may do once it works: by default nothing but compute and answer.

    ``folders`` may be read at any time. With ``endpoints`` (URLs) it may connect to their ports, and read what looking
    up and verifying a server takes. ``is_measured`` leaves the figures of its memory readable to the server, which the
    kernel otherwise hides from all but root.
    """

    folders: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    is_measured: bool = False

    @property
    def is_sealed(self) -> bool:
        """Whether it opens nothing at all."""
        return not (self.folders or self.endpoints)


class SandboxError(RuntimeError):
    """The kernel did not refuse what it should: this worker must not work."""


#: Variables of the environment that a worker needs: those of Python, of the C library, and of our own.
_VARIABLES = (
    *("LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "GLIBC_TUNABLES", "SOURCE_DATE_EPOCH"),
    "CYBILGRAPH_REFERENCE",  # the folder of reference data, which are read before files become inaccessible
)
_PREFIXES = ("LC_", "PYTHON", "MALLOC_")
#: And those that say how to reach other servers; a proxy may be named with a password.
_NETWORK_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


def environment(policy: Policy) -> dict[str, str]:
    """Return the part of this process's environment that workers of a policy start with."""
    names = (*_VARIABLES, *(_NETWORK_VARIABLES if policy.endpoints else ()))
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or name.startswith(_PREFIXES) or (policy.endpoints and name.upper() in _NETWORK_VARIABLES)
    }


def missing_protection() -> list[str]:
    """Return a sentence for each protection that this system cannot give its workers."""
    protections = {
        "This system has no seccomp filters (Linux on x86-64 or ARM64 has them): a worker that an attacker took "
        "over could start programs, send signals and delete files. Confine the whole server by other means, such "
        "as a container.": has_seccomp(),
        "This system has no Landlock (Linux 5.13 or newer, unless it is switched off): workers over a store on "
        "disk, and those that call other endpoints, could read every file that the server can read.": (
            landlock_version() > 0
        ),
        "This system cannot limit connections by port (Landlock of Linux 6.7 or newer): workers that call other "
        "endpoints could connect to any port.": landlock_version() >= LANDLOCK_NET,
    }
    return [sentence for sentence, is_given in protections.items() if not is_given]


def restrict_files(policy: Policy) -> None:
    """Let this process, from now on, read only what its policy names, and connect only to the ports that it names.

    It covers this thread and those that it starts: call it before any other thread begins. Does nothing for a policy
    that is sealed later, nor where the kernel has no Landlock. Raises OSError.
    """
    if not policy.is_sealed:
        _restrict_by_landlock(_readable(policy), allowed_ports(policy))


def restrict_calls(policy: Policy) -> None:
    """Give up all that the policy does not grant, in every thread, and prove it.

    Raises SandboxError where the kernel still lets something through that this system can refuse; OSError.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if policy.is_sealed:
        _restrict_by_landlock((), ())
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # a new descriptor would need a lower number
    if sys.platform == "linux":
        if not policy.is_measured:
            _prctl(_PR_SET_DUMPABLE, 0)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if has_seccomp():
            _install_filter(build_filter(policy))
    if allowed := [what for what, attempt in _attempts(policy) if not _is_refused(attempt)]:
        raise SandboxError(
            f"This worker does not serve, because its sandbox is not effective: it can still {', '.join(allowed)}."
        )
    if not policy.endpoints:
        sys.addaudithook(_note_attempt)


# ---- Attempts from inside


def _attempts(policy: Policy) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what must fail now, in words and as a call that does no harm if it succeeds."""
    seccomp, landlock = has_seccomp(), landlock_version() > 0
    if policy.is_sealed or landlock:
        yield "open a file", lambda: os.open(os.devnull, os.O_RDONLY)
    if policy.is_sealed or (seccomp and not policy.endpoints):
        yield "open a socket", lambda: socket.socket().close()
    if seccomp:
        yield "open a file for writing", lambda: os.open(os.devnull, os.O_WRONLY)
        yield "delete a file", lambda: os.unlink("")  # noqa: PTH108
        yield "start a program", lambda: os.execve("", ["-"], {})  # noqa: S606, S607
        yield "fork", _fork
        yield "send a signal", lambda: os.kill(os.getppid(), 0)
        yield "be the owner of signals", lambda: fcntl.fcntl(2, fcntl.F_SETOWN, 0)


def _fork() -> None:
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EPERM, errno.ENOSYS, errno.EMFILE)
    return False


# ---- Attempts of the work itself

_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "socket.__new__", "subprocess.Popen", "os.exec", "os.fork"})
_PACKAGE = str(Path(__file__).parents[1])
_attempt = ""


def _note_attempt(event: str, arguments: tuple[Any, ...]) -> None:
    """Keep the first thing that Python code tries to open, and who tries it (an audit hook, PEP 578)."""
    global _attempt
    if event not in _EVENTS or _attempt:
        return
    frame = found = sys._getframe(1)
    while frame.f_back and not frame.f_code.co_filename.startswith(_PACKAGE):
        if frame.f_code.co_filename.endswith("linecache.py"):  # a traceback does without its lines of source
            return
        frame = frame.f_back
    if frame.f_code.co_filename.startswith(_PACKAGE):
        found = frame
    what = arguments[0] if arguments else ""
    _attempt = f"{event} {what!r:.200} at {found.f_code.co_filename}:{found.f_lineno}"


def take_attempt() -> str:
    """Return what the work has tried to open since this was called last, and where; empty if nothing."""
    global _attempt
    attempt, _attempt = _attempt, ""
    return attempt


# ---- seccomp

# We list what is allowed: a list of refusals misses what a later kernel adds, and calls that hurt other processes only
# (prlimit64 or sched_setattr on the server). It has the calls of CPython, the C libraries and our native modules once
# they work, and harmless relatives, for other versions. The tests of the checker and of
# queries run under it.
#: Names of system calls, with their numbers on x86-64 and ARM64 (which has none of the older ones).
_ALLOWED_NUMBERS = """
    brk 12 214              mmap 9 222              munmap 11 215           mprotect 10 226
    mremap 25 216           madvise 28 233          mincore 27 232          membarrier 324 283
    get_mempolicy 239 236   futex 202 98            set_robust_list 273 99  set_tid_address 218 96
    rseq 334 293            gettid 186 178          getpid 39 172           getppid 110 173
    exit 60 93              exit_group 231 94       restart_syscall 219 128
    sched_yield 24 124      sched_getaffinity 204 123                       sched_getparam 143 121
    sched_getscheduler 145 120                      sched_get_priority_max 146 125
    sched_get_priority_min 147 126                  getcpu 309 168          clock_gettime 228 113
    clock_getres 229 114    clock_nanosleep 230 115 nanosleep 35 101        gettimeofday 96 169
    time 201 -              times 100 153           getrusage 98 165        sysinfo 99 179
    uname 63 160            getrandom 318 278       getrlimit 97 163        setrlimit 160 164
    getuid 102 174          geteuid 107 175         getgid 104 176          getegid 108 177
    rt_sigaction 13 134     rt_sigprocmask 14 135   rt_sigreturn 15 139     rt_sigpending 127 136
    rt_sigsuspend 130 133   rt_sigtimedwait 128 137 sigaltstack 131 132     pause 34 -
    read 0 63               write 1 64              readv 19 65             writev 20 66
    pread64 17 67           pwrite64 18 68          preadv 295 69           preadv2 327 286
    lseek 8 62              close 3 57              close_range 436 436     fadvise64 221 223
    fstat 5 80              newfstatat 262 79       stat 4 -                lstat 6 -
    statx 332 291           dup 32 23               dup2 33 -               dup3 292 24
    sendto 44 206           recvfrom 45 207         sendmsg 46 211          recvmsg 47 212
    sendmmsg 307 269        recvmmsg 299 243        shutdown 48 210         getsockname 51 204
    getpeername 52 205      setsockopt 54 208       getsockopt 55 209       poll 7 -
    ppoll 271 73            select 23 -             pselect6 270 72         epoll_wait 232 -
    epoll_pwait 281 22      epoll_ctl 233 21        epoll_create1 291 20    eventfd2 290 19
    pipe2 293 59
"""
#: What policies that open files need beyond that, and those with endpoints. (The C library binds a netlink socket to
#: learn the machine's addresses.)
_OPENING_NUMBERS = """
    readlink 89 -           readlinkat 267 78       access 21 -             faccessat 269 48
    faccessat2 439 439      getcwd 79 17            getdents64 217 61       statfs 137 43
    fstatfs 138 44
"""
_CONNECTING_NUMBERS = "socketpair 53 199            connect 42 203          bind 49 200"
#: What is allowed only with some arguments.
_CHECKED_NUMBERS = """
    clone 56 220            kill 62 129             tgkill 234 131          prlimit64 302 261
    prctl 157 167           fcntl 72 25             ioctl 16 29             open 2 -
    openat 257 56           socket 41 198
"""
#: What this module itself needs before.
_OWN_NUMBERS = "seccomp 317 277"
#: All tables: names, numbers on x86-64, and numbers on ARM64 ("-" if there is none).
SYSTEM_CALL_TABLES = (_ALLOWED_NUMBERS, _OPENING_NUMBERS, _CONNECTING_NUMBERS, _CHECKED_NUMBERS, _OWN_NUMBERS)
#: The machine's name to the kernel (audit.h), and the column of its numbers.
_MACHINES = {"x86_64": (0xC000003E, 1), "aarch64": (0xC00000B7, 2)}
#: From this number on, programs fall back to an older call where the kernel has none (as for clone3): what is not
#: allowed does not exist for them. The calls of x32 have numbers above 2**30.
_FIRST_OPTIONAL = 424

_SECCOMP_SET_MODE_FILTER, _SECCOMP_GET_ACTION_AVAIL, _SECCOMP_FILTER_FLAG_TSYNC = 1, 2, 1
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_SECCOMP_RET_ALLOW, _SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
_DENY, _UNKNOWN = _SECCOMP_RET_ERRNO | errno.EPERM, _SECCOMP_RET_ERRNO | errno.ENOSYS
#: Instructions of classic BPF (linux/filter.h), and where struct seccomp_data has what they read.
_LOAD, _IF_EQUAL, _IF_GREATER, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_AT_NUMBER, _AT_MACHINE, _AT_ARGUMENTS = 0, 4, 16
_ALLOWED = (_RETURN, 0, 0, _SECCOMP_RET_ALLOW)

#: Of clone(2): what makes a thread, and what would give it namespaces of its own.
_CLONE_THREAD, _CLONE_NEW = 0x00010000, 0x7E020000
#: Commands of fcntl(2), ioctl(2) and prctl(2) that change or send nothing to others: F_DUPFD, F_GETFD, F_SETFD,
#: F_GETFL, F_SETFL, F_DUPFD_CLOEXEC; TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX; PR_SET_NAME,
#: PR_GET_NAME, PR_SET_VMA.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
_IOCTL_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
_PRCTL_OPTIONS = (15, 16, 0x53564D41)
_AF_NETLINK = 16
_Instruction = tuple[int, int, int, int]


def _numbers(table: str, machine: str = "") -> dict[str, int]:
    """Return the numbers of the system calls in a table by name, by default for this machine."""
    column = _MACHINES[machine or platform.machine()][1]
    words = iter(table.split())
    return {row[0]: int(row[column]) for row in zip(words, words, words, strict=True) if row[column] != "-"}


def build_filter(policy: Policy, machine: str = "") -> list[_Instruction]:
    """Return the program that decides on each system call (struct sock_filter of linux/filter.h).

    ``machine`` is a processor as ``platform.machine`` names it, by default this one. Jumps are relative to the next
    instruction.
    """
    machine = machine or platform.machine()
    checked = _numbers(_CHECKED_NUMBERS, machine)
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _AT_MACHINE),
        (_IF_EQUAL, 1, 0, _MACHINES[machine][0]),
        (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]

    def check(name: str, argument: int, *tests: _Instruction) -> None:
        """Decide on a call by one of its arguments: tests that jump to the end refuse it."""
        if name in checked:
            load = (_LOAD, 0, 0, _AT_ARGUMENTS + 8 * argument)  # its lower half: both machines are little-endian
            block = [load, *tests, (_RETURN, 0, 0, _DENY)]
            program.extend([(_IF_EQUAL, 0, len(block), checked[name]), *block])

    def allow_values(name: str, argument: int, values: Iterable[int]) -> None:
        check(name, argument, *(step for value in values for step in ((_IF_EQUAL, 0, 1, value), _ALLOWED)))

    plain = _numbers(_ALLOWED_NUMBERS, machine)
    if not policy.is_sealed:
        plain |= _numbers(_OPENING_NUMBERS, machine)
        writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
        for name, flags in (("open", 1), ("openat", 2)):
            check(name, flags, (_IF_ANY_BIT, 1, 0, writing), _ALLOWED)
    if policy.endpoints:
        plain |= _numbers(_CONNECTING_NUMBERS, machine)
        check("socket", 0, (_IF_GREATER, 1, 0, _AF_NETLINK), _ALLOWED)
    for number in plain.values():
        program += [(_IF_EQUAL, 0, 1, number), _ALLOWED]
    check("clone", 0, (_IF_ANY_BIT, 2, 0, _CLONE_NEW), (_IF_ANY_BIT, 0, 1, _CLONE_THREAD), _ALLOWED)
    for name in ("kill", "tgkill"):  # abort() sends itself a signal
        allow_values(name, 0, [os.getpid()])
    allow_values("prlimit64", 0, [0, os.getpid()])
    allow_values("prctl", 0, _PRCTL_OPTIONS)
    allow_values("fcntl", 1, _FCNTL_COMMANDS)
    allow_values("ioctl", 1, _IOCTL_REQUESTS)
    return [*program, (_IF_GREATER, 0, 1, _FIRST_OPTIONAL - 1), (_RETURN, 0, 0, _UNKNOWN), (_RETURN, 0, 0, _DENY)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@cache
def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: Any) -> int:
    """Make a system call; -1 where it fails (``ctypes.get_errno`` tells why)."""
    words = (ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments)
    return int(_library().syscall(ctypes.c_long(number), *words))


def _prctl(option: int, value: int) -> None:
    if _library().prctl(option, *(ctypes.c_ulong(each) for each in (value, 0, 0, 0))):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


@cache
def has_seccomp() -> bool:
    """Return whether the kernel has seccomp filters, and we know its system calls."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES or sys.maxsize < 2**32:
        return False
    action = ctypes.c_uint32(_SECCOMP_RET_ERRNO)
    return _call(_numbers(_OWN_NUMBERS)["seccomp"], _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0


def _install_filter(program: list[_Instruction]) -> None:
    code = _Program(len(program), b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    if _call(
        _numbers(_OWN_NUMBERS)["seccomp"], _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(code)
    ):
        raise OSError(ctypes.get_errno(), "The kernel rejects the system-call filter (seccomp)")


# ---- Landlock

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_LANDLOCK_CREATE_RULESET_VERSION, _LANDLOCK_RULE_PATH_BENEATH, _LANDLOCK_RULE_NET_PORT = 1, 1, 2
#: The version of Landlock that knows of ports, and the one that knows of signals and abstract sockets.
LANDLOCK_NET, _LANDLOCK_SCOPED = 4, 6
#: How many kinds of access to files each version knows, first to last.
_FILE_ACCESS = (13, 14, 15, 15, 16)
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_BIND_TCP, _CONNECT_TCP = 1, 2
#: Where a server's address and certificate are looked up. Those behind links below /run are replaced while we run.
_RESOLVING = (
    *("/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/localtime", "/etc/ld.so.cache", "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies"),
    *("/usr/share/ca-certificates", "/usr/share/zoneinfo", "/run/systemd/resolve", "/run/NetworkManager"),
    *("/run/resolvconf", "/run/nscd", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"),
)
_DNS, _HTTP, _HTTPS = 53, 80, 443


def _readable(policy: Policy) -> list[str]:
    if not policy.endpoints:
        return list(policy.folders)
    import ssl  # loading OpenSSL takes 20 ms, which most workers need not spend

    certificates = [*ssl.get_default_verify_paths(), os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")]
    code = [*sys.path, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    return [*policy.folders, *_RESOLVING, *(path for path in (*certificates, *code) if path)]


def allowed_ports(policy: Policy) -> set[int]:
    """Return the TCP ports of the endpoints, and of the proxies and name servers on the way there."""
    if not policy.endpoints:
        return set()
    proxies = [
        value for name, value in os.environ.items() if name.upper() in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    ]
    ports = {_DNS}
    for url in (*policy.endpoints, *proxies):
        parts = urlsplit(url if "//" in url else f"//{url}")
        ports.add(parts.port or (_HTTPS if parts.scheme == "https" else _HTTP))
    return ports | ({_HTTPS} if _HTTP in ports else set())  # a server may send us on to its safe address


@cache
def landlock_version() -> int:
    """Return the version of Landlock that the kernel has; 0 if none."""
    if sys.platform != "linux":
        return 0
    return max(_call(_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION), 0)


def _restrict_by_landlock(readable: Iterable[str], ports: Iterable[int]) -> None:
    """Refuse this thread all files but reading below these paths, and all TCP but connecting to these ports."""
    version = landlock_version()
    if not version:
        return
    files = (1 << _FILE_ACCESS[min(version, len(_FILE_ACCESS)) - 1]) - 1
    network = _BIND_TCP | _CONNECT_TCP if version >= LANDLOCK_NET else 0
    scoped = 3 if version >= _LANDLOCK_SCOPED else 0
    attributes = struct.pack("=QQQ", files, network, scoped)
    rules = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "The kernel does not accept file rules (Landlock)")
    try:
        for path in readable:
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
                access = _READ_FILE | _READ_DIR if Path(path).is_dir() else _READ_FILE
                try:
                    _add_rule(rules, _LANDLOCK_RULE_PATH_BENEATH, struct.pack("=Qi", access, handle))
                finally:
                    os.close(handle)
        for port in ports if network else ():
            _add_rule(rules, _LANDLOCK_RULE_NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port))
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if _call(_RESTRICT_SELF, rules, 0):
            raise OSError(ctypes.get_errno(), "The kernel does not enforce the rules (Landlock)")
    finally:
        os.close(rules)


def _add_rule(rules: int, kind: int, attributes: bytes) -> None:
    if _call(_ADD_RULE, rules, kind, attributes, 0):
        raise OSError(ctypes.get_errno(), "The kernel rejects a file or port rule (Landlock)")
