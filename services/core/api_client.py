"""The API over HTTP: by a port, a URL or a unix socket, so that one way holds in every network mode.

Tiles come from the API and not from the database: these are the very bytes that clients get, made once for all by its
builders, and kept by its cache.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from core.errors import IsthmusError, error_of

TIMEOUT_S = 120.0
"""Longer than a statement may take, and the wait for a connection before it."""

ATTEMPTS = 6
LONGEST_PAUSE_S = 5.0
BUSY = (429, 503)
HINTS = {414: "what is asked for is too long: a shorter filter may do"}
"""What to do about answers that the server gives before it asks ours."""

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - what a server listens on is no address to connect to


class ApiUnavailable(IsthmusError):
    """The API does not answer."""

    code = "api-unavailable"


class BadAddress(ApiUnavailable):
    """The API cannot be at such an address."""

    code = "api-address-invalid"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, its body as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Connect. Raises: OSError"""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


class Client:
    """Requests to one API. Safe for threads. Connections stay open for the next request, until `close`."""

    def __init__(self, address: str) -> None:
        """`address`: host:port, an http(s) URL, or unix:/path. Nothing is opened yet. Raises: BadAddress"""
        self.address = address
        self._url = None if address.startswith("unix:") else parse_address(address)
        self._idle: list[http.client.HTTPConnection] = []

    def get(self, *segments: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> Answer:
        """The answer to GET of a path; while the API is busy it is asked again.

        Raises: ApiUnavailable, and for a status from 400 the error that the problem document tells
        """
        target = self._target(segments, query)
        answer, attempt = self._once(target, accept), 1
        while answer.status in BUSY and attempt < ATTEMPTS:
            time.sleep(pause_s(answer, attempt))
            answer, attempt = self._once(target, accept), attempt + 1
        if answer.status >= 400:
            raise problem(answer, target)
        return answer

    def close(self) -> None:
        """Close what is open."""
        while self._idle:
            self._idle.pop().close()

    def _target(self, segments: tuple[str, ...], query: Mapping[str, str] | None) -> str:
        base = self._url.path.rstrip("/") if self._url else ""
        path = "/".join(quote(segment, safe="", errors="surrogateescape") for segment in segments)
        return f"{base}/{path}" + (f"?{urlencode(query, errors='surrogateescape')}" if query else "")

    def _once(self, target: str, accept: str) -> Answer:
        """One request; a second time when the server closed the connection that was kept open."""
        try:
            with suppress(http.client.HTTPException, OSError, IndexError):
                return self._send(self._idle.pop(), target, accept)
            return self._send(self._connect(), target, accept)
        except (http.client.HTTPException, OSError) as error:
            hint = "does the stack run? ./scripts/up starts it; --api or ISTHMUS_API says where it is"
            raise ApiUnavailable(f"the API at {self.address} does not answer: {error}", hint=hint) from error

    def _send(self, connection: http.client.HTTPConnection, target: str, accept: str) -> Answer:
        headers = {"Accept": accept, "Accept-Encoding": "gzip" if accept != "application/json" else "identity"}
        try:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, named, response.read())
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        if self._url is None:
            return SocketConnection(self.address.removeprefix("unix:"))
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        host = self._url.hostname or "127.0.0.1"
        return kind("127.0.0.1" if host in ANY_ADDRESS else host, self._url.port, timeout=TIMEOUT_S)


def parse_address(address: str) -> SplitResult:
    """The parts of host:port or of a URL. Raises: BadAddress"""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        if parts.scheme in ("", "http", "https") and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise BadAddress(f"the API cannot be at '{address}'", hint="it takes host:port, a URL or unix:/path")


def pause_s(answer: Answer, attempt: int) -> float:
    """How long to leave a busy API alone."""
    told = answer.headers.get("retry-after", "")
    return min(float(told) if told.isdecimal() else 0.25 * 2**attempt, LONGEST_PAUSE_S)


def problem(answer: Answer, target: str) -> IsthmusError:
    """The error that a problem document tells."""
    try:
        told = answer.document
        return error_of(told["code"], told["detail"], hint=told.get("hint"), parameter=told.get("parameter"))
    except (ValueError, KeyError, TypeError):
        path = target.partition("?")[0]
        return IsthmusError(f"the API answered {path} with status {answer.status}", hint=HINTS.get(answer.status))
