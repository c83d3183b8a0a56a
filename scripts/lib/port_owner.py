"""Tells whether a TCP port can be listened on, and if not, which process has it.

usage: port_owner.py ADDRESS PORT

Exit 0 and nothing printed: free. Exit 1: taken; prints `PID NAME` (or `0 unknown` when the process belongs
to another user). Exit 2: the address or the port cannot be used at all; prints the system's reason.
It lives outside services/ because it must run before there is any environment: standard library only.
"""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

LISTEN = "0A"  # st column of /proc/net/tcp


def bind_error(address: str, port: int) -> OSError | None:
    """None when binding works. SO_REUSEADDR as servers set it, so TIME_WAIT does not count as taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
            probe.listen(1)
    except OSError as error:
        return error
    return None


def parse_address(text: str) -> IPv4Address | IPv6Address:
    """An address as /proc/net/tcp writes it: words of four bytes in the machine's order, in hexadecimal."""
    words = [int(text[start : start + 8], 16).to_bytes(4, sys.byteorder) for start in range(0, len(text), 8)]
    return ip_address(b"".join(words))


def in_the_way(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> bool:
    """Whether listening on one address keeps others from the same port of the other."""
    return one == other or one.is_unspecified or other.is_unspecified


def listening_inodes(address: str, port: int) -> set[str]:
    """Socket inodes that listen on this port and keep us from this address."""
    wanted = ip_address(socket.getaddrinfo(address, port)[0][4][0])
    inodes: set[str] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            columns = line.split()
            host, _, number = columns[1].rpartition(":")
            if columns[3] == LISTEN and int(number, 16) == port and in_the_way(parse_address(host), wanted):
                inodes.add(columns[9])
    return inodes


def open_sockets(process: Path) -> Iterator[str]:
    """Socket inodes that a process has open; none for a process of another user or one that has ended."""
    descriptors: list[Path] = []
    with suppress(OSError):
        descriptors += (process / "fd").iterdir()
    for descriptor in descriptors:
        with suppress(OSError):  # closed since
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]


def name_of(process: Path) -> str:
    """What the system calls a process; `ended` when it ended just now."""
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "ended"


def owner(address: str, port: int) -> str:
    """`PID NAME` of the first process that listens on the port in our way, or `0 unknown`."""
    inodes = listening_inodes(address, port)
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        if not inodes.isdisjoint(open_sockets(process)):
            return f"{process.name} {name_of(process)}"
    return "0 unknown"


def main(address: str, port: int) -> int:
    """The exit code; see the top of this file."""
    error = bind_error(address, port)
    if error is None:
        return 0
    if error.errno != errno.EADDRINUSE:
        sys.stdout.write(f"{error.strerror}\n")
        return 2
    sys.stdout.write(f"{owner(address, port)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
