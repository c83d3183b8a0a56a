"""Waits until the API serves collections, and their number rests; prints how many, and how an address names the first.

usage: first_look.py LISTEN SECONDS

LISTEN is the API's listen setting (`127.0.0.1:8080` or `unix:/path`). Prints `COUNT NAME`, or `0` when there was none
within SECONDS. A large file may still be loading afterwards. Standard library only: in Docker's modes the host
has no Python environment of ours.
"""

import http.client
import json
import socket
import sys
import time
from urllib.parse import quote

RESTS_S = 1.5
"""Longer than a worker takes to notice a new collection, and than most files take to load."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self) -> None:
        """Open the socket. Raises: OSError when nobody listens."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


def connection(listen: str) -> http.client.HTTPConnection:
    """A client for the API's listen setting, not yet connected."""
    if listen.startswith("unix:"):
        return UnixConnection(listen.removeprefix("unix:"))
    host, _, port = listen.rpartition(":")
    return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=5)


def collection_names(listen: str) -> list[str]:
    """Names of the served collections; empty when the API does not answer 200, or not to the end."""
    client = connection(listen)
    try:
        client.request("GET", "/collections?f=json", headers={"Accept": "application/json"})
        answer = client.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return []
    finally:
        client.close()
    return [str(entry["id"]) for entry in json.loads(body)["collections"]] if answer.status == 200 else []


def main(listen: str, seconds: float) -> int:
    """Ask until the answer has not changed for a while, or the time is over."""
    deadline = time.monotonic() + seconds
    names, seen_at = collection_names(listen), time.monotonic()
    while time.monotonic() < deadline and not (names and time.monotonic() - seen_at > RESTS_S):
        time.sleep(0.3)
        now = collection_names(listen)
        if now != names:
            names, seen_at = now, time.monotonic()
    sys.stdout.write(" ".join([str(len(names)), *map(quote, names[:1])]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
