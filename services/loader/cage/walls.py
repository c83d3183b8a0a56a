"""The walls of a cage: what a process gives up, for good, before it opens a file that anybody may have written.

Landlock (Linux 5.13) leaves it the files of one dataset and the libraries, to be read; a filter of system calls leaves
it no sockets, no other programs and no signals; limits bound its memory and what it writes. What the kernel does not
offer is left out, and named.
Source: https://docs.kernel.org/userspace-api/landlock.html, seccomp(2), capabilities(7)
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
SIGKILL = 9

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION, PATH_BENEATH = 1, 1
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights to files each version of Landlock knows."""

ALL_TCP, ALL_SCOPES = 0b11, 0b11

LIBRARIES = (sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", os.fspath(Path(__file__).parents[2]))
"""What GDAL, PROJ, Arrow and Python read while they work: code, grids, time zones."""

FILTER_MODE = 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
LOAD, EQUALS, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_AT, MACHINE_AT = 0, 4
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
REFUSED = {
    # socket, connect, bind, execve, execveat, ptrace, process_vm_readv and _writev, kill, tkill, io_uring_setup, bpf,
    # mount, unshare, setns, open_by_handle_at, keyctl, perf_event_open, userfaultfd, add_key, pidfd_send_signal; and
    # what Landlock lets through: chmod, chown, utimes and their kin, setxattr, removexattr, truncate
    "x86_64": (
        *(41, 42, 49, 59, 322, 101, 310, 311, 62, 200, 425, 321, 165, 272, 308, 304, 250, 298, 323, 248, 424),
        *(90, 91, 268, 452, 92, 93, 94, 260, 132, 235, 261, 280, 188, 189, 190, 197, 198, 199, 76),
    ),
    "aarch64": (
        *(198, 203, 200, 221, 281, 117, 270, 271, 129, 130, 425, 280, 40, 97, 268, 265, 219, 241, 282, 217, 424),
        *(52, 53, 452, 54, 55, 88, 5, 6, 7, 14, 15, 16, 45),
    ),
}
"""Numbers of system calls that no reader needs."""

OTHER_NUMBERS = 0x40000000
"""From here on are those of x32, which are the same calls once more."""

CAPABILITIES = 64
"""More than any kernel has."""

CAPABILITY_VERSION = 0x20080522
READ_ANY = 1 << 2
"""CAP_DAC_READ_SEARCH: a loader of root reads files that only their owner may read."""

WALLS = {
    "limits": "the process that reads a file may take memory without bound",
    "capabilities": "the process that reads a file keeps the rights of root",
    "landlock": "the process that reads a file can read all that the loader's user can",
    "seccomp": "the process that reads a file can open connections and start programs",
}
"""The walls, and what follows where one is missing."""

libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one dataset may take. `cpu_s`: of all its threads together."""

    memory_bytes: int
    cpu_s: int


def raise_walls(files: Iterable[Path], limits: Limits, scratch: Path | None = None) -> tuple[str, ...]:
    """Give up everything but reading some files; the names of those of WALLS that stand. There is no way back.

    scratch: a folder of the process's own, where it may write
    """
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL)
    limit(limits, writes=scratch is not None)
    walls = ["limits"]
    if drop_capabilities():
        walls.append("capabilities")
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if restrict_files(files, scratch):
        walls.append("landlock")
    if filter_calls():
        walls.append("seccomp")
    return tuple(walls)


def limit(limits: Limits, *, writes: bool) -> None:
    """Bound what the process may hold, compute and write."""
    resource.setrlimit(resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    if not writes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


def drop_capabilities() -> bool:
    """Whether the process has no capability of root from now on, nor gets one, but to read what it is given."""
    for number in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    header, held = struct.pack("=Ii", CAPABILITY_VERSION, 0), ctypes.create_string_buffer(24)
    libc.capget(header, held)
    effective = int.from_bytes(held.raw[:4], "little") & READ_ANY
    return libc.capset(header, struct.pack("=6I", effective, effective, 0, 0, 0, 0)) == 0


def restrict_files(files: Iterable[Path], scratch: Path | None) -> bool:
    """Whether the process can open nothing but these files and the libraries. False without Landlock."""
    version = libc.syscall(CREATE_RULESET, None, 0, VERSION)
    if version < 1:
        return False
    rights = (1 << FILE_RIGHTS.get(version, 16)) - 1
    attributes = struct.pack("=QQQ", rights, ALL_TCP, ALL_SCOPES)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    rules = libc.syscall(CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    for path in LIBRARIES:
        allow(rules, path, EXECUTE | READ_FILE | READ_DIR)
    for file in files:
        allow(rules, os.fspath(file), READ_FILE | READ_DIR if file.is_dir() else READ_FILE)
    if scratch is not None:
        allow(rules, os.fspath(scratch), rights & ~EXECUTE)
    stands = libc.syscall(RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return stands


def allow(rules: int, path: str, rights: int) -> None:
    """Let a path be used, and what lies below it. One that is not there is left out."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    libc.syscall(ADD_RULE, rules, PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    os.close(descriptor)


def filter_calls() -> bool:
    """Whether system calls that no reader needs fail from now on. False on a machine whose numbers are not known."""
    machine = platform.machine()
    if machine not in MACHINES:
        return False
    numbers = REFUSED[machine]
    steps = [(LOAD, 0, 0, MACHINE_AT), (EQUALS, 1, 0, MACHINES[machine]), (RETURN, 0, 0, REFUSE)]
    steps += [(LOAD, 0, 0, NUMBER_AT), (AT_LEAST, len(numbers) + 1, 0, OTHER_NUMBERS)]
    steps += [(EQUALS, len(numbers) - place, 0, number) for place, number in enumerate(numbers)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(program)
    pointer = struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(held))
    return libc.prctl(PR_SET_SECCOMP, FILTER_MODE, pointer, 0, 0) == 0
