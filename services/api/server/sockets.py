"""The connections of clients that this process has accepted, and what Linux knows of them.

The server tells nobody when a client leaves before its answer, but it closes the connection at once: what is not among
the open files any more was left. Nothing here opens or closes anything, so the server never notices.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TCP_INFO = struct.Struct("=44x I 4x I 96x II")
"""Of struct tcp_info, linux/tcp.h: tcpi_last_data_sent and tcpi_last_data_recv in milliseconds, tcpi_data_segs_in and
tcpi_data_segs_out.
"""

READ_S = 0.005
"""A look at a connection that took longer was interrupted, and tells no times."""

NAME_BYTES = 128

libc = ctypes.PyDLL(None)
"""Holds on to the interpreter's lock: the calls take a microsecond, and to get it back may take milliseconds."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over a connection of TCP: when data came and were sent the last time, by time.monotonic, with an error
    of a tick or two, and in how many segments.
    """

    received_s: float
    sent_s: float
    segments_in: int
    segments_out: int

    @property
    def is_answered(self) -> bool:
        """Whether what came last was answered, at least in part. Within one tick nobody can tell."""
        return self.sent_s > self.received_s

    @property
    def may_be_answered(self) -> bool:
        """Whether the last data came and went within one tick."""
        return self.segments_out > 0 and self.sent_s == self.received_s


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection. `id`: of the socket, never used again. `traffic` None: nothing is known, as of unix sockets."""

    id: int
    traffic: Traffic | None


def open_connections() -> list[OpenConnection] | None:
    """Those that were accepted where this process listens; None when it listens nowhere, or cannot look."""
    try:
        found = {descriptor: name for descriptor in descriptors() if (name := local_name(descriptor))}
    except OSError:
        return None
    where = {name for descriptor, name in found.items() if is_listening(descriptor)}
    if not where:
        return None
    accepted = [descriptor for descriptor, name in found.items() if name in where and not is_listening(descriptor)]
    looked = (look(descriptor) for descriptor in accepted)
    return [connection for connection in looked if connection is not None]


def descriptors() -> Iterator[int]:
    """The open files of this process. Raises: OSError"""
    return (int(path.name) for path in Path("/proc/self/fd").iterdir())


def local_name(descriptor: int) -> bytes | None:
    """Family, and port or path, of a socket that has them; None for another file, or one that was closed just now."""
    address, size = ctypes.create_string_buffer(NAME_BYTES), ctypes.c_uint32(NAME_BYTES)
    if libc.getsockname(descriptor, address, ctypes.byref(size)) != 0:
        return None
    family = int.from_bytes(address.raw[:2], "little")
    if family in (socket.AF_INET, socket.AF_INET6):
        return b"port" + address.raw[2:4]
    path = address.raw[2 : min(size.value, NAME_BYTES)]
    return b"path" + path if family == socket.AF_UNIX and path else None


def is_listening(descriptor: int) -> bool:
    """Whether a socket waits for connections."""
    return int.from_bytes(option(descriptor, socket.SOL_SOCKET, socket.SO_ACCEPTCONN, 4) or b"", "little") != 0


def look(descriptor: int) -> OpenConnection | None:
    """What is known of a connection; None when it was closed meanwhile."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    if not stat.S_ISSOCK(status.st_mode):
        return None
    began_s = time.monotonic()
    info = option(descriptor, socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO.size)
    is_known = info is not None and len(info) == TCP_INFO.size and time.monotonic() - began_s < READ_S
    return OpenConnection(status.st_ino, traffic_of(info, began_s) if info and is_known else None)


def traffic_of(info: bytes, now_s: float) -> Traffic:
    """What struct tcp_info says at a time."""
    sent_ms, received_ms, segments_in, segments_out = TCP_INFO.unpack(info)
    return Traffic(now_s - received_ms / 1000, now_s - sent_ms / 1000, segments_in, segments_out)


def option(descriptor: int, level: int, name: int, most: int) -> bytes | None:
    """An option of a socket, as long as Linux gives it; None when it has no such option."""
    value, size = ctypes.create_string_buffer(most), ctypes.c_uint32(most)
    if libc.getsockopt(descriptor, level, name, value, ctypes.byref(size)) != 0:
        return None
    return value.raw[: size.value]
