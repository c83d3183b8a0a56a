"""HTTP to the API: by a port, a URL or a unix socket, so that one client holds in every network mode.

`fetch` is one request; `Client` keeps connections, waits for a busy API, and raises the errors of problem documents.
Standard library only: health checks and scripts without our environment import it too.

Tiles come from the API and not from the database: these are the very bytes that clients get, made once for all by its
builders, and kept by its cache.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any, NamedTuple
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


class Response(NamedTuple):
    """A response, its body as it was sent. Names of headers are small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON. Raises: ValueError"""
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect. Raises: OSError"""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connection(address: str, timeout_s: float = TIMEOUT_S) -> http.client.HTTPConnection:
    """A connection that is not open yet, to `host:port`, an http(s) URL or `unix:/path`. Raises: BadAddress

    No proxy of the environment is asked.
    """
    if address.startswith("unix:"):
        return UnixConnection(address.removeprefix("unix:"), timeout_s)
    url = parse_url(address)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    host = url.hostname or "127.0.0.1"
    return kind("127.0.0.1" if host in ANY_ADDRESS else host, url.port, timeout=timeout_s)


def parse_url(address: str) -> SplitResult:
    """The parts of a URL or of host:port, where `::1:8080` is [::1]:8080. Raises: BadAddress"""
    host, _, port = address.rpartition(":")
    bare = f"//[{host}]:{port}" if ":" in host and "[" not in host else f"//{address}"
    try:
        parts = urlsplit(address if "//" in address else bare)
        if parts.scheme in ("", "http", "https") and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise BadAddress(f"the API cannot be at '{address}'", hint="it takes host:port, a URL or unix:/path")


def fetch(
    address: str, target: str, *, timeout_s: float, host: str | None = None, most_bytes: int | None = None
) -> Response:
    """The response to one GET of JSON, over a connection of its own. Raises: BadAddress, OSError, HTTPException"""
    headers = {"Accept": "application/json", **({"Host": host} if host else {})}
    with closing(connection(address, timeout_s)) as opened:
        return exchange(opened, target, headers, most_bytes)


def exchange(
    opened: http.client.HTTPConnection, target: str, headers: Mapping[str, str], most_bytes: int | None = None
) -> Response:
    """The response to GET, read to its end or as far as wanted. Raises: OSError, HTTPException"""
    opened.request("GET", target, headers=dict(headers))
    response = opened.getresponse()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Response(response.status, named, response.read(most_bytes))


class Client:
    """Requests to one API. Safe for threads. Connections stay open for the next request, until `close`."""

    def __init__(self, address: str) -> None:
        """`address`: host:port, an http(s) URL, or unix:/path. Nothing is opened yet. Raises: BadAddress"""
        self.address = address
        self._base = "" if address.startswith("unix:") else parse_url(address).path.rstrip("/")
        self._idle: list[http.client.HTTPConnection] = []

    def get(self, *segments: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> Response:
        """The response to GET of a path; while the API is busy the request is sent again.

        Raises: ApiUnavailable, and for a status from 400 the error that the problem document names
        """
        target = self._target(segments, query)
        response, attempt = self._once(target, accept), 1
        while response.status in BUSY and attempt < ATTEMPTS:
            time.sleep(pause_s(response, attempt))
            response, attempt = self._once(target, accept), attempt + 1
        if response.status >= 400:
            raise problem(response, target)
        return response

    def close(self) -> None:
        """Close what is open."""
        while self._idle:
            self._idle.pop().close()

    def _target(self, segments: tuple[str, ...], query: Mapping[str, str] | None) -> str:
        path = "/".join(quote(segment, safe="", errors="surrogateescape") for segment in segments)
        return f"{self._base}/{path}" + (f"?{urlencode(query, errors='surrogateescape')}" if query else "")

    def _once(self, target: str, accept: str) -> Response:
        """One request; a second time when the server closed the connection that was kept open."""
        try:
            with suppress(http.client.HTTPException, OSError, IndexError):
                return self._send(self._idle.pop(), target, accept)
            return self._send(connection(self.address), target, accept)
        except (http.client.HTTPException, OSError) as error:
            hint = "does the stack run? ./scripts/up starts it; --api or ISTHMUS_API says where it is"
            raise ApiUnavailable(f"the API at {self.address} does not answer: {error}", hint=hint) from error

    def _send(self, opened: http.client.HTTPConnection, target: str, accept: str) -> Response:
        headers = {"Accept": accept, "Accept-Encoding": "gzip" if accept != "application/json" else "identity"}
        try:
            response = exchange(opened, target, headers)
        except BaseException:
            opened.close()
            raise
        self._idle.append(opened)
        return response


def pause_s(response: Response, attempt: int) -> float:
    """How long to leave a busy API alone."""
    told = response.headers.get("retry-after", "")
    return min(float(told) if told.isdecimal() else 0.25 * 2**attempt, LONGEST_PAUSE_S)


def problem(response: Response, target: str) -> IsthmusError:
    """The error that a problem document tells."""
    try:
        told = response.document
        return error_of(told["code"], told["detail"], hint=told.get("hint"), parameter=told.get("parameter"))
    except (ValueError, KeyError, TypeError):
        path = target.partition("?")[0]
        return IsthmusError(f"the API answered {path} with status {response.status}", hint=HINTS.get(response.status))
