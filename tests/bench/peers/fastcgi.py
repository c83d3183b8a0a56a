"""A client of FastCGI that speaks to the server's process itself, so that no web server's CPU is counted.

Source: FastCGI specification, version 1: records of 8 bytes and their content, a connection for each request.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from bench.peers.http_client import WAIT_S, Refused

HEADER = struct.Struct(">BBHHBx")
BEGIN, PARAMS, STDIN, STDOUT = 1, 4, 5, 6
END = 3
RESPONDER = struct.pack(">HB5x", 1, 0)


class FastCgiClient:
    """GET as a web server would pass it on. `script`: the address at which it would have the program."""

    def __init__(self, path: Path, script: str):
        self.path, self.script = path, script

    def get(self, path: str, encoding: str = "identity") -> bytes:
        """The body. Raises: Refused"""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(WAIT_S)
            connection.connect(str(self.path))
            connection.sendall(request(self.params(path)))
            answer = b"".join(records(connection))
        status, body = parse(answer)
        if status not in (200, 204):
            raise Refused(f"{status} for {path}: {body[:300]!r}")
        return body

    def params(self, path: str) -> dict[str, str]:
        """The variables of a request."""
        below, _, query = path.removeprefix(self.script).partition("?")
        return {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": self.script,
            "PATH_INFO": below,
            "QUERY_STRING": query,
            "REQUEST_URI": f"{self.script}{below}?{query}",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "HTTP_HOST": "127.0.0.1",
        }

    def close(self) -> None:
        """Nothing is kept."""


def parse(answer: bytes) -> tuple[int, bytes]:
    """Status and body. Lines of the head end as the program likes, and 200 is not always said."""
    end = re.search(rb"\r?\n\r?\n", answer)
    head, body = (answer[: end.start()], answer[end.end() :]) if end else (answer, b"")
    said = re.search(rb"(?im)^status: *(\d+)", head)
    return (int(said[1]) if said else 200), body


def request(params: dict[str, str]) -> bytes:
    """The records of a request without a body."""
    pairs = b"".join(pair(name.encode(), value.encode()) for name, value in params.items())
    return record(BEGIN, RESPONDER) + record(PARAMS, pairs) + record(PARAMS, b"") + record(STDIN, b"")


def record(kind: int, content: bytes) -> bytes:
    """One record."""
    return HEADER.pack(1, kind, 1, len(content), 0) + content


def pair(name: bytes, value: bytes) -> bytes:
    """A variable: both lengths, in one byte or in four with the highest bit set, then both texts."""
    sizes = (
        bytes([len(text)]) if len(text) < 128 else struct.pack(">I", len(text) | 1 << 31) for text in (name, value)
    )
    return b"".join(sizes) + name + value


def records(connection: socket.socket) -> Iterator[bytes]:
    """What the program writes to its standard output, until it ends the request."""
    with connection.makefile("rb") as stream:
        while head := stream.read(HEADER.size):
            _, kind, _, size, padding = HEADER.unpack(head)
            content = stream.read(size + padding)[:size]
            if kind == END:
                return
            if kind == STDOUT:
                yield content
