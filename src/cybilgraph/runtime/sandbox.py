"""Confines a worker process: whatever its work tries, the kernel refuses what its policy does not grant.

``restrict_files`` runs before a worker opens what it needs, ``restrict_calls`` after that. The second proves from
inside that the kernel refuses; a worker in which it does not never begins to work. On Linux it is done by seccomp (a
filter of system calls, seccomp(2)) and Landlock (rules for paths and ports, landlock(7)), elsewhere by a limit on
open files alone; ``missing_protection`` tells the operator what that leaves open.
"""

from __future__ import annotations

import ctypes
import errno
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
_VARIABLES = ("LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "GLIBC_TUNABLES", "SOURCE_DATE_EPOCH")
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
    missing = []
    if not _has_seccomp():
        missing.append(
            "This system has no seccomp filters (Linux on x86-64 or ARM64 has them): a worker that an attacker took "
            "over could start programs, send signals and delete files. Confine the whole server by other means, such "
            "as a container."
        )
    if _landlock_version() < 1:
        missing.append(
            "This system has no Landlock (Linux 5.13 or newer, unless it is switched off): workers over a store on "
            "disk, and those that call other endpoints, could read every file that the server can read."
        )
    if _landlock_version() < _LANDLOCK_NET:
        missing.append(
            "This system cannot limit connections by port (Landlock of Linux 6.7 or newer): workers that call other "
            "endpoints could connect to any port."
        )
    return missing


def restrict_files(policy: Policy) -> None:
    """Let this process, from now on, read only what its policy names, and connect only to the ports that it names.

    It covers this thread and those that it starts: call it before any other thread begins. Does nothing for a policy
    that is sealed later, nor where the kernel has no Landlock. Raises OSError.
    """
    if not policy.is_sealed:
        _restrict_by_landlock(_readable(policy), _ports(policy))


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
        if _has_seccomp():
            _install_filter(_filter(policy))
    if allowed := [what for what, attempt in _attempts(policy) if not _is_refused(attempt)]:
        raise SandboxError(
            f"The sandbox of this worker does not hold: it can still {', '.join(allowed)}. It does not serve."
        )
    if not policy.endpoints:
        sys.addaudithook(_note_attempt)


# ---- Attempts from inside


def _attempts(policy: Policy) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what must fail now, in words and as a call that does no harm if it succeeds."""
    seccomp, landlock = _has_seccomp(), _landlock_version() > 0
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


def _fork() -> None:
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EPERM, errno.EMFILE)
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

#: Names of system calls, with their numbers on x86-64 and ARM64 (which has none of the older ones).
_NUMBERS = """
    open 2 -                creat 85 -              openat 257 56           openat2 437 437
    name_to_handle_at 303 264                       open_by_handle_at 304 265
    unlink 87 -             unlinkat 263 35         rmdir 84 -              rename 82 -
    renameat 264 38         renameat2 316 276       link 86 -               linkat 265 37
    symlink 88 -            symlinkat 266 36        mkdir 83 -              mkdirat 258 34
    mknod 133 -             mknodat 259 33          chmod 90 -              fchmod 91 52
    fchmodat 268 53         fchmodat2 452 452       chown 92 -              fchown 93 55
    lchown 94 -             fchownat 260 54         truncate 76 45          ftruncate 77 46
    fallocate 285 47        utime 132 -             utimes 235 -            futimesat 261 -
    utimensat 280 88        setxattr 188 5          lsetxattr 189 6         fsetxattr 190 7
    removexattr 197 14      lremovexattr 198 15     fremovexattr 199 16
    execve 59 221           execveat 322 281        fork 57 -               vfork 58 -
    clone 56 220            clone3 435 435          unshare 272 97          setns 308 268
    ptrace 101 117          process_vm_readv 310 270                        process_vm_writev 311 271
    process_madvise 440 440                         kcmp 312 272            pidfd_open 434 434
    pidfd_getfd 438 438     pidfd_send_signal 424 424                       kill 62 129
    tkill 200 130           tgkill 234 131          rt_sigqueueinfo 129 138 rt_tgsigqueueinfo 297 240
    socket 41 198           socketpair 53 199       connect 42 203          bind 49 200
    listen 50 201           accept 43 202           accept4 288 242         ioctl 16 29
    io_uring_setup 425 425  io_uring_enter 426 426  io_uring_register 427 427
    bpf 321 280             perf_event_open 298 241 userfaultfd 323 282     fanotify_init 300 262
    mount 165 40            umount2 166 39          pivot_root 155 41       chroot 161 51
    move_mount 429 429      open_tree 428 428       fsopen 430 430          fsconfig 431 431
    fsmount 432 432         fspick 433 433          mount_setattr 442 442   swapon 167 224
    swapoff 168 225         reboot 169 142          acct 163 89             quotactl 179 60
    quotactl_fd 443 443     syslog 103 116          init_module 175 105     finit_module 313 273
    delete_module 176 106   kexec_load 246 104      kexec_file_load 320 294 keyctl 250 219
    add_key 248 217         request_key 249 218     settimeofday 164 170    clock_settime 227 112
    sethostname 170 161     setdomainname 171 162   iopl 172 -              ioperm 173 -
    modify_ldt 154 -        shmget 29 194           msgget 68 186           semget 64 190
    mq_open 240 180         mq_unlink 241 181       seccomp 317 277
"""
#: The machine's name to the kernel (audit.h), and the column of its numbers.
_MACHINES = {"x86_64": (0xC000003E, 1), "aarch64": (0xC00000B7, 2)}
#: No call with a higher number is known here (mseal). What is newer may open files by a new name, and the calls of
#: x32 have numbers above 2**30.
_HIGHEST = 462
#: Programs fall back to an older call where these are not there.
_NOT_IMPLEMENTED = frozenset({"clone3", "openat2"})
#: What only policies with endpoints need. (The C library binds a netlink socket to learn of the machine's addresses.)
_CONNECTING = frozenset({"socket", "socketpair", "connect", "bind"})
_OPENING = frozenset({"open", "openat"})

_SECCOMP_SET_MODE_FILTER, _SECCOMP_GET_ACTION_AVAIL, _SECCOMP_FILTER_FLAG_TSYNC = 1, 2, 1
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_SECCOMP_RET_ALLOW, _SECCOMP_RET_ERRNO = 0x7FFF0000, 0x00050000
_DENY, _UNKNOWN = _SECCOMP_RET_ERRNO | errno.EACCES, _SECCOMP_RET_ERRNO | errno.ENOSYS
#: Instructions of classic BPF (linux/filter.h), and where struct seccomp_data has what they read.
_LOAD, _IF_EQUAL, _IF_GREATER, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_AT_NUMBER, _AT_MACHINE, _AT_ARGUMENTS = 0, 4, 16

_CLONE_THREAD = 0x00010000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_AF_NETLINK = 16
_Instruction = tuple[int, int, int, int]


def _numbers() -> dict[str, int]:
    """Return the numbers of this machine's system calls by their names."""
    column = _MACHINES[platform.machine()][1]
    words = iter(_NUMBERS.split())
    return {row[0]: int(row[column]) for row in zip(words, words, words, strict=True) if row[column] != "-"}


def _filter(policy: Policy) -> list[_Instruction]:
    """Return a program that decides on each system call; jumps count from the instruction behind their own."""
    numbers = _numbers()
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _AT_MACHINE),
        (_IF_EQUAL, 1, 0, _MACHINES[platform.machine()][0]),
        (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, _AT_NUMBER),
        (_IF_GREATER, 0, 1, _HIGHEST),
        (_RETURN, 0, 0, _UNKNOWN),
    ]

    def deny_if(name: str, argument: int, test: int, value: int, *, is_met: bool = True) -> None:
        if name in numbers:
            program.extend(
                (
                    (_IF_EQUAL, 0, 4, numbers[name]),
                    (_LOAD, 0, 0, _AT_ARGUMENTS + 8 * argument),  # its lower half: both machines are little-endian
                    (test, 0 if is_met else 1, 1 if is_met else 0, value),
                    (_RETURN, 0, 0, _DENY),
                    (_LOAD, 0, 0, _AT_NUMBER),
                )
            )

    deny_if("clone", 0, _IF_ANY_BIT, _CLONE_THREAD, is_met=False)
    for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):  # abort() sends itself a signal
        deny_if(name, 0, _IF_EQUAL, os.getpid(), is_met=False)
    for request in (_TIOCSTI, _TIOCLINUX):  # they type into the operator's terminal
        deny_if("ioctl", 1, _IF_EQUAL, request)
    allowed = {"clone", "kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "ioctl"}
    if not policy.is_sealed:
        for name, flags in (("open", 1), ("openat", 2)):
            deny_if(name, flags, _IF_ANY_BIT, os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        allowed |= _OPENING
    if policy.endpoints:
        deny_if("socket", 0, _IF_GREATER, _AF_NETLINK)
        allowed |= _CONNECTING
    for name, number in numbers.items():
        if name not in allowed:
            program += [
                (_IF_EQUAL, 0, 1, number),
                (_RETURN, 0, 0, _UNKNOWN if name in _NOT_IMPLEMENTED else _DENY),
            ]
    return [*program, (_RETURN, 0, 0, _SECCOMP_RET_ALLOW)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@cache
def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: Any) -> int:
    """Make a system call; -1 where it fails (``ctypes.get_errno`` tells why)."""
    return int(_library().syscall(ctypes.c_long(number), *(_word(argument) for argument in arguments)))


def _word(argument: Any) -> Any:
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def _prctl(option: int, value: int) -> None:
    if _library().prctl(option, *(ctypes.c_ulong(each) for each in (value, 0, 0, 0))):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


@cache
def _has_seccomp() -> bool:
    if sys.platform != "linux" or platform.machine() not in _MACHINES or sys.maxsize < 2**32:
        return False
    action = ctypes.c_uint32(_SECCOMP_RET_ERRNO)
    return _call(_numbers()["seccomp"], _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0


def _install_filter(program: list[_Instruction]) -> None:
    code = _Program(len(program), b"".join(struct.pack("=HBBI", *instruction) for instruction in program))
    if _call(_numbers()["seccomp"], _SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC, ctypes.byref(code)):
        raise OSError(ctypes.get_errno(), "The kernel takes no filter of system calls (seccomp)")


# ---- Landlock

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_LANDLOCK_CREATE_RULESET_VERSION, _LANDLOCK_RULE_PATH_BENEATH, _LANDLOCK_RULE_NET_PORT = 1, 1, 2
#: The version of Landlock that knows of ports, and the one that knows of signals and abstract sockets.
_LANDLOCK_NET, _LANDLOCK_SCOPED = 4, 6
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


def _ports(policy: Policy) -> set[int]:
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
def _landlock_version() -> int:
    if sys.platform != "linux":
        return 0
    return max(_call(_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION), 0)


def _restrict_by_landlock(readable: Iterable[str], ports: Iterable[int]) -> None:
    """Refuse this thread all files but reading below these paths, and all TCP but connecting to these ports."""
    version = _landlock_version()
    if not version:
        return
    files = (1 << _FILE_ACCESS[min(version, len(_FILE_ACCESS)) - 1]) - 1
    network = _BIND_TCP | _CONNECT_TCP if version >= _LANDLOCK_NET else 0
    scoped = 3 if version >= _LANDLOCK_SCOPED else 0
    attributes = struct.pack("=QQQ", files, network, scoped)
    rules = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        raise OSError(ctypes.get_errno(), "The kernel takes no rules for files (Landlock)")
    try:
        for path in readable:
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                _allow_reading(rules, path)
        for port in ports if network else ():
            _add_rule(rules, _LANDLOCK_RULE_NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port))
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if _call(_RESTRICT_SELF, rules, 0):
            raise OSError(ctypes.get_errno(), "The kernel does not apply rules for files (Landlock)")
    finally:
        os.close(rules)


def _allow_reading(rules: int, path: str) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        access = _READ_FILE | _READ_DIR if Path(path).is_dir() else _READ_FILE
        _add_rule(rules, _LANDLOCK_RULE_PATH_BENEATH, struct.pack("=Qi", access, handle))
    finally:
        os.close(handle)


def _add_rule(rules: int, kind: int, attributes: bytes) -> None:
    if _call(_ADD_RULE, rules, kind, attributes, 0):
        raise OSError(ctypes.get_errno(), "The kernel does not take a rule for files (Landlock)")
