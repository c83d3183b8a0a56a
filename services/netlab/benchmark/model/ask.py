"""One question to the API, for choosing what to measure. Not for measuring."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

from netlab.benchmark.model.errors import ApiAway

TIMEOUT_S = 30


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        """Not yet connected."""
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Open the socket. Raises: OSError when nobody listens"""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


def connection(address: str) -> http.client.HTTPConnection:
    """A client for `host:port` or `unix:/path`, not yet connected."""
    if address.startswith("unix:"):
        return UnixConnection(address.removeprefix("unix:"))
    host, _, port = address.rpartition(":")
    return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)


def ask(address: str, path: str) -> tuple[int, bytes]:
    """(status, body as it was sent). Raises: ApiAway"""
    client = connection(address)
    try:
        client.request("GET", path, headers={"Accept": "*/*", "Accept-Encoding": "gzip"})
        answer = client.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ApiAway(f"the API at {address} does not answer: {error}", hint="./scripts/isthmus net show") from error
    finally:
        client.close()


def ask_json(address: str, path: str) -> Any:
    """The JSON of an answer of status 200. Raises: ApiAway"""
    client = connection(address)
    try:
        client.request("GET", path, headers={"Accept": "application/json"})
        answer = client.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ApiAway(f"the API at {address} answers {path} with status {answer.status}")
        return json.loads(body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ApiAway(f"the API at {address} does not answer {path}: {error}") from error
    finally:
        client.close()
