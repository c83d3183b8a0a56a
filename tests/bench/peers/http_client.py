"""A client over HTTP that keeps its connection and opens another when the server has closed it."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

WAIT_S = 600


class Refused(Exception):
    """The server answered with an error."""


class HttpClient:
    """GET over one connection."""

    def __init__(self, url: str):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=WAIT_S)

    def get(self, path: str, encoding: str = "identity") -> bytes:
        """The body, not decompressed. Raises: Refused"""
        try:
            return self.once(path, encoding)
        except (ConnectionError, http.client.HTTPException):
            self.connection.close()
            return self.once(path, encoding)

    def once(self, path: str, encoding: str) -> bytes:
        """One try."""
        self.connection.request("GET", path, headers={"Accept-Encoding": encoding})
        response = self.connection.getresponse()
        body = response.read()
        if response.status not in (200, 204):
            raise Refused(f"{response.status} for {path}: {body[:300]!r}")
        return body

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
